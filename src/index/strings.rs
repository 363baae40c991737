//! A sorted table of distinct byte strings, front-coded in blocks of 16.
//!
//! Invariant: the strings ascend strictly by their bytes, and the first of each block is stored in full, so that a
//! search reads one string a step and decodes one block.

use std::cmp::Ordering;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::format::varint::{Cursor, malformed, put, put_bytes};
use crate::segment::Section;

const BLOCK_STRINGS: u32 = 16;
const COUNT_BYTES: usize = 4;

/// The table's bytes; `strings` ascend strictly.
pub fn encode<S: AsRef<[u8]>>(strings: impl IntoIterator<Item = S>) -> Result<Vec<u8>> {
    let mut encoder = Encoder::default();
    for string in strings {
        encoder.push(string.as_ref())?;
    }
    encoder.finish()
}

/// Encodes a table string by string.
#[derive(Default)]
pub struct Encoder {
    count: u64,
    data: Vec<u8>,
    offsets: Vec<u64>,
    last: Vec<u8>,
}

impl Encoder {
    /// Adds the next string; they ascend strictly.
    pub fn push(&mut self, string: &[u8]) -> Result<()> {
        let shared = string.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        if self.count > 0 && string.get(shared) <= self.last.get(shared) {
            return Err(malformed("string table", "the strings do not ascend"));
        }
        if self.count.is_multiple_of(u64::from(BLOCK_STRINGS)) {
            self.offsets.push(self.data.len() as u64);
            put_bytes(&mut self.data, string);
        } else {
            put(&mut self.data, shared as u64);
            put_bytes(&mut self.data, &string[shared..]);
        }
        self.last.truncate(shared);
        self.last.extend_from_slice(&string[shared..]);
        self.count += 1;
        Ok(())
    }

    /// The table's bytes.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.offsets.push(self.data.len() as u64);
        let limit = u64::from(u32::MAX - 1);
        let number = u32::try_from(self.count).ok().filter(|n| u64::from(*n) <= limit);
        let number = number.ok_or(Error::TooMany { what: "strings in a table", limit, found: self.count })?;
        let mut out = Vec::with_capacity(COUNT_BYTES + self.offsets.len() * 8 + self.data.len());
        out.extend_from_slice(&number.to_le_bytes());
        self.offsets.iter().for_each(|offset| out.extend_from_slice(&offset.to_le_bytes()));
        out.append(&mut self.data);
        Ok(out)
    }
}

/// A table in a section.
#[derive(Clone, Debug)]
pub struct Strings {
    section: Section,
    count: u32,
    /// Where the blocks begin in the section.
    data: usize,
}

impl Strings {
    /// Opens the table.
    pub fn open(section: Section) -> Result<Self> {
        let count = section.cursor(0, COUNT_BYTES)?.u32()?;
        let blocks = count.div_ceil(BLOCK_STRINGS) as usize;
        let data = COUNT_BYTES + (blocks + 1) * 8;
        if data > section.len() {
            let detail = format!("{count} strings do not fit in {} bytes", section.len());
            return Err(malformed(section.name(), detail));
        }
        Ok(Self { section, count, data })
    }

    /// The file's name, for errors.
    pub fn name(&self) -> &str {
        self.section.name()
    }

    /// How many strings there are.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The string at a position.
    pub fn get(&self, position: u32) -> Result<Vec<u8>> {
        if position >= self.count {
            let detail = format!("string {position} is wanted of {}", self.count);
            return Err(malformed(self.section.name(), detail));
        }
        let mut block = self.block(position / BLOCK_STRINGS)?;
        for _ in 0..=position % BLOCK_STRINGS {
            block.advance()?;
        }
        Ok(block.string)
    }

