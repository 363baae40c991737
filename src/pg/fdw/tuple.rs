//! The columns of a face, and rows in PostgreSQL's form.
//!
//! Invariant: every row of a face has the ctid (ordinal, 1), so that a row read by any scan names its entity.

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;

use super::columns::{self, Columns, TagColumn};
use super::typed::Form;
use crate::engine::{Event, State};
use crate::pg::catalog::Shape;
use crate::pg::clock::{from_unix_micros, to_timestamptz};
use crate::pg::compat;
use crate::pg::error::raise;
use crate::types::{Micros, Ordinal};

/// What a column of a face shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Nothing: the column was dropped.
    Dropped,
    /// The entity's id.
    Id,
    /// The tags (state, version).
    Tags,
    /// The content.
    Content,
    /// When the present existence began (state).
    CreatedAt,
    /// The same in ns (state).
    CreatedAtNs,
    /// When the state last changed (state).
    UpdatedAt,
    /// The same in ns (state).
    UpdatedAtNs,
    /// The largest seq that was looked at (state), or the place among the entity's versions (version).
    Version,
    /// The first instant (version, tag).
    ValidFrom,
    /// The same in ns (version, tag).
    ValidFromNs,
    /// The first instant at which it is no longer so; NULL where there is none (version, tag).
    ValidTo,
    /// The same in ns (version, tag).
    ValidToNs,
    /// Valid time (event).
    Ts,
    /// Valid time in ns (event).
    TsNs,
    /// The operation's name (event).
    Op,
    /// The tag of an assert or a retract (event), or the one that held (tag).
    Tag,
    /// System time as people see it (event).
    RecordedAt,
    /// The recording transaction (event).
    Tx,
    /// The n-th event of its entity (event).
    Seq,
    /// The tag column of this number: the tags of a namespace as values.
    Tagged(usize),
}

/// The types that ids and contents may have, the usual one first.
const IDS: [Form; 4] = [Form::Text, Form::Uuid, Form::Int8, Form::Int4];
const CONTENTS: [Form; 3] = [Form::Bytes, Form::Text, Form::Json];

impl Column {
    /// The column of this name in a face of this shape, and its usual type.
    fn named(shape: Shape, name: &[u8]) -> Option<(Column, pg_sys::Oid)> {
        use Column::*;
        Some(match (shape, name) {
            (_, b"id") => (Id, pg_sys::TEXTOID),
            (Shape::State | Shape::Event | Shape::Version, b"content") => (Content, pg_sys::BYTEAOID),
            (Shape::State | Shape::Version, b"tags") => (Tags, pg_sys::TEXTARRAYOID),
            (Shape::State, b"created_at") => (CreatedAt, pg_sys::TIMESTAMPTZOID),
            (Shape::State, b"created_at_ns") => (CreatedAtNs, pg_sys::INT8OID),
            (Shape::State, b"updated_at") => (UpdatedAt, pg_sys::TIMESTAMPTZOID),
            (Shape::State, b"updated_at_ns") => (UpdatedAtNs, pg_sys::INT8OID),
            (Shape::Version | Shape::Tag, b"valid_from") => (ValidFrom, pg_sys::TIMESTAMPTZOID),
            (Shape::Version | Shape::Tag, b"valid_from_ns") => (ValidFromNs, pg_sys::INT8OID),
            (Shape::Version | Shape::Tag, b"valid_to") => (ValidTo, pg_sys::TIMESTAMPTZOID),
            (Shape::Version | Shape::Tag, b"valid_to_ns") => (ValidToNs, pg_sys::INT8OID),
            (Shape::State | Shape::Version, b"version") => (Version, pg_sys::INT8OID),
            (Shape::Event, b"ts") => (Ts, pg_sys::TIMESTAMPTZOID),
            (Shape::Event, b"ts_ns") => (TsNs, pg_sys::INT8OID),
            (Shape::Event, b"op") => (Op, pg_sys::TEXTOID),
            (Shape::Event | Shape::Tag, b"tag") => (Tag, pg_sys::TEXTOID),
            (Shape::Event, b"recorded_at") => (RecordedAt, pg_sys::TIMESTAMPTZOID),
            (Shape::Event, b"tx") => (Tx, pg_sys::XID8OID),
            (Shape::Event, b"seq") => (Seq, pg_sys::INT8OID),
            _ => return None,
        })
    }
}

