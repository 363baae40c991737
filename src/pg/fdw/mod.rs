//! The foreign data wrapper: a callback table, then one file a callback group.
//!
//! Invariant: every callback is guarded, and nothing but copyable nodes is kept in a plan.

mod apply;
pub mod modify;
pub mod options;
mod row;
pub mod rowlock;
pub mod truncate;
pub mod tuple;

use pgrx::pg_sys;
use pgrx::prelude::*;

/// How PostgreSQL learns that a C function follows version 1 of its calling convention.
static V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

macro_rules! finfo {
    ($($name:ident),*) => {$(
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> &'static pg_sys::Pg_finfo_record {
            &V1
        }
    )*};
}

finfo!(pg_finfo_entitydb_fdw_handler, pg_finfo_entitydb_fdw_validator);

/// `entitydb.fdw_handler()`: the callback table.
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn entitydb_fdw_handler(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: a node of this tag and type is allocated in the current memory context, as handlers must.
    unsafe {
        let size = size_of::<pg_sys::FdwRoutine>();
        let routine = pg_sys::palloc0(size).cast::<pg_sys::FdwRoutine>();
        (*routine).type_ = pg_sys::NodeTag::T_FdwRoutine;
        modify::install(&mut *routine);
        rowlock::install(&mut *routine);
        truncate::install(&mut *routine);
        pg_sys::Datum::from(routine)
    }
}

/// `entitydb.fdw_validator(options, catalog)`: raises HV00D for an unknown option.
///
/// # Safety
/// Called by PostgreSQL with (text[], oid).
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn entitydb_fdw_validator(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: a strict function of two arguments has both.
    unsafe {
        let args = (*fcinfo).args.as_slice(2);
        options::validate(args[0].value, pg_sys::Oid::from(args[1].value.value() as u32));
    }
    pg_sys::Datum::from(0)
}
