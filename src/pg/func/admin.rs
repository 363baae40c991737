//! Making and dropping datasets on behalf of the caller.
//!
//! Invariant: the catalog is written as the owner of the extension's schema, and only after the caller's right was checked.

use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::pg::catalog;
use crate::pg::error::raise;

/// `entitydb.create_dataset(name)`: a dataset without faces, owned by the caller.
#[pg_extern(sql = false)]
fn create_dataset(name: &str) -> i32 {
    // SAFETY: the running session has a user.
    let caller = unsafe { pg_sys::GetUserId() };
    as_extension(|| {
        let id = Spi::get_one_with_args::<i32>("SELECT entitydb.make_dataset($1)", &[name.into()]);
        let id = id.ok().flatten().unwrap_or_else(|| lost(name));
        Spi::run_with_args("UPDATE entitydb.dataset SET owner = $2 WHERE id = $1", &[id.into(), caller.into()])
            .unwrap_or_else(|_| lost(name));
        id
    })
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

fn lost(name: &str) -> ! {
    raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("could not make dataset \"{name}\""), None)
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
