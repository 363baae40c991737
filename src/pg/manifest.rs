//! The manifest: which segment files a snapshot sees, read from the heap by every scan.
//!
//! Invariant: only opened files are cached, by name, and a file never changes; which of them count is decided by the
//! snapshot alone.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use ahash::AHashMap;
use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::{self, Dataset};
use super::error::OrRaise;
use crate::engine::{FileInfo, Opened};
use crate::error::Result;
use crate::segment;
use crate::types::{Ns, Xid};

/// Files kept open in a process at most; past this the cache starts anew.
const OPEN_MAX: usize = 4_096;
const COLUMNS: usize = 15;

thread_local! {
    static OPEN: RefCell<AHashMap<String, Arc<Opened>>> = RefCell::new(AHashMap::new());
}

/// The folder of this database's segment files, relative to the data directory that every backend runs in.
pub fn folder() -> PathBuf {
    // SAFETY: a global that is set once a backend has its database.
    let database = unsafe { pg_sys::MyDatabaseId };
    PathBuf::from(format!("entitydb/{}", database.to_u32()))
}

/// The names of the dataset's segments that the snapshot sees, oldest first.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn names(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Vec<String> {
    let schema = catalog::schema_oid();
    let mut names = Vec::new();
    // SAFETY: relations and scan are closed below; an error unwinds through PostgreSQL's resource owner.
    unsafe {
        let rel = pg_sys::table_open(catalog::relation(schema, "segment"), pg_sys::AccessShareLock as _);
        let index = pg_sys::index_open(catalog::relation(schema, "segment_pkey"), pg_sys::AccessShareLock as _);
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut key,
            1,
            pg_sys::BTEqualStrategyNumber as _,
            pg_sys::Oid::from(pg_sys::F_INT4EQ),
            pg_sys::Datum::from(dataset.id),
        );
        let scan = pg_sys::systable_beginscan_ordered(rel, index, snapshot, 1, &mut key);
        loop {
            let tuple = pg_sys::systable_getnext_ordered(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if tuple.is_null() {
                break;
            }
            let mut null = false;
            let name = pg_sys::heap_getattr(tuple, 3, (*rel).rd_att, &mut null);
            names.push(String::from_datum(name, null).unwrap_or_default());
        }
        pg_sys::systable_endscan_ordered(scan);
        pg_sys::index_close(index, pg_sys::AccessShareLock as _);
        pg_sys::table_close(rel, pg_sys::AccessShareLock as _);
    }
    names
}

/// The dataset's segments that the snapshot sees, opened, oldest first.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn segments(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Vec<Arc<Opened>> {
    // SAFETY: the caller's promise is passed on.
    unsafe { names(dataset, snapshot) }.iter().map(|name| open(name)).collect()
}

/// A segment file, from the cache or mapped anew.
fn open(name: &str) -> Arc<Opened> {
    try_open(name).or_raise()
}

/// The same, where a file that cannot be opened is an answer.
pub fn try_open(name: &str) -> Result<Arc<Opened>> {
    if let Some(found) = OPEN.with_borrow(|open| open.get(name).cloned()) {
        return Ok(found);
    }
    let bytes = segment::map(&folder().join(name))?;
    let opened = Opened::open(name, bytes)?;
    OPEN.with_borrow_mut(|open| {
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(name.to_owned(), opened.clone());
    });
    Ok(opened)
}

