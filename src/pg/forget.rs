//! Taking away what is said of a dataset when it is dropped or truncated.
//!
//! Invariant: the caller holds the delta in AccessExclusive, as nobody does who writes these rows. They are found by a snapshot that
//! is newer than that, for the transaction's may be older than rows that go by the dataset's name and would be the next one's.

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog;
use super::{maintain, manifest, write};

/// The rows of a relation of the catalog that are about one dataset.
struct Rows {
    relation: &'static str,
    /// An index that begins with the column, if there is one.
    index: Option<&'static str>,
    key: pg_sys::ScanKeyData,
}

impl Rows {
    /// Those whose first column is the dataset's name, text in "C".
    fn by_name(relation: &'static str, index: &'static str, name: &str) -> Rows {
        let name = name.into_datum().unwrap_or(pg_sys::Datum::from(0));
        let mut key = manifest::equal(1, pg_sys::F_TEXTEQ, name);
        key.sk_collation = pg_sys::C_COLLATION_OID;
        Rows { relation, index: Some(index), key }
    }

    /// Those whose column `column` is the dataset's number.
    fn by_number(relation: &'static str, index: Option<&'static str>, column: pg_sys::AttrNumber, number: i32) -> Rows {
        Rows { relation, index, key: manifest::equal(column, pg_sys::F_INT4EQ, number.into()) }
    }

    /// The places of the rows that the snapshot sees.
    ///
    /// # Safety
    /// `snapshot` must be registered.
    unsafe fn places(&self, snapshot: pg_sys::Snapshot) -> Vec<pg_sys::ItemPointerData> {
        let mut found = Vec::new();
        let index = self.index.map(|index| catalog::relation(catalog::schema_oid(), index));
        // SAFETY: the caller's promise is passed on; the catalog script gave the relation the column and the index. The scan
        // renumbers the columns of its keys, which are copies.
        unsafe {
            let keys = &mut [self.key];
            manifest::each_found(self.relation, index.unwrap_or(pg_sys::InvalidOid), keys, snapshot, |_, tuple| {
                pgrx::check_for_interrupts!();
                found.push((*tuple).t_self);
            });
        }
        found
    }

    /// Deletes all of them.
    fn delete(&self) {
        // SAFETY: the snapshot is registered; as nobody else writes the rows meanwhile, each that it sees is there to be deleted.
        maintain::with_fresh_snapshot(|snapshot| unsafe {
            let relid = catalog::relation(catalog::schema_oid(), self.relation);
            let rel = pg_sys::table_open(relid, pg_sys::RowExclusiveLock as _);
            for mut place in self.places(snapshot) {
                pg_sys::CatalogTupleDelete(rel, &mut place);
            }
            pg_sys::table_close(rel, pg_sys::NoLock as _);
        });
    }
}

/// Deletes rows, and raises 40001 if the transaction would see some of them still, as others have changed them since its snapshot.
fn forget(all: &[Rows]) {
    for rows in all {
        rows.delete();
    }
    // SAFETY: drop and TRUNCATE are commands of their own, or functions that are parallel unsafe.
    unsafe { pg_sys::CommandCounterIncrement() };
    // SAFETY: the snapshot is registered.
    if all.iter().any(|rows| sees(|snapshot| unsafe { !rows.places(snapshot).is_empty() })) {
        write::could_not_serialize();
    }
}

/// What `look` finds by the transaction's snapshot, with the transaction's own changes; false in READ COMMITTED, where no such
/// snapshot outlives its statement.
pub fn sees(look: impl FnOnce(pg_sys::Snapshot) -> bool) -> bool {
    if !write::uses_transaction_snapshot() {
        return false;
    }
    // SAFETY: the snapshot stays registered while `look` runs; after an error the resource owner releases it.
    unsafe {
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetTransactionSnapshot());
        let found = look(snapshot);
        pg_sys::UnregisterSnapshot(snapshot);
        found
    }
}

/// `entitydb.forget_floor(dataset, name)`.
#[pg_extern(sql = false)]
fn forget_floor(dataset: i32, name: &str) {
    forget(&[
        Rows::by_number("entity_floor", Some("entity_floor_pkey"), 1, dataset),
        Rows::by_number("floor_mark", Some("floor_mark_pkey"), 1, dataset),
        Rows::by_name("floor", "floor_dataset", name),
    ]);
}

/// `entitydb.forget_dataset(name)`.
#[pg_extern(sql = false)]
fn forget_dataset(name: &str) {
    let Some(dataset) = catalog::dataset_named(name) else { return };
    forget(&[
        Rows::by_name("retention_policy", "retention_policy_pkey", name),
        Rows::by_name("hold_policy", "hold_policy_pkey", name),
        Rows::by_name("namespace", "namespace_dataset", name),
    ]);
    forget_floor(dataset.id, name);
    // These go by a number that no other dataset ever has.
    Rows::by_number("written", None, 3, dataset.id).delete();
    // SAFETY: the snapshot is registered.
    let files = maintain::with_fresh_snapshot(|snapshot| unsafe { manifest::names(&dataset, snapshot) });
    manifest::replace(&dataset, &[], &files);
}
