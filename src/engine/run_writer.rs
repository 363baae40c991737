//! Builds a run or a tile from entities in ordinal order: log, dictionaries and the patches on older runs.
//!
//! Invariant: dictionary positions and ranks are given only at the end, when every tag and every instant is known; what
//! is gathered before names tags and transactions by the order in which they were first met.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ahash::AHashMap;

use super::bitmap::{EXISTS, begins, ends};
use super::summary::Summary;
use super::{Blob, Event, FileInfo, Rules, Timeline};
use crate::error::{Error, Result};
use crate::index::directory::DirectoryWriter;
use crate::index::log::{ContentLoc, LogEvent, LogWriter, NO_TAG};
use crate::index::{instants, section, strings, txs};
use crate::segment::{Files, Kind, SegmentWriter};
use crate::types::{Micros, Ns, Op, Ordinal, Xid};

/// A toggle that is not yet placed: tag (`NO_TAG` is *exists*), whether it is of what ends, ordinal, instant.
type Toggle = (u32, bool, Ordinal, Ns);

/// A run that is being gathered.
pub(super) struct RunWriter {
    kind: Kind,
    rules: Rules,
    tags: AHashMap<Arc<[u8]>, u32>,
    txs: BTreeMap<Xid, (u32, Option<Micros>)>,
    /// The content files by which `Blob::Stored` of pushed events counts.
    content_files: Vec<String>,
    entities: Vec<(Ordinal, u32)>,
    events: Vec<(Ns, LogEvent)>,
    toggles: Vec<Toggle>,
    summary: Summary,
}

impl RunWriter {
    /// An empty run. Contents of pushed events are in `content_files`, by number.
    pub(super) fn new(kind: Kind, rules: &Rules, content_files: Vec<String>) -> Self {
        let summary = Summary {
            ts: (Ns::AFTER_ALL, Ns::BEFORE_ALL),
            tx: (Xid(u64::MAX), Xid(0)),
            ordinals: (Ordinal(u32::MAX), Ordinal(0)),
            one: rules.one.iter().cloned().collect(),
            ..Summary::default()
        };
        Self {
            kind,
            rules: rules.clone(),
            tags: AHashMap::new(),
            txs: BTreeMap::new(),
            content_files,
            entities: Vec::new(),
            events: Vec::new(),
            toggles: Vec::new(),
            summary,
        }
    }

    /// Whether any event was added.
    pub(super) fn has_events(&self) -> bool {
        !self.entities.is_empty()
    }

