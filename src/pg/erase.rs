//! Erasure (S16): entities go, with all that was ever said of them, and a receipt says when nothing is left on this server.
//!
//! Invariant: the transaction that erases takes everything out of what later snapshots see. A receipt turns `done` only in a
//! transaction that finds every file of that time gone which no snapshot needs, and that writes the delta anew.

use std::collections::BTreeSet;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::{self, Dataset};
use super::error::{OrRaise, raise};
use super::func::as_extension;
use super::{clock, delta, maintain, manifest, retain, settings, store, write};
use crate::engine::{self, Removal};
use crate::types::{Ordinal, Xid};

/// Columns of `entitydb.erasure_log`.
const RECEIPT: i32 = 1;
const DATASET: i32 = 2;
const DATASET_NAME: i32 = 3;
const TX: i32 = 4;
const NEEDED: i32 = 8;
const DONE_AT: i32 = 9;
const MARK: i32 = 12;

/// Erases entities. Returns the receipt's number.
pub fn erase(dataset: &Dataset, ids: &BTreeSet<Vec<u8>>, reason: Option<&str>) -> i64 {
    write::check_writable(c"erase");
    maintain::begin(c"erase");
    // Writers have the delta in RowExclusive to their ends, also when they are prepared: none of them is open from here on.
    // Readers go on, and those with older snapshots see the entities still.
    // SAFETY: a transaction-level lock of a relation of the extension; waits are interruptible and unwind.
    unsafe { pg_sys::LockRelationOid(dataset.delta, pg_sys::ExclusiveLock as _) };
    maintain::lock(dataset);
    let entities: Vec<Ordinal> = maintain::with_fresh_snapshot(|snapshot| {
        let named: Vec<&[u8]> = ids.iter().map(Vec::as_slice).collect();
        let mut removal = Removal::default();
        // SAFETY: the snapshot is registered.
        let (known, base) =
            unsafe { (store::view_of_ids(dataset, &named, snapshot), store::view_of_segments(dataset, snapshot)) };
        let ordinals: Vec<_> = named.iter().filter_map(|id| known.resolve(id).or_raise()).collect();
        retain::check_not_held(dataset, &known, &ordinals);
        ordinals.iter().for_each(|ordinal| removal.entity(*ordinal));
        // SAFETY: the snapshot is registered.
        let others = unsafe { delta::read_all(dataset, snapshot) }.into_iter().filter(|set| !ids.contains(&set.id));
        let unsealed = others.flat_map(|set| set.stored).map(|content| content.file).collect();
        // SAFETY: the snapshot is registered, and the delta is held against other writers.
        unsafe { delta::remove_ids(dataset, &named, snapshot) };
        let (times, options) = (&clock::commit_time, settings::build_options());
        let (built, replaced) =
            engine::rewrite(&base, &removal, ids, &unsealed, times, &options, &mut maintain::files()).or_raise();
        manifest::replace(dataset, &built, &replaced);
        ordinals
    });
    forget_floors(dataset, &entities);
    delta::set_written(dataset);
    // SAFETY: assigns the transaction its xid if it has none; reads shared transaction state.
    let (tx, needed) = unsafe { (pg_sys::GetTopFullTransactionId().value, pg_sys::ReadNextFullTransactionId().value) };
    let receipt = as_extension(|| {
        Spi::get_one_with_args::<i64>(
            "SELECT entitydb.note_erasure($1, $2::pg_catalog.text::pg_catalog.xid8, $3, $4, $5, \
             $6::pg_catalog.text::pg_catalog.xid8)",
            &[
                dataset.id.into(),
                tx.to_string().into(),
                (ids.len() as i64).into(),
                (entities.len() as i64).into(),
                reason.into(),
                needed.to_string().into(),
            ],
        )
    });
    receipt
        .ok()
        .flatten()
        .unwrap_or_else(|| raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, "could not note the erasure".to_owned(), None))
}

/// Takes away the floors that these entities have of their own: nothing of them is left to be above or below one.
fn forget_floors(dataset: &Dataset, entities: &[Ordinal]) {
    let ordinals: Vec<i64> = entities.iter().map(|ordinal| i64::from(ordinal.0)).collect();
    let forgotten = as_extension(|| {
        Spi::run_with_args("SELECT entitydb.forget_floors_of($1, $2)", &[dataset.id.into(), ordinals.into()])
    });
    if let Err(fault) = forgotten {
        raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("could not forget the floors: {fault}"), None);
    }
}

/// What to do where others have the delta open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Wait for them.
    Block,
    /// Leave the receipts as they are.
    Skip,
}

