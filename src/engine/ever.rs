//! Which entities may satisfy a boolean tag tree at any instant at all: what faces of intervals look at.
//!
//! Invariant: the answer leaves out no entity that satisfies the tree at some instant that the horizon admits; it may
//! name others. Each must still be looked at.

use roaring::RoaringBitmap;

use super::bitmap::begins;
use super::opened::Run;
use super::select::hidden;
use super::{Horizon, TagExpr, Valid, View};
use crate::error::Result;
use crate::types::Ordinal;

/// The entities that may ever satisfy the tree; `None` where the tree leaves none out.
pub fn ever(view: &View, expr: &TagExpr, horizon: &Horizon) -> Result<Option<RoaringBitmap>> {
    // Postings under other rules of reading say nothing of tags; nor do they of a plain read, which may look at some events of
    // an instant and not at others.
    let tells = matches!(horizon.valid, Valid::At(_)) && view.follows(view.rules());
    // Entities whose postings do not tell all: those with unsealed events, and with events that the asker does not know.
    let mut known = None;
    let mut open = || match &known {
        Some(known) => Ok(RoaringBitmap::clone(known)),
        None => {
            let mut found = hidden(view, horizon)?;
            found.extend(view.delta().ordinals().map(|o| o.0));
            Ok(known.insert(found).clone())
        }
    };
    walk(view, expr, tells, &mut open)
}

fn walk(
    view: &View,
    expr: &TagExpr,
    tells: bool,
    open: &mut dyn FnMut() -> Result<RoaringBitmap>,
) -> Result<Option<RoaringBitmap>> {
    Ok(match expr {
        TagExpr::Exists | TagExpr::Not(_) => None,
        TagExpr::Never => Some(RoaringBitmap::new()),
        TagExpr::Ordinals(set) => Some(set.clone()),
        TagExpr::Tag(_) | TagExpr::Prefix(_) | TagExpr::Several(_) if !tells => None,
        TagExpr::Prefix(prefix) | TagExpr::Several(prefix) if prefix.is_empty() => None,
        TagExpr::Tag(tag) => {
            let mut found = open()?;
            for (n, (run, _)) in view.runs().enumerate() {
                if let Ok(position) = run.tags.find(tag)? {
                    add_carriers(view, (n, run), position, &mut found)?;
                }
            }
            Some(found)
        }
        TagExpr::Prefix(prefix) | TagExpr::Several(prefix) => {
            let mut found = open()?;
            for (n, (run, _)) in view.runs().enumerate() {
                for position in run.tags.prefix(prefix)? {
                    add_carriers(view, (n, run), position, &mut found)?;
                }
            }
            Some(found)
        }
        TagExpr::And(all) => {
            let mut found: Option<RoaringBitmap> = None;
            for inner in all {
                if let Some(set) = walk(view, inner, tells, open)? {
                    found = Some(found.map_or_else(|| set.clone(), |found| found & &set));
                }
            }
            found
        }
        TagExpr::Or(any) => {
            let mut found = RoaringBitmap::new();
            for inner in any {
                match walk(view, inner, tells, open)? {
                    Some(set) => found |= set,
                    None => return Ok(None),
                }
            }
            Some(found)
        }
    })
}

/// Adds the entities for which events of a run begin the tag at a position of its dictionary. Whoever carries a tag does so
/// because some run begins it.
fn add_carriers(view: &View, (n, run): (usize, &Run), position: u32, found: &mut RoaringBitmap) -> Result<()> {
    for entry in run.postings.of_key(begins(position + 1))? {
        view.tick();
        view.touch(n);
        let toggles = run.postings.postings(&entry)?.toggles()?;
        found.extend(toggles.into_iter().map(|(_, low)| Ordinal::new(entry.chunk, low).0));
    }
    Ok(())
}
