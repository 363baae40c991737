//! A bulk load: one statement's rows straight to a run, in the statement's transaction.
//!
//! Invariant: content streams to its file as it arrives; ids are resolved once, by one sorted merge, when the caller
//! holds the dataset tag. Nothing is visible before the caller inserts the manifest rows.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::{AHashMap, RandomState};

use super::build::{ContentFile, write_ids};
use super::run_writer::RunWriter;
use super::{Blob, BuildOptions, Event, FileInfo, View};
use crate::error::{Error, Result};
use crate::segment::{Files, Kind};
use crate::types::{NewEvent, Ns, Op, Ordinal, Xid};

/// Which face the rows came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Each row is a new entity; an id that exists is an error (S13).
    State,
    /// Facts as given; repeats of what was stored before are skipped (S7).
    Event,
}

/// One gathered event; its content is by number.
struct Row {
    entity: u32,
    ts: Ns,
    stamped: bool,
    /// Whether `ts` stands for its whole microsecond: it lands on the entity's last event there (S9).
    lands: bool,
    op: Op,
    tag: u32,
    content: u32,
}

/// What `Row::tag` and `Row::content` are where there is none.
const NONE: u32 = u32::MAX;

/// A content that is in the load's file, and a hash that tells it from others.
struct Stored {
    blob: Blob,
    identity: u64,
}

/// A load that is being gathered.
pub struct Load {
    mode: LoadMode,
    tx: Xid,
    entities: AHashMap<Arc<[u8]>, u32>,
    ids: Vec<Arc<[u8]>>,
    tags: AHashMap<Arc<[u8]>, u32>,
    tag_bytes: Vec<Arc<[u8]>>,
    rows: Vec<Row>,
    stored: Vec<Stored>,
    contents: ContentFile,
    hasher: RandomState,
    held: usize,
}

impl Load {
    /// An empty load.
    pub fn new(mode: LoadMode, tx: Xid, options: BuildOptions) -> Self {
        Self {
            mode,
            tx,
            entities: AHashMap::new(),
            ids: Vec::new(),
            tags: AHashMap::new(),
            tag_bytes: Vec::new(),
            rows: Vec::new(),
            stored: Vec::new(),
            contents: ContentFile::new(options),
            hasher: RandomState::new(),
            held: 0,
        }
    }

    /// Adds a state-face row. `at` is its valid time (and whether it was stamped).
    pub fn push_row(
        &mut self,
        id: &[u8],
        tags: &[&[u8]],
        content: Option<&[u8]>,
        at: (Ns, bool),
        files: &mut dyn Files,
    ) -> Result<()> {
        if self.mode == LoadMode::State && self.entities.contains_key(id) {
            return Err(Error::Exists { id: id.to_vec() });
        }
        let entity = self.entity(id)?;
        let (ts, stamped) = at;
        self.rows.push(Row { entity, ts, stamped, lands: false, op: Op::Create, tag: NONE, content: NONE });
        let mut tags = tags.to_vec();
        tags.sort_unstable();
        tags.dedup();
        for tag in tags {
            let tag = intern(&mut self.tags, &mut self.tag_bytes, &mut self.held, "tags", tag)?;
            self.rows.push(Row { entity, ts, stamped, lands: false, op: Op::Assert, tag, content: NONE });
        }
        if let Some(bytes) = content {
            let content = self.store(bytes, files)?;
            self.rows.push(Row { entity, ts, stamped, lands: false, op: Op::Content, tag: NONE, content });
        }
        Ok(())
    }

    /// Adds one fact. `lands`: its instant is the first of a microsecond and stands for all of it (S9).
    pub fn push_event(&mut self, id: &[u8], event: &NewEvent, lands: bool, files: &mut dyn Files) -> Result<()> {
        let entity = self.entity(id)?;
        let tag = match &event.tag {
            Some(tag) => intern(&mut self.tags, &mut self.tag_bytes, &mut self.held, "tags", tag)?,
            None => NONE,
        };
        let content = match &event.content {
            Some(bytes) => self.store(bytes, files)?,
            None => NONE,
        };
        self.rows.push(Row { entity, ts: event.ts, stamped: event.stamped, lands, op: event.op, tag, content });
        Ok(())
    }

