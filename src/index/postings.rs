//! The toggles of one tag in one chunk of ordinals, in time order.
use crate::error::Result;

/// A set of the 65,536 ordinals of a chunk, as bits.
pub type Words = [u64; 1024];

/// The bytes of toggles sorted by (rank, low): at each, the ordinal with this low half enters or leaves the set.
pub fn encode(_toggles: &[(u32, u16)]) -> Result<Vec<u8>> {
    unimplemented!()
}

/// The postings of one (key, chunk).
pub struct Postings<'a> {
    _p: &'a [u8],
}
impl<'a> Postings<'a> {
    /// Parses the header; errors name the file `name`.
    pub fn decode(_name: &'a str, _bytes: &'a [u8]) -> Result<Self> {
        unimplemented!()
    }
    /// How many toggles there are.
    pub fn len(&self) -> u32 {
        unimplemented!()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Overwrites `words` with the set after all toggles of a rank less than `rank_limit`.
    pub fn at(&self, _rank_limit: u32, _words: &mut Words) -> Result<()> {
        unimplemented!()
    }
    /// Overwrites `words` with the set after all toggles.
    pub fn last(&self, _words: &mut Words) -> Result<()> {
        unimplemented!()
    }
    /// The size of that `at` set.
    pub fn cardinality_at(&self, _rank_limit: u32) -> Result<u32> {
        unimplemented!()
    }
    /// The size of the last set.
    pub fn last_cardinality(&self) -> u32 {
        unimplemented!()
    }
    /// The rank of the last toggle.
    pub fn last_rank(&self) -> u32 {
        unimplemented!()
    }
    /// All toggles.
    pub fn toggles(&self) -> Result<Vec<(u32, u16)>> {
        unimplemented!()
    }
}
