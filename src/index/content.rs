//! The contents of a content segment: two streams of bytes (plain and packed) in blocks of 8 KiB.
//!
//! Invariant: a content is the bytes `[offset, offset + len)` of its stream, whatever blocks they fall in; the top bit
//! of an offset names the stream. Small contents go to the plain stream, so that reading one inflates nothing.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::section;
use crate::error::{Error, Result};
use crate::format::varint::malformed;
use crate::segment::{Reader, Section, SegmentWriter};

/// How many bytes of a stream a block holds; the last block of a stream may hold fewer.
const BLOCK_BYTES: usize = 8 * 1024;
/// The bit of an offset that says that the content is in the packed stream.
const PACKED: u64 = 1 << 63;
/// The bit of a block's entry that says that its bytes are compressed; below it the length, above it the place.
const COMPRESSED: u64 = 1 << 15;
const PLACE_SHIFT: u32 = 16;
const ENTRY_BYTES: usize = 8;
/// The index begins with the number of plain and of packed blocks.
const COUNTS_BYTES: usize = 16;

/// How many files were opened.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// The hash of a content: its CRC-32, the same in every version of the software.
pub fn hash(content: &[u8]) -> u32 {
    crc32fast::hash(content)
}

/// A stream that is being written: the block that is not full yet, and the entries of those that were.
#[derive(Default)]
struct StreamWriter {
    pending: Vec<u8>,
    entries: Vec<u64>,
}

/// Streams contents to a new file; the sections BLOCKS and BLOCK_INDEX.
pub struct ContentWriter {
    out: SegmentWriter,
    compress: bool,
    threshold: usize,
    count: u64,
    /// How many bytes of blocks were written.
    place: u64,
    plain: StreamWriter,
    packed: StreamWriter,
    encoder: snap::raw::Encoder,
}

impl ContentWriter {
    /// `out` has no section yet. Contents of at least `threshold` bytes go to blocks that are compressed if `compress`.
    pub fn new(mut out: SegmentWriter, compress: bool, threshold: usize) -> Result<Self> {
        out.begin_section(section::BLOCKS)?;
        let (plain, packed) = (StreamWriter::default(), StreamWriter::default());
        Ok(Self { out, compress, threshold, count: 0, place: 0, plain, packed, encoder: snap::raw::Encoder::new() })
    }

    /// The file's final name.
    pub fn name(&self) -> &str {
        self.out.name()
    }

    /// Appends a content; returns its offset and hash.
    pub fn append(&mut self, content: &[u8]) -> Result<(u64, u32)> {
        let packed = self.compress && content.len() >= self.threshold;
        let stream = if packed { &self.packed } else { &self.plain };
        let offset = (stream.entries.len() * BLOCK_BYTES + stream.pending.len()) as u64;
        let mut rest = content;
        while !rest.is_empty() {
            let stream = if packed { &mut self.packed } else { &mut self.plain };
            let (head, tail) = rest.split_at(rest.len().min(BLOCK_BYTES - stream.pending.len()));
            stream.pending.extend_from_slice(head);
            if stream.pending.len() == BLOCK_BYTES {
                self.end_block(packed)?;
            }
            rest = tail;
        }
        self.count += 1;
        Ok((if packed { offset | PACKED } else { offset }, hash(content)))
    }

    /// How many contents were appended.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Writes what is pending and hands back the file, to which more sections may be written.
    pub fn finish(mut self) -> Result<SegmentWriter> {
        for packed in [false, true] {
            let stream = if packed { &self.packed } else { &self.plain };
            if !stream.pending.is_empty() {
                self.end_block(packed)?;
            }
        }
        let streams = [&self.plain.entries, &self.packed.entries];
        let counts = streams.iter().map(|entries| entries.len() as u64);
        let values = counts.chain(streams.iter().flat_map(|entries| entries.iter().copied()));
        let index: Vec<u8> = values.flat_map(u64::to_le_bytes).collect();
        self.out.section(section::BLOCK_INDEX, &index)?;
        Ok(self.out)
    }

