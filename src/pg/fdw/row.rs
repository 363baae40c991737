//! Rows of a face as a writer gives them, and rows put into slots.
//!
//! Invariant: what is read from a slot is copied, so that it outlives the slot's next row.

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;

use super::tuple::{self, Column, StateRow};
use crate::engine::State;
use crate::pg::error::raise;
use crate::pg::write::{self, Entity};

/// A row as it was given; `None` is NULL or a column that the face does not have.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The id.
    pub id: Option<Vec<u8>>,
    /// The tags, in the order and with the repeats that were given.
    pub tags: Option<Vec<Vec<u8>>>,
    /// The content.
    pub content: Option<Vec<u8>>,
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
    pub op: Option<Vec<u8>>,
    /// The tag (event).
    pub tag: Option<Vec<u8>>,
    /// Whether a column was given that only the database assigns (event).
    pub assigned: bool,
}

impl Row {
    /// About how much memory the row holds.
    pub fn bytes(&self) -> usize {
        let one = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let tags = self.tags.iter().flatten().map(|tag| tag.len() + size_of::<Vec<u8>>()).sum::<usize>();
        size_of::<Self>() + one(&self.id) + one(&self.content) + one(&self.op) + one(&self.tag) + tags
    }

    /// Reads a slot's row.
    ///
    /// # Safety
    /// `slot` must hold a row of the face that `columns` are of.
    pub unsafe fn read(columns: &[Column], slot: *mut pg_sys::TupleTableSlot) -> Self {
        let mut row = Row::default();
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
                    Column::Id => row.id = Some(bytes(datum)),
                    Column::Tags => row.tags = Some(texts(datum)),
                    Column::Content => row.content = Some(bytes(datum)),
                    Column::CreatedAt => row.created_at = number,
                    Column::CreatedAtNs => row.created_at_ns = number,
                    Column::UpdatedAt => row.updated_at = number,
                    Column::UpdatedAtNs => row.updated_at_ns = number,
                    Column::Ts => row.ts = number,
                    Column::TsNs => row.ts_ns = number,
                    Column::Op => row.op = Some(bytes(datum)),
                    Column::Tag => row.tag = Some(bytes(datum)),
                    Column::RecordedAt | Column::Tx | Column::Seq => row.assigned = true,
                    Column::Version | Column::Dropped => {}
                }
            }
        }
        row
    }
}

/// The bytes of a text or bytea datum.
unsafe fn bytes(datum: pg_sys::Datum) -> Vec<u8> {
    // SAFETY: the caller passes a varlena; a detoasted copy is freed with the memory context of the row.
    unsafe { pgrx::varlena_to_byte_slice(pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr())).to_vec() }
}

/// The elements of a text[] datum; 23502 for a NULL among them.
unsafe fn texts(datum: pg_sys::Datum) -> Vec<Vec<u8>> {
    let mut elements: *mut pg_sys::Datum = std::ptr::null_mut();
    let mut nulls: *mut bool = std::ptr::null_mut();
    let mut count = 0;
    // SAFETY: the caller passes a text[]; -1, false, 'i' are the length, passing and alignment of text.
    unsafe {
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let align = b'i' as std::ffi::c_char;
        pg_sys::deconstruct_array(array, pg_sys::TEXTOID, -1, false, align, &mut elements, &mut nulls, &mut count);
        (0..count as usize)
            .map(|i| {
                if *nulls.add(i) {
                    raise(Code::ERRCODE_NOT_NULL_VIOLATION, "tags must not contain nulls", None);
                }
                bytes(*elements.add(i))
            })
            .collect()
    }
}

/// The id in the plan's junk column.
///
/// # Safety
/// `slot` must hold a row of the plan that has this attribute.
pub unsafe fn junk_id(slot: *mut pg_sys::TupleTableSlot, attribute: pg_sys::AttrNumber) -> Vec<u8> {
    let mut null = false;
    // SAFETY: the attribute was found in the plan's target list and is a text.
    unsafe {
        let datum = pg_sys::slot_getattr(slot, attribute.into(), &mut null);
        if null {
            write::null_not_allowed("id");
        }
        bytes(datum)
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
    columns: &[Column],
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
