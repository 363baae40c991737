//! Entity locks: who may write an entity until the end of the transaction (S14).
//!
//! Invariant: an entity is held either by its tag or by a lock row inserted under that tag, and whoever takes the tag
//! looks for lock rows before it believes that the entity is free. Nothing is remembered in the process but a count
//! that may only be too large, so a savepoint that is rolled back takes its locks with it.

use std::cell::Cell;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::Dataset;
use super::compat;
use super::delta::id_hash;
use super::error::raise;

/// Past this many entity tags in one transaction, lock rows take over: shared lock memory is bounded.
const TAGS_MAX: u32 = 64;

/// The lock tag's fourth field: what is locked. Advisory locks of users have 1 or 2 there.
#[derive(Clone, Copy)]
enum Kind {
    Dataset = 16,
    Entity = 17,
}

/// How an entity is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Beside other readers that want it not to change.
    Share,
    /// Alone.
    Exclusive,
}

/// What to do where another transaction holds the entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Wait for it.
    Block,
    /// Answer that the entity was not had.
    Skip,
    /// Raise 55P03.
    Raise,
}

thread_local! {
    /// The local transaction id, and the entity tags that it took.
    static TAKEN: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

fn tag(kind: Kind, hash: u64) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        // SAFETY: a global that is set when the backend connects.
        locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        locktag_field2: (hash >> 32) as u32,
        locktag_field3: hash as u32,
        locktag_field4: kind as u16,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

/// The 64 bits that stand for an entity of a dataset.
fn entity_hash(dataset: &Dataset, id: &[u8]) -> u64 {
    (id_hash(id) as u64) ^ (dataset.id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Announces a writer of the dataset to loads, which hold the dataset alone at their end, and to TRUNCATE, which holds
/// its delta: what is read afterwards is what they left.
pub fn dataset_for_writing(dataset: &Dataset) {
    let tag = tag(Kind::Dataset, dataset.id as u64);
    // SAFETY: a transaction-level lock of a well-formed tag, and one of a heap; waits are interruptible and unwind.
    unsafe {
        pg_sys::LockAcquire(&tag, pg_sys::RowExclusiveLock as _, false, false);
        pg_sys::LockRelationOid(dataset.delta, pg_sys::RowExclusiveLock as _);
    }
}

/// Holds the dataset alone to the end of the transaction: waits for its open writers and keeps new ones out (S14).
pub fn dataset_for_load(dataset: &Dataset) {
    let tag = tag(Kind::Dataset, dataset.id as u64);
    // SAFETY: as above.
    unsafe { pg_sys::LockAcquire(&tag, pg_sys::ShareRowExclusiveLock as _, false, false) };
}

/// Takes the entity to the end of the transaction. False only under [`Wait::Skip`], where another holds it.
pub fn entity(dataset: &Dataset, id: &[u8], mode: Mode, wait: Wait) -> bool {
    let hash = entity_hash(dataset, id);
    let taken = taken();
    let rows = taken >= TAGS_MAX;
    // An own lock row comes first: its tag was released, and whoever holds the tag now waits for this transaction.
    if rows && matches!(holder(dataset, hash), Holder::Own) {
        return true;
    }
    let tag = tag(Kind::Entity, hash);
    let lock_mode = match mode {
        Mode::Share if !rows => pg_sys::ShareLock,
        _ => pg_sys::ExclusiveLock,
    } as i32;
    // SAFETY: a transaction-level lock of a well-formed tag; waits are interruptible and unwind.
    let got = unsafe { pg_sys::LockAcquire(&tag, lock_mode, false, wait != Wait::Block) };
    if got == pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL {
        return not_had(wait);
    }
    let new = got == pg_sys::LockAcquireResult::LOCKACQUIRE_OK;
    if new && !rows {
        remember(taken + 1);
    }
    loop {
        match holder(dataset, hash) {
            Holder::None => break,
            Holder::Own => {
                release(new && rows, &tag, lock_mode);
                return true;
            }
            Holder::Other(xid) => {
                if !wait_for(xid, wait) {
                    release(new, &tag, lock_mode);
                    return not_had(wait);
                }
            }
        }
    }
    if rows && new {
        insert_row(dataset, hash);
        release(true, &tag, lock_mode);
    }
    true
}

/// Whether no other transaction holds the entity alone at this moment. It is not taken, not even for a moment, so that nobody
/// who asks the same, or would not wait, is in the way of the other.
pub fn is_free(dataset: &Dataset, id: &[u8]) -> bool {
    let hash = entity_hash(dataset, id);
    let tag = tag(Kind::Entity, hash);
    let mut holders = 0;
    // SAFETY: a well-formed tag; the list of holders, without this backend, is allocated for the caller outside recovery, where
    // nobody writes.
    unsafe {
        let list = pg_sys::GetLockConflicts(&tag, pg_sys::ShareLock as _, &mut holders);
        pg_sys::pfree(list.cast());
    }
    holders == 0 && !matches!(holder(dataset, hash), Holder::Other(_))
}

/// What becomes of a caller that did not get the entity.
fn not_had(wait: Wait) -> bool {
    if wait == Wait::Raise {
        raise(PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE, "could not obtain lock on entity", None);
    }
    false
}

/// The number of entity tags that this transaction took, at most.
fn taken() -> u32 {
    let (xact, count) = TAKEN.get();
    if xact == compat::local_transaction_id() { count } else { 0 }
}

fn remember(count: u32) {
    TAKEN.set((compat::local_transaction_id(), count));
}

fn release(really: bool, tag: &pg_sys::LOCKTAG, mode: i32) {
    if really {
        // SAFETY: the caller took exactly this lock.
        unsafe { pg_sys::LockRelease(tag, mode, false) };
    }
}

/// Waits for a transaction's end, or answers false where the caller would not wait.
fn wait_for(xid: pg_sys::TransactionId, wait: Wait) -> bool {
    // SAFETY: xid is a normal transaction id that was in progress a moment ago.
    unsafe {
        if wait == Wait::Block {
            pg_sys::XactLockTableWait(xid, std::ptr::null_mut(), std::ptr::null_mut(), pg_sys::XLTW_Oper::XLTW_None);
            true
        } else {
            compat::has_ended(xid)
        }
    }
}

/// Whose lock row an entity has.
enum Holder {
    None,
    Own,
    Other(pg_sys::TransactionId),
}

/// Looks for a lock row whose inserter is still in progress. A finished inserter's row is dead: it deleted it itself.
fn holder(dataset: &Dataset, hash: u64) -> Holder {
    let mut key = pg_sys::ScanKeyData::default();
    // SAFETY: the lock heap has one int8 column with an index on it; the scan sees dead rows and judges them by xmin.
    unsafe {
        pg_sys::ScanKeyInit(
            &mut key,
            1,
            pg_sys::BTEqualStrategyNumber as _,
            pg_sys::Oid::from(pg_sys::F_INT8EQ),
            pg_sys::Datum::from(hash as i64),
        );
        let rel = pg_sys::table_open(dataset.locks, pg_sys::AccessShareLock as _);
        let any = &raw mut pg_sys::SnapshotAnyData;
        let scan = pg_sys::systable_beginscan(rel, dataset.locks_index, true, any, 1, &mut key);
        let mut found = Holder::None;
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let xmin = (*(*tuple).t_data).t_choice.t_heap.t_xmin;
            if pg_sys::TransactionIdIsCurrentTransactionId(xmin) {
                found = Holder::Own;
                break;
            }
            if pg_sys::TransactionIdIsInProgress(xmin) {
                found = Holder::Other(xmin);
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(rel, pg_sys::NoLock as _);
        found
    }
}

/// Leaves a row that says who holds the entity, and that is dead as soon as its transaction has ended.
fn insert_row(dataset: &Dataset, hash: u64) {
    let mut values = [pg_sys::Datum::from(hash as i64)];
    let mut nulls = [false];
    // SAFETY: the lock heap has one int8 column; the tuple knows its place once it is inserted.
    unsafe {
        let rel = pg_sys::table_open(dataset.locks, pg_sys::RowExclusiveLock as _);
        let tuple = pg_sys::heap_form_tuple((*rel).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::CatalogTupleInsert(rel, tuple);
        // A command cannot delete what it inserted, and counting the command on would let a statement see its own
        // writes: the row is deleted in the name of the next command.
        let next = pg_sys::GetCurrentCommandId(true) + 1;
        let mut failure = pg_sys::TM_FailureData::default();
        let place = &raw mut (*tuple).t_self;
        pg_sys::heap_delete(rel, place, next, std::ptr::null_mut(), true, &mut failure, false);
        pg_sys::heap_freetuple(tuple);
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
}
