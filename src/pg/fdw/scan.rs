//! How a scan runs: values, view, horizon, then row after row.
//!
//! Invariant: everything that a scan reads, it reads with the statement's snapshot; a rescan with other values sees
//! the same view.

use std::cell::RefCell;
use std::sync::Arc;
use std::vec::IntoIter;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::columns::Columns;
use super::erasures::{self, Erasure, form_erasure};
use super::give::{Give, Row};
use super::marker::{Asked, Marker};
use super::order::{self, By, ORDER};
use super::ordered::{Found, Ordered};
use super::parts::{PARTS, Parts};
use super::pred::{Pred, Subject};
use super::quals::{Qual, TABLEOID, Target};
use super::spans::Spans;
use super::tuple::{Column, columns_of, place};
use crate::engine::{
    Blob, Event, EventScan, Horizon, Inflated, Known, Opened, Search, Select, State, States, TagExpr, Valid, View,
    Wanted, Wants,
};
use crate::pg::catalog::{self, Dataset, Shape};
use crate::pg::error::OrRaise;
use crate::pg::session::Bounds;
use crate::pg::valid_floor::{self, Cut};
use crate::pg::{clock, manifest, snapshot_time, store};
use crate::types::{Ns, Ordinal, Xid};

/// A scan's own state, freed with the query's memory.
pub struct Scan {
    /// The face.
    pub relid: pg_sys::Oid,
    dataset: Dataset,
    /// The face's shape.
    pub shape: Shape,
    columns: Columns,
    needed: Vec<bool>,
    /// Whether somebody looks at a system column.
    system: bool,
    /// The parts of contents that are looked at, if these are not all.
    pub parts: Option<Parts>,
    /// What reads contents, and counts their blocks.
    pub inflated: RefCell<Inflated>,
    /// Whether nobody looks into the rows, as under `count(*)`.
    blank: bool,
    /// How many columns of the row, from the first on, are the number of rows; `None` where rows themselves are given.
    counts: Option<usize>,
    /// The recognised clauses.
    pub quals: Vec<Qual>,
    /// What a table function asks for.
    pub marker: Option<Marker>,
    /// The session's bounds as they were when the scan began.
    pub bounds: Bounds,
    whole: Option<Arc<View>>,
    /// The segments that the snapshot sees, once a scan of given ids has read the manifest.
    segments: Option<Vec<Arc<Opened>>>,
    /// The view that is read, and which runs the views before it touched.
    view: Option<Arc<View>>,
    touched_before: Vec<bool>,
    cursor: Cursor,
    /// What the rows are given in the order of; empty: in any.
    pub order: Vec<By>,
    /// How many change sets of the delta the last view held.
    pub delta_rows: Option<usize>,
}

/// Where a scan stands.
pub(super) enum Cursor {
    Start,
    Done,
    /// Entities that satisfy a selection.
    States(Entities),
    /// Events that satisfy `pred` and that a bound admits, if there is one.
    Events {
        view: Arc<View>,
        pred: Pred,
        bound: Option<Horizon>,
        scan: Box<EventScan>,
        current: Entity,
        /// What the feed of changes says of erasures, after the events; the last comes first.
        erasures: Vec<Erasure>,
    },
    /// Versions, or intervals of tags.
    Spans(Box<Spans>),
    /// Rows in an order.
    Ordered(Box<Ordered>, Box<Question>),
    /// As many events, of which nobody looks into any.
    Blanks(u64),
}

/// Entities that satisfy the selection, of which those are given that satisfy `filter` too.
pub(super) struct Entities {
    view: Arc<View>,
    ordinals: IntoIter<Ordinal>,
    select: Option<Box<Select>>,
    filter: Option<Pred>,
    states: Box<States>,
}

