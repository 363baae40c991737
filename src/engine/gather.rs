//! Entities whose events come as values, gathered until the frame of the run is known: a seal's, and those of a load that
//! older segments know.
//!
//! Invariant: what is gathered names tags by the order in which they were first met; the frame's numbers are given when
//! an entity is poured into the writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::AHashMap;

use super::frame::Frame;
use super::run_writer::RunWriter;
use super::toggles::Patch;
use super::{Blob, Event, Rules, Timeline};
use crate::error::{Error, Result};
use crate::index::log::{ContentLoc, LogEvent, NO_TAG};
use crate::types::{Micros, Ns, Op, Ordinal, Xid};

/// A gathered entity: how many events it has, and how many patches if older segments know it.
struct Entity {
    ordinal: Ordinal,
    events: usize,
    patches: Option<usize>,
}

/// Gathered entities, in ordinal order.
#[derive(Default)]
pub(super) struct Gather {
    rules: Rules,
    tags: AHashMap<Arc<[u8]>, u32>,
    txs: BTreeMap<Xid, Option<Micros>>,
    entities: Vec<Entity>,
    /// Instant, transaction and stated system time of each event beside what the log keeps of it.
    events: Vec<(Ns, Xid, Option<Micros>, LogEvent)>,
    /// Tag, whether it is of what ends, instant.
    patches: Vec<(u32, bool, Ns)>,
}

impl Gather {
    /// Nothing gathered yet.
    pub(super) fn new(rules: &Rules) -> Self {
        Self { rules: rules.clone(), ..Self::default() }
    }

    /// Whether nothing was gathered.
    pub(super) fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// Adds the next entity, of which `before` are stored in older segments. Its contents are in content file number 0.
    pub(super) fn push(
        &mut self,
        ordinal: Ordinal,
        before: Vec<Event>,
        events: Vec<Event>,
        times: &dyn Fn(Xid) -> Option<Micros>,
    ) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        for event in &events {
            let logged = self.logged(ordinal, event)?;
            self.events.push((event.ts, event.tx, event.recorded_at, logged));
            if event.recorded_at.is_none() {
                self.txs.entry(event.tx).or_insert_with(|| times(event.tx));
            }
        }
        let (count, patched) = (events.len(), self.patches.len());
        let mut patches = None;
        if !before.is_empty() {
            for (tag, is_end, ts) in self::patches(before, events, &self.rules) {
                let tag = self.met(tag.as_ref())?;
                self.patches.push((tag, is_end, ts));
            }
            patches = Some(self.patches.len() - patched);
        }
        self.entities.push(Entity { ordinal, events: count, patches });
        Ok(())
    }

    fn logged(&mut self, ordinal: Ordinal, event: &Event) -> Result<LogEvent> {
        let content = match (&event.content, event.op) {
            (Some(Blob::Stored { segment, offset, len, hash }), _) => {
                Some(Some(ContentLoc { segment: *segment, offset: *offset, len: *len, hash: *hash }))
            }
            (Some(Blob::Inline(_)), _) => {
                return Err(Error::Malformed {
                    segment: String::new(),
                    detail: format!("content {} of ordinal {} was not stored", event.seq, ordinal.0),
                });
            }
            (None, Op::Content) => Some(None),
            (None, _) => None,
        };
        let tag = self.met(event.tag.as_ref())?;
        Ok(LogEvent { tag, rank: 0, seq: event.seq, tx: 0, op: event.op, stamped: event.stamped, content })
    }

    /// The number of a tag in the order of first meeting.
    fn met(&mut self, tag: Option<&Arc<[u8]>>) -> Result<u32> {
        let Some(tag) = tag else { return Ok(NO_TAG) };
        if let Some(number) = self.tags.get(tag) {
            return Ok(*number);
        }
        let next = self.tags.len();
        if next >= (NO_TAG / 2 - 1) as usize {
            return Err(Error::TooMany { what: "tags", limit: u64::from(NO_TAG / 2 - 1), found: next as u64 });
        }
        self.tags.insert(tag.clone(), next as u32);
        Ok(next as u32)
    }

    /// The frame of all that is gathered, and of more: tags, instants, and transactions with system times, where they have one.
    pub(super) fn frame(
        &self,
        mut tags: Vec<Arc<[u8]>>,
        mut instants: Vec<Ns>,
        more: impl IntoIterator<Item = (Xid, Option<Micros>)>,
    ) -> Result<Frame> {
        tags.extend(self.tags.keys().cloned());
        instants.extend(self.events.iter().map(|event| event.0).chain(self.patches.iter().map(|patch| patch.2)));
        let mut txs: Vec<(Xid, Option<Micros>)> = self.txs.iter().map(|(xid, time)| (*xid, *time)).collect();
        let mut stated: Vec<(Xid, Micros)> = self.events.iter().filter_map(|event| Some((event.1, event.2?))).collect();
        for (xid, at) in more {
            match at {
                None => txs.push((xid, None)),
                Some(at) => stated.push((xid, at)),
            }
        }
        Frame::new(tags, instants, txs, stated)
    }

    /// The entities, to be poured into the writer with this frame.
    pub(super) fn pour(self, frame: &Frame) -> Result<Pour> {
        let mut positions = vec![0; self.tags.len()];
        for (tag, met) in &self.tags {
            positions[*met as usize] = frame.position(tag)?;
        }
        Ok(Pour { gather: self, positions, entity: 0, event: 0, patch: 0, events: Vec::new(), patches: Vec::new() })
    }
}

