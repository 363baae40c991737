//! The ids of a load, numbered in the order of first meeting.
//!
//! Invariant: the ids lie one after the other in one buffer; as long as they come in ascending order, that order is the only
//! index over them.

use std::cmp::Ordering;

use ahash::RandomState;
use hashbrown::HashTable;

use crate::error::{Error, Result};

/// Ids by number, and numbers by id.
#[derive(Default)]
pub(super) struct LoadIds {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The numbers by the hash of the id, from the first id on that is out of order.
    table: Option<HashTable<u32>>,
    hasher: RandomState,
}

impl LoadIds {
    /// How many ids there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// About how many bytes of memory are held.
    pub(super) fn memory(&self) -> usize {
        let table = self.table.as_ref().map_or(0, |table| table.capacity() * 5);
        self.bytes.len() + self.ends.len() * size_of::<usize>() + table
    }

    /// The id with this number.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    /// The number of an id, and whether it is new.
    pub(super) fn number(&mut self, id: &[u8]) -> Result<(u32, bool)> {
        if self.table.is_none() {
            let Some(last) = self.ends.len().checked_sub(1) else { return Ok((self.push(id)?, true)) };
            match id.cmp(self.get(last as u32)) {
                Ordering::Equal => return Ok((last as u32, false)),
                Ordering::Greater => return Ok((self.push(id)?, true)),
                Ordering::Less => self.table = Some(self.build()),
            }
        }
        let hash = self.hasher.hash_one(id);
        let known = self.table.as_ref().and_then(|table| table.find(hash, |number| self.get(*number) == id));
        if let Some(number) = known {
            return Ok((*number, false));
        }
        let number = self.push(id)?;
        if let Some(mut table) = self.table.take() {
            table.insert_unique(hash, number, |number| self.hasher.hash_one(self.get(*number)));
            self.table = Some(table);
        }
        Ok((number, true))
    }

    fn push(&mut self, id: &[u8]) -> Result<u32> {
        let (limit, found) = (u64::from(u32::MAX - 1), self.ends.len() as u64);
        if found > limit {
            return Err(Error::TooMany { what: "ordinals", limit, found });
        }
        self.bytes.extend_from_slice(id);
        self.ends.push(self.bytes.len());
        Ok(found as u32)
    }

    fn build(&self) -> HashTable<u32> {
        let mut table = HashTable::with_capacity(self.ends.len() * 2);
        for number in 0..self.ends.len() as u32 {
            let hash = self.hasher.hash_one(self.get(number));
            table.insert_unique(hash, number, |number| self.hasher.hash_one(self.get(*number)));
        }
        table
    }

    /// The numbers in the order of the ids' bytes.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let all = 0..self.ends.len() as u32;
        if self.table.is_none() || self.ends.is_empty() {
            return all.collect();
        }
        // Most comparisons are decided by the eight bytes after what all ids begin with.
        let first = self.get(0);
        let shared = all.clone().fold(first.len(), |shared, number| {
            first[..shared].iter().zip(self.get(number)).take_while(|(a, b)| a == b).count()
        });
        let mut keyed: Vec<(u64, u32)> = all.map(|number| (prefix_key(&self.get(number)[shared..]), number)).collect();
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
        keyed.into_iter().map(|(_, number)| number).collect()
    }
}

/// The first eight bytes as a number that compares as they do.
fn prefix_key(bytes: &[u8]) -> u64 {
    let mut key = [0; 8];
    let len = bytes.len().min(8);
    key[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_order_are_those_of_a_list(
            given in prop::collection::vec("(prefix)?[a-c\0]{0,12}", 0..60),
            ascending in any::<bool>(),
        ) {
            let mut given: Vec<Vec<u8>> = given.into_iter().map(String::into_bytes).collect();
            if ascending {
                given.sort();
            }
            let (mut ids, mut met) = (LoadIds::default(), Vec::<Vec<u8>>::new());
            for id in &given {
                let known = met.iter().position(|known| known == id);
                let expected = known.unwrap_or(met.len()) as u32;
                prop_assert_eq!(ids.number(id).unwrap(), (expected, known.is_none()));
                if known.is_none() {
                    met.push(id.clone());
                }
            }
            prop_assert_eq!(ids.len(), met.len());
            let sorted: Vec<Vec<u8>> = ids.sorted().into_iter().map(|number| ids.get(number).to_vec()).collect();
            met.sort();
            prop_assert_eq!(sorted, met);
        }
    }
}
