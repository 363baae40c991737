//! Making and dropping datasets on behalf of the caller.
//!
//! Invariant: the catalog is written as the owner of the extension, and only after the caller's right was checked.

use std::ffi::CStr;

use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::pg::catalog::{self, Dataset, Shape};
use crate::pg::error::raise;
use crate::pg::fdw::tuple;
use crate::pg::manifest;

/// Makes a dataset without faces.
fn make(name: &str, owner: pg_sys::Oid) {
    // The caller's search_path is still in force: what runs here as the extension may not name anything unqualified.
    let id = as_extension(|| {
        Spi::get_one_with_args::<i32>("SELECT entitydb.make_dataset($1, $2)", &[name.into(), owner.into()])
    });
    if id.ok().flatten().is_none() {
        raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("could not make dataset \"{name}\""), None)
    }
}

/// `entitydb.check_face(face)`: raises unless the face's columns are those of its shape and its owner is a member of the
/// owner of its dataset, which comes into being here if there is none.
///
/// A dump makes a face and then gives it to its owner. So a dataset in which nothing was ever recorded follows its face,
/// if whoever alters the face might as well have granted the dataset.
#[pg_extern(sql = false)]
fn check_face(face: pg_sys::Oid) {
    let shown = super::name_of(face);
    check_server(face);
    let name = catalog::dataset_name_of_face(face);
    let shape = catalog::shape_of_face(face);
    tuple::columns_of(shape, face);
    // SAFETY: the face is there, or its shape had not been found.
    let on_conflict = unsafe { catalog::option((*pg_sys::GetForeignTable(face)).options, c"on_conflict") };
    if shape != Shape::State && on_conflict.is_some() {
        raise(
            PgSqlErrorCode::ERRCODE_FDW_INVALID_OPTION_NAME,
            format!("option \"on_conflict\" of foreign table {shown} has no meaning: it is for state faces"),
            Some("Valid options are: dataset, shape."),
        );
    }
    // SAFETY: reads the session's user; plain catalog look-ups.
    let is_mine = |owner| unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), owner) };
    if let Some(owner) = catalog::owner_of(face) {
        match held(&name) {
            None if is_mine(owner) => make(&name, owner),
            None => raise(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("must be owner of foreign table {shown}"),
                None,
            ),
            Some(dataset) => {
                if !catalog::is_member(owner, &dataset)
                    && is_mine(dataset.owner)
                    && !is_of_extension(face)
                    && is_unused(&dataset)
                {
                    let adopted = as_extension(|| {
                        let arguments = [dataset.id.into(), owner.into()];
                        Spi::run_with_args("SELECT entitydb.adopt_dataset($1, $2)", &arguments)
                    });
                    if let Err(error) = adopted {
                        raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, error.to_string(), None);
                    }
                }
            }
        }
    }
    catalog::dataset_of_face(face);
}

/// The dataset of this name, which nobody drops to the end of this transaction.
fn held(name: &str) -> Option<Dataset> {
    loop {
        let dataset = catalog::dataset_named(name)?;
        // SAFETY: a transaction-level lock of a relation of the extension; the wait is interruptible and unwinds.
        unsafe { pg_sys::LockRelationOid(dataset.delta, pg_sys::AccessShareLock as _) };
        // Whoever had it before may have dropped it.
        if catalog::dataset_named(name).is_some_and(|now| now.id == dataset.id) {
            return Some(dataset);
        }
    }
}

/// Raises 42809 for a face on a server that guards a dataset: a table there would keep the dataset from being dropped.
fn check_server(face: pg_sys::Oid) {
    // SAFETY: `face` is a foreign table, which has a server with a name; the snapshot is registered while it is used, and
    // column 3 of the relation is a name and not null.
    unsafe {
        let server = pg_sys::GetForeignServer((*pg_sys::GetForeignTable(face)).serverid);
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        let mut is_guard = false;
        manifest::each_row("dataset", snapshot, |rel, tuple| {
            let mut null = false;
            let guard = pg_sys::heap_getattr(tuple, 3, (*rel).rd_att, &mut null);
            is_guard |= CStr::from_ptr(guard.cast_mut_ptr()) == CStr::from_ptr((*server).servername);
        });
        pg_sys::UnregisterSnapshot(snapshot);
        if is_guard {
            let name = CStr::from_ptr((*server).servername).to_string_lossy();
            raise(
                PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
                format!("server \"{name}\" is not for tables"),
                Some("Use server entitydb, or entitydb_log for events."),
            );
        }
    }
}

/// Whether a relation came with the extension, and is dropped with it alone.
fn is_of_extension(relation: pg_sys::Oid) -> bool {
    // SAFETY: plain catalog look-up.
    unsafe { pg_sys::getExtensionOfObject(pg_sys::RelationRelationId, relation) != pg_sys::InvalidOid }
}

/// Whether nothing was ever recorded in a dataset.
fn is_unused(dataset: &Dataset) -> bool {
    // SAFETY: the snapshot is registered while it is used, the delta open and locked; after an error the resource owner
    // releases both.
    unsafe {
        let delta = pg_sys::table_open(dataset.delta, pg_sys::AccessShareLock as _);
        let pages = pg_sys::RelationGetNumberOfBlocksInFork(delta, pg_sys::ForkNumber::MAIN_FORKNUM);
        pg_sys::table_close(delta, pg_sys::AccessShareLock as _);
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        let names = manifest::names(dataset, snapshot);
        pg_sys::UnregisterSnapshot(snapshot);
        pages == 0 && names.is_empty()
    }
}

/// `entitydb.remove_dataset(name)`: drops a dataset that no face shows any more.
#[pg_extern(sql = false)]
fn remove_dataset(name: &str) -> bool {
    let Some(mut dataset) = catalog::dataset_named(name) else { return false };
    loop {
        if !catalog::is_owner(&dataset) {
            raise(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("permission denied for dataset \"{name}\""),
                Some("Only those who administer it may drop it."),
            );
        }
        // Whoever begins a hold has the delta too, so after this every hold is seen.
        // SAFETY: a transaction-level lock of whatever has this oid; the wait is interruptible and unwinds.
        unsafe { pg_sys::LockRelationOid(dataset.delta, pg_sys::AccessExclusiveLock as _) };
        // It may have been dropped, and another one made, before the lock was had.
        let Some(found) = catalog::dataset_named(name) else { return false };
        if found.id == dataset.id {
            break;
        }
        dataset = found;
    }
    crate::pg::retain::check_no_hold(&dataset, "drop what is");
    as_extension(|| {
        Spi::get_one_with_args::<bool>("SELECT entitydb.drop_dataset($1)", &[name.into()]).ok().flatten() == Some(true)
    })
}

/// Runs `work` as the owner of the extension. An error needs no undoing: aborting a (sub)transaction restores the user.
pub fn as_extension<T>(work: impl FnOnce() -> T) -> T {
    let (mut user, mut context) = (pg_sys::InvalidOid, 0);
    let owner = Spi::get_one::<pg_sys::Oid>(
        "SELECT extowner FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'entitydb'::pg_catalog.name",
    );
    let Some(owner) = owner.ok().flatten() else {
        raise(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, "extension \"entitydb\" does not exist", None)
    };
    // SAFETY: the user is set as SECURITY DEFINER does, and set back after the work.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        pg_sys::SetUserIdAndSecContext(owner, context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32);
    }
    let result = work();
    // SAFETY: the values are those that were read above.
    unsafe { pg_sys::SetUserIdAndSecContext(user, context) };
    result
}