/// The columns that a face of this shape may have, for hints.
fn valid_columns(shape: Shape) -> &'static str {
    match shape {
        Shape::State => {
            "Valid columns are: id, tags, content, created_at, created_at_ns, updated_at, updated_at_ns, version; any other shows a \
             namespace."
        }
        Shape::Event => "Valid columns are: id, ts, ts_ns, op, tag, content, recorded_at, tx, seq.",
        Shape::Version => {
            "Valid columns are: id, tags, content, valid_from, valid_from_ns, valid_to, valid_to_ns, version; any other shows a \
             namespace."
        }
        Shape::Tag => "Valid columns are: id, tag, valid_from, valid_from_ns, valid_to, valid_to_ns.",
    }
}

/// The columns of an open face; index 0 is attribute number 1. Raises HV004, HV007, HV00D and HV024.
///
/// # Safety
/// `relation` must be an open face.
pub unsafe fn columns_of_relation(shape: Shape, relation: pg_sys::Relation) -> Columns {
    // SAFETY: the caller vouches for the relation, whose descriptor has `natts` attributes.
    let (relid, attributes) = unsafe { ((*relation).rd_id, compat::attributes((*relation).rd_att)) };
    let (mut id, mut content) = (IDS[0], CONTENTS[0]);
    let mut tagged: Vec<TagColumn> = Vec::new();
    let mut list = Vec::with_capacity(attributes.len());
    for a in attributes {
        if a.attisdropped {
            list.push(Column::Dropped);
            continue;
        }
        // SAFETY: attribute names end with a NUL.
        let name = unsafe { std::ffi::CStr::from_ptr(a.attname.data.as_ptr()) };
        let known = Column::named(shape, name.to_bytes());
        let of_forms = |forms: &[Form]| forms.iter().copied().find(|form| form.type_oid() == a.atttypid);
        match known {
            Some((column @ Column::Id, _)) if let Some(form) = of_forms(&IDS) => {
                id = form;
                list.push(column);
            }
            Some((column @ Column::Content, _)) if let Some(form) = of_forms(&CONTENTS) => {
                content = form;
                list.push(column);
            }
            Some((column, type_oid)) if type_oid == a.atttypid => list.push(column),
            Some((column, type_oid)) => {
                // SAFETY: format_type_be returns a palloc'd string for any oid.
                let shown = |oid| unsafe { std::ffi::CStr::from_ptr(pg_sys::format_type_be(oid)).to_string_lossy() };
                let wanted: Vec<_> = match column {
                    Column::Id => IDS.map(|form| shown(form.type_oid())).to_vec(),
                    Column::Content => CONTENTS.map(|form| shown(form.type_oid())).to_vec(),
                    _ => vec![shown(type_oid)],
                };
                raise(
                    Code::ERRCODE_FDW_INVALID_DATA_TYPE,
                    format!("column \"{}\" must be of type {}", name.to_string_lossy(), wanted.join(" or ")),
                    Some(valid_columns(shape)),
                )
            }
            None if shape.has_tag_columns() => {
                list.push(Column::Tagged(tagged.len()));
                tagged.push(TagColumn::new(relid, a));
                continue;
            }
            None => raise(
                Code::ERRCODE_FDW_INVALID_COLUMN_NAME,
                format!("a face has no column \"{}\"", name.to_string_lossy()),
                Some(valid_columns(shape)),
            ),
        }
        columns::check_fixed(relid, a);
    }
    Columns::new(relid, list, id, content, tagged)
}

