//! The toggles of one key in one chunk of ordinals, in time order, with what makes any moment of them cheap to reach.
//!
//! Invariant: a toggle is the place where an ordinal enters or leaves the set; the set is empty before the first.
//! Checkpoints and the last set say nothing that the toggles do not.

use crate::error::{Error, Result};
use crate::format::varint::{Cursor, malformed};

/// A set of the 65,536 ordinals of a chunk, as bits.
pub type Words = [u64; 1024];

const BLOCK_TOGGLES: usize = 128;
const CHECKPOINT_TOGGLES: usize = 4096;
/// Count of toggles, size of the last set, last rank, length of the packed ranks.
const HEADER_BYTES: usize = 16;
/// First rank, size of the set before, place of the packed ranks, their width.
const SKIP_BYTES: usize = 16;
const END_BYTES: usize = 4;
/// A packed value is read as eight bytes, so that many less one follow the last.
const PACKED_PADDING: usize = 7;
const WIDTH_MAX: u32 = 33;
const WORDS_BYTES: usize = 8192;

fn flip(words: &mut Words, low: u16) -> bool {
    let word = &mut words[usize::from(low >> 6)];
    let bit = 1 << (low & 63);
    *word ^= bit;
    *word & bit != 0
}

/// How many sets are stored: a checkpoint each 4,096 toggles and the last set; none where the toggles fit one block.
fn set_count(toggles: usize) -> usize {
    if toggles <= BLOCK_TOGGLES { 0 } else { (toggles - 1) / CHECKPOINT_TOGGLES + 1 }
}

/// A set as a sorted array of u16, or as words where those are no longer.
fn encode_set(out: &mut Vec<u8>, words: &Words, cardinality: usize) {
    if cardinality * 2 >= WORDS_BYTES {
        words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        return;
    }
    for (index, word) in words.iter().enumerate() {
        let mut rest = *word;
        while rest != 0 {
            out.extend_from_slice(&((index * 64) as u16 | rest.trailing_zeros() as u16).to_le_bytes());
            rest &= rest - 1;
        }
    }
}

fn decode_set(bytes: &[u8], words: &mut Words) {
    words.fill(0);
    if bytes.len() == WORDS_BYTES {
        let (stored, _) = bytes.as_chunks::<8>();
        words.iter_mut().zip(stored).for_each(|(word, bytes)| *word = u64::from_le_bytes(*bytes));
    } else {
        bytes.as_chunks::<2>().0.iter().for_each(|low| {
            flip(words, u16::from_le_bytes(*low));
        });
    }
}

/// Where an ordinal enters or leaves the set: ordered by rank, then by the low half of the ordinal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Toggle(u64);

impl Toggle {
    /// The toggle of ordinal `low` of the chunk at the instant of this rank.
    pub fn new(rank: u32, low: u16) -> Self {
        Self(u64::from(rank) << 16 | u64::from(low))
    }

    /// The rank of its instant.
    pub fn rank(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// The low half of its ordinal.
    pub fn low(self) -> u16 {
        self.0 as u16
    }
}

/// What the directory says of some postings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// How many toggles there are.
    pub toggles: u32,
    /// The size of the last set.
    pub last_cardinality: u32,
    /// The rank of the last toggle.
    pub last_rank: u32,
    /// How many bytes the postings take.
    pub len: u32,
}

/// Encodes postings, one after the other with the same scratch memory.
pub struct Encoder {
    /// The set so far; empty between two postings.
    words: Box<Words>,
    /// The stored sets, and where each ends.
    sets: Vec<u8>,
    ends: Vec<u32>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { words: Box::new([0; 1024]), sets: Vec::new(), ends: Vec::new() }
    }
}

