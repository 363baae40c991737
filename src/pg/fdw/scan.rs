//! How a scan runs: values, view, horizon, then row after row.
//!
//! Invariant: everything that a scan reads, it reads with the statement's snapshot; a rescan with other values sees
//! the same view.

use std::cell::Cell;
use std::sync::Arc;
use std::vec::IntoIter;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::plan::check_owner;
use super::pred::{Pred, Subject};
use super::quals::{Marker, Qual, Target};
use super::tuple::{Column, EventRow, StateRow, columns_of, form_event, form_state};
use crate::engine::{Event, Horizon, Known, Select, Valid, View};
use crate::pg::catalog::{self, Dataset, Shape};
use crate::pg::error::OrRaise;
use crate::pg::{clock, store};
use crate::types::{Micros, Ns, Ordinal, Xid};

/// A scan's own state, freed with the query's memory.
pub struct Scan {
    relid: pg_sys::Oid,
    dataset: Dataset,
    shape: Shape,
    columns: Vec<Column>,
    needed: Vec<bool>,
    /// Whether nobody looks into the rows, as under `count(*)`.
    blank: bool,
    /// The recognised clauses.
    pub quals: Vec<Qual>,
    /// The recognised instant.
    pub marker: Option<Marker>,
    whole: Option<Arc<View>>,
    cursor: Cursor,
    /// How many change sets of the delta the last view held.
    pub delta_rows: Option<usize>,
}

/// Where a scan stands.
enum Cursor {
    Start,
    Done,
    /// Entities that satisfy the selection; those of `pinned` are still to be tested.
    States {
        view: Arc<View>,
        horizon: Horizon,
        ordinals: IntoIter<Ordinal>,
        select: Option<Select>,
        pinned: Option<Pred>,
    },
    Events {
        view: Arc<View>,
        pred: Pred,
        ordinals: IntoIter<Ordinal>,
        current: (Ordinal, Vec<u8>, IntoIter<Event>),
    },
}