/// The columns of the face `relid`; index 0 is attribute number 1. Raises as [`columns_of_relation`] does.
pub fn columns_of(shape: Shape, relid: pg_sys::Oid) -> Columns {
    // SAFETY: the relation is a face that the caller's statement holds a lock on; it is open until its columns are known.
    unsafe {
        let relation = pg_sys::RelationIdGetRelation(relid);
        if relation.is_null() {
            raise(Code::ERRCODE_UNDEFINED_TABLE, format!("relation with oid {} does not exist", relid.to_u32()), None);
        }
        let columns = columns_of_relation(shape, relation);
        pg_sys::RelationClose(relation);
        columns
    }
}

/// Bytes as a text or bytea datum, allocated in the current memory context.
pub fn bytes_datum(bytes: &[u8]) -> pg_sys::Datum {
    // SAFETY: the function copies `len` bytes from the pointer; text and bytea have the same form.
    unsafe { pg_sys::Datum::from(pg_sys::cstring_to_text_with_len(bytes.as_ptr().cast(), bytes.len() as i32)) }
}

/// Texts as a text[] datum, allocated in the current memory context.
pub fn text_array_datum<T: AsRef<[u8]>>(texts: &[T]) -> pg_sys::Datum {
    let mut elements: Vec<pg_sys::Datum> = texts.iter().map(|t| bytes_datum(t.as_ref())).collect();
    // SAFETY: the elements are text datums; -1, false, 'i' are the length, passing and alignment of text.
    unsafe {
        pg_sys::Datum::from(pg_sys::construct_array(
            elements.as_mut_ptr(),
            elements.len() as i32,
            pg_sys::TEXTOID,
            -1,
            false,
            b'i' as std::ffi::c_char,
        ))
    }
}

/// What the ctid of an entity's rows is.
pub fn place(ordinal: Ordinal) -> pg_sys::ItemPointerData {
    let (bi_hi, bi_lo) = ((ordinal.0 >> 16) as u16, ordinal.0 as u16);
    pg_sys::ItemPointerData { ip_blkid: pg_sys::BlockIdData { bi_hi, bi_lo }, ip_posid: 1 }
}

/// Forms a heap tuple with the ctid (ordinal, 1) in the current memory context.
///
/// # Safety
/// `desc` must be the descriptor that the values are of.
pub(super) unsafe fn form(
    desc: pg_sys::TupleDesc,
    relid: pg_sys::Oid,
    ordinal: Ordinal,
    values: &[Option<pg_sys::Datum>],
) -> pg_sys::HeapTuple {
    let mut nulls: Vec<bool> = values.iter().map(Option::is_none).collect();
    let mut datums: Vec<pg_sys::Datum> = values.iter().map(|v| v.unwrap_or(pg_sys::Datum::from(0))).collect();
    // SAFETY: both arrays have one entry an attribute of the descriptor.
    unsafe {
        let tuple = pg_sys::heap_form_tuple(desc, datums.as_mut_ptr(), nulls.as_mut_ptr());
        (*tuple).t_tableOid = relid;
        (*tuple).t_self = place(ordinal);
        (*(*tuple).t_data).t_ctid = (*tuple).t_self;
        // What xmin, xmax, cmin and cmax show: no transaction of the heap made or deleted the row.
        let header = &mut (*(*tuple).t_data).t_choice.t_heap;
        header.t_xmin = pg_sys::InvalidTransactionId;
        header.t_xmax = pg_sys::InvalidTransactionId;
        header.t_field3.t_cid = 0;
        tuple
    }
}

/// What a state row is made from.
pub struct StateRow<'a> {
    /// The entity's ordinal.
    pub ordinal: Ordinal,
    /// Its id; may be empty where no needed column shows it.
    pub id: &'a [u8],
    /// Its state; may be `None` where no needed column shows it.
    pub state: Option<&'a State>,
    /// The bytes of its content; may be `None` where no needed column shows it.
    pub content: Option<&'a [u8]>,
    /// The same as a value, if it was made already.
    pub datum: Option<pg_sys::Datum>,
    /// Gives the id where an error may name it.
    pub name: &'a dyn Fn() -> Option<Vec<u8>>,
}

