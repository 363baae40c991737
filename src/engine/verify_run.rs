//! Whether the log and the postings of a run or tile are what they claim to be.
//!
//! Invariant: one pass over the log. The toggles that follow from it, and from the older runs where those know an entity, are
//! compared with the stored ones, all of them.

use super::bitmap::EXISTS;
use super::frame::Frame;
use super::gather::patches;
use super::opened::Run;
use super::toggles::{Sink, Toggles};
use super::verify::Check;
use super::{Event, View};
use crate::error::Result;
use crate::index::log::{LogEvent, NO_TAG};
use crate::index::postings::Toggle;
use crate::types::{Op, Ordinal};

/// How many entities are looked at between two calls of the view's tick.
const TICK_EVERY: u64 = 256;

/// Checks run number `n` of the view.
pub(super) fn verify_run(view: &View, name: &str, n: usize) -> Vec<Check> {
    let runs: Vec<(&Run, &[u32])> = view.runs().collect();
    let Some(&(run, contents)) = runs.get(n) else { return Vec::new() };
    let mut pass = Pass { view, older: &runs[..n], run, contents, log: None, postings: Compare::new(run) };
    let read = pass.read();
    let (log, postings) = (pass.log.take(), pass.postings.fault.take());
    let log = match (read, log) {
        (Err(fault), _) => Err(fault.to_string()),
        (Ok(_), Some(fault)) => Err(fault),
        (Ok(found), None) => Ok(found),
    };
    let postings = match (postings, log.is_ok()) {
        (_, false) => Err("not compared: the log is damaged".to_owned()),
        (Some(fault), true) => Err(fault),
        (None, true) if !view.follows(view.rules()) && !run.summary.follows(view.rules()) => {
            Ok("not used: a cardinality was declared since; compact makes them anew".to_owned())
        }
        (None, true) => Ok(format!("{} of {} tags", run.postings.len(), run.tags.len())),
    };
    vec![Check::new(name, "log", log), Check::new(name, "postings", postings)]
}

/// One pass over a log.
struct Pass<'a> {
    view: &'a View,
    older: &'a [(&'a Run, &'a [u32])],
    run: &'a Run,
    contents: &'a [u32],
    /// The first fault of the log.
    log: Option<String>,
    postings: Compare<'a>,
}