/// What a scan is asked, with all values known.
pub(super) struct Question {
    shape: Shape,
    pub(super) view: Arc<View>,
    pub(super) horizon: Horizon,
    /// Whether later questions of the scan are of the same horizon.
    stays: bool,
    /// Which events of an event face are admitted, if not all are.
    bound: Option<Horizon>,
    wanted: Option<Wanted>,
    pub(super) pred: Pred,
    /// The entities outside of which nothing matches, if they are known.
    pub(super) pinned: Option<Vec<Ordinal>>,
    /// What versions and intervals are cut at.
    floors: Cut,
}

/// The entity whose events are given: its ordinal, its id where that is needed, its events and the next one's place.
#[derive(Default)]
pub(super) struct Entity {
    ordinal: Ordinal,
    id: Vec<u8>,
    events: Vec<Event>,
    next: usize,
}

/// Whose rows a plan reads, and how its expressions name their columns.
struct Source {
    relid: pg_sys::Oid,
    shape: Shape,
    varno: i32,
    /// The columns by the numbers that expressions have for them.
    columns: Columns,
    tableoid: i16,
}

impl Source {
    /// Of a scan that gives the face's rows.
    fn of_rows(relid: pg_sys::Oid, plan: &pg_sys::ForeignScan) -> Self {
        let shape = catalog::shape_of_face(relid);
        Self { relid, shape, varno: plan.scan.scanrelid as i32, columns: columns_of(shape, relid), tableoid: TABLEOID }
    }

    /// Of a count, whose expressions name the face's columns by their places in its own row.
    unsafe fn of_count(node: *mut pg_sys::ForeignScanState, plan: &pg_sys::ForeignScan) -> Self {
        // SAFETY: `plan` in `count.rs` made the plan: the face is its only relation, and its row's entries are aggregates
        // and columns of the face.
        unsafe {
            let rti = pg_sys::bms_next_member(plan.fs_relids, -1);
            let relid = (*pg_sys::exec_rt_fetch(rti as pg_sys::Index, (*node).ss.ps.state)).relid;
            let shape = catalog::shape_of_face(relid);
            let (all, mut columns, mut tableoid) = (columns_of(shape, relid), Vec::new(), 0);
            for entry in pgrx::PgList::<pg_sys::TargetEntry>::from_pg(plan.fdw_scan_tlist).iter_ptr() {
                let expr = (*entry).expr;
                let number = match (*expr).type_ {
                    pg_sys::NodeTag::T_Var => (*expr.cast::<pg_sys::Var>()).varattno,
                    _ => 0,
                };
                if number == TABLEOID {
                    tableoid = (*entry).resno;
                }
                let column = usize::try_from(number - 1).ok().and_then(|at| all.get(at));
                columns.push(column.copied().unwrap_or(Column::Dropped));
            }
            Self { relid, shape, varno: pg_sys::INDEX_VAR, columns: all.reordered(columns), tableoid }
        }
    }
}

