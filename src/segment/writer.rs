//! Writes a segment file front to back.
//!
//! Invariant: bytes are never revisited; all checksums are of the bytes as they were written.

use super::{Kind, NewFile};
use crate::error::Result;

/// A segment file that is being written.
pub struct SegmentWriter {}

impl SegmentWriter {
    /// Writes the header.
    pub fn new(_file: Box<dyn NewFile>, _kind: Kind) -> Result<Self> {
        unimplemented!()
    }

    /// The file's final name.
    pub fn name(&self) -> &str {
        unimplemented!()
    }

    /// Ends the section before, and begins section `id`, which must be new.
    pub fn begin_section(&mut self, _id: u8) -> Result<()> {
        unimplemented!()
    }

    /// Appends to the section.
    pub fn write(&mut self, _bytes: &[u8]) -> Result<()> {
        unimplemented!()
    }

    /// Begins section `id` and writes all of it.
    pub fn section(&mut self, id: u8, bytes: &[u8]) -> Result<()> {
        self.begin_section(id)?;
        self.write(bytes)
    }

    /// Writes the checksums and the footer, and publishes the file. Returns its length and the footer's checksum.
    pub fn finish(self) -> Result<(u64, u32)> {
        unimplemented!()
    }
}
