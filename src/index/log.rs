//! The event log of a segment: every entity's events, in the order they were pushed, by ordinal.
use crate::error::Result;
use crate::segment::{Reader, SegmentWriter};
use crate::types::{Op, Ordinal, Seq};
use std::sync::Arc;

/// The `tag` of an event that has none.
pub const NO_TAG: u32 = u32::MAX;

/// Where a content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLoc {
    /// The index of its file in the segment's table of content files.
    pub segment: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u32,
    /// Its hash (`content::hash`).
    pub hash: u32,
}

/// One event of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// The tag's position in the dictionary, or `NO_TAG`.
    pub tag: u32,
    /// The rank of its instant.
    pub rank: u32,
    /// Its seq.
    pub seq: Seq,
    /// The index of its transaction in the transaction table.
    pub tx: u32,
    /// What it says.
    pub op: Op,
    /// Whether the database gave the time.
    pub stamped: bool,
    /// The content it sets, if it does; `Some(None)` sets none.
    pub content: Option<Option<ContentLoc>>,
}

/// Gathers the log; the sections LOG and LOG_INDEX.
#[derive(Default)]
pub struct LogWriter {}
impl LogWriter {
    /// Adds the events of the next entity; ordinals ascend strictly.
    pub fn push_entity(&mut self, _ordinal: Ordinal, _events: &[LogEvent]) -> Result<()> {
        unimplemented!()
    }
    /// Writes both sections.
    pub fn finish(self, _out: &mut SegmentWriter) -> Result<()> {
        unimplemented!()
    }
}

/// The log of a run or tile.
#[derive(Clone)]
pub struct Log {}
impl Log {
    /// Opens the log.
    pub fn open(_reader: &Arc<Reader>) -> Result<Self> {
        unimplemented!()
    }
    /// The events of an entity; empty if there are none.
    pub fn events(&self, _ordinal: Ordinal) -> Result<Vec<LogEvent>> {
        unimplemented!()
    }
    /// The chunks that have entities, ascending.
    pub fn chunks(&self) -> Vec<u16> {
        unimplemented!()
    }
    /// The low halves of a chunk's entities, ascending.
    pub fn ordinals(&self, _chunk: u16) -> Result<Vec<u16>> {
        unimplemented!()
    }
    /// How many entities have events.
    pub fn entity_count(&self) -> u64 {
        unimplemented!()
    }
}
