//! Where the bytes are: the one mmap, the writer, the reader and the storage seam.
//!
//! Invariant: a file is complete and durable before it has its name, and never changes after.

mod files;
mod map;
mod reader;
mod writer;

use std::io::Write;

pub use files::{Directory, MemoryFiles, Published, parse_name};
pub use map::map;
pub use reader::{Bytes, Reader, Section};
pub use writer::SegmentWriter;

#[cfg(test)]
pub(crate) use reader::tests::{file_with, section_of};

use crate::error::Result;

/// What a segment file holds. The numbers are those of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Newer events; may overlap other runs and tiles.
    Run = 1,
    /// Compacted events.
    Tile = 2,
    /// Contents.
    Content = 3,
    /// Ids and their ordinals.
    Ids = 4,
}

/// Where new files are made.
pub trait Files {
    /// A new file under a temporary name.
    fn create(&mut self, kind: Kind) -> Result<Box<dyn NewFile>>;
}

/// A file that is being written, by whichever thread.
pub trait NewFile: Write + Send {
    /// The final name.
    fn name(&self) -> &str;
    /// Makes the bytes durable and gives the file its final name.
    fn publish(self: Box<Self>) -> Result<()>;
}
