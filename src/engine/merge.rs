//! Merges runs and tiles into one tile, entity by entity, without making values of their events.
//!
//! Invariant: the tile's events are exactly those of its inputs, less what is removed; numbers of an input become numbers of the tile through one
//! table each for tags, instants, transactions and content files.

use std::collections::BTreeSet;

use super::opened::Run;
use super::rewrite::{Kept, Moved, Uses};
use super::run_writer::RunWriter;
use super::{FileInfo, View, frame::Frame};
use crate::error::{Error, Result};
use crate::index::log::{LogEvent, NO_TAG, Scan};
use crate::segment::{Files, Kind};
use crate::types::{Micros, Op, Ordinal, Xid};

/// How many entities are merged between two calls of the view's tick.
const TICK_EVERY: usize = 256;

/// What stays of the events, and where their contents went.
type Only<'a> = (&'a Kept<'a>, &'a Moved);

/// A run or tile that is merged.
struct Input<'a> {
    run: &'a Run,
    scan: Scan,
    tags: Vec<u32>,
    ranks: Vec<u32>,
    txs: Vec<u32>,
    /// The tile's number of each content file; `None` if the view has no such file.
    contents: Vec<Option<u32>>,
    /// The entity that the scan has reached, and its events.
    ordinal: Option<Ordinal>,
    events: Vec<LogEvent>,
}

/// Writes a tile of all runs and tiles of the view, or of what stays of them.
pub(super) fn merge(
    view: &View,
    only: Option<Only<'_>>,
    times: &dyn Fn(Xid) -> Option<Micros>,
    files: &mut dyn Files,
) -> Result<FileInfo> {
    let content_files: BTreeSet<String> = match only {
        Some((_, moved)) => moved.files(),
        None => view.files()[1].iter().map(|opened| opened.name().to_owned()).collect(),
    };
    let uses = |n: usize| only.and_then(|(kept, _)| kept.uses.get(n));
    let frame = frame(view, &uses, times)?;
    let mut tile = RunWriter::begin(Kind::Tile, view.rules(), frame, content_files.clone(), files)?;
    let mut inputs = Vec::new();
    for (n, (run, _)) in view.runs().enumerate() {
        view.tick();
        let place = |name: &String| {
            let name = only.map_or(Some(name), |(_, moved)| moved.file(name))?;
            content_files.iter().position(|file| file == name).map(|place| place as u32)
        };
        let contents = run.content_files.iter().map(place).collect();
        inputs.push(Input::new(run, tile.frame(), uses(n), contents)?);
    }
    let (mut merged, mut until_tick) = (Vec::new(), TICK_EVERY);
    while let Some(ordinal) = inputs.iter().filter_map(|input| input.ordinal).min() {
        until_tick -= 1;
        if until_tick == 0 {
            until_tick = TICK_EVERY;
            view.tick();
        }
        merged.clear();
        for input in inputs.iter_mut().filter(|input| input.ordinal == Some(ordinal)) {
            if let Some((kept, moved)) = only {
                kept.removal.apply(ordinal, &mut input.events);
                moved.follow(input.run, &mut input.events)?;
            }
            input.take(ordinal, &mut merged)?;
        }
        tile.push(ordinal, &mut merged, None)?;
    }
    tile.finish()
}