/// Finishes the erasures of a dataset of which no snapshot needs anything any more, under the maintenance lock. Returns how
/// many receipts turned done.
pub fn finish(dataset: &Dataset, wait: Wait) -> i64 {
    let finished = finish_restored(|name| name == dataset.name);
    let due = due(|of| of == dataset.id);
    let Some(needed) = due.iter().map(|(_, needed)| *needed).max() else { return finished };
    if !hold_delta(dataset, wait) {
        return finished;
    }
    // What pruning and vacuum leave of a deleted row are its bytes; only a new file has none of them.
    let left = as_extension(|| {
        Spi::get_one_with_args::<Vec<String>>("SELECT entitydb.rewrite_delta($1)", &[dataset.id.into()])
    });
    let left = left.ok().flatten().unwrap_or_default();
    // SAFETY: the delta is held alone.
    if unsafe { delta::has_deleted_rows(dataset, needed) } {
        return finished;
    }
    finished + note_done(due.into_iter().map(|(receipt, _)| receipt).collect(), left)
}

/// Notes the open receipts that came with a restore as done, those of the datasets of the wanted names: a dump that has the receipt
/// has nothing of what was erased, so it never was here. Waits for nobody.
fn finish_restored(is_wanted: impl Fn(&str) -> bool) -> i64 {
    let restored = open().into_iter().filter(|receipt| !receipt.is_here && is_wanted(&receipt.name));
    let restored: Vec<i64> = restored.map(|receipt| receipt.number).collect();
    if restored.is_empty() { 0 } else { note_done(restored, Vec::new()) }
}

/// Notes receipts as done once these files have no bytes any more, but for those whose rows others have. Returns how many.
fn note_done(receipts: Vec<i64>, left: Vec<String>) -> i64 {
    let noted = as_extension(|| {
        Spi::get_one_with_args::<i64>("SELECT entitydb.note_done($1, $2)", &[receipts.into(), left.into()])
    });
    noted.ok().flatten().unwrap_or(0)
}

/// Does so for a dataset that nobody else maintains meanwhile, after whatever has the delta open.
pub fn finish_now(dataset: &Dataset) -> i64 {
    if due(|of| of == dataset.id).is_empty() {
        return 0;
    }
    if !hold_delta(dataset, Wait::Block) {
        return 0;
    }
    maintain::lock(dataset);
    finish(dataset, Wait::Block)
}

/// A receipt that is not done.
struct Open {
    number: i64,
    /// Its dataset: the number where it was written, and the name.
    dataset: i32,
    name: String,
    /// The first transaction that came after it, where it was written.
    needed: Xid,
    /// Whether that was here.
    is_here: bool,
}

/// The receipts that are not done.
fn open() -> Vec<Open> {
    maintain::with_fresh_snapshot(|snapshot| {
        let mut open = Vec::new();
        // SAFETY: the snapshot is registered; the catalog script gave the relation these columns.
        unsafe {
            let here = mark_of_database(snapshot);
            manifest::each_row("erasure_log", snapshot, |rel, tuple| {
                let mut null = false;
                let mut column = |n: i32| pg_sys::heap_getattr(tuple, n, (*rel).rd_att, &mut null).value();
                let (number, dataset, needed) = (column(RECEIPT) as i64, column(DATASET) as i32, column(NEEDED) as u64);
                column(DONE_AT);
                if null {
                    let (name, is_here) = (manifest::text(rel, tuple, DATASET_NAME), mark(rel, tuple, MARK) == here);
                    open.push(Open { number, dataset, name, needed: Xid(needed), is_here });
                }
            });
        }
        open
    })
}

/// The mark of the receipts that were written here.
///
/// # Safety
/// `snapshot` must be registered or active.
unsafe fn mark_of_database(snapshot: pg_sys::Snapshot) -> Option<pgrx::Uuid> {
    let mut found = None;
    // SAFETY: the caller's promise is passed on; the relation has this one column.
    unsafe { manifest::each_row("database", snapshot, |rel, tuple| found = mark(rel, tuple, 1)) };
    found
}

/// A column that is a mark.
///
/// # Safety
/// The column must be a uuid.
unsafe fn mark(rel: pg_sys::Relation, tuple: pg_sys::HeapTuple, column: i32) -> Option<pgrx::Uuid> {
    let mut null = false;
    // SAFETY: the caller promises a uuid.
    unsafe { pgrx::Uuid::from_datum(pg_sys::heap_getattr(tuple, column, (*rel).rd_att, &mut null), null) }
}

/// The open receipts of the wanted datasets, each with the first transaction that came after it, of which neither a snapshot nor a
/// file is left.
fn due(is_wanted: impl Fn(i32) -> bool) -> Vec<(i64, Xid)> {
    let of_here = open().into_iter().filter(|receipt| receipt.is_here && is_wanted(receipt.dataset));
    let mut open: Vec<_> = of_here.map(|receipt| (receipt.number, receipt.needed)).collect();
    if !open.is_empty() {
        let horizon = maintain::oldest_needed();
        let oldest = maintain::oldest_unneeded_file();
        open.retain(|(_, needed)| *needed <= horizon && oldest.is_none_or(|creator| *needed <= creator));
    }
    open
}

