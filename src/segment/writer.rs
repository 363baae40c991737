//! Writes a segment file front to back.
//!
//! Invariant: bytes are never revisited; all checksums are of the bytes as they were written.

use super::{Kind, NewFile};
use crate::error::{Error, Result};
use crate::format::segment::{BLOCK_BYTES, Place, encode_tail, header};
use crate::format::varint::malformed;

/// A segment file that is being written.
pub struct SegmentWriter {
    file: Box<dyn NewFile>,
    written: u64,
    hasher: crc32fast::Hasher,
    crcs: Vec<u32>,
    sections: Vec<Place>,
}

impl SegmentWriter {
    /// Writes the header.
    pub fn new(file: Box<dyn NewFile>, kind: Kind) -> Result<Self> {
        let hasher = crc32fast::Hasher::new();
        let mut writer = Self { file, written: 0, hasher, crcs: Vec::new(), sections: Vec::new() };
        writer.put(&header(kind as u8))?;
        Ok(writer)
    }

    /// The file's final name.
    pub fn name(&self) -> &str {
        self.file.name()
    }

    /// Ends the section before, and begins section `id`, which must be new.
    pub fn begin_section(&mut self, id: u8) -> Result<()> {
        if self.sections.iter().any(|place| place.id == id) {
            return Err(malformed(self.name(), format!("section {id} is written twice")));
        }
        self.sections.push(Place { id, start: self.written, len: 0 });
        Ok(())
    }

    /// Appends to the section.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.sections.last_mut() {
            Some(place) => place.len += bytes.len() as u64,
            None => return Err(malformed(self.name(), "bytes are written before a section begins")),
        }
        self.put(bytes)
    }

    /// Begins section `id` and writes all of it.
    pub fn section(&mut self, id: u8, bytes: &[u8]) -> Result<()> {
        self.begin_section(id)?;
        self.write(bytes)
    }

    /// Writes the checksums and the footer, and publishes the file. Returns its length and the footer's checksum.
    pub fn finish(mut self) -> Result<(u64, u32)> {
        if !self.written.is_multiple_of(BLOCK_BYTES as u64) {
            self.end_block();
        }
        let (tail, checksum) = encode_tail(self.written, &self.crcs, &self.sections);
        self.append(&tail)?;
        self.file.publish()?;
        Ok((self.written + tail.len() as u64, checksum))
    }

    fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.append(bytes)?;
        while !bytes.is_empty() {
            let left = BLOCK_BYTES - (self.written % BLOCK_BYTES as u64) as usize;
            let (head, tail) = bytes.split_at(left.min(bytes.len()));
            self.hasher.update(head);
            self.written += head.len() as u64;
            if head.len() == left {
                self.end_block();
            }
            bytes = tail;
        }
        Ok(())
    }

    fn end_block(&mut self) {
        self.crcs.push(std::mem::take(&mut self.hasher).finalize());
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| Error::Io { doing: format!("write segment \"{}\"", self.file.name()), source })
    }
}
