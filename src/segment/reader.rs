//! Reads a segment file: sections by number, every block checked when it is first touched.
//!
//! Invariant: no byte of a section leaves the reader before its block's checksum was found right.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Kind;
use crate::error::{Error, Result};
use crate::format::segment::{BLOCK_BYTES, Tail, decode_tail, kind};
use crate::format::varint::{Cursor, malformed};

/// The bytes of a file: a mapping, or a vector in tests.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// An opened segment file.
pub struct Reader {
    name: String,
    bytes: Bytes,
    kind: Kind,
    tail: Tail,
    /// A bit for each block that was found right.
    checked: Box<[AtomicU64]>,
}

impl Reader {
    /// Opens the bytes of the file `name`; checks header, footer and directory only.
    pub fn open(name: &str, bytes: Bytes) -> Result<Self> {
        let all = (*bytes).as_ref();
        let tail = decode_tail(name, all)?;
        let number = kind(name, all)?;
        let kind = Kind::from_byte(number).ok_or_else(|| malformed(name, format!("kind {number} is not known")))?;
        let blocks = tail.body_len.div_ceil(BLOCK_BYTES);
        let checked = (0..blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let reader = Self { name: name.to_owned(), bytes, kind, tail, checked };
        // The kind is not covered by the footer's checksum, but by that of the first block.
        reader.check(0)?;
        Ok(reader)
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The file's length in bytes.
    pub fn bytes(&self) -> u64 {
        (*self.bytes).as_ref().len() as u64
    }

    /// The checksum of the footer, which covers the checksums of all blocks.
    pub fn checksum(&self) -> u32 {
        self.tail.checksum
    }

    /// The section with this number; empty if the file has none.
    pub fn section(self: &Arc<Self>, id: u8) -> Section {
        let place = self.tail.sections.iter().find(|place| place.id == id);
        let (start, len) = place.map_or((0, 0), |place| (place.start as usize, place.len as usize));
        Section { reader: Arc::clone(self), start, len }
    }

    /// An error for every block that is damaged, whether or not it was found right before.
    pub fn verify_all(&self) -> Vec<Error> {
        (0..self.tail.body_len.div_ceil(BLOCK_BYTES)).filter_map(|block| self.compare(block).err()).collect()
    }

    fn check(&self, block: usize) -> Result<()> {
        let bit = 1u64 << (block % 64);
        let Some(word) = self.checked.get(block / 64) else {
            return Err(malformed(&self.name, format!("there is no block {block}")));
        };
        if word.load(Ordering::Relaxed) & bit == 0 {
            self.compare(block)?;
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }

    fn compare(&self, block: usize) -> Result<()> {
        let bytes = (*self.bytes).as_ref();
        let table = bytes.get(self.tail.table.clone()).and_then(|table| table.get(block * 4..block * 4 + 4));
        let body = bytes.get(block * BLOCK_BYTES..self.tail.body_len.min((block + 1) * BLOCK_BYTES));
        let (Some(table), Some(body)) = (table, body) else {
            return Err(malformed(&self.name, format!("there is no block {block}")));
        };
        let expected = Cursor::new(&self.name, table).u32()?;
        let found = crc32fast::hash(body);
        if found == expected {
            return Ok(());
        }
        Err(Error::ChecksumMismatch { segment: self.name.clone(), block: block as u64, expected, found })
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// One section of an opened file; cheap to clone.
#[derive(Clone, Debug)]
pub struct Section {
    reader: Arc<Reader>,
    start: usize,
    len: usize,
}

impl Section {
    /// The section's length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the section has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file's name, for errors.
    pub fn name(&self) -> &str {
        &self.reader.name
    }

    /// Some bytes of the section, checked.
    pub fn slice(&self, range: Range<usize>) -> Result<&[u8]> {
        if range.start > range.end || range.end > self.len {
            let (start, end, len) = (range.start, range.end, self.len);
            return Err(malformed(self.name(), format!("bytes {start} to {end} are wanted of a section of {len}")));
        }
        if range.is_empty() {
            return Ok(&[]);
        }
        let (start, end) = (self.start + range.start, self.start + range.end);
        for block in start / BLOCK_BYTES..=(end - 1) / BLOCK_BYTES {
            self.reader.check(block)?;
        }
        let bytes = (*self.reader.bytes).as_ref().get(start..end);
        bytes.ok_or_else(|| malformed(self.name(), format!("bytes {start} to {end} are not in the file")))
    }

    /// Some bytes of the section, `len` of them from `start`, to be read in order.
    pub fn cursor(&self, start: usize, len: usize) -> Result<Cursor<'_>> {
        let end = start.saturating_add(len);
        Ok(Cursor::new(self.name(), self.slice(start..end)?))
    }

    /// The bytes from `start` to the end of the section or `len_max` further, whichever comes first.
    pub fn cursor_at_most(&self, start: usize, len_max: usize) -> Result<Cursor<'_>> {
        let end = start.saturating_add(len_max).min(self.len);
        Ok(Cursor::new(self.name(), self.slice(start..end)?))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::segment::{Files, MemoryFiles, SegmentWriter};

    /// A file with these sections, opened.
    pub(crate) fn file_with(write: impl FnOnce(&mut SegmentWriter)) -> Arc<Reader> {
        let mut files = MemoryFiles::default();
        let mut writer = SegmentWriter::new(files.create(Kind::Run).unwrap(), Kind::Run).unwrap();
        write(&mut writer);
        writer.finish().unwrap();
        let (name, bytes) = files.published.lock().remove(0);
        Arc::new(Reader::open(&name, Arc::new(bytes)).unwrap())
    }

    /// A section with these bytes in a file that is right in itself, as a hostile writer would make it.
    pub(crate) fn section_of(bytes: &[u8]) -> Section {
        file_with(|w| w.section(1, bytes).unwrap()).section(1)
    }

    fn sample(len: usize) -> Vec<u8> {
        let mut files = MemoryFiles::default();
        let mut writer = SegmentWriter::new(files.create(Kind::Ids).unwrap(), Kind::Ids).unwrap();
        writer.section(1, b"first").unwrap();
        writer.section(9, &(0..len).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
        assert!(writer.begin_section(1).is_err());
        let (bytes, _) = writer.finish().unwrap();
        let file = files.published.lock().remove(0).1;
        assert_eq!(bytes, file.len() as u64);
        file
    }

    /// Opens and reads everything.
    fn read(bytes: Vec<u8>) -> Result<(Vec<u8>, Vec<u8>)> {
        let reader = Arc::new(Reader::open("test", Arc::new(bytes))?);
        let (a, b) = (reader.section(1), reader.section(9));
        Ok((a.slice(0..a.len())?.to_vec(), b.slice(0..b.len())?.to_vec()))
    }

    #[test]
    fn sections_round_trip_at_block_edges() {
        for len in [0, 1, BLOCK_BYTES - 21, BLOCK_BYTES - 20, 3 * BLOCK_BYTES] {
            let (a, b) = read(sample(len)).unwrap();
            assert_eq!((&a[..], b.len()), (&b"first"[..], len));
            assert!(b.iter().enumerate().all(|(i, byte)| *byte == (i % 251) as u8));
        }
    }

    #[test]
    fn every_flip_and_every_truncation_is_an_error() {
        let good = sample(300);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(read(bad).is_err(), "byte {at}");
            assert!(read(good[..at].to_vec()).is_err(), "{at} bytes");
        }
        assert!(read([&good[..], b"x"].concat()).is_err());
    }

    #[test]
    fn only_touched_blocks_are_checked_and_verify_finds_all() {
        let mut bytes = sample(3 * BLOCK_BYTES);
        bytes[BLOCK_BYTES + 5] ^= 1;
        bytes[2 * BLOCK_BYTES + 5] ^= 1;
        let reader = Arc::new(Reader::open("test", Arc::new(bytes)).unwrap());
        let section = reader.section(9);
        assert!(section.slice(0..100).is_ok());
        let fault = section.slice(0..BLOCK_BYTES + 100).unwrap_err();
        assert!(matches!(fault, Error::ChecksumMismatch { block: 1, .. }), "{fault}");
        assert_eq!(reader.verify_all().len(), 2);
        assert!(section.slice(0..usize::MAX).is_err());
        assert!(reader.section(77).slice(0..1).is_err());
    }
}
