//! Where the postings of each (key, chunk) are. A key is a tag id or a pseudo-tag's number.
use super::postings::Postings;
use crate::error::Result;
use crate::segment::{Reader, SegmentWriter};
use std::sync::Arc;

/// Gathers postings in (key, chunk) order; the sections POSTINGS and POSTINGS_INDEX.
#[derive(Default)]
pub struct DirectoryWriter {}
impl DirectoryWriter {
    /// Adds the toggles of the next (key, chunk), sorted by (rank, low); (key, chunk) ascends strictly.
    pub fn push(&mut self, _key: u32, _chunk: u16, _toggles: &[(u32, u16)]) -> Result<()> {
        unimplemented!()
    }
    /// Writes both sections.
    pub fn finish(self, _out: &mut SegmentWriter) -> Result<()> {
        unimplemented!()
    }
}

/// What the directory says of one (key, chunk).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: u32,
    /// The chunk.
    pub chunk: u16,
    /// The number of toggles.
    pub toggles: u32,
    /// The size of the last set.
    pub last_cardinality: u32,
    /// The rank of the last toggle.
    pub last_rank: u32,
    /// The place of the postings.
    pub offset: u64,
    /// The length of the postings in bytes.
    pub len: u32,
}

/// The postings of a run or tile.
#[derive(Clone)]
pub struct Directory {}
impl Directory {
    /// Opens the directory.
    pub fn open(_reader: &Arc<Reader>) -> Result<Self> {
        unimplemented!()
    }
    /// How many entries there are.
    pub fn len(&self) -> u32 {
        unimplemented!()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The entry at an index in (key, chunk) order.
    pub fn entry(&self, _index: u32) -> Result<Entry> {
        unimplemented!()
    }
    /// The entry of a (key, chunk).
    pub fn find(&self, _key: u32, _chunk: u16) -> Result<Option<Entry>> {
        unimplemented!()
    }
    /// All entries of a key, by chunk.
    pub fn of_key(&self, _key: u32) -> Result<Vec<Entry>> {
        unimplemented!()
    }
    /// The postings of an entry.
    pub fn postings(&self, _entry: &Entry) -> Result<Postings<'_>> {
        unimplemented!()
    }
}