impl Encoder {
    /// Appends the bytes of toggles that ascend strictly: at each, that ordinal enters or leaves the set.
    pub fn encode(&mut self, toggles: &[Toggle], out: &mut Vec<u8>) -> Result<Totals> {
        if !toggles.is_sorted_by(|a, b| a < b) {
            return Err(malformed("postings", "the toggles do not ascend"));
        }
        let (start, stored) = (out.len(), set_count(toggles.len()));
        let skips = start + HEADER_BYTES;
        let ends = skips + toggles.len().div_ceil(BLOCK_TOGGLES) * SKIP_BYTES;
        let packed = ends + stored * END_BYTES;
        // What comes before the packed ranks has a known length; it is filled in as its values become known.
        out.resize(packed, 0);
        let mut cardinality = 0_u32;
        for (number, block) in toggles.chunks(BLOCK_TOGGLES).enumerate() {
            if number > 0 && (number * BLOCK_TOGGLES).is_multiple_of(CHECKPOINT_TOGGLES) {
                self.store_set(cardinality)?;
            }
            let (first, last) = (block[0].rank(), block[block.len() - 1].rank());
            let width = u64::BITS - (u64::from(last - first) << 1 | 1).leading_zeros();
            let skip = [first, cardinality, limited(out.len() - packed)?, width];
            put_values(out, skips + number * SKIP_BYTES, &skip);
            let (mut buffer, mut filled) = (0_u64, 0_u32);
            for toggle in block {
                let enters = flip(&mut self.words, toggle.low());
                cardinality = if enters { cardinality + 1 } else { cardinality - 1 };
                // At most 7 bits wait in the buffer, and a value has at most 33.
                buffer |= (u64::from(toggle.rank() - first) << 1 | u64::from(enters)) << filled;
                filled += width;
                while filled >= 8 {
                    out.push(buffer as u8);
                    buffer >>= 8;
                    filled -= 8;
                }
            }
            if filled > 0 {
                out.push(buffer as u8);
            }
        }
        out.extend_from_slice(&[0; PACKED_PADDING]);
        let packed_len = limited(out.len() - packed)?;
        if stored > 0 {
            self.store_set(cardinality)?;
            self.words.fill(0);
        } else {
            toggles.iter().for_each(|toggle| self.words[usize::from(toggle.low() >> 6)] = 0);
        }
        put_values(out, ends, &self.ends);
        toggles.iter().for_each(|toggle| out.extend_from_slice(&toggle.low().to_le_bytes()));
        out.append(&mut self.sets);
        self.ends.clear();
        let last_rank = toggles.last().map_or(0, |toggle| toggle.rank());
        let count = limited(toggles.len())?;
        put_values(out, start, &[count, cardinality, last_rank, packed_len]);
        Ok(Totals { toggles: count, last_cardinality: cardinality, last_rank, len: limited(out.len() - start)? })
    }

    fn store_set(&mut self, cardinality: u32) -> Result<()> {
        encode_set(&mut self.sets, &self.words, cardinality as usize);
        self.ends.push(limited(self.sets.len())?);
        Ok(())
    }
}

/// Overwrites bytes that are there with values.
fn put_values(out: &mut [u8], at: usize, values: &[u32]) {
    for (bytes, value) in out[at..].as_chunks_mut::<4>().0.iter_mut().zip(values) {
        *bytes = value.to_le_bytes();
    }
}

fn limited(len: usize) -> Result<u32> {
    let too_many =
        Error::TooMany { what: "toggles of a key in a chunk", limit: u64::from(u32::MAX), found: len as u64 };
    u32::try_from(len).map_err(|_| too_many)
}

/// The postings of one (key, chunk).
#[derive(Clone, Debug)]
pub struct Postings<'a> {
    name: &'a str,
    count: usize,
    last_cardinality: u32,
    last_rank: u32,
    skips: &'a [[u8; SKIP_BYTES]],
    ends: &'a [[u8; END_BYTES]],
    packed: &'a [u8],
    lows: &'a [[u8; 2]],
    sets: &'a [u8],
}

/// A block's skip entry.
struct Skip {
    first: u32,
    cardinality: u32,
    place: usize,
    width: u32,
}