/// Makes the scan's state; evaluates nothing yet.
#[pg_guard]
pub unsafe extern "C-unwind" fn begin(node: *mut pg_sys::ForeignScanState, _eflags: i32) {
    // SAFETY: the executor's node; its plan is the one that `get_plan` made.
    unsafe {
        let plan = &*(*node).ss.ps.plan.cast::<pg_sys::ForeignScan>();
        let source = match plan.scan.scanrelid {
            0 => Source::of_count(node, plan),
            _ => Source::of_rows((*(*node).ss.ss_currentRelation).rd_id, plan),
        };
        let dataset = catalog::dataset_of_face(source.relid);
        let numbers = &*plan.fdw_private;
        let private: Vec<i32> = (0..numbers.length as usize).map(|i| (*numbers.elements.add(i)).int_value).collect();
        let has_marker = private.first() == Some(&1);
        let numbers = &private[1.min(private.len())..];
        let end = numbers.iter().position(|number| *number == PARTS).unwrap_or(numbers.len());
        let (numbers, part_numbers) = (&numbers[..end], numbers.get(end + 1..));
        let end = numbers.iter().position(|number| *number == ORDER).unwrap_or(numbers.len());
        let (numbers, order) = (&numbers[..end], order::of_private(&numbers[end..], &source.columns));
        let exprs: Vec<*mut pg_sys::Expr> = pgrx::PgList::from_pg(plan.fdw_exprs).iter_ptr().collect();
        let uses = part_numbers.map(Parts::of_private);
        let of_parts = uses.as_ref().map_or(0, |(_, args)| *args).min(exprs.len());
        let (exprs, part_exprs) = exprs.split_at(exprs.len() - of_parts);
        let counts = match (plan.scan.scanrelid, numbers) {
            (0, [counts]) => usize::try_from(*counts).ok(),
            _ => None,
        };
        let needed = |n: usize| counts.is_none() && numbers.iter().any(|&m| m == 0 || m as usize == n);
        let needed = (1..=source.columns.len()).map(needed).collect();
        let is_free = |expr: *mut pg_sys::Node| !pg_sys::contain_var_clause(expr);
        let target = Target {
            varno: source.varno,
            shape: source.shape,
            columns: &source.columns,
            tableoid: source.tableoid,
            is_free: &is_free,
        };
        let parent = &raw mut (*node).ss.ps;
        let (mut quals, mut marker) = (Vec::new(), None);
        for (i, expr) in exprs.iter().map(|expr| expr.cast::<pg_sys::Node>()).enumerate() {
            if i == 0 && has_marker {
                marker = target.marker(expr);
            } else if let Some(qual) = target.recognise(expr).or_else(|| target.narrowed(expr)) {
                quals.push(qual);
            } else {
                unrecognised();
            }
        }
        if has_marker != marker.is_some() {
            unrecognised();
        }
        quals.iter_mut().for_each(|q| q.prepare(&source.columns, parent));
        if let Some(marker) = &mut marker {
            marker.prepare(parent);
        }
        let bounds = Bounds::now();
        let rti = match plan.scan.scanrelid {
            0 => pg_sys::bms_next_member(plan.fs_relids, -1) as pg_sys::Index,
            rti => rti,
        };
        bounds.check_view(source.relid, rti, (*node).ss.ps.state);
        let parts = uses.map(|(uses, _)| Parts::prepare(uses, part_exprs, parent).unwrap_or_else(|| unrecognised()));
        let scan = Scan {
            relid: source.relid,
            dataset,
            shape: source.shape,
            columns: source.columns,
            needed,
            system: numbers.iter().any(|number| *number < 0),
            blank: numbers.is_empty(),
            parts,
            inflated: RefCell::default(),
            counts,
            quals,
            marker,
            bounds,
            whole: None,
            segments: None,
            view: None,
            touched_before: Vec::new(),
            cursor: Cursor::Start,
            order,
            delta_rows: None,
        };
        let mut memory = pgrx::PgMemoryContexts::For((*(*node).ss.ps.state).es_query_cxt);
        (*node).fdw_state = memory.leak_and_drop_on_delete(scan).cast();
    }
}