    /// The position of a string, or where it would be.
    pub fn find(&self, string: &[u8]) -> Result<Result<u32, u32>> {
        // The number of blocks whose first string is at most the one that is sought.
        let (mut low, mut high) = (0, self.count.div_ceil(BLOCK_STRINGS));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.block(middle)?.cursor.bytes()? <= string { low = middle + 1 } else { high = middle }
        }
        let Some(number) = low.checked_sub(1) else { return Ok(Err(0)) };
        let start = number * BLOCK_STRINGS;
        let end = self.count.min(start.saturating_add(BLOCK_STRINGS));
        let mut block = self.block(number)?;
        for position in start..end {
            block.advance()?;
            match block.string.as_slice().cmp(string) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(Ok(position)),
                Ordering::Greater => return Ok(Err(position)),
            }
        }
        Ok(Err(end))
    }

    /// The first position whose string is at least this.
    pub fn lower_bound(&self, string: &[u8]) -> Result<u32> {
        Ok(self.find(string)?.unwrap_or_else(|position| position))
    }

    /// The positions of all strings with this prefix.
    pub fn prefix(&self, prefix: &[u8]) -> Result<Range<u32>> {
        let start = self.lower_bound(prefix)?;
        // The least string after all that have the prefix: its last byte that can grow, grown.
        let end = match prefix.iter().rposition(|byte| *byte != 0xff) {
            Some(at) => {
                let mut next = prefix[..=at].to_vec();
                next[at] += 1;
                self.lower_bound(&next)?
            }
            None => self.count,
        };
        Ok(start..end.max(start))
    }

    /// The strings at a range of positions, decoded block by block.
    pub fn range(&self, positions: Range<u32>) -> Result<Vec<Vec<u8>>> {
        let mut out = Vec::new();
        if positions.is_empty() {
            return Ok(out);
        }
        if positions.end > self.count {
            let detail = format!("string {} is wanted of {}", positions.end - 1, self.count);
            return Err(malformed(self.section.name(), detail));
        }
        for number in positions.start / BLOCK_STRINGS..=(positions.end - 1) / BLOCK_STRINGS {
            let start = number * BLOCK_STRINGS;
            let mut block = self.block(number)?;
            for position in start..positions.end.min(start.saturating_add(BLOCK_STRINGS)) {
                block.advance()?;
                if position >= positions.start {
                    out.push(block.string.clone());
                }
            }
        }
        Ok(out)
    }

    fn block(&self, number: u32) -> Result<Block<'_>> {
        let mut ends = self.section.cursor(COUNT_BYTES + number as usize * 8, 16)?;
        let (start, end) = (ends.u64()? as usize, ends.u64()? as usize);
        let (start, end) = (self.data.saturating_add(start), self.data.saturating_add(end));
        let cursor = Cursor::new(self.section.name(), self.section.slice(start..end)?);
        Ok(Block { cursor, string: Vec::new(), begun: false })
    }
}

/// A block that is being decoded; `string` is the one that `advance` reached.
struct Block<'a> {
    cursor: Cursor<'a>,
    string: Vec<u8>,
    begun: bool,
}

impl Block<'_> {
    fn advance(&mut self) -> Result<()> {
        let shared = if self.begun { self.cursor.varint()? as usize } else { 0 };
        if shared > self.string.len() {
            return Err(self.cursor.fault(format!("{shared} bytes are shared with a string of {}", self.string.len())));
        }
        self.begun = true;
        self.string.truncate(shared);
        self.string.extend_from_slice(self.cursor.bytes()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::section_of;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn string() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..5)
    }

    proptest! {
        #[test]
        fn answers_as_a_sorted_set(set in proptest::collection::btree_set(string(), 0..80), probe in string()) {
            let set: BTreeSet<Vec<u8>> = set;
            let sorted: Vec<Vec<u8>> = set.iter().cloned().collect();
            let table = Strings::open(section_of(&encode(&sorted).unwrap())).unwrap();
            prop_assert_eq!(table.len() as usize, sorted.len());
            prop_assert_eq!(&table.range(0..table.len()).unwrap(), &sorted);
            for (i, s) in sorted.iter().enumerate() {
                prop_assert_eq!(&table.get(i as u32).unwrap(), s);
                prop_assert_eq!(table.find(s).unwrap(), Ok(i as u32));
            }
            let want = sorted.binary_search(&probe).map(|i| i as u32).map_err(|i| i as u32);
            prop_assert_eq!(table.find(&probe).unwrap(), want);
            let range = table.prefix(&probe).unwrap();
            let with: Vec<_> = sorted.iter().filter(|s| s.starts_with(&probe)).cloned().collect();
            prop_assert_eq!(table.range(range).unwrap(), with);
            prop_assert!(table.get(table.len()).is_err());
        }
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let good = encode((0..40).map(|i| format!("tag:{i:03}"))).unwrap();
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                if let Ok(table) = Strings::open(section_of(&bad)) {
                    let _ = (table.find(b"tag:020"), table.prefix(b"tag:"), table.range(0..table.len()));
                }
            }
            assert!(Strings::open(section_of(&good[..at])).and_then(|t| t.range(0..40)).is_err(), "{at} bytes");
        }
        assert!(encode(["b", "a"]).is_err());
        assert!(encode(["a", "a"]).is_err());
    }
}