impl<'a> Postings<'a> {
    /// Parses the header; errors name the file `name`.
    pub fn decode(name: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let mut c = Cursor::new(name, bytes);
        let (count, last_cardinality, last_rank) = (c.u32()? as usize, c.u32()?, c.u32()?);
        let packed_len = c.u32()? as usize;
        let skips = c.take(count.div_ceil(BLOCK_TOGGLES) * SKIP_BYTES)?.as_chunks().0;
        let ends = c.take(set_count(count) * END_BYTES)?.as_chunks().0;
        let packed = c.take(packed_len)?;
        let lows = c.take(count * 2)?.as_chunks().0;
        let sets = c.take(c.left())?;
        if last_cardinality > 1 << 16 || last_cardinality as usize > count {
            return Err(c.fault(format!("{count} toggles cannot leave {last_cardinality} ordinals")));
        }
        Ok(Self { name, count, last_cardinality, last_rank, skips, ends, packed, lows, sets })
    }

    /// How many toggles there are.
    pub fn len(&self) -> u32 {
        self.count as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The size of the last set.
    pub fn last_cardinality(&self) -> u32 {
        self.last_cardinality
    }

    /// The rank of the last toggle.
    pub fn last_rank(&self) -> u32 {
        self.last_rank
    }

    /// Overwrites `words` with the set after all toggles of a rank less than `rank_limit`.
    pub fn at(&self, rank_limit: u32, words: &mut Words) -> Result<()> {
        let (position, _) = self.locate(rank_limit)?;
        self.after(position, words)
    }

    /// Overwrites `words` with the set after all toggles.
    pub fn last(&self, words: &mut Words) -> Result<()> {
        self.after(self.count, words)
    }

    /// The size of that `at` set.
    pub fn cardinality_at(&self, rank_limit: u32) -> Result<u32> {
        Ok(self.locate(rank_limit)?.1)
    }

    /// How many toggles have a rank less than `rank_limit`.
    pub fn toggles_before(&self, rank_limit: u32) -> Result<u32> {
        Ok(self.locate(rank_limit)?.0 as u32)
    }

    /// All toggles.
    pub fn toggles(&self) -> Result<Vec<(u32, u16)>> {
        let mut out = Vec::with_capacity(self.count);
        self.each_toggle(|rank, low, _| out.push((rank, low)))?;
        Ok(out)
    }

    /// Visits all toggles in order: the rank, the low half of the ordinal, and whether it enters.
    pub fn each_toggle(&self, mut visit: impl FnMut(u32, u16, bool)) -> Result<()> {
        for (block, lows) in self.lows.chunks(BLOCK_TOGGLES).enumerate() {
            let skip = self.skip(block)?;
            for (index, low) in lows.iter().enumerate() {
                let (rank, enters) = self.toggle(&skip, index)?;
                visit(rank, u16::from_le_bytes(*low), enters);
            }
        }
        Ok(())
    }

    /// Whether these are the toggles, and everything else that is stored follows from them.
    pub fn check(&self, toggles: &[Toggle]) -> Result<bool> {
        let mut bytes = Vec::new();
        Encoder::default().encode(toggles, &mut bytes)?;
        let expected = Postings::decode(self.name, &bytes)?;
        Ok((self.count, self.last_cardinality, self.last_rank, self.skips, self.ends)
            == (expected.count, expected.last_cardinality, expected.last_rank, expected.skips, expected.ends)
            && (self.packed, self.lows, self.sets) == (expected.packed, expected.lows, expected.sets))
    }

    /// The number of toggles of a rank less than the limit, and the size of the set after them.
    fn locate(&self, rank_limit: u32) -> Result<(usize, u32)> {
        if rank_limit > self.last_rank {
            return Ok((self.count, self.last_cardinality));
        }
        let (mut low, mut high) = (0, self.skips.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.skip(middle)?.first < rank_limit { low = middle + 1 } else { high = middle }
        }
        let Some(block) = low.checked_sub(1) else { return Ok((0, 0)) };
        let skip = self.skip(block)?;
        let start = block * BLOCK_TOGGLES;
        let (mut cardinality, mut within) = (i64::from(skip.cardinality), 0);
        while start + within < self.count.min(start + BLOCK_TOGGLES) {
            let (rank, enters) = self.toggle(&skip, within)?;
            if rank >= rank_limit {
                break;
            }
            cardinality += if enters { 1 } else { -1 };
            within += 1;
        }
        let size = u32::try_from(cardinality).ok().filter(|size| *size <= 1 << 16);
        let size = size.ok_or_else(|| malformed(self.name, format!("a set has {cardinality} ordinals")))?;
        Ok((start + within, size))
    }

    /// Overwrites `words` with the set after the first `position` toggles: the nearest stored set, with the toggles
    /// between flipped (flipping is its own inverse, so a later set serves as well as an earlier one).
    fn after(&self, position: usize, words: &mut Words) -> Result<()> {
        let earlier = (position / CHECKPOINT_TOGGLES).min(self.ends.len().saturating_sub(1));
        let mut from = earlier * CHECKPOINT_TOGGLES;
        let mut stored = earlier.checked_sub(1);
        if earlier < self.ends.len() {
            let later = ((earlier + 1) * CHECKPOINT_TOGGLES).min(self.count);
            if later.abs_diff(position) < position - from {
                (from, stored) = (later, Some(earlier));
            }
        }
        match stored {
            Some(index) => decode_set(self.set(index)?, words),
            None => words.fill(0),
        }
        for low in &self.lows[from.min(position)..from.max(position)] {
            flip(words, u16::from_le_bytes(*low));
        }
        Ok(())
    }

    fn set(&self, index: usize) -> Result<&'a [u8]> {
        let end = |index: usize| self.ends.get(index).map_or(0, |end| u32::from_le_bytes(*end) as usize);
        let range = if index == 0 { 0 } else { end(index - 1) }..end(index);
        let set = self.sets.get(range).filter(|set| set.len() <= WORDS_BYTES && set.len().is_multiple_of(2));
        set.ok_or_else(|| malformed(self.name, format!("stored set {index} does not fit in {} bytes", self.sets.len())))
    }

