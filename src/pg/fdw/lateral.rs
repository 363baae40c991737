//! Instants that other relations give, told to the planner as LATERAL references.
//!
//! Invariant: a face whose marker names other relations depends on them as a LATERAL subquery would, so the planner
//! tries no join for which the face has no path, and never joins before the instant is known.

use pgrx::pg_sys;

/// Declares that `rel` refers to the relations `others`, and what follows from it for all base relations of the query.
///
/// # Safety
/// `root` and `rel` must be the planner's, before any path was made, and `others` not empty.
pub unsafe fn declare(root: *mut pg_sys::PlannerInfo, rel: *mut pg_sys::RelOptInfo, others: pg_sys::Relids) {
    // SAFETY: all sets are the planner's and live as long as planning; unions are new sets.
    unsafe {
        if (*rel).reloptkind != pg_sys::RelOptKind::RELOPT_BASEREL {
            return;
        }
        (*root).hasLateralRTEs = true;
        (*rel).direct_lateral_relids = pg_sys::bms_union((*rel).direct_lateral_relids, others);
        (*rel).lateral_relids = pg_sys::bms_union((*rel).lateral_relids, others);
        let bases = bases(root);
        // Who refers to a relation refers to whatever that one refers to, as in the planner's own LATERAL references.
        for (middle, middle_rel) in &bases {
            let further = (**middle_rel).lateral_relids;
            if further.is_null() {
                continue;
            }
            for (_, from) in &bases {
                if pg_sys::bms_is_member(*middle, (**from).lateral_relids) {
                    (**from).lateral_relids = pg_sys::bms_union((**from).lateral_relids, further);
                }
            }
        }
        for (from, from_rel) in &bases {
            for (to, to_rel) in &bases {
                if pg_sys::bms_is_member(*to, (**from_rel).lateral_relids) {
                    let single = pg_sys::bms_make_singleton(*from);
                    (**to_rel).lateral_referencers = pg_sys::bms_union((**to_rel).lateral_referencers, single);
                }
            }
        }
    }
}

/// The base relations of the query with their range table indexes.
unsafe fn bases(root: *mut pg_sys::PlannerInfo) -> Vec<(i32, *mut pg_sys::RelOptInfo)> {
    // SAFETY: the array has as many entries as its size says; those of joins and dropped subqueries are null.
    unsafe {
        let size = (*root).simple_rel_array_size;
        (1..size)
            .map(|index| (index, *(*root).simple_rel_array.add(index as usize)))
            .filter(|(_, rel)| !rel.is_null() && (**rel).reloptkind == pg_sys::RelOptKind::RELOPT_BASEREL)
            .collect()
    }
}

/// Whether an outer or semi join has `rel` on its left and any of `others` on its right: then their values are not known
/// before the join, and cannot be what `rel` is read by.
///
/// # Safety
/// `root` and `rel` must be the planner's.
pub unsafe fn is_outside_of(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    others: pg_sys::Relids,
) -> bool {
    // SAFETY: the list holds the planner's notes of outer and semi joins.
    unsafe {
        pgrx::PgList::<pg_sys::SpecialJoinInfo>::from_pg((*root).join_info_list).iter_ptr().any(|join| {
            pg_sys::bms_is_member((*rel).relid as i32, (*join).syn_lefthand)
                && pg_sys::bms_overlap(others, (*join).syn_righthand)
        })
    }
}
