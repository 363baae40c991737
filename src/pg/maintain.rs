//! Seal and compact: change sets become runs, runs become a tile, and files that nobody sees go away.
//!
//! Invariant: a file is durable before the manifest row that names it is inserted, and that row commits or aborts with
//! the deletion of what it replaces; every snapshot, old or new, sees each event exactly once.

use std::collections::HashSet;
use std::fs;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::{self, Dataset};
use super::error::{OrRaise, raise};
use super::{clock, delta, erase, manifest, retain, settings, store};
use crate::engine;
use crate::segment::{Directory, parse_name};
use crate::types::{ChangeSet, Xid};

/// The lock tag's fourth field: one seal, compaction or end of a load at a time in a dataset.
const MAINTENANCE: u16 = 18;

/// In place of a dataset's number: what is about the files of all of them.
const ALL: u32 = 0;

/// Waits until no other transaction builds segments of the dataset, and keeps it so to the end of this one. The delta
/// comes first, as it does for a TRUNCATE, so that the two cannot wait for each other.
pub fn lock(dataset: &Dataset) {
    // SAFETY: transaction-level locks, of a relation of the extension and of a well-formed tag; waits are interruptible and unwind.
    unsafe {
        pg_sys::LockRelationOid(dataset.delta, pg_sys::RowExclusiveLock as _);
        pg_sys::LockAcquire(&tag(dataset.id as u32), pg_sys::ExclusiveLock as _, false, false);
    }
}

/// The lock tag of a dataset's maintenance.
fn tag(dataset: u32) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        // SAFETY: a global that is set when the backend connects.
        locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        locktag_field2: 0,
        locktag_field3: dataset,
        locktag_field4: MAINTENANCE,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

