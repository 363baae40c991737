//! Whether the segments are what they claim to be.
//!
//! Invariant: verify reads everything and never stops at the first fault.

use std::ops::Bound;

use roaring::RoaringBitmap;

use super::verify_run::verify_run;
use super::{Opened, View};
use crate::error::Error;

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
    pub(super) fn new(segment: &str, check: &'static str, found: Result<String, String>) -> Self {
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
        checks.append(&mut checksums(opened));
        if let Some(ids) = opened.ids() {
            let found = ids.verify().map(|()| format!("{} ids", ids.len())).map_err(|e| e.to_string());
            checks.push(Check::new(opened.name(), "ids", found));
        }
    }
    for (n, opened) in view.files()[0].iter().enumerate() {
        checks.extend(verify_run(view, opened.name(), n));
    }
    checks.push(Check::new("", "ids", ids(view)));
    checks
}

/// Checks the blocks of one file.
pub fn checksums(opened: &Opened) -> Vec<Check> {
    let faults = opened.reader().verify_all();
    if faults.is_empty() {
        return vec![Check::new(opened.name(), "checksums", Ok(String::new()))];
    }
    faults.into_iter().map(|fault| Check::new(opened.name(), "checksums", Err(fault.to_string()))).collect()
}

/// What is to be said of a file that cannot be opened.
pub fn unopened(name: &str, fault: &Error) -> Check {
    Check::new(name, "file", Err(fault.to_string()))
}

/// That every entity has an id, and that ids and ordinals of the whole view are one to one.
fn ids(view: &View) -> Result<String, String> {
    let all = view.ids_between(Bound::Unbounded, Bound::Unbounded).map_err(|e| e.to_string())?;
    let with_id: RoaringBitmap = all.iter().map(|(_, ordinal)| ordinal.0).collect();
    if with_id.len() != all.len() as u64 {
        return Err(format!("{} ids share {} ordinals", all.len(), with_id.len()));
    }
    if let Some(pair) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("ordinals {} and {} share an id", pair[0].1.0, pair[1].1.0));
    }
    let ordinals = view.ordinals().map_err(|e| e.to_string())?;
    match ordinals.iter().find(|ordinal| !with_id.contains(ordinal.0)) {
        Some(ordinal) => Err(format!("ordinal {} has events and no id", ordinal.0)),
        None => Ok(format!("{} ids", all.len())),
    }
}
