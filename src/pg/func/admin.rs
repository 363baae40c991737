//! Making and dropping datasets on behalf of the caller.
//!
//! Invariant: the catalog is written as the owner of the extension's schema, and only after the caller's right was checked.

use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::pg::catalog;
use crate::pg::error::raise;
use crate::pg::fdw::tuple;

/// `entitydb.create_dataset(name)`: a dataset without faces, owned by the caller.
#[pg_extern(sql = false)]
fn create_dataset(name: &str) -> i32 {
    // SAFETY: the running session has a user.
    make(name, unsafe { pg_sys::GetUserId() })
}

/// Makes a dataset.
fn make(name: &str, owner: pg_sys::Oid) -> i32 {
    // The caller's search_path is still in force: what runs here as the extension may not name anything unqualified.
    let id = as_extension(|| {
        Spi::get_one_with_args::<i32>("SELECT entitydb.make_dataset($1, $2)", &[name.into(), owner.into()])
    });
    id.ok().flatten().unwrap_or_else(|| {
        raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("could not make dataset \"{name}\""), None)
    })
}

/// `entitydb.check_face(face)`: raises unless the face's columns are those of its shape and its owner is a member of the
/// owner of its dataset, which comes into being here if there is none.
#[pg_extern(sql = false)]
fn check_face(face: pg_sys::Oid) {
    super::name_of(face);
    let name = catalog::dataset_name_of_face(face);
    tuple::columns_of(catalog::shape_of_face(face), face);
    if catalog::dataset_named(&name).is_none()
        && let Some(owner) = catalog::owner_of(face)
    {
        make(&name, owner);
    }
    catalog::dataset_of_face(face);
}

/// `entitydb.remove_dataset(name)`: drops a dataset that no face shows any more.
#[pg_extern(sql = false)]
fn remove_dataset(name: &str) -> bool {
    let Some(dataset) = catalog::dataset_named(name) else { return false };
    if !catalog::is_owner(&dataset) {
        raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("permission denied for dataset \"{name}\""),
            Some("Only members of its owner may drop it."),
        );
    }
    as_extension(|| {
        Spi::get_one_with_args::<bool>("SELECT entitydb.drop_dataset($1)", &[name.into()]).ok().flatten() == Some(true)
    })
}

/// Runs `work` as the owner of schema `entitydb`. An error needs no undoing: aborting a (sub)transaction restores the user.
fn as_extension<T>(work: impl FnOnce() -> T) -> T {
    let (mut user, mut context) = (pg_sys::InvalidOid, 0);
    let owner = Spi::get_one::<pg_sys::Oid>(
        "SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) 'entitydb'::pg_catalog.name",
    );
    let Some(owner) = owner.ok().flatten() else {
        raise(PgSqlErrorCode::ERRCODE_INVALID_SCHEMA_NAME, "schema \"entitydb\" does not exist", None)
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
