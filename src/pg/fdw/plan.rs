//! How a scan is planned: which clauses it answers, with which other relations' values, at what cost.
//!
//! Invariant: a path on which the marker's instant is unknown is never offered, so an instant from another relation
//! makes a nested loop, and never a join that reads the face at the wrong instant.

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::columns::Columns;
use super::marker::Marker;
use super::quals::{Qual, TABLEOID, Target};
use super::tuple::{Column, columns_of};
use super::{count, estimate, lateral, order, parts};
use crate::pg::catalog::{self, Shape};
use crate::pg::compat::{self, Cost};
use crate::pg::error::raise;
use crate::pg::store;

/// About how many entities fit on a page of the delta.
const ENTITIES_A_PAGE: f64 = 30.0;
/// What it costs, in the planner's unit, to begin a scan, to give a row, and to select or count among the entities, each.
pub const START_COST: f64 = 10.0;
const ROW_COST: f64 = 0.1;
pub const COUNT_COST: f64 = 0.000_02;
/// What it costs to find a row's place in an order, and to go along the ids to it.
const KEY_COST: f64 = 0.02;
const WALK_COST: f64 = 0.001;
/// Of how many rows, at most, an order is given that is not that of ids.
const FEW_ROWS: f64 = 4096.0;

/// What the planner's callbacks know of the face.
pub struct Face {
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    /// Its shape.
    pub shape: Shape,
    /// Its columns.
    pub columns: Columns,
}

impl Face {
    /// The face `relid` as relation `rel` of a query that is being planned; looked up once a relation.
    ///
    /// # Safety
    /// `root` and `rel` must be the planner's, `rel` a base relation.
    pub unsafe fn of<'a>(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo, relid: pg_sys::Oid) -> &'a Self {
        // SAFETY: a relation's `fdw_private` is the wrapper's own, and set here alone; what it points to lives as long as
        // the memory context that the first callback was called in, which is that of the planning.
        unsafe {
            if (*rel).fdw_private.is_null() {
                let shape = catalog::shape_of_face(relid);
                let face = Self { root, rel, shape, columns: columns_of(shape, relid) };
                (*rel).fdw_private = pgrx::PgMemoryContexts::CurrentMemoryContext.leak_and_drop_on_delete(face).cast();
            }
            &*(*rel).fdw_private.cast()
        }
    }

    /// Asks `f` with the target that recognises this face's clauses.
    fn with<R>(&self, f: impl FnOnce(&Target) -> R) -> R {
        // SAFETY: the relation is the planner's; expressions are walked, not kept.
        unsafe {
            let varno = (*self.rel).relid as i32;
            let is_free = |node: *mut pg_sys::Node| {
                !pg_sys::bms_is_member(varno, pg_sys::pull_varnos(self.root, node))
                    && !pg_sys::contain_volatile_functions(node)
                    && !pg_sys::contain_subplans(node)
            };
            f(&Target { varno, shape: self.shape, columns: &self.columns, tableoid: TABLEOID, is_free: &is_free })
        }
    }

    /// The column that an expression is, if it is one of the face.
    pub fn column(&self, node: *mut pg_sys::Node) -> Option<Column> {
        // SAFETY: the planner's expressions are valid.
        self.with(|t| unsafe { t.column(node) })
    }

    /// The query that is being planned, and the face as a relation of it.
    pub fn planned(&self) -> (*mut pg_sys::PlannerInfo, *mut pg_sys::RelOptInfo) {
        (self.root, self.rel)
    }

    /// Whether the rows are those of the feed of changes.
    pub fn shows_changes(&self) -> bool {
        // SAFETY: the relation is the planner's, and its clauses are boolean expressions.
        unsafe {
            let of = |list| pgrx::PgList::<pg_sys::RestrictInfo>::from_pg(list);
            let clauses = [of((*self.rel).baserestrictinfo), of((*self.rel).joininfo)];
            let since = |rinfo: *mut pg_sys::RestrictInfo| {
                matches!(self.with(|t| t.marker((*rinfo).clause.cast())), Some(Marker::Since { .. }))
            };
            clauses.iter().any(|list| list.iter_ptr().any(since))
        }
    }