/// Makes the scan's state; evaluates nothing yet.
#[pg_guard]
pub unsafe extern "C-unwind" fn begin(node: *mut pg_sys::ForeignScanState, _eflags: i32) {
    // SAFETY: the executor's node; its plan is the one that `get_plan` made.
    unsafe {
        let plan = (*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
        let relid = (*(*node).ss.ss_currentRelation).rd_id;
        let dataset = catalog::dataset_of_face(relid);
        check_owner(relid, &dataset);
        let shape = catalog::shape_of_face(relid);
        let columns = columns_of(shape, relid);
        let numbers = &*(*plan).fdw_private;
        let private: Vec<i32> = (0..numbers.length as usize).map(|i| (*numbers.elements.add(i)).int_value).collect();
        let has_marker = private.first() == Some(&1);
        let needed = &private[1.min(private.len())..];
        let blank = needed.is_empty();
        let needed = (1..=columns.len()).map(|n| needed.iter().any(|&m| m == 0 || m as usize == n)).collect();
        let is_free = |expr: *mut pg_sys::Node| !pg_sys::contain_var_clause(expr);
        let target = Target { varno: (*plan).scan.scanrelid as i32, shape, columns: &columns, is_free: &is_free };
        let parent = &raw mut (*node).ss.ps;
        let (mut quals, mut marker) = (Vec::new(), None);
        for (i, expr) in pgrx::PgList::<pg_sys::Node>::from_pg((*plan).fdw_exprs).iter_ptr().enumerate() {
            if i == 0 && has_marker {
                marker = target.marker(expr);
            } else if let Some(qual) = target.recognise(expr) {
                quals.push(qual);
            } else {
                unrecognised();
            }
        }
        if has_marker != marker.is_some() {
            unrecognised();
        }
        quals.iter_mut().for_each(|q| q.prepare(parent));
        if let Some(marker) = &mut marker {
            marker.ts.prepare(parent);
            if let Some(system) = &mut marker.system {
                system.prepare(parent);
            }
        }
        let scan = Scan {
            relid,
            dataset,
            shape,
            columns,
            needed,
            blank,
            quals,
            marker,
            whole: None,
            cursor: Cursor::Start,
            delta_rows: None,
        };
        let mut memory = pgrx::PgMemoryContexts::For((*(*node).ss.ps.state).es_query_cxt);
        (*node).fdw_state = memory.leak_and_drop_on_delete(scan).cast();
    }
}

fn unrecognised() -> ! {
    crate::pg::error::raise(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        "a clause of the plan is not recognised by the scan",
        Some("Plan the query anew."),
    )
}

/// Gives the next row.
#[pg_guard]
pub unsafe extern "C-unwind" fn iterate(node: *mut pg_sys::ForeignScanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: `begin` made the state; the slot's row descriptor is the face's, and tuples live in the per-row context
    // that the executor has made current.
    unsafe {
        let scan = &mut *(*node).fdw_state.cast::<Scan>();
        let slot = (*node).ss.ss_ScanTupleSlot;
        if matches!(scan.cursor, Cursor::Start) {
            scan.cursor = scan.start(node);
        }
        if scan.blank
            && let Some(is_row) = scan.next_blank()
        {
            pg_sys::ExecClearTuple(slot);
            if is_row {
                store_nulls(slot);
            } else {
                scan.cursor = Cursor::Done;
            }
            return slot;
        }
        let tuple = scan.next((*slot).tts_tupleDescriptor);
        match tuple {
            Some(tuple) => pg_sys::ExecStoreHeapTuple(tuple, slot, false),
            None => {
                scan.cursor = Cursor::Done;
                pg_sys::ExecClearTuple(slot)
            }
        }
    }
}

/// Makes the slot hold a row of NULLs.
unsafe fn store_nulls(slot: *mut pg_sys::TupleTableSlot) {
    // SAFETY: the slot is empty and has an array of flags as long as its descriptor; a virtual row may be stored in a
    // slot of any kind.
    unsafe {
        let columns = (*(*slot).tts_tupleDescriptor).natts as usize;
        std::slice::from_raw_parts_mut((*slot).tts_isnull, columns).fill(true);
        pg_sys::ExecStoreVirtualTuple(slot);
    }
}

/// Starts again, with the values as they are now.
#[pg_guard]
pub unsafe extern "C-unwind" fn rescan(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: `begin` made the state.
    unsafe { (*(*node).fdw_state.cast::<Scan>()).cursor = Cursor::Start };
}

/// Lets go of what the scan read.
#[pg_guard]
pub unsafe extern "C-unwind" fn end(node: *mut pg_sys::ForeignScanState) {
    // SAFETY: `begin` made the state, unless it raised.
    unsafe {
        if let Some(scan) = (*node).fdw_state.cast::<Scan>().as_mut() {
            scan.cursor = Cursor::Done;
            scan.whole = None;
        }
    }
}

/// EvalPlanQual: the recheck clauses say all there is to say.
#[pg_guard]
pub unsafe extern "C-unwind" fn recheck(
    _node: *mut pg_sys::ForeignScanState,
    _slot: *mut pg_sys::TupleTableSlot,
) -> bool {
    true
}

impl Scan {
    /// Evaluates the values and reads the view.
    unsafe fn start(&mut self, node: *mut pg_sys::ForeignScanState) -> Cursor {
        // SAFETY: the executor's node, its expression context and its snapshot, which is registered.
        unsafe {
            let context = (*node).ss.ps.ps_ExprContext;
            let snapshot = (*(*node).ss.ps.state).es_snapshot;
            let horizon = match &self.marker {
                None => plain_read(),
                Some(marker) => match horizon_of(marker, context) {
                    Some(horizon) => horizon,
                    None => return Cursor::Done,
                },
            };
            let pred = Pred::And(self.quals.iter().map(|q| q.ask(false, context)).collect());
            let pinned = pred.pinned();
            let view = match (&pinned, &self.whole) {
                (Some(ids), _) if ids.is_empty() => return Cursor::Done,
                (_, Some(view)) => view.clone(),
                (Some(ids), None) => {
                    let ids: Vec<&[u8]> = ids.iter().map(Vec::as_slice).collect();
                    store::view_of_ids(&self.dataset, &ids, snapshot)
                }
                (None, None) => {
                    let view = store::view(&self.dataset, snapshot);
                    self.whole = Some(view.clone());
                    view
                }
            };
            self.delta_rows = Some(view.delta_rows());
            let ordinals = match &pinned {
                Some(ids) => {
                    let found = ids.iter().filter_map(|id| view.resolve(id).or_raise());
                    let mut found: Vec<Ordinal> = found.collect();
                    found.sort_unstable();
                    found
                }
                None if self.shape == Shape::Event => view.ordinals().or_raise(),
                None => Vec::new(),
            };
            match self.shape {
                Shape::Event => {
                    let current = (Ordinal(0), Vec::new(), Vec::new().into_iter());
                    Cursor::Events { view, pred, ordinals: ordinals.into_iter(), current }
                }
                Shape::State => {
                    let select = match &pinned {
                        Some(_) => None,
                        None => {
                            let expr = pred.lower(&view).or_raise();
                            Some(Select::new(view.clone(), expr, horizon.clone()).or_raise())
                        }
                    };
                    let pinned = pinned.map(|_| pred);
                    Cursor::States { view, horizon, ordinals: ordinals.into_iter(), select, pinned }
                }
            }
        }
    }

    fn needs(&self, column: Column) -> bool {
        self.columns.iter().zip(&self.needed).any(|(c, needed)| *needed && *c == column)
    }

    /// Whether there is one more row, where a selection alone says so; `None` where entities must be looked at.
    fn next_blank(&mut self) -> Option<bool> {
        let Cursor::States { ordinals, select: Some(select), pinned: None, .. } = &mut self.cursor else { return None };
        while ordinals.next().is_none() {
            pgrx::check_for_interrupts!();
            let Some(chunk) = select.next_chunk().or_raise() else { return Some(false) };
            *ordinals = chunk.ordinals().collect::<Vec<_>>().into_iter();
        }
        Some(true)
    }

    /// The next row as a tuple in the current memory context.
    unsafe fn next(&mut self, desc: pg_sys::TupleDesc) -> Option<pg_sys::HeapTuple> {
        let needs_id = self.needs(Column::Id);
        let needs_content = self.needs(Column::Content);
        let needs_state = self
            .columns
            .iter()
            .zip(&self.needed)
            .any(|(c, needed)| *needed && !matches!(c, Column::Id | Column::Dropped));
        let (relid, columns, needed) = (self.relid, &self.columns, &self.needed);
        let is_needed = |i: usize| needed.get(i).copied().unwrap_or(false);
        match &mut self.cursor {
            Cursor::Start | Cursor::Done => None,
            Cursor::States { view, horizon, ordinals, select, pinned } => loop {
                pgrx::check_for_interrupts!();
                let Some(ordinal) = ordinals.next() else {
                    let chunk = select.as_mut()?.next_chunk().or_raise()?;
                    *ordinals = chunk.ordinals().collect::<Vec<_>>().into_iter();
                    continue;
                };
                let mut state = None;
                if needs_state || pinned.is_some() {
                    state = view.state(ordinal, horizon).or_raise();
                    if state.is_none() {
                        continue;
                    }
                }
                let id = if needs_id || pinned.is_some() { view.id(ordinal).or_raise() } else { b"".into() };
                if let (Some(pred), Some(state)) = (&pinned, &state)
                    && !pred.matches(&Subject { id: &id, tags: &state.tags, ts: Ns(0) })
                {
                    continue;
                }
                let blob = state.as_ref().and_then(|s| s.content.as_ref()).filter(|_| needs_content);
                let content = blob.map(|blob| view.content(blob).or_raise());
                let row = StateRow { ordinal, id: &id, state: state.as_ref(), content: content.as_deref() };
                // SAFETY: the descriptor is the face's, whose columns `begin` read.
                return Some(unsafe { form_state(desc, relid, columns, &is_needed, &row) });
            },
            Cursor::Events { view, pred, ordinals, current } => loop {
                pgrx::check_for_interrupts!();
                let (ordinal, id, events) = current;
                let Some(event) = events.next() else {
                    let ordinal = ordinals.next()?;
                    let id = view.id(ordinal).or_raise().into_owned();
                    let mut events = view.timeline(ordinal).or_raise().events().to_vec();
                    events.sort_unstable_by_key(|e| e.seq);
                    *current = (ordinal, id, events.into_iter());
                    continue;
                };
                if !pred.matches(&Subject { id, tags: &[], ts: event.ts }) {
                    continue;
                }
                let blob = event.content.as_ref().filter(|_| needs_content);
                let content = blob.map(|blob| view.content(blob).or_raise());
                let recorded_at = event.recorded_at.or_else(|| commit_time(event.tx));
                let row = EventRow { ordinal: *ordinal, id, event: &event, content: content.as_deref(), recorded_at };
                // SAFETY: the descriptor is the face's, whose columns `begin` read.
                return Some(unsafe { form_event(desc, relid, columns, &is_needed, &row) });
            },
        }
    }
}

/// When a transaction committed, if it did and PostgreSQL still knows.
pub fn commit_time(tx: Xid) -> Option<Micros> {
    if own_xid() == Some(tx) {
        return None;
    }
    let (mut at, mut origin) = (0, 0);
    // SAFETY: the transaction id is one that this cluster gave; both results are written before they are read.
    let is_known = unsafe {
        pg_sys::track_commit_timestamp
            && pg_sys::TransactionIdGetCommitTsData(pg_sys::TransactionId::from(tx.0 as u32), &mut at, &mut origin)
    };
    is_known.then(|| Micros(clock::to_unix_micros(at)))
}

fn own_xid() -> Option<Xid> {
    // SAFETY: plain look-up in the transaction's state.
    let xid = unsafe { pg_sys::GetTopFullTransactionIdIfAny() }.value;
    (xid != 0).then_some(Xid(xid))
}

/// S2: what a plain read looks at.
pub fn plain_read() -> Horizon {
    thread_local! {
        /// The transaction that last read in REPEATABLE READ or above, and the clock of its snapshot.
        static FIRST: Cell<(u32, i64)> = const { Cell::new((0, 0)) };
    }
    // SAFETY: plain look-ups in the backend's state.
    let (statement, isolation, lxid) =
        unsafe { (pg_sys::GetCurrentStatementStartTimestamp(), pg_sys::XactIsoLevel, (*pg_sys::MyProc).lxid) };
    let mut snapshot = statement;
    if isolation >= pg_sys::XACT_REPEATABLE_READ as i32 {
        let (known, at) = FIRST.get();
        if known == lxid {
            snapshot = at;
        } else {
            FIRST.set((lxid, statement));
        }
    }
    let own = own_xid().map(|xid| (xid, clock::last_ns(statement)));
    Horizon { valid: Valid::Now { clock: clock::last_ns(snapshot), own }, known: None }
}

/// What a marker asks for; `None` where an instant is NULL.
unsafe fn horizon_of(marker: &Marker, context: *mut pg_sys::ExprContext) -> Option<Horizon> {
    // SAFETY: the marker was prepared by `begin`; its arguments have the types of the marker functions.
    unsafe {
        let ts = marker.ts.get(context)?.value() as i64;
        let ts = if marker.ns { Ns(ts) } else { clock::last_ns(ts) };
        let mut horizon = Horizon::at(ts);
        // Without a system time, what is known now counts.
        if let Some(system) = marker.system.as_ref().and_then(|system| system.get(context)) {
            let system = system.value() as i64;
            if system != i64::MAX {
                horizon.known = Some(known_at(clock::to_unix_micros(system)));
            }
        }
        Some(horizon)
    }
}

/// Whether a transaction was committed at or before `system`; what PostgreSQL no longer knows is older than that.
fn known_at(system: i64) -> Known {
    let own = own_xid();
    Arc::new(move |tx, recorded_at| {
        if own == Some(tx) {
            return false;
        }
        recorded_at.or_else(|| commit_time(tx)).is_none_or(|at| at.0 <= system)
    })
}
