//! The foreign data wrapper: a callback table, then one file a callback group.
//!
//! Invariant: every callback is guarded, and nothing but copyable nodes is kept in a plan.

mod about;
pub mod apply;
mod bulk;
pub mod columns;
mod content;
mod count;
mod erasures;
mod estimate;
pub mod explain;
mod facts;
mod give;
mod ids;
mod lateral;
mod marker;
pub mod modify;
pub mod options;
mod order;
mod ordered;
mod parts;
pub mod plan;
pub mod pred;
pub mod quals;
mod row;
pub mod rowlock;
pub mod scan;
mod spans;
pub mod truncate;
pub mod tuple;
pub mod typed;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::error::raise;

pgrx::extension_sql_file!("../../../sql/fdw.sql", name = "fdw", requires = ["catalog"]);

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

finfo!(
    pg_finfo_entitydb_fdw_handler,
    pg_finfo_entitydb_fdw_validator,
    pg_finfo_entitydb_at,
    pg_finfo_entitydb_at_ns,
    pg_finfo_entitydb_at_or_now,
    pg_finfo_entitydb_at_snapshot,
    pg_finfo_entitydb_since,
    pg_finfo_entitydb_snapshot,
    pg_finfo_entitydb_recorded_at
);

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
        (*routine).GetForeignRelSize = Some(plan::get_rel_size);
        (*routine).GetForeignPaths = Some(plan::get_paths);
        (*routine).GetForeignPlan = Some(plan::get_plan);
        (*routine).GetForeignUpperPaths = Some(count::get_upper_paths);
        (*routine).BeginForeignScan = Some(scan::begin);
        (*routine).IterateForeignScan = Some(scan::iterate);
        (*routine).ReScanForeignScan = Some(scan::rescan);
        (*routine).EndForeignScan = Some(scan::end);
        (*routine).RecheckForeignScan = Some(scan::recheck);
        (*routine).ExplainForeignScan = Some(explain::explain);
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

/// `entitydb.at(..)` run as a function: the clause was not recognised, so there is no right answer.
fn not_pushed() -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
        "the instant of a face can only be set where its rows are read",
        Some("Call the dataset's as_of function, and read its rows directly."),
    )
}

/// `entitydb.at(tableoid, ts [, system])`, unpushed.
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn entitydb_at(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    not_pushed()
}

/// `entitydb.at_ns(tableoid, ts_ns)`, unpushed.
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn entitydb_at_ns(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    not_pushed()
}

/// `entitydb.at_or_now(tableoid, ts)`, unpushed.
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn entitydb_at_or_now(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    not_pushed()
}

/// `entitydb.at_snapshot(tableoid, token, ts)`, unpushed.
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn entitydb_at_snapshot(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    not_pushed()
}

/// `entitydb.since(tableoid, token)`, unpushed.
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn entitydb_since(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    raise(
        PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
        "what was committed since a token can only be asked where the rows of an event face are read",
        Some("Call the dataset's changes function."),
    )
}
