//! A bulk load: one statement's rows straight to a run, in the statement's transaction.
//!
//! Invariant: content streams to its file as it arrives; ids are resolved once, in their order, when the caller holds the
//! dataset tag. Nothing is visible before the caller inserts the manifest rows.

use std::sync::Arc;

use ahash::{AHashMap, RandomState};

use super::build::ContentFile;
use super::load_ids::LoadIds;
use super::{Blob, BuildOptions};
use crate::error::{Error, Result};
use crate::index::log::ContentLoc;
use crate::segment::Files;
use crate::types::{NewEvent, Ns, Op, Xid};

/// Which face the rows came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Each row is a new entity; an id that exists is an error (S13).
    State,
    /// Facts as given; repeats of what was stored before are skipped (S7).
    Event,
}

/// One gathered event; its tag and its content are by number.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) ts: Ns,
    pub(super) tag: u32,
    pub(super) content: u32,
    pub(super) op: Op,
    pub(super) stamped: bool,
    /// Whether `ts` stands for its whole microsecond: it lands on the entity's last event there (S9).
    pub(super) lands: bool,
}

/// Rows of one entity that came one after the other.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) entity: u32,
    pub(super) start: usize,
}

/// What `Row::tag` and `Row::content` are where there is none.
pub(super) const NONE: u32 = u32::MAX;

/// A load that is being gathered.
pub struct Load {
    pub(super) mode: LoadMode,
    pub(super) tx: Xid,
    pub(super) ids: LoadIds,
    pub(super) tags: AHashMap<Arc<[u8]>, u32>,
    pub(super) tag_bytes: Vec<Arc<[u8]>>,
    pub(super) rows: Vec<Row>,
    pub(super) spans: Vec<Span>,
    pub(super) stored: Vec<ContentLoc>,
    /// A hash of each content that tells it from others; event face only.
    pub(super) identities: Vec<u64>,
    pub(super) contents: ContentFile,
    pub(super) hasher: RandomState,
    /// Whether some instant is none that a timestamptz can name, so that others may land on it.
    pub(super) has_exact: bool,
    held: usize,
}

impl Load {
    /// An empty load.
    pub fn new(mode: LoadMode, tx: Xid, options: BuildOptions) -> Self {
        Self {
            mode,
            tx,
            ids: LoadIds::default(),
            tags: AHashMap::new(),
            tag_bytes: Vec::new(),
            rows: Vec::new(),
            spans: Vec::new(),
            stored: Vec::new(),
            identities: Vec::new(),
            contents: ContentFile::new(options),
            hasher: RandomState::new(),
            has_exact: false,
            held: 0,
        }
    }

    /// Adds a state-face row. `at` is its valid time (and whether it was stamped).
    pub fn push_row(
        &mut self,
        id: &[u8],
        tags: &[&[u8]],
        content: Option<&[u8]>,
        at: (Ns, bool),
        files: &mut dyn Files,
    ) -> Result<()> {
        if !self.begin_rows(id)? && self.mode == LoadMode::State {
            return Err(Error::Exists { id: id.to_vec() });
        }
        let (ts, stamped) = at;
        let row = Row { ts, tag: NONE, content: NONE, op: Op::Create, stamped, lands: false };
        self.rows.push(row);
        for tag in tags {
            let tag = self.tag(tag)?;
            self.rows.push(Row { tag, op: Op::Assert, ..row });
        }
        if let Some(bytes) = content {
            let content = self.store(bytes, files)?;
            self.rows.push(Row { content, op: Op::Content, ..row });
        }
        Ok(())
    }

    /// Adds one fact. `lands`: its instant is the first of a microsecond and stands for all of it (S9).
    pub fn push_event(&mut self, id: &[u8], event: &NewEvent, lands: bool, files: &mut dyn Files) -> Result<()> {
        let fact = (event.op, event.tag.as_deref(), event.content.as_deref());
        self.push_fact(id, fact, (event.ts, event.stamped), lands, files)
    }

    /// Adds one fact: operation, tag and content, at an instant that was stamped or not; `lands` as in `push_event`.
    pub fn push_fact(
        &mut self,
        id: &[u8],
        (op, tag, content): (Op, Option<&[u8]>, Option<&[u8]>),
        (ts, stamped): (Ns, bool),
        lands: bool,
        files: &mut dyn Files,
    ) -> Result<()> {
        self.begin_rows(id)?;
        self.has_exact |= ts.0 % 1000 != 0;
        let tag = match tag {
            Some(tag) => self.tag(tag)?,
            None => NONE,
        };
        let content = match content {
            Some(bytes) => self.store(bytes, files)?,
            None => NONE,
        };
        self.rows.push(Row { ts, tag, content, op, stamped, lands });
        Ok(())
    }

    /// Makes the rows that follow those of this entity. Whether it is new to the load.
    fn begin_rows(&mut self, id: &[u8]) -> Result<bool> {
        let (entity, is_new) = self.ids.number(id)?;
        if self.spans.last().is_none_or(|span| span.entity != entity) {
            self.spans.push(Span { entity, start: self.rows.len() });
        }
        Ok(is_new)
    }

    /// The number of a tag in the order of first meeting.
    fn tag(&mut self, tag: &[u8]) -> Result<u32> {
        if let Some(number) = self.tags.get(tag) {
            return Ok(*number);
        }
        let (found, limit) = (self.tag_bytes.len() as u64, u64::from(NONE) - 1);
        if found > limit {
            return Err(Error::TooMany { what: "tags", limit, found });
        }
        let shared: Arc<[u8]> = tag.into();
        // The bytes, two counters, and the pointers to them in the map and in the list.
        self.held += tag.len() + 64;
        self.tag_bytes.push(shared.clone());
        self.tags.insert(shared, found as u32);
        Ok(found as u32)
    }

    fn store(&mut self, bytes: &[u8], files: &mut dyn Files) -> Result<u32> {
        let (limit, found) = (u64::from(NONE) - 1, self.stored.len() as u64);
        if found > limit {
            return Err(Error::TooMany { what: "contents of one load", limit, found });
        }
        self.stored.push(self.contents.append(bytes, files)?);
        if self.mode == LoadMode::Event {
            self.identities.push(self.hasher.hash_one(bytes));
        }
        Ok(found as u32)
    }

    /// The content of a row as the log keeps it.
    pub(super) fn content(&self, row: &Row) -> Option<ContentLoc> {
        self.stored.get(row.content as usize).copied()
    }

    /// The same as a value.
    pub(super) fn blob(&self, row: &Row) -> Option<Blob> {
        let at = self.content(row)?;
        Some(Blob::Stored { segment: at.segment, offset: at.offset, len: at.len, hash: at.hash })
    }

    /// About how many bytes of memory are held, and needed at the end for an index of what is held.
    pub fn memory(&self) -> usize {
        self.held
            + self.ids.memory()
            + self.rows.len() * (size_of::<Row>() + size_of::<Ns>())
            + self.spans.len() * 2 * size_of::<Span>()
            + self.stored.len() * size_of::<ContentLoc>()
    }
}
