//! What the delta adds to the postings, so that an entity with unsealed events need not be evaluated from its log.
//!
//! Invariant: an entity is overlaid only if the events of it that the asker looks at in the delta are all later than every
//! sealed event, so that what they say is the last word; all other entities of the delta are left to the log.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use roaring::RoaringBitmap;

use super::{Horizon, Rules, View};
use crate::index::postings::Words;
use crate::types::{ChangeSet, NewEvent, Ns, Op, Ordinal, Seq};

/// What the overlaid entities say of one tag.
#[derive(Default)]
struct Patch {
    on: RoaringBitmap,
    off: RoaringBitmap,
}

/// The last words of the overlaid entities.
#[derive(Default)]
pub(super) struct Overlay {
    /// Entities that were deleted: what segments say of them is over.
    ended: RoaringBitmap,
    /// By namespace of cardinality one, with its colon: entities of which a value was asserted, which ends all others.
    renewed: BTreeMap<Vec<u8>, RoaringBitmap>,
    exists: Patch,
    tags: BTreeMap<Vec<u8>, Patch>,
    chunks: BTreeSet<u16>,
}

impl Overlay {
    /// Overlays what can be of the view's delta, but for the entities in `log`, to which all others are added. Only tags
    /// that are `wanted` are kept.
    pub(super) fn new(view: &View, horizon: &Horizon, log: &mut RoaringBitmap, wanted: &dyn Fn(&[u8]) -> bool) -> Self {
        let mut overlay = Self::default();
        let settled = view.runs().map(|(run, _)| run.summary.ts.1).max();
        let mut knows = horizon.knows();
        let mut events: Vec<(Ns, Seq, &NewEvent)> = Vec::new();
        for sets in view.delta().entities_sets() {
            let Some(ordinal) = sets.first().map(|set| set.ordinal) else { continue };
            if log.contains(ordinal.0) {
                continue;
            }
            events.clear();
            for set in sets.iter().filter(|set| knows(set.tx, set.recorded_at)) {
                let admitted = numbered(set).filter(|(ts, _, e)| horizon.admits(*ts, e.stamped, set.tx));
                events.extend(admitted);
            }
            events.sort_unstable_by_key(|(ts, seq, _)| (*ts, *seq));
            if events.first().is_some_and(|(first, ..)| settled >= Some(*first)) {
                log.insert(ordinal.0);
                continue;
            }
            overlay.add(ordinal, &events, view.rules(), wanted);
        }
        overlay
    }

    /// Replays the events of an entity, which are in (ts, seq) order.
    fn add(
        &mut self,
        ordinal: Ordinal,
        events: &[(Ns, Seq, &NewEvent)],
        rules: &Rules,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) {
        let mut left: Vec<(Ns, &NewEvent)> = Vec::with_capacity(events.len());
        for &(ts, _, event) in events {
            if event.op == Op::Cancel {
                left.truncate(left.iter().rposition(|(earlier, _)| *earlier != ts).map_or(0, |last| last + 1));
            } else {
                left.push((ts, event));
            }
        }
        let (mut ended, mut exists) = (false, None);
        let mut tags: BTreeMap<&[u8], bool> = BTreeMap::new();
        let mut renewed: BTreeSet<&[u8]> = BTreeSet::new();
        for (_, event) in left {
            match (event.op, &event.tag) {
                (Op::Retract, tag) => {
                    tags.extend(tag.as_deref().filter(|tag| wanted(tag)).map(|tag| (tag, false)));
                }
                (Op::Delete, _) => {
                    (ended, exists) = (true, Some(false));
                    tags.clear();
                }
                (Op::Create | Op::Assert | Op::Content | Op::Cancel, tag) => {
                    exists = Some(true);
                    if event.op == Op::Assert {
                        for namespace in tag.iter().flat_map(|tag| rules.one_of(tag)) {
                            renewed.insert(namespace);
                            let within = (Bound::Included(namespace), Bound::Unbounded);
                            let values = tags.range_mut::<[u8], _>(within);
                            values.take_while(|(tag, _)| tag.starts_with(namespace)).for_each(|(_, on)| *on = false);
                        }
                        tags.extend(tag.as_deref().filter(|tag| wanted(tag)).map(|tag| (tag, true)));
                    }
                }
            }
        }
        if ended {
            self.ended.insert(ordinal.0);
        }
        match exists {
            Some(true) => drop(self.exists.on.insert(ordinal.0)),
            Some(false) => drop(self.exists.off.insert(ordinal.0)),
            None => {}
        }
        for namespace in renewed {
            match self.renewed.get_mut(namespace) {
                Some(set) => drop(set.insert(ordinal.0)),
                None => drop(self.renewed.insert(namespace.to_vec(), RoaringBitmap::from_iter([ordinal.0]))),
            }
        }
        for (tag, on) in tags {
            let patch = match self.tags.get_mut(tag) {
                Some(patch) => patch,
                None => self.tags.entry(tag.to_vec()).or_default(),
            };
            if on { &mut patch.on } else { &mut patch.off }.insert(ordinal.0);
        }
        self.chunks.insert(ordinal.chunk());
    }

    /// Changes the ordinals of a chunk that carry a tag (`None`: that exist) by what the overlaid entities say.
    pub(super) fn apply(&self, tag: Option<&[u8]>, chunk: u16, words: &mut Words) {
        if !self.chunks.contains(&chunk) {
            return;
        }
        let base = u32::from(chunk) << 16;
        let members = |set: &RoaringBitmap, visit: &mut dyn FnMut(usize, u64)| {
            for ordinal in set.range(base..=(base | 0xffff)) {
                let low = (ordinal - base) as usize;
                visit(low >> 6, 1 << (low & 63));
            }
        };
        members(&self.ended, &mut |word, bit| words[word] &= !bit);
        for (_, set) in self.renewed.iter().filter(|(namespace, _)| tag.is_some_and(|tag| tag.starts_with(namespace))) {
            members(set, &mut |word, bit| words[word] &= !bit);
        }
        let patch = match tag {
            Some(tag) => self.tags.get(tag),
            None => Some(&self.exists),
        };
        if let Some(patch) = patch {
            members(&patch.off, &mut |word, bit| words[word] &= !bit);
            members(&patch.on, &mut |word, bit| words[word] |= bit);
        }
    }

    /// Whether overlaid entities say something of a tag.
    pub(super) fn names(&self, tag: &[u8]) -> bool {
        self.tags.contains_key(tag)
    }

    /// The tags with this prefix of which overlaid entities say something.
    pub(super) fn tags_with(&self, prefix: &[u8]) -> impl Iterator<Item = &Vec<u8>> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.tags.range::<[u8], _>(from).map(|(tag, _)| tag).take_while(move |tag| tag.starts_with(prefix))
    }

    /// The chunks with overlaid entities.
    pub(super) fn chunks(&self) -> &BTreeSet<u16> {
        &self.chunks
    }
}

/// The events of a change set with their numbers.
fn numbered(set: &ChangeSet) -> impl Iterator<Item = (Ns, Seq, &NewEvent)> {
    (set.first_seq..).zip(&set.events).map(|(seq, event)| (event.ts, seq, event))
}