/// A plan that does not say what it was made to say.
pub fn unrecognised() -> ! {
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
        if let Some(columns) = scan.counts {
            pg_sys::ExecClearTuple(slot);
            if matches!(scan.cursor, Cursor::Start) {
                scan.cursor = scan.start(node);
                let rows = scan.count();
                scan.cursor = Cursor::Done;
                store_count(slot, columns, rows);
            }
            return slot;
        }
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
        let row = scan.next((*slot).tts_tupleDescriptor);
        match row {
            Some(Row::Tuple(tuple)) => pg_sys::ExecStoreHeapTuple(tuple, slot, false),
            Some(Row::Values(ordinal, values)) => {
                pg_sys::ExecClearTuple(slot);
                store_values(slot, ordinal, &values);
                slot
            }
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

/// Makes the slot hold these values, of the entity with this ordinal.
unsafe fn store_values(slot: *mut pg_sys::TupleTableSlot, ordinal: Ordinal, values: &[Option<pg_sys::Datum>]) {
    // SAFETY: as in `store_nulls`; the values are of the descriptor, one a column.
    unsafe {
        for (i, value) in values.iter().enumerate() {
            *(*slot).tts_values.add(i) = value.unwrap_or(pg_sys::Datum::from(0));
            *(*slot).tts_isnull.add(i) = value.is_none();
        }
        (*slot).tts_tid = place(ordinal);
        pg_sys::ExecStoreVirtualTuple(slot);
    }
}

/// Makes the slot hold a row whose first `columns` are `count`.
unsafe fn store_count(slot: *mut pg_sys::TupleTableSlot, columns: usize, count: u64) {
    // SAFETY: as in `store_nulls`; `columns` is at most the number of columns.
    unsafe {
        let count = pg_sys::Datum::from(i64::try_from(count).unwrap_or(i64::MAX));
        let all = (*(*slot).tts_tupleDescriptor).natts as usize;
        store_nulls(slot);
        for i in 0..columns.min(all) {
            *(*slot).tts_values.add(i) = count;
            *(*slot).tts_isnull.add(i) = false;
        }
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
            scan.view = None;
            scan.segments = None;
        }
    }
}

/// EvalPlanQual: of a row, the recheck clauses say all there is to say; a count in a sub-select is taken anew, as any
/// aggregate there is.
#[pg_guard]
pub unsafe extern "C-unwind" fn recheck(
    node: *mut pg_sys::ForeignScanState,
    _slot: *mut pg_sys::TupleTableSlot,
) -> bool {
    // SAFETY: `begin` made the state; the slot that is asked about is the node's own, which `iterate` fills.
    unsafe { (*(*node).fdw_state.cast::<Scan>()).counts.is_none() || !super::row::empty(iterate(node)) }
}

impl Scan {
    /// Evaluates the values and reads the view.
    unsafe fn start(&mut self, node: *mut pg_sys::ForeignScanState) -> Cursor {
        // SAFETY: the executor's node, its expression context and its snapshot, which is registered.
        unsafe {
            let context = (*node).ss.ps.ps_ExprContext;
            let snapshot = (*(*node).ss.ps.state).es_snapshot;
            let asked = match &self.marker {
                None => Some(Asked::plain(self.shape, self.bounds, &self.dataset, snapshot)),
                Some(marker) => marker.ask(context, self.bounds, &self.dataset, snapshot),
            };
            let Some(Asked { horizon, wanted }) = asked else { return Cursor::Done };
            let pred = Pred::And(self.quals.iter().map(|q| q.ask(false, context)).collect());
            let pinned = pred.pinned();
            if let Some(parts) = &mut self.parts {
                parts.start(context);
            }
            let view = match (&pinned, &self.whole) {
                (Some(ids), _) if ids.is_empty() => return Cursor::Done,
                (_, Some(view)) => view.clone(),
                (Some(ids), None) => {
                    let ids: Vec<&[u8]> = ids.iter().map(Vec::as_slice).collect();
                    let segments = self.segments.get_or_insert_with(|| manifest::segments(&self.dataset, snapshot));
                    store::view_of_ids_in(segments.clone(), &self.dataset, &ids, snapshot)
                }
                (None, None) => {
                    let view = store::view(&self.dataset, snapshot);
                    self.whole = Some(view.clone());
                    view
                }
            };
            self.delta_rows = Some(view.delta_rows());
            self.touched_before = self.touched();
            self.view = Some(view.clone());
            let pinned = pinned.map(|ids| {
                let found = ids.iter().filter_map(|id| view.resolve(id).or_raise());
                let mut found: Vec<Ordinal> = found.collect();
                found.sort_unstable();
                found
            });
            if let Valid::At(t) = horizon.valid {
                valid_floor::check(&self.dataset, snapshot, t, pinned.as_deref());
            }
            if self.shape == Shape::Event && wanted.is_none() {
                // No bound is no instant that is asked for: what there is is shown.
                let (from, to) = pred.bounds();
                let asked = [from.filter(|from| *from > Ns::MIN_WRITABLE), to].into_iter().flatten().min();
                if let Some(t) = asked {
                    valid_floor::check(&self.dataset, snapshot, t, pinned.as_deref());
                }
            }
            let floors = match self.shape {
                Shape::Version | Shape::Tag => valid_floor::of_spans(&self.dataset, snapshot),
                Shape::State | Shape::Event => Cut::default(),
            };
            if self.shape == Shape::Event
                && self.blank
                && self.quals.is_empty()
                && wanted.is_none()
                && !self.is_bounded()
            {
                return Cursor::Blanks(view.event_count());
            }
            // What was committed since a token is bound by neither setting.
            let bound = (self.is_bounded() && self.marker.is_none()).then(|| horizon.clone());
            let instants = [Column::CreatedAt, Column::CreatedAtNs, Column::UpdatedAt, Column::UpdatedAtNs];
            let wants = Wants {
                tags: self.needs(Column::Tags) || self.needs_tagged(),
                instants: instants.into_iter().any(|column| self.needs(column)),
            };
            let erased = match &wanted {
                Some(wanted) if self.quals.is_empty() => erasures::wanted(&self.dataset, wanted, snapshot),
                _ => Vec::new(),
            };
            let stays = self.marker.is_none();
            let question = Question { shape: self.shape, view, horizon, stays, bound, wanted, pred, pinned, floors };
            if self.order.is_empty() {
                let mut cursor = question.cursor(wants);
                if let Cursor::Events { erasures, .. } = &mut cursor {
                    *erasures = erased;
                }
                return cursor;
            }
            Cursor::Ordered(Box::new(Ordered::new(self.order.clone(), &question)), Box::new(question))
        }
    }

    /// Whether the session bounds what its faces show.
    fn is_bounded(&self) -> bool {
        self.bounds != Bounds::default()
    }

    fn needs(&self, column: Column) -> bool {
        self.columns.iter().zip(&self.needed).any(|(c, needed)| *needed && *c == column)
    }

    fn needs_tagged(&self) -> bool {
        self.columns.iter().zip(&self.needed).any(|(c, needed)| *needed && matches!(c, Column::Tagged(_)))
    }

    /// Whether there is one more row, where a selection alone says so; `None` where entities must be looked at.
    fn next_blank(&mut self) -> Option<bool> {
        let (ordinals, select) = match &mut self.cursor {
            Cursor::States(Entities { ordinals, select: Some(select), filter: None, .. }) => (ordinals, select),
            Cursor::Blanks(left) => {
                let is_row = *left > 0;
                *left = left.saturating_sub(1);
                return Some(is_row);
            }
            _ => return None,
        };
        while ordinals.next().is_none() {
            pgrx::check_for_interrupts!();
            let Some(chunk) = select.next_chunk().or_raise() else { return Some(false) };
            *ordinals = chunk.ordinals().collect::<Vec<_>>().into_iter();
        }
        Some(true)
    }

    /// Of each run and tile that the snapshot sees, whether the scan read it so far.
    pub fn touched(&self) -> Vec<bool> {
        let Some(view) = &self.view else { return Vec::new() };
        let before = self.touched_before.iter().copied().chain(std::iter::repeat(false));
        view.touched().zip(before).map(|(now, before)| now || before).collect()
    }

    /// Whether the scan gives the number of rows instead of rows.
    pub fn is_count(&self) -> bool {
        self.counts.is_some()
    }

    /// How many entities the scan finds.
    fn count(&mut self) -> u64 {
        let Cursor::States(found) = &mut self.cursor else { return 0 };
        if found.filter.is_none()
            && let Some(select) = found.select.take()
        {
            return select.count().or_raise();
        }
        let mut n = 0;
        while found.next(false, false, &self.inflated).is_some() {
            n += 1;
        }
        n
    }

    /// The next row, its values in the current memory context.
    unsafe fn next(&mut self, desc: pg_sys::TupleDesc) -> Option<Row> {
        let give = Give {
            desc,
            relid: self.relid,
            columns: &self.columns,
            needed: &self.needed,
            system: self.system,
            parts: self.parts.as_ref(),
            inflated: &self.inflated,
        };
        let needs_id = give.needs(Column::Id);
        let is_of_state = |column: &Column| !matches!(column, Column::Id | Column::Dropped);
        let needs_state = self.columns.iter().zip(&self.needed).any(|(c, needed)| *needed && is_of_state(c));
        // SAFETY: the descriptor is the face's, whose columns `begin` read.
        unsafe {
            match &mut self.cursor {
                Cursor::Start | Cursor::Done | Cursor::Blanks(_) => None,
                Cursor::Spans(spans) => {
                    let (ordinal, span) = spans.next_span(needs_id, &self.inflated)?;
                    Some(span.row(&give, spans.view(), ordinal, spans.id()))
                }
                Cursor::Ordered(ordered, question) => {
                    let view = &question.view;
                    let id = |ordinal| if needs_id { view.id(ordinal).or_raise().into_owned() } else { Vec::new() };
                    Some(match ordered.next(question, needs_state, &self.inflated)? {
                        Found::State(ordinal, id, state) => give.state(view, ordinal, &id, state.as_ref()),
                        Found::Event(ordinal, event) => give.event(view, ordinal, &id(ordinal), &event),
                        Found::Span(ordinal, span) => span.row(&give, view, ordinal, &id(ordinal)),
                    })
                }
                Cursor::States(found) => {
                    let (ordinal, id, state) = found.next(needs_id, needs_state, &self.inflated)?;
                    Some(give.state(&found.view, ordinal, &id, state.as_ref()))
                }
                Cursor::Events { view, pred, bound, scan, current, erasures } => loop {
                    let Some(event) = current.events.get(current.next) else {
                        pgrx::check_for_interrupts!();
                        let Some(ordinal) = scan.next(&mut current.events).or_raise() else {
                            let erasure = erasures.pop()?;
                            return Some(Row::Tuple(form_erasure(desc, self.relid, &self.columns, erasure)));
                        };
                        current.ordinal = ordinal;
                        if let Some(bound) = bound {
                            bound.retain(&mut current.events);
                        }
                        current.next = 0;
                        if needs_id || pred.asks_ids() {
                            current.id = view.id(current.ordinal).or_raise().into_owned();
                        }
                        continue;
                    };
                    current.next += 1;
                    if matches_event(pred, view, &current.id, event, &self.inflated) {
                        return Some(give.event(view, current.ordinal, &current.id, event));
                    }
                },
            }
        }
    }
}

impl Question {
    /// Whether states are asked for.
    pub(super) fn is_of_states(&self) -> bool {
        self.shape == Shape::State
    }

    /// What a predicate asks of tags and ordinals.
    pub(super) fn lowered(&self, pred: &Pred) -> TagExpr {
        pred.settle(&self.view, &self.horizon, self.stays);
        pred.lower(&self.view).or_raise()
    }

    /// The rows in any order, of which these parts are looked at.
    pub(super) fn cursor(&self, wants: Wants) -> Cursor {
        let (view, pinned) = (self.view.clone(), self.pinned.clone());
        match self.shape {
            Shape::Event => {
                let scan = Box::new(match pinned {
                    Some(ordinals) => EventScan::of(view.clone(), ordinals, self.wanted.clone()),
                    None => EventScan::all(view.clone(), self.wanted.clone()).or_raise(),
                });
                let (pred, bound) = (self.pred.clone(), self.bound.clone());
                Cursor::Events { view, pred, bound, scan, current: Entity::default(), erasures: Vec::new() }
            }
            Shape::Version | Shape::Tag => {
                let (horizon, pred) = (self.horizon.clone(), self.pred.clone());
                Cursor::Spans(Box::new(Spans::new(self.shape, view, horizon, pred, pinned, self.floors.clone())))
            }
            Shape::State => {
                let (ordinals, select, filter) = match pinned {
                    Some(ordinals) => (ordinals, None, Some(self.pred.clone())),
                    None => {
                        let expr = self.lowered(&self.pred);
                        let select = Select::new(view.clone(), expr, self.horizon.clone()).or_raise();
                        (Vec::new(), Some(Box::new(select)), self.pred.clone().left_open())
                    }
                };
                let wants = Wants {
                    tags: wants.tags || filter.as_ref().is_some_and(Pred::asks_tags),
                    instants: wants.instants || filter.as_ref().is_some_and(Pred::asks_instants),
                };
                let states = Box::new(States::new(view.clone(), self.horizon.clone(), wants).or_raise());
                Cursor::States(Entities { view, ordinals: ordinals.into_iter(), select, filter, states })
            }
        }
    }
}

impl Entities {
    /// The next entity, with its id and its state if they are needed.
    pub(super) fn next(
        &mut self,
        needs_id: bool,
        needs_state: bool,
        inflated: &RefCell<Inflated>,
    ) -> Option<(Ordinal, Vec<u8>, Option<State>)> {
        let Self { view, ordinals, select, filter, states } = self;
        let needs_state = needs_state || filter.is_some();
        loop {
            pgrx::check_for_interrupts!();
            let Some(ordinal) = ordinals.next() else {
                let chunk = select.as_mut()?.next_chunk().or_raise()?;
                *ordinals = chunk.ordinals().collect::<Vec<_>>().into_iter();
                continue;
            };
            let mut state = None;
            if needs_state {
                state = states.state(ordinal).or_raise();
                if state.is_none() {
                    continue;
                }
            }
            let mut id = Vec::new();
            if let (Some(filter), Some(state)) = (&filter, &state) {
                if filter.asks_ids() {
                    id = states.id(ordinal).or_raise();
                }
                if !matches_state(filter, view, &id, state, inflated) {
                    continue;
                }
            }
            if needs_id && id.is_empty() {
                id = states.id(ordinal).or_raise();
            }
            return Some((ordinal, id, state));
        }
    }
}

/// Whether an entity satisfies a predicate.
pub(super) fn matches_state(pred: &Pred, view: &View, id: &[u8], state: &State, inflated: &RefCell<Inflated>) -> bool {
    let blob = state.content.as_ref();
    let matches = |search: &Search| has_form(view, blob, search, inflated);
    let content: Option<&dyn Fn(&Search) -> bool> = if blob.is_some() { Some(&matches) } else { None };
    pred.matches(&Subject::entity(id, state).with_content(content))
}

/// Whether an event satisfies a predicate.
pub(super) fn matches_event(pred: &Pred, view: &View, id: &[u8], event: &Event, inflated: &RefCell<Inflated>) -> bool {
    let blob = event.content.as_ref();
    let matches = |search: &Search| has_form(view, blob, search, inflated);
    let content: Option<&dyn Fn(&Search) -> bool> = if blob.is_some() { Some(&matches) } else { None };
    pred.matches(&Subject::event(id, event.ts).with_content(content))
}

/// Whether a content has a form; false where there is none.
pub(super) fn has_form(view: &View, blob: Option<&Blob>, search: &Search, inflated: &RefCell<Inflated>) -> bool {
    blob.is_some_and(|blob| view.search_content(blob, search, &mut inflated.borrow_mut()).or_raise())
}

/// The transaction's own id, if it has one.
pub(super) fn own_xid() -> Option<Xid> {
    // SAFETY: plain look-up in the transaction's state.
    let xid = unsafe { pg_sys::GetTopFullTransactionIdIfAny() }.value;
    (xid != 0).then_some(Xid(xid))
}

/// S2: what a plain read looks at.
pub fn plain_read() -> Horizon {
    let (snapshot, statement) = snapshot_time::of_plain_read();
    let own = own_xid().map(|xid| (xid, clock::last_ns(statement)));
    Horizon { valid: Valid::Now { clock: clock::last_ns(snapshot), own }, known: None }
}

/// Whether a transaction was committed at or before `system`; what PostgreSQL no longer knows is older than that.
pub fn known_at(system: i64) -> Known {
    let own = own_xid();
    Arc::new(move |tx, recorded_at| {
        if own == Some(tx) {
            return false;
        }
        recorded_at.or_else(|| clock::commit_time(tx)).is_none_or(|at| at.0 <= system)
    })
}
