//! An id run: ids in byte order, their ordinals, and the way back.
use crate::error::Result;
use crate::segment::{Reader, SegmentWriter};
use crate::types::Ordinal;
use std::sync::Arc;

/// Gathers ids; the sections IDS, ID_ORDINALS, ID_POSITIONS and ID_FILTER.
#[derive(Default)]
pub struct IdsWriter {}
impl IdsWriter {
    /// Adds the next id; ids ascend strictly.
    pub fn push(&mut self, _id: &[u8], _ordinal: Ordinal) -> Result<()> {
        unimplemented!()
    }
    /// Writes all four sections.
    pub fn finish(self, _out: &mut SegmentWriter) -> Result<()> {
        unimplemented!()
    }
}

/// The ids of an id run.
#[derive(Clone)]
pub struct Ids {}
impl Ids {
    /// Opens the run.
    pub fn open(_reader: &Arc<Reader>) -> Result<Self> {
        unimplemented!()
    }
    /// How many ids there are.
    pub fn len(&self) -> u32 {
        unimplemented!()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The ordinal of an id.
    pub fn find(&self, _id: &[u8]) -> Result<Option<Ordinal>> {
        unimplemented!()
    }
    /// The id of an ordinal.
    pub fn id(&self, _ordinal: Ordinal) -> Result<Option<Vec<u8>>> {
        unimplemented!()
    }
    /// The first position whose id is at least this.
    pub fn lower_bound(&self, _id: &[u8]) -> Result<u32> {
        unimplemented!()
    }
    /// The ids and ordinals at a range of positions.
    pub fn range(&self, _positions: std::ops::Range<u32>) -> Result<Vec<(Vec<u8>, Ordinal)>> {
        unimplemented!()
    }
}
