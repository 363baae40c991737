//! Where the postings of each (key, chunk) are. A key is a tag's position or the number of a pseudo-tag.
//!
//! Invariant: the entries ascend strictly by (key, chunk), and carry the numbers that the planner and unfiltered
//! facets need, so that those read no postings.

use std::sync::Arc;

use super::postings::{Encoder, Postings, Toggle};
use super::section;
use crate::error::{Error, Result};
use crate::format::varint::malformed;
use crate::segment::{Reader, Section, SegmentWriter};

/// Key, chunk, two bytes of zero, toggles, size of the last set, last rank, length, offset.
const ENTRY_BYTES: usize = 32;

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

/// Gathers postings in any order; the sections POSTINGS and POSTINGS_INDEX.
#[derive(Default)]
pub struct DirectoryWriter {
    data: Vec<u8>,
    /// With the place in `data`.
    entries: Vec<Entry>,
    encoder: Encoder,
}

impl DirectoryWriter {
    /// Adds the toggles of a (key, chunk), ascending strictly; each (key, chunk) is added once.
    pub fn push(&mut self, key: u32, chunk: u16, toggles: &[Toggle]) -> Result<()> {
        let offset = self.data.len() as u64;
        let totals = self.encoder.encode(toggles, &mut self.data)?;
        self.entries.push(Entry {
            key,
            chunk,
            toggles: totals.toggles,
            last_cardinality: totals.last_cardinality,
            last_rank: totals.last_rank,
            offset,
            len: totals.len,
        });
        Ok(())
    }

    /// Writes both sections.
    pub fn finish(mut self, out: &mut SegmentWriter) -> Result<()> {
        let (limit, found) = (u64::from(u32::MAX - 1), self.entries.len() as u64);
        if found > limit {
            return Err(Error::TooMany { what: "postings in a segment", limit, found });
        }
        self.entries.sort_unstable_by_key(|entry| (entry.key, entry.chunk));
        if let Some(twice) = self.entries.windows(2).find(|w| (w[0].key, w[0].chunk) == (w[1].key, w[1].chunk)) {
            let (key, chunk) = (twice[0].key, twice[0].chunk);
            return Err(malformed("postings", format!("chunk {chunk} of key {key} is written twice")));
        }
        // The chunks of a key stand together, for they are read together.
        out.begin_section(section::POSTINGS)?;
        let mut index = Vec::with_capacity(self.entries.len() * ENTRY_BYTES);
        let mut offset = 0_u64;
        for entry in &self.entries {
            let start = entry.offset as usize;
            out.write(&self.data[start..start + entry.len as usize])?;
            index.extend_from_slice(&entry.key.to_le_bytes());
            index.extend_from_slice(&entry.chunk.to_le_bytes());
            index.extend_from_slice(&[0, 0]);
            for value in [entry.toggles, entry.last_cardinality, entry.last_rank, entry.len] {
                index.extend_from_slice(&value.to_le_bytes());
            }
            index.extend_from_slice(&offset.to_le_bytes());
            offset += u64::from(entry.len);
        }
        out.section(section::POSTINGS_INDEX, &index)
    }
}

/// The postings of a run or tile.
#[derive(Clone, Debug)]
pub struct Directory {
    data: Section,
    index: Section,
}

