//! The changes of a trend by value, and its rows made of them one by one.
//!
//! Invariant: what is held is never more than about twice the changes that matter, however often an entity turns between two
//! points and however many rows there are.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;
use std::vec::IntoIter;

/// After how many changes of a value those at the same point are made one, at first.
const MANY_CHANGES: usize = 1024;

/// How many more have a value at a point than at the one before.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    all: Vec<(u32, i64)>,
    /// How many there may be before they are put together.
    limit: usize,
}

impl Default for Changes {
    fn default() -> Self {
        Self { all: Vec::new(), limit: MANY_CHANGES }
    }
}

impl Changes {
    /// So many more at a point.
    pub(super) fn add(&mut self, point: u32, n: i64) {
        if self.all.len() >= self.limit {
            self.unite();
            self.limit = MANY_CHANGES.max(2 * self.all.len());
        }
        self.all.push((point, n));
    }

    /// Makes the changes at one point one; those that cancel out go.
    fn unite(&mut self) {
        self.all.sort_unstable_by_key(|(point, _)| *point);
        self.all.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        self.all.retain(|(_, n)| *n != 0);
    }

    /// The changes, each point once, ascending.
    pub(super) fn united(mut self) -> Vec<(u32, i64)> {
        self.unite();
        self.all
    }
}

/// The rows of a trend by value: the number of the point, the value, and how many have it, where there are any; by point, then by
/// value.
pub struct TrendRows {
    /// Ascending.
    names: Vec<Vec<u8>>,
    /// Point, value and change; ascending.
    changes: Peekable<IntoIter<(u32, u32, i64)>>,
    /// How many have each value at the point, where there are any.
    counts: BTreeMap<u32, i64>,
    points: u32,
    /// The point, and the value whose row was the last there.
    at: Option<(u32, Option<u32>)>,
}

impl TrendRows {
    /// From the names of the values, which ascend, and their changes.
    pub(super) fn new(names: Vec<Vec<u8>>, changes: Vec<Changes>, points: u32) -> Self {
        let of_value =
            |(value, changes): (u32, Changes)| changes.united().into_iter().map(move |(point, n)| (point, value, n));
        let mut changes: Vec<(u32, u32, i64)> = (0..).zip(changes).flat_map(of_value).collect();
        changes.sort_unstable();
        Self { names, changes: changes.into_iter().peekable(), counts: BTreeMap::new(), points, at: None }
    }

    /// Goes on to the next point at which anybody has any value.
    fn advance(&mut self) -> Option<u32> {
        let mut point = self.at.map_or(0, |(point, _)| point + 1);
        if self.counts.is_empty() {
            point = point.max(self.changes.peek()?.0);
        }
        if point >= self.points {
            return None;
        }
        while let Some((_, value, n)) = self.changes.next_if(|(at, ..)| *at <= point) {
            let count = self.counts.entry(value).or_default();
            *count += n;
            if *count == 0 {
                self.counts.remove(&value);
            }
        }
        self.at = Some((point, None));
        Some(point)
    }
}

impl Iterator for TrendRows {
    type Item = (usize, Vec<u8>, u64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((point, last)) = &mut self.at {
                let after = last.map_or(Bound::Unbounded, Bound::Excluded);
                if let Some((value, count)) = self.counts.range((after, Bound::Unbounded)).next() {
                    *last = Some(*value);
                    let name = self.names.get(*value as usize).cloned().unwrap_or_default();
                    return Some((*point as usize, name, u64::try_from(*count).unwrap_or(0)));
                }
            }
            self.advance()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_running_sums_where_they_are_not_zero(
            points in 0..12_u32,
            spans in prop::collection::vec((0..3_usize, 0..12_u32, 0..12_u32), 0..40),
        ) {
            let mut changes = vec![Changes { limit: 4, ..Changes::default() }; 3];
            for (value, from, to) in &spans {
                changes[*value].add(*from.min(to), 1);
                changes[*value].add(*from.max(to), -1);
            }
            let names = ["a", "b", "c"].map(|name| name.as_bytes().to_vec());
            let found: Vec<_> = TrendRows::new(names.to_vec(), changes, points).collect();
            let mut expected = Vec::new();
            for point in 0..points {
                for (value, name) in names.iter().enumerate() {
                    let here = |(of, from, to): &&(usize, u32, u32)| *of == value && *from.min(to) <= point && point < *from.max(to);
                    let count = spans.iter().filter(here).count() as u64;
                    if count > 0 {
                        expected.push((point as usize, name.clone(), count));
                    }
                }
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn changes_that_cancel_out_are_not_kept() {
        let mut changes = Changes::default();
        for n in 0..100_000_u32 {
            changes.add(n % 7, 1);
            changes.add(n % 7, -1);
        }
        assert!(changes.all.len() <= 2 * MANY_CHANGES, "{}", changes.all.len());
        assert_eq!(changes.united(), []);
    }
}
