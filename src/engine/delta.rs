//! The change sets that are not sealed, found by ordinal and by id.
//!
//! Invariant: `sets` is sorted by (ordinal, first seq), and `by_id` names the first change set of each entity, sorted by id.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::{Blob, Event, TagExpr};
use crate::types::{ChangeSet, Op, Ordinal, StoredContent};

/// The delta of a view.
pub(super) struct Delta {
    sets: Vec<ChangeSet>,
    by_id: Vec<u32>,
    event_count: u64,
    /// The view's numbers of the content files that change sets name.
    files: HashMap<String, u32>,
}

impl Delta {
    /// From change sets in any order.
    pub(super) fn new(mut sets: Vec<ChangeSet>) -> Self {
        sets.sort_by_key(|s| (s.ordinal, s.first_seq));
        let mut by_id: Vec<u32> = (0..sets.len())
            .filter(|&i| i == 0 || sets[i - 1].ordinal != sets[i].ordinal)
            .map(|i| u32::try_from(i).unwrap_or(u32::MAX))
            .collect();
        by_id.sort_by(|&a, &b| sets[a as usize].id.cmp(&sets[b as usize].id));
        let event_count = sets.iter().map(|s| s.events.len() as u64).sum();
        Self { sets, by_id, event_count, files: HashMap::new() }
    }

    /// Gives the content files that change sets name the numbers that `number` has for them.
    pub(super) fn with_files(mut self, number: impl Fn(&str) -> u32) -> Self {
        let named = self.sets.iter().flat_map(|set| &set.stored).map(|content| content.file.as_str());
        self.files = named.map(|file| (file.to_owned(), number(file))).collect();
        self
    }

    /// The content files that change sets name.
    pub(super) fn files(&self) -> BTreeSet<&str> {
        self.sets.iter().flat_map(|set| &set.stored).map(|content| content.file.as_str()).collect()
    }

    /// A content of a change set by its event's place.
    fn content(&self, set: &ChangeSet, place: usize, bytes: &[u8]) -> Blob {
        let stored = set.stored.binary_search_by_key(&place, |content| content.event as usize);
        match stored.map(|found| &set.stored[found]) {
            Ok(StoredContent { file, offset, len, hash, .. }) => Blob::Stored {
                segment: self.files.get(file).copied().unwrap_or(u32::MAX),
                offset: *offset,
                len: *len,
                hash: *hash,
            },
            Err(_) => Blob::Inline(Arc::from(bytes)),
        }
    }

    /// How many change sets there are.
    pub(super) fn rows(&self) -> usize {
        self.sets.len()
    }

    fn first(&self, nth: u32) -> &ChangeSet {
        &self.sets[nth as usize]
    }

    /// The ordinal of an id.
    pub(super) fn resolve(&self, id: &[u8]) -> Option<Ordinal> {
        let at = self.by_id.binary_search_by(|&i| self.first(i).id.as_slice().cmp(id)).ok()?;
        Some(self.first(self.by_id[at]).ordinal)
    }

    /// The change sets of an entity, in seq order.
    pub(super) fn sets_of(&self, ordinal: Ordinal) -> &[ChangeSet] {
        let from = self.sets.partition_point(|s| s.ordinal < ordinal);
        let len = self.sets[from..].partition_point(|s| s.ordinal == ordinal);
        &self.sets[from..from + len]
    }

    /// Whether the entity has change sets.
    pub(super) fn has(&self, ordinal: Ordinal) -> bool {
        self.sets.binary_search_by_key(&ordinal, |s| s.ordinal).is_ok()
    }

    /// The id of an ordinal.
    pub(super) fn id(&self, ordinal: Ordinal) -> Option<&[u8]> {
        self.sets_of(ordinal).first().map(|s| s.id.as_slice())
    }

    /// All (id, ordinal) in this range of bytes, in byte order.
    pub(super) fn ids_between<'a>(
        &'a self,
        lower: Bound<&[u8]>,
        upper: Bound<&'a [u8]>,
    ) -> impl Iterator<Item = (&'a [u8], Ordinal)> {
        let from = self.by_id.partition_point(|&i| match lower {
            Bound::Included(id) => self.first(i).id.as_slice() < id,
            Bound::Excluded(id) => self.first(i).id.as_slice() <= id,
            Bound::Unbounded => false,
        });
        self.by_id[from..].iter().map(|&i| (self.first(i).id.as_slice(), self.first(i).ordinal)).take_while(
            move |(id, _)| match upper {
                Bound::Included(end) => *id <= end,
                Bound::Excluded(end) => *id < end,
                Bound::Unbounded => true,
            },
        )
    }

    /// Every ordinal, ascending, once.
    pub(super) fn ordinals(&self) -> impl Iterator<Item = Ordinal> + '_ {
        self.entities_sets().map(|sets| sets[0].ordinal)
    }

    /// The change sets of each entity, in seq order, by ordinal.
    pub(super) fn entities_sets(&self) -> impl Iterator<Item = &[ChangeSet]> {
        self.sets.chunk_by(|a, b| a.ordinal == b.ordinal)
    }

    /// How many entities have change sets.
    pub(super) fn entities(&self) -> usize {
        self.by_id.len()
    }

    /// The tags with this prefix that events name, in any order.
    pub(super) fn tags_with<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let tags = self.sets.iter().flat_map(|set| &set.events).filter_map(|event| event.tag.as_deref());
        tags.filter(move |tag| tag.starts_with(prefix))
    }

    /// How many events there are.
    pub(super) fn event_count(&self) -> u64 {
        self.event_count
    }

    /// Adds the events of an entity.
    pub(super) fn events(&self, ordinal: Ordinal, into: &mut Vec<Event>) {
        for set in self.sets_of(ordinal) {
            for (place, (seq, event)) in (set.first_seq..).zip(&set.events).enumerate() {
                into.push(Event {
                    ts: event.ts,
                    seq,
                    tx: set.tx,
                    recorded_at: set.recorded_at,
                    stamped: event.stamped,
                    op: event.op,
                    tag: event.tag.as_deref().map(Arc::from),
                    content: event.content.as_deref().map(|bytes| self.content(set, place, bytes)),
                });
            }
        }
    }

    /// About which part of the entities the expression selects, from the asserts of a sample.
    pub(super) fn fraction(&self, expr: &TagExpr) -> f64 {
        let step = (self.by_id.len() / 256).max(1);
        let (mut looked, mut hits) = (0_u32, 0_u32);
        for &i in self.by_id.iter().step_by(step) {
            let ordinal = self.first(i).ordinal;
            let asserted: Vec<&[u8]> = self
                .sets_of(ordinal)
                .iter()
                .flat_map(|s| &s.events)
                .filter(|e| e.op == Op::Assert)
                .filter_map(|e| e.tag.as_deref())
                .collect();
            looked += 1;
            hits += u32::from(expr.holds(ordinal, &asserted));
        }
        if looked == 0 { 0.0 } else { f64::from(hits) / f64::from(looked) }
    }
}