    /// Adds the events of the next entity, of which `before` are stored in older segments.
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
            self.push_event(ordinal, event, times)?;
        }
        let count = u32::try_from(events.len()).map_err(|_| Error::TooMany {
            what: "events of one entity",
            limit: u64::from(u32::MAX),
            found: events.len() as u64,
        })?;
        self.entities.push((ordinal, count));
        if before.is_empty() && self.push_birth(ordinal, &events) {
            return Ok(());
        }
        let old = if before.is_empty() { Vec::new() } else { Timeline::new(before.clone()).transitions(&self.rules) };
        let mut all = before;
        all.extend(events);
        let new = Timeline::new(all).transitions(&self.rules);
        if old.is_empty() {
            for (tag, ts, _) in new {
                let tag = self.toggle_tag(tag)?;
                self.toggles.push((tag, false, ordinal, ts));
            }
            return Ok(());
        }
        self.push_patches(ordinal, old, new)
    }

    /// Adds the toggles of an entity whose only events are those of one INSERT, which need no timeline: *exists* and each
    /// tag begin at its instant. False, and nothing is added, if the events are anything else.
    fn push_birth(&mut self, ordinal: Ordinal, events: &[Event]) -> bool {
        let ts = events[0].ts;
        let ops = [Op::Create, Op::Assert, Op::Content];
        let tags = || events.iter().filter_map(|event| event.tag.as_ref());
        // In ascending order no tag is asserted twice.
        let is_birth = events.iter().all(|event| event.ts == ts && ops.contains(&event.op))
            && tags().zip(tags().skip(1)).all(|(a, b)| a < b)
            && self.rules.one.is_empty();
        if is_birth {
            self.toggles.push((NO_TAG, false, ordinal, ts));
            let logged = &self.events[self.events.len() - events.len()..];
            let begun = logged.iter().filter(|(_, event)| event.tag != NO_TAG);
            self.toggles.extend(begun.map(|(ts, event)| (event.tag, false, ordinal, *ts)));
        }
        is_birth
    }

    /// Adds the instants at which what the run begins, and what it ends, of each tag changes.
    fn push_patches(&mut self, ordinal: Ordinal, old: Toggles, new: Toggles) -> Result<()> {
        type Steps = BTreeMap<Ns, (Option<bool>, Option<bool>)>;
        let mut tags: BTreeMap<Option<Arc<[u8]>>, Steps> = BTreeMap::new();
        for (tag, ts, on) in old {
            tags.entry(tag).or_default().entry(ts).or_default().0 = Some(on);
        }
        for (tag, ts, on) in new {
            tags.entry(tag).or_default().entry(ts).or_default().1 = Some(on);
        }
        for (tag, steps) in tags {
            let (mut before, mut after, mut begun, mut ended) = (false, false, false, false);
            for (ts, (b, a)) in steps {
                before = b.unwrap_or(before);
                after = a.unwrap_or(after);
                for (state, now, is_end) in
                    [(&mut begun, after && !before, false), (&mut ended, before && !after, true)]
                {
                    if *state != now {
                        *state = now;
                        let tag = self.toggle_tag(tag.clone())?;
                        self.toggles.push((tag, is_end, ordinal, ts));
                    }
                }
            }
        }
        Ok(())
    }

    fn push_event(&mut self, ordinal: Ordinal, event: &Event, times: &dyn Fn(Xid) -> Option<Micros>) -> Result<()> {
        let tag = match &event.tag {
            Some(tag) => self.toggle_tag(Some(tag.clone()))?,
            None => NO_TAG,
        };
        let next = self.txs.len() as u32;
        let (tx, time) = *self.txs.entry(event.tx).or_insert_with(|| (next, times(event.tx).or(event.recorded_at)));
        let s = &mut self.summary;
        if let Some(recorded_at) = event.recorded_at
            && time != Some(recorded_at)
        {
            s.imported.push((ordinal, event.seq, recorded_at));
        }
        s.events += 1;
        s.ts = (s.ts.0.min(event.ts), s.ts.1.max(event.ts));
        s.tx = (s.tx.0.min(event.tx), s.tx.1.max(event.tx));
        s.ordinals = (s.ordinals.0.min(ordinal), s.ordinals.1.max(ordinal));
        let latest = if event.stamped { &mut s.max_stamped } else { &mut s.max_dated };
        *latest = (*latest).max(Some(event.ts));
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
        let log = LogEvent { tag, rank: 0, seq: event.seq, tx, op: event.op, stamped: event.stamped, content };
        self.events.push((event.ts, log));
        Ok(())
    }

    /// The number of a tag in the order of first meeting.
    fn toggle_tag(&mut self, tag: Option<Arc<[u8]>>) -> Result<u32> {
        let Some(tag) = tag else { return Ok(NO_TAG) };
        let next = self.tags.len();
        if next >= (NO_TAG / 2 - 1) as usize {
            return Err(Error::TooMany { what: "tags", limit: u64::from(NO_TAG / 2 - 1), found: next as u64 });
        }
        Ok(*self.tags.entry(tag).or_insert(next as u32))
    }

    /// Writes the file.
    pub(super) fn finish(mut self, files: &mut dyn Files) -> Result<FileInfo> {
        self.summary.entities = self.entities.len() as u64;
        self.summary.imported.sort_unstable();
        let mut out = SegmentWriter::new(files.create(self.kind)?, self.kind)?;
        let mut sorted: Vec<(Arc<[u8]>, u32)> = self.tags.drain().collect();
        sorted.sort_unstable();
        let mut positions = vec![0_u32; sorted.len()];
        for (position, (_, met)) in (0..).zip(&sorted) {
            positions[*met as usize] = position;
        }
        out.section(section::TAGS, &strings::encode(sorted.iter().map(|(tag, _)| tag))?)?;
        let mut ts: Vec<Ns> = self.events.iter().map(|e| e.0).chain(self.toggles.iter().map(|t| t.3)).collect();
        ts.dedup();
        ts.sort_unstable();
        ts.dedup();
        out.section(section::INSTANTS, &instants::encode(&ts)?)?;
        // Events and toggles of one change stand together and share their instant: the last answer is kept.
        let last = Cell::new((Ns::BEFORE_ALL, 0));
        let rank = |at: Ns| {
            if last.get().0 != at {
                last.set((at, ts.partition_point(|t| *t < at) as u32));
            }
            last.get().1
        };
        let mut tx_index = vec![0_u32; self.txs.len()];
        for (index, (met, _)) in (0..).zip(self.txs.values()) {
            tx_index[*met as usize] = index;
        }
        let table: Vec<_> = self.txs.iter().map(|(xid, (_, time))| (*xid, *time)).collect();
        out.section(section::TXS, &txs::encode(&table)?)?;
        let names: BTreeSet<&String> = self.content_files.iter().collect();
        let place = |segment: u32| -> Result<u32> {
            let name = self.content_files.get(segment as usize);
            let place = name.and_then(|name| names.iter().position(|n| *n == name));
            place.map(|place| place as u32).ok_or_else(|| Error::Missing { segment: format!("content {segment}") })
        };
        let mut log = LogWriter::default();
        let mut rest = self.events.as_mut_slice();
        for (ordinal, count) in &self.entities {
            let (these, others) = rest.split_at_mut(*count as usize);
            rest = others;
            let mut these: Vec<LogEvent> = these
                .iter()
                .map(|(ts, event)| {
                    let mut event = *event;
                    event.rank = rank(*ts);
                    event.tx = tx_index[event.tx as usize];
                    if event.tag != NO_TAG {
                        event.tag = positions[event.tag as usize];
                    }
                    if let Some(Some(at)) = &mut event.content {
                        at.segment = place(at.segment)?;
                    }
                    Ok(event)
                })
                .collect::<Result<_>>()?;
            these.sort_unstable_by_key(|e| (e.tag, e.rank, e.seq));
            log.push_entity(*ordinal, &these)?;
        }
        log.finish(&mut out)?;
        let mut toggles: Vec<(u32, u16, u32, u16)> = self
            .toggles
            .iter()
            .map(|(tag, is_end, ordinal, at)| {
                let key = if *tag == NO_TAG { EXISTS } else { positions[*tag as usize] + 1 };
                let stream = if *is_end { ends(key) } else { begins(key) };
                (stream, ordinal.chunk(), rank(*at), ordinal.low())
            })
            .collect();
        toggles.sort_unstable();
        let mut postings = DirectoryWriter::default();
        for group in toggles.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let these: Vec<(u32, u16)> = group.iter().map(|t| (t.2, t.3)).collect();
            postings.push(group[0].0, group[0].1, &these)?;
        }
        postings.finish(&mut out)?;
        out.section(section::CONTENT_FILES, &strings::encode(names.iter())?)?;
        out.section(section::SUMMARY, &self.summary.encode())?;
        let name = out.name().to_owned();
        let (bytes, checksum) = out.finish()?;
        let s = self.summary;
        Ok(FileInfo {
            name,
            kind: self.kind,
            bytes,
            checksum,
            events: s.events,
            entities: s.entities,
            ts: s.ts,
            max_stamped: s.max_stamped,
            tx: s.tx,
            ordinals: s.ordinals,
        })
    }
}

type Toggles = Vec<(Option<Arc<[u8]>>, Ns, bool)>;
