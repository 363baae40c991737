//! One entity's events and what they mean: the rules S4 to S6, evaluated from the log.
//!
//! Invariant: this is the reference that the bitmap paths must agree with.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Horizon;
use crate::error::Result;
use crate::types::{Micros, Ns, Op, Seq, Xid};

/// Content, wherever it is.
#[derive(Clone, Debug)]
pub enum Blob {
    /// In memory (from the delta).
    Inline(Arc<[u8]>),
    /// In the view's content segment number `segment`.
    Stored {
        /// Which of the view's content segments.
        segment: u32,
        /// Where in its logical byte stream.
        offset: u64,
        /// How many bytes.
        len: u32,
        /// A hash of the bytes, for a quick test of inequality.
        hash: u32,
    },
}

/// One recorded event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Valid time.
    pub ts: Ns,
    /// The n-th event recorded of its entity.
    pub seq: Seq,
    /// The transaction that recorded it.
    pub tx: Xid,
    /// Its system time where the event or its segment knows it.
    pub recorded_at: Option<Micros>,
    /// Whether the database gave `ts`.
    pub stamped: bool,
    /// What it says.
    pub op: Op,
    /// The tag of assert and retract.
    pub tag: Option<Arc<[u8]>>,
    /// The content of a content event; `None`: from here on there is none.
    pub content: Option<Blob>,
}

/// Rules of reading that a dataset declares: the namespaces of cardinality `one` (S4).
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Namespaces without their final colon.
    pub one: BTreeSet<Vec<u8>>,
}

/// An entity at an instant.
#[derive(Clone, Debug)]
pub struct State {
    /// Sorted by bytes, without duplicates.
    pub tags: Vec<Arc<[u8]>>,
    /// Its content.
    pub content: Option<Blob>,
    /// The first event of its present existence.
    pub created_at: Ns,
    /// The latest event that changed the state.
    pub updated_at: Ns,
    /// The largest seq among the events that were looked at.
    pub version: Seq,
}

/// The events of one entity in (ts, seq) order.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    events: Vec<Event>,
}

impl Timeline {
    /// From events in any order.
    pub fn new(_events: Vec<Event>) -> Self {
        unimplemented!()
    }

    /// All events, cancelled ones included, in (ts, seq) order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The largest seq; 0 if there is no event.
    pub fn max_seq(&self) -> Seq {
        unimplemented!()
    }

    /// The state at the horizon; `None` where the entity does not exist. `same` compares two contents by their bytes.
    pub fn state(
        &self,
        _h: &Horizon,
        _rules: &Rules,
        _same: &dyn Fn(&Blob, &Blob) -> Result<bool>,
    ) -> Result<Option<State>> {
        unimplemented!()
    }

    /// Whether the entity exists at `t` or at any later instant, by everything known (S13).
    pub fn exists_at_or_after(&self, _t: Ns) -> bool {
        unimplemented!()
    }

    /// The instants after `t` at which the entity has events that are not cancelled, ascending (S6).
    pub fn later_instants(&self, _t: Ns) -> Vec<Ns> {
        unimplemented!()
    }
}
