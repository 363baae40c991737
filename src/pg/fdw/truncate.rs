//! TRUNCATE of a state face (S19).
//!
//! Invariant: the dataset's state and history go in the transaction, and come back if it is rolled back.

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;
use pgrx::prelude::*;

use crate::pg::catalog::{self, Shape};
use crate::pg::error::raise;
use crate::pg::{maintain, manifest, write};

/// Adds the callback of TRUNCATE to the table.
pub fn install(routine: &mut pg_sys::FdwRoutine) {
    routine.ExecForeignTruncate = Some(truncate);
}

#[pg_guard]
unsafe extern "C-unwind" fn truncate(
    rels: *mut pg_sys::List,
    behavior: pg_sys::DropBehavior::Type,
    _restart_seqs: bool,
) {
    write::check_writable(c"TRUNCATE");
    // SAFETY: PostgreSQL passes open foreign tables, whose TRUNCATE privilege it has checked; the delta is a plain
    // heap, which its own TRUNCATE empties with a new file in this transaction.
    unsafe {
        for rel in pgrx::PgList::<pg_sys::RelationData>::from_pg(rels).iter_ptr() {
            if catalog::shape_of_face((*rel).rd_id) != Shape::State {
                raise(
                    Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                    "a face of events cannot be truncated",
                    Some("TRUNCATE a state face of the dataset."),
                );
            }
            let dataset = catalog::dataset_of_face((*rel).rd_id);
            maintain::lock(&dataset);
            let delta = pg_sys::table_open(dataset.delta, pg_sys::AccessExclusiveLock as _);
            pg_sys::CheckTableNotInUse(delta, c"TRUNCATE".as_ptr());
            let mut rels = pgrx::PgList::<pg_sys::RelationData>::new();
            rels.push(delta);
            let relids = pg_sys::lappend_oid(std::ptr::null_mut(), dataset.delta);
            pg_sys::ExecuteTruncateGuts(rels.into_pg(), relids, std::ptr::null_mut(), behavior, false);
            pg_sys::table_close(delta, pg_sys::NoLock as _);
            // Under both locks no segment can come to be; its files are unlinked when no snapshot needs them.
            let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
            let names = manifest::names(&dataset, snapshot);
            manifest::replace(&dataset, &[], &names);
            pg_sys::UnregisterSnapshot(snapshot);
        }
    }
}
