//! What one snapshot sees: the segments of its manifest, oldest to newest, and the change sets of the delta.
//!
//! Invariant: each event is in exactly one of the view's segments or in its delta. A view over part of the delta is
//! right for the entities of that part and for those with no change set at all.

use std::borrow::Cow;
use std::ops::Bound;
use std::sync::Arc;

use super::delta::Delta;
use super::{Blob, Event, Horizon, Rules, State, TagExpr, Timeline};
use crate::error::{Error, Result};
use crate::types::{ChangeSet, Ordinal};

/// An opened segment file of any kind; cheap to keep, shared by views.
pub struct Opened {}

impl Opened {
    /// Opens the bytes of the file `name`. Checks header and footer only; blocks are checked when first touched.
    pub fn open(name: &str, _bytes: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Result<Arc<Self>> {
        Err(Error::Malformed { segment: name.to_owned(), detail: "no segment of this kind can be read".to_owned() })
    }
}

/// What one snapshot sees.
pub struct View {
    delta: Delta,
    rules: Rules,
    tick: fn(),
}

impl View {
    /// `segments` of all kinds, oldest to newest; `delta` in any order; `tick` is called every now and then and may unwind.
    pub fn new(_segments: Vec<Arc<Opened>>, delta: Vec<ChangeSet>, rules: Rules, tick: fn()) -> Result<Self> {
        Ok(Self { delta: Delta::new(delta), rules, tick })
    }

    /// The ordinal of an id.
    pub fn resolve(&self, id: &[u8]) -> Result<Option<Ordinal>> {
        Ok(self.delta.resolve(id))
    }

    /// The id of an ordinal that the view holds.
    pub fn id(&self, ordinal: Ordinal) -> Result<Cow<'_, [u8]>> {
        if let Some(id) = self.delta.id(ordinal) {
            return Ok(Cow::Borrowed(id));
        }
        Err(Error::Malformed { segment: String::new(), detail: format!("ordinal {} has no id", ordinal.0) })
    }

    /// All (id, ordinal) with the id in this range of bytes, in byte order.
    pub fn ids_between(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Result<Vec<(Vec<u8>, Ordinal)>> {
        Ok(self.delta.ids_between(lower, upper).map(|(id, ordinal)| (id.to_vec(), ordinal)).collect())
    }

    /// Every ordinal that has at least one event, ascending.
    pub fn ordinals(&self) -> Result<Vec<Ordinal>> {
        Ok(self.delta.ordinals().collect())
    }

    /// All events of an entity; empty if there are none.
    pub fn timeline(&self, ordinal: Ordinal) -> Result<Timeline> {
        let mut events: Vec<Event> = Vec::new();
        self.delta.events(ordinal, &mut events);
        Ok(Timeline::new(events))
    }

    /// The entity's state at the horizon; `None` where it does not exist.
    pub fn state(&self, ordinal: Ordinal, h: &Horizon) -> Result<Option<State>> {
        self.timeline(ordinal)?.state(h, &self.rules, &|a, b| self.same(a, b))
    }

    /// Whether two contents have the same bytes.
    fn same(&self, a: &Blob, b: &Blob) -> Result<bool> {
        if let (Blob::Stored { len: la, hash: ha, .. }, Blob::Stored { len: lb, hash: hb, .. }) = (a, b)
            && (la != lb || ha != hb)
        {
            return Ok(false);
        }
        Ok(self.content(a)? == self.content(b)?)
    }

    /// The bytes of a content.
    pub fn content<'a>(&'a self, blob: &'a Blob) -> Result<Cow<'a, [u8]>> {
        match blob {
            Blob::Inline(bytes) => Ok(Cow::Borrowed(bytes)),
            Blob::Stored { segment, .. } => Err(Error::Malformed {
                segment: String::new(),
                detail: format!("there is no content segment number {segment}"),
            }),
        }
    }

    /// About how many entities the expression selects now (from stored cardinalities; reads no postings).
    pub fn estimate(&self, expr: &TagExpr) -> Result<f64> {
        let all = self.delta.entities() as f64;
        Ok(self.delta.fraction(expr) * all)
    }

    /// About how many events the view holds.
    pub fn event_count(&self) -> u64 {
        self.delta.event_count()
    }

    /// Lets the caller be interrupted.
    pub(super) fn tick(&self) {
        (self.tick)();
    }
}
