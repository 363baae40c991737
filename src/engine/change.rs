//! From what a writer wants to the events that say it: a state-face write is the difference between two states (S7).
//!
//! Invariant: an empty answer means that nothing changes at that instant, and nothing is recorded. All functions are
//! pure; the caller holds the entity's lock and has read the timeline under it.

use super::{State, Timeline};
use crate::types::{NewEvent, Ns};

/// The state a writer wants; `None` keeps what there is.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The tags, in any order, repeats allowed.
    pub tags: Option<Vec<Vec<u8>>>,
    /// The content; `Some(None)` is no content.
    pub content: Option<Option<Vec<u8>>>,
}

/// A new entity: `create`, one assert a distinct tag, the content if there is one.
pub fn insert(_at: Ns, _stamped: bool, _tags: &[Vec<u8>], _content: Option<&[u8]>) -> Vec<NewEvent> {
    unimplemented!()
}

/// From `old` (with its content's bytes, if it has content) to `new`, at `at`.
pub fn difference(_old: &State, _old_content: Option<&[u8]>, _new: &Desired, _at: Ns, _stamped: bool) -> Vec<NewEvent> {
    unimplemented!()
}

/// `insert` where `old` is `None`, else `difference`.
pub fn put(_old: Option<(&State, Option<&[u8]>)>, _new: &Desired, _at: Ns, _stamped: bool) -> Vec<NewEvent> {
    unimplemented!()
}

/// Assert one tag on an existing state.
pub fn tag(_old: &State, _tag: &[u8], _at: Ns, _stamped: bool) -> Vec<NewEvent> {
    unimplemented!()
}

/// Retract one tag from an existing state.
pub fn untag(_old: &State, _tag: &[u8], _at: Ns, _stamped: bool) -> Vec<NewEvent> {
    unimplemented!()
}

/// Make `namespace:value` the only tag of its namespace, nested ones included.
pub fn set_value(_old: &State, _namespace: &[u8], _value: &[u8], _at: Ns, _stamped: bool) -> Vec<NewEvent> {
    unimplemented!()
}

/// Delete at `at` if `exists_then`, and take back what the entity has at later instants (S6).
pub fn delete(_timeline: &Timeline, _exists_then: bool, _at: Ns, _stamped: bool) -> Vec<NewEvent> {
    unimplemented!()
}

/// The user-dated cancels alone, for every instant after `at` with events that are not cancelled.
pub fn cancel_later(_timeline: &Timeline, _at: Ns) -> Vec<NewEvent> {
    unimplemented!()
}
