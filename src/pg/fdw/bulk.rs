//! Bulk loads: the rows of a COPY or INSERT .. SELECT past `entitydb.bulk_threshold` go straight to a run.
//!
//! Invariant: rows wait until the statement ends or the threshold is passed, so none is written before it is known which
//! path the statement takes. A load takes no entity locks; at its end it holds the dataset alone, and keeps it to commit.

use pgrx::pg_sys;

use super::columns::Columns;
use super::modify::{Modify, OnConflict, Stamps, row_is_wanted};
use super::row::Row;
use super::{apply, facts};
use crate::engine::{Load, LoadMode};
use crate::pg::catalog::{Dataset, Shape};
use crate::pg::error::OrRaise;
use crate::pg::write::{self, At};
use crate::pg::{compat, delta, lock, maintain, manifest, settings, store, thread, valid_floor};
use crate::segment::Directory;

/// Past this much memory a part of the load is written out.
const MEMORY_MAX: usize = 1 << 30;

/// Rows that hold more than this become a load, however few they are: they shall not wait in memory.
const WAITING_MAX: usize = 64 << 20;

/// The rows of a statement that may become a load.
pub struct Bulk {
    waiting: Vec<Row>,
    /// How many bytes the waiting rows hold.
    waiting_bytes: usize,
    load: Option<Box<(Load, Directory)>>,
}

impl Bulk {
    /// A place for rows to wait, if the statement may become a load at all: nobody looks at the stored rows, conflicts
    /// are errors, and the transaction neither has a snapshot of its own nor wrote to the dataset before.
    ///
    /// # Safety
    /// `info` must be the statement's target, `node` its node, null or without a plan in COPY.
    pub unsafe fn begin(
        modify: &Modify,
        node: *mut pg_sys::ModifyTableState,
        info: *mut pg_sys::ResultRelInfo,
    ) -> Option<Self> {
        // SAFETY: the caller passes the running statement.
        let many = unsafe {
            let plan: *mut pg_sys::ModifyTable =
                if node.is_null() { std::ptr::null_mut() } else { (*node).ps.plan.cast() };
            let source = if plan.is_null() { std::ptr::null_mut() } else { (*plan).plan.lefttree };
            let is = |tag| !source.is_null() && (*source.cast::<pg_sys::Node>()).type_ == tag;
            // The target does not have its RETURNING and its checks yet, but the plan does.
            let inserts = plan.is_null()
                || ((*plan).operation == pg_sys::CmdType::CMD_INSERT
                    && (*plan).returningLists.is_null()
                    && (*plan).withCheckOptionLists.is_null());
            inserts && !is(pg_sys::NodeTag::T_Result) && !is(pg_sys::NodeTag::T_ValuesScan) && !row_is_wanted(info)
        };
        let errors = modify.on_conflict == OnConflict::Error;
        (many && errors && !write::uses_transaction_snapshot() && !delta::written(&modify.dataset)).then(|| Self {
            waiting: Vec::new(),
            waiting_bytes: 0,
            load: None,
        })
    }
}

/// Takes the row that was given in a slot.
///
/// # Safety
/// `slot` must hold a row of the face that the statement writes to.
pub unsafe fn push(modify: &mut Modify, slot: *mut pg_sys::TupleTableSlot) {
    let Some(bulk) = &mut modify.bulk else { return };
    if let Some(load) = &mut bulk.load {
        // SAFETY: the slot, and the memory of the row, stay as they are until the row is gathered.
        let row = unsafe { Row::borrow(&modify.columns, slot) };
        gather((modify.shape, &modify.columns, modify.imports), (&mut modify.warned, &mut modify.stamps), load, row);
        if load.0.memory() > MEMORY_MAX
            && let Some(full) = bulk.load.replace(begin_load(modify.shape))
        {
            publish(&modify.dataset, *full);
        }
        return;
    }
    // SAFETY: the slot, and the memory of the row, stay as they are until the row is copied or gathered.
    let row = unsafe { Row::borrow(&modify.columns, slot) };
    // A row that is too large to wait is not even copied.
    let huge = if row.content.is_some_and(|content| content.len() > WAITING_MAX) {
        Some(row)
    } else {
        let row = row.copied();
        bulk.waiting_bytes += row.bytes();
        bulk.waiting.push(row);
        None
    };
    if huge.is_some() || bulk.waiting.len() > settings::bulk_threshold() || bulk.waiting_bytes > WAITING_MAX {
        let load = bulk.load.insert(begin_load(modify.shape));
        for row in std::mem::take(&mut bulk.waiting) {
            gather(
                (modify.shape, &modify.columns, modify.imports),
                (&mut modify.warned, &mut modify.stamps),
                load,
                row.as_slices(),
            );
        }
        if let Some(row) = huge {
            gather(
                (modify.shape, &modify.columns, modify.imports),
                (&mut modify.warned, &mut modify.stamps),
                load,
                row,
            );
        }
    }
}

