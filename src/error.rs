//! The failures of the engine. `pg/error.rs` maps each to its SQLSTATE in one exhaustive match.
//!
//! Invariant: every variant carries the numbers that a person needs to act on it.

use std::fmt;

/// The result of the engine's fallible operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the engine.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A block's bytes do not match its checksum.
    ChecksumMismatch {
        /// The segment's file name.
        segment: String,
        /// The number of the block.
        block: u64,
        /// The checksum that the file states.
        expected: u32,
        /// The checksum of the bytes that were found.
        found: u32,
    },
    /// The bytes contradict the format.
    Malformed {
        /// The segment's file name, or what else was read.
        segment: String,
        /// What is wrong, with its numbers.
        detail: String,
    },
    /// A segment that the manifest names has no file.
    Missing {
        /// The segment's file name.
        segment: String,
    },
    /// The operating system refused.
    Io {
        /// What was being done, with the file's name.
        doing: String,
        /// Its answer.
        source: std::io::Error,
    },
    /// More of something than the format can number.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// How many there are.
        found: u64,
    },
    /// A row of a load names an id that exists already (S13).
    Exists {
        /// The id.
        id: Vec<u8>,
    },
    /// Two values of a namespace of cardinality one in one row (S4).
    Values {
        /// The namespace.
        namespace: Vec<u8>,
        /// Two tags of it.
        tags: [Vec<u8>; 2],
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::ChecksumMismatch { segment, block, expected, found } => write!(
                f,
                "segment \"{segment}\" is damaged in block {block}: expected checksum {expected:08x}, found {found:08x}"
            ),
            Error::Malformed { segment, detail } => write!(f, "segment \"{segment}\" is damaged: {detail}"),
            Error::Missing { segment } => write!(f, "segment \"{segment}\" has no file"),
            Error::Io { doing, source } => write!(f, "could not {doing}: {source}"),
            Error::TooMany { what, limit, found } => write!(f, "too many {what}: {found}, the limit is {limit}"),
            Error::Exists { id } => write!(f, "id \"{}\" already exists", String::from_utf8_lossy(id)),
            Error::Values { namespace, tags: [first, second] } => write!(
                f,
                "tags \"{}\" and \"{}\" exclude each other: namespace \"{}\" has cardinality one",
                String::from_utf8_lossy(first),
                String::from_utf8_lossy(second),
                String::from_utf8_lossy(namespace)
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