    /// The number of the face's column that an expression is, if it is one.
    pub fn number(&self, expr: *mut pg_sys::Expr) -> Option<i32> {
        // SAFETY: the planner's expressions are valid; a node's tag says what it is.
        unsafe {
            let mut node: *mut pg_sys::Node = expr.cast();
            while !node.is_null() && (*node).type_ == pg_sys::NodeTag::T_RelabelType {
                node = (*node.cast::<pg_sys::RelabelType>()).arg.cast();
            }
            if node.is_null() || (*node).type_ != pg_sys::NodeTag::T_Var {
                return None;
            }
            let var = &*node.cast::<pg_sys::Var>();
            let is_own = i64::from(var.varno) == i64::from((*self.rel).relid) && var.varlevelsup == 0;
            (is_own && var.varattno > 0).then(|| i32::from(var.varattno))
        }
    }

    fn qual(&self, rinfo: *mut pg_sys::RestrictInfo) -> Option<Qual> {
        // SAFETY: the clause of a RestrictInfo is a boolean expression.
        let qual = self.with(|t| unsafe { t.recognise((*rinfo).clause.cast()) });
        // What leaks its arguments must not see values of rows that a security barrier hides.
        // SAFETY: the planner's own structures.
        qual.filter(|qual| unsafe {
            let is_behind = (*rinfo).security_level > (*self.rel).baserestrict_min_security;
            !is_behind || (*rinfo).leakproof || !qual.asks_values()
        })
    }

    /// The clauses in the form that a plan keeps them.
    pub fn split(&self, clauses: &[*mut pg_sys::RestrictInfo]) -> Clauses {
        let mut split = Clauses { marker: no_list(), pushed: no_list(), local: no_list() };
        for &rinfo in clauses {
            // SAFETY: the clauses are the planner's; lists are made in the planner's memory context.
            unsafe {
                let clause = (*rinfo).clause.cast();
                if split.marker.is_null() && self.is_marker(rinfo) {
                    split.marker = pg_sys::lappend(split.marker, clause);
                } else if self.qual(rinfo).is_some() {
                    split.pushed = pg_sys::lappend(split.pushed, clause);
                } else {
                    if self.narrowed(rinfo) {
                        split.pushed = pg_sys::lappend(split.pushed, clause);
                    }
                    split.local = pg_sys::lappend(split.local, clause);
                }
            }
        }
        split
    }

    /// Whether the scan narrows down what PostgreSQL filters by this clause.
    fn narrowed(&self, rinfo: *mut pg_sys::RestrictInfo) -> bool {
        // SAFETY: the clause of a RestrictInfo is a boolean expression.
        self.with(|t| unsafe { t.narrowed((*rinfo).clause.cast()).is_some() })
    }

    fn is_marker(&self, rinfo: *mut pg_sys::RestrictInfo) -> bool {
        // SAFETY: the clause of a RestrictInfo is a boolean expression.
        self.with(|t| unsafe { t.marker((*rinfo).clause.cast()).is_some() })
    }
}

/// Clauses by who answers them.
pub struct Clauses {
    /// The marker, if there is one.
    pub marker: *mut pg_sys::List,
    /// What the scan answers, or at least narrows down.
    pub pushed: *mut pg_sys::List,
    /// What PostgreSQL filters.
    pub local: *mut pg_sys::List,
}

impl Clauses {
    /// What a plan keeps in `fdw_exprs`: the marker, if there is one, then what the scan answers.
    pub fn exprs(&self) -> *mut pg_sys::List {
        // SAFETY: lists of nodes; the lists that are joined are not used again, so they are copied first.
        unsafe { pg_sys::list_concat(pg_sys::list_copy(self.marker), self.pushed) }
    }
}

