//! The end of a bulk load: ids become ordinals, rows become the events of a run.
//!
//! Invariant: an entity that is new to the dataset is written from its rows alone; one that it knows is read first, and its
//! events are numbered after those that it has.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::build::{ContentFile, write_ids_to};
use super::gather::{Gather, Pour};
use super::load::{Birth, Load, LoadMode, NONE, Row, Span};
use super::load_ids::LoadIds;
use super::run_writer::RunWriter;
use super::{Blob, BuildOptions, Event, FileInfo, Timeline, View};
use crate::error::{Error, Result};
use crate::index::log::{ContentLoc, LogEvent, NO_TAG};
use crate::segment::{Files, Kind, SegmentWriter};
use crate::types::{Micros, Ns, Op, Ordinal, TAGS_MAX};

/// How many entities are handled between two calls of the view's tick.
const TICK_EVERY: usize = 256;
/// The options of a content file to which nothing is written.
const NO_CONTENT: BuildOptions = BuildOptions { compress: false, compression_threshold: usize::MAX };

/// A load of at least so many ids is worth a second thread.
const MANY_IDS: usize = 10_000;

/// Calls a function that starts a thread, in such a way that the thread disturbs nobody: signals are not for it.
pub type Start<'a> = &'a dyn Fn(&mut dyn FnMut());

/// Does `other` in a thread of its own while `own` is done here; one after the other where that does not pay.
fn beside<A: Send, B>(
    pays: bool,
    start: Start<'_>,
    other: impl FnOnce() -> Result<A> + Send,
    own: impl FnOnce() -> B,
) -> (Result<A>, B) {
    if !pays {
        return (other(), own());
    }
    std::thread::scope(|scope| {
        let (mut other, mut thread) = (Some(other), None);
        start(&mut || {
            if let Some(other) = other.take() {
                thread = Some(std::thread::Builder::new().spawn_scoped(scope, other));
            }
        });
        let own = own();
        let doing = || "start a thread".to_owned();
        let other = match thread {
            Some(Ok(thread)) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Some(Err(source)) => Err(Error::Io { doing: doing(), source }),
            None => Err(Error::Io { doing: doing(), source: std::io::ErrorKind::Other.into() }),
        };
        (other, own)
    })
}

/// Where an entity of the load is in the dataset.
#[derive(Clone, Copy)]
struct Placed {
    ordinal: Ordinal,
    entity: u32,
    is_known: bool,
}

impl Load {
    /// Builds the files. `base` is the view of a snapshot taken under the dataset tag, delta included; `ordinals` gives
    /// the first of a range of n new ordinals. Events of `base` by the load's own transaction do not count as stored
    /// before (an earlier part of the same statement). Contents and ids are written by another thread, which `start` starts,
    /// beside the run. Returns the files in manifest order.
    pub fn finish(
        mut self,
        base: &View,
        ordinals: &mut dyn FnMut(u32) -> Result<u32>,
        files: &mut dyn Files,
        start: Start<'_>,
    ) -> Result<Vec<FileInfo>> {
        let ids = std::mem::take(&mut self.ids);
        if ids.len() == 0 {
            return Ok(Vec::new());
        }
        let contents = std::mem::replace(&mut self.contents, ContentFile::new(NO_CONTENT));
        let content_files = contents.name().into_iter().collect();
        self.check_births(base)?;
        let (placed, new_ids) = self.place(&ids, base, ordinals)?;
        let groups = Groups::new(&self.spans, ids.len(), self.rows.len());
        let gather = self.gather_known(&ids, base, &placed, &groups)?;
        self.check_new(base, &placed, &groups)?;
        let ids_file = match new_ids.is_empty() {
            true => None,
            false => Some(SegmentWriter::new(files.create(Kind::Ids)?, Kind::Ids)?),
        };
        let has_events = !new_ids.is_empty() || !gather.is_empty();
        let write_others = || -> Result<Vec<FileInfo>> {
            let mut infos = Vec::new();
            contents.finish(&mut infos)?;
            if let Some(file) = ids_file {
                let new = new_ids.iter().map(|placed| (ids.get(placed.entity), placed.ordinal));
                infos.push(write_ids_to(file, new)?);
            }
            Ok(infos)
        };
        let write_run = || -> Result<Option<RunWriter>> {
            if !has_events {
                return Ok(None);
            }
            let instants = self.land(&placed, &groups);
            // A time that no event has would hide the run from whoever knew them all.
            let own = self.has_unstated().then_some((self.tx, None));
            let stated = self.recorded.iter().map(|at| (self.tx, Some(*at)));
            let frame = gather.frame(self.tags.all().to_vec(), instants, own.into_iter().chain(stated))?;
            let mut run = RunWriter::begin(Kind::Run, base.rules(), frame, content_files, files)?;
            let mut pour = gather.pour(run.frame())?;
            self.write(base, &placed, &groups, &mut pour, &mut run)?;
            Ok(Some(run))
        };
        let (others, run) = beside(ids.len() >= MANY_IDS, start, write_others, write_run);
        let mut infos = others?;
        if let Some(run) = run? {
            infos.push(run.finish()?);
        }
        Ok(infos)
    }