    fn entity(&mut self, id: &[u8]) -> Result<u32> {
        intern(&mut self.entities, &mut self.ids, &mut self.held, "ordinals", id)
    }

    fn store(&mut self, bytes: &[u8], files: &mut dyn Files) -> Result<u32> {
        let blob = self.contents.append(bytes, files)?;
        let number = u32::try_from(self.stored.len()).ok().filter(|n| *n != NONE).ok_or(Error::TooMany {
            what: "contents of one load",
            limit: u64::from(NONE) - 1,
            found: self.stored.len() as u64,
        })?;
        self.stored.push(Stored { blob, identity: self.hasher.hash_one(bytes) });
        Ok(number)
    }

    /// The number of events gathered.
    pub fn events(&self) -> u64 {
        self.rows.len() as u64
    }

    /// About how many bytes of memory are held.
    pub fn memory(&self) -> usize {
        self.held + self.rows.len() * size_of::<Row>() + self.stored.len() * size_of::<Stored>()
    }

    /// Builds the files. `base` is the view of a snapshot taken under the dataset tag, delta included; `ordinals` gives
    /// the first of a range of n new ordinals. Events of `base` by the load's own transaction do not count as stored
    /// before (an earlier part of the same statement). Returns the files in manifest order.
    pub fn finish(
        mut self,
        base: &View,
        ordinals: &mut dyn FnMut(u32) -> Result<u32>,
        files: &mut dyn Files,
    ) -> Result<Vec<FileInfo>> {
        let mut infos = Vec::new();
        if self.rows.is_empty() {
            return Ok(infos);
        }
        let contents = std::mem::replace(&mut self.contents, ContentFile::new(NO_CONTENT));
        let content_files = contents.finish(&mut infos)?;
        // A stable sort: the rows of an entity stay in the order in which they came.
        self.rows.sort_by_key(|row| row.entity);
        let mut entities: Vec<(Option<Ordinal>, u32, &[Row])> = Vec::with_capacity(self.ids.len());
        for (n, rows) in self.rows.chunk_by(|a, b| a.entity == b.entity).enumerate() {
            if n % 256 == 0 {
                base.tick();
            }
            let entity = rows[0].entity;
            entities.push((base.resolve(&self.ids[entity as usize])?, entity, rows));
        }
        entities.sort_unstable_by(|a, b| self.ids[a.1 as usize].cmp(&self.ids[b.1 as usize]));
        let new = entities.iter().filter(|(ordinal, ..)| ordinal.is_none()).count() as u32;
        let mut new_ids = Vec::with_capacity(new as usize);
        if new > 0 {
            let first = ordinals(new)?;
            if first.checked_add(new - 1).is_none() {
                return Err(Error::TooMany {
                    what: "ordinals",
                    limit: u64::from(u32::MAX),
                    found: u64::from(first) + u64::from(new),
                });
            }
            for (ordinal, entity, _) in &mut entities {
                if ordinal.is_none() {
                    let given = Ordinal(first + new_ids.len() as u32);
                    *ordinal = Some(given);
                    new_ids.push((&*self.ids[*entity as usize], given));
                }
            }
        }
        let old = |ordinal: Ordinal| {
            !matches!((new_ids.first(), new_ids.last()),
            (Some((_, from)), Some((_, to))) if *from <= ordinal && ordinal <= *to)
        };
        let mut placed: Vec<(Ordinal, u32, &[Row])> =
            entities.into_iter().filter_map(|(ordinal, entity, rows)| Some((ordinal?, entity, rows))).collect();
        placed.sort_unstable_by_key(|(ordinal, ..)| *ordinal);
        let mut run = RunWriter::new(Kind::Run, base.rules(), content_files);
        for (n, (ordinal, entity, rows)) in placed.into_iter().enumerate() {
            if n % 256 == 0 {
                base.tick();
            }
            let (mut seq, mut before, mut stored) = (0, Vec::new(), Vec::new());
            if old(ordinal) {
                let timeline = base.timeline(ordinal)?;
                if self.mode == LoadMode::State && timeline.exists_at_or_after(rows[0].ts) {
                    return Err(Error::Exists { id: self.ids[entity as usize].to_vec() });
                }
                seq = timeline.max_seq();
                before = base.sealed_events(ordinal)?;
                stored = timeline.events().to_vec();
            }
            let events = self.numbered(base, rows, seq, &stored)?;
            run.push(ordinal, before, events, &|_| None)?;
        }
        if !new_ids.is_empty() {
            infos.push(write_ids(new_ids.iter().copied(), files)?);
        }
        if run.has_events() {
            infos.push(run.finish(files)?);
        }
        Ok(infos)
    }

