//! Whether the segments are what they claim to be.
//!
//! Invariant: verify reads everything and never stops at the first fault.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::bitmap::{Keys, Moment, compose, exists, stated, tags_with};
use super::{Timeline, View};
use crate::error::Result;
use crate::types::Ordinal;

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Check {
    /// The segment's file name; empty for the dataset as a whole.
    pub segment: String,
    /// What was checked.
    pub check: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

impl Check {
    fn new(segment: &str, check: &'static str, found: Result<String, String>) -> Self {
        let ok = found.is_ok();
        let detail = found.unwrap_or_else(|fault| fault);
        Self { segment: segment.to_owned(), check, ok, detail }
    }
}

/// Checks checksums, structure, and that postings and ids say what the logs say.
pub fn verify(view: &View) -> Vec<Check> {
    let mut checks = Vec::new();
    for opened in view.files().into_iter().flatten() {
        view.tick();
        let faults = opened.reader().verify_all();
        if faults.is_empty() {
            checks.push(Check::new(opened.name(), "checksums", Ok(String::new())));
        }
        for fault in faults {
            checks.push(Check::new(opened.name(), "checksums", Err(fault.to_string())));
        }
        if opened.run().is_some() {
            checks.push(Check::new(opened.name(), "log", log(view, opened.name())));
        }
        if let Some(ids) = opened.ids() {
            let found = ids.range(0..ids.len()).map_err(|e| e.to_string()).and_then(|all| {
                for (id, ordinal) in &all {
                    let there = ids.find(id).map_err(|e| e.to_string())?;
                    let back = ids.id(*ordinal).map_err(|e| e.to_string())?;
                    if there != Some(*ordinal) || back.as_ref() != Some(id) {
                        return Err(format!("ordinal {} and its id do not lead to each other", ordinal.0));
                    }
                }
                Ok(format!("{} ids", all.len()))
            });
            checks.push(Check::new(opened.name(), "ids", found));
        }
    }
    checks.push(Check::new("", "ids", ids(view)));
    checks.push(Check::new("", "postings", postings(view)));
    checks
}

/// Reads every event of a run and every content that it names.
fn log(view: &View, name: &str) -> Result<String, String> {
    let runs = view.files()[0].iter().zip(view.runs());
    let Some((_, (run, contents))) = runs.into_iter().find(|(opened, _)| opened.name() == name) else {
        return Err("it is not a run".to_owned());
    };
    let (mut count, mut entities) = (0_u64, 0_u64);
    for ordinal in run.ordinals().map_err(|e| e.to_string())? {
        if entities.is_multiple_of(256) {
            view.tick();
        }
        let mut events = Vec::new();
        run.events(ordinal, contents, &mut events).map_err(|e| e.to_string())?;
        for blob in events.iter().filter_map(|e| e.content.as_ref()) {
            view.content(blob).map_err(|e| format!("a content of ordinal {}: {e}", ordinal.0))?;
        }
        let ((first, last), (from, to)) = (run.summary.ts, run.summary.ordinals);
        if ordinal < from || ordinal > to || events.iter().any(|e| e.ts < first || e.ts > last) {
            return Err(format!("an event of ordinal {} is outside of the stated bounds", ordinal.0));
        }
        count += events.len() as u64;
        entities += 1;
    }
    let stated = (run.summary.events, run.summary.entities);
    if (count, entities) != stated {
        return Err(format!("{count} events of {entities} entities, stated were {} of {}", stated.0, stated.1));
    }
    Ok(format!("{count} events of {entities} entities"))
}

/// That every entity has an id, and that ids and ordinals of the whole view are one to one.
fn ids(view: &View) -> Result<String, String> {
    let all = view.ids_between(Bound::Unbounded, Bound::Unbounded).map_err(|e| e.to_string())?;
    let with_id: BTreeSet<Ordinal> = all.iter().map(|(_, ordinal)| *ordinal).collect();
    if with_id.len() != all.len() {
        return Err(format!("{} ids share {} ordinals", all.len(), with_id.len()));
    }
    if let Some(pair) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("ordinals {} and {} share an id", pair[0].1.0, pair[1].1.0));
    }
    let ordinals = view.ordinals().map_err(|e| e.to_string())?;
    match ordinals.iter().find(|ordinal| !with_id.contains(ordinal)) {
        Some(ordinal) => Err(format!("ordinal {} has events and no id", ordinal.0)),
        None => Ok(format!("{} ids", all.len())),
    }
}

/// That the patches of all runs together say, after all events, what the logs say.
fn postings(view: &View) -> Result<String, String> {
    if view.runs().any(|(run, _)| !run.summary.follows(view.rules())) {
        return Ok("not used: a cardinality was declared since; compact makes them anew".to_owned());
    }
    let compared = || -> Result<Result<String, String>> {
        let mut sealed: BTreeMap<u16, Vec<Ordinal>> = BTreeMap::new();
        for (run, _) in view.runs() {
            for ordinal in run.ordinals()? {
                sealed.entry(ordinal.chunk()).or_default().push(ordinal);
            }
        }
        let mut keys: Vec<(Option<Vec<u8>>, Keys)> = vec![(None, exists(view)?)];
        keys.extend(tags_with(view, b"")?.into_iter().map(|(tag, keys)| (Some(tag), keys)));
        let mut words = Box::new([0_u64; 1024]);
        for (chunk, mut ordinals) in sealed {
            view.tick();
            ordinals.sort_unstable();
            ordinals.dedup();
            let mut expected: BTreeMap<Option<Arc<[u8]>>, Box<[u64; 1024]>> = BTreeMap::new();
            for ordinal in ordinals {
                for (tag, _, _) in Timeline::new(view.sealed_events(ordinal)?).transitions(view.rules()) {
                    let words = expected.entry(tag).or_insert_with(|| Box::new([0; 1024]));
                    words[usize::from(ordinal.low() >> 6)] ^= 1 << (ordinal.low() & 63);
                }
            }
            for (tag, keys) in &keys {
                compose(view, keys, &Moment::Last, chunk, &mut words)?;
                let count = words.iter().map(|w| u64::from(w.count_ones())).sum::<u64>();
                let stated = stated(keys, chunk).unwrap_or(count);
                let wanted = expected.remove(&tag.as_deref().map(Arc::from));
                let same = wanted.map_or_else(|| words.iter().all(|w| *w == 0), |wanted| wanted == words);
                if !same || stated != count {
                    let tag = tag.as_ref().map_or("(exists)".into(), |tag| String::from_utf8_lossy(tag));
                    return Ok(Err(format!("\"{tag}\" in chunk {chunk} is not what the logs say")));
                }
            }
            if let Some(tag) = expected.keys().next() {
                let tag = tag.as_ref().map_or("(exists)".into(), |tag| String::from_utf8_lossy(tag));
                return Ok(Err(format!("\"{tag}\" in chunk {chunk} has no postings")));
            }
        }
        Ok(Ok(format!("{} tags", keys.len() - 1)))
    };
    compared().unwrap_or_else(|fault| Err(fault.to_string()))
}