    /// The entities by ordinal, and the new ones by id.
    fn place(
        &self,
        ids: &LoadIds,
        base: &View,
        ordinals: &mut dyn FnMut(u32) -> Result<u32>,
    ) -> Result<(Vec<Placed>, Vec<Placed>)> {
        let sorted = ids.sorted();
        let (mut known, mut new) = (Vec::new(), Vec::with_capacity(sorted.len()));
        let within = match (sorted.first(), sorted.last()) {
            (Some(first), Some(last)) => base.has_ids_between(ids.get(*first), ids.get(*last))?,
            _ => false,
        };
        for (n, entity) in sorted.into_iter().enumerate() {
            if n % TICK_EVERY == 0 {
                base.tick();
            }
            let found = if within { base.resolve(ids.get(entity))? } else { None };
            match found {
                Some(ordinal) => known.push(Placed { ordinal, entity, is_known: true }),
                None => new.push(Placed { ordinal: Ordinal(0), entity, is_known: false }),
            }
        }
        if !new.is_empty() {
            let count = new.len() as u32;
            let first = ordinals(count)?;
            if first.checked_add(count - 1).is_none() {
                let (limit, found) = (u64::from(u32::MAX), u64::from(first) + u64::from(count));
                return Err(Error::TooMany { what: "ordinals", limit, found });
            }
            (first..=u32::MAX).zip(&mut new).for_each(|(ordinal, placed)| placed.ordinal = Ordinal(ordinal));
        }
        let mut all = new.clone();
        if !known.is_empty() {
            all.append(&mut known);
            all.sort_unstable_by_key(|placed| placed.ordinal);
        }
        Ok((all, new))
    }

    /// The events of the entities that the dataset knows.
    fn gather_known(&self, ids: &LoadIds, base: &View, placed: &[Placed], groups: &Groups) -> Result<Gather> {
        let (mut gather, mut rows) = (Gather::new(base.rules()), Vec::new());
        for (n, known) in placed.iter().filter(|placed| placed.is_known).enumerate() {
            if n % TICK_EVERY == 0 {
                base.tick();
            }
            let timeline = base.timeline(known.ordinal)?;
            let events = match self.mode {
                LoadMode::State => {
                    let mut birth = self.births[known.entity as usize];
                    if birth.lands {
                        birth.ts = timeline.landing(Micros(birth.ts.0.div_euclid(1000)));
                    }
                    if timeline.exists_at_or_after(birth.ts) {
                        return Err(Error::Exists { id: ids.get(known.entity).to_vec() });
                    }
                    self.reborn(known.entity, &birth, timeline.max_seq())?
                }
                LoadMode::Event => {
                    rows.clear();
                    groups.of(known.entity).for_each(|(from, to)| rows.extend_from_slice(&self.rows[from..to]));
                    self.numbered(base, &rows, timeline.max_seq(), timeline.events())?
                }
            };
            if timeline.events().len() + events.len() > TAGS_MAX {
                let all = timeline.events().iter().chain(&events).cloned().collect();
                Timeline::new(all).check_tags(base.rules())?;
            }
            gather.push(known.ordinal, base.sealed_events(known.ordinal)?, events, &|_| None)?;
        }
        Ok(gather)
    }

    /// Fails where a row of a state has tags that exclude each other (S4).
    fn check_births(&self, base: &View) -> Result<()> {
        let rules = base.rules();
        let ruled: Vec<bool> = self.tags.all().iter().map(|tag| rules.concern(tag)).collect();
        if !ruled.contains(&true) {
            return Ok(());
        }
        for (n, entity) in (0..self.births.len() as u32).enumerate() {
            if n % TICK_EVERY == 0 {
                base.tick();
            }
            let tags = self.tags_of(entity).iter().map(|tag| *tag as usize).filter(|tag| ruled[*tag]);
            rules.check(tags.map(|tag| &*self.tags.all()[tag]))?;
        }
        Ok(())
    }

