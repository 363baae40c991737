//! From the toggles of one entity to what changes between the points of a trend.
//!
//! Invariant: of an entity only its state at the points counts; toggles between two points act together, in any order.

use std::collections::BTreeMap;

use crate::types::Ns;

/// A toggle of one entity: the ordinal's place among those of its chunk, the set (those that are asked for first, then values),
/// the first point that sees it, the run, and whether it is of what the run ends in older ones. Sorts in this order.
pub(super) type Step = (u16, u32, u32, u32, bool);

/// How many entities more than at the point before, by value.
pub(super) enum Tally {
    /// Of all that are asked for.
    All(Vec<i64>),
    /// Of those with each value: the point and the difference, in any order.
    Values(Vec<Vec<(u32, i64)>>),
}

impl Tally {
    /// So many more at a point than at the one before.
    pub(super) fn add(&mut self, value: Option<u32>, point: u32, n: i64) {
        match (self, value) {
            (Tally::All(counts), None) => {
                if let Some(count) = counts.get_mut(point as usize) {
                    *count += n;
                }
            }
            (Tally::Values(values), Some(value)) => {
                if let Some(changes) = values.get_mut(value as usize) {
                    changes.push((point, n));
                }
            }
            _ => {}
        }
    }

    /// Adds one (or takes one away) while the entity carries everything that is asked for, and per value while it has that.
    /// `steps` are of one entity, sorted; the first `asked` sets are those that are asked for.
    pub(super) fn entity(&mut self, steps: &[Step], asked: u32, sign: i64) {
        // By set, the points at which it turns.
        let mut turns: Vec<(u32, Vec<u32>)> = Vec::new();
        for set in steps.chunk_by(|a, b| a.1 == b.1) {
            let turned = turns_of(set);
            if !turned.is_empty() {
                turns.push((set[0].1, turned));
            }
        }
        let values = turns.partition_point(|(set, _)| *set < asked);
        if values < asked as usize {
            return;
        }
        let wanted: Vec<&[u32]> = turns[..values].iter().map(|(_, turned)| turned.as_slice()).collect();
        let all = together(&wanted);
        if matches!(self, Tally::All(_)) {
            self.turns(None, &all, sign);
            return;
        }
        for (set, turned) in &turns[values..] {
            self.turns(Some(set - asked), &together(&[&all, turned]), sign);
        }
    }

    fn turns(&mut self, value: Option<u32>, turned: &[u32], sign: i64) {
        for (n, point) in turned.iter().enumerate() {
            self.add(value, *point, if n % 2 == 0 { sign } else { -sign });
        }
    }
}

/// The points at which a set turns on or off, in turn, by its toggles in all runs, sorted by point.
fn turns_of(steps: &[Step]) -> Vec<u32> {
    // By run, oldest first: whether it ends what older ones say, and whether it begins.
    let mut runs: Vec<(u32, bool, bool)> = Vec::new();
    let mut turned = Vec::new();
    let mut held = false;
    for point in steps.chunk_by(|a, b| a.2 == b.2) {
        for (_, _, _, run, is_end) in point {
            let place = runs.partition_point(|(known, ..)| known < run);
            if runs.get(place).is_none_or(|(known, ..)| known != run) {
                runs.insert(place, (*run, false, false));
            }
            let (_, ends, begins) = &mut runs[place];
            let side = if *is_end { ends } else { begins };
            *side = !*side;
        }
        let holds = runs.iter().fold(false, |holds, (_, ends, begins)| (holds && !ends) || *begins);
        if holds != held {
            turned.push(point[0].2);
            held = holds;
        }
    }
    turned
}

/// The points at which all of these hold together, or no longer do, in turn.
fn together(sets: &[&[u32]]) -> Vec<u32> {
    if let [only] = sets {
        return only.to_vec();
    }
    let mut changes: BTreeMap<u32, isize> = BTreeMap::new();
    for turned in sets {
        for (n, point) in turned.iter().enumerate() {
            *changes.entry(*point).or_default() += if n % 2 == 0 { 1 } else { -1 };
        }
    }
    let (mut holding, mut held) = (0, false);
    let mut turned = Vec::new();
    for (point, change) in changes {
        holding += change;
        if (holding == sets.len() as isize) != held {
            held = !held;
            turned.push(point);
        }
    }
    turned
}

/// Finds the first point that sees what happens, for what happens in order.
pub(super) struct Forward<'a, T> {
    points: &'a [T],
    at: usize,
}

impl<'a, T: Copy + PartialOrd> Forward<'a, T> {
    /// Begins at the first point.
    pub(super) fn new(points: &'a [T]) -> Self {
        Self { points, at: 0 }
    }

    /// The first point from the last answer on that is past `this`; the number of points if there is none.
    pub(super) fn first_past(&mut self, is_past: impl Fn(T) -> bool) -> u32 {
        // In steps that double, then by halves: what comes next is mostly near.
        let mut step = 1;
        let mut from = self.at;
        while self.points.get(from + step - 1).is_some_and(|point| !is_past(*point)) {
            from += step;
            step *= 2;
        }
        let to = self.points.len().min(from + step);
        self.at = from + self.points[from..to].partition_point(|point| !is_past(*point));
        self.at as u32
    }
}

/// The first point at or after an instant.
pub(super) fn first_seeing(points: &[Ns], ts: Ns) -> u32 {
    points.partition_point(|point| *point < ts) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn runs_compose_from_the_oldest_on() {
        // The older run begins at 1; the newer one ends that from 2 to 4, and begins by itself at 6 what the older ended at 5.
        let steps =
            [(0, 0, 1, 0, false), (0, 0, 2, 1, true), (0, 0, 4, 1, true), (0, 0, 5, 0, false), (0, 0, 6, 1, false)];
        assert_eq!(turns_of(&steps), [1, 2, 4, 5, 6]);
        assert_eq!(turns_of(&[(0, 0, 3, 0, false), (0, 0, 3, 0, false)]), [0_u32; 0]);
    }

    #[test]
    fn what_is_asked_for_counts_where_all_of_it_holds() {
        let steps =
            [(0, 0, 1, 0, false), (0, 0, 8, 0, false), (0, 1, 0, 0, false), (0, 1, 3, 0, false), (0, 1, 5, 0, false)];
        let mut all = Tally::All(vec![0; 10]);
        all.entity(&steps, 2, 1);
        let Tally::All(counts) = &all else { panic!("it counts all") };
        assert_eq!(*counts, [0, 1, 0, -1, 0, 1, 0, 0, -1, 0]);
        let mut values = Tally::Values(vec![Vec::new()]);
        values.entity(&steps, 1, -1);
        let Tally::Values(changes) = &values else { panic!("it counts values") };
        assert_eq!(changes[0], [(1, -1), (3, 1), (5, -1), (8, 1)]);
        // Without one of what is asked for there is nothing.
        all.entity(&steps[..2], 2, 1);
        let Tally::All(counts) = &all else { panic!("it counts all") };
        assert_eq!(counts.iter().sum::<i64>(), 0);
    }

    proptest! {
        #[test]
        fn forward_finds_what_a_search_finds(
            mut points in prop::collection::vec(0..50_u32, 0..40),
            mut asked in prop::collection::vec(0..60_u32, 0..30),
        ) {
            points.sort_unstable();
            asked.sort_unstable();
            let mut forward = Forward::new(&points);
            for rank in asked {
                let expected = points.partition_point(|limit| *limit <= rank) as u32;
                prop_assert_eq!(forward.first_past(|limit| limit > rank), expected);
            }
        }
    }
}
