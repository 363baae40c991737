//! The temporal B-tree: static, over the sorted distinct instants of a segment.
//!
//! Invariant: the instants ascend strictly; an instant's rank is its position. This is the only place of a segment
//! where a timestamp is stored.

use crate::error::{Error, Result};
use crate::format::varint::{Cursor, malformed, put};
use crate::segment::Section;
use crate::types::Ns;

const BLOCK_INSTANTS: usize = 32;
const COUNT_BYTES: usize = 4;
/// An entry of the top level: the first instant of a block and where the differences of the others begin.
const TOP_BYTES: usize = 16;

/// The tree's bytes; the instants ascend strictly.
pub fn encode(instants: &[Ns]) -> Result<Vec<u8>> {
    let limit = u64::from(u32::MAX - 1);
    if instants.len() as u64 > limit {
        return Err(Error::TooMany { what: "instants in a segment", limit, found: instants.len() as u64 });
    }
    if !instants.is_sorted_by(|a, b| a < b) {
        return Err(malformed("instants", "the instants do not ascend"));
    }
    let mut out = (instants.len() as u32).to_le_bytes().to_vec();
    let mut data = Vec::new();
    for block in instants.chunks(BLOCK_INSTANTS) {
        out.extend_from_slice(&block[0].0.to_le_bytes());
        out.extend_from_slice(&(data.len() as u64).to_le_bytes());
        block.windows(2).for_each(|pair| put(&mut data, pair[1].0.wrapping_sub(pair[0].0) as u64));
    }
    out.append(&mut data);
    Ok(out)
}

/// A tree in a section.
#[derive(Clone, Debug)]
pub struct Instants {
    section: Section,
    count: usize,
    data: usize,
}

impl Instants {
    /// Opens the tree.
    pub fn open(section: Section) -> Result<Self> {
        let count = section.cursor(0, COUNT_BYTES)?.u32()? as usize;
        let data = COUNT_BYTES + count.div_ceil(BLOCK_INSTANTS) * TOP_BYTES;
        if data > section.len() {
            let detail = format!("{count} instants do not fit in {} bytes", section.len());
            return Err(malformed(section.name(), detail));
        }
        Ok(Self { section, count, data })
    }

    /// How many instants there are.
    pub fn len(&self) -> u32 {
        self.count as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many instants are at or before `ts`: events with a smaller rank than this have happened by then.
    pub fn rank_after(&self, ts: Ns) -> Result<u32> {
        let (mut low, mut high) = (0, self.count.div_ceil(BLOCK_INSTANTS));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.top(middle)?.0 <= ts.0 { low = middle + 1 } else { high = middle }
        }
        let Some(block) = low.checked_sub(1) else { return Ok(0) };
        let (mut instant, mut rest) = self.block(block)?;
        let (mut rank, end) = (block * BLOCK_INSTANTS, self.count.min((block + 1) * BLOCK_INSTANTS));
        while instant <= ts.0 {
            rank += 1;
            if rank == end {
                break;
            }
            instant = next(instant, &mut rest)?;
        }
        Ok(rank as u32)
    }

    /// The instant with this rank.
    pub fn ts(&self, rank: u32) -> Result<Ns> {
        if rank as usize >= self.count {
            let detail = format!("instant {rank} is wanted of {}", self.count);
            return Err(malformed(self.section.name(), detail));
        }
        let (mut instant, mut rest) = self.block(rank as usize / BLOCK_INSTANTS)?;
        for _ in 0..rank as usize % BLOCK_INSTANTS {
            instant = next(instant, &mut rest)?;
        }
        Ok(Ns(instant))
    }

    /// All instants, by rank.
    pub fn all(&self) -> Result<Vec<Ns>> {
        let mut out = Vec::new();
        for number in 0..self.count.div_ceil(BLOCK_INSTANTS) {
            let (mut instant, mut rest) = self.block(number)?;
            out.push(Ns(instant));
            for _ in 1..BLOCK_INSTANTS.min(self.count - number * BLOCK_INSTANTS) {
                instant = next(instant, &mut rest)?;
                out.push(Ns(instant));
            }
        }
        Ok(out)
    }

    fn top(&self, block: usize) -> Result<(i64, usize)> {
        let mut entry = self.section.cursor(COUNT_BYTES + block * TOP_BYTES, TOP_BYTES)?;
        Ok((entry.u64()? as i64, entry.u64()? as usize))
    }

    fn block(&self, number: usize) -> Result<(i64, Cursor<'_>)> {
        let (first, start) = self.top(number)?;
        // A varint is at most ten bytes.
        let rest = self.section.cursor_at_most(self.data.saturating_add(start), BLOCK_INSTANTS * 10)?;
        Ok((first, rest))
    }
}

fn next(instant: i64, rest: &mut Cursor<'_>) -> Result<i64> {
    let difference = rest.varint()?;
    let next = instant.checked_add_unsigned(difference).filter(|_| difference > 0);
    next.ok_or_else(|| rest.fault(format!("instant {instant} is followed at a distance of {difference}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::section_of;
    use proptest::prelude::*;

    fn tree(instants: &[Ns]) -> Instants {
        Instants::open(section_of(&encode(instants).unwrap())).unwrap()
    }

    proptest! {
        #[test]
        fn answers_as_a_sorted_vector(
            set in proptest::collection::btree_set(prop_oneof![any::<i64>(), -900i64..900], 0..700),
            probes in proptest::collection::vec(prop_oneof![any::<i64>(), -900i64..900], 8),
        ) {
            let all: Vec<Ns> = set.into_iter().map(Ns).collect();
            let tree = tree(&all);
            prop_assert_eq!(&tree.all().unwrap(), &all);
            for probe in probes.into_iter().map(Ns).chain(all.iter().copied().step_by(37)) {
                prop_assert_eq!(tree.rank_after(probe).unwrap() as usize, all.partition_point(|t| *t <= probe));
            }
            for rank in (0..all.len()).step_by(29) {
                prop_assert_eq!(tree.ts(rank as u32).unwrap(), all[rank]);
            }
            prop_assert!(tree.ts(tree.len()).is_err());
        }
    }

    #[test]
    fn the_ends_of_time_are_instants() {
        let tree = tree(&[Ns::BEFORE_ALL, Ns(0), Ns::AFTER_ALL]);
        assert_eq!(tree.rank_after(Ns::BEFORE_ALL).unwrap(), 1);
        assert_eq!(tree.rank_after(Ns::AFTER_ALL).unwrap(), 3);
        assert!(encode(&[Ns(1), Ns(1)]).is_err());
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let good = encode(&(0..600).map(|i| Ns(i * 1000)).collect::<Vec<_>>()).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            if let Ok(tree) = Instants::open(section_of(&bad)) {
                let _ = (tree.rank_after(Ns(300_000)), tree.ts(599), tree.all());
            }
            assert!(Instants::open(section_of(&good[..at])).and_then(|t| t.all()).is_err(), "{at} bytes");
        }
    }
}
