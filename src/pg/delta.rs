//! The delta: change sets as rows of a heap table, so that MVCC, WAL, savepoints and two-phase commit are PostgreSQL's.
//!
//! Invariant: a row is all that one statement did to one entity; rows are only ever inserted here, and deleted by seal,
//! TRUNCATE and erasure.

use std::cell::RefCell;
use std::collections::BTreeSet;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::Dataset;
use super::compat;
use super::error::{OrRaise, raise};
use super::{maintain, manifest, settings, transaction, valid_floor};
use crate::engine;
use crate::format::changeset;
use crate::types::{ChangeSet, Micros, Ordinal, Seq, StoredContent, Xid};

const COLUMNS: usize = 7;

/// The hash under which the delta finds an id: FNV-1a over the bytes, then the finaliser of MurmurHash3, so that every
/// bit counts. Stored in rows and indexes: it must never change.
pub fn id_hash(id: &[u8]) -> i64 {
    let mut h =
        id.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (h ^ (h >> 33)) as i64
}

/// A new ordinal. Its place in the sequence stays used if the transaction aborts.
pub fn next_ordinal(dataset: &Dataset) -> Ordinal {
    // SAFETY: nextval on a sequence of the extension; permission is not the caller's but the dataset's.
    let value = unsafe { compat::nextval_internal(dataset.ordinals, false) };
    Ordinal(u32::try_from(value).unwrap_or_else(|_| {
        raise(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("ordinal {value} is past the limit of 4294967295"),
            None,
        )
    }))
}

/// Every change set that the snapshot sees.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn read_all(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Vec<ChangeSet> {
    let mut sets = Vec::new();
    // SAFETY: the caller's promise is passed on.
    unsafe { scan(dataset, snapshot, None, &mut sets) };
    sets
}

/// Every change set of these ids that the snapshot sees.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn read_ids(dataset: &Dataset, ids: &[&[u8]], snapshot: pg_sys::Snapshot) -> Vec<ChangeSet> {
    let mut hashes: Vec<i64> = ids.iter().map(|id| id_hash(id)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let mut sets = Vec::new();
    for hash in hashes {
        // SAFETY: the caller's promise is passed on.
        unsafe { scan(dataset, snapshot, Some(hash), &mut sets) };
    }
    // Ids that merely share a hash are no part of the answer.
    let wanted: std::collections::HashSet<&[u8]> = ids.iter().copied().collect();
    sets.retain(|set| wanted.contains(set.id.as_slice()));
    sets
}

/// Scans the delta, by hash or whole.
unsafe fn scan(dataset: &Dataset, snapshot: pg_sys::Snapshot, hash: Option<i64>, sets: &mut Vec<ChangeSet>) {
    // SAFETY: relation and scan are closed below; an error unwinds through PostgreSQL's resource owner, which closes them.
    unsafe {
        let rel = pg_sys::table_open(dataset.delta, pg_sys::AccessShareLock as _);
        let mut key = pg_sys::ScanKeyData::default();
        if let Some(hash) = hash {
            pg_sys::ScanKeyInit(
                &mut key,
                1,
                pg_sys::BTEqualStrategyNumber as _,
                pg_sys::Oid::from(pg_sys::F_INT8EQ),
                pg_sys::Datum::from(hash),
            );
        }
        let keys = i32::from(hash.is_some());
        if hash.is_some() {
            // A whole scan leaves a predicate lock on the heap; one by the index must not escape a TRUNCATE either.
            compat::read_part_of_table(rel, snapshot);
        }
        let scan = pg_sys::systable_beginscan(rel, dataset.delta_index, hash.is_some(), snapshot, keys, &mut key);
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            pgrx::check_for_interrupts!();
            sets.push(decode(rel, tuple));
        }
        pg_sys::systable_endscan(scan);
        // The lock stays to the end of the transaction, as a heap scan's would.
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
}

