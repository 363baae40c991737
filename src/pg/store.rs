//! Views: what one snapshot sees of a dataset, put together for the engine.
//!
//! Invariant: the manifest and the delta are read with the same snapshot, so each event is seen exactly once; so are the rules
//! of reading, which say how it is read.

use std::sync::Arc;

use pgrx::pg_sys;

use super::catalog::{self, Dataset};
use super::error::OrRaise;
use super::{delta, manifest, namespace};
use crate::engine::{Opened, View};
use crate::types::Ns;

/// Lets PostgreSQL cancel a query while the engine works; the error unwinds through the engine.
fn tick() {
    pgrx::check_for_interrupts!();
}

/// Everything that the snapshot sees.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn view(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Arc<View> {
    // SAFETY: the caller's promise is passed on.
    let (segments, sets) = unsafe { (manifest::segments(dataset, snapshot), delta::read_all(dataset, snapshot)) };
    // SAFETY: as above.
    let rules = unsafe { namespace::rules(dataset, snapshot) };
    Arc::new(View::new(segments, sets, rules, tick).or_raise())
}

/// What the snapshot sees of these ids; right for them alone.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn view_of_ids(dataset: &Dataset, ids: &[&[u8]], snapshot: pg_sys::Snapshot) -> Arc<View> {
    // SAFETY: the caller's promise is passed on.
    unsafe { view_of_ids_in(manifest::segments(dataset, snapshot), dataset, ids, snapshot) }
}

/// What a snapshot sees of these ids, given the segments that it sees; right for them alone.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn view_of_ids_in(
    segments: Vec<Arc<Opened>>,
    dataset: &Dataset,
    ids: &[&[u8]],
    snapshot: pg_sys::Snapshot,
) -> Arc<View> {
    // SAFETY: the caller's promise is passed on.
    let (sets, rules) = unsafe { (delta::read_ids(dataset, ids, snapshot), namespace::rules(dataset, snapshot)) };
    Arc::new(View::new(segments, sets, rules, tick).or_raise())
}

/// The segments that the snapshot sees, without the delta: what a builder starts from.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn view_of_segments(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Arc<View> {
    // SAFETY: the caller's promise is passed on.
    let (segments, rules) = unsafe { (manifest::segments(dataset, snapshot), namespace::rules(dataset, snapshot)) };
    Arc::new(View::new(segments, Vec::new(), rules, tick).or_raise())
}

/// The largest stamped instant that is stored in this database; before all if there is none. Reads every delta.
pub fn largest_stamp() -> Ns {
    // SAFETY: the snapshot is registered while it is used; after an error the resource owner releases it.
    unsafe {
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        let sealed = manifest::largest_stamp(snapshot);
        let unsealed = catalog::all(snapshot)
            .iter()
            .flat_map(|dataset| delta::read_all(dataset, snapshot))
            .flat_map(|set| set.events)
            .filter_map(|event| event.stamped.then_some(event.ts))
            .max();
        pg_sys::UnregisterSnapshot(snapshot);
        sealed.into_iter().chain(unsealed).max().unwrap_or(Ns::BEFORE_ALL)
    }
}