impl Pass<'_> {
    /// Reads everything; says what there is.
    fn read(&mut self) -> Result<String> {
        let run = self.run;
        let instants = run.instants.all()?;
        let tags = run.tags.range(0..run.tags.len())?;
        if !instants.is_sorted_by(|a, b| a < b) || !tags.is_sorted_by(|a, b| a < b) {
            return Err(run.malformed("its tags or its instants do not ascend".to_owned()));
        }
        let frame = Frame::new(tags.into_iter().map(Into::into).collect(), instants, Vec::new(), Vec::new())?;
        let compares = run.summary.follows(self.view.rules()) || self.view.follows(self.view.rules());
        let mut toggles = Toggles::new(self.view.rules());
        let (mut scan, mut events) = (run.log.scan(), Vec::new());
        let (mut count, mut entities) = (0_u64, 0_u64);
        while let Some(ordinal) = scan.next(&mut events)? {
            if entities.is_multiple_of(TICK_EVERY) {
                self.view.tick();
            }
            self.check_events(ordinal, &events)?;
            count += events.len() as u64;
            entities += 1;
            if compares {
                self.compare(ordinal, &events, &frame, &mut toggles)?;
            }
            events.clear();
        }
        if compares {
            toggles.flush(&mut self.postings)?;
            self.postings.finish();
        }
        let stated = (run.summary.events, run.summary.entities);
        if (count, entities) != stated {
            self.fault(format!("{count} events of {entities} entities, stated were {} of {}", stated.0, stated.1));
        }
        Ok(format!("{count} events of {entities} entities"))
    }

    fn fault(&mut self, detail: String) {
        self.log.get_or_insert(detail);
    }

    /// That the events of an entity are in order, name only what there is, and that their contents can be read.
    fn check_events(&mut self, ordinal: Ordinal, events: &[LogEvent]) -> Result<()> {
        if !events.is_sorted_by(|a, b| (a.tag, a.rank, a.seq) < (b.tag, b.rank, b.seq)) {
            self.fault(format!("the events of ordinal {} are not in order", ordinal.0));
        }
        for event in events {
            let needs_tag = matches!(event.op, Op::Assert | Op::Retract);
            let has_tag = event.tag != NO_TAG;
            if needs_tag != has_tag
                || (has_tag && event.tag >= self.run.tags.len())
                || event.rank >= self.run.instants.len()
                || event.tx >= self.run.txs.len()
            {
                return Err(self.run.malformed(format!("event {} of ordinal {} is damaged", event.seq, ordinal.0)));
            }
            let Some(Some(at)) = event.content else { continue };
            let file = self.contents.get(at.segment as usize).and_then(|n| self.view.files()[1].get(*n as usize));
            let read = match file.and_then(|opened| opened.content()) {
                Some(content) => content.read(at.offset, at.len, at.hash).map(drop).map_err(|e| e.to_string()),
                None => Err("its file is missing".to_owned()),
            };
            if let Err(fault) = read {
                self.fault(format!("a content of ordinal {}: {fault}", ordinal.0));
            }
        }
        Ok(())
    }

    /// Adds the toggles that an entity should have.
    fn compare(&mut self, ordinal: Ordinal, events: &[LogEvent], frame: &Frame, toggles: &mut Toggles) -> Result<()> {
        let mut before: Vec<Event> = Vec::new();
        for (run, contents) in self.older {
            run.events(ordinal, contents, &mut before)?;
        }
        if before.is_empty() {
            return toggles.derive(ordinal, events, frame, &mut self.postings);
        }
        let mut own = Vec::with_capacity(events.len());
        self.run.events(ordinal, self.contents, &mut own)?;
        for (tag, is_end, ts) in patches(before, own, self.view.rules()) {
            toggles.patch(ordinal, frame.patch(tag.as_deref(), is_end, ts)?, &mut self.postings)?;
        }
        Ok(())
    }
}

/// Compares what the postings should be with what they are.
struct Compare<'a> {
    run: &'a Run,
    /// How many entries of the directory were compared.
    compared: u32,
    fault: Option<String>,
}

impl<'a> Compare<'a> {
    fn new(run: &'a Run) -> Self {
        Self { run, compared: 0, fault: None }
    }

    /// That nothing is stored beyond what was compared.
    fn finish(&mut self) {
        if self.compared != self.run.postings.len() {
            let detail =
                format!("{} postings are stored and {} follow from the log", self.run.postings.len(), self.compared);
            self.fault.get_or_insert(detail);
        }
    }
}

