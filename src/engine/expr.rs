//! Boolean tag trees and what they mean.
//!
//! Invariant: the meaning is [`TagExpr::holds`] on the state of an entity that exists; nothing else defines it.

use roaring::RoaringBitmap;

use crate::types::Ordinal;

/// A boolean tag tree. Only existing entities are ever selected, so `Not` is relative to *exists*.
#[derive(Clone, Debug, PartialEq)]
pub enum TagExpr {
    /// Every entity that exists.
    Exists,
    /// No entity.
    Never,
    /// Carries this tag.
    Tag(Vec<u8>),
    /// Carries some tag that starts with these bytes.
    Prefix(Vec<u8>),
    /// Carries at least two tags that start with these bytes.
    Several(Vec<u8>),
    /// Is one of these.
    Ordinals(RoaringBitmap),
    /// All of these; empty: exists.
    And(Vec<TagExpr>),
    /// Any of these; empty: never.
    Or(Vec<TagExpr>),
    /// Exists, and not this.
    Not(Box<TagExpr>),
}

impl TagExpr {
    /// Whether an existing entity with these tags, in any order, is selected.
    pub fn holds<T: AsRef<[u8]>>(&self, ordinal: Ordinal, tags: &[T]) -> bool {
        match self {
            TagExpr::Exists => true,
            TagExpr::Never => false,
            TagExpr::Tag(tag) => tags.iter().any(|t| t.as_ref() == tag.as_slice()),
            TagExpr::Prefix(prefix) => tags.iter().any(|t| t.as_ref().starts_with(prefix)),
            TagExpr::Several(prefix) => {
                let mut found = tags.iter().map(AsRef::as_ref).filter(|tag| tag.starts_with(prefix));
                found.next().is_some_and(|first| found.any(|tag| tag != first))
            }
            TagExpr::Ordinals(set) => set.contains(ordinal.0),
            TagExpr::And(all) => all.iter().all(|e| e.holds(ordinal, tags)),
            TagExpr::Or(any) => any.iter().any(|e| e.holds(ordinal, tags)),
            TagExpr::Not(inner) => !inner.holds(ordinal, tags),
        }
    }

    /// Whether the tree asks about this tag.
    pub(super) fn names(&self, tag: &[u8]) -> bool {
        match self {
            TagExpr::Tag(named) => named == tag,
            TagExpr::Prefix(prefix) | TagExpr::Several(prefix) => tag.starts_with(prefix),
            TagExpr::And(inner) | TagExpr::Or(inner) => inner.iter().any(|e| e.names(tag)),
            TagExpr::Not(inner) => inner.names(tag),
            TagExpr::Exists | TagExpr::Never | TagExpr::Ordinals(_) => false,
        }
    }

    /// What the tree says of an existing entity before its tags are known; `None` where they decide.
    pub(super) fn without_tags(&self, ordinal: Ordinal) -> Option<bool> {
        match self {
            TagExpr::Exists => Some(true),
            TagExpr::Never => Some(false),
            TagExpr::Tag(_) | TagExpr::Prefix(_) | TagExpr::Several(_) => None,
            TagExpr::Ordinals(set) => Some(set.contains(ordinal.0)),
            TagExpr::And(all) => {
                let mut sum = Some(true);
                for e in all {
                    match e.without_tags(ordinal) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => sum = None,
                    }
                }
                sum
            }
            TagExpr::Or(any) => {
                let mut sum = Some(false);
                for e in any {
                    match e.without_tags(ordinal) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => sum = None,
                    }
                }
                sum
            }
            TagExpr::Not(inner) => inner.without_tags(ordinal).map(|b| !b),
        }
    }
}
