//! A bulk load: one statement's rows straight to a run, in the statement's transaction.
//!
//! Invariant: content streams to its file as it arrives; ids are resolved once, in their order, when the caller holds the
//! dataset tag. Nothing is visible before the caller inserts the manifest rows.

use ahash::RandomState;

use super::BuildOptions;
use super::build::ContentFile;
use super::load_ids::LoadIds;
use super::load_tags::LoadTags;
use crate::error::{Error, Result};
use crate::index::log::ContentLoc;
use crate::segment::Files;
use crate::types::{Micros, NewEvent, Ns, Op, Xid};

/// Which face the rows came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Each row is a new entity; an id that exists is an error (S13).
    State,
    /// Facts as given; repeats of what was stored before are skipped (S7).
    Event,
}

/// A gathered row of a state face; its tags end where those of the next one begin, its content is by number.
#[derive(Clone, Copy)]
pub(super) struct Birth {
    pub(super) ts: Ns,
    pub(super) content: u32,
    pub(super) stamped: bool,
    /// As of [`Row::lands`].
    pub(super) lands: bool,
    /// Where its tags begin among those of all births.
    pub(super) tags: usize,
}

/// A gathered fact of an event face; its tag and its content are by number.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) ts: Ns,
    pub(super) tag: u32,
    pub(super) content: u32,
    /// Its system time, by number, if it states one.
    pub(super) recorded: u32,
    pub(super) op: Op,
    pub(super) stamped: bool,
    /// Whether `ts` stands for its whole microsecond: it lands on the entity's last event there (S9).
    pub(super) lands: bool,
}

/// Facts of one entity that came one after the other.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) entity: u32,
    pub(super) start: usize,
}

/// What stands for no tag and no content.
pub(super) const NONE: u32 = u32::MAX;

/// A load that is being gathered.
pub struct Load {
    pub(super) mode: LoadMode,
    pub(super) tx: Xid,
    pub(super) ids: LoadIds,
    pub(super) tags: LoadTags,
    /// State face: by number of the entity, which is met once.
    pub(super) births: Vec<Birth>,
    pub(super) birth_tags: Vec<u32>,
    /// Event face.
    pub(super) rows: Vec<Row>,
    pub(super) spans: Vec<Span>,
    /// The system times that rows state.
    pub(super) recorded: Vec<Micros>,
    pub(super) stored: Vec<ContentLoc>,
    /// A hash of each content that tells it from others; event face only.
    pub(super) identities: Vec<u64>,
    pub(super) contents: ContentFile,
    pub(super) hasher: RandomState,
    /// Whether some instant is none that a timestamptz can name, so that others may land on it.
    pub(super) has_exact: bool,
}

impl Load {
    /// An empty load.
    pub fn new(mode: LoadMode, tx: Xid, options: BuildOptions) -> Self {
        Self {
            mode,
            tx,
            ids: LoadIds::default(),
            tags: LoadTags::default(),
            births: Vec::new(),
            birth_tags: Vec::new(),
            rows: Vec::new(),
            spans: Vec::new(),
            recorded: Vec::new(),
            stored: Vec::new(),
            identities: Vec::new(),
            contents: ContentFile::new(options),
            hasher: RandomState::new(),
            has_exact: false,
        }
    }

    /// Adds a row to a load through the state face. `at` is its valid time (and whether it was stamped); `lands`: it is the
    /// first instant of a microsecond and stands for all of it (S9).
    pub fn push_row(
        &mut self,
        id: &[u8],
        tags: &[&[u8]],
        content: Option<&[u8]>,
        at: (Ns, bool),
        lands: bool,
        files: &mut dyn Files,
    ) -> Result<()> {
        let (_, is_new) = self.ids.number(id)?;
        if !is_new {
            return Err(Error::Exists { id: id.to_vec() });
        }
        let begin = self.birth_tags.len();
        for tag in tags {
            let tag = self.tags.number(tag)?;
            self.birth_tags.push(tag);
        }
        let content = match content {
            Some(bytes) => self.store(bytes, files)?,
            None => NONE,
        };
        self.births.push(Birth { ts: at.0, content, stamped: at.1, lands, tags: begin });
        Ok(())
    }

    /// Adds one fact to a load through the event face. `lands`: its instant is the first of a microsecond and stands for all of it (S9).
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
        let (entity, _) = self.ids.number(id)?;
        if self.spans.last().is_none_or(|span| span.entity != entity) {
            self.spans.push(Span { entity, start: self.rows.len() });
        }
        self.has_exact |= ts.0 % 1000 != 0;
        let tag = match tag {
            Some(tag) => self.tags.number(tag)?,
            None => NONE,
        };
        let content = match content {
            Some(bytes) => self.store(bytes, files)?,
            None => NONE,
        };
        self.rows.push(Row { ts, tag, content, recorded: NONE, op, stamped, lands });
        Ok(())
    }

    /// Gives the fact that was added last a system time of its own.
    pub fn recorded_at(&mut self, at: Micros) -> Result<()> {
        if self.recorded.last() != Some(&at) {
            let (limit, found) = (u64::from(NONE) - 1, self.recorded.len() as u64);
            if found > limit {
                return Err(Error::TooMany { what: "system times of one load", limit, found });
            }
            self.recorded.push(at);
        }
        if let Some(row) = self.rows.last_mut() {
            row.recorded = (self.recorded.len() - 1) as u32;
        }
        Ok(())
    }

    /// Whether the system time of some row is that of the transaction.
    pub(super) fn has_unstated(&self) -> bool {
        self.recorded.is_empty() || self.rows.iter().any(|row| row.recorded == NONE)
    }

    /// The system time that a row states, by number.
    pub(super) fn stated(&self, number: u32) -> Option<Micros> {
        self.recorded.get(number as usize).copied()
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

    /// A content as the log keeps it.
    pub(super) fn content(&self, number: u32) -> Option<ContentLoc> {
        self.stored.get(number as usize).copied()
    }

    /// The numbers of a birth's tags.
    pub(super) fn tags_of(&self, entity: u32) -> &[u32] {
        let end = self.births.get(entity as usize + 1).map_or(self.birth_tags.len(), |next| next.tags);
        &self.birth_tags[self.births[entity as usize].tags..end]
    }

    /// About how many bytes of memory are held, and needed at the end for an index of what is held.
    pub fn memory(&self) -> usize {
        self.ids.memory()
            + self.tags.memory()
            + self.births.len() * size_of::<Birth>()
            + self.birth_tags.len() * size_of::<u32>()
            + self.rows.len() * (size_of::<Row>() + size_of::<Ns>())
            + self.recorded.len() * size_of::<Micros>()
            + self.spans.len() * 2 * size_of::<Span>()
            + self.stored.len() * size_of::<ContentLoc>()
    }
}
