//! Which entities, when: the structures inside a segment file, each a writer to bytes and a lazy reader of a section.
//!
//! Invariant: opening reads a few bytes; everything else is read, and checked, when it is asked for.

pub mod content;
pub mod directory;
pub mod ids;
pub mod instants;
pub mod log;
pub mod postings;
pub mod strings;
pub mod txs;

/// The numbers of the sections of segment files.
pub mod section {
    /// Tag dictionary of a run or tile (`strings`).
    pub const TAGS: u8 = 1;
    /// Distinct instants of a run or tile (`instants`).
    pub const INSTANTS: u8 = 2;
    /// Transaction table of a run or tile (`txs`).
    pub const TXS: u8 = 3;
    /// Event log: the events of each entity (`log`).
    pub const LOG: u8 = 4;
    /// Event log: where each entity's events are (`log`).
    pub const LOG_INDEX: u8 = 5;
    /// Postings (`directory`).
    pub const POSTINGS: u8 = 6;
    /// Where the postings of each (key, chunk) are (`directory`).
    pub const POSTINGS_INDEX: u8 = 7;
    /// Names of the content files that the log refers to (`strings`).
    pub const CONTENT_FILES: u8 = 8;
    /// Counts and bounds of the whole file; the engine's own.
    pub const SUMMARY: u8 = 9;
    /// Ids in byte order (`strings`).
    pub const IDS: u8 = 10;
    /// The ordinal of each id (`ids`).
    pub const ID_ORDINALS: u8 = 11;
    /// (ordinal, position) in ordinal order (`ids`).
    pub const ID_POSITIONS: u8 = 12;
    /// Filter over the ids (`ids`).
    pub const ID_FILTER: u8 = 13;
    /// Content blocks (`content`).
    pub const BLOCKS: u8 = 14;
    /// Where the content blocks are (`content`).
    pub const BLOCK_INDEX: u8 = 15;
}
