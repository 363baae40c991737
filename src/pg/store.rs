//! Views: what one snapshot sees of a dataset, put together for the engine.
//!
//! Invariant: the manifest and the delta are read with the same snapshot, so each event is seen exactly once.

use std::sync::Arc;

use pgrx::pg_sys;

use super::catalog::Dataset;
use super::error::OrRaise;
use super::{delta, manifest};
use crate::engine::{Rules, View};

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
    Arc::new(View::new(segments, sets, Rules::default(), tick).or_raise())
}

/// What the snapshot sees of these ids; right for them alone.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn view_of_ids(dataset: &Dataset, ids: &[&[u8]], snapshot: pg_sys::Snapshot) -> Arc<View> {
    // SAFETY: the caller's promise is passed on.
    let (segments, sets) = unsafe { (manifest::segments(dataset, snapshot), delta::read_ids(dataset, ids, snapshot)) };
    Arc::new(View::new(segments, sets, Rules::default(), tick).or_raise())
}

/// The segments that the snapshot sees, without the delta: what a builder starts from.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn view_of_segments(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Arc<View> {
    // SAFETY: the caller's promise is passed on.
    let segments = unsafe { manifest::segments(dataset, snapshot) };
    Arc::new(View::new(segments, Vec::new(), Rules::default(), tick).or_raise())
}
