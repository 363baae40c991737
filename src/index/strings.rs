//! A sorted table of distinct byte strings, front-coded in blocks of 16.
use crate::error::Result;
use crate::segment::Section;
use std::ops::Range;

/// The table's bytes; `strings` ascend strictly.
pub fn encode<S: AsRef<[u8]>>(_strings: impl IntoIterator<Item = S>) -> Result<Vec<u8>> {
    unimplemented!()
}

/// A table in a section.
#[derive(Clone)]
pub struct Strings {}
impl Strings {
    /// Opens the table.
    pub fn open(_section: Section) -> Result<Self> {
        unimplemented!()
    }
    /// How many strings there are.
    pub fn len(&self) -> u32 {
        unimplemented!()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The string at a position.
    pub fn get(&self, _position: u32) -> Result<Vec<u8>> {
        unimplemented!()
    }
    /// The position of a string, or where it would be.
    pub fn find(&self, _string: &[u8]) -> Result<Result<u32, u32>> {
        unimplemented!()
    }
    /// The first position whose string is at least this.
    pub fn lower_bound(&self, _string: &[u8]) -> Result<u32> {
        unimplemented!()
    }
    /// The positions of all strings with this prefix.
    pub fn prefix(&self, _prefix: &[u8]) -> Result<Range<u32>> {
        unimplemented!()
    }
    /// The strings at a range of positions, decoded block by block.
    pub fn range(&self, _positions: Range<u32>) -> Result<Vec<Vec<u8>>> {
        unimplemented!()
    }
}
