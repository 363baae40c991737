//! From the events of entities to the toggles of keys, handed on chunk by chunk of ordinals: what a builder writes, and what
//! verify compares with what is written.
//!
//! Invariant: entities come in ascending order, so a chunk that was left never comes again.

use super::bitmap::{EXISTS, begins, ends};
use super::frame::Frame;
use super::{Event, Rules, Timeline};
use crate::error::Result;
use crate::index::directory::DirectoryWriter;
use crate::index::log::{LogEvent, NO_TAG};
use crate::index::postings::Toggle;
use crate::types::{Op, Ordinal, Xid};

/// Where the toggles of each key in a chunk go, sorted; keys ascend within a chunk.
pub(super) trait Sink {
    /// Takes the toggles of a (key, chunk).
    fn push(&mut self, key: u32, chunk: u16, toggles: &[Toggle]) -> Result<()>;
}

impl Sink for DirectoryWriter {
    fn push(&mut self, key: u32, chunk: u16, toggles: &[Toggle]) -> Result<()> {
        DirectoryWriter::push(self, key, chunk, toggles)
    }
}

/// A toggle of one entity: the tag's position (`NO_TAG`: *exists*), whether it is of what the run ends in older segments, and
/// the rank of its instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    pub(super) tag: u32,
    pub(super) is_end: bool,
    pub(super) rank: u32,
}

/// Gathers the toggles of the chunk of ordinals that it is at.
pub(super) struct Toggles {
    rules: Rules,
    chunk: u16,
    all: Vec<(u32, Toggle)>,
    /// For each key, how many toggles it has, then where its next one goes; zero between two chunks.
    places: Vec<u32>,
    keys: Vec<u32>,
    grouped: Vec<Toggle>,
}

impl Toggles {
    /// No toggles yet.
    pub(super) fn new(rules: &Rules) -> Self {
        let rules = rules.clone();
        Self { rules, chunk: 0, all: Vec::new(), places: Vec::new(), keys: Vec::new(), grouped: Vec::new() }
    }

    /// Adds a toggle of an entity, which is in no earlier chunk than the one before.
    pub(super) fn patch(&mut self, ordinal: Ordinal, patch: Patch, out: &mut impl Sink) -> Result<()> {
        if ordinal.chunk() != self.chunk {
            self.flush(out)?;
            self.chunk = ordinal.chunk();
        }
        let key = if patch.tag == NO_TAG { EXISTS } else { patch.tag + 1 };
        let stream = if patch.is_end { ends(key) } else { begins(key) };
        self.all.push((stream, Toggle::new(patch.rank, ordinal.low())));
        Ok(())
    }

    /// Adds the toggles that follow from all events of an entity, which are in the order of the log.
    pub(super) fn derive(
        &mut self,
        ordinal: Ordinal,
        events: &[LogEvent],
        frame: &Frame,
        out: &mut impl Sink,
    ) -> Result<()> {
        let is_plain = |event: &LogEvent| !matches!(event.op, Op::Delete | Op::Cancel);
        let tags = events.chunk_by(|a, b| a.tag == b.tag).filter_map(|of_tag| frame.tags().get(of_tag[0].tag as usize));
        if events.iter().all(is_plain) && self.rules.coexist(tags.map(|tag| &**tag)) {
            return self.derive_plain(ordinal, events, out);
        }
        let events = events.iter().map(|event| Event {
            ts: frame.instants().get(event.rank as usize).copied().unwrap_or_default(),
            seq: event.seq,
            tx: Xid(0),
            recorded_at: None,
            stamped: event.stamped,
            op: event.op,
            tag: frame.tags().get(event.tag as usize).cloned(),
            content: None,
        });
        for (tag, ts, _) in Timeline::new(events.collect()).transitions(&self.rules) {
            self.patch(ordinal, frame.patch(tag.as_deref(), false, ts)?, out)?;
        }
        Ok(())
    }

    /// The same where nothing ever ends the entity, no tag ends another, and so each follows from its own events: it holds after an instant if its
    /// last event there is an assert. The entity exists from its first event that is no retract.
    fn derive_plain(&mut self, ordinal: Ordinal, events: &[LogEvent], out: &mut impl Sink) -> Result<()> {
        let mut born: Option<u32> = None;
        let (mut tag, mut held) = (NO_TAG, false);
        for (at, event) in events.iter().enumerate() {
            if event.op != Op::Retract && born.is_none_or(|born| event.rank < born) {
                born = Some(event.rank);
            }
            if event.tag != tag {
                (tag, held) = (event.tag, false);
            }
            let is_last = events.get(at + 1).is_none_or(|next| (next.tag, next.rank) != (tag, event.rank));
            if tag != NO_TAG && is_last && held != (event.op == Op::Assert) {
                held = !held;
                self.patch(ordinal, Patch { tag, is_end: false, rank: event.rank }, out)?;
            }
        }
        match born {
            Some(rank) => self.patch(ordinal, Patch { tag: NO_TAG, is_end: false, rank }, out),
            None => Ok(()),
        }
    }

    /// Adds the toggles of a birth, whose events are at one instant: it and each of its tags begin there.
    pub(super) fn derive_birth(&mut self, ordinal: Ordinal, events: &[LogEvent], out: &mut impl Sink) -> Result<()> {
        events
            .iter()
            .filter(|event| event.op != Op::Content)
            .try_for_each(|event| self.patch(ordinal, Patch { tag: event.tag, is_end: false, rank: event.rank }, out))
    }

    /// Hands on the toggles of the chunk. They are grouped by counting: sorting them by key costs more than all else.
    pub(super) fn flush(&mut self, out: &mut impl Sink) -> Result<()> {
        for (key, _) in &self.all {
            let key = *key as usize;
            if self.places.len() <= key {
                self.places.resize(key + 1, 0);
            }
            if self.places[key] == 0 {
                self.keys.push(key as u32);
            }
            self.places[key] += 1;
        }
        self.keys.sort_unstable();
        let mut place = 0;
        for key in &self.keys {
            place += std::mem::replace(&mut self.places[*key as usize], place);
        }
        self.grouped.clear();
        self.grouped.resize(self.all.len(), Toggle::new(0, 0));
        for (key, toggle) in self.all.drain(..) {
            let place = &mut self.places[key as usize];
            self.grouped[*place as usize] = toggle;
            *place += 1;
        }
        let mut start = 0;
        for key in self.keys.drain(..) {
            let end = std::mem::take(&mut self.places[key as usize]) as usize;
            let group = &mut self.grouped[start..end];
            if !group.is_sorted() {
                group.sort_unstable();
            }
            out.push(key, self.chunk, group)?;
            start = end;
        }
        Ok(())
    }
}
