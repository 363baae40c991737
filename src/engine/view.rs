//! What one snapshot sees: the segments of its manifest, oldest to newest, and the change sets of the delta.
//!
//! Invariant: each event is in exactly one of the view's segments or in its delta. A view over part of the delta is
//! right for the entities of that part and for those with no change set at all.

use std::borrow::Cow;
use std::ops::Bound;
use std::sync::Arc;

use super::{Blob, Horizon, Rules, State, TagExpr, Timeline};
use crate::error::Result;
use crate::types::{ChangeSet, Ordinal};

/// An opened segment file of any kind; cheap to keep, shared by views.
pub struct Opened {}

impl Opened {
    /// Opens the bytes of the file `name`. Checks header and footer only; blocks are checked when first touched.
    pub fn open(_name: &str, _bytes: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Result<Arc<Self>> {
        unimplemented!()
    }
}

/// What one snapshot sees.
pub struct View {}

impl View {
    /// `segments` of all kinds, oldest to newest; `delta` in any order; `tick` is called every now and then and may unwind.
    pub fn new(_segments: Vec<Arc<Opened>>, _delta: Vec<ChangeSet>, _rules: Rules, _tick: fn()) -> Result<Self> {
        unimplemented!()
    }

    /// The ordinal of an id.
    pub fn resolve(&self, _id: &[u8]) -> Result<Option<Ordinal>> {
        unimplemented!()
    }

    /// The id of an ordinal that the view holds.
    pub fn id(&self, _ordinal: Ordinal) -> Result<Cow<'_, [u8]>> {
        unimplemented!()
    }

    /// All (id, ordinal) with the id in this range of bytes, in byte order.
    pub fn ids_between(&self, _lower: Bound<&[u8]>, _upper: Bound<&[u8]>) -> Result<Vec<(Vec<u8>, Ordinal)>> {
        unimplemented!()
    }

    /// Every ordinal that has at least one event, ascending.
    pub fn ordinals(&self) -> Result<Vec<Ordinal>> {
        unimplemented!()
    }

    /// All events of an entity; empty if there are none.
    pub fn timeline(&self, _ordinal: Ordinal) -> Result<Timeline> {
        unimplemented!()
    }

    /// The entity's state at the horizon; `None` where it does not exist.
    pub fn state(&self, _ordinal: Ordinal, _h: &Horizon) -> Result<Option<State>> {
        unimplemented!()
    }

    /// The bytes of a content.
    pub fn content<'a>(&'a self, _blob: &'a Blob) -> Result<Cow<'a, [u8]>> {
        unimplemented!()
    }

    /// About how many entities the expression selects now (from stored cardinalities; reads no postings).
    pub fn estimate(&self, _expr: &TagExpr) -> Result<f64> {
        unimplemented!()
    }

    /// About how many events the view holds.
    pub fn event_count(&self) -> u64 {
        unimplemented!()
    }
}