    /// Fails where an entity that is new carries too many tags. (A row of a state was checked when it came.)
    fn check_new(&self, base: &View, placed: &[Placed], groups: &Groups) -> Result<()> {
        if self.mode == LoadMode::State {
            return Ok(());
        }
        for new in placed.iter().filter(|placed| !placed.is_known) {
            if groups.of(new.entity).map(|(from, to)| to - from).sum::<usize>() > TAGS_MAX {
                let rows: Vec<Row> =
                    groups.of(new.entity).flat_map(|(from, to)| &self.rows[from..to]).copied().collect();
                Timeline::new(self.numbered(base, &rows, 0, &[])?).check_tags(base.rules())?;
            }
        }
        Ok(())
    }

    /// The events of a birth that follows `seq` others.
    fn reborn(&self, entity: u32, birth: &Birth, seq: u32) -> Result<Vec<Event>> {
        let mut tags: Vec<&Arc<[u8]>> =
            self.tags_of(entity).iter().map(|tag| &self.tags.all()[*tag as usize]).collect();
        tags.sort_unstable();
        tags.dedup();
        let mut said = vec![(Op::Create, None, None)];
        said.extend(tags.into_iter().map(|tag| (Op::Assert, Some(tag.clone()), None)));
        said.extend(self.content(birth.content).map(|at| (Op::Content, None, Some(blob(at)))));
        let mut events = Vec::with_capacity(said.len());
        for (n, (op, tag, content)) in (1..).zip(said) {
            let seq = next_seq(seq, n)?;
            let (ts, stamped) = (birth.ts, birth.stamped);
            events.push(Event { ts, seq, tx: self.tx, recorded_at: None, stamped, op, tag, content });
        }
        Ok(events)
    }

    /// The events of one entity's facts that were not stored before (S7), numbered after `seq`.
    fn numbered(&self, base: &View, rows: &[Row], seq: u32, stored: &[Event]) -> Result<Vec<Event>> {
        let mut repeats: HashMap<Fact<'_>, u32> = HashMap::new();
        for event in stored.iter().filter(|event| event.tx != self.tx) {
            let content = match &event.content {
                Some(blob) => Some(self.hasher.hash_one(&*base.content(blob)?)),
                None => None,
            };
            *repeats.entry((event.ts, event.op, event.tag.as_deref(), content)).or_default() += 1;
        }
        let mut exact = Exact::default();
        stored.iter().for_each(|event| exact.note(event.ts));
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let tag = self.tags.all().get(row.tag as usize);
            let ts = if row.lands { exact.landing(row.ts) } else { row.ts };
            let content = self.identities.get(row.content as usize).copied();
            let fact = (ts, row.op, tag.map(|t| &**t), content);
            if let Some(left) = repeats.get_mut(&fact).filter(|left| **left > 0) {
                *left -= 1;
                continue;
            }
            exact.note(ts);
            events.push(Event {
                ts,
                seq: next_seq(seq, events.len() as u32 + 1)?,
                tx: self.tx,
                recorded_at: self.stated(row.recorded),
                stamped: row.stamped,
                op: row.op,
                tag: tag.cloned(),
                content: self.content(row.content).map(blob),
            });
        }
        Ok(events)
    }

    /// Lets the facts of new entities land where they do (S9); returns all instants of new entities.
    fn land(&mut self, placed: &[Placed], groups: &Groups) -> Vec<Ns> {
        let new = placed.iter().filter(|placed| !placed.is_known);
        if self.mode == LoadMode::State {
            return new.map(|placed| self.births[placed.entity as usize].ts).collect();
        }
        let mut instants = Vec::new();
        for placed in new {
            let mut exact = Exact::default();
            for (from, to) in groups.of(placed.entity) {
                for row in &mut self.rows[from..to] {
                    if self.has_exact {
                        row.ts = if row.lands { exact.landing(row.ts) } else { row.ts };
                        exact.note(row.ts);
                    }
                    if instants.last() != Some(&row.ts) {
                        instants.push(row.ts);
                    }
                }
            }
        }
        instants
    }

    /// Writes all entities; those that the dataset knows are poured.
    fn write(
        &self,
        base: &View,
        placed: &[Placed],
        groups: &Groups,
        pour: &mut Pour,
        run: &mut RunWriter,
    ) -> Result<()> {
        let positions = self.tags.all().iter().map(|tag| run.frame().position(tag)).collect::<Result<Vec<u32>>>()?;
        let tx = if self.has_unstated() { run.frame().tx(self.tx, None)? } else { u32::MAX };
        let stated = self.recorded.iter().map(|at| run.frame().tx(self.tx, Some(*at))).collect::<Result<Vec<u32>>>()?;
        let (mut events, mut tags) = (Vec::new(), Vec::new());
        for (n, Placed { ordinal, entity, is_known }) in placed.iter().copied().enumerate() {
            if n % TICK_EVERY == 0 {
                base.tick();
            }
            if is_known {
                // Nothing is there to be poured where all rows were repeats.
                pour.next(Some(ordinal), run)?;
                continue;
            }
            events.clear();
            if self.mode == LoadMode::State {
                tags.clear();
                tags.extend(self.tags_of(entity).iter().map(|tag| positions[*tag as usize]));
                tags.sort_unstable();
                tags.dedup();
                let birth = &self.births[entity as usize];
                let rank = run.frame().rank(birth.ts)?;
                log_birth(&mut events, rank, tx, birth.stamped, &tags, self.content(birth.content));
                run.push_birth(ordinal, &mut events)?;
                continue;
            }
            for row in groups.of(entity).flat_map(|(from, to)| &self.rows[from..to]) {
                events.push(LogEvent {
                    tag: if row.tag == NONE { NO_TAG } else { positions[row.tag as usize] },
                    rank: run.frame().rank(row.ts)?,
                    seq: events.len() as u32 + 1,
                    tx: stated.get(row.recorded as usize).copied().unwrap_or(tx),
                    op: row.op,
                    stamped: row.stamped,
                    content: (row.op == Op::Content).then(|| self.content(row.content)),
                });
            }
            run.push(ordinal, &mut events, None)?;
        }
        Ok(())
    }
}