/// The tags, instants and transactions of all runs, or those that are used.
fn frame<'a>(
    view: &View,
    uses: &dyn Fn(usize) -> Option<&'a Uses>,
    times: &dyn Fn(Xid) -> Option<Micros>,
) -> Result<Frame> {
    let (mut tags, mut instants, mut txs, mut timed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (n, (run, _)) in view.runs().enumerate() {
        view.tick();
        let uses = uses(n);
        let is_used = |marks: fn(&Uses) -> &Vec<bool>, number: usize| {
            uses.is_none_or(|uses| marks(uses).get(number).is_some_and(|used| *used))
        };
        let all = run.tags.range(0..run.tags.len())?.into_iter().enumerate();
        tags.extend(all.filter(|(tag, _)| is_used(|uses| &uses.tags, *tag)).map(|(_, tag)| tag.into()));
        let all = run.instants.all()?.into_iter().enumerate();
        instants.extend(all.filter(|(rank, _)| is_used(|uses| &uses.ranks, *rank)).map(|(_, ts)| ts));
        for index in (0..run.txs.len()).filter(|index| is_used(|uses| &uses.txs, *index as usize)) {
            match run.txs.get(index)? {
                (xid, None) => txs.push((xid, times(xid))),
                (xid, Some(at)) => timed.push((xid, at)),
            }
        }
    }
    Frame::new(tags, instants, txs, timed)
}

impl<'a> Input<'a> {
    fn new(run: &'a Run, frame: &Frame, uses: Option<&Uses>, contents: Vec<Option<u32>>) -> Result<Self> {
        // What no event names is in no table of the tile; its number is never asked for.
        let is_unused = |marks: fn(&Uses) -> &Vec<bool>, number: usize| {
            uses.is_some_and(|uses| marks(uses).get(number).is_none_or(|used| !used))
        };
        let tags = run.tags.range(0..run.tags.len())?.into_iter().enumerate();
        let tag = |(number, tag): (usize, Vec<u8>)| {
            if is_unused(|uses| &uses.tags, number) { Ok(NO_TAG) } else { frame.position(&tag) }
        };
        let tags = tags.map(tag).collect::<Result<_>>()?;
        let ranks = run.instants.all()?.into_iter().enumerate();
        let rank = |(number, ts)| if is_unused(|uses| &uses.ranks, number) { Ok(u32::MAX) } else { frame.rank(ts) };
        let ranks = ranks.map(rank).collect::<Result<_>>()?;
        let tx = |index: u32| -> Result<u32> {
            if is_unused(|uses| &uses.txs, index as usize) {
                return Ok(u32::MAX);
            }
            let (xid, time) = run.txs.get(index)?;
            frame.tx(xid, time)
        };
        let txs = (0..run.txs.len()).map(tx).collect::<Result<_>>()?;
        let mut input =
            Self { run, scan: run.log.scan(), tags, ranks, txs, contents, ordinal: None, events: Vec::new() };
        input.advance()?;
        Ok(input)
    }

    fn advance(&mut self) -> Result<()> {
        self.events.clear();
        self.ordinal = self.scan.next(&mut self.events)?;
        Ok(())
    }

    /// Adds the events of the entity, in the tile's numbers, and goes on to the next one.
    fn take(&mut self, ordinal: Ordinal, into: &mut Vec<LogEvent>) -> Result<()> {
        for event in &self.events {
            let tx = *self.txs.get(event.tx as usize).ok_or_else(|| self.beyond("transaction", event.tx))?;
            into.push(LogEvent { tx, ..self.numbered(ordinal, event)? });
        }
        self.advance()
    }

    /// The event with the tile's numbers of its tag, instant and content file.
    fn numbered(&self, ordinal: Ordinal, event: &LogEvent) -> Result<LogEvent> {
        let tag = match event.tag {
            NO_TAG if matches!(event.op, Op::Assert | Op::Retract) => {
                return Err(self.run.malformed(format!("an event of ordinal {} lacks its tag", ordinal.0)));
            }
            NO_TAG => NO_TAG,
            tag => *self.tags.get(tag as usize).ok_or_else(|| self.beyond("tag", tag))?,
        };
        let rank = *self.ranks.get(event.rank as usize).ok_or_else(|| self.beyond("instant", event.rank))?;
        let mut numbered = LogEvent { tag, rank, ..*event };
        if let Some(Some(at)) = &mut numbered.content {
            let place =
                self.contents.get(at.segment as usize).ok_or_else(|| self.beyond("content file", at.segment))?;
            at.segment = place.ok_or_else(|| Error::Missing {
                segment: self.run.content_files.get(at.segment as usize).cloned().unwrap_or_default(),
            })?;
        }
        Ok(numbered)
    }

    fn beyond(&self, what: &str, number: u32) -> Error {
        self.run.malformed(format!("the log names {what} {number}, which there is not"))
    }
}