/// Forms a row of a state face in the current memory context. Columns for which `needed` is false are NULL.
///
/// # Safety
/// `desc` must be the face's row descriptor and `columns` what [`columns_of`] says of it.
pub unsafe fn form_state(
    desc: pg_sys::TupleDesc,
    relid: pg_sys::Oid,
    columns: &Columns,
    needed: &dyn Fn(usize) -> bool,
    row: &StateRow,
) -> pg_sys::HeapTuple {
    // SAFETY: one value a column of the descriptor, of the type that `columns_of` checked.
    unsafe { form(desc, relid, row.ordinal, &state_values(columns, needed, row)) }
}

/// The values of a row of a state face, in the current memory context. Columns for which `needed` is false are NULL.
pub fn state_values(columns: &Columns, needed: &dyn Fn(usize) -> bool, row: &StateRow) -> Vec<Option<pg_sys::Datum>> {
    columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            if !needed(i) {
                return None;
            }
            match column {
                Column::Id => Some(columns.id.datum("id", row.id, &|| columns.named(|| row.id.to_vec()))),
                Column::Content => {
                    row.datum.or_else(|| row.content.map(|bytes| columns.content.datum("content", bytes, row.name)))
                }
                Column::Tagged(n) => row.state.and_then(|s| columns.tagged[*n].datum(&s.tags, row.name)),
                Column::Tags => row.state.map(|s| text_array_datum(&s.tags)),
                Column::CreatedAt => row.state.map(|s| pg_sys::Datum::from(to_timestamptz(s.created_at))),
                Column::CreatedAtNs => row.state.map(|s| pg_sys::Datum::from(s.created_at.0)),
                Column::UpdatedAt => row.state.map(|s| pg_sys::Datum::from(to_timestamptz(s.updated_at))),
                Column::UpdatedAtNs => row.state.map(|s| pg_sys::Datum::from(s.updated_at.0)),
                Column::Version => row.state.map(|s| pg_sys::Datum::from(i64::from(s.version))),
                _ => None,
            }
        })
        .collect()
}

/// What an event row is made from.
pub struct EventRow<'a> {
    /// The entity's ordinal.
    pub ordinal: Ordinal,
    /// Its id.
    pub id: &'a [u8],
    /// The event.
    pub event: &'a Event,
    /// The bytes of its content.
    pub content: Option<&'a [u8]>,
    /// The same as a value, if it was made already.
    pub datum: Option<pg_sys::Datum>,
    /// Its system time, if it has one.
    pub recorded_at: Option<Micros>,
}

/// Forms a row of an event face in the current memory context. Columns for which `needed` is false are NULL.
///
/// # Safety
/// `desc` must be the face's row descriptor and `columns` what [`columns_of`] says of it.
pub unsafe fn form_event(
    desc: pg_sys::TupleDesc,
    relid: pg_sys::Oid,
    columns: &Columns,
    needed: &dyn Fn(usize) -> bool,
    row: &EventRow,
) -> pg_sys::HeapTuple {
    let event = row.event;
    let values: Vec<Option<pg_sys::Datum>> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            if !needed(i) {
                return None;
            }
            match column {
                Column::Id => Some(columns.id.datum("id", row.id, &|| columns.named(|| row.id.to_vec()))),
                Column::Content => row.datum.or_else(|| {
                    row.content
                        .map(|bytes| columns.content.datum("content", bytes, &|| columns.named(|| row.id.to_vec())))
                }),
                Column::Ts => Some(pg_sys::Datum::from(to_timestamptz(event.ts))),
                Column::TsNs => Some(pg_sys::Datum::from(event.ts.0)),
                Column::Op => Some(bytes_datum(event.op.name().as_bytes())),
                Column::Tag => event.tag.as_ref().map(|t| bytes_datum(t)),
                Column::RecordedAt => row.recorded_at.map(|at| pg_sys::Datum::from(from_unix_micros(at))),
                Column::Tx => Some(pg_sys::Datum::from(event.tx.0)),
                Column::Seq => Some(pg_sys::Datum::from(i64::from(event.seq))),
                _ => None,
            }
        })
        .collect();
    // SAFETY: one value a column of the descriptor, of the type that `columns_of` checked.
    unsafe { form(desc, relid, row.ordinal, &values) }
}
