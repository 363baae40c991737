//! Writes a run or a tile, entity by entity in ordinal order: the log as it comes, the postings chunk by chunk.
//!
//! Invariant: events name their tags, instants and transactions by the numbers of the frame, which is written first;
//! nothing of an entity is kept once its chunk is over but the bytes of its postings.

use std::collections::BTreeSet;

use super::frame::Frame;
use super::summary::Summary;
use super::toggles::{Patch, Toggles};
use super::{FileInfo, Rules};
use crate::error::Result;
use crate::index::directory::DirectoryWriter;
use crate::index::log::{LogEvent, LogWriter};
use crate::index::{instants, section, strings, txs};
use crate::segment::{Files, Kind, SegmentWriter};
use crate::types::{Ns, Ordinal, Xid};

/// A run or tile that is being written.
pub(super) struct RunWriter {
    out: SegmentWriter,
    kind: Kind,
    frame: Frame,
    content_files: BTreeSet<String>,
    log: LogWriter,
    toggles: Toggles,
    postings: DirectoryWriter,
    summary: Summary,
    /// The ranks of the earliest and the latest event, and of the latest that is stamped and that is not.
    ranks: (u32, u32),
    stamped: Option<u32>,
    dated: Option<u32>,
    tx: (u32, u32),
}

impl RunWriter {
    /// Begins the file. The contents of its events are in `content_files`, counted in the order of the set.
    pub(super) fn begin(
        kind: Kind,
        rules: &Rules,
        frame: Frame,
        content_files: BTreeSet<String>,
        files: &mut dyn Files,
    ) -> Result<Self> {
        let mut out = SegmentWriter::new(files.create(kind)?, kind)?;
        out.section(section::TAGS, &strings::encode(frame.tags())?)?;
        out.section(section::INSTANTS, &instants::encode(frame.instants())?)?;
        out.section(section::TXS, &txs::encode(frame.txs())?)?;
        let log = LogWriter::begin(&mut out)?;
        let ordinals = (Ordinal(u32::MAX), Ordinal(0));
        let summary = Summary { ordinals, one: rules.one.iter().cloned().collect(), ..Summary::default() };
        Ok(Self {
            out,
            kind,
            frame,
            content_files,
            log,
            toggles: Toggles::new(rules),
            postings: DirectoryWriter::default(),
            summary,
            ranks: (u32::MAX, 0),
            stamped: None,
            dated: None,
            tx: (u32::MAX, 0),
        })
    }

    /// What the events are numbered by.
    pub(super) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Adds the next entity. `patches` are the toggles of one that older segments know, sorted in no way; for any other they
    /// follow from its events.
    pub(super) fn push(&mut self, ordinal: Ordinal, events: &mut [LogEvent], patches: Option<&[Patch]>) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let key = |event: &LogEvent| (event.tag, event.rank, event.seq);
        if !events.is_sorted_by_key(key) {
            events.sort_unstable_by_key(key);
        }
        self.log.push_entity(&mut self.out, ordinal, events)?;
        self.summarize(ordinal, events);
        match patches {
            Some(patches) => patches.iter().try_for_each(|p| self.toggles.patch(ordinal, *p, &mut self.postings)),
            None => self.toggles.derive(ordinal, events, &self.frame, &mut self.postings),
        }
    }

    /// Adds the next entity, whose events are those of one INSERT at one instant, in the order of the log: it and its tags,
    /// of which none excludes another, begin there.
    pub(super) fn push_birth(&mut self, ordinal: Ordinal, events: &mut [LogEvent]) -> Result<()> {
        self.log.push_entity(&mut self.out, ordinal, events)?;
        self.summarize(ordinal, events);
        self.toggles.derive_birth(ordinal, events, &mut self.postings)
    }

    fn summarize(&mut self, ordinal: Ordinal, events: &[LogEvent]) {
        self.summary.entities += 1;
        self.summary.events += events.len() as u64;
        let (first, last) = self.summary.ordinals;
        self.summary.ordinals = (first.min(ordinal), last.max(ordinal));
        for event in events {
            self.ranks = (self.ranks.0.min(event.rank), self.ranks.1.max(event.rank));
            self.tx = (self.tx.0.min(event.tx), self.tx.1.max(event.tx));
            let latest = if event.stamped { &mut self.stamped } else { &mut self.dated };
            *latest = (*latest).max(Some(event.rank));
        }
    }

    /// Writes the rest of the file and publishes it.
    pub(super) fn finish(mut self) -> Result<FileInfo> {
        self.toggles.flush(&mut self.postings)?;
        self.log.finish(&mut self.out)?;
        self.postings.finish(&mut self.out)?;
        self.out.section(section::CONTENT_FILES, &strings::encode(&self.content_files)?)?;
        let ts = |rank: u32| self.frame.instants().get(rank as usize).copied();
        let tx = |index: u32| self.frame.txs().get(index as usize).map(|(xid, _)| *xid);
        let mut s = self.summary;
        s.ts = (ts(self.ranks.0).unwrap_or(Ns::AFTER_ALL), ts(self.ranks.1).unwrap_or(Ns::BEFORE_ALL));
        s.tx = (tx(self.tx.0).unwrap_or(Xid(u64::MAX)), tx(self.tx.1).unwrap_or(Xid(0)));
        (s.max_stamped, s.max_dated) = (self.stamped.and_then(ts), self.dated.and_then(ts));
        self.out.section(section::SUMMARY, &s.encode())?;
        let name = self.out.name().to_owned();
        let (bytes, checksum) = self.out.finish()?;
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
