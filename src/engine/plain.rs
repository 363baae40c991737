//! The state of an entity straight from the log of the one run that knows it, without values of its events.
//!
//! Invariant: only entities that nothing ever ended are read so; what is answered is what `Timeline::state` would.

use super::opened::Run;
use super::{Blob, Horizon, State, Valid, View};
use crate::error::Result;
use crate::index::log::{ContentLoc, LogEvent, NO_TAG};
use crate::types::{Op, Ordinal};

/// The state at the horizon, if it can be had so: `Some(None)` where the entity does not exist.
pub(super) fn plain_state(view: &View, ordinal: Ordinal, h: &Horizon) -> Result<Option<Option<State>>> {
    if h.known.is_some() || !view.rules().one.is_empty() || view.delta().has(ordinal) {
        return Ok(None);
    }
    let mut found: Option<(&Run, &[u32], Vec<LogEvent>)> = None;
    for (n, (run, contents)) in view.runs().enumerate() {
        let (first, last) = run.summary.ordinals;
        let is_later = matches!(h.valid, Valid::At(t) if run.summary.ts.0 > t);
        if is_later || ordinal < first || ordinal > last {
            continue;
        }
        let events = run.log.events(ordinal)?;
        if events.is_empty() {
            continue;
        }
        view.touch(n);
        if found.is_some() {
            return Ok(None);
        }
        found = Some((run, contents, events));
    }
    let Some((run, contents, events)) = found else { return Ok(Some(None)) };
    if events.iter().any(|event| matches!(event.op, Op::Delete | Op::Cancel)) {
        return Ok(None);
    }
    let limit = match h.valid {
        Valid::At(t) => run.instants.rank_after(t)?,
        Valid::Now { clock, own } => {
            let clock = own.map_or(clock, |(_, own)| own.min(clock));
            if run.summary.max_dated > Some(clock) {
                return Ok(None);
            }
            u32::MAX
        }
    };
    read(view, run, contents, &events, limit).map(Some)
}

/// The state after the events of a smaller rank than `limit`, from all events in the order of the log.
fn read(view: &View, run: &Run, contents: &[u32], events: &[LogEvent], limit: u32) -> Result<Option<State>> {
    let looked_at = || events.iter().filter(|event| event.rank < limit);
    let Some(born) = looked_at().filter(|event| event.op != Op::Retract).map(|event| event.rank).min() else {
        return Ok(None);
    };
    let (mut updated, mut tags) = (born, Vec::new());
    let (mut content, mut replaced): (Option<ContentLoc>, Vec<(u32, ContentLoc, ContentLoc)>) = (None, Vec::new());
    for group in events.chunk_by(|a, b| a.tag == b.tag) {
        let mut held = false;
        for event in group.iter().filter(|event| event.rank < limit) {
            match event.op {
                Op::Assert | Op::Retract if event.tag == NO_TAG => {
                    return Err(run.malformed(format!("event {} of an entity lacks its tag", event.seq)));
                }
                Op::Assert | Op::Retract => {
                    if held != (event.op == Op::Assert) {
                        held = !held;
                        updated = updated.max(event.rank);
                    }
                }
                Op::Content => match (content, event.content.flatten()) {
                    (Some(old), Some(new)) => {
                        replaced.push((event.rank, old, new));
                        content = Some(new);
                    }
                    (old, new) => {
                        if old.is_some() != new.is_some() {
                            updated = updated.max(event.rank);
                        }
                        content = new;
                    }
                },
                Op::Create | Op::Delete | Op::Cancel => {}
            }
        }
        if held {
            tags.push(run.tag(group[0].tag)?);
        }
    }
    let blob = |at: ContentLoc| run.blob(at, contents);
    for (rank, old, new) in replaced.into_iter().rev().take_while(|(rank, ..)| *rank > updated) {
        if old.len != new.len || !view.same(&blob(old)?, &blob(new)?)? {
            updated = rank;
            break;
        }
    }
    Ok(Some(State {
        tags,
        content: content.map(blob).transpose()?,
        created_at: run.instants.ts(born)?,
        updated_at: run.instants.ts(updated)?,
        version: looked_at().map(|event| event.seq).max().unwrap_or_default(),
    }))
}

impl Run {
    /// A content of this run as the view names it.
    pub(super) fn blob(&self, at: ContentLoc, contents: &[u32]) -> Result<Blob> {
        let segment = contents.get(at.segment as usize).copied();
        let beyond = || self.malformed(format!("content file {} of {}", at.segment, contents.len()));
        Ok(Blob::Stored { segment: segment.ok_or_else(beyond)?, offset: at.offset, len: at.len, hash: at.hash })
    }
}
