//! SELECT .. FOR UPDATE and its kin on a state face.
//!
//! Invariant: the row that is handed on is the newest one, read under the lock; the caller is told where it differs
//! from what the scan saw.

use std::sync::Arc;

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;
use pgrx::prelude::*;

use super::columns::Columns;
use super::modify::plain;
use super::row;
use super::tuple;
use crate::engine::View;
use crate::pg::catalog::{self, Dataset, Shape};
use crate::pg::error::{OrRaise, raise};
use crate::pg::lock::{self, Mode, Wait};
use crate::pg::{store, write};
use crate::types::Ordinal;

/// What all rows of one row mark share.
struct Mark {
    dataset: Dataset,
    columns: Columns,
    /// What the statement's snapshot sees; it names the entities of the rows.
    view: Arc<View>,
}

/// Adds the callbacks of row locks to the table.
pub fn install(routine: &mut pg_sys::FdwRoutine) {
    routine.GetForeignRowMarkType = Some(row_mark_type);
    routine.RefetchForeignRow = Some(refetch);
}

#[pg_guard]
unsafe extern "C-unwind" fn row_mark_type(
    rte: *mut pg_sys::RangeTblEntry,
    strength: pg_sys::LockClauseStrength::Type,
) -> pg_sys::RowMarkType::Type {
    use pg_sys::LockClauseStrength::*;
    use pg_sys::RowMarkType::*;
    let kind = match strength {
        LCS_FORUPDATE => ROW_MARK_EXCLUSIVE,
        LCS_FORNOKEYUPDATE => ROW_MARK_NOKEYEXCLUSIVE,
        LCS_FORSHARE => ROW_MARK_SHARE,
        LCS_FORKEYSHARE => ROW_MARK_KEYSHARE,
        _ => return ROW_MARK_COPY,
    };
    // SAFETY: PostgreSQL passes the entry of a foreign table.
    let what = match catalog::shape_of_face(unsafe { (*rte).relid }) {
        Shape::State => return kind,
        Shape::Event => "events",
        Shape::Version => "versions",
        Shape::Tag => "tags",
    };
    raise(
        Code::ERRCODE_FEATURE_NOT_SUPPORTED,
        format!("{what} cannot be locked"),
        Some("Lock the entity through a state face of the dataset."),
    )
}

#[pg_guard]
unsafe extern "C-unwind" fn refetch(
    estate: *mut pg_sys::EState,
    mark: *mut pg_sys::ExecRowMark,
    rowid: pg_sys::Datum,
    slot: *mut pg_sys::TupleTableSlot,
    updated: *mut bool,
) {
    // SAFETY: PostgreSQL passes the running statement, its row mark, the row's ctid and a slot of the face's row type.
    unsafe {
        pg_sys::ExecClearTuple(slot);
        write::check_writable(c"SELECT FOR UPDATE");
        let shared = shared(estate, mark);
        let place = &*rowid.cast_mut_ptr::<pg_sys::ItemPointerData>();
        let ordinal = Ordinal::new(place.ip_blkid.bi_hi, place.ip_blkid.bi_lo);
        let id = shared.view.id(ordinal).or_raise();
        let mode = match (*mark).markType {
            pg_sys::RowMarkType::ROW_MARK_SHARE | pg_sys::RowMarkType::ROW_MARK_KEYSHARE => Mode::Share,
            _ => Mode::Exclusive,
        };
        let wait = match (*mark).waitPolicy {
            pg_sys::LockWaitPolicy::LockWaitSkip => Wait::Skip,
            pg_sys::LockWaitPolicy::LockWaitError => Wait::Raise,
            _ => Wait::Block,
        };
        lock::dataset_for_writing(&shared.dataset);
        if !lock::entity(&shared.dataset, &id, mode, wait) {
            return;
        }
        let entity = write::read_now(&shared.dataset, &id);
        let seen = write::read(&shared.dataset, &id, (*estate).es_snapshot);
        if entity.newer_than(&seen).next().is_some() || entity.replaces(&seen) {
            if write::uses_transaction_snapshot() && write::changed_since_snapshot(&shared.dataset, &entity) {
                write::could_not_serialize();
            }
            *updated = true;
        }
        if let Some(state) = plain(&entity) {
            row::store(&shared.columns, (*mark).relid, &entity, &state, slot);
        }
    }
}

/// The state of a row mark, made at its first row.
unsafe fn shared<'a>(estate: *mut pg_sys::EState, mark: *mut pg_sys::ExecRowMark) -> &'a Mark {
    // SAFETY: `ermExtra` is the wrapper's own; what it points to lives as long as the query.
    unsafe {
        if (*mark).ermExtra.is_null() {
            let dataset = catalog::dataset_of_face((*mark).relid);
            let columns = tuple::columns_of(Shape::State, (*mark).relid);
            let view = store::view(&dataset, (*estate).es_snapshot);
            let made = Mark { dataset, columns, view };
            (*mark).ermExtra = pgrx::PgMemoryContexts::For((*estate).es_query_cxt).leak_and_drop_on_delete(made).cast();
        }
        &*(*mark).ermExtra.cast::<Mark>()
    }
}