/// A delta row as a change set.
unsafe fn decode(rel: pg_sys::Relation, tuple: pg_sys::HeapTuple) -> ChangeSet {
    let mut values = [pg_sys::Datum::from(0); COLUMNS];
    let mut nulls = [false; COLUMNS];
    // SAFETY: the delta has exactly COLUMNS columns of the types that the catalog script gave it.
    unsafe {
        pg_sys::heap_deform_tuple(tuple, (*rel).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        let packed = pg_sys::pg_detoast_datum_packed(values[6].cast_mut_ptr());
        let (id, events, stored) = changeset::decode(pgrx::varlena_to_byte_slice(packed)).or_raise();
        if !std::ptr::eq(packed, values[6].cast_mut_ptr()) {
            pg_sys::pfree(packed.cast());
        }
        ChangeSet {
            id,
            ordinal: Ordinal(values[1].value() as u32),
            first_seq: values[2].value() as Seq,
            tx: Xid(values[4].value() as u64),
            recorded_at: (!nulls[5]).then(|| Micros(values[5].value() as i64)),
            events,
            stored,
        }
    }
}

thread_local! {
    /// The last transaction that wrote, and the datasets that it wrote to.
    static WRITTEN: RefCell<(u64, Vec<i32>)> = const { RefCell::new((0, Vec::new())) };
}

/// Whether this transaction wrote to the dataset, also if a savepoint took that back.
pub fn written(dataset: &Dataset) -> bool {
    // SAFETY: reads the transaction's state; 0 where it has no xid.
    let tx = unsafe { pg_sys::GetTopFullTransactionIdIfAny() }.value;
    WRITTEN.with_borrow(|(last, datasets)| tx != 0 && *last == tx && datasets.contains(&dataset.id))
}

/// Remembers that this transaction wrote to the dataset.
pub fn set_written(dataset: &Dataset) {
    // SAFETY: assigns the transaction its xid if it has none.
    let tx = unsafe { pg_sys::GetTopFullTransactionId() }.value;
    WRITTEN.with_borrow_mut(|(last, datasets)| {
        if *last != tx {
            *last = tx;
            datasets.clear();
        }
        if !datasets.contains(&dataset.id) {
            datasets.push(dataset.id);
        }
    });
    transaction::note_write(dataset);
}

/// Contents of at least this many bytes go to a content segment at once: the delta, which every scan reads, names them.
const LARGE_BYTES: usize = 4 << 20;

/// No row of the delta holds more; a value of PostgreSQL is at most 1 GiB.
const CHANGE_SET_BYTES_MAX: usize = (1 << 30) - (64 << 10);

/// Stores the large contents of a change set in a segment of their own, which is published with it.
fn store_large(dataset: &Dataset, set: &ChangeSet) -> Vec<StoredContent> {
    let contents = (0..).zip(&set.events).filter_map(|(place, event)| Some((place, event.content.as_deref()?)));
    let large: Vec<(u32, &[u8])> = contents.filter(|(_, bytes)| bytes.len() >= LARGE_BYTES).collect();
    if large.is_empty() {
        return Vec::new();
    }
    let (files, stored) = engine::store_contents(&large, &settings::build_options(), &mut maintain::files()).or_raise();
    manifest::publish(dataset, &files);
    stored
}

fn check_len(set: &ChangeSet, len: usize) {
    if len > CHANGE_SET_BYTES_MAX {
        raise(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!(
                "the changes to id \"{}\" have {len} bytes, the limit of one statement is {CHANGE_SET_BYTES_MAX}",
                String::from_utf8_lossy(&set.id)
            ),
            Some("Write them by several statements."),
        );
    }
}

/// Inserts change sets under the current command id.
pub fn write(dataset: &Dataset, sets: &[ChangeSet]) {
    if sets.is_empty() {
        return;
    }
    set_written(dataset);
    valid_floor::check_writes(dataset, sets);
    // SAFETY: the delta has exactly COLUMNS columns of these types; tuples are freed after they are inserted.
    unsafe {
        let rel = pg_sys::table_open(dataset.delta, pg_sys::RowExclusiveLock as _);
        for set in sets {
            let payload = changeset::encode(&set.id, &set.events, &store_large(dataset, set));
            check_len(set, payload.len());
            let ts = set.events.iter().map(|e| e.ts.0).max().unwrap_or(0);
            let mut values = [
                pg_sys::Datum::from(id_hash(&set.id)),
                pg_sys::Datum::from(i64::from(set.ordinal.0)),
                pg_sys::Datum::from(i64::from(set.first_seq)),
                pg_sys::Datum::from(ts),
                pg_sys::Datum::from(set.tx.0),
                pg_sys::Datum::from(set.recorded_at.map_or(0, |at| at.0)),
                payload.as_slice().into_datum().unwrap_or(pg_sys::Datum::from(0)),
            ];
            let mut nulls = [false; COLUMNS];
            nulls[5] = set.recorded_at.is_none();
            let tuple = pg_sys::heap_form_tuple((*rel).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::CatalogTupleInsert(rel, tuple);
            pg_sys::heap_freetuple(tuple);
            pg_sys::pfree(values[6].cast_mut_ptr());
        }
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
}

/// Every change set that the snapshot sees and that is not the caller's own, with its row's place.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn read_committed(
    dataset: &Dataset,
    snapshot: pg_sys::Snapshot,
) -> Vec<(pg_sys::ItemPointerData, ChangeSet)> {
    let mut found = Vec::new();
    // SAFETY: as in `scan`.
    unsafe {
        let rel = pg_sys::table_open(dataset.delta, pg_sys::RowExclusiveLock as _);
        let scan = pg_sys::systable_beginscan(rel, pg_sys::InvalidOid, false, snapshot, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            pgrx::check_for_interrupts!();
            let set = decode(rel, tuple);
            if set.tx.0 != pg_sys::GetTopFullTransactionIdIfAny().value {
                found.push(((*tuple).t_self, set));
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
    found
}

/// Deletes every row, so that snapshots taken before see all of them still.
///
/// # Safety
/// The caller must hold the delta in AccessExclusive; `snapshot` must be registered and newer than that.
pub unsafe fn clear(dataset: &Dataset, snapshot: pg_sys::Snapshot) {
    // SAFETY: nobody else writes the delta meanwhile, so each row that the scan finds is there to be deleted.
    unsafe {
        let rel = pg_sys::table_open(dataset.delta, pg_sys::NoLock as _);
        compat::changes_whole_table(rel);
        let scan = pg_sys::systable_beginscan(rel, pg_sys::InvalidOid, false, snapshot, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            pgrx::check_for_interrupts!();
            let mut place = (*tuple).t_self;
            pg_sys::CatalogTupleDelete(rel, &mut place);
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
}

/// Whether the snapshot sees any row.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn has_rows(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> bool {
    // SAFETY: as in `scan`.
    unsafe {
        let rel = pg_sys::table_open(dataset.delta, pg_sys::AccessShareLock as _);
        let scan = pg_sys::systable_beginscan(rel, pg_sys::InvalidOid, false, snapshot, 0, std::ptr::null_mut());
        let found = !pg_sys::systable_getnext(scan).is_null();
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(rel, pg_sys::NoLock as _);
        found
    }
}

/// Deletes the rows of these ids that the snapshot sees, the caller's own included.
///
/// # Safety
/// The caller must hold the delta against other writers; `snapshot` must be registered and newer than that.
pub unsafe fn remove_ids(dataset: &Dataset, ids: &[&[u8]], snapshot: pg_sys::Snapshot) {
    let hashes: BTreeSet<i64> = ids.iter().map(|id| id_hash(id)).collect();
    let ids: BTreeSet<&[u8]> = ids.iter().copied().collect();
    let mut places = Vec::new();
    // SAFETY: as in `scan`.
    unsafe {
        let rel = pg_sys::table_open(dataset.delta, pg_sys::RowExclusiveLock as _);
        for hash in hashes {
            let mut key = pg_sys::ScanKeyData::default();
            let (equal, proc) = (pg_sys::BTEqualStrategyNumber as _, pg_sys::Oid::from(pg_sys::F_INT8EQ));
            pg_sys::ScanKeyInit(&mut key, 1, equal, proc, pg_sys::Datum::from(hash));
            let scan = pg_sys::systable_beginscan(rel, dataset.delta_index, true, snapshot, 1, &mut key);
            loop {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                pgrx::check_for_interrupts!();
                if ids.contains(decode(rel, tuple).id.as_slice()) {
                    places.push((*tuple).t_self);
                }
            }
            pg_sys::systable_endscan(scan);
        }
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
    remove(dataset, &places);
}

/// Whether the heap has rows that a transaction before `before` deleted, though nobody can see them.
///
/// # Safety
/// The caller must hold the delta alone.
pub unsafe fn has_deleted_rows(dataset: &Dataset, before: Xid) -> bool {
    let mut found = false;
    // SAFETY: the scan sees dead rows too; their headers are read while the scan holds the page.
    unsafe {
        let rel = pg_sys::table_open(dataset.delta, pg_sys::NoLock as _);
        let any = &raw mut pg_sys::SnapshotAnyData;
        let scan = pg_sys::systable_beginscan(rel, pg_sys::InvalidOid, false, any, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let header = (*tuple).t_data;
            let xmax = (*header).t_choice.t_heap.t_xmax;
            let is_deleted = u32::from((*header).t_infomask) & pg_sys::HEAP_XMAX_INVALID == 0
                && pg_sys::TransactionIdPrecedes(xmax, pg_sys::TransactionId::from(before.0 as u32))
                && pg_sys::TransactionIdDidCommit(xmax);
            found |= is_deleted;
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
    found
}

/// Deletes the rows at these places.
pub fn remove(dataset: &Dataset, places: &[pg_sys::ItemPointerData]) {
    // SAFETY: the places were read under the maintenance lock by this transaction, and only its holder deletes rows.
    unsafe {
        let rel = pg_sys::table_open(dataset.delta, pg_sys::RowExclusiveLock as _);
        for place in places {
            pgrx::check_for_interrupts!();
            let mut place = *place;
            pg_sys::CatalogTupleDelete(rel, &mut place);
        }
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
}