/// Whether no other transaction that is still open forgets removed files; none will to the end of this one.
fn may_forget() -> bool {
    // SAFETY: a transaction-level lock of a well-formed tag, which is not waited for.
    let got = unsafe { pg_sys::LockAcquire(&tag(ALL), pg_sys::ExclusiveLock as _, false, true) };
    got != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// Seal and compact judge visibility by a snapshot of their own; a transaction snapshot would be too old. Each is a
/// command of its own, so that it sees what another one in the same statement did.
pub fn begin(what: &'static std::ffi::CStr) {
    // SAFETY: `what` ends with a NUL; raises 25006 in a transaction that may not write.
    unsafe { pg_sys::PreventCommandIfReadOnly(what.as_ptr()) };
    // SAFETY: reads a global of the backend.
    if unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32 {
        raise(
            PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
            format!("{} runs in READ COMMITTED transactions only", what.to_string_lossy()),
            None,
        );
    }
    // SAFETY: both functions are parallel unsafe, so commands may be counted on.
    unsafe { pg_sys::CommandCounterIncrement() };
}

/// Runs `work` with a fresh registered snapshot.
pub fn with_fresh_snapshot<T>(work: impl FnOnce(pg_sys::Snapshot) -> T) -> T {
    // SAFETY: the snapshot stays registered while `work` runs; after an error the resource owner releases it.
    unsafe {
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        let result = work(snapshot);
        pg_sys::UnregisterSnapshot(snapshot);
        result
    }
}

/// Where new segment files of this transaction are made.
pub fn files() -> Directory {
    // SAFETY: assigns the transaction its xid if it has none, so that its end is logged and flushed.
    let xid = unsafe { pg_sys::GetTopFullTransactionId() };
    Directory::make(manifest::folder(), Xid(xid.value)).or_raise()
}

/// Turns the change sets that are committed now into a run. Returns how many events were sealed.
pub fn seal(dataset: &Dataset) -> i64 {
    begin(c"seal");
    lock(dataset);
    sweep();
    let sealed = with_fresh_snapshot(|snapshot| {
        // SAFETY: the snapshot is registered.
        let (places, sets): (Vec<pg_sys::ItemPointerData>, Vec<ChangeSet>) =
            unsafe { delta::read_committed(dataset, snapshot) }.into_iter().unzip();
        if sets.is_empty() {
            return 0;
        }
        let events: usize = sets.iter().map(|set| set.events.len()).sum();
        // SAFETY: the snapshot is registered.
        let base = unsafe { store::view_of_segments(dataset, snapshot) };
        let built = engine::seal(&base, sets, &clock::commit_time, &settings::build_options(), &mut files()).or_raise();
        manifest::publish(dataset, &built);
        delta::remove(dataset, &places);
        i64::try_from(events).unwrap_or(i64::MAX)
    });
    if retain::is_set(dataset) && retain::keep_writers_out(dataset, false) {
        // SAFETY: seal is parallel unsafe, so commands may be counted on; retention sees the new run.
        unsafe { pg_sys::CommandCounterIncrement() };
        retain::apply(dataset);
    }
    erase::finish(dataset, erase::Wait::Skip);
    sealed
}

/// Merges the dataset's runs and tiles into one. Returns how many files were replaced.
pub fn compact(dataset: &Dataset) -> i64 {
    begin(c"compact");
    let applies = retain::is_set(dataset) && retain::keep_writers_out(dataset, true);
    lock(dataset);
    sweep();
    if applies {
        retain::apply(dataset);
    }
    merge(dataset)
}

/// Merges the dataset's runs and tiles into one and leaves retention for another time: the caller holds the maintenance lock,
/// writers need not be kept out. Returns how many files were replaced.
pub fn merge(dataset: &Dataset) -> i64 {
    let merged = with_fresh_snapshot(|snapshot| {
        // SAFETY: the snapshot is registered.
        let base = unsafe { store::view_of_segments(dataset, snapshot) };
        let (built, replaced) = engine::compact(&base, &clock::commit_time, &mut files()).or_raise();
        manifest::replace(dataset, &built, &replaced);
        i64::try_from(replaced.len()).unwrap_or(i64::MAX)
    });
    erase::finish(dataset, erase::Wait::Skip);
    merged
}

/// Unlinks files that no snapshot can see: removed ones that every snapshot is younger than, and those of transactions
/// that ended without publishing them. Not in the transaction that made the catalog: there may have been another one
/// before, which a rollback brings back with all its files.
pub fn sweep() {
    if catalog::is_new() {
        return;
    }
    let Ok(entries) = fs::read_dir(manifest::folder()) else { return };
    let present: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    let horizon = oldest_needed();
    // Read after the folder: whatever was published meanwhile is in the answer.
    let (kept, removed) = with_fresh_snapshot(|snapshot| {
        // SAFETY: the snapshot is registered.
        unsafe { (manifest::all_names(snapshot), manifest::removed(snapshot)) }
    });
    let kept: HashSet<String> = kept.into_iter().collect();
    let waiting: HashSet<&str> =
        removed.iter().filter(|(_, xid)| *xid >= horizon).map(|(name, _)| name.as_str()).collect();
    for name in present {
        let Some((xid, _, _)) = parse_name(&name) else { continue };
        if xid < horizon && !kept.contains(&name) && !waiting.contains(name.as_str()) {
            // Whoever has it mapped keeps it; a file that cannot be unlinked is tried again at the next seal.
            let _ = fs::remove_file(manifest::folder().join(&name));
        }
    }
    // Others sweep too, each in the transaction of a dataset of its own; whose rows one forgets another does not wait for.
    if may_forget() {
        manifest::forget_removed(horizon);
    }
}

/// The oldest creator of a file in the folder that the manifest of now does not name.
pub fn oldest_unneeded_file() -> Option<Xid> {
    let present: Vec<String> =
        fs::read_dir(manifest::folder()).ok()?.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    // SAFETY: the snapshot is registered.
    let kept = with_fresh_snapshot(|snapshot| unsafe { manifest::all_names(snapshot) });
    let kept: HashSet<String> = kept.into_iter().collect();
    present.iter().filter(|name| !kept.contains(*name)).filter_map(|name| Some(parse_name(name)?.0)).min()
}

/// Every transaction before this one has ended, and every snapshot, now and later, sees how.
pub fn oldest_needed() -> Xid {
    // SAFETY: reads of shared transaction state.
    unsafe {
        let oldest = pg_sys::GetOldestNonRemovableTransactionId(std::ptr::null_mut());
        let next = pg_sys::ReadNextFullTransactionId().value;
        let behind = (next as u32).wrapping_sub(u32::from(oldest));
        Xid(next.saturating_sub(u64::from(behind)))
    }
}