impl Sink for Compare<'_> {
    fn push(&mut self, key: u32, chunk: u16, toggles: &[Toggle]) -> Result<()> {
        self.compared += 1;
        if self.fault.is_some() {
            return Ok(());
        }
        let name = || match key / 2 {
            EXISTS => "(exists)".to_owned(),
            key => String::from_utf8_lossy(&self.run.tags.get(key - 1).unwrap_or_default()).into_owned(),
        };
        let stored = match self.run.postings.find(key, chunk)? {
            Some(entry) => self.run.postings.postings(&entry).and_then(|postings| {
                let stored = (postings.len(), postings.last_cardinality(), postings.last_rank());
                Ok(stored == (entry.toggles, entry.last_cardinality, entry.last_rank) && postings.check(toggles)?)
            }),
            None => Ok(false),
        };
        match stored {
            Ok(true) => {}
            Ok(false) => self.fault = Some(format!("\"{}\" in chunk {chunk} is not what the log says", name())),
            Err(fault) => self.fault = Some(format!("\"{}\" in chunk {chunk}: {fault}", name())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::{BuildOptions, Opened, Rules, seal, verify};
    use crate::index::section;
    use crate::segment::{Files, Kind, MemoryFiles, Reader, SegmentWriter};
    use crate::types::{ChangeSet, NewEvent, Ns, Xid};

    const OPTIONS: BuildOptions = BuildOptions { compress: true, compression_threshold: 8 };

    fn view(files: &[(String, Vec<u8>)]) -> View {
        let open = |(name, bytes): &(String, Vec<u8>)| Opened::open(name, Arc::new(bytes.clone())).unwrap();
        View::new(files.iter().map(open).collect(), Vec::new(), Rules::default(), || {}).unwrap()
    }

    /// Seals some tags of a few entities on top of what there is.
    fn sealed(files: &MemoryFiles, tx: u64, ops: [Op; 3]) {
        let event = |(n, op): (usize, Op), ts: i64| NewEvent {
            ts: Ns(ts * 7 + n as i64),
            stamped: true,
            op,
            tag: matches!(op, Op::Assert | Op::Retract).then(|| format!("tag:{n}").into_bytes()),
            content: (op == Op::Content).then(|| b"some content".to_vec()),
        };
        let set = |ordinal: u32| ChangeSet {
            id: format!("id {ordinal}").into_bytes(),
            ordinal: Ordinal(ordinal),
            first_seq: tx as u32 * 3,
            tx: Xid(tx),
            recorded_at: None,
            stored: Vec::new(),
            events: ops.into_iter().enumerate().map(|fact| event(fact, i64::from(ordinal))).collect(),
        };
        let base = view(&files.published.lock());
        let sets = [1, 2, 70_000].into_iter().map(set).collect();
        seal(&base, sets, &|_| None, &OPTIONS, &mut files.clone()).unwrap();
    }

    /// The file with a section changed, as a hostile builder would have written it: its checksums are right.
    fn rewritten(file: &(String, Vec<u8>), changed: u8, at: usize) -> Option<(String, Vec<u8>)> {
        let reader = Arc::new(Reader::open(&file.0, Arc::new(file.1.clone())).unwrap());
        let mut files = MemoryFiles::default();
        let mut out = SegmentWriter::new(files.create(Kind::Run).unwrap(), Kind::Run).unwrap();
        for id in section::TAGS..=section::SUMMARY {
            let section = reader.section(id);
            let mut bytes = section.slice(0..section.len()).unwrap().to_vec();
            if id == changed {
                *bytes.get_mut(at)? ^= 1;
            }
            out.section(id, &bytes).unwrap();
        }
        out.finish().unwrap();
        let bytes = files.published.lock().remove(0).1;
        Some((file.0.clone(), bytes))
    }

    #[test]
    fn every_change_of_postings_is_found() {
        let files = MemoryFiles::default();
        sealed(&files, 1, [Op::Assert, Op::Assert, Op::Content]);
        sealed(&files, 2, [Op::Retract, Op::Delete, Op::Assert]);
        let files = files.published.lock().clone();
        assert!(verify(&view(&files)).iter().all(|check| check.ok));
        let runs: Vec<usize> = (0..files.len()).filter(|n| files[*n].0.ends_with(".run")).collect();
        assert_eq!(runs.len(), 2);
        for (n, id) in runs.into_iter().flat_map(|n| [section::POSTINGS, section::POSTINGS_INDEX].map(|id| (n, id))) {
            for at in 0.. {
                let Some(file) = rewritten(&files[n], id, at) else { break };
                let mut files = files.clone();
                files[n] = file;
                // Two bytes of an entry of the directory are for later use.
                let is_unused = id == section::POSTINGS_INDEX && matches!(at % 32, 6 | 7);
                let found = verify(&view(&files)).iter().any(|check| !check.ok);
                assert_eq!(found, !is_unused, "file {n}, section {id}, byte {at}");
            }
        }
    }
}
