//! One entity's events and what they mean: the rules S4 to S6, evaluated from the log.
//!
//! Invariant: this is the reference that the bitmap paths must agree with.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{Horizon, Rules};
use crate::error::{Error, Result};
use crate::types::{Micros, Ns, Op, Seq, TAGS_MAX, Xid};

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

/// A tag (`None`: the pseudo-tag *exists*), an instant, and whether the tag holds from there on.
pub type Toggle<T> = (Option<T>, Ns, bool);

/// The events of one entity in (ts, seq) order.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    events: Vec<Event>,
}

impl Timeline {
    /// From events in any order.
    pub fn new(mut events: Vec<Event>) -> Self {
        events.sort_unstable_by_key(|event| (event.ts, event.seq));
        Self { events }
    }

    /// All events, cancelled ones included, in (ts, seq) order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The largest seq; 0 if there is no event.
    pub fn max_seq(&self) -> Seq {
        self.events.iter().map(|event| event.seq).max().unwrap_or(0)
    }

    /// The state at the horizon; `None` where the entity does not exist. `same` compares two contents by their bytes;
    /// it is asked only where the answer can decide `updated_at`, newest first.
    pub fn state(
        &self,
        h: &Horizon,
        rules: &Rules,
        same: &dyn Fn(&Blob, &Blob) -> Result<bool>,
    ) -> Result<Option<State>> {
        let mut knows = h.knows();
        let mut version = 0;
        let looked_at = self.events.iter().filter(|event| {
            let counts = h.admits(event.ts, event.stamped, event.tx) && knows(event.tx, event.recorded_at);
            if counts {
                version = version.max(event.seq);
            }
            counts
        });
        let mut replay = Replay::default();
        let mut updated_at = None;
        // Content that replaced content after `updated_at`: whether that was a change, only the bytes tell.
        let mut replaced: Vec<(Ns, &Blob, &Blob)> = Vec::new();
        for event in effective(looked_at) {
            match replay.apply(event, rules, &mut |_| ()) {
                Effect::Changed => {
                    updated_at = Some(event.ts);
                    replaced.clear();
                }
                Effect::Replaced(old, new) => replaced.push((event.ts, old, new)),
                Effect::Nothing => {}
            }
        }
        if !replay.exists {
            return Ok(None);
        }
        for (ts, old, new) in replaced.into_iter().rev() {
            if old.len() != new.len() || !same(old, new)? {
                updated_at = Some(ts);
                break;
            }
        }
        Ok(Some(State {
            tags: replay.tags.into_values().cloned().collect(),
            content: replay.content.cloned(),
            created_at: replay.created_at,
            updated_at: updated_at.unwrap_or(replay.created_at),
            version,
        }))
    }

    /// Whether the entity exists at `t` or at any later instant, by everything known (S13).
    pub fn exists_at_or_after(&self, t: Ns) -> bool {
        let mut exists = false;
        let mut instant = Ns::BEFORE_ALL;
        for event in effective(self.events.iter()) {
            // What held when an instant was over is what held at it, and up to the next one.
            if event.ts > instant && event.ts > t && exists {
                return true;
            }
            instant = event.ts;
            exists = match event.op {
                Op::Create | Op::Assert | Op::Content => true,
                Op::Delete => false,
                Op::Retract | Op::Cancel => exists,
            };
        }
        exists
    }

    /// Fails where the entity carries more tags than it may at any instant, by everything known (S18).
    pub fn check_tags(&self, rules: &Rules) -> Result<()> {
        // No more tags hold than were asserted.
        if self.events.iter().filter(|event| event.op == Op::Assert).count() <= TAGS_MAX {
            return Ok(());
        }
        let events = effective(self.events.iter());
        let mut replay = Replay::default();
        let mut most = 0;
        for instant in events.chunk_by(|a, b| a.ts == b.ts) {
            for event in instant {
                replay.apply(event, rules, &mut |_| ());
            }
            most = most.max(replay.tags.len());
        }
        if most > TAGS_MAX {
            return Err(Error::TooMany { what: "tags of one entity", limit: TAGS_MAX as u64, found: most as u64 });
        }
        Ok(())
    }

    /// The instants after `t` at which the entity has events that are not cancelled, ascending (S6).
    pub fn later_instants(&self, t: Ns) -> Vec<Ns> {
        let events = effective(self.events.iter()).into_iter();
        let mut instants: Vec<Ns> = events.map(|event| event.ts).filter(|ts| *ts > t).collect();
        instants.dedup();
        instants
    }

    /// Where a write at the microsecond `at` lands (S9): on the entity's last instant in it, or at its start.
    pub fn landing(&self, at: Micros) -> Ns {
        let start = at.0.saturating_mul(1000);
        let end = start.saturating_add(999);
        let below = self.events.partition_point(|event| event.ts.0 <= end);
        match self.events[..below].last() {
            Some(event) if event.ts.0 >= start => event.ts,
            _ => Ns(start),
        }
    }