impl Directory {
    /// Opens the directory.
    pub fn open(reader: &Arc<Reader>) -> Result<Self> {
        let (data, index) = (reader.section(section::POSTINGS), reader.section(section::POSTINGS_INDEX));
        if !index.len().is_multiple_of(ENTRY_BYTES) || index.len() / ENTRY_BYTES >= u32::MAX as usize {
            return Err(malformed(reader.name(), format!("{} bytes are no index of postings", index.len())));
        }
        Ok(Self { data, index })
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        (self.index.len() / ENTRY_BYTES) as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The entry at an index in (key, chunk) order.
    pub fn entry(&self, index: u32) -> Result<Entry> {
        let mut c = self.index.cursor(index as usize * ENTRY_BYTES, ENTRY_BYTES)?;
        let (key, chunk, _) = (c.u32()?, c.u16()?, c.u16()?);
        let (toggles, last_cardinality, last_rank, len, offset) = (c.u32()?, c.u32()?, c.u32()?, c.u32()?, c.u64()?);
        Ok(Entry { key, chunk, toggles, last_cardinality, last_rank, offset, len })
    }

    /// The entry of a (key, chunk).
    pub fn find(&self, key: u32, chunk: u16) -> Result<Option<Entry>> {
        let at = self.lower_bound(key, chunk)?;
        if at == self.len() {
            return Ok(None);
        }
        Ok(Some(self.entry(at)?).filter(|entry| (entry.key, entry.chunk) == (key, chunk)))
    }

    /// All entries of a key, by chunk.
    pub fn of_key(&self, key: u32) -> Result<Vec<Entry>> {
        let mut out = Vec::new();
        for at in self.lower_bound(key, 0)?..self.len() {
            let entry = self.entry(at)?;
            if entry.key != key {
                break;
            }
            out.push(entry);
        }
        Ok(out)
    }

    /// The postings of an entry.
    pub fn postings(&self, entry: &Entry) -> Result<Postings<'_>> {
        let start = usize::try_from(entry.offset).unwrap_or(usize::MAX);
        let bytes = self.data.slice(start..start.saturating_add(entry.len as usize))?;
        Postings::decode(self.data.name(), bytes)
    }

    fn lower_bound(&self, key: u32, chunk: u16) -> Result<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.entry(middle)?;
            if (entry.key, entry.chunk) < (key, chunk) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::file_with;

    type Pushed = (u32, u16, &'static [(u32, u16)]);
    const ALL: [Pushed; 4] =
        [(0, 3, &[(1, 1)]), (2, 0, &[(0, 5), (1, 6)]), (2, 9, &[(4, 4), (5, 4)]), (u32::MAX, u16::MAX, &[(7, 7)])];

    fn push(writer: &mut DirectoryWriter, (key, chunk, toggles): Pushed) {
        let toggles: Vec<Toggle> = toggles.iter().map(|(rank, low)| Toggle::new(*rank, *low)).collect();
        writer.push(key, chunk, &toggles).unwrap();
    }

    /// The postings, written out of order.
    fn writer() -> DirectoryWriter {
        let mut writer = DirectoryWriter::default();
        ALL.into_iter().rev().for_each(|postings| push(&mut writer, postings));
        writer
    }

    #[test]
    fn finds_every_entry_and_no_other() {
        let directory = Directory::open(&file_with(|w| writer().finish(w).unwrap())).unwrap();
        for (key, chunk, toggles) in ALL {
            let entry = directory.find(key, chunk).unwrap().unwrap();
            assert_eq!(entry.toggles as usize, toggles.len());
            assert_eq!(directory.postings(&entry).unwrap().toggles().unwrap(), toggles);
        }
        assert_eq!(directory.find(2, 9).unwrap().map(|e| (e.last_cardinality, e.last_rank)), Some((0, 5)));
        assert_eq!(directory.of_key(2).unwrap().iter().map(|e| e.chunk).collect::<Vec<_>>(), [0, 9]);
        assert_eq!(directory.find(2, 1).unwrap(), None);
        assert_eq!(directory.find(u32::MAX - 1, 0).unwrap(), None);
        assert!(directory.of_key(1).unwrap().is_empty());
        let mut twice = writer();
        push(&mut twice, (2, 9, &[]));
        file_with(|w| assert!(twice.finish(w).is_err()));
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let good = file_with(|w| writer().finish(w).unwrap());
        let [data, good] = [section::POSTINGS, section::POSTINGS_INDEX].map(|id| {
            let section = good.section(id);
            section.slice(0..section.len()).unwrap().to_vec()
        });
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut index = good.clone();
                index[at] = value;
                let file = file_with(|w| {
                    w.section(section::POSTINGS, &data).unwrap();
                    w.section(section::POSTINGS_INDEX, &index).unwrap();
                });
                let directory = Directory::open(&file).unwrap();
                for entry in (0..directory.len()).map(|at| directory.entry(at).unwrap()) {
                    let _ = directory.postings(&entry).and_then(|p| p.toggles());
                    let _ = (directory.find(entry.key, 0), directory.of_key(entry.key));
                }
            }
        }
    }
}
