//! The nouns of the store, used by every layer.
//!
//! Invariant: the newtypes are never mixed. An ordinal stands for an entity, a rank for an instant, a position for
//! a byte or an entry; converting between them is always explicit.

use std::fmt;

/// Nanoseconds since 1970-01-01 UTC: valid time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ns(pub i64);

impl Ns {
    /// 1678-01-01 UTC, the earliest instant that may be written.
    pub const MIN_WRITABLE: Ns = Ns(-9_214_560_000_000_000_000);
    /// The last nanosecond of 2261, the latest instant that may be written.
    pub const MAX_WRITABLE: Ns = Ns(9_214_646_399_999_999_999);
    /// Before every event.
    pub const BEFORE_ALL: Ns = Ns(i64::MIN);
    /// At or after every event.
    pub const AFTER_ALL: Ns = Ns(i64::MAX);
}

/// Microseconds since 1970-01-01 UTC: system time as people see it (commit times have this resolution).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub i64);

/// A full (64-bit) top-level transaction id: system time, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Xid(pub u64);

/// The number that stands for an entity in the engine. Unique in its dataset, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ordinal(pub u32);

impl Ordinal {
    /// The number of the chunk of 65,536 ordinals that this one lies in.
    pub fn chunk(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The ordinal's place in its chunk.
    pub fn low(self) -> u16 {
        self.0 as u16
    }

    /// The ordinal at place `low` of chunk `chunk`.
    pub fn new(chunk: u16, low: u16) -> Self {
        Self((u32::from(chunk) << 16) | u32::from(low))
    }
}

/// The n-th event recorded of its entity, counted from 1.
pub type Seq = u32;

/// What an event says. The numbers are those of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Op {
    /// The entity exists from here on.
    Create = 1,
    /// The entity carries the tag from here on.
    Assert = 2,
    /// The entity carries the tag no longer.
    Retract = 3,
    /// The entity's content is this from here on (`None`: it has none).
    Content = 4,
    /// Everything of the entity ends here.
    Delete = 5,
    /// The entity's events of exactly this instant with a smaller seq are taken back.
    Cancel = 6,
}

impl Op {
    /// All operations, in the order of their numbers.
    pub const ALL: [Op; 6] = [Op::Create, Op::Assert, Op::Retract, Op::Content, Op::Delete, Op::Cancel];

    /// The operation with number `byte`, if there is one.
    pub fn from_byte(byte: u8) -> Option<Op> {
        Op::ALL.into_iter().find(|op| *op as u8 == byte)
    }

    /// The operation's name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Op::Create => "create",
            Op::Assert => "assert",
            Op::Retract => "retract",
            Op::Content => "content",
            Op::Delete => "delete",
            Op::Cancel => "cancel",
        }
    }

    /// The operation with this SQL name, if there is one.
    pub fn from_name(name: &[u8]) -> Option<Op> {
        Op::ALL.into_iter().find(|op| op.name().as_bytes() == name)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An event that is not recorded yet: what a writer wants to say of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// When the fact is true.
    pub ts: Ns,
    /// Whether `ts` was given by the database.
    pub stamped: bool,
    /// What is said.
    pub op: Op,
    /// The tag, for assert and retract.
    pub tag: Option<Vec<u8>>,
    /// The content, for content events; `None` there means that the entity has none from here on.
    pub content: Option<Vec<u8>>,
}

/// All that one statement did to one entity: one row of the delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    /// The entity's id.
    pub id: Vec<u8>,
    /// The entity's ordinal.
    pub ordinal: Ordinal,
    /// The seq of the first event; the others follow without gaps.
    pub first_seq: Seq,
    /// The top-level transaction that recorded it.
    pub tx: Xid,
    /// The system time it was given (imports only).
    pub recorded_at: Option<Micros>,
    /// The events in seq order.
    pub events: Vec<NewEvent>,
}

/// How many tags an entity may carry at an instant.
pub const TAGS_MAX: usize = 65_535;
