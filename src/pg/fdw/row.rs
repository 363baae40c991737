//! Rows of a face as a writer gives them, and rows put into slots.
//!
//! Invariant: a row that outlives the slot's next one is a copy. Bulk loads read rows where they lie.

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;

use super::columns::{Asked, Columns};
use super::tuple::{self, Column, StateRow};
use super::typed::Form;
use crate::engine::State;
use crate::pg::error::raise;
use crate::pg::write::{self, Entity};

/// A row as it was given, its bytes copied or (`Row<&[u8]>`) where they lie; `None` is NULL or a column that the face does
/// not have.
#[derive(Clone, Debug)]
pub struct Row<B = Vec<u8>> {
    /// The id.
    pub id: Option<B>,
    /// The tags, in the order and with the repeats that were given.
    pub tags: Option<Vec<B>>,
    /// The tags that the tag columns ask for.
    pub asked: Asked<B>,
    /// The content.
    pub content: Option<B>,
    /// When it began (state).
    pub created_at: Option<i64>,
    /// The same in ns (state).
    pub created_at_ns: Option<i64>,
    /// When it changed (state).
    pub updated_at: Option<i64>,
    /// The same in ns (state).
    pub updated_at_ns: Option<i64>,
    /// Valid time (event).
    pub ts: Option<i64>,
    /// The same in ns (event).
    pub ts_ns: Option<i64>,
    /// The operation's name (event).
    pub op: Option<B>,
    /// The tag (event).
    pub tag: Option<B>,
    /// System time as people see it (event).
    pub recorded_at: Option<i64>,
    /// Whether a column was given that only the database assigns (event).
    pub assigned: bool,
}

impl Row {
    /// About how much memory the row holds.
    pub fn bytes(&self) -> usize {
        let one = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let tags = self.tags.iter().flatten().map(|tag| tag.len() + size_of::<Vec<u8>>()).sum::<usize>();
        let asked = self.asked.iter().flatten().flatten().map(|tag| tag.len() + size_of::<Vec<u8>>()).sum::<usize>();
        size_of::<Self>() + one(&self.id) + one(&self.content) + one(&self.op) + one(&self.tag) + tags + asked
    }

    /// Copies a slot's row.
    ///
    /// # Safety
    /// `slot` must hold a row of the face that `columns` are of.
    pub unsafe fn read(columns: &Columns, slot: *mut pg_sys::TupleTableSlot) -> Self {
        // SAFETY: the caller's promise is passed on; the bytes are copied before the slot changes.
        unsafe { Row::borrow(columns, slot) }.map(|bytes| bytes.to_vec())
    }

    /// Copies an old row and the new one. Of contents only a new one is copied: where both are the same, both are left out, and
    /// an old one that is replaced is left out or, where there is none any more, empty.
    ///
    /// # Safety
    /// Both slots must hold rows of the face that `columns` are of.
    pub unsafe fn read_change(
        columns: &Columns,
        old: *mut pg_sys::TupleTableSlot,
        new: *mut pg_sys::TupleTableSlot,
    ) -> (Self, Self) {
        // SAFETY: the caller's promise is passed on; the bytes are copied before the slots change.
        let (mut old, mut new) = unsafe { (Row::borrow(columns, old), Row::borrow(columns, new)) };
        let is_same = old.content == new.content;
        old.content = if is_same || new.content.is_some() { None } else { Some(&[]) };
        new.content = new.content.filter(|_| !is_same);
        (old.map(|bytes| bytes.to_vec()), new.map(|bytes| bytes.to_vec()))
    }

    /// The row where its copy lies.
    pub fn as_slices(&self) -> Row<&[u8]> {
        self.map(Vec::as_slice)
    }
}

impl<B> Row<B> {
    /// The row with its bytes in another form.
    fn map<'a, C>(&'a self, form: impl Fn(&'a B) -> C) -> Row<C> {
        Row {
            id: self.id.as_ref().map(&form),
            tags: self.tags.as_ref().map(|tags| tags.iter().map(&form).collect()),
            asked: self.asked.iter().map(|asked| asked.as_ref().map(|tags| tags.iter().map(&form).collect())).collect(),
            content: self.content.as_ref().map(&form),
            created_at: self.created_at,
            created_at_ns: self.created_at_ns,
            updated_at: self.updated_at,
            updated_at_ns: self.updated_at_ns,
            ts: self.ts,
            ts_ns: self.ts_ns,
            op: self.op.as_ref().map(&form),
            tag: self.tag.as_ref().map(&form),
            recorded_at: self.recorded_at,
            assigned: self.assigned,
        }
    }
}

impl Row<&[u8]> {
    /// A copy of the row.
    pub fn copied(&self) -> Row {
        self.map(|bytes| bytes.to_vec())
    }

