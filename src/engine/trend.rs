//! How many entities carry some tags, at each of many points in time.
//!
//! Invariant: the answer at a point is that of [`Select`](super::Select) there. What is sealed is counted from the postings;
//! entities of which the delta or the asker has another picture are then counted as they are less as they are sealed.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::bitmap::{Key, Keys, Moment, compose, exists, keys_of_tag, tags_with};
use super::select::{count_ones, hidden};
use super::sweep::{Forward, Scratch, Step, Tally, first_seeing};
use super::trend_rows::{Changes, TrendRows};
use super::{Event, Horizon, Known, Timeline, View};
use crate::error::Result;
use crate::index::directory::Entry;
use crate::types::{Ns, Ordinal};

/// What reading a chunk's set at a point costs, in toggles read one by one.
const SET_COST: u64 = 30;
/// What finding a size costs, in toggles read one by one.
const SIZE_COST: u64 = 60;
/// How many toggles are held at a time, but for those of one entity.
const TOGGLES_MAX: usize = 1 << 22;
/// How many entities are read between two calls of the view's tick.
const TICK_EVERY: usize = 256;

/// What is counted, and when.
pub struct Trend {
    view: Arc<View>,
    /// Ascending.
    points: Vec<Ns>,
    known: Option<Known>,
    /// The tags that are asked for, each once; all entities where there are none.
    tags: Vec<Vec<u8>>,
}

impl Trend {
    /// Asks for entities with all these tags at these points, which ascend, as known to the asker.
    pub fn new(view: Arc<View>, tags: Vec<Vec<u8>>, points: &[Ns], known: Option<Known>) -> Self {
        let points = points.iter().map(|t| (*t).clamp(Ns::MIN_WRITABLE, Ns::MAX_WRITABLE)).collect();
        let tags: BTreeSet<Vec<u8>> = tags.into_iter().collect();
        Self { view, points, known, tags: tags.into_iter().collect() }
    }

    /// How many there are at each point.
    pub fn counts(&self) -> Result<Vec<u64>> {
        let Tally::All(changes) = self.tally(Vec::new(), None)? else { return Ok(Vec::new()) };
        let mut n = 0;
        Ok(changes.into_iter().map(|change| running(&mut n, change)).collect())
    }

    /// How many there are at each point by their values of a namespace, where there are any; by point, then by value.
    pub fn counts_by(&self, namespace: &[u8]) -> Result<TrendRows> {
        let prefix = [namespace, b":"].concat();
        let dirty = self.dirty()?;
        let mut names: BTreeSet<Vec<u8>> = tags_with(&self.view, &prefix)?.into_keys().collect();
        for ordinal in &dirty {
            let events = self.view.timeline(Ordinal(ordinal))?;
            let tags = events.events().iter().filter_map(|event| event.tag.as_ref());
            names.extend(tags.filter(|tag| tag.starts_with(&prefix)).map(|tag| tag.to_vec()));
        }
        let names: Vec<Vec<u8>> = names.into_iter().collect();
        let Tally::Values(changes) = self.tally(names.clone(), Some(dirty))? else {
            return Ok(TrendRows::new(Vec::new(), Vec::new(), 0));
        };
        let names = names.into_iter().map(|name| name[prefix.len()..].to_vec()).collect();
        Ok(TrendRows::new(names, changes, self.points.len() as u32))
    }

    /// Whether the postings say nothing, for their rules are others.
    fn reads_log(&self) -> bool {
        !self.view.follows(self.view.rules())
    }

    /// The entities of which the postings do not say all.
    fn dirty(&self) -> Result<RoaringBitmap> {
        if self.reads_log() {
            return Ok(self.view.ordinals()?.into_iter().map(|o| o.0).collect());
        }
        let mut dirty = hidden(&self.view, &self.horizon())?;
        dirty.extend(self.view.delta().ordinals().map(|o| o.0));
        Ok(dirty)
    }

    fn horizon(&self) -> Horizon {
        Horizon { known: self.known.clone(), ..Horizon::at(Ns::AFTER_ALL) }
    }