/// A load of nothing yet.
fn begin_load(shape: Shape) -> Box<(Load, Directory)> {
    let mode = match shape {
        Shape::Event => LoadMode::Event,
        _ => LoadMode::State,
    };
    Box::new((Load::new(mode, write::own_tx(), settings::build_options()), maintain::files()))
}

/// Adds one row to the load.
fn gather(
    (shape, columns, imports): (Shape, &Columns, bool),
    (warned, stamps): (&mut bool, &mut Stamps),
    load: &mut (Load, Directory),
    row: Row<&[u8]>,
) {
    let (load, files) = load;
    let id = apply::checked_id(row.id);
    let gathered = match shape {
        Shape::State | Shape::Version | Shape::Tag => {
            let tags = columns.united(row.tags, &row.asked, id);
            write::check_tags(&tags);
            let (at, lands) =
                instant("created_at", row.created_at, row.created_at_ns).unwrap_or_else(|| (At::now(), false));
            load.push_row(id, &tags, row.content, (at.ts, at.stamped), lands, files)
        }
        Shape::Event => {
            let system = apply::stated(imports, warned, row.recorded_at, row.assigned);
            let (op, tag, content) = apply::fact(row.op, row.tag, row.content);
            let (at, lands) = instant("ts", row.ts, row.ts_ns).unwrap_or_else(|| (stamps.of(id), false));
            let at = at.known(system);
            let pushed = load.push_fact(id, (op, tag, content), (at.ts, at.stamped), lands, files);
            pushed.and_then(|()| system.map_or(Ok(()), |system| load.recorded_at(system)))
        }
    };
    gathered.or_raise();
}

/// The valid time that a row gives, and whether it stands for its whole microsecond (S9).
fn instant(name: &str, t: Option<i64>, ns: Option<i64>) -> Option<(At, bool)> {
    match (t, ns) {
        (t, Some(ns)) => Some((apply::exact_at(name, t, ns), false)),
        (t, None) => t.map(|t| (At::microsecond(t), true)),
    }
}

/// Ends the statement: a load is published; rows that stayed below the threshold are written now.
///
/// # Safety
/// `info` must be the statement's target.
pub unsafe fn end(modify: &mut Modify, info: *mut pg_sys::ResultRelInfo) {
    let Some(bulk) = modify.bulk.take() else { return };
    if let Some(load) = bulk.load {
        publish(&modify.dataset, *load);
        return;
    }
    if modify.shape == Shape::Event {
        facts::record(modify, bulk.waiting);
        return;
    }
    for row in bulk.waiting {
        pgrx::check_for_interrupts!();
        // SAFETY: nobody looks at the stored rows of such a statement, so no slot is needed.
        unsafe { apply::insert(modify, info, std::ptr::null_mut(), row) };
    }
}

/// Builds the load's run over everything committed, and publishes it in this transaction.
fn publish(dataset: &Dataset, (load, mut files): (Load, Directory)) {
    lock::dataset_for_load(dataset);
    maintain::lock(dataset);
    // SAFETY: the snapshot is a registered copy of this function's own, so its command id may be moved.
    let view = unsafe {
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        (*snapshot).curcid = pg_sys::GetCurrentCommandId(true) + 1;
        let view = store::view(dataset, snapshot);
        pg_sys::UnregisterSnapshot(snapshot);
        view
    };
    // SAFETY: the dataset is held alone, so nobody else takes ordinals meanwhile.
    let mut ordinals = |count: u32| Ok(unsafe { compat::reserve_ordinals(dataset.ordinals, count) });
    let built = load.finish(&view, &mut ordinals, &mut files, &thread::start_quietly).or_raise();
    valid_floor::check_load(dataset, &built);
    manifest::publish(dataset, &built);
    delta::set_written(dataset);
}
