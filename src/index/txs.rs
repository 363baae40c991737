//! The transaction table of a segment, ascending by transaction id.
use crate::error::Result;
use crate::segment::Section;
use crate::types::{Micros, Xid};

/// The table's bytes; transactions ascend strictly. The time is that of the commit, or the one an import gave.
pub fn encode(_txs: &[(Xid, Option<Micros>)]) -> Result<Vec<u8>> {
    unimplemented!()
}

/// A table in a section.
#[derive(Clone)]
pub struct Txs {}
impl Txs {
    /// Opens the table.
    pub fn open(_section: Section) -> Result<Self> {
        unimplemented!()
    }
    /// How many transactions there are.
    pub fn len(&self) -> u32 {
        unimplemented!()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The transaction at an index.
    pub fn get(&self, _index: u32) -> Result<(Xid, Option<Micros>)> {
        unimplemented!()
    }
    /// The smallest and the largest transaction.
    pub fn bounds(&self) -> Result<Option<(Xid, Xid)>> {
        unimplemented!()
    }
}
