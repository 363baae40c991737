//! What a scan asks for, with all values known: a boolean tree over ids, tags and instants.
//!
//! Invariant: two-valued. NULLs were resolved when the tree was made, so `Not` here is plain negation.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::engine::{TagExpr, View};
use crate::error::Result;
use crate::types::Ns;

/// A boolean tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Pred {
    /// Everything.
    True,
    /// Nothing.
    False,
    /// The id is one of these.
    IdIn(BTreeSet<Vec<u8>>),
    /// The id lies between these in byte order.
    IdBetween(Bound<Vec<u8>>, Bound<Vec<u8>>),
    /// Carries this tag.
    Tag(Vec<u8>),
    /// Carries a tag that starts with this.
    Prefix(Vec<u8>),
    /// The event's valid time lies between these, both included.
    Between(Ns, Ns),
    /// All of these.
    And(Vec<Pred>),
    /// Any of these.
    Or(Vec<Pred>),
    /// Not this.
    Not(Box<Pred>),
}

/// What a predicate is asked of.
pub struct Subject<'a> {
    /// The entity's id.
    pub id: &'a [u8],
    /// Its tags; empty for an event.
    pub tags: &'a [Arc<[u8]>],
    /// The event's valid time; any for an entity.
    pub ts: Ns,
}

impl Pred {
    /// This, or its negation.
    pub fn negated_if(self, negated: bool) -> Pred {
        match (negated, self) {
            (false, pred) => pred,
            (true, Pred::True) => Pred::False,
            (true, Pred::False) => Pred::True,
            (true, pred) => Pred::Not(Box::new(pred)),
        }
    }

    /// The ids outside of which nothing matches, if the tree says so.
    pub fn pinned(&self) -> Option<BTreeSet<Vec<u8>>> {
        match self {
            Pred::False => Some(BTreeSet::new()),
            Pred::IdIn(ids) => Some(ids.clone()),
            Pred::And(all) => {
                let mut sets = all.iter().filter_map(Pred::pinned);
                let first = sets.next()?;
                Some(sets.fold(first, |a, b| a.intersection(&b).cloned().collect()))
            }
            Pred::Or(any) => any.iter().map(Pred::pinned).try_fold(BTreeSet::new(), |mut all, ids| {
                all.extend(ids?);
                Some(all)
            }),
            _ => None,
        }
    }

    /// Whether the subject satisfies the tree.
    pub fn matches(&self, s: &Subject) -> bool {
        match self {
            Pred::True => true,
            Pred::False => false,
            Pred::IdIn(ids) => ids.contains(s.id),
            Pred::IdBetween(lower, upper) => {
                (match lower {
                    Bound::Included(l) => s.id >= l.as_slice(),
                    Bound::Excluded(l) => s.id > l.as_slice(),
                    Bound::Unbounded => true,
                }) && (match upper {
                    Bound::Included(u) => s.id <= u.as_slice(),
                    Bound::Excluded(u) => s.id < u.as_slice(),
                    Bound::Unbounded => true,
                })
            }
            Pred::Tag(tag) => s.tags.binary_search_by(|t| t.as_ref().cmp(tag.as_slice())).is_ok(),
            Pred::Prefix(prefix) => s.tags.iter().any(|t| t.starts_with(prefix)),
            Pred::Between(from, to) => *from <= s.ts && s.ts <= *to,
            Pred::And(all) => all.iter().all(|p| p.matches(s)),
            Pred::Or(any) => any.iter().any(|p| p.matches(s)),
            Pred::Not(p) => !p.matches(s),
        }
    }

    /// The same question over ordinals and tags. Instants of events are no question to entities: such a leaf asks
    /// nothing.
    pub fn lower(&self, view: &View) -> Result<TagExpr> {
        Ok(match self {
            Pred::True | Pred::Between(..) => TagExpr::Exists,
            Pred::False => TagExpr::Never,
            Pred::IdIn(ids) => {
                let mut ordinals = RoaringBitmap::new();
                for id in ids {
                    if let Some(ordinal) = view.resolve(id)? {
                        ordinals.insert(ordinal.0);
                    }
                }
                TagExpr::Ordinals(ordinals)
            }
            Pred::IdBetween(lower, upper) => {
                let found = view.ids_between(slice(lower), slice(upper))?;
                TagExpr::Ordinals(found.into_iter().map(|(_, ordinal)| ordinal.0).collect())
            }
            Pred::Tag(tag) => TagExpr::Tag(tag.clone()),
            Pred::Prefix(prefix) => TagExpr::Prefix(prefix.clone()),
            Pred::And(all) => TagExpr::And(all.iter().map(|p| p.lower(view)).collect::<Result<_>>()?),
            Pred::Or(any) => TagExpr::Or(any.iter().map(|p| p.lower(view)).collect::<Result<_>>()?),
            Pred::Not(p) => TagExpr::Not(Box::new(p.lower(view)?)),
        })
    }
}

fn slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(b) => Bound::Included(b.as_slice()),
        Bound::Excluded(b) => Bound::Excluded(b.as_slice()),
        Bound::Unbounded => Bound::Unbounded,
    }
}
