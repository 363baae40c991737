//! How PostgreSQL asks: the catalog, the delta, the foreign data wrapper and the SQL functions.
//!
//! Invariant: the only folder that names pgrx; whatever can be said without PostgreSQL is in the engine.

pub mod catalog;
pub mod clock;
pub mod compat;
pub mod delta;
pub mod erase;
pub mod error;
pub mod fdw;
pub mod floor;
pub mod forget;
pub mod func;
pub mod lock;
pub mod maintain;
mod maintain_sql;
pub mod manifest;
pub mod namespace;
pub mod retain;
pub mod session;
pub mod settings;
pub mod snapshot_time;
pub mod store;
#[cfg(feature = "pg_test")]
mod tests;
pub mod thread;
pub mod token;
pub mod transaction;
pub mod valid_floor;
pub mod write;

use pgrx::prelude::*;

pgrx::extension_sql_file!("../../sql/catalog.sql", name = "catalog", bootstrap);
pgrx::extension_sql_file!("../../sql/maintain.sql", name = "maintain");
pgrx::extension_sql_file!("../../sql/comments.sql", name = "comments", requires = ["fdw", "write"]);
pgrx::extension_sql_file!("../../sql/erase.sql", name = "erase", requires = ["maintain"]);
pgrx::extension_sql_file!("../../sql/retain.sql", name = "retain", requires = ["erase"]);

/// Called when the library is loaded; shared memory can be had at preload only.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    // SAFETY: a flag that the postmaster sets before it loads libraries.
    if unsafe { !pgrx::pg_sys::process_shared_preload_libraries_in_progress } {
        error::raise(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "entitydb must be loaded by shared_preload_libraries",
            Some("Add entitydb to shared_preload_libraries in postgresql.conf and restart the server."),
        );
    }
    settings::init();
    clock::init();
    snapshot_time::init();
}