    fn skip(&self, block: usize) -> Result<Skip> {
        let entry = self.skips.get(block).map_or(&[][..], |entry| entry);
        let mut c = Cursor::new(self.name, entry);
        let (first, cardinality, place, width) = (c.u32()?, c.u32()?, c.u32()? as usize, c.u32()?);
        if width > WIDTH_MAX {
            return Err(c.fault(format!("ranks of {width} bits")));
        }
        Ok(Skip { first, cardinality, place, width })
    }

    /// The rank of a block's toggle, and whether its ordinal enters.
    fn toggle(&self, skip: &Skip, index: usize) -> Result<(u32, bool)> {
        let bit = index * skip.width as usize;
        let bytes =
            self.packed.get(skip.place..).and_then(|packed| packed.get(bit / 8..)).and_then(|b| b.first_chunk());
        let bytes = bytes.ok_or_else(|| malformed(self.name, format!("packed ranks end before toggle {index}")))?;
        let value = (u64::from_le_bytes(*bytes) >> (bit % 8)) & ((1 << skip.width) - 1);
        Ok((skip.first.wrapping_add((value >> 1) as u32), value & 1 == 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use roaring::RoaringBitmap;

    /// The naive oracle: flips one by one.
    fn naive(toggles: &[(u32, u16)], limit: u32) -> RoaringBitmap {
        let mut set = RoaringBitmap::new();
        for (_, low) in toggles.iter().filter(|(rank, _)| *rank < limit) {
            if !set.insert(u32::from(*low)) {
                set.remove(u32::from(*low));
            }
        }
        set
    }

    fn encode(toggles: &[(u32, u16)]) -> Result<Vec<u8>> {
        let toggles: Vec<Toggle> = toggles.iter().map(|(rank, low)| Toggle::new(*rank, *low)).collect();
        let (mut encoder, mut out) = (Encoder::default(), b"before".to_vec());
        // Some other postings first: nothing of them may be left.
        encoder.encode(&[Toggle::new(1, 7), Toggle::new(1, 700)], &mut out)?;
        let start = out.len();
        let totals = encoder.encode(&toggles, &mut out)?;
        assert_eq!(totals.len as usize, out.len() - start);
        let bytes = out.split_off(start);
        let parsed = Postings::decode("test", &bytes)?;
        let stated = (totals.toggles, totals.last_cardinality, totals.last_rank);
        assert_eq!((parsed.len(), parsed.last_cardinality(), parsed.last_rank()), stated);
        Ok(bytes)
    }

    fn members(words: &Words) -> RoaringBitmap {
        (0..1u32 << 16).filter(|low| words[*low as usize / 64] >> (low % 64) & 1 == 1).collect()
    }

    fn check(toggles: &[(u32, u16)], limits: &[u32]) {
        let bytes = encode(toggles).unwrap();
        let postings = Postings::decode("test", &bytes).unwrap();
        assert_eq!(postings.toggles().unwrap(), toggles);
        let packed: Vec<Toggle> = toggles.iter().map(|(rank, low)| Toggle::new(*rank, *low)).collect();
        assert!(postings.check(&packed).unwrap());
        assert!(packed.is_empty() || !postings.check(&packed[1..]).unwrap());
        let mut words = [u64::MAX; 1024];
        for limit in limits.iter().copied().chain([0, u32::MAX]) {
            let want = naive(toggles, limit);
            postings.at(limit, &mut words).unwrap();
            assert_eq!(u64::from(postings.cardinality_at(limit).unwrap()), want.len());
            assert_eq!(postings.toggles_before(limit).unwrap() as usize, toggles.partition_point(|t| t.0 < limit));
            assert_eq!(members(&words), want, "rank limit {limit}");
        }
        postings.last(&mut words).unwrap();
        assert_eq!(words.iter().map(|w| w.count_ones()).sum::<u32>(), postings.last_cardinality());
    }

    /// Toggles as a small generator makes them.
    fn toggles(count: u32, ranks: u32, lows: u32, seed: u32) -> Vec<(u32, u16)> {
        let mut state = u64::from(seed) | 1;
        let mut draw = move |limit: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % u64::from(limit.max(1))) as u32
        };
        let mut out: Vec<_> = (0..count).map(|_| (draw(ranks), draw(lows) as u16)).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn answers_as_flipping_one_by_one(
            count in prop_oneof![0u32..300, 4_000u32..20_000],
            ranks in prop_oneof![1u32..50, 1u32..60_000],
            lows in prop_oneof![1u32..40, 60_000u32..65_537],
            seed in any::<u32>(),
            limits in proptest::collection::vec(0u32..60_000, 4),
        ) {
            let limits: Vec<u32> = limits.into_iter().map(|limit| limit % (ranks + 2)).collect();
            check(&toggles(count, ranks, lows, seed), &limits);
        }
    }

    #[test]
    fn block_and_checkpoint_edges_are_exact() {
        for count in [127u32, 128, 129, 4095, 4096, 4097, 8192, 8193] {
            let toggles: Vec<_> = (0..count).map(|i| (i, i as u16)).collect();
            check(&toggles, &[1, 127, 128, 129, 2048, 4095, 4096, 4097, 6000, 8191, 8192]);
        }
        check(&[(0, 0), (u32::MAX - 1, 0), (u32::MAX - 1, 65_535)], &[1, u32::MAX - 1]);
        assert!(encode(&[(1, 1), (1, 1)]).is_err());
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let good = encode(&toggles(5000, 3000, 500, 7)).unwrap();
        let mut words = [0; 1024];
        let mut probe = |bytes: &[u8]| {
            if let Ok(postings) = Postings::decode("test", bytes) {
                let _ = (postings.at(1500, &mut words), postings.at(2900, &mut words), postings.last(&mut words));
                let _ = (postings.cardinality_at(700), postings.toggles().map(|t| t.len()));
            }
        };
        for at in (0..good.len()).filter(|at| *at < 1000 || at % 17 == 0) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                probe(&bad);
            }
            probe(&good[..at]);
        }
    }
}
