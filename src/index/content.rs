//! The contents of a content segment: two streams of bytes (plain and packed) in blocks of 8 KiB.
use crate::error::Result;
use crate::segment::{Reader, SegmentWriter};
use std::borrow::Cow;
use std::sync::Arc;

/// The hash of a content: the same in every version of the software.
pub fn hash(_content: &[u8]) -> u32 {
    unimplemented!()
}

/// Streams contents to a new file; the sections BLOCKS and BLOCK_INDEX.
pub struct ContentWriter {}
impl ContentWriter {
    /// `out` has no section yet. Contents of at least `threshold` bytes go to blocks that are compressed if `compress`.
    pub fn new(_out: SegmentWriter, _compress: bool, _threshold: usize) -> Result<Self> {
        unimplemented!()
    }
    /// The file's final name.
    pub fn name(&self) -> &str {
        unimplemented!()
    }
    /// Appends a content; returns its offset and hash.
    pub fn append(&mut self, _content: &[u8]) -> Result<(u64, u32)> {
        unimplemented!()
    }
    /// How many contents were appended.
    pub fn count(&self) -> u64 {
        unimplemented!()
    }
    /// Writes what is pending and hands back the file, to which more sections may be written.
    pub fn finish(self) -> Result<SegmentWriter> {
        unimplemented!()
    }
}

/// The contents of a file.
#[derive(Clone)]
pub struct Content {}
impl Content {
    /// Opens the streams.
    pub fn open(_reader: &Arc<Reader>) -> Result<Self> {
        unimplemented!()
    }
    /// The content at an offset, reading only its blocks; its hash must be `hash`.
    pub fn read(&self, _offset: u64, _len: u32, _hash: u32) -> Result<Cow<'_, [u8]>> {
        unimplemented!()
    }
}