/// The events of a new entity's birth in the order of the log: its tags, ascending, then create and content; they are
/// numbered in the order create, tags, content.
fn log_birth(events: &mut Vec<LogEvent>, rank: u32, tx: u32, stamped: bool, tags: &[u32], content: Option<ContentLoc>) {
    let create = LogEvent { tag: NO_TAG, rank, seq: 1, tx, op: Op::Create, stamped, content: None };
    events.extend((2..).zip(tags).map(|(seq, tag)| LogEvent { tag: *tag, seq, op: Op::Assert, ..create }));
    events.push(create);
    if content.is_some() {
        let seq = tags.len() as u32 + 2;
        events.push(LogEvent { seq, op: Op::Content, content: Some(content), ..create });
    }
}

/// The `n`th seq after `seq`.
fn next_seq(seq: u32, n: u32) -> Result<u32> {
    let limit = u64::from(u32::MAX);
    seq.checked_add(n).ok_or(Error::TooMany { what: "events of one entity", limit, found: limit + 1 })
}

/// A content of the load as a value.
fn blob(at: ContentLoc) -> Blob {
    Blob::Stored { segment: at.segment, offset: at.offset, len: at.len, hash: at.hash }
}

/// What two events have in common that say the same: instant, operation, tag, and a hash of the content.
type Fact<'a> = (Ns, Op, Option<&'a [u8]>, Option<u64>);

/// The instants of an entity that no timestamptz can name; all others are landed on by themselves.
#[derive(Default)]
struct Exact(BTreeSet<Ns>);

impl Exact {
    fn note(&mut self, ts: Ns) {
        if ts.0 % 1000 != 0 {
            self.0.insert(ts);
        }
    }

    /// The last instant at which the entity has events in the microsecond that `ts` begins; `ts` if there is none.
    fn landing(&self, ts: Ns) -> Ns {
        self.0.range(ts..=Ns(ts.0.saturating_add(999))).next_back().copied().unwrap_or(ts)
    }
}

/// Where the rows of each entity are, in the order in which they came.
struct Groups {
    /// First and last row of each span, entity by entity.
    spans: Vec<(usize, usize)>,
    /// Where the spans of each entity begin; empty if each has one, at its own number.
    begins: Vec<usize>,
}

impl Groups {
    fn new(spans: &[Span], entities: usize, rows: usize) -> Self {
        let ends = spans.iter().skip(1).map(|span| span.start).chain([rows]);
        let ranges = spans.iter().zip(ends).map(|(span, end)| (span.start, end));
        // An entity is numbered when its first span begins.
        if spans.len() == entities || spans.is_empty() {
            return Self { spans: ranges.collect(), begins: Vec::new() };
        }
        let mut begins = vec![0; entities + 1];
        spans.iter().for_each(|span| begins[span.entity as usize + 1] += 1);
        for entity in 0..entities {
            begins[entity + 1] += begins[entity];
        }
        let mut next = begins.clone();
        let mut grouped = vec![(0, 0); spans.len()];
        for (span, range) in spans.iter().zip(ranges) {
            let place = &mut next[span.entity as usize];
            grouped[*place] = range;
            *place += 1;
        }
        Self { spans: grouped, begins }
    }

    /// The ranges of an entity's rows.
    fn of(&self, entity: u32) -> impl Iterator<Item = (usize, usize)> + '_ {
        let entity = entity as usize;
        let spans = match (self.begins.get(entity), self.begins.get(entity + 1)) {
            (Some(from), Some(to)) => *from..*to,
            _ => entity..entity + 1,
        };
        self.spans[spans].iter().copied()
    }
}