/// Estimates how many rows the scan gives.
#[pg_guard]
pub unsafe extern "C-unwind" fn get_rel_size(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    relid: pg_sys::Oid,
) {
    let dataset = catalog::dataset_of_face(relid);
    // SAFETY: the planner's relation and its clauses; the delta is opened with a lock and closed again.
    unsafe {
        let face = Face::of(root, rel, relid);
        let delta = pg_sys::table_open(dataset.delta, pg_sys::AccessShareLock as _);
        let pages = pg_sys::RelationGetNumberOfBlocksInFork(delta, pg_sys::ForkNumber::MAIN_FORKNUM);
        pg_sys::table_close(delta, pg_sys::AccessShareLock as _);
        pg_sys::set_baserel_size_estimates(root, rel);
        let clauses = pgrx::PgList::<pg_sys::RestrictInfo>::from_pg((*rel).baserestrictinfo);
        let quals: Vec<Qual> = clauses.iter_ptr().filter_map(|r| face.qual(r)).collect();
        let sealed = pg_sys::ActiveSnapshotSet()
            .then(|| store::view_of_segments(&dataset, pg_sys::GetActiveSnapshot()))
            .map(|view| estimate::sealed(&view, &quals));
        let mut sealed = sealed.unwrap_or_default();
        // A plan shows estimates: who is behind a security barrier does not learn how many rows there are of what.
        if clauses.iter_ptr().any(|r| (*r).security_level > (*rel).baserestrict_min_security) {
            sealed.share = None;
        }
        let total = (sealed.entities + f64::from(pages) * ENTITIES_A_PAGE).max(10.0);
        let others = instant_givers(face);
        if !others.is_null() {
            lateral::declare(root, rel, others);
        }
        (*rel).tuples = total;
        (*rel).rows = estimate::rows(total, &quals, sealed.share);
    }
}

/// Whether an equivalence class has this face's id or a tag column as a member; `arg` is the [`Face`].
#[pg_guard]
unsafe extern "C-unwind" fn is_sought(
    _root: *mut pg_sys::PlannerInfo,
    _rel: *mut pg_sys::RelOptInfo,
    _ec: *mut pg_sys::EquivalenceClass,
    em: *mut pg_sys::EquivalenceMember,
    arg: *mut std::ffi::c_void,
) -> bool {
    // SAFETY: `get_paths` passes its face, which outlives the call.
    unsafe {
        let column = (*arg.cast::<Face>()).with(|t| t.column((*em).em_expr.cast()));
        matches!(column, Some(Column::Id | Column::Tagged(_)))
    }
}

/// The relations that give the instant of the face; null if none does.
unsafe fn instant_givers(face: &Face) -> pg_sys::Relids {
    let mut givers: pg_sys::Relids = std::ptr::null_mut();
    // SAFETY: all nodes are the planner's and live as long as planning.
    unsafe {
        for rinfo in pgrx::PgList::<pg_sys::RestrictInfo>::from_pg((*face.rel).joininfo).iter_ptr() {
            if face.is_marker(rinfo) && pg_sys::join_clause_is_movable_to(rinfo, face.rel) {
                let others = pg_sys::bms_difference((*rinfo).clause_relids, (*face.rel).relids);
                if !lateral::is_outside_of(face.root, face.rel, others) {
                    givers = pg_sys::bms_union(givers, others);
                }
            }
        }
    }
    givers
}

