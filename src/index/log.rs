//! The event log of a segment: every entity's events, found by ordinal.
//!
//! Invariant: the log holds every event that was recorded, cancelled and redundant ones too; the builder pushes an
//! entity's events in (tag, ts, seq) order and readers give them back in that order.

use std::sync::Arc;

use super::section;
use crate::error::{Error, Result};
use crate::format::varint::{Cursor, Small, malformed, put, zigzag};
use crate::segment::{Reader, Section, SegmentWriter};
use crate::types::{Op, Ordinal, Seq};

/// The `tag` of an event that has none.
pub const NO_TAG: u32 = u32::MAX;

const OP: u8 = 0x07;
const STAMPED: u8 = 0x08;
/// The tag is not that of the event before (`NO_TAG` before the first).
const TAG: u8 = 0x10;
const CONTENT: u8 = 0x20;
const CONTENT_IS_SOME: u8 = 0x40;
/// An event is at least its flags, rank, seq and transaction.
const EVENT_BYTES_MIN: usize = 4;
/// A chunk's entry in the index: chunk, zero, count of entities; place of its ordinals; place of its events.
const CHUNK_BYTES: usize = 24;
const COUNT_BYTES: usize = 4;
/// The writer hands on this many bytes at once.
const PENDING_BYTES: usize = 256 * 1024;

/// Where a content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLoc {
    /// The index of its file in the segment's table of content files.
    pub segment: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u32,
    /// Its hash (`content::hash`).
    pub hash: u32,
}

/// One event of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// The tag's position in the dictionary, or `NO_TAG`.
    pub tag: u32,
    /// The rank of its instant.
    pub rank: u32,
    /// Its seq.
    pub seq: Seq,
    /// The index of its transaction in the transaction table.
    pub tx: u32,
    /// What it says.
    pub op: Op,
    /// Whether the database gave the time.
    pub stamped: bool,
    /// The content it sets, if it does; `Some(None)` sets none.
    pub content: Option<Option<ContentLoc>>,
}

const BEFORE_FIRST: LogEvent =
    LogEvent { tag: NO_TAG, rank: 0, seq: 0, tx: 0, op: Op::Create, stamped: false, content: None };

fn difference(a: u32, b: u32) -> i64 {
    i64::from(a) - i64::from(b)
}

fn encode_event(out: &mut Vec<u8>, event: &LogEvent, before: &LogEvent) {
    let mut flags = event.op as u8;
    flags |= if event.stamped { STAMPED } else { 0 };
    flags |= if event.tag != before.tag { TAG } else { 0 };
    flags |= match event.content {
        None => 0,
        Some(None) => CONTENT,
        Some(Some(_)) => CONTENT | CONTENT_IS_SOME,
    };
    let mut small = Small::default();
    small.put(u64::from(flags));
    if event.tag != before.tag {
        small.put(zigzag(difference(event.tag, before.tag)));
    }
    small.put(zigzag(difference(event.rank, before.rank)));
    small.put(zigzag(difference(event.seq, before.seq)));
    small.put(zigzag(difference(event.tx, before.tx)));
    out.extend_from_slice(small.bytes());
    if let Some(Some(loc)) = event.content {
        put(out, u64::from(loc.segment));
        put(out, loc.offset);
        put(out, u64::from(loc.len));
        out.extend_from_slice(&loc.hash.to_le_bytes());
    }
}