    /// The events of one entity's rows that were not stored before (S7), numbered after `seq`.
    fn numbered(&self, base: &View, rows: &[Row], mut seq: u32, stored: &[Event]) -> Result<Vec<Event>> {
        let mut repeats: HashMap<Fact<'_>, u32> = HashMap::new();
        if self.mode == LoadMode::Event {
            for event in stored.iter().filter(|event| event.tx != self.tx) {
                let content = match &event.content {
                    Some(blob) => Some(self.hasher.hash_one(&*base.content(blob)?)),
                    None => None,
                };
                *repeats.entry((event.ts, event.op, event.tag.as_deref(), content)).or_default() += 1;
            }
        }
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let tag = self.tag_bytes.get(row.tag as usize);
            let content = self.stored.get(row.content as usize);
            let ts = if row.lands { landing(row.ts, stored, &events) } else { row.ts };
            let fact = (ts, row.op, tag.map(|t| &**t), content.map(|c| c.identity));
            if let Some(left) = repeats.get_mut(&fact).filter(|left| **left > 0) {
                *left -= 1;
                continue;
            }
            seq = seq.checked_add(1).ok_or(Error::TooMany {
                what: "events of one entity",
                limit: u64::from(u32::MAX),
                found: u64::from(u32::MAX) + 1,
            })?;
            events.push(Event {
                ts,
                seq,
                tx: self.tx,
                recorded_at: None,
                stamped: row.stamped,
                op: row.op,
                tag: tag.cloned(),
                content: content.map(|c| c.blob.clone()),
            });
        }
        Ok(events)
    }
}

/// The last instant at which the entity has events in the microsecond that `ts` begins; `ts` if there is none.
fn landing(ts: Ns, stored: &[Event], events: &[Event]) -> Ns {
    let within = |event: &&Event| ts <= event.ts && event.ts.0 - ts.0 < 1000;
    stored.iter().chain(events).filter(within).map(|event| event.ts).max().unwrap_or(ts)
}

/// What two events have in common that say the same: instant, operation, tag, and a hash of the content.
type Fact<'a> = (Ns, Op, Option<&'a [u8]>, Option<u64>);

/// The options of a content file to which nothing is written.
const NO_CONTENT: BuildOptions = BuildOptions { compress: false, compression_threshold: usize::MAX };

/// The number of some bytes in the order of first meeting.
fn intern(
    numbers: &mut AHashMap<Arc<[u8]>, u32>,
    all: &mut Vec<Arc<[u8]>>,
    held: &mut usize,
    what: &'static str,
    bytes: &[u8],
) -> Result<u32> {
    if let Some(number) = numbers.get(bytes) {
        return Ok(*number);
    }
    let found = all.len() as u64;
    let limit = u64::from(NONE) - 1;
    if found > limit {
        return Err(Error::TooMany { what, limit, found });
    }
    let shared: Arc<[u8]> = bytes.into();
    // The bytes, two counters, and the pointers to them in the map and in the list.
    *held += bytes.len() + 64;
    all.push(shared.clone());
    numbers.insert(shared, found as u32);
    Ok(found as u32)
}
