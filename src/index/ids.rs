//! An id run: ids in byte order, their ordinals, and the way back.
//!
//! Invariant: each id and each ordinal is in the run once. The filter may let an absent id pass, never keep out one
//! that is there.

use std::ops::{Bound, Range};
use std::sync::Arc;

use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable, Filter, FilterRef};

use super::section;
use super::strings::{self, Strings};
use crate::error::Result;
use crate::format::varint::{Cursor, malformed};
use crate::segment::{Reader, Section, SegmentWriter};
use crate::types::Ordinal;

const POSITION_BYTES: usize = 8;
const DESCRIPTOR_BYTES: usize = BinaryFuse8::DESCRIPTOR_LEN;

/// The hash that the filter is over: FNV-1a of 64 bits, then the finalizer of MurmurHash3, since FNV alone leaves the
/// high bits of short strings alike. Part of the format: it never changes.
fn filter_hash(id: &[u8]) -> u64 {
    let fnv = id.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

/// Gathers ids; the sections IDS, ID_ORDINALS, ID_POSITIONS and ID_FILTER.
#[derive(Default)]
pub struct IdsWriter {
    ids: strings::Encoder,
    ordinals: Vec<Ordinal>,
    hashes: Vec<u64>,
}

impl IdsWriter {
    /// Adds the next id; ids ascend strictly.
    pub fn push(&mut self, id: &[u8], ordinal: Ordinal) -> Result<()> {
        self.ids.push(id)?;
        self.ordinals.push(ordinal);
        self.hashes.push(filter_hash(id));
        Ok(())
    }

    /// How many ids were added.
    pub fn len(&self) -> usize {
        self.ordinals.len()
    }

    /// Whether none were added.
    pub fn is_empty(&self) -> bool {
        self.ordinals.is_empty()
    }

    /// Writes all four sections.
    pub fn finish(mut self, out: &mut SegmentWriter) -> Result<()> {
        out.section(section::IDS, &self.ids.finish()?)?;
        let mut bytes = Vec::with_capacity(self.ordinals.len() * POSITION_BYTES);
        self.ordinals.iter().for_each(|ordinal| bytes.extend_from_slice(&ordinal.0.to_le_bytes()));
        out.section(section::ID_ORDINALS, &bytes)?;
        let mut positions: Vec<(Ordinal, u32)> = self.ordinals.into_iter().zip(0..).collect();
        positions.sort_unstable();
        if !positions.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(malformed("id run", "an ordinal has two ids"));
        }
        bytes.clear();
        for (ordinal, position) in positions {
            bytes.extend_from_slice(&ordinal.0.to_le_bytes());
            bytes.extend_from_slice(&position.to_le_bytes());
        }
        out.section(section::ID_POSITIONS, &bytes)?;
        self.hashes.sort_unstable();
        self.hashes.dedup();
        // Without a filter every id passes, so a filter that cannot be built costs speed alone.
        match BinaryFuse8::try_from(&self.hashes) {
            Ok(filter) if self.hashes.len() > 1 => {
                let mut descriptor = [0; DESCRIPTOR_BYTES];
                filter.dma_copy_descriptor_to(&mut descriptor);
                out.section(section::ID_FILTER, &descriptor)?;
                out.write(filter.dma_fingerprints())
            }
            _ => Ok(()),
        }
    }
}

/// The ids of an id run.
#[derive(Clone, Debug)]
pub struct Ids {
    ids: Strings,
    ordinals: Section,
    positions: Section,
    filter: Section,
}

impl Ids {
    /// Opens the run.
    pub fn open(reader: &Arc<Reader>) -> Result<Self> {
        let ids = Strings::open(reader.section(section::IDS))?;
        let [ordinals, positions, filter] =
            [section::ID_ORDINALS, section::ID_POSITIONS, section::ID_FILTER].map(|id| reader.section(id));
        let count = ids.len() as usize;
        if ordinals.len() != count * 4 || positions.len() != count * POSITION_BYTES {
            return Err(malformed(reader.name(), format!("the ordinals are not those of {count} ids")));
        }
        if !filter.is_empty() {
            check_filter(&filter)?;
        }
        Ok(Self { ids, ordinals, positions, filter })
    }

