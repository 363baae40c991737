//! The temporal B-tree: static, over the sorted distinct instants of a segment.
use crate::error::Result;
use crate::segment::Section;
use crate::types::Ns;

/// The tree's bytes; the instants ascend strictly.
pub fn encode(_instants: &[Ns]) -> Result<Vec<u8>> {
    unimplemented!()
}

/// A tree in a section.
#[derive(Clone)]
pub struct Instants {}
impl Instants {
    /// Opens the tree.
    pub fn open(_section: Section) -> Result<Self> {
        unimplemented!()
    }
    /// How many instants there are.
    pub fn len(&self) -> u32 {
        unimplemented!()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// How many instants are at or before `ts`: events with a smaller rank than this have happened by then.
    pub fn rank_after(&self, _ts: Ns) -> Result<u32> {
        unimplemented!()
    }
    /// The instant with this rank.
    pub fn ts(&self, _rank: u32) -> Result<Ns> {
        unimplemented!()
    }
}
