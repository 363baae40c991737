//! The rules of reading that a dataset declares: namespaces of cardinality one (S4).
//!
//! Invariant: a rule changes no event, only what the events mean; so it holds for all that was stored before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Event, EventScan, Timeline, View};
use crate::error::{Error, Result};
use crate::types::Op;

/// How many entities are read between two calls of the view's tick.
const TICK_EVERY: usize = 256;

/// The namespaces of cardinality `one`: of the tags of each, at most one holds at any instant, the one asserted last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Namespaces without their final colon.
    pub one: BTreeSet<Vec<u8>>,
}

impl Rules {
    /// The namespaces of cardinality one that `tag` belongs to, each with its final colon.
    pub(super) fn one_of<'a>(&'a self, tag: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let colons = tag.iter().enumerate().filter(|_| !self.one.is_empty()).filter(|(_, byte)| **byte == b':');
        colons.filter(|(at, _)| self.one.contains(&tag[..*at])).map(|(at, _)| &tag[..=at])
    }

    /// Whether the tag belongs to a namespace of cardinality one.
    pub(super) fn concern(&self, tag: &[u8]) -> bool {
        self.one_of(tag).next().is_some()
    }

    /// Whether no two of these tags exclude each other, whenever each is asserted; the same tag may come several times.
    pub(super) fn coexist<'a>(&'a self, tags: impl Iterator<Item = &'a [u8]>) -> bool {
        if self.one.is_empty() {
            return true;
        }
        let mut concerned = tags.filter(|tag| self.concern(tag));
        let (Some(first), Some(second)) = (concerned.next(), concerned.next()) else { return true };
        self.check([first, second].into_iter().chain(concerned)).is_ok()
    }

    /// Whether an assert of `by` ends `tag`.
    pub fn ends(&self, by: &[u8], tag: &[u8]) -> bool {
        by != tag && self.one_of(by).any(|namespace| tag.starts_with(namespace))
    }

    /// Fails where two of these tags exclude each other.
    pub fn check<'a>(&'a self, tags: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        if self.one.is_empty() {
            return Ok(());
        }
        let mut values: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        for tag in tags {
            for namespace in self.one_of(tag) {
                let value = *values.entry(namespace).or_insert(tag);
                if value != tag {
                    let namespace = namespace[..namespace.len() - 1].to_vec();
                    return Err(Error::Values { namespace, tags: [value.to_vec(), tag.to_vec()] });
                }
            }
        }
        Ok(())
    }
}

/// How many entities have another timeline by `other` than by the view's own rules: at some instant, another set of tags.
pub fn changed_readings(view: &Arc<View>, other: &Rules) -> Result<u64> {
    let rules = view.rules();
    let differs = |tag: &[u8]| rules.one_of(tag).ne(other.one_of(tag));
    // Where what is sealed reads the same, only what is not can make a difference.
    let mut scan = match view.follows(rules) && view.follows(other) {
        true => EventScan::of(view.clone(), view.delta().ordinals().collect(), None),
        false => EventScan::all(view.clone(), None)?,
    };
    let (mut changed, mut events, mut until_tick) = (0, Vec::new(), TICK_EVERY);
    while scan.next(&mut events)?.is_some() {
        until_tick -= 1;
        if until_tick == 0 {
            until_tick = TICK_EVERY;
            view.tick();
        }
        // Of one tag alone, asserts and retracts mean the same by any rules.
        let asserted = |event: &Event| if event.op == Op::Assert { event.tag.clone() } else { None };
        let tags: BTreeSet<Arc<[u8]>> = events.iter().filter_map(asserted).filter(|tag| differs(tag)).collect();
        if tags.len() > 1 {
            let timeline = Timeline::new(std::mem::take(&mut events));
            changed += u64::from(timeline.transitions(rules) != timeline.transitions(other));
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(one: &[&str]) -> Rules {
        Rules { one: one.iter().map(|namespace| namespace.as_bytes().to_vec()).collect() }
    }

    #[test]
    fn s4_a_namespace_covers_nested_ones() {
        let rules = rules(&["rbac", "a:b"]);
        assert!(rules.ends(b"rbac:x", b"rbac:role:admin") && rules.ends(b"rbac:role:admin", b"rbac:x"));
        assert!(rules.ends(b"a:b:", b"a:b:c"), "a value may be empty");
        assert!(!rules.ends(b"a:c", b"a:b:c") && !rules.ends(b"a:b:c", b"a:c") && !rules.ends(b"a:b", b"a:b:c"));
        assert!(
            !rules.ends(b"rbac:x", b"rbac:x") && !rules.ends(b"rbacs:x", b"rbacs:y") && !rules.ends(b"rbac", b"rbac:x")
        );
    }

    #[test]
    fn s4_two_values_in_one_row_are_an_error() {
        let rules = rules(&["s", "t:u"]);
        let check = |tags: &[&str]| rules.check(tags.iter().map(|tag| tag.as_bytes()));
        assert!(check(&["s:a", "s:a", "s", "t:a", "t:b", "t:u", "t:u:x"]).is_ok());
        let error = check(&["t:u:y", "s:a", "x", "s:b:c"]).expect_err("s has two values").to_string();
        assert_eq!(error, "tags \"s:a\" and \"s:b:c\" exclude each other: namespace \"s\" has cardinality one");
        assert!(check(&["t:u:x", "t:u:"]).is_err());
    }
}