    /// The effective toggles of every tag, and of the pseudo-tag *exists* (`None`), over everything known, sorted by
    /// (tag, ts). Each turns its tag on (`true`) or off; what several events do at one instant is given as their net.
    pub fn transitions(&self, rules: &Rules) -> Vec<Toggle<Arc<[u8]>>> {
        let events = effective(self.events.iter());
        let mut replay = Replay::default();
        let mut toggles: Vec<Toggle<&Arc<[u8]>>> = Vec::new();
        for instant in events.chunk_by(|a, b| a.ts == b.ts) {
            let existed = replay.exists;
            // A tag that is toggled twice at one instant is as it was before: an even count cancels out.
            let mut toggled: BTreeMap<&Arc<[u8]>, bool> = BTreeMap::new();
            for event in instant {
                replay.apply(event, rules, &mut |tag| {
                    let odd = toggled.entry(tag).or_default();
                    *odd = !*odd;
                });
            }
            let ts = instant[0].ts;
            if replay.exists != existed {
                toggles.push((None, ts, replay.exists));
            }
            let changed = toggled.into_iter().filter(|(_, odd)| *odd);
            toggles.extend(changed.map(|(tag, _)| (Some(tag), ts, replay.tags.contains_key(&**tag))));
        }
        toggles.sort_unstable();
        toggles.into_iter().map(|(tag, ts, on)| (tag.cloned(), ts, on)).collect()
    }
}

impl Blob {
    /// How many bytes.
    pub fn len(&self) -> usize {
        match self {
            Blob::Inline(bytes) => bytes.len(),
            Blob::Stored { len, .. } => *len as usize,
        }
    }

    /// Whether there are no bytes; empty content is content all the same.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The events that no `cancel` takes back, without the cancels, from events in (ts, seq) order.
pub(super) fn effective<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<&'a Event> {
    let mut left: Vec<&Event> = Vec::new();
    for event in events {
        if event.op == Op::Cancel {
            let kept = left.iter().rposition(|earlier| earlier.ts != event.ts).map_or(0, |last| last + 1);
            left.truncate(kept);
        } else {
            left.push(event);
        }
    }
    left
}

/// What one event did to the state.
pub(super) enum Effect<'a> {
    Nothing,
    Changed,
    /// Content took the place of content, and nothing else changed.
    Replaced(&'a Blob, &'a Blob),
}

/// The state after the effective events so far; they come in (ts, seq) order.
#[derive(Default)]
pub(super) struct Replay<'a> {
    pub(super) exists: bool,
    created_at: Ns,
    pub(super) tags: BTreeMap<&'a [u8], &'a Arc<[u8]>>,
    pub(super) content: Option<&'a Blob>,
}

impl<'a> Replay<'a> {
    /// Takes one event, and names each tag that it turned on or off.
    pub(super) fn apply(
        &mut self,
        event: &'a Event,
        rules: &Rules,
        toggled: &mut dyn FnMut(&'a Arc<[u8]>),
    ) -> Effect<'a> {
        let existed = self.exists;
        if matches!(event.op, Op::Create | Op::Assert | Op::Content) && !existed {
            self.exists = true;
            self.created_at = event.ts;
        }
        let mut changed = self.exists != existed;
        match (event.op, &event.tag) {
            (Op::Assert, Some(tag)) => {
                for namespace in rules.one_of(tag) {
                    while let Some(other) = self.other_in(namespace, tag) {
                        self.tags.remove(&**other);
                        toggled(other);
                        changed = true;
                    }
                }
                if !self.tags.contains_key(&**tag) {
                    self.tags.insert(tag, tag);
                    toggled(tag);
                    changed = true;
                }
            }
            (Op::Retract, Some(tag)) => {
                if let Some(held) = self.tags.remove(&**tag) {
                    toggled(held);
                    changed = true;
                }
            }
            (Op::Content, _) => match (std::mem::replace(&mut self.content, event.content.as_ref()), self.content) {
                (Some(old), Some(new)) if !changed => return Effect::Replaced(old, new),
                (old, new) => changed |= old.is_some() != new.is_some(),
            },
            (Op::Delete, _) => {
                changed |= existed;
                std::mem::take(&mut self.tags).into_values().for_each(toggled);
                *self = Self::default();
            }
            _ => {}
        }
        if changed { Effect::Changed } else { Effect::Nothing }
    }

    /// A tag other than `tag` that holds in a namespace given with its colon.
    fn other_in(&self, namespace: &[u8], tag: &[u8]) -> Option<&'a Arc<[u8]>> {
        // The tags of a namespace are neighbours, since they share its name as their prefix.
        let from = (Bound::Included(namespace), Bound::Unbounded);
        let mut tags = self.tags.range::<[u8], _>(from).take_while(|(held, _)| held.starts_with(namespace));
        tags.find(|(held, _)| **held != tag).map(|(_, other)| *other)
    }
}
