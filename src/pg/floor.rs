//! The floor of system time: what was known before a TRUNCATE is gone, and asking for it is an error (S15, S19).
//!
//! Invariant: the floor is part of what a snapshot sees, as the TRUNCATE is: a snapshot from before still sees all events,
//! and no floor.

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::{self, Dataset};
use super::error::raise;
use super::{clock, manifest, token, valid_floor};
use crate::engine::Token;
use crate::types::Xid;

/// The columns of `entitydb.dataset` that hold the floor.
const TRUNCATED_TX: i32 = 4;
const TRUNCATED_AT: i32 = 5;

/// What the last TRUNCATE left: its transaction, and the clock at it.
type Truncated = (Xid, pg_sys::TimestampTz);

/// Makes this transaction's commit the floor.
///
/// # Safety
/// The caller must hold the dataset's delta in AccessExclusive; `snapshot` must be registered and newer than that.
pub unsafe fn raise_to_now(dataset: &Dataset, snapshot: pg_sys::Snapshot) {
    let schema = catalog::schema_oid();
    // SAFETY: the catalog script gave the relation these columns; the row is nobody else's to change meanwhile, for only
    // the holder of the delta changes it.
    unsafe {
        let datasets = pg_sys::table_open(catalog::relation(schema, "dataset"), pg_sys::RowExclusiveLock as _);
        manifest::each_row("dataset", snapshot, |rel, tuple| {
            if id_of(rel, tuple) != dataset.id {
                return;
            }
            let columns = (*(*rel).rd_att).natts as usize;
            let (mut values, mut nulls) = (vec![pg_sys::Datum::from(0); columns], vec![false; columns]);
            let mut replaced = vec![false; columns];
            for (column, value) in [
                (TRUNCATED_TX, pg_sys::Datum::from(pg_sys::GetTopFullTransactionId().value)),
                (TRUNCATED_AT, pg_sys::Datum::from(pg_sys::GetCurrentTimestamp())),
            ] {
                values[column as usize - 1] = value;
                replaced[column as usize - 1] = true;
            }
            let (values, nulls) = (values.as_mut_ptr(), nulls.as_mut_ptr());
            let row = pg_sys::heap_modify_tuple(tuple, (*rel).rd_att, values, nulls, replaced.as_mut_ptr());
            pg_sys::CatalogTupleUpdate(datasets, &mut (*tuple).t_self, row);
            pg_sys::heap_freetuple(row);
        });
        pg_sys::table_close(datasets, pg_sys::NoLock as _);
    }
}

/// The floor of system time that the snapshot sees, if the dataset has one.
///
/// # Safety
/// `snapshot` must be registered or active.
unsafe fn truncated(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Option<Truncated> {
    let mut truncated = None;
    // SAFETY: the caller's promise is passed on; the columns are those of the catalog script.
    unsafe {
        manifest::each_row("dataset", snapshot, |rel, tuple| {
            if id_of(rel, tuple) == dataset.id {
                let (mut no_tx, mut no_at) = (false, false);
                let tx = pg_sys::heap_getattr(tuple, TRUNCATED_TX, (*rel).rd_att, &mut no_tx);
                let at = pg_sys::heap_getattr(tuple, TRUNCATED_AT, (*rel).rd_att, &mut no_at);
                truncated = (!no_tx && !no_at).then(|| (Xid(tx.value() as u64), at.value() as i64));
            }
        });
    }
    truncated
}

/// Whether this transaction is the caller's own.
fn is_own(tx: Xid) -> bool {
    // SAFETY: reads the transaction's state; 0 where it has no xid.
    unsafe { pg_sys::GetTopFullTransactionIdIfAny() }.value == tx.0
}

/// Raises 22023: what was asked for is below the floor.
fn below(dataset: &Dataset, asked: String, floor: String) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("{asked} is below the floor of dataset \"{}\"{floor}", dataset.name),
        Some("TRUNCATE took what was known before."),
    )
}

/// Raises 22023 if what was known at `system` is not there any more.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn check(dataset: &Dataset, snapshot: pg_sys::Snapshot, system: pg_sys::TimestampTz) {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        check_truncated(dataset, snapshot, system);
        valid_floor::check_system(dataset, snapshot, system);
    }
}

/// Raises 22023 if TRUNCATE took what was known at `system`.
///
/// # Safety
/// `snapshot` must be registered or active.
unsafe fn check_truncated(dataset: &Dataset, snapshot: pg_sys::Snapshot, system: pg_sys::TimestampTz) {
    // SAFETY: the caller's promise is passed on.
    let Some((tx, at)) = (unsafe { truncated(dataset, snapshot) }) else { return };
    let asked = || format!("system time {}", clock::shown(system));
    if is_own(tx) {
        below(dataset, asked(), ", the end of this transaction".to_owned());
    }
    let floor = clock::commit_time(tx).map_or(at, clock::from_unix_micros);
    if system < floor {
        below(dataset, asked(), format!(" at {}", clock::shown(floor)));
    }
}

/// Raises 22023 for a token from elsewhere, and for one that knew what is not there any more.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn check_token(dataset: &Dataset, snapshot: pg_sys::Snapshot, token: &Token) {
    token::check_not_future(token);
    // SAFETY: the caller's promise is passed on.
    unsafe { valid_floor::check_token(dataset, snapshot, token) };
    // SAFETY: the caller's promise is passed on.
    let Some((tx, _)) = (unsafe { truncated(dataset, snapshot) }) else { return };
    if is_own(tx) || !token.knows(tx) {
        below(dataset, "token".to_owned(), format!(", transaction {}", tx.0));
    }
}

unsafe fn id_of(rel: pg_sys::Relation, tuple: pg_sys::HeapTuple) -> i32 {
    let mut null = false;
    // SAFETY: column 1 is int4 and not null.
    unsafe { pg_sys::heap_getattr(tuple, 1, (*rel).rd_att, &mut null).value() as i32 }
}