/// A tag (`None`: *exists*), whether it is of what ends, and an instant.
type Step = (Option<Arc<[u8]>>, bool, Ns);

/// The instants at which what `events` begin, and what they end, of each tag changes where `before` are in older segments.
pub(super) fn patches(before: Vec<Event>, events: Vec<Event>, rules: &Rules) -> Vec<Step> {
    type Steps = BTreeMap<Ns, (Option<bool>, Option<bool>)>;
    let mut tags: BTreeMap<Option<Arc<[u8]>>, Steps> = BTreeMap::new();
    let mut all = before.clone();
    all.extend(events);
    for (tag, ts, on) in Timeline::new(before).transitions(rules) {
        tags.entry(tag).or_default().entry(ts).or_default().0 = Some(on);
    }
    for (tag, ts, on) in Timeline::new(all).transitions(rules) {
        tags.entry(tag).or_default().entry(ts).or_default().1 = Some(on);
    }
    let mut patches = Vec::new();
    for (tag, steps) in tags {
        let (mut before, mut after, mut begun, mut ended) = (false, false, false, false);
        for (ts, (b, a)) in steps {
            before = b.unwrap_or(before);
            after = a.unwrap_or(after);
            for (state, now, is_end) in [(&mut begun, after && !before, false), (&mut ended, before && !after, true)] {
                if *state != now {
                    *state = now;
                    patches.push((tag.clone(), is_end, ts));
                }
            }
        }
    }
    patches
}

/// Gathered entities on their way into a writer.
pub(super) struct Pour {
    gather: Gather,
    /// The position of each tag, by the order of first meeting.
    positions: Vec<u32>,
    entity: usize,
    event: usize,
    patch: usize,
    events: Vec<LogEvent>,
    patches: Vec<Patch>,
}

impl Pour {
    /// Writes the next entity if it is this one; any if none is named. False if nothing was written.
    pub(super) fn next(&mut self, only: Option<Ordinal>, run: &mut RunWriter) -> Result<bool> {
        let Some(entity) = self.gather.entities.get(self.entity) else { return Ok(false) };
        if only.is_some_and(|only| only != entity.ordinal) {
            return Ok(false);
        }
        let frame = run.frame();
        let position = |tag: u32| if tag == NO_TAG { NO_TAG } else { self.positions[tag as usize] };
        self.events.clear();
        for (ts, tx, stated, event) in &self.gather.events[self.event..self.event + entity.events] {
            let (tag, rank, tx) = (position(event.tag), frame.rank(*ts)?, frame.tx(*tx, *stated)?);
            self.events.push(LogEvent { tag, rank, tx, ..*event });
        }
        self.patches.clear();
        let patched = self.patch + entity.patches.unwrap_or(0);
        for (tag, is_end, ts) in &self.gather.patches[self.patch..patched] {
            self.patches.push(Patch { tag: position(*tag), is_end: *is_end, rank: frame.rank(*ts)? });
        }
        run.push(entity.ordinal, &mut self.events, entity.patches.map(|_| self.patches.as_slice()))?;
        (self.entity, self.event, self.patch) = (self.entity + 1, self.event + entity.events, patched);
        Ok(true)
    }
}