    fn end_block(&mut self, packed: bool) -> Result<()> {
        let stream = if packed { &mut self.packed } else { &mut self.plain };
        let squeezed = if packed { self.encoder.compress_vec(&stream.pending).ok() } else { None };
        let squeezed = squeezed.filter(|bytes| bytes.len() < stream.pending.len());
        let bytes = squeezed.as_ref().unwrap_or(&stream.pending);
        let limit = u64::MAX >> PLACE_SHIFT;
        if self.place > limit {
            return Err(Error::TooMany { what: "bytes in a content segment", limit, found: self.place });
        }
        let flag = if squeezed.is_some() { COMPRESSED } else { 0 };
        self.out.write(bytes)?;
        stream.entries.push(self.place << PLACE_SHIFT | flag | bytes.len() as u64);
        self.place += bytes.len() as u64;
        stream.pending.clear();
        Ok(())
    }
}

/// The contents of a file.
#[derive(Clone, Debug)]
pub struct Content {
    /// What tells it from every other file that this process opened.
    number: u64,
    blocks: Section,
    index: Section,
    plain: u64,
    packed: u64,
}

impl Content {
    /// Opens the streams.
    pub fn open(reader: &Arc<Reader>) -> Result<Self> {
        let (blocks, index) = (reader.section(section::BLOCKS), reader.section(section::BLOCK_INDEX));
        let mut counts = index.cursor(0, COUNTS_BYTES)?;
        let (plain, packed) = (counts.u64()?, counts.u64()?);
        let entries = (index.len() - COUNTS_BYTES) as u64 / ENTRY_BYTES as u64;
        if plain.checked_add(packed) != Some(entries) {
            return Err(malformed(reader.name(), format!("{plain} and {packed} blocks are not the {entries} indexed")));
        }
        Ok(Self { number: OPENED.fetch_add(1, Ordering::Relaxed), blocks, index, plain, packed })
    }

    /// How many bytes of content there are; all blocks of a stream are full but its last.
    pub fn bytes_in_all(&self) -> Result<u64> {
        let stream = |packed, count: u64| match count.checked_sub(1) {
            None => Ok(0),
            Some(last) => Ok(last.saturating_mul(BLOCK_BYTES as u64) + self.block(packed, last)?.len() as u64),
        };
        Ok(stream(false, self.plain)?.saturating_add(stream(true, self.packed)?))
    }

