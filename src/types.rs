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

impl fmt::Display for Ns {
    /// The instant in UTC, as `2018-03-01 00:00:00.000000001`. The days are made into dates as Howard Hinnant's
    /// `civil_from_days` does: by eras of 400 years that begin in March.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ns) = (self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let since_march = days + 719_468;
        let (era, day_of_era) = (since_march.div_euclid(146_097), since_march.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}.{ns:09}", second % 60)
    }
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
    /// The contents that are in segments already, by the places of their events, ascending; these have empty contents here.
    pub stored: Vec<StoredContent>,
}

/// A content of a change set that is in a content segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredContent {
    /// The place of its event in the change set.
    pub event: u32,
    /// The segment's file name.
    pub file: String,
    /// Its offset there.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u32,
    /// Its hash.
    pub hash: u32,
}

/// How many tags an entity may carry at an instant.
pub const TAGS_MAX: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::Ns;

    #[test]
    fn instants_are_shown_in_utc_to_the_nanosecond() {
        for (ns, text) in [
            (0, "1970-01-01 00:00:00.000000000"),
            (-1, "1969-12-31 23:59:59.999999999"),
            (951_782_400_000_000_001, "2000-02-29 00:00:00.000000001"),
            (951_868_799_999_999_999, "2000-02-29 23:59:59.999999999"),
            (4_107_542_400_000_000_000, "2100-03-01 00:00:00.000000000"),
            (Ns::MIN_WRITABLE.0, "1678-01-01 00:00:00.000000000"),
            (Ns::MAX_WRITABLE.0, "2261-12-31 23:59:59.999999999"),
        ] {
            assert_eq!(Ns(ns).to_string(), text);
        }
    }
}