/// Offers the paths.
#[pg_guard]
pub unsafe extern "C-unwind" fn get_paths(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    relid: pg_sys::Oid,
) {
    // SAFETY: all nodes are the planner's and live as long as planning.
    unsafe {
        let face = Face::of(root, rel, relid);
        let mut joins: Vec<*mut pg_sys::RestrictInfo> = Vec::new();
        let always = pg_sys::bms_union((*rel).lateral_relids, instant_givers(face));
        for rinfo in pgrx::PgList::<pg_sys::RestrictInfo>::from_pg((*rel).joininfo).iter_ptr() {
            if face.is_marker(rinfo) {
                continue;
            } else if pg_sys::join_clause_is_movable_to(rinfo, rel) && face.qual(rinfo).is_some() {
                joins.push(rinfo);
            }
        }
        if (*rel).has_eclass_joins {
            let implied = pg_sys::generate_implied_equalities_for_column(
                root,
                rel,
                Some(is_sought),
                std::ptr::from_ref(face).cast_mut().cast(),
                (*rel).lateral_referencers,
            );
            for rinfo in pgrx::PgList::<pg_sys::RestrictInfo>::from_pg(implied).iter_ptr() {
                if pg_sys::join_clause_is_movable_to(rinfo, rel) && face.qual(rinfo).is_some() {
                    joins.push(rinfo);
                }
            }
        }
        let mut offered: Vec<pg_sys::Relids> = vec![always];
        for rinfo in joins {
            let others = pg_sys::bms_difference((*rinfo).clause_relids, (*rel).relids);
            let outer = pg_sys::bms_union(always, others);
            if !offered.iter().any(|o| pg_sys::bms_equal(*o, outer)) {
                offered.push(outer);
            }
        }
        for outer in offered {
            add(face, outer);
        }
    }
}

/// Adds the path on which the relations `outer` give their values.
unsafe fn add(face: &Face, outer: pg_sys::Relids) {
    // SAFETY: all nodes are the planner's and live as long as planning.
    unsafe {
        let rel = face.rel;
        let mut rows = (*rel).rows;
        let mut is_pinned = false;
        for rinfo in pgrx::PgList::<pg_sys::RestrictInfo>::from_pg((*rel).baserestrictinfo).iter_ptr() {
            is_pinned |= face.qual(rinfo).as_ref().and_then(estimate::pinned).is_some();
        }
        let info = pg_sys::get_baserel_parampathinfo(face.root, rel, outer);
        if !info.is_null() {
            let clauses = pgrx::PgList::<pg_sys::RestrictInfo>::from_pg((*info).ppi_clauses);
            let quals: Vec<Qual> = clauses.iter_ptr().filter_map(|r| face.qual(r)).collect();
            is_pinned |= quals.iter().any(|q| estimate::pinned(q).is_some());
            rows = estimate::rows(rows, &quals, None);
            (*info).ppi_rows = rows;
        }
        let select = if is_pinned { 0.0 } else { (*rel).tuples * COUNT_COST };
        let cost = Cost { rows, startup: START_COST, total: START_COST + select + rows * ROW_COST };
        pg_sys::add_path(rel, compat::foreign_scan_path(face.root, rel, cost, std::ptr::null_mut(), outer));
        if !outer.is_null() {
            return;
        }
        let (keys, order) = order::of_query(face);
        let Some(first) = order.first() else { return };
        let cost = if first.column == Column::Id && face.shape == Shape::State {
            Cost { total: cost.total + rows * WALK_COST, ..cost }
        } else if is_pinned || wanted(face.root, rows) <= FEW_ROWS {
            let startup = cost.startup + select + rows * KEY_COST;
            Cost { startup, total: startup + rows * ROW_COST, ..cost }
        } else {
            // To sort all rows is for PostgreSQL, which may use files.
            return;
        };
        pg_sys::add_path(rel, compat::foreign_scan_path(face.root, rel, cost, keys, outer));
    }
}

/// About how many of `rows` rows the query takes.
unsafe fn wanted(root: *mut pg_sys::PlannerInfo, rows: f64) -> f64 {
    // SAFETY: the planner's own structure.
    let (limit, fraction) = unsafe { ((*root).limit_tuples, (*root).tuple_fraction) };
    match fraction {
        _ if limit >= 0.0 => limit,
        0.0 => f64::INFINITY,
        fraction if fraction < 1.0 => rows * fraction,
        count => count,
    }
}