/// The receipts of a dataset that were written here, each with the transaction that erased.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn receipts(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Vec<(i64, Xid)> {
    let mut found = Vec::new();
    // SAFETY: the caller's promise is passed on; the catalog script gave the relation these columns.
    unsafe {
        let here = mark_of_database(snapshot);
        manifest::each_row("erasure_log", snapshot, |rel, tuple| {
            let mut null = false;
            let mut column = |n: i32| pg_sys::heap_getattr(tuple, n, (*rel).rd_att, &mut null).value();
            if column(DATASET) as i32 == dataset.id && mark(rel, tuple, MARK) == here {
                let (receipt, tx) = (column(RECEIPT) as i64, column(TX) as u64);
                if !null {
                    found.push((receipt, Xid(tx)));
                }
            }
        });
    }
    found
}

/// Takes the delta alone, as what writes it anew must. False where it is not to be had, or is gone.
fn hold_delta(dataset: &Dataset, wait: Wait) -> bool {
    let mode = pg_sys::AccessExclusiveLock as pg_sys::LOCKMODE;
    // SAFETY: transaction-level locks of a relation of the extension; it is closed again, its lock stays.
    unsafe {
        match wait {
            Wait::Block => pg_sys::LockRelationOid(dataset.delta, mode),
            Wait::Skip if !pg_sys::ConditionalLockRelationOid(dataset.delta, mode) => return false,
            Wait::Skip => {}
        }
        let rel = pg_sys::try_table_open(dataset.delta, pg_sys::NoLock as _);
        // Whoever had the lock may have dropped the dataset.
        if rel.is_null() {
            return false;
        }
        let is_open = (*rel).rd_refcnt > 1;
        if is_open && wait == Wait::Block {
            pg_sys::CheckTableNotInUse(rel, c"finish_erasures".as_ptr());
        }
        pg_sys::table_close(rel, pg_sys::NoLock as _);
        !is_open
    }
}

/// Whether any of these files of the data directory, or a part or fork of one, has bytes.
pub fn have_bytes(paths: &[String]) -> bool {
    paths.iter().any(|path| {
        let path = std::path::Path::new(path);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return false;
        };
        let Ok(entries) = std::fs::read_dir(folder) else { return false };
        entries.flatten().any(|entry| {
            let file = entry.file_name();
            let rest = file.to_str().and_then(|file| file.strip_prefix(name));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
                && entry.metadata().is_ok_and(|metadata| metadata.len() > 0)
        })
    })
}

/// `entitydb.erase(dataset, ids, reason)`.
#[pg_extern(sql = false)]
fn erase_entities(dataset: Option<&str>, ids: Option<Vec<Option<String>>>, reason: Option<&str>) -> i64 {
    let dataset = super::maintain_sql::owned(dataset.unwrap_or_else(|| write::null_not_allowed("dataset")));
    let ids = ids.unwrap_or_else(|| write::null_not_allowed("ids"));
    let checked = ids.into_iter().map(|id| {
        let id = id.unwrap_or_else(|| write::null_not_allowed("id"));
        write::check_name("id", id.as_bytes());
        id.into_bytes()
    });
    erase(&dataset, &checked.collect(), reason)
}

/// `entitydb.finish_erasures()`.
#[pg_extern(sql = false)]
fn finish_erasures() -> i64 {
    maintain::begin(c"finish_erasures");
    maintain::sweep();
    let datasets = maintain::with_fresh_snapshot(|snapshot| {
        // SAFETY: the snapshot is registered.
        unsafe { catalog::all(snapshot) }
    });
    // Of a dataset that was dropped nothing is left once no snapshot sees it.
    let dropped = due(|of| datasets.iter().all(|dataset| dataset.id != of));
    let dropped: Vec<i64> = dropped.into_iter().map(|(receipt, _)| receipt).collect();
    let finished = if dropped.is_empty() { 0 } else { note_done(dropped, Vec::new()) };
    let own = datasets.iter().filter(|dataset| catalog::is_owner(dataset)).map(finish_now).sum::<i64>();
    // Last: seal and compact have the delta when they come to these rows, so nothing may be waited for with the rows in hand.
    finished + own + finish_restored(|_| true)
}

/// `entitydb.have_bytes(paths)`: for relation files alone.
#[pg_extern(sql = false)]
fn files_have_bytes(paths: Vec<Option<String>>) -> bool {
    let is_of_relation = |path: &String| {
        let known = |c: u8| c.is_ascii_alphanumeric() || c == b'/' || c == b'_';
        (path.starts_with("base/") || path.starts_with("pg_tblspc/")) && path.bytes().all(known)
    };
    let paths: Vec<String> = paths.into_iter().flatten().filter(is_of_relation).collect();
    have_bytes(&paths)
}
