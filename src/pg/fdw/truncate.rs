//! TRUNCATE of a state face (S19).
//!
//! Invariant: the dataset's state and history go in the transaction, and come back if it is rolled back. Snapshots taken
//! before see all of it, whether it was sealed or not: the rows of the delta are deleted as seal deletes them. Later ones
//! see a floor of system time, below which reading is an error. What the transaction's own snapshot would see still is 40001.

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;
use pgrx::prelude::*;

use crate::pg::catalog::{self, Dataset, Shape};
use crate::pg::error::raise;
use crate::pg::func::as_extension;
use crate::pg::{delta, floor, forget, maintain, manifest, retain, transaction, write};

/// Adds the callback of TRUNCATE to the table.
pub fn install(routine: &mut pg_sys::FdwRoutine) {
    routine.ExecForeignTruncate = Some(truncate);
}

#[pg_guard]
unsafe extern "C-unwind" fn truncate(
    rels: *mut pg_sys::List,
    _behavior: pg_sys::DropBehavior::Type,
    _restart_seqs: bool,
) {
    write::check_writable(c"TRUNCATE");
    // SAFETY: PostgreSQL passes open foreign tables, whose TRUNCATE privilege it has checked; the snapshot is taken when
    // the delta is held alone.
    unsafe {
        for rel in pgrx::PgList::<pg_sys::RelationData>::from_pg(rels).iter_ptr() {
            let what = match catalog::shape_of_face((*rel).rd_id) {
                Shape::State => "",
                Shape::Event => "events",
                Shape::Version => "versions",
                Shape::Tag => "tags",
            };
            if !what.is_empty() {
                raise(
                    Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                    format!("a face of {what} cannot be truncated"),
                    Some("TRUNCATE a state face of the dataset."),
                );
            }
            let dataset = catalog::dataset_of_face((*rel).rd_id);
            let heap = pg_sys::table_open(dataset.delta, pg_sys::AccessExclusiveLock as _);
            pg_sys::CheckTableNotInUse(heap, c"TRUNCATE".as_ptr());
            maintain::lock(&dataset);
            retain::check_no_hold(&dataset, "truncate the face");
            transaction::note_write(&dataset);
            // Under both locks no segment can come to be; its files are unlinked when no snapshot needs them.
            let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
            delta::clear(&dataset, snapshot);
            let names = manifest::names(&dataset, snapshot);
            manifest::replace(&dataset, &[], &names);
            floor::raise_to_now(&dataset, snapshot);
            truncate_floor(&dataset);
            pg_sys::UnregisterSnapshot(snapshot);
            pg_sys::table_close(heap, pg_sys::NoLock as _);
            // Another face of the same dataset may follow in the list.
            pg_sys::CommandCounterIncrement();
            // What a seal has taken out of the delta since the transaction's snapshot, the transaction would see still.
            if forget::sees(|snapshot| {
                delta::has_rows(&dataset, snapshot) || !manifest::names(&dataset, snapshot).is_empty()
            }) {
                write::could_not_serialize();
            }
        }
    }
}

/// Any past may be written again.
fn truncate_floor(dataset: &Dataset) {
    let done = as_extension(|| {
        Spi::run_with_args("SELECT entitydb.truncate_floor($1, $2)", &[dataset.id.into(), dataset.name.as_str().into()])
    });
    if let Err(fault) = done {
        raise(Code::ERRCODE_INTERNAL_ERROR, format!("could not take away the floor: {fault}"), None);
    }
}