fn decode_event(c: &mut Cursor<'_>, before: &LogEvent) -> Result<LogEvent> {
    let flags = c.u8()?;
    let unknown = flags & !(OP | STAMPED | TAG | CONTENT | CONTENT_IS_SOME);
    let op =
        Op::from_byte(flags & OP).filter(|_| unknown == 0 && flags & (CONTENT | CONTENT_IS_SOME) != CONTENT_IS_SOME);
    let op = op.ok_or_else(|| c.fault(format!("event flags {flags:#04x} are not known")))?;
    let value = |c: &mut Cursor<'_>, before: u32| {
        let sum = c.signed()?.checked_add(i64::from(before)).and_then(|sum| u32::try_from(sum).ok());
        sum.ok_or_else(|| c.fault("a number of an event exceeds 32 bits"))
    };
    let tag = if flags & TAG != 0 { value(c, before.tag)? } else { before.tag };
    let (rank, seq, tx) = (value(c, before.rank)?, value(c, before.seq)?, value(c, before.tx)?);
    let content = match (flags & CONTENT != 0, flags & CONTENT_IS_SOME != 0) {
        (false, _) => None,
        (true, false) => Some(None),
        (true, true) => Some(Some(ContentLoc {
            segment: c.varint_u32()?,
            offset: c.varint()?,
            len: c.varint_u32()?,
            hash: c.u32()?,
        })),
    };
    Ok(LogEvent { tag, rank, seq, tx, op, stamped: flags & STAMPED != 0, content })
}

/// Decodes the events of one entity, and adds them.
fn decode_events(c: &mut Cursor<'_>, into: &mut Vec<LogEvent>) -> Result<()> {
    let count = c.count(EVENT_BYTES_MIN)?;
    into.reserve(count);
    let mut before = BEFORE_FIRST;
    for _ in 0..count {
        before = decode_event(c, &before)?;
        into.push(before);
    }
    Ok(())
}

/// The entities of one chunk while the log is gathered.
#[derive(Default)]
struct ChunkWriter {
    chunk: u16,
    start: u64,
    lows: Vec<u16>,
    ends: Vec<u32>,
}

/// Writes the log as its entities come; the sections LOG and LOG_INDEX.
pub struct LogWriter {
    /// What is not yet in the file.
    pending: Vec<u8>,
    written: u64,
    chunks: Vec<ChunkWriter>,
}

impl LogWriter {
    /// Begins the section LOG: no other may be begun before `finish`.
    pub fn begin(out: &mut SegmentWriter) -> Result<Self> {
        out.begin_section(section::LOG)?;
        Ok(Self { pending: Vec::with_capacity(2 * PENDING_BYTES), written: 0, chunks: Vec::new() })
    }

