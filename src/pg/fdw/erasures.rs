//! Erasures in the feed of changes: one row a receipt, after the events (S16).
//!
//! Invariant: such a row has neither an id nor an instant, so no clause on these can hold for it.

use pgrx::pg_sys;

use super::columns::Columns;
use super::tuple::{Column, bytes_datum, form};
use crate::engine::Wanted;
use crate::pg::catalog::Dataset;
use crate::pg::clock::{self, from_unix_micros};
use crate::pg::erase;
use crate::types::{Ordinal, Xid};

/// The receipt and the transaction of an erasure.
#[derive(Clone, Copy, Debug)]
pub struct Erasure {
    receipt: i64,
    tx: Xid,
}

/// The erasures in the dataset by the wanted transactions, the last one first.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn wanted(dataset: &Dataset, wanted: &Wanted, snapshot: pg_sys::Snapshot) -> Vec<Erasure> {
    // SAFETY: the caller's promise is passed on.
    let all = unsafe { erase::receipts(dataset, snapshot) };
    let mut found: Vec<Erasure> =
        all.into_iter().filter(|(_, tx)| wanted(*tx)).map(|(receipt, tx)| Erasure { receipt, tx }).collect();
    found.sort_by_key(|erasure| std::cmp::Reverse(erasure.receipt));
    found
}

/// The row of an erasure, in the current memory context.
///
/// # Safety
/// `desc` must be the face's row descriptor and `columns` its columns.
pub unsafe fn form_erasure(
    desc: pg_sys::TupleDesc,
    relid: pg_sys::Oid,
    columns: &Columns,
    erasure: Erasure,
) -> pg_sys::HeapTuple {
    let value = |column: &Column| match column {
        Column::Op => Some(bytes_datum(b"erase")),
        Column::Tag => Some(bytes_datum(erasure.receipt.to_string().as_bytes())),
        Column::RecordedAt => clock::commit_time(erasure.tx).map(|at| pg_sys::Datum::from(from_unix_micros(at))),
        Column::Tx => Some(pg_sys::Datum::from(erasure.tx.0)),
        _ => None,
    };
    let values: Vec<Option<pg_sys::Datum>> = columns.iter().map(value).collect();
    // SAFETY: one value a column of the descriptor, of the type that `columns_of` checked.
    unsafe { form(desc, relid, Ordinal(0), &values) }
}
