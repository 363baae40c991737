//! The tags of a load, numbered in the order of first meeting.
//!
//! Invariant: a tag of at most 16 bytes is found by those bytes as two numbers and its length, which tell it from every other
//! one; longer ones are found by their bytes.

use std::sync::Arc;

use ahash::{AHashMap, RandomState};
use hashbrown::HashTable;

use crate::error::{Error, Result};

/// A tag of at most this many bytes is short.
const SHORT_BYTES: usize = 16;

/// A short tag: its bytes, its length and its number.
#[derive(Clone, Copy)]
struct Short {
    bytes: (u64, u64),
    len: u32,
    number: u32,
}

/// Tags by number, and numbers by tag.
pub(super) struct LoadTags {
    short: HashTable<Short>,
    long: AHashMap<Arc<[u8]>, u32>,
    all: Vec<Arc<[u8]>>,
    seeds: (u64, u64),
    held: usize,
}

impl Default for LoadTags {
    fn default() -> Self {
        let random = RandomState::new();
        // Nobody who chooses tags can know which of them would collide.
        let seeds = (random.hash_one(0_u8), random.hash_one(1_u8));
        Self { short: HashTable::new(), long: AHashMap::new(), all: Vec::new(), seeds, held: 0 }
    }
}

impl LoadTags {
    /// The tags by number.
    pub(super) fn all(&self) -> &[Arc<[u8]>] {
        &self.all
    }

    /// About how many bytes of memory are held.
    pub(super) fn memory(&self) -> usize {
        self.held
    }

    /// The number of a tag.
    pub(super) fn number(&mut self, tag: &[u8]) -> Result<u32> {
        if tag.len() > SHORT_BYTES {
            if let Some(number) = self.long.get(tag) {
                return Ok(*number);
            }
            let number = self.push(tag)?;
            self.long.insert(self.all[number as usize].clone(), number);
            return Ok(number);
        }
        let (bytes, len) = (short_bytes(tag), tag.len() as u32);
        let seeds = self.seeds;
        let hash = hash(bytes, seeds);
        if let Some(known) = self.short.find(hash, |known| known.bytes == bytes && known.len == len) {
            return Ok(known.number);
        }
        let number = self.push(tag)?;
        self.short.insert_unique(hash, Short { bytes, len, number }, |known| self::hash(known.bytes, seeds));
        Ok(number)
    }

    fn push(&mut self, tag: &[u8]) -> Result<u32> {
        let (found, limit) = (self.all.len() as u64, u64::from(u32::MAX - 1));
        if found > limit {
            return Err(Error::TooMany { what: "tags", limit, found });
        }
        // The bytes with two counters, the pointer to them, and the entry in a table.
        self.held += tag.len() + 80;
        self.all.push(tag.into());
        Ok(found as u32)
    }
}

/// The bytes of a short tag as two numbers, of which the second may repeat some of the first: with the length they say all.
fn short_bytes(tag: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (tag.first_chunk::<8>(), tag.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (tag.first_chunk::<4>(), tag.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    }
    (tag.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0)
}

/// A hash of short bytes: both numbers, each with its secret, multiplied and folded.
fn hash(bytes: (u64, u64), seeds: (u64, u64)) -> u64 {
    let product = u128::from(bytes.0 ^ seeds.0) * u128::from(bytes.1.rotate_left(32) ^ seeds.1);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_places_in_the_list_of_first_meetings(
            given in prop::collection::vec(prop::collection::vec(prop_oneof![0..2_u8, Just(b'a')], 0..20), 0..200),
        ) {
            let (mut tags, mut met) = (LoadTags::default(), Vec::<Vec<u8>>::new());
            for tag in &given {
                let known = met.iter().position(|known| known == tag).unwrap_or(met.len());
                if known == met.len() {
                    met.push(tag.clone());
                }
                prop_assert_eq!(tags.number(tag).unwrap() as usize, known);
            }
            prop_assert!(tags.all().iter().map(|tag| tag.to_vec()).eq(met));
        }
    }
}