    /// The content at an offset, reading only its blocks. Its hash must be `expected`: where that of every block was found
    /// right, [`get`](Self::get) is enough.
    pub fn read(&self, offset: u64, len: u32, expected: u32) -> Result<Cow<'_, [u8]>> {
        let content = self.get(offset, len as usize)?;
        let found = hash(&content);
        if found == expected {
            return Ok(content);
        }
        let detail = format!("the content at {offset} of {len} bytes hashes to {found:08x}, not to {expected:08x}");
        Err(malformed(self.blocks.name(), detail))
    }

    /// The content at an offset, of which nothing is checked but the blocks that it lies in, when they are first touched.
    pub fn get(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        let start = offset & !PACKED;
        let skip = (start % BLOCK_BYTES as u64) as usize;
        if offset & PACKED == 0
            && len > 0
            && let Cow::Borrowed(bytes) = self.block(false, start / BLOCK_BYTES as u64)?
            && let Some(content) = bytes.get(skip..skip + len)
        {
            return Ok(Cow::Borrowed(content));
        }
        // No allocation before the blocks are known to exist: `len` comes from disk.
        let mut out = Vec::new();
        self.visit(offset, len, 0..len, &mut Inflated::default(), &mut |piece| {
            out.extend_from_slice(piece);
            true
        })?;
        Ok(Cow::Owned(out))
    }

    /// Gives the bytes in a range of the content at an offset piece by piece, from the blocks that they lie in alone, until
    /// `visit` has seen enough and says false.
    pub fn visit(
        &self,
        offset: u64,
        len: usize,
        range: Range<usize>,
        inflated: &mut Inflated,
        visit: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<()> {
        let start = (offset & !PACKED).checked_add(range.start as u64).ok_or_else(|| self.short(offset, len))?;
        let (mut block, mut skip) = (start / BLOCK_BYTES as u64, (start % BLOCK_BYTES as u64) as usize);
        let mut left = range.end.saturating_sub(range.start);
        while left > 0 {
            let bytes = self.block_in(offset & PACKED != 0, block, inflated)?;
            let rest = bytes.get(skip..).filter(|rest| !rest.is_empty()).ok_or_else(|| self.short(offset, len))?;
            let piece = &rest[..rest.len().min(left)];
            left -= piece.len();
            if !visit(piece) {
                break;
            }
            (block, skip) = (block + 1, 0);
        }
        Ok(())
    }

    fn short(&self, offset: u64, len: usize) -> Error {
        malformed(self.blocks.name(), format!("the content at {offset} of {len} bytes exceeds its stream"))
    }

    /// A block, inflated into `inflated` if it is compressed and not there already.
    fn block_in<'a>(&'a self, packed: bool, number: u64, inflated: &'a mut Inflated) -> Result<&'a [u8]> {
        let (place, len, is_compressed) = self.entry(packed, number)?;
        let key = (self.number, place);
        if is_compressed && inflated.of == Some(key) {
            return Ok(&inflated.bytes);
        }
        inflated.blocks += 1;
        let stored = self.blocks.slice(place..place + len)?;
        if !is_compressed {
            return Ok(stored);
        }
        inflated.of = None;
        inflated.bytes.resize(BLOCK_BYTES, 0);
        let full = self.inflated_len(number, stored)?;
        let fault = |e: snap::Error| malformed(self.blocks.name(), format!("content block {number}: {e}"));
        snap::raw::Decoder::new().decompress(stored, &mut inflated.bytes[..full]).map_err(fault)?;
        inflated.bytes.truncate(full);
        inflated.of = Some(key);
        Ok(&inflated.bytes)
    }

    fn block(&self, packed: bool, number: u64) -> Result<Cow<'_, [u8]>> {
        let (place, len, is_compressed) = self.entry(packed, number)?;
        let stored = self.blocks.slice(place..place + len)?;
        if !is_compressed {
            return Ok(Cow::Borrowed(stored));
        }
        self.inflated_len(number, stored)?;
        let fault = |e: snap::Error| malformed(self.blocks.name(), format!("content block {number}: {e}"));
        snap::raw::Decoder::new().decompress_vec(stored).map(Cow::Owned).map_err(fault)
    }

    /// Where a block is, how many bytes it has there, and whether they are compressed.
    fn entry(&self, packed: bool, number: u64) -> Result<(usize, usize, bool)> {
        let (before, count) = if packed { (self.plain, self.packed) } else { (0, self.plain) };
        if number >= count {
            let detail = format!("content block {number} is wanted of {count}");
            return Err(malformed(self.blocks.name(), detail));
        }
        let at = COUNTS_BYTES + (before + number) as usize * ENTRY_BYTES;
        let entry = self.index.cursor(at, ENTRY_BYTES)?.u64()?;
        Ok(((entry >> PLACE_SHIFT) as usize, (entry & (COMPRESSED - 1)) as usize, entry & COMPRESSED != 0))
    }

    /// How many bytes a compressed block says that it holds.
    fn inflated_len(&self, number: u64, stored: &[u8]) -> Result<usize> {
        let fault = |detail: String| malformed(self.blocks.name(), format!("content block {number}: {detail}"));
        let full = snap::raw::decompress_len(stored).map_err(|e| fault(e.to_string()))?;
        if full > BLOCK_BYTES {
            return Err(fault(format!("{full} bytes are more than a block holds")));
        }
        Ok(full)
    }
}

