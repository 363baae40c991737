//! Word to listeners that a dataset was written.
//!
//! Invariant: only members of the dataset's owner switch it.

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::admin::as_extension;
use crate::pg::error::raise;
use crate::pg::maintain_sql::owned;

/// `entitydb.set_notify(dataset, enabled)`.
#[pg_extern(sql = false)]
fn set_notify(dataset: Option<&str>, enabled: Option<bool>) {
    let missing = |what: &str| -> ! {
        raise(PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED, format!("{what} must not be null"), None)
    };
    let dataset = owned(dataset.unwrap_or_else(|| missing("dataset")));
    let enabled = enabled.unwrap_or_else(|| missing("enabled"));
    // SAFETY: a lock of a heap, held to the end of the transaction: a TRUNCATE, which changes the same row, waits.
    unsafe { pg_sys::LockRelationOid(dataset.delta, pg_sys::RowExclusiveLock as _) };
    let done = as_extension(|| {
        Spi::run_with_args(
            "UPDATE entitydb.dataset SET notify = $2 WHERE id OPERATOR(pg_catalog.=) $1",
            &[dataset.id.into(), enabled.into()],
        )
    });
    if let Err(fault) = done {
        raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("could not switch notifications: {fault}"), None);
    }
}
