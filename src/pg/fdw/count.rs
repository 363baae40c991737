//! `count(*)` answered by the scan: one row, made by counting bits.
//!
//! Invariant: a count is taken over only where every clause is the scan's, so that what it counts is what the rows would
//! be. Its plan has no relation of its own: the face is the only member of `fs_relids`, and its row is the aggregates
//! followed by the columns that the clauses name, of which only the aggregates have values.

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::plan::{COUNT_COST, Face, START_COST};
use super::tuple::Column;
use crate::pg::catalog::Shape;
use crate::pg::compat::{self, Cost};

/// Whether an aggregate is the number of the face's rows.
unsafe fn counts_rows(face: &Face, node: *mut pg_sys::Node) -> bool {
    // SAFETY: a node's tag says what it is; lists hold nodes.
    unsafe {
        if (*node).type_ != pg_sys::NodeTag::T_Aggref {
            return false;
        }
        let agg = &*node.cast::<pg_sys::Aggref>();
        let is_plain = agg.aggdistinct.is_null()
            && agg.aggorder.is_null()
            && agg.aggfilter.is_null()
            && agg.agglevelsup == 0
            && agg.aggsplit == pg_sys::AggSplit::AGGSPLIT_SIMPLE;
        match agg.aggfnoid.to_u32() {
            pg_sys::F_COUNT_ => is_plain,
            pg_sys::F_COUNT_ANY => {
                is_plain
                    && pgrx::PgList::<pg_sys::TargetEntry>::from_pg(agg.args)
                        .get_ptr(0)
                        .is_some_and(|entry| is_never_null(face, (*entry).expr.cast()))
            }
            _ => false,
        }
    }
}

/// Whether an expression has a value in every row of the face.
unsafe fn is_never_null(face: &Face, node: *mut pg_sys::Node) -> bool {
    // SAFETY: a node's tag says what it is.
    unsafe {
        if (*node).type_ == pg_sys::NodeTag::T_Const {
            return !(*node.cast::<pg_sys::Const>()).constisnull;
        }
        matches!(face.column(node), Some(column) if !matches!(column, Column::Content | Column::Tagged(_) | Column::Dropped))
    }
}

/// The face whose rows are counted, if that is all that the grouping stage does.
unsafe fn counted(root: *mut pg_sys::PlannerInfo) -> Option<Counted> {
    // SAFETY: the planner's own structures; the range table has an entry for every base relation.
    unsafe {
        let mut rti = 0;
        if !pg_sys::bms_get_singleton_member((*root).all_baserels, &mut rti) {
            return None;
        }
        let rte = *(*root).simple_rte_array.add(rti as usize);
        let rel = *(*root).simple_rel_array.add(rti as usize);
        // A parent's rows are its children's too.
        if (*rte).rtekind != pg_sys::RTEKind::RTE_RELATION || (*rte).inh || !(*rel).joininfo.is_null() {
            return None;
        }
        let face = Face::of(root, rel, (*rte).relid);
        if face.shape != Shape::State {
            return None;
        }
        let clauses: Vec<_> = pgrx::PgList::from_pg((*rel).baserestrictinfo).iter_ptr().collect();
        let clauses = face.split(&clauses);
        if !clauses.local.is_null() {
            return None;
        }
        let target = (*root).upper_targets[pg_sys::UpperRelationKind::UPPERREL_GROUP_AGG as usize];
        let flags = (pg_sys::PVC_INCLUDE_AGGREGATES | pg_sys::PVC_INCLUDE_PLACEHOLDERS) as i32;
        let found = pg_sys::pull_var_clause((*target).exprs.cast(), flags);
        if !pgrx::PgList::from_pg(found).iter_ptr().all(|node| counts_rows(face, node)) {
            return None;
        }
        let exprs = clauses.exprs();
        let named = pg_sys::pull_var_clause(exprs.cast(), flags);
        if !pgrx::PgList::<pg_sys::Node>::from_pg(named).iter_ptr().all(|n| (*n).type_ == pg_sys::NodeTag::T_Var) {
            return None;
        }
        let columns = pg_sys::add_to_flat_tlist(std::ptr::null_mut(), found);
        let aggregates = pgrx::PgList::<pg_sys::TargetEntry>::from_pg(columns).len();
        let columns = pg_sys::add_to_flat_tlist(columns, named);
        let has_marker = !clauses.marker.is_null();
        Some(Counted { rel, exprs, has_marker, columns, aggregates })
    }
}

/// What a count is planned from.
struct Counted {
    /// The face.
    rel: *mut pg_sys::RelOptInfo,
    /// The clauses as the plan keeps them.
    exprs: *mut pg_sys::List,
    has_marker: bool,
    /// The target entries of the row, of which the first `aggregates` are the counts.
    columns: *mut pg_sys::List,
    aggregates: usize,
}

/// Offers to count the face's rows where the query asks no more of them.
#[pg_guard]
pub unsafe extern "C-unwind" fn get_upper_paths(
    root: *mut pg_sys::PlannerInfo,
    stage: pg_sys::UpperRelationKind::Type,
    input: *mut pg_sys::RelOptInfo,
    output: *mut pg_sys::RelOptInfo,
    extra: *mut std::ffi::c_void,
) {
    // SAFETY: the planner's own structures; at this stage `extra` is a GroupPathExtraData.
    unsafe {
        if stage != pg_sys::UpperRelationKind::UPPERREL_GROUP_AGG
            || (*input).reloptkind != pg_sys::RelOptKind::RELOPT_BASEREL
        {
            return;
        }
        let query = &*(*root).parse;
        let extra = &*extra.cast::<pg_sys::GroupPathExtraData>();
        if !query.groupClause.is_null()
            || !query.groupingSets.is_null()
            || !query.hasAggs
            || query.hasWindowFuncs
            || !extra.havingQual.is_null()
            || extra.patype != pg_sys::PartitionwiseAggregateType::PARTITIONWISE_AGGREGATE_NONE
        {
            return;
        }
        if counted(root).is_none_or(|counted| counted.rel != input) {
            return;
        }
        // A count always costs less than its rows would.
        let start = START_COST / 2.0;
        let cost = Cost { rows: 1.0, startup: start, total: start + (*input).tuples * COUNT_COST };
        pg_sys::add_path(output, compat::foreign_upper_path(root, output, cost));
    }
}

/// Makes the plan node of a count. `fdw_exprs` is as in every scan; `fdw_private` holds the number of markers and that
/// of aggregates.
///
/// # Safety
/// `root` must be that of a query for which [`get_upper_paths`] offered a path.
pub unsafe fn plan(root: *mut pg_sys::PlannerInfo, tlist: *mut pg_sys::List) -> *mut pg_sys::ForeignScan {
    // SAFETY: what was found when the path was offered is found again; all nodes are the planner's.
    unsafe {
        let Some(Counted { exprs, has_marker, columns, aggregates, .. }) = counted(root) else {
            super::scan::unrecognised()
        };
        let private = pg_sys::lappend_int(std::ptr::null_mut(), i32::from(has_marker));
        let private = pg_sys::lappend_int(private, i32::try_from(aggregates).unwrap_or(i32::MAX));
        let none = std::ptr::null_mut();
        pg_sys::make_foreignscan(tlist, none, 0, exprs, private, columns, none, none.cast())
    }
}