/// Publishes files to this transaction and, once it commits, to every later snapshot.
pub fn publish(dataset: &Dataset, files: &[FileInfo]) {
    let schema = catalog::schema_oid();
    let positions = catalog::relation(schema, "segment_position");
    // SAFETY: the manifest has exactly COLUMNS columns of these types; the tuple is freed after it is inserted.
    unsafe {
        let rel = pg_sys::table_open(catalog::relation(schema, "segment"), pg_sys::RowExclusiveLock as _);
        for file in files {
            let position = super::compat::nextval_internal(positions, false);
            let number = |value: u64| pg_sys::Datum::from(i64::try_from(value).unwrap_or(i64::MAX));
            let of_ts = file.ts.0 <= file.ts.1;
            let of_tx = file.tx.0 <= file.tx.1;
            let of_ordinals = file.ordinals.0 <= file.ordinals.1;
            // A kind that holds no instants (transactions, ordinals) has a smallest past its largest.
            let values: [Option<pg_sys::Datum>; COLUMNS] = [
                Some(pg_sys::Datum::from(dataset.id)),
                Some(pg_sys::Datum::from(position)),
                file.name.as_str().into_datum(),
                Some(pg_sys::Datum::from(file.kind as i16)),
                Some(number(file.bytes)),
                Some(number(u64::from(file.checksum))),
                Some(number(file.events)),
                Some(number(file.entities)),
                of_ts.then_some(pg_sys::Datum::from(file.ts.0.0)),
                of_ts.then_some(pg_sys::Datum::from(file.ts.1.0)),
                file.max_stamped.map(|ns| pg_sys::Datum::from(ns.0)),
                of_tx.then_some(pg_sys::Datum::from(file.tx.0.0)),
                of_tx.then_some(pg_sys::Datum::from(file.tx.1.0)),
                of_ordinals.then(|| number(u64::from(file.ordinals.0.0))),
                of_ordinals.then(|| number(u64::from(file.ordinals.1.0))),
            ];
            let mut nulls = values.map(|value| value.is_none());
            let mut values = values.map(|value| value.unwrap_or(pg_sys::Datum::from(0)));
            let tuple = pg_sys::heap_form_tuple((*rel).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::CatalogTupleInsert(rel, tuple);
            pg_sys::heap_freetuple(tuple);
        }
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
}

/// The names of all segments of all datasets of this database that the snapshot sees.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn all_names(snapshot: pg_sys::Snapshot) -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: the caller's promise is passed on.
    unsafe { each_row("segment", snapshot, |rel, tuple| names.push(text(rel, tuple, 3))) };
    names
}

/// Files that were removed, each with the transaction that did it.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn removed(snapshot: pg_sys::Snapshot) -> Vec<(String, Xid)> {
    let mut found = Vec::new();
    // SAFETY: the caller's promise is passed on.
    unsafe { each_row("removed", snapshot, |rel, tuple| found.push((text(rel, tuple, 1), xid(rel, tuple, 2)))) };
    found
}

/// The largest stamped instant of all segments that the snapshot sees.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn largest_stamp(snapshot: pg_sys::Snapshot) -> Option<Ns> {
    let mut largest = None;
    // SAFETY: the caller's promise is passed on; column 11 is int8.
    unsafe {
        each_row("segment", snapshot, |rel, tuple| {
            let mut null = false;
            let value = pg_sys::heap_getattr(tuple, 11, (*rel).rd_att, &mut null);
            largest = largest.max((!null).then(|| Ns(value.value() as i64)));
        });
    }
    largest
}

/// Publishes `built` in place of the files named `replaced`, which wait to be removed.
pub fn replace(dataset: &Dataset, built: &[FileInfo], replaced: &[String]) {
    // SAFETY: a snapshot of this transaction is registered while the rows are read; the relations have the columns that
    // the catalog script gave them.
    unsafe {
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        let segment =
            pg_sys::table_open(catalog::relation(catalog::schema_oid(), "segment"), pg_sys::RowExclusiveLock as _);
        let removed =
            pg_sys::table_open(catalog::relation(catalog::schema_oid(), "removed"), pg_sys::RowExclusiveLock as _);
        let me = pg_sys::GetTopFullTransactionId();
        each_row("segment", snapshot, |rel, tuple| {
            let name = text(rel, tuple, 3);
            if replaced.contains(&name) {
                pg_sys::CatalogTupleDelete(segment, &mut (*tuple).t_self);
                let mut values = [name.into_datum().unwrap_or(pg_sys::Datum::from(0)), pg_sys::Datum::from(me.value)];
                let mut nulls = [false; 2];
                let row = pg_sys::heap_form_tuple((*removed).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
                pg_sys::CatalogTupleInsert(removed, row);
                pg_sys::heap_freetuple(row);
            }
        });
        pg_sys::table_close(removed, pg_sys::NoLock as _);
        pg_sys::table_close(segment, pg_sys::NoLock as _);
        pg_sys::UnregisterSnapshot(snapshot);
    }
    publish(dataset, built);
}

/// Forgets removed files whose transaction is before `horizon`: they are unlinked.
pub fn forget_removed(horizon: Xid) {
    // SAFETY: as in `replace`.
    unsafe {
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        let removed =
            pg_sys::table_open(catalog::relation(catalog::schema_oid(), "removed"), pg_sys::RowExclusiveLock as _);
        each_row("removed", snapshot, |rel, tuple| {
            let unlinked = !folder().join(text(rel, tuple, 1)).exists();
            if xid(rel, tuple, 2) < horizon && unlinked {
                pg_sys::CatalogTupleDelete(removed, &mut (*tuple).t_self);
            }
        });
        pg_sys::table_close(removed, pg_sys::NoLock as _);
        pg_sys::UnregisterSnapshot(snapshot);
    }
}

/// Calls `visit` for each row of a relation of the catalog that the snapshot sees.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn each_row(
    relation: &str,
    snapshot: pg_sys::Snapshot,
    visit: impl FnMut(pg_sys::Relation, pg_sys::HeapTuple),
) {
    // SAFETY: the caller's promise is passed on.
    unsafe { each_found(relation, pg_sys::InvalidOid, &mut [], snapshot, visit) };
}

