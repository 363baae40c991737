//! Reads a segment file: sections by number, every block checked when it is first touched.
//!
//! Invariant: no byte of a section leaves the reader before its block's checksum was found right.

use std::ops::Range;
use std::sync::Arc;

use super::Kind;
use crate::error::{Error, Result};

/// The bytes of a file: a mapping, or a vector in tests.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// An opened segment file.
pub struct Reader {}

impl Reader {
    /// Opens the bytes of the file `name`; checks header, footer and directory only.
    pub fn open(_name: &str, _bytes: Bytes) -> Result<Self> {
        unimplemented!()
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        unimplemented!()
    }

    /// What the file holds.
    pub fn kind(&self) -> Kind {
        unimplemented!()
    }

    /// The checksum of the footer, which covers the checksums of all blocks.
    pub fn checksum(&self) -> u32 {
        unimplemented!()
    }

    /// The section with this number; empty if the file has none.
    pub fn section(self: &Arc<Self>, _id: u8) -> Section {
        unimplemented!()
    }

    /// An error for every block that is damaged.
    pub fn verify_all(&self) -> Vec<Error> {
        unimplemented!()
    }
}

/// One section of an opened file; cheap to clone.
#[derive(Clone)]
pub struct Section {}

impl Section {
    /// The section's length in bytes.
    pub fn len(&self) -> usize {
        unimplemented!()
    }

    /// Whether the section has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file's name, for errors.
    pub fn name(&self) -> &str {
        unimplemented!()
    }

    /// Some bytes of the section, checked.
    pub fn slice(&self, _range: Range<usize>) -> Result<&[u8]> {
        unimplemented!()
    }
}
