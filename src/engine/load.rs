//! A bulk load: one statement's rows straight to a run, in the statement's transaction.
//!
//! Invariant: content streams to its file as it arrives; ids are resolved once, by one sorted merge, when the caller
//! holds the dataset tag. Nothing is visible before the caller inserts the manifest rows.

use super::{BuildOptions, FileInfo, View};
use crate::error::Result;
use crate::segment::Files;
use crate::types::{NewEvent, Ns, Xid};

/// Which face the rows came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Each row is a new entity; an id that exists is an error (S13).
    State,
    /// Facts as given; repeats of what was stored before are skipped (S7).
    Event,
}

/// A load that is being gathered.
pub struct Load {}

impl Load {
    /// An empty load.
    pub fn new(_mode: LoadMode, _tx: Xid, _options: BuildOptions) -> Self {
        unimplemented!()
    }

    /// Adds a state-face row. `at` is its valid time (and whether it was stamped).
    pub fn push_row(
        &mut self,
        _id: &[u8],
        _tags: &[&[u8]],
        _content: Option<&[u8]>,
        _at: (Ns, bool),
        _files: &mut dyn Files,
    ) -> Result<()> {
        unimplemented!()
    }

    /// Adds one fact.
    pub fn push_event(&mut self, _id: &[u8], _event: &NewEvent, _files: &mut dyn Files) -> Result<()> {
        unimplemented!()
    }

    /// The number of events gathered.
    pub fn events(&self) -> u64 {
        unimplemented!()
    }

    /// About how many bytes of memory are held.
    pub fn memory(&self) -> usize {
        unimplemented!()
    }

    /// Builds the files. `base` is the view of a snapshot taken under the dataset tag, delta included; `ordinals` gives
    /// the first of a range of n new ordinals. Events of `base` by the load's own transaction do not count as stored
    /// before (an earlier part of the same statement). Returns the files in manifest order.
    pub fn finish(
        self,
        _base: &View,
        _ordinals: &mut dyn FnMut(u32) -> Result<u32>,
        _files: &mut dyn Files,
    ) -> Result<Vec<FileInfo>> {
        unimplemented!()
    }
}
