//! Maintenance as SQL functions: who may call them, and their rows.
//!
//! Invariant: only members of the dataset's owner get past [`owned`].

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::{self, Dataset};
use super::error::raise;
use super::{maintain, manifest, store};
use crate::engine;

/// The dataset of this name, if the caller may maintain it; raises otherwise. It cannot be dropped to the end of the
/// transaction.
pub fn owned(name: &str) -> Dataset {
    let find = || {
        let missing =
            || raise(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("dataset \"{name}\" does not exist"), None);
        catalog::dataset_named(name).unwrap_or_else(missing)
    };
    let mut dataset = find();
    loop {
        if !catalog::is_owner(&dataset) {
            raise(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("must be a member of the owner of dataset \"{name}\""),
                None,
            );
        }
        // SAFETY: a transaction-level lock of whatever has this oid; the wait is interruptible and unwinds.
        unsafe { pg_sys::LockRelationOid(dataset.delta, pg_sys::AccessShareLock as _) };
        // It may have been dropped, and another one made, before the lock was had.
        let found = find();
        if found.id == dataset.id {
            return found;
        }
        dataset = found;
    }
}

/// `entitydb.seal(dataset)`.
#[pg_extern(sql = false)]
fn seal_dataset(dataset: &str) -> i64 {
    maintain::seal(&owned(dataset))
}

/// `entitydb.compact(dataset)`.
#[pg_extern(sql = false)]
fn compact_dataset(dataset: &str) -> i64 {
    maintain::compact(&owned(dataset))
}

/// `entitydb.verify(dataset)`.
#[pg_extern(sql = false)]
fn verify_dataset(
    dataset: &str,
) -> TableIterator<'static, (name!(segment, String), name!(check, String), name!(ok, bool), name!(detail, String))> {
    let dataset = owned(dataset);
    // SAFETY: the snapshot is the statement's own, active while the function runs.
    let names = unsafe { manifest::names(&dataset, pg_sys::GetActiveSnapshot()) };
    let files: Vec<_> = names.iter().map(|name| (name, manifest::try_open(name))).collect();
    let checks = if files.iter().all(|(_, file)| file.is_ok()) {
        // SAFETY: as above.
        let view = unsafe { store::view(&dataset, pg_sys::GetActiveSnapshot()) };
        engine::verify(&view)
    } else {
        // What needs all files cannot be looked at; each that can be opened still can.
        files
            .iter()
            .flat_map(|(name, file)| match file {
                Ok(opened) => engine::checksums(opened),
                Err(fault) => vec![engine::unopened(name, fault)],
            })
            .collect()
    };
    TableIterator::new(checks.into_iter().map(|check| (check.segment, check.check.to_owned(), check.ok, check.detail)))
}