    /// The changes from point to point: of all, or of each of these values, which are whole tags.
    fn tally(&self, values: Vec<Vec<u8>>, dirty: Option<RoaringBitmap>) -> Result<Tally> {
        let by_value = dirty.is_some();
        let dirty = dirty.map_or_else(|| self.dirty(), Ok)?;
        let mut tally = match by_value {
            true => Tally::Values(vec![Changes::default(); values.len()]),
            false => Tally::All(vec![0; self.points.len()]),
        };
        if self.points.is_empty() {
            return Ok(tally);
        }
        let reads_log = self.reads_log();
        if !reads_log {
            self.sealed(&values, &mut tally)?;
        }
        let horizon = self.horizon();
        let mut knows = horizon.knows();
        let mut scratch = Scratch::default();
        for (n, ordinal) in dirty.iter().enumerate() {
            if n % TICK_EVERY == 0 {
                self.view.tick();
            }
            let ordinal = Ordinal(ordinal);
            let mut events = self.view.sealed_events(ordinal)?;
            if !reads_log && !events.is_empty() {
                self.replayed(events.clone(), &values, -1, &mut tally, &mut scratch);
            }
            self.view.delta().events(ordinal, &mut events);
            events.retain(|event| knows(event.tx, event.recorded_at));
            self.replayed(events, &values, 1, &mut tally, &mut scratch);
        }
        Ok(tally)
    }

    /// Counts an entity from its events.
    fn replayed(&self, events: Vec<Event>, values: &[Vec<u8>], sign: i64, tally: &mut Tally, scratch: &mut Scratch) {
        let asked = self.tags.len().max(1) as u32;
        let mut steps: Vec<Step> = Vec::new();
        for (tag, ts, _) in Timeline::new(events).transitions(self.view.rules()) {
            let point = first_seeing(&self.points, ts);
            let mut push = |set: u32| steps.push(Step::new(0, set, point, 0, false));
            match &tag {
                None if self.tags.is_empty() => push(0),
                None => {}
                Some(tag) => {
                    let place = |tags: &[Vec<u8>]| tags.binary_search_by(|known| known.as_slice().cmp(tag)).ok();
                    place(&self.tags).into_iter().for_each(|place| push(place as u32));
                    place(values).into_iter().for_each(|place| push(asked + place as u32));
                }
            }
        }
        steps.sort_unstable();
        tally.entity(&steps, asked, sign, scratch);
    }

    /// Counts what is sealed, chunk by chunk.
    fn sealed(&self, values: &[Vec<u8>], tally: &mut Tally) -> Result<()> {
        let limits = self.limits()?;
        let mut sets: Vec<Keys> = match self.tags.is_empty() {
            true => vec![exists(&self.view)?],
            false => self.tags.iter().map(|tag| keys_of_tag(&self.view, tag)).collect::<Result<_>>()?,
        };
        let asked = sets.len();
        for value in values {
            sets.push(keys_of_tag(&self.view, value)?);
        }
        // Only chunks in which all that is asked for is to be found.
        let chunks = |keys: &Keys| -> BTreeSet<u16> { keys.iter().flat_map(Key::chunks).collect() };
        let common = sets[..asked].iter().map(chunks).reduce(|a, b| &a & &b).unwrap_or_default();
        for chunk in common {
            self.view.tick();
            let streams: Vec<Stream> = sets.iter().zip(0..).flat_map(|(keys, set)| streams(keys, set, chunk)).collect();
            let toggles: u64 = streams.iter().map(|stream| u64::from(stream.entry.toggles)).sum();
            let points = self.points.len() as u64;
            match (&streams[..], &mut *tally) {
                ([only], Tally::All(counts)) => self.sizes(only, &limits, counts)?,
                _ if points * streams.len() as u64 * SET_COST < toggles => {
                    self.sampled(&sets, asked, chunk, &limits, tally)?;
                }
                _ => self.swept(&streams, asked as u32, &limits, tally)?,
            }
        }
        Ok(())
    }

    /// By run, the ranks that each point sees are less than these.
    fn limits(&self) -> Result<Vec<Vec<u32>>> {
        let mut limits = Vec::new();
        for (run, _) in self.view.runs() {
            self.view.tick();
            // Past so many points it is cheaper to read all instants.
            let all = if self.points.len() as u64 > u64::from(run.instants.len()) / 64 {
                run.instants.all()?
            } else {
                Vec::new()
            };
            let mut forward = Forward::new(&all);
            let limit = |t: &Ns| match all.is_empty() {
                true => run.instants.rank_after(*t),
                false => Ok(forward.first_past(|ts| ts > *t)),
            };
            limits.push(self.points.iter().map(limit).collect::<Result<_>>()?);
        }
        Ok(limits)
    }

    /// The sizes of one set, from what is stored of them.
    fn sizes(&self, stream: &Stream, limits: &[Vec<u32>], counts: &mut [i64]) -> Result<()> {
        // What a run ends is nothing where no run begins it.
        let (Some(run), Some(limits)) = (self.view.run(stream.run), limits.get(stream.run)) else { return Ok(()) };
        if stream.is_end {
            return Ok(());
        }
        self.view.touch(stream.run);
        let postings = run.postings.postings(&stream.entry)?;
        if self.points.len() as u64 * SIZE_COST < u64::from(stream.entry.toggles) {
            let (mut before, mut limit_before) = (0, None);
            for (count, limit) in counts.iter_mut().zip(limits) {
                if limit_before != Some(*limit) {
                    let size = i64::from(postings.cardinality_at(*limit)?);
                    *count += size - before;
                    (before, limit_before) = (size, Some(*limit));
                }
            }
            return Ok(());
        }
        let mut forward = Forward::new(limits);
        postings.each_toggle(|rank, _, enters| {
            let point = forward.first_past(|limit| limit > rank);
            if let Some(count) = counts.get_mut(point as usize) {
                *count += if enters { 1 } else { -1 };
            }
        })
    }