    /// A slot's row, where its bytes lie or, if they are compressed or stored elsewhere, in the current memory context.
    ///
    /// # Safety
    /// `slot` must hold a row of the face that `columns` are of, and keep it, and the context its memory, throughout `'a`.
    pub unsafe fn borrow(columns: &Columns, slot: *mut pg_sys::TupleTableSlot) -> Self {
        let mut row = Row {
            id: None,
            tags: None,
            asked: vec![None; columns.tagged.len()],
            content: None,
            created_at: None,
            created_at_ns: None,
            updated_at: None,
            updated_at_ns: None,
            ts: None,
            ts_ns: None,
            op: None,
            tag: None,
            recorded_at: None,
            assigned: false,
        };
        // SAFETY: the slot has one value a column, of the type that `columns_of` checked.
        unsafe {
            pg_sys::slot_getallattrs(slot);
            for (i, column) in columns.iter().enumerate() {
                if *(*slot).tts_isnull.add(i) {
                    continue;
                }
                let datum = *(*slot).tts_values.add(i);
                let number = Some(datum.value() as i64);
                match column {
                    Column::Id => row.id = Some(columns.id.bytes(datum)),
                    Column::Tags => row.tags = Some(texts(datum)),
                    Column::Content => row.content = Some(columns.content.bytes(datum)),
                    Column::CreatedAt => row.created_at = number,
                    Column::CreatedAtNs => row.created_at_ns = number,
                    Column::UpdatedAt => row.updated_at = number,
                    Column::UpdatedAtNs => row.updated_at_ns = number,
                    Column::Ts => row.ts = number,
                    Column::TsNs => row.ts_ns = number,
                    Column::Op => row.op = Some(Form::Text.bytes(datum)),
                    Column::Tag => row.tag = Some(Form::Text.bytes(datum)),
                    Column::Tagged(n) => row.asked[*n] = Some(columns.tagged[*n].tags(datum)),
                    Column::RecordedAt => (row.recorded_at, row.assigned) = (number, true),
                    Column::Tx | Column::Seq => row.assigned = true,
                    Column::Version
                    | Column::ValidFrom
                    | Column::ValidFromNs
                    | Column::ValidTo
                    | Column::ValidToNs
                    | Column::Dropped => {}
                }
            }
        }
        row
    }
}

/// The elements of a text[] datum, where they lie or in the current memory context; 23502 for a NULL among them.
unsafe fn texts<'a>(datum: pg_sys::Datum) -> Vec<&'a [u8]> {
    // SAFETY: the caller passes a text[]. A plain array has its header, lengths and lower bounds of the dimensions, a
    // bitmap of the elements that are not NULL if there is an offset to its data, then the elements, each a text that
    // begins at a multiple of four bytes: what deconstruct_array reads, without its copies.
    unsafe {
        let array: *mut pg_sys::ArrayType = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let lengths = array.add(1).cast::<i32>();
        let dimensions = (*array).ndim;
        let count = pg_sys::ArrayGetNItems(dimensions, lengths) as usize;
        let offset = (*array).dataoffset as usize;
        let start = array.cast::<u8>();
        let mut element = if offset == 0 {
            start.add((size_of::<pg_sys::ArrayType>() + 8 * dimensions as usize).next_multiple_of(8))
        } else {
            let bitmap = lengths.add(2 * dimensions as usize).cast::<u8>();
            if (0..count).any(|n| *bitmap.add(n / 8) >> (n % 8) & 1 == 0) {
                raise(Code::ERRCODE_NOT_NULL_VIOLATION, "tags must not contain nulls", None);
            }
            start.add(offset)
        };
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            let text = element.cast::<pg_sys::varlena>();
            all.push(pgrx::varlena_to_byte_slice(text));
            element = element.add(pgrx::varlena::varsize_any(text).next_multiple_of(4));
        }
        all
    }
}

/// The id in the plan's junk column.
///
/// # Safety
/// `slot` must hold a row of the plan that has this attribute.
pub unsafe fn junk_id(columns: &Columns, slot: *mut pg_sys::TupleTableSlot, attribute: pg_sys::AttrNumber) -> Vec<u8> {
    let mut null = false;
    // SAFETY: the attribute was found in the plan's target list and is the face's id.
    unsafe {
        let datum = pg_sys::slot_getattr(slot, attribute.into(), &mut null);
        if null {
            write::null_not_allowed("id");
        }
        columns.id.bytes(datum).to_vec()
    }
}

/// Whether there is no row.
///
/// # Safety
/// `slot` must be null or a slot.
pub unsafe fn empty(slot: *mut pg_sys::TupleTableSlot) -> bool {
    // SAFETY: a slot's flags say whether it is empty.
    unsafe { slot.is_null() || (*slot).tts_flags & pg_sys::TTS_FLAG_EMPTY as u16 != 0 }
}

/// Puts the entity's state into a slot, which holds its own copy.
///
/// # Safety
/// `slot` must be of the row type of `face`, which `columns` are of.
pub unsafe fn store(
    columns: &Columns,
    face: pg_sys::Oid,
    entity: &Entity,
    state: &State,
    slot: *mut pg_sys::TupleTableSlot,
) {
    let content = entity.content(state);
    let row = StateRow {
        ordinal: entity.ordinal.unwrap_or_default(),
        id: &entity.id,
        state: Some(state),
        content: content.as_deref(),
        datum: None,
        name: &|| columns.named(|| entity.id.clone()),
    };
    // SAFETY: the tuple is made of the slot's descriptor in the slot's memory, and the slot frees it.
    unsafe {
        let before = pg_sys::MemoryContextSwitchTo((*slot).tts_mcxt);
        let formed = tuple::form_state((*slot).tts_tupleDescriptor, face, columns, &|_| true, &row);
        pg_sys::ExecForceStoreHeapTuple(formed, slot, true);
        pg_sys::MemoryContextSwitchTo(before);
    }
}

/// Runs `f` in the memory context that PostgreSQL resets before the next row.
///
/// # Safety
/// `estate` must be the running statement's.
pub unsafe fn per_tuple<T>(estate: *mut pg_sys::EState, f: impl FnOnce() -> T) -> T {
    // SAFETY: the context is made on first use, as GetPerTupleExprContext does.
    unsafe {
        let mut context = (*estate).es_per_tuple_exprcontext;
        if context.is_null() {
            context = pg_sys::MakePerTupleExprContext(estate);
        }
        let before = pg_sys::MemoryContextSwitchTo((*context).ecxt_per_tuple_memory);
        let result = f();
        pg_sys::MemoryContextSwitchTo(before);
        result
    }
}