/// Calls `visit` for each row of a relation of the catalog whose text column `column`, the only or first of `index`, is `name`.
///
/// # Safety
/// `snapshot` must be registered, active, or null for the newest; the column must be text in collation "C".
pub unsafe fn each_row_named(
    relation: &str,
    (index, column): (&str, pg_sys::AttrNumber),
    name: &str,
    snapshot: pg_sys::Snapshot,
    visit: impl FnMut(pg_sys::Relation, pg_sys::HeapTuple),
) {
    let name = name.into_datum().unwrap_or(pg_sys::Datum::from(0));
    let mut key = equal(column, pg_sys::F_TEXTEQ, name);
    key.sk_collation = pg_sys::C_COLLATION_OID;
    // SAFETY: the caller's promise is passed on.
    unsafe { each_row_by(relation, index, &mut [key], snapshot, visit) };
}

/// Calls `visit` for each row of a relation of the catalog that satisfies the keys.
///
/// # Safety
/// `snapshot` must be registered, active, or null for the newest; the keys must be of the first columns of the index.
pub unsafe fn each_row_by(
    relation: &str,
    index: &str,
    keys: &mut [pg_sys::ScanKeyData],
    snapshot: pg_sys::Snapshot,
    visit: impl FnMut(pg_sys::Relation, pg_sys::HeapTuple),
) {
    let index = catalog::relation(catalog::schema_oid(), index);
    // SAFETY: the caller's promise is passed on.
    unsafe { each_found(relation, index, keys, snapshot, visit) };
}

/// A key: that a column equals a value, by the function with this oid.
pub fn equal(column: pg_sys::AttrNumber, function: u32, value: pg_sys::Datum) -> pg_sys::ScanKeyData {
    let mut key = pg_sys::ScanKeyData::default();
    // SAFETY: fills the key, after it has looked the function up.
    unsafe {
        let function = pg_sys::Oid::from(function);
        pg_sys::ScanKeyInit(&mut key, column, pg_sys::BTEqualStrategyNumber as _, function, value);
    }
    key
}

/// Calls `visit` for each row of a relation of the catalog that satisfies the keys, by an index if there is a valid one.
///
/// # Safety
/// `snapshot` must be registered, active, or null for the newest; the keys must be of the index.
pub unsafe fn each_found(
    relation: &str,
    index: pg_sys::Oid,
    keys: &mut [pg_sys::ScanKeyData],
    snapshot: pg_sys::Snapshot,
    mut visit: impl FnMut(pg_sys::Relation, pg_sys::HeapTuple),
) {
    // SAFETY: relation and scan are closed below; an error unwinds through PostgreSQL's resource owner.
    unsafe {
        let relid = catalog::relation(catalog::schema_oid(), relation);
        let rel = pg_sys::table_open(relid, pg_sys::AccessShareLock as _);
        let by_index = index != pg_sys::InvalidOid;
        let scan = pg_sys::systable_beginscan(rel, index, by_index, snapshot, keys.len() as _, keys.as_mut_ptr());
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            visit(rel, tuple);
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(rel, pg_sys::AccessShareLock as _);
    }
}

/// A text column of a row.
///
/// # Safety
/// The column must be text and not null.
pub unsafe fn text(rel: pg_sys::Relation, tuple: pg_sys::HeapTuple, column: i32) -> String {
    let mut null = false;
    // SAFETY: the column is text and not null.
    unsafe {
        String::from_datum(pg_sys::heap_getattr(tuple, column, (*rel).rd_att, &mut null), null).unwrap_or_default()
    }
}

unsafe fn xid(rel: pg_sys::Relation, tuple: pg_sys::HeapTuple, column: i32) -> Xid {
    let mut null = false;
    // SAFETY: the column is xid8 and not null.
    unsafe { Xid(pg_sys::heap_getattr(tuple, column, (*rel).rd_att, &mut null).value() as u64) }
}