    /// How many ids there are.
    pub fn len(&self) -> u32 {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether the filter lets an id pass.
    fn passes(&self, id: &[u8]) -> Result<bool> {
        if self.filter.is_empty() {
            return Ok(true);
        }
        let descriptor = self.filter.slice(0..DESCRIPTOR_BYTES)?;
        let fingerprints = self.filter.slice(DESCRIPTOR_BYTES..self.filter.len())?;
        Ok(BinaryFuse8Ref::from_dma(descriptor, fingerprints).contains(&filter_hash(id)))
    }

    /// That ids ascend, that ids and ordinals lead to each other, and that the filter lets all ids pass.
    pub fn verify(&self) -> Result<()> {
        let fault = |detail: String| Err(malformed(self.ids.name(), detail));
        let ids = self.ids.range(0..self.len())?;
        if !ids.is_sorted_by(|a, b| a < b) {
            return fault("the ids do not ascend".to_owned());
        }
        let ordinals = self.ordinals.slice(0..self.ordinals.len())?.as_chunks::<4>().0;
        let positions = self.positions.slice(0..self.positions.len())?.as_chunks::<POSITION_BYTES>().0;
        let mut last: Option<[u8; 4]> = None;
        for entry in positions {
            let [a, b, c, d, at @ ..] = *entry;
            let ordinal = [a, b, c, d];
            let is_next = last.is_none_or(|last| u32::from_le_bytes(last) < u32::from_le_bytes(ordinal));
            if !is_next || ordinals.get(u32::from_le_bytes(at) as usize) != Some(&ordinal) {
                let ordinal = u32::from_le_bytes(ordinal);
                return fault(format!("ordinal {ordinal} and its id do not lead to each other"));
            }
            last = Some(ordinal);
        }
        match ids.iter().find(|id| !matches!(self.passes(id), Ok(true))) {
            Some(id) => fault(format!("the filter keeps out id \"{}\"", String::from_utf8_lossy(id))),
            None => Ok(()),
        }
    }

    /// The ordinal of an id.
    pub fn find(&self, id: &[u8]) -> Result<Option<Ordinal>> {
        if !self.passes(id)? {
            return Ok(None);
        }
        self.ids.find(id)?.ok().map(|position| self.ordinal(position)).transpose()
    }

    /// The id of an ordinal.
    pub fn id(&self, ordinal: Ordinal) -> Result<Option<Vec<u8>>> {
        self.id_after(ordinal, &mut 0)
    }

    /// The id of an ordinal, found at once if it is the next one after that which `next` was left at.
    pub fn id_after(&self, ordinal: Ordinal, next: &mut u32) -> Result<Option<Vec<u8>>> {
        let entry = |at: u32| -> Result<(u32, u32)> {
            let mut entry = self.positions.cursor(at as usize * POSITION_BYTES, POSITION_BYTES)?;
            Ok((entry.u32()?, entry.u32()?))
        };
        let (mut low, mut high) = (0, self.len());
        if *next < high
            && let (found, position) = entry(*next)?
            && found == ordinal.0
        {
            *next += 1;
            return self.ids.get(position).map(Some);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            let (found, position) = entry(middle)?;
            match found.cmp(&ordinal.0) {
                std::cmp::Ordering::Equal => {
                    *next = middle + 1;
                    return self.ids.get(position).map(Some);
                }
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// The first position whose id is at least this.
    pub fn lower_bound(&self, id: &[u8]) -> Result<u32> {
        self.ids.lower_bound(id)
    }

    /// The positions of the ids in this range of bytes.
    pub fn between(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Result<Range<u32>> {
        // The first id after a given one is that id with a zero byte at its end.
        let after = |id: &[u8]| [id, &[0]].concat();
        let from = match lower {
            Bound::Included(id) => self.lower_bound(id)?,
            Bound::Excluded(id) => self.lower_bound(&after(id))?,
            Bound::Unbounded => 0,
        };
        let to = match upper {
            Bound::Included(id) => self.lower_bound(&after(id))?,
            Bound::Excluded(id) => self.lower_bound(id)?,
            Bound::Unbounded => self.len(),
        };
        Ok(from..to.max(from))
    }

    /// The ids and ordinals at a range of positions.
    pub fn range(&self, positions: Range<u32>) -> Result<Vec<(Vec<u8>, Ordinal)>> {
        let ids = self.ids.range(positions.clone())?;
        positions.zip(ids).map(|(position, id)| Ok((id, self.ordinal(position)?))).collect()
    }

    fn ordinal(&self, position: u32) -> Result<Ordinal> {
        Ok(Ordinal(self.ordinals.cursor(position as usize * 4, 4)?.u32()?))
    }
}

/// That no key can make the filter look past its fingerprints: segments are a power of two long, the three that a key
/// is looked up in are neighbours, and the last of them ends within the fingerprints.
fn check_filter(filter: &Section) -> Result<()> {
    let mut c: Cursor<'_> = filter.cursor(0, DESCRIPTOR_BYTES)?;
    let (_seed, segment, mask, segments) = (c.u64()?, c.u32()?, c.u32()?, c.u32()?);
    let fingerprints = (filter.len() - DESCRIPTOR_BYTES) as u64;
    let end = u64::from(segments) + 2 * u64::from(segment);
    let fits = segment.is_power_of_two()
        && mask == segment - 1
        && segments > 0
        && segments.is_multiple_of(segment)
        && end <= fingerprints
        && end <= u64::from(u32::MAX);
    if fits {
        Ok(())
    } else {
        Err(c.fault(format!("a filter of {segments} by {segment} does not fit in {fingerprints}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::file_with;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn run(all: &BTreeMap<Vec<u8>, Ordinal>) -> Ids {
        let mut writer = IdsWriter::default();
        all.iter().for_each(|(id, ordinal)| writer.push(id, *ordinal).unwrap());
        Ids::open(&file_with(|w| writer.finish(w).unwrap())).unwrap()
    }

    proptest! {
        #[test]
        fn finds_what_is_there_and_nothing_else(
            ids in proptest::collection::btree_set(proptest::collection::vec(0u8..4, 0..5), 0..200),
            probe in proptest::collection::vec(0u8..4, 0..5),
            factor in 1u32..9,
        ) {
            let count = ids.len() as u32;
            let all: BTreeMap<_, _> = ids.into_iter().zip((0..count).rev().map(|n| Ordinal(n * factor))).collect();
            let run = run(&all);
            prop_assert_eq!(run.find(&probe).unwrap(), all.get(&probe).copied());
            prop_assert_eq!(run.lower_bound(&probe).unwrap() as usize, all.range(..probe.clone()).count());
            for (id, ordinal) in &all {
                prop_assert_eq!(run.find(id).unwrap(), Some(*ordinal));
                prop_assert_eq!(run.id(*ordinal).unwrap(), Some(id.clone()));
            }
            prop_assert_eq!(run.id(Ordinal(count * factor)).unwrap(), None);
            prop_assert_eq!(run.range(0..count).unwrap(), all.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_filter_hash_is_part_of_the_format() {
        // Computed apart from this code, from the definitions of the two hashes.
        assert_eq!(filter_hash(b""), 0xefd0_1f60_ba99_2926);
        assert_eq!(filter_hash(b"abc"), 0x33eb_af99_27cb_c5bd);
        let all = (0..5000u32).map(|n| (format!("id {n:05}").into_bytes(), Ordinal(n))).collect();
        let run = run(&all);
        assert!(!run.filter.is_empty());
        assert!((0..5000).all(|n| run.find(format!("id {n:05}").as_bytes()).unwrap() == Some(Ordinal(n))));
        assert!((0..5000).all(|n| run.find(format!("no {n:05}").as_bytes()).unwrap().is_none()));
    }

    #[test]
    fn a_hostile_filter_is_refused_or_harmless() {
        let all: BTreeMap<_, _> = (0..100u32).map(|n| (n.to_be_bytes().to_vec(), Ordinal(n))).collect();
        let mut writer = IdsWriter::default();
        all.iter().for_each(|(id, ordinal)| writer.push(id, *ordinal).unwrap());
        let good = file_with(|w| writer.finish(w).unwrap());
        let parts = [section::IDS, section::ID_ORDINALS, section::ID_POSITIONS, section::ID_FILTER];
        for (part, at) in
            [(0, 12), (1, 12), (2, 12), (3, DESCRIPTOR_BYTES)].iter().flat_map(|(p, n)| (0..*n).map(move |at| (*p, at)))
        {
            for value in [0, 1, 7, 0x80, 0xff] {
                let file = file_with(|w| {
                    for (i, id) in parts.into_iter().enumerate() {
                        let section = good.section(id);
                        let mut bytes = section.slice(0..section.len()).unwrap().to_vec();
                        if i == part {
                            bytes[at] = value;
                        }
                        w.section(id, &bytes).unwrap();
                    }
                });
                if let Ok(run) = Ids::open(&file) {
                    for (id, ordinal) in &all {
                        let _ = (run.find(id), run.id(*ordinal));
                    }
                }
            }
        }
    }
}
