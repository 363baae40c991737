//! How many rows clauses leave, for the planner.
//!
//! Invariant: an estimate reads the directories of segments and no postings, and never raises for a value that the
//! executor would not meet.

use super::pred::Pred;
use super::quals::{Cmp, Leaf, Qual};
use crate::engine::{TagExpr, View};
use crate::pg::error::OrRaise;

/// What segments say of clauses.
#[derive(Default)]
pub struct Sealed {
    /// About how many entities exist.
    pub entities: f64,
    /// About which part of them the clauses about constant tags select, if there are such clauses and entities.
    pub share: Option<f64>,
}

/// What the segments of a view say of clauses.
pub fn sealed(view: &View, quals: &[Qual]) -> Sealed {
    let entities = view.estimate(&TagExpr::Exists).or_raise();
    let known: Vec<Pred> = quals.iter().filter_map(Qual::of_constant_tags).collect();
    let share = (entities > 0.0 && !known.is_empty()).then(|| {
        let expr = Pred::And(known).lower(view).or_raise();
        view.estimate(&expr).or_raise() / entities
    });
    Sealed { entities, share }
}

/// About which part of the entities a clause selects, by its form.
fn selectivity(qual: &Qual) -> f64 {
    match qual {
        Qual::And(all) => all.iter().map(selectivity).product(),
        Qual::Or(any) => any.iter().map(selectivity).sum::<f64>().min(1.0),
        Qual::Not(qual) => 1.0 - selectivity(qual),
        Qual::Leaf(Leaf::TagsContain | Leaf::TagsOverlap | Leaf::Tag, _) => 0.05,
        Qual::About(_) => 0.1,
        Qual::Leaf(_, _) => 0.3,
    }
}

/// How many ids a clause leaves, if it pins them.
pub fn pinned(qual: &Qual) -> Option<f64> {
    match qual {
        Qual::Leaf(Leaf::Id(Cmp::Eq), _) => Some(1.0),
        Qual::Leaf(Leaf::IdAny, _) => Some(10.0),
        Qual::And(all) => all.iter().filter_map(pinned).reduce(f64::min),
        _ => None,
    }
}

/// About how many rows the clauses leave of `total`; `share` is what those about constant tags select, if it is known.
pub fn rows(total: f64, quals: &[Qual], share: Option<f64>) -> f64 {
    let guessed = quals.iter().filter(|qual| share.is_none() || qual.of_constant_tags().is_none());
    let rows = total * share.unwrap_or(1.0) * guessed.map(selectivity).product::<f64>();
    quals.iter().filter_map(pinned).fold(rows, f64::min).max(1.0).round()
}
