//! From what a writer wants to the events that say it: a state-face write is the difference between two states (S7).
//!
//! Invariant: an empty answer means that nothing changes at that instant, and nothing is recorded. All functions are
//! pure; the caller holds the entity's lock and has read the timeline under it.

use std::collections::BTreeSet;

use super::{Rules, State, Timeline};
use crate::types::{NewEvent, Ns, Op};

/// The state a writer wants; `None` keeps what there is.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The tags, in any order, repeats allowed.
    pub tags: Option<Vec<Vec<u8>>>,
    /// The content; `Some(None)` is no content.
    pub content: Option<Option<Vec<u8>>>,
}

/// A new entity: `create`, one assert a distinct tag, the content if there is one.
pub fn insert(at: Ns, stamped: bool, tags: &[Vec<u8>], content: Option<Vec<u8>>) -> Vec<NewEvent> {
    let say = Voice { at, stamped };
    let tags: BTreeSet<&[u8]> = tags.iter().map(Vec::as_slice).collect();
    let mut events = vec![say.event(Op::Create)];
    events.extend(tags.into_iter().map(|tag| say.assert(tag)));
    events.extend(content.map(|bytes| say.content(Some(bytes))));
    events
}

/// From `old` (with its content's bytes, if it has content) to `new`, at `at`.
pub fn difference(old: &State, old_content: Option<&[u8]>, new: Desired, at: Ns, stamped: bool) -> Vec<NewEvent> {
    let say = Voice { at, stamped };
    let mut events = Vec::new();
    if let Some(tags) = &new.tags {
        let wanted: BTreeSet<&[u8]> = tags.iter().map(Vec::as_slice).collect();
        let held: BTreeSet<&[u8]> = old.tags.iter().map(|tag| &**tag).collect();
        // Retracts come first, so that no reader of the log finds two values of a namespace where one was replaced.
        events.extend(held.difference(&wanted).map(|tag| say.retract(tag)));
        events.extend(wanted.difference(&held).map(|tag| say.assert(tag)));
    }
    if let Some(content) = new.content
        && content.as_deref() != old_content
    {
        events.push(say.content(content));
    }
    events
}

/// `insert` where `old` is `None`, else `difference`.
pub fn put(old: Option<(&State, Option<&[u8]>)>, new: Desired, at: Ns, stamped: bool) -> Vec<NewEvent> {
    match old {
        Some((old, old_content)) => difference(old, old_content, new, at, stamped),
        None => {
            let tags = new.tags.as_deref().unwrap_or_default();
            insert(at, stamped, tags, new.content.flatten())
        }
    }
}

/// Assert one tag on an existing state.
pub fn tag(old: &State, tag: &[u8], at: Ns, stamped: bool) -> Vec<NewEvent> {
    if holds(old, tag) { Vec::new() } else { vec![Voice { at, stamped }.assert(tag)] }
}

/// Retract one tag from an existing state.
pub fn untag(old: &State, tag: &[u8], at: Ns, stamped: bool) -> Vec<NewEvent> {
    if holds(old, tag) { vec![Voice { at, stamped }.retract(tag)] } else { Vec::new() }
}

/// Make `namespace:value` the only tag of its namespace, nested ones included.
pub fn set_value(old: &State, namespace: &[u8], value: &[u8], at: Ns, stamped: bool) -> Vec<NewEvent> {
    let say = Voice { at, stamped };
    let prefix = [namespace, b":"].concat();
    let wanted = [&prefix, value].concat();
    let others = old.tags.iter().filter(|tag| tag.starts_with(&prefix) && ***tag != *wanted);
    let mut events: Vec<NewEvent> = others.map(|tag| say.retract(tag)).collect();
    events.extend(tag(old, &wanted, at, stamped));
    events
}

/// The events of one instant without retracts of tags that an assert among them ends by itself, by a namespace of
/// cardinality one (S4).
pub fn without_ended(mut events: Vec<NewEvent>, rules: &Rules) -> Vec<NewEvent> {
    if rules.one.is_empty() {
        return events;
    }
    let tags_of = |op: Op| events.iter().filter(move |event| event.op == op).filter_map(|event| event.tag.clone());
    let asserted: Vec<Vec<u8>> = tags_of(Op::Assert).filter(|tag| rules.concern(tag)).collect();
    events.retain(|event| {
        let ended = |tag: &Vec<u8>| asserted.iter().any(|by| rules.ends(by, tag));
        event.op != Op::Retract || !event.tag.as_ref().is_some_and(ended)
    });
    events
}

/// Delete at `at` if `exists_then`, and take back what the entity has at later instants (S6). Where it exists
/// neither at `at` nor later, nothing changes.
pub fn delete(timeline: &Timeline, exists_then: bool, at: Ns, stamped: bool) -> Vec<NewEvent> {
    if !exists_then && !timeline.exists_at_or_after(at) {
        return Vec::new();
    }
    let mut events = Vec::new();
    events.extend(exists_then.then(|| Voice { at, stamped }.event(Op::Delete)));
    events.extend(cancel_later(timeline, at));
    events
}

/// The user-dated cancels alone, for every instant after `at` with events that are not cancelled.
pub fn cancel_later(timeline: &Timeline, at: Ns) -> Vec<NewEvent> {
    let instants = timeline.later_instants(at).into_iter();
    instants.map(|at| Voice { at, stamped: false }.event(Op::Cancel)).collect()
}

/// Whether the state carries the tag; its tags are sorted.
fn holds(state: &State, tag: &[u8]) -> bool {
    state.tags.binary_search_by(|held| (**held).cmp(tag)).is_ok()
}

/// The instant that a group of events shares.
#[derive(Clone, Copy)]
struct Voice {
    at: Ns,
    stamped: bool,
}

impl Voice {
    fn event(self, op: Op) -> NewEvent {
        NewEvent { ts: self.at, stamped: self.stamped, op, tag: None, content: None }
    }

    fn assert(self, tag: &[u8]) -> NewEvent {
        NewEvent { tag: Some(tag.to_vec()), ..self.event(Op::Assert) }
    }

    fn retract(self, tag: &[u8]) -> NewEvent {
        NewEvent { tag: Some(tag.to_vec()), ..self.event(Op::Retract) }
    }

    fn content(self, content: Option<Vec<u8>>) -> NewEvent {
        NewEvent { content, ..self.event(Op::Content) }
    }
}
