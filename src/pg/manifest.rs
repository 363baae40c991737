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
use crate::segment;

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
    if let Some(found) = OPEN.with_borrow(|open| open.get(name).cloned()) {
        return found;
    }
    let bytes = segment::map(&folder().join(name)).or_raise();
    let opened = Opened::open(name, bytes).or_raise();
    OPEN.with_borrow_mut(|open| {
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(name.to_owned(), opened.clone());
    });
    opened
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
            let mut values: [pg_sys::Datum; COLUMNS] = [
                pg_sys::Datum::from(dataset.id),
                pg_sys::Datum::from(position),
                file.name.as_str().into_datum().unwrap_or(pg_sys::Datum::from(0)),
                pg_sys::Datum::from(file.kind as i16),
                number(file.bytes),
                number(u64::from(file.checksum)),
                number(file.events),
                number(file.entities),
                pg_sys::Datum::from(file.ts.0.0),
                pg_sys::Datum::from(file.ts.1.0),
                pg_sys::Datum::from(file.max_stamped.map_or(0, |ns| ns.0)),
                pg_sys::Datum::from(file.tx.0.0),
                pg_sys::Datum::from(file.tx.1.0),
                number(u64::from(file.ordinals.0.0)),
                number(u64::from(file.ordinals.1.0)),
            ];
            let mut nulls = [false; COLUMNS];
            nulls[10] = file.max_stamped.is_none();
            let tuple = pg_sys::heap_form_tuple((*rel).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::CatalogTupleInsert(rel, tuple);
            pg_sys::heap_freetuple(tuple);
        }
        pg_sys::table_close(rel, pg_sys::NoLock as _);
    }
}
