//! Where new files are made: a directory, or memory in tests.
//!
//! Invariant: a name never names two files; nothing has its final name before its bytes are durable.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Files, Kind, NewFile};
use crate::error::Result;
use crate::types::Xid;

/// A directory of segment files, on behalf of a transaction.
pub struct Directory {}

impl Directory {
    /// New files in `path` carry `xid` in their names.
    pub fn new(_path: PathBuf, _xid: Xid) -> Self {
        unimplemented!()
    }
}

impl Files for Directory {
    fn create(&mut self, _kind: Kind) -> Result<Box<dyn NewFile>> {
        unimplemented!()
    }
}

/// The parts of a final or temporary file name: transaction, kind, and whether it is temporary. `None` for any other name.
pub fn parse_name(_name: &str) -> Option<(Xid, Kind, bool)> {
    unimplemented!()
}

/// Published files in memory, in the order of publication, for tests.
#[derive(Clone, Default)]
pub struct MemoryFiles {
    /// Names and bytes.
    pub published: Arc<Mutex<Vec<(String, Vec<u8>)>>>,
}

impl Files for MemoryFiles {
    fn create(&mut self, _kind: Kind) -> Result<Box<dyn NewFile>> {
        unimplemented!()
    }
}
