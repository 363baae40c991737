//! Who wrote and why, once a transaction (`entitydb.transaction`), and word of it to listeners (`entitydb.set_notify`).
//!
//! Invariant: what is written here is part of the writing transaction, by the very subtransaction that wrote, so that a
//! savepoint which takes the write back takes this back too; what remains in the process is checked against that.

use std::cell::RefCell;
use std::ffi::{CStr, CString};

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::{self, Dataset};
use super::{clock, compat, error::OrRaise, manifest, settings};
use crate::types::Xid;

const COLUMNS: usize = 6;

/// What the transaction said of a dataset, and the subtransaction that said it.
struct Said<T> {
    dataset: i32,
    by: pg_sys::TransactionId,
    what: T,
}

/// What a transaction said, oldest first.
#[derive(Default)]
struct Memory {
    tx: u64,
    /// How many rows were written, those that were taken back included.
    count: i32,
    /// The note of each row.
    rows: Vec<Said<Option<String>>>,
    notified: Vec<Said<()>>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::new(Memory::default());
}

/// What was last said of a dataset, what was taken back left out.
fn last<'a, T>(said: &'a mut Vec<Said<T>>, dataset: &Dataset) -> Option<&'a Said<T>> {
    // SAFETY: looks into the transaction's own state; ids of subtransactions that were rolled back are not current.
    let is_there = |said: &Said<T>| unsafe { pg_sys::TransactionIdIsCurrentTransactionId(said.by) };
    if said.iter().rfind(|one| one.dataset == dataset.id).is_some_and(|one| !is_there(one)) {
        said.retain(is_there);
    }
    said.iter().rfind(|one| one.dataset == dataset.id)
}

/// Says that this transaction writes to the dataset: once, again where a savepoint took that back, and where there is
/// another note now.
pub fn note_write(dataset: &Dataset) {
    // SAFETY: assigns the transaction its xid if it has none.
    let tx = unsafe { pg_sys::GetTopFullTransactionId() }.value;
    MEMORY.with_borrow_mut(|memory| {
        if memory.tx != tx {
            *memory = Memory { tx, ..Memory::default() };
        }
        if dataset.notify && last(&mut memory.notified, dataset).is_none() {
            // SAFETY: assigns the subtransaction its xid if it has none.
            let by = unsafe { pg_sys::GetCurrentTransactionId() };
            compat::notify(&channel(dataset), &CString::new(tx.to_string()).unwrap_or_default());
            memory.notified.push(Said { dataset: dataset.id, by, what: () });
        }
        if !settings::record_transactions() {
            return;
        }
        let note = settings::note();
        if last(&mut memory.rows, dataset).is_some_and(|row| note.is_none() || row.what == note) {
            return;
        }
        memory.count += 1;
        // SAFETY: as above.
        let by = unsafe { pg_sys::GetCurrentTransactionId() };
        insert(dataset, tx, memory.count, note.as_deref());
        memory.rows.push(Said { dataset: dataset.id, by, what: note });
    });
}

/// The channel on which a dataset's writers are announced.
fn channel(dataset: &Dataset) -> CString {
    CString::new(format!("entitydb_{}", dataset.name)).unwrap_or_default()
}

/// Inserts the transaction's `n`th row.
fn insert(dataset: &Dataset, tx: u64, n: i32, note: Option<&str>) {
    // SAFETY: the catalog script gave the relation these columns; names are C strings, copied into datums.
    unsafe {
        let shown = |name: *const std::ffi::c_char| {
            (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy()).filter(|name| !name.is_empty())
        };
        // Whom the client acts as, whatever function of somebody else's it is in.
        let role = shown(pg_sys::GetUserNameFromId(pg_sys::GetOuterUserId(), true));
        let application = shown(pg_sys::application_name);
        let values: [Option<pg_sys::Datum>; COLUMNS] = [
            Some(pg_sys::Datum::from(tx)),
            Some(pg_sys::Datum::from(n)),
            Some(pg_sys::Datum::from(dataset.id)),
            role.and_then(|role| role.as_ref().into_datum()),
            application.and_then(|name| name.as_ref().into_datum()),
            note.and_then(|note| note.into_datum()),
        ];
        let mut nulls = values.map(|value| value.is_none());
        let mut values = values.map(|value| value.unwrap_or(pg_sys::Datum::from(0)));
        let relid = catalog::relation(catalog::schema_oid(), "written");
        let rel = pg_sys::table_open(relid, pg_sys::RowExclusiveLock as _);
        let tuple = pg_sys::heap_form_tuple((*rel).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::CatalogTupleInsert(rel, tuple);
        pg_sys::heap_freetuple(tuple);
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
}

/// Whether the caller has the rights of `pg_read_all_stats`.
fn may_read_all_stats() -> bool {
    // SAFETY: reads the session's user; plain catalog look-ups.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), pg_sys::Oid::from(pg_sys::ROLE_PG_READ_ALL_STATS)) }
}

/// `entitydb.recorded_at(tx, dataset)`: when a transaction committed, also once PostgreSQL has forgotten it.
///
/// # Safety
/// Called by PostgreSQL with (xid8, text), neither of them null.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn entitydb_recorded_at(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: a strict function of two arguments has both; a function runs with an active snapshot.
    unsafe {
        let args = (*fcinfo).args.as_slice(2);
        let tx = Xid(args[0].value.value() as u64);
        let known = clock::commit_time(tx).or_else(|| {
            // Which transactions wrote is for those to know who see `entitydb.transaction`.
            let dataset = catalog::dataset_named(&String::from_datum(args[1].value, false)?)?;
            if !catalog::is_owner(&dataset) && !may_read_all_stats() {
                return None;
            }
            let segments = manifest::segments(&dataset, pg_sys::GetActiveSnapshot());
            segments.iter().find_map(|segment| segment.recorded_at(tx).or_raise())
        });
        match known {
            Some(at) => pg_sys::Datum::from(clock::from_unix_micros(at)),
            None => {
                (*fcinfo).isnull = true;
                pg_sys::Datum::from(0)
            }
        }
    }
}