    /// Reads the sets of a chunk at each point.
    fn sampled(&self, sets: &[Keys], asked: usize, chunk: u16, limits: &[Vec<u32>], tally: &mut Tally) -> Result<()> {
        let (mut words, mut some) = (Box::new([0_u64; 1024]), Box::new([0_u64; 1024]));
        let mut before = vec![0; sets.len() - asked + 1];
        let mut moment_before = None;
        for point in 0..self.points.len() {
            self.view.tick();
            let moment = Moment::At(limits.iter().map(|limits| limits[point]).collect());
            if moment_before.as_ref() == Some(&moment) {
                continue;
            }
            for (n, keys) in sets[..asked].iter().enumerate() {
                let set = if n == 0 { &mut *words } else { &mut *some };
                compose(&self.view, keys, &moment, chunk, set)?;
                if n > 0 {
                    words.iter_mut().zip(some.iter()).for_each(|(word, other)| *word &= other);
                }
            }
            let mut change = |value: Option<u32>, before: &mut u64, now: u64| {
                if now != *before {
                    tally.add(value, point as u32, now as i64 - *before as i64);
                    *before = now;
                }
            };
            match sets.len() == asked {
                true => change(None, &mut before[0], count_ones(&words)),
                false => {
                    for ((value, keys), before) in (0..).zip(&sets[asked..]).zip(&mut before) {
                        compose(&self.view, keys, &moment, chunk, &mut some)?;
                        some.iter_mut().zip(words.iter()).for_each(|(word, other)| *word &= other);
                        change(Some(value), before, count_ones(&some));
                    }
                }
            }
            moment_before = Some(moment);
        }
        Ok(())
    }

    /// Reads all toggles of a chunk, entity by entity.
    fn swept(&self, streams: &[Stream], asked: u32, limits: &[Vec<u32>], tally: &mut Tally) -> Result<()> {
        let toggles: usize = streams.iter().map(|stream| stream.entry.toggles as usize).sum();
        // So many entities at a time that their toggles need not much memory.
        let parts = (toggles / TOGGLES_MAX + 1).min(1 << 16);
        let size = (1_usize << 16).div_ceil(parts);
        let mut scratch = Scratch::default();
        for part in (0..1_usize << 16).step_by(size) {
            let mut steps = self.steps(streams, limits, part..part + size)?;
            steps.sort_unstable();
            let entities = steps.chunk_by(|a, b| a.low() == b.low());
            entities.for_each(|entity| tally.entity(entity, asked, 1, &mut scratch));
        }
        Ok(())
    }

    /// The toggles of some entities of a chunk that matter to a point.
    fn steps(&self, streams: &[Stream], limits: &[Vec<u32>], entities: Range<usize>) -> Result<Vec<Step>> {
        let mut steps: Vec<Step> = Vec::new();
        let none = self.points.len() as u32;
        for stream in streams {
            let (Some(run), Some(limits)) = (self.view.run(stream.run), limits.get(stream.run)) else { continue };
            self.view.touch(stream.run);
            let mut forward = Forward::new(limits);
            run.postings.postings(&stream.entry)?.each_toggle(|rank, low, _| {
                let point = forward.first_past(|limit| limit > rank);
                if point < none && entities.contains(&usize::from(low)) {
                    steps.push(Step::new(low, stream.set, point, stream.run as u32, stream.is_end));
                }
            })?;
        }
        self.view.tick();
        Ok(steps)
    }
}

/// Toggles of a set in one run and chunk.
struct Stream {
    set: u32,
    run: usize,
    is_end: bool,
    entry: Entry,
}

/// What there is of a set in a chunk.
fn streams(keys: &Keys, set: u32, chunk: u16) -> Vec<Stream> {
    let of_key = |key: &Key| {
        let sides = key.entries(chunk);
        let run = key.run();
        sides
            .into_iter()
            .zip([false, true])
            .filter_map(move |(entry, is_end)| Some(Stream { set, run, is_end, entry: entry? }))
    };
    keys.iter().flat_map(of_key).collect()
}

fn running(n: &mut i64, change: i64) -> u64 {
    *n += change;
    u64::try_from(*n).unwrap_or(0)
}
