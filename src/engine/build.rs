//! New segments from old ones and from the delta: seal and compact.
//!
//! Invariant: the events of the output are exactly those of the input; only postings, ids and content places are made anew.

use super::View;
use crate::error::Result;
use crate::segment::{Files, Kind};
use crate::types::{ChangeSet, Micros, Ns, Ordinal, Xid};

/// Switches of the builder.
#[derive(Clone, Copy, Debug)]
pub struct BuildOptions {
    /// Compress content blocks with snappy.
    pub compress: bool,
    /// Contents of fewer bytes than this are stored in blocks of their own that are not compressed.
    pub compression_threshold: usize,
}

/// What the manifest says of a file.
#[derive(Clone, Debug)]
pub struct FileInfo {
    /// The file's name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Its length.
    pub bytes: u64,
    /// The checksum of its footer, which covers the checksums of all blocks.
    pub checksum: u32,
    /// How many events (contents, ids) it holds.
    pub events: u64,
    /// How many entities.
    pub entities: u64,
    /// The smallest and largest instant; `BEFORE_ALL` and `AFTER_ALL` swapped if there is none.
    pub ts: (Ns, Ns),
    /// The largest stamped instant, if any is stamped.
    pub max_stamped: Option<Ns>,
    /// The smallest and largest transaction.
    pub tx: (Xid, Xid),
    /// The smallest and largest ordinal.
    pub ordinals: (Ordinal, Ordinal),
}

/// Builds a run, its content and its ids from change sets that `base` (segments only) does not hold.
/// `times` resolves a transaction's commit time. Returns the files in manifest order; no files for no change sets.
pub fn seal(
    _base: &View,
    _sets: Vec<ChangeSet>,
    _times: &dyn Fn(Xid) -> Option<Micros>,
    _options: &BuildOptions,
    _files: &mut dyn Files,
) -> Result<Vec<FileInfo>> {
    unimplemented!()
}

/// Merges all runs, tiles and id runs of `base` (segments only) into one tile and one id run; content stays where it is.
/// Returns the new files in manifest order and the names of the files they replace; nothing if there is nothing to merge.
pub fn compact(
    _base: &View,
    _times: &dyn Fn(Xid) -> Option<Micros>,
    _options: &BuildOptions,
    _files: &mut dyn Files,
) -> Result<(Vec<FileInfo>, Vec<String>)> {
    unimplemented!()
}
