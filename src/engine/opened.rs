//! Opened segment files: what a run, a content file and an id run offer the engine.
//!
//! Invariant: opening reads headers, footers and summaries only; everything else is decoded, and distrusted, when asked for.

use std::sync::{Arc, OnceLock};

use super::summary::Summary;
use super::{Blob, Event};
use crate::error::{Error, Result};
use crate::index::content::Content;
use crate::index::directory::Directory;
use crate::index::ids::Ids;
use crate::index::instants::Instants;
use crate::index::log::{ContentLoc, Log, LogEvent, NO_TAG};
use crate::index::section;
use crate::index::strings::Strings;
use crate::index::txs::Txs;
use crate::segment::{Kind, Reader};
use crate::types::{Micros, Ns, Op, Ordinal, Xid};

/// An opened segment file of any kind; cheap to keep, shared by views.
pub struct Opened {
    reader: Arc<Reader>,
    body: Body,
}

enum Body {
    Run(Box<Run>),
    Content(Content),
    Ids(Ids),
}

impl Opened {
    /// Opens the bytes of the file `name`. Checks header and footer only; blocks are checked when first touched.
    pub fn open(name: &str, bytes: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Result<Arc<Self>> {
        let reader = Arc::new(Reader::open(name, bytes)?);
        let body = match reader.kind() {
            Kind::Run | Kind::Tile => Body::Run(Box::new(Run::open(&reader)?)),
            Kind::Content => Body::Content(Content::open(&reader)?),
            Kind::Ids => Body::Ids(Ids::open(&reader)?),
        };
        Ok(Arc::new(Self { reader, body }))
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        self.reader.name()
    }

    /// What the file holds.
    pub fn kind(&self) -> Kind {
        self.reader.kind()
    }

    /// The first instant of an entity's events in a run or tile.
    pub fn first_instant(&self, ordinal: Ordinal) -> Result<Option<Ns>> {
        let Body::Run(run) = &self.body else { return Ok(None) };
        let ranks = run.log.events(ordinal)?.into_iter().map(|event| event.rank);
        ranks.min().map(|rank| run.instants.ts(rank)).transpose()
    }

    /// The file itself.
    pub(super) fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// The run or tile, if it is one.
    pub(super) fn run(&self) -> Option<&Run> {
        match &self.body {
            Body::Run(run) => Some(run),
            _ => None,
        }
    }

    /// When a transaction committed, if events of it are here and it was known when the file was built.
    pub fn recorded_at(&self, tx: Xid) -> Result<Option<Micros>> {
        self.run().map_or(Ok(None), |run| run.txs.time_of(tx))
    }

    /// The contents, if it holds contents.
    pub(super) fn content(&self) -> Option<&Content> {
        match &self.body {
            Body::Content(content) => Some(content),
            _ => None,
        }
    }

    /// The ids, if it is an id run.
    pub(super) fn ids(&self) -> Option<&Ids> {
        match &self.body {
            Body::Ids(ids) => Some(ids),
            _ => None,
        }
    }
}

/// A run or a tile.
pub(super) struct Run {
    name: String,
    /// The tags of the postings and of the log.
    pub(super) tags: Strings,
    /// The instants that ranks stand for.
    pub(super) instants: Instants,
    /// The transactions of the log.
    pub(super) txs: Txs,
    /// The events.
    pub(super) log: Log,
    /// The postings.
    pub(super) postings: Directory,
    /// The content files that the log names.
    pub(super) content_files: Vec<String>,
    /// What the file says of itself.
    pub(super) summary: Summary,
    interned: OnceLock<Vec<OnceLock<Arc<[u8]>>>>,
}

impl Run {
    fn open(reader: &Arc<Reader>) -> Result<Self> {
        let content_files = Strings::open(reader.section(section::CONTENT_FILES))?;
        let content_files = content_files
            .range(0..content_files.len())?
            .into_iter()
            .map(|name| String::from_utf8_lossy(&name).into_owned())
            .collect();
        let summary = reader.section(section::SUMMARY);
        Ok(Self {
            name: reader.name().to_owned(),
            tags: Strings::open(reader.section(section::TAGS))?,
            instants: Instants::open(reader.section(section::INSTANTS))?,
            txs: Txs::open(reader.section(section::TXS))?,
            log: Log::open(reader)?,
            postings: Directory::open(reader)?,
            content_files,
            summary: Summary::decode(reader.name(), summary.slice(0..summary.len())?)?,
            interned: OnceLock::new(),
        })
    }

    /// The tag at a position of the dictionary.
    pub(super) fn tag(&self, position: u32) -> Result<Arc<[u8]>> {
        let slots = self.interned.get_or_init(|| (0..self.tags.len()).map(|_| OnceLock::new()).collect());
        let Some(slot) = slots.get(position as usize) else {
            return Err(self.malformed(format!("tag {position} of {}", slots.len())));
        };
        if let Some(tag) = slot.get() {
            return Ok(tag.clone());
        }
        let tag: Arc<[u8]> = self.tags.get(position)?.into();
        Ok(slot.get_or_init(|| tag).clone())
    }

    /// Adds the events of an entity; content file number n of this run is number `contents[n]` of the view.
    pub(super) fn events(&self, ordinal: Ordinal, contents: &[u32], into: &mut Vec<Event>) -> Result<()> {
        // The events of one change share their instant; to find one costs more than all else.
        let mut last: Option<(u32, Ns)> = None;
        for event in self.log.events(ordinal)? {
            let ts = match last.filter(|(rank, _)| *rank == event.rank) {
                Some((_, ts)) => ts,
                None => self.instants.ts(event.rank)?,
            };
            last = Some((event.rank, ts));
            into.push(self.event(ordinal, &event, ts, contents)?);
        }
        Ok(())
    }

    /// The value of a logged event, whose instant is `ts`.
    pub(super) fn event(&self, ordinal: Ordinal, event: &LogEvent, ts: Ns, contents: &[u32]) -> Result<Event> {
        let (tx, recorded_at) = self.txs.get(event.tx)?;
        let tag = if event.tag == NO_TAG { None } else { Some(self.tag(event.tag)?) };
        if tag.is_none() && matches!(event.op, Op::Assert | Op::Retract) {
            return Err(self.malformed(format!("an event of ordinal {} lacks its tag", ordinal.0)));
        }
        let content = match event.content.flatten() {
            None => None,
            Some(at) => Some(self.blob(at, contents)?),
        };
        Ok(Event { ts, seq: event.seq, tx, recorded_at, stamped: event.stamped, op: event.op, tag, content })
    }

    /// A content of this run as the view names it.
    pub(super) fn blob(&self, at: ContentLoc, contents: &[u32]) -> Result<Blob> {
        let segment = contents.get(at.segment as usize).copied();
        let beyond = || self.malformed(format!("content file {} of {}", at.segment, contents.len()));
        Ok(Blob::Stored { segment: segment.ok_or_else(beyond)?, offset: at.offset, len: at.len, hash: at.hash })
    }

    /// Every entity of the run, ascending.
    pub(super) fn ordinals(&self) -> Result<Vec<Ordinal>> {
        let mut all = Vec::new();
        for chunk in self.log.chunks() {
            all.extend(self.log.ordinals(chunk)?.into_iter().map(|low| Ordinal::new(chunk, low)));
        }
        Ok(all)
    }

    /// An error about this file.
    pub(super) fn malformed(&self, detail: String) -> Error {
        Error::Malformed { segment: self.name.clone(), detail }
    }
}