/// Whether the statement updates, deletes or locks the relation's rows, which are always those of now.
unsafe fn is_target(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo) -> bool {
    // SAFETY: the planner's own nodes; a row mark of another kind copies the row.
    unsafe {
        let marks = pgrx::PgList::<pg_sys::PlanRowMark>::from_pg((*root).rowMarks);
        let locks = |mark: *mut pg_sys::PlanRowMark| {
            (*mark).rti == (*rel).relid && (*mark).markType < pg_sys::RowMarkType::ROW_MARK_REFERENCE
        };
        pg_sys::bms_is_member((*rel).relid as i32, (*root).all_result_relids) || marks.iter_ptr().any(locks)
    }
}

fn no_list() -> *mut pg_sys::List {
    std::ptr::null_mut()
}

/// Makes the plan node. `fdw_exprs` holds the marker, if there is one, then the clauses that the scan answers;
/// `fdw_private` the number of markers, then the numbers of the columns that are needed (0: all,
/// -1: a system column), then what [`parts`] adds to both.
#[pg_guard]
pub unsafe extern "C-unwind" fn get_plan(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    relid: pg_sys::Oid,
    path: *mut pg_sys::ForeignPath,
    tlist: *mut pg_sys::List,
    clauses: *mut pg_sys::List,
    outer_plan: *mut pg_sys::Plan,
) -> *mut pg_sys::ForeignScan {
    // SAFETY: all nodes are the planner's; lists are made in the planner's memory context.
    unsafe {
        if (*rel).reloptkind == pg_sys::RelOptKind::RELOPT_UPPER_REL {
            return count::plan(root, tlist);
        }
        let face = Face::of(root, rel, relid);
        // What depends on no row is tested before the scan.
        let clauses: Vec<_> = pgrx::PgList::<pg_sys::RestrictInfo>::from_pg(clauses)
            .iter_ptr()
            .filter(|rinfo| !(**rinfo).pseudoconstant)
            .collect();
        let clauses = face.split(&clauses);
        let local = clauses.local;
        let mut needed = std::ptr::null_mut();
        pg_sys::pull_varattnos((*(*rel).reltarget).exprs.cast(), (*rel).relid, &mut needed);
        pg_sys::pull_varattnos(local.cast(), (*rel).relid, &mut needed);
        let has_marker = i32::from(!clauses.marker.is_null());
        let mut private = pg_sys::lappend_int(std::ptr::null_mut(), has_marker);
        let mut bit = -1;
        loop {
            bit = pg_sys::bms_next_member(needed, bit);
            if bit < 0 {
                break;
            }
            let number = bit + pg_sys::FirstLowInvalidHeapAttributeNumber;
            // A system column counts as one number, so that a row without any columns is told from it.
            private = pg_sys::lappend_int(private, number.max(-1));
        }
        if has_marker == 1 && is_target(root, rel) {
            raise(
                PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
                "rows as of an instant cannot be written or locked",
                Some("Use entity_put(.., at => ..) to write at an instant."),
            );
        }
        private = order::to_private(&order::of_path(face, path))
            .fold(private, |list, number| pg_sys::lappend_int(list, number));
        let (mut exprs, recheck) = (clauses.exprs(), pg_sys::list_copy(clauses.pushed));
        if !is_target(root, rel)
            && let Some((numbers, args)) = parts::of_plan(root, rel, face, local)
        {
            private = numbers.into_iter().fold(private, |list, number| pg_sys::lappend_int(list, number));
            exprs = args.into_iter().fold(exprs, |list, arg| pg_sys::lappend(list, arg.cast()));
        }
        pg_sys::make_foreignscan(tlist, local, (*rel).relid, exprs, private, std::ptr::null_mut(), recheck, outer_plan)
    }
}