    /// Adds the events of the next entity; ordinals ascend strictly.
    pub fn push_entity(&mut self, out: &mut SegmentWriter, ordinal: Ordinal, events: &[LogEvent]) -> Result<()> {
        let start = self.written + self.pending.len() as u64;
        let last = self.chunks.last().and_then(|c| c.lows.last().map(|low| Ordinal::new(c.chunk, *low)));
        if last.is_some_and(|last| last >= ordinal) {
            return Err(malformed("event log", "the ordinals do not ascend"));
        }
        put(&mut self.pending, events.len() as u64);
        let mut before = &BEFORE_FIRST;
        for event in events {
            encode_event(&mut self.pending, event, before);
            before = event;
        }
        if self.chunks.last().is_none_or(|c| c.chunk != ordinal.chunk()) {
            self.chunks.push(ChunkWriter { chunk: ordinal.chunk(), start, ..ChunkWriter::default() });
        }
        let end = self.written + self.pending.len() as u64;
        if let Some(chunk) = self.chunks.last_mut() {
            let (limit, found) = (u64::from(u32::MAX), end - chunk.start);
            let what = "bytes of events in a chunk";
            chunk.ends.push(u32::try_from(found).map_err(|_| Error::TooMany { what, limit, found })?);
            chunk.lows.push(ordinal.low());
        }
        if self.pending.len() >= PENDING_BYTES {
            self.flush(out)?;
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut SegmentWriter) -> Result<()> {
        out.write(&self.pending)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Ends the section, and writes the other one.
    pub fn finish(mut self, out: &mut SegmentWriter) -> Result<()> {
        self.flush(out)?;
        let mut index = (self.chunks.len() as u32).to_le_bytes().to_vec();
        let mut place = (COUNT_BYTES + self.chunks.len() * CHUNK_BYTES) as u64;
        for chunk in &self.chunks {
            index.extend_from_slice(&chunk.chunk.to_le_bytes());
            index.extend_from_slice(&[0, 0]);
            index.extend_from_slice(&(chunk.lows.len() as u32).to_le_bytes());
            index.extend_from_slice(&place.to_le_bytes());
            index.extend_from_slice(&chunk.start.to_le_bytes());
            place += chunk.lows.len() as u64 * 6;
        }
        for chunk in &self.chunks {
            chunk.lows.iter().for_each(|low| index.extend_from_slice(&low.to_le_bytes()));
            chunk.ends.iter().for_each(|end| index.extend_from_slice(&end.to_le_bytes()));
        }
        out.section(section::LOG_INDEX, &index)
    }
}

/// A chunk's entry in the index.
#[derive(Clone, Copy, Debug)]
struct ChunkEntry {
    chunk: u16,
    count: usize,
    /// Where its low halves and ends are in the index.
    place: usize,
    /// Where its events begin in the log.
    start: usize,
}

/// The log of a run or tile.
#[derive(Clone, Debug)]
pub struct Log {
    data: Section,
    index: Section,
    chunks: Arc<[ChunkEntry]>,
}

impl Log {
    /// Opens the log.
    pub fn open(reader: &Arc<Reader>) -> Result<Self> {
        let (data, index) = (reader.section(section::LOG), reader.section(section::LOG_INDEX));
        let mut c = index.cursor_at_most(0, COUNT_BYTES + (1 << 16) * CHUNK_BYTES)?;
        let count = c.u32()? as usize;
        let mut chunks: Vec<ChunkEntry> = Vec::with_capacity(count.min(c.left() / CHUNK_BYTES));
        for _ in 0..count {
            let (chunk, _, count) = (c.u16()?, c.u16()?, c.u32()? as usize);
            let (place, start) = (c.u64()? as usize, c.u64()? as usize);
            let end = place.checked_add(count.saturating_mul(6));
            let ascends = chunks.last().is_none_or(|last| last.chunk < chunk);
            if !ascends || count > 1 << 16 || end.is_none_or(|end| end > index.len()) || start > data.len() {
                return Err(c.fault(format!("chunk {chunk} with {count} entities does not fit")));
            }
            chunks.push(ChunkEntry { chunk, count, place, start });
        }
        Ok(Self { data, index, chunks: chunks.into() })
    }

    /// The events of an entity; empty if there are none.
    pub fn events(&self, ordinal: Ordinal) -> Result<Vec<LogEvent>> {
        let Some(entry) = self.entry(ordinal.chunk()) else { return Ok(Vec::new()) };
        let lows = self.index.slice(entry.place..entry.place + entry.count * 2)?;
        let (lows, _) = lows.as_chunks::<2>();
        let Ok(at) = lows.binary_search_by_key(&ordinal.low(), |low| u16::from_le_bytes(*low)) else {
            return Ok(Vec::new());
        };
        let ends = entry.place + entry.count * 2;
        let start = if at == 0 { 0 } else { self.index.cursor(ends + (at - 1) * 4, 4)?.u32()? as usize };
        let end = self.index.cursor(ends + at * 4, 4)?.u32()? as usize;
        let mut c = Cursor::new(self.data.name(), self.data.slice(entry.start + start..entry.start + end)?);
        let mut events = Vec::new();
        decode_events(&mut c, &mut events)?;
        c.finish()?;
        Ok(events)
    }

    /// A reader of all entities, ascending.
    pub fn scan(&self) -> Scan {
        Scan { log: self.clone(), next_chunk: 0, chunk: None, at: 0, lows: Vec::new(), ends: Vec::new() }
    }

    /// The chunks that have entities, ascending.
    pub fn chunks(&self) -> Vec<u16> {
        self.chunks.iter().map(|entry| entry.chunk).collect()
    }

    /// The low halves of a chunk's entities, ascending.
    pub fn ordinals(&self, chunk: u16) -> Result<Vec<u16>> {
        let Some(entry) = self.entry(chunk) else { return Ok(Vec::new()) };
        let (lows, _) = self.index.slice(entry.place..entry.place + entry.count * 2)?.as_chunks::<2>();
        let lows: Vec<u16> = lows.iter().map(|low| u16::from_le_bytes(*low)).collect();
        if lows.is_sorted_by(|a, b| a < b) {
            return Ok(lows);
        }
        Err(malformed(self.index.name(), format!("the ordinals of chunk {chunk} do not ascend")))
    }

    /// How many entities have events.
    pub fn entity_count(&self) -> u64 {
        self.chunks.iter().map(|entry| entry.count as u64).sum()
    }

    fn entry(&self, chunk: u16) -> Option<ChunkEntry> {
        self.chunks.binary_search_by_key(&chunk, |entry| entry.chunk).ok().map(|at| self.chunks[at])
    }
}

/// Reads the entities of a log one after the other, with one search a chunk.
pub struct Scan {
    log: Log,
    next_chunk: usize,
    /// The chunk that is being read, and its entities.
    chunk: Option<ChunkEntry>,
    at: usize,
    lows: Vec<u16>,
    ends: Vec<u32>,
}

impl Scan {
    /// The next entity, its events appended to `into`; `None` after the last.
    pub fn next(&mut self, into: &mut Vec<LogEvent>) -> Result<Option<Ordinal>> {
        let entry = loop {
            if let Some(entry) = self.chunk.filter(|_| self.at < self.lows.len()) {
                break entry;
            }
            if self.next_chunk >= self.log.chunks.len() {
                return Ok(None);
            }
            self.enter(self.next_chunk)?;
        };
        self.take(entry, into).map(Some)
    }

    /// Goes to an entity and appends its events to `into`; false where the log has none. What comes next is the one after
    /// it, and to go there is cheapest.
    pub fn seek(&mut self, ordinal: Ordinal, into: &mut Vec<LogEvent>) -> Result<bool> {
        let chunk = ordinal.chunk();
        if self.chunk.is_none_or(|entry| entry.chunk != chunk) {
            let Ok(number) = self.log.chunks.binary_search_by_key(&chunk, |entry| entry.chunk) else {
                return Ok(false);
            };
            self.enter(number)?;
        }
        if self.lows.get(self.at) != Some(&ordinal.low()) {
            let Ok(at) = self.lows.binary_search(&ordinal.low()) else { return Ok(false) };
            self.at = at;
        }
        let Some(entry) = self.chunk else { return Ok(false) };
        self.take(entry, into).map(|_| true)
    }

    /// Goes to the first entity of a chunk, given by its place in the index.
    fn enter(&mut self, number: usize) -> Result<()> {
        let entry = self.log.chunks[number];
        self.next_chunk = number + 1;
        self.at = 0;
        self.lows = self.log.ordinals(entry.chunk)?;
        let ends = entry.place + entry.count * 2;
        let ends = self.log.index.slice(ends..ends + entry.count * 4)?.as_chunks::<4>().0;
        self.ends = ends.iter().map(|end| u32::from_le_bytes(*end)).collect();
        self.chunk = Some(entry);
        Ok(())
    }

    /// Decodes the entity that was reached, and goes on.
    fn take(&mut self, entry: ChunkEntry, into: &mut Vec<LogEvent>) -> Result<Ordinal> {
        let start = if self.at == 0 { 0 } else { self.ends[self.at - 1] as usize };
        let (low, end) = (self.lows[self.at], self.ends[self.at] as usize);
        let data = &self.log.data;
        let mut c = Cursor::new(data.name(), data.slice(entry.start + start..entry.start + end)?);
        decode_events(&mut c, into)?;
        c.finish()?;
        self.at += 1;
        Ok(Ordinal::new(entry.chunk, low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::file_with;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn event() -> impl Strategy<Value = LogEvent> {
        let loc = (any::<u32>(), any::<u64>(), any::<u32>(), any::<u32>())
            .prop_map(|(segment, offset, len, hash)| ContentLoc { segment, offset, len, hash });
        let content = proptest::option::of(proptest::option::of(loc));
        (
            prop_oneof![Just(NO_TAG), 0u32..9],
            any::<u32>(),
            any::<u32>(),
            any::<u32>(),
            0usize..6,
            any::<bool>(),
            content,
        )
            .prop_map(|(tag, rank, seq, tx, op, stamped, content)| LogEvent {
                tag,
                rank,
                seq,
                tx,
                op: Op::ALL[op],
                stamped,
                content,
            })
    }

    fn written<'a>(all: impl Iterator<Item = (u32, &'a [LogEvent])>) -> Arc<Reader> {
        file_with(|w| {
            let mut writer = LogWriter::begin(w).unwrap();
            all.for_each(|(ordinal, events)| writer.push_entity(w, Ordinal(ordinal), events).unwrap());
            writer.finish(w).unwrap();
        })
    }

    fn log(all: &BTreeMap<u32, Vec<LogEvent>>) -> Log {
        Log::open(&written(all.iter().map(|(ordinal, events)| (*ordinal, &events[..])))).unwrap()
    }

    proptest! {
        #[test]
        fn gives_back_what_was_pushed(
            all in proptest::collection::btree_map(
                prop_oneof![0u32..200, any::<u32>()], proptest::collection::vec(event(), 1..9), 0..40),
        ) {
            let log = log(&all);
            prop_assert_eq!(log.entity_count(), all.len() as u64);
            let chunks = log.chunks();
            let ordinals: Vec<u32> = chunks.iter()
                .flat_map(|c| log.ordinals(*c).unwrap().into_iter().map(|low| Ordinal::new(*c, low).0)).collect();
            prop_assert_eq!(ordinals, all.keys().copied().collect::<Vec<_>>());
            let (mut scan, mut scanned, mut events) = (log.scan(), BTreeMap::new(), Vec::new());
            while let Some(ordinal) = scan.next(&mut events).unwrap() {
                scanned.insert(ordinal.0, std::mem::take(&mut events));
            }
            prop_assert_eq!(&scanned, &all);
            for (ordinal, wanted) in all.iter().chain(all.iter().rev()) {
                events.clear();
                prop_assert!(scan.seek(Ordinal(*ordinal), &mut events).unwrap());
                prop_assert_eq!(&events, wanted);
                let next = ordinal.wrapping_add(1);
                prop_assert_eq!(scan.seek(Ordinal(next), &mut events).unwrap(), all.contains_key(&next));
            }
            for (ordinal, events) in &all {
                prop_assert_eq!(&log.events(Ordinal(*ordinal)).unwrap(), events);
                let next = ordinal.wrapping_add(1);
                prop_assert_eq!(log.events(Ordinal(next)).unwrap().is_empty(), !all.contains_key(&next));
            }
        }
    }

    #[test]
    fn ordinals_that_do_not_ascend_are_refused() {
        file_with(|w| {
            let mut writer = LogWriter::begin(w).unwrap();
            writer.push_entity(w, Ordinal(5), &[]).unwrap();
            assert!(writer.push_entity(w, Ordinal(5), &[]).is_err());
            assert!(writer.push_entity(w, Ordinal(4), &[]).is_err());
        });
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let events =
            [LogEvent { tag: 3, rank: 9, seq: 1, tx: 2, op: Op::Assert, stamped: true, content: Some(None) }; 3];
        let good = written((0..5).map(|i| (i * 40_000, &events[..])));
        let bytes = |id| {
            let section = good.section(id);
            section.slice(0..section.len()).unwrap().to_vec()
        };
        let (data, index) = (bytes(section::LOG), bytes(section::LOG_INDEX));
        for at in 0..data.len() + index.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let (mut data, mut index) = (data.clone(), index.clone());
                if at < data.len() {
                    data[at] = value
                } else {
                    index[at - data.len()] = value
                }
                let file = file_with(|w| {
                    w.section(section::LOG, &data).unwrap();
                    w.section(section::LOG_INDEX, &index).unwrap();
                });
                if let Ok(log) = Log::open(&file) {
                    for ordinal in (0..5).map(|i| Ordinal(i * 40_000)) {
                        let _ = (log.events(ordinal), log.ordinals(ordinal.chunk()));
                    }
                    let (mut scan, mut events) = (log.scan(), Vec::new());
                    while let Ok(Some(_)) = scan.next(&mut events) {}
                }
            }
        }
    }
}