/// The compressed block that a reader inflated last, and how many blocks it read.
#[derive(Debug, Default)]
pub struct Inflated {
    /// The number of the opened file and the block's place in it.
    of: Option<(u64, usize)>,
    bytes: Vec<u8>,
    /// How many blocks were read.
    pub blocks: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Files, Kind, MemoryFiles, file_with};
    use proptest::prelude::*;

    fn file(contents: &[Vec<u8>], compress: bool, threshold: usize) -> (Arc<Reader>, Vec<(u64, u32)>) {
        let mut files = MemoryFiles::default();
        let out = SegmentWriter::new(files.create(Kind::Content).unwrap(), Kind::Content).unwrap();
        let mut writer = ContentWriter::new(out, compress, threshold).unwrap();
        let places = contents.iter().map(|content| writer.append(content).unwrap()).collect();
        assert_eq!(writer.count(), contents.len() as u64);
        writer.finish().unwrap().finish().unwrap();
        let (name, bytes) = files.published.lock().remove(0);
        (Arc::new(Reader::open(&name, Arc::new(bytes)).unwrap()), places)
    }

    fn content() -> impl Strategy<Value = Vec<u8>> {
        let len = prop_oneof![0usize..200, 8_000usize..8_400, 16_000usize..30_000];
        (len, any::<u8>(), any::<bool>()).prop_map(|(len, seed, noisy)| {
            let byte = |i: usize| if noisy { (i * i * 31 + i) as u8 ^ seed } else { seed };
            (0..len).map(byte).collect()
        })
    }

    proptest! {
        #[test]
        fn gives_back_every_content(
            contents in proptest::collection::vec(content(), 0..20),
            compress in any::<bool>(),
            threshold in 0usize..9_000,
            cut in any::<(usize, usize)>(),
        ) {
            let mut inflated = Inflated::default();
            let (reader, places) = file(&contents, compress, threshold);
            let open = Content::open(&reader).unwrap();
            prop_assert_eq!(open.bytes_in_all().unwrap(), contents.iter().map(|content| content.len() as u64).sum::<u64>());
            for (content, (offset, hash)) in contents.iter().zip(places) {
                prop_assert_eq!(&open.read(offset, content.len() as u32, hash).unwrap()[..], &content[..]);
                prop_assert!(open.read(offset, content.len() as u32, hash ^ 1).is_err());
                prop_assert!(open.read(offset, u32::MAX, hash).is_err());
                let (from, to) = (cut.0 % (content.len() + 1), cut.1 % (content.len() + 1));
                let (range, mut part) = (from.min(to)..from.max(to), Vec::new());
                let blocks = inflated.blocks;
                open.visit(offset, content.len(), range.clone(), &mut inflated, &mut |piece| {
                    part.extend_from_slice(piece);
                    true
                }).unwrap();
                prop_assert!(inflated.blocks - blocks <= (range.len() / BLOCK_BYTES + 2) as u64);
                prop_assert_eq!(&part[..], &content[range]);
            }
        }
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let contents = vec![vec![b'a'; 20_000], b"short".to_vec()];
        let (reader, places) = file(&contents, true, 100);
        let bytes = |id| {
            let section = reader.section(id);
            section.slice(0..section.len()).unwrap().to_vec()
        };
        let (blocks, index) = (bytes(section::BLOCKS), bytes(section::BLOCK_INDEX));
        for at in 0..blocks.len() + index.len() {
            for value in [0, 1, 0x80, 0xff] {
                let (mut blocks, mut index) = (blocks.clone(), index.clone());
                if at < blocks.len() {
                    blocks[at] = value
                } else {
                    index[at - blocks.len()] = value
                }
                let file = file_with(|w| {
                    w.section(section::BLOCKS, &blocks).unwrap();
                    w.section(section::BLOCK_INDEX, &index).unwrap();
                });
                let Ok(open) = Content::open(&file) else { continue };
                for (content, (offset, hash)) in contents.iter().zip(&places) {
                    let got = open.read(*offset, content.len() as u32, *hash);
                    assert!(got.is_err() || got.is_ok_and(|got| got[..] == content[..]), "byte {at}");
                }
            }
        }
        assert!(Content::open(&reader).unwrap().read(u64::MAX, 9, 0).is_err());
        assert!(Content::open(&reader).unwrap().read(PACKED - 1, 9, 0).is_err());
    }
}
