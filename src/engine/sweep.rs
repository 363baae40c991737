//! From the toggles of one entity to what changes between the points of a trend.
//!
//! Invariant: of an entity only its state at the points counts; toggles between two points act together, in any order.

use super::trend_rows::Changes;
use crate::types::Ns;

/// A toggle of one entity: the ordinal's place among those of its chunk, the set (those that are asked for first, then values),
/// the first point that sees it, the run, and whether it is of what the run ends in older ones. Sorts in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step(u128);

impl Step {
    /// The toggle of these.
    pub(super) fn new(low: u16, set: u32, point: u32, run: u32, is_end: bool) -> Self {
        let (low, set, point) = (u128::from(low) << 97, u128::from(set) << 65, u128::from(point) << 33);
        Self(low | set | point | u128::from(run) << 1 | u128::from(is_end))
    }

    /// The ordinal's place in its chunk.
    pub(super) fn low(self) -> u16 {
        (self.0 >> 97) as u16
    }

    fn set(self) -> u32 {
        (self.0 >> 65) as u32
    }

    fn point(self) -> u32 {
        (self.0 >> 33) as u32
    }

    fn run(self) -> u32 {
        (self.0 >> 1) as u32
    }

    fn is_end(self) -> bool {
        self.0 & 1 == 1
    }
}

/// How many entities more than at the point before, by value.
pub(super) enum Tally {
    /// Of all that are asked for.
    All(Vec<i64>),
    /// Of those with each value.
    Values(Vec<Changes>),
}

/// Memory that is used again for one entity after the other: the points at which sets turn on and off, in turn.
#[derive(Default)]
pub(super) struct Scratch {
    /// The points of one set after the other.
    turns: Vec<u32>,
    /// By set that turns at all, where its points end.
    sets: Vec<(u32, usize)>,
    /// The points at which all that is asked for holds together, and what they are made of.
    all: Vec<u32>,
    both: Vec<u32>,
    /// By run, oldest first: whether it ends what older ones say, and whether it begins.
    runs: Vec<(u32, bool, bool)>,
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
                    changes.add(point, n);
                }
            }
            _ => {}
        }
    }

    /// Adds one (or takes one away) while the entity carries everything that is asked for, and per value while it has that.
    /// `steps` are of one entity, sorted; the first `asked` sets are those that are asked for.
    pub(super) fn entity(&mut self, steps: &[Step], asked: u32, sign: i64, scratch: &mut Scratch) {
        let Scratch { turns, sets, all, both, runs } = scratch;
        turns.clear();
        sets.clear();
        for of_set in steps.chunk_by(|a, b| a.set() == b.set()) {
            let before = turns.len();
            turns_of(of_set, runs, turns);
            if turns.len() > before {
                sets.push((of_set[0].set(), turns.len()));
            }
        }
        let wanted = sets.partition_point(|(set, _)| *set < asked);
        if wanted < asked as usize {
            return;
        }
        let mut start = 0;
        for (n, (_, end)) in sets[..wanted].iter().enumerate() {
            match n {
                0 => turns[start..*end].clone_into(all),
                _ => {
                    together(all, &turns[start..*end], both);
                    std::mem::swap(all, both);
                }
            }
            start = *end;
        }
        if matches!(self, Tally::All(_)) {
            self.turns(None, all, sign);
            return;
        }
        for (set, end) in &sets[wanted..] {
            together(all, &turns[start..*end], both);
            self.turns(Some(set - asked), both, sign);
            start = *end;
        }
    }

    fn turns(&mut self, value: Option<u32>, turned: &[u32], sign: i64) {
        for (n, point) in turned.iter().enumerate() {
            self.add(value, *point, if n % 2 == 0 { sign } else { -sign });
        }
    }
}

/// Adds the points at which a set turns on or off, in turn, by its toggles in all runs, sorted by point.
fn turns_of(steps: &[Step], runs: &mut Vec<(u32, bool, bool)>, turned: &mut Vec<u32>) {
    runs.clear();
    let mut held = false;
    for of_point in steps.chunk_by(|a, b| a.point() == b.point()) {
        for step in of_point {
            let place = runs.partition_point(|(known, ..)| *known < step.run());
            if runs.get(place).is_none_or(|(known, ..)| *known != step.run()) {
                runs.insert(place, (step.run(), false, false));
            }
            let (_, ends, begins) = &mut runs[place];
            let side = if step.is_end() { ends } else { begins };
            *side = !*side;
        }
        let holds = runs.iter().fold(false, |holds, (_, ends, begins)| (holds && !ends) || *begins);
        if holds != held {
            turned.push(of_point[0].point());
            held = holds;
        }
    }
}

/// Overwrites `both` with the points at which two sets begin and cease to hold together, in turn.
fn together(a: &[u32], b: &[u32], both: &mut Vec<u32>) {
    both.clear();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let point = a.get(i).copied().unwrap_or(u32::MAX).min(b.get(j).copied().unwrap_or(u32::MAX));
        i += usize::from(a.get(i) == Some(&point));
        j += usize::from(b.get(j) == Some(&point));
        // After an odd number of turns a set holds.
        if (i % 2 == 1 && j % 2 == 1) != (both.len() % 2 == 1) {
            both.push(point);
        }
    }
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

    fn steps(all: &[(u32, u32, u32, bool)]) -> Vec<Step> {
        let mut steps: Vec<Step> =
            all.iter().map(|(set, point, run, is_end)| Step::new(7, *set, *point, *run, *is_end)).collect();
        steps.sort_unstable();
        steps
    }

    #[test]
    fn a_step_keeps_what_it_is_made_of() {
        let step = Step::new(u16::MAX, u32::MAX, u32::MAX - 1, u32::MAX - 2, true);
        assert_eq!((step.low(), step.set(), step.point()), (u16::MAX, u32::MAX, u32::MAX - 1));
        assert_eq!((step.run(), step.is_end()), (u32::MAX - 2, true));
        let in_order =
            [(0, 9, 9, 9, true), (1, 0, 9, 9, true), (1, 1, 0, 9, true), (1, 1, 1, 0, true), (1, 1, 1, 1, false)];
        let in_order = in_order.map(|(low, set, point, run, is_end)| Step::new(low, set, point, run, is_end));
        assert!(in_order.is_sorted());
    }

    #[test]
    fn runs_compose_from_the_oldest_on() {
        let turns = |all: &[(u32, u32, bool)]| {
            let all: Vec<_> = all.iter().map(|(point, run, is_end)| (0, *point, *run, *is_end)).collect();
            let mut turned = Vec::new();
            turns_of(&steps(&all), &mut Vec::new(), &mut turned);
            turned
        };
        // The older run begins at 1; the newer one ends that from 2 to 4, and begins by itself at 6 what the older ended at 5.
        let overlapping = [(1, 0, false), (2, 1, true), (4, 1, true), (5, 0, false), (6, 1, false)];
        assert_eq!(turns(&overlapping), [1, 2, 4, 5, 6]);
        assert_eq!(turns(&[(3, 0, false), (3, 0, false)]), [0_u32; 0]);
    }

    #[test]
    fn what_is_asked_for_counts_where_all_of_it_holds() {
        let all_steps =
            steps(&[(0, 1, 0, false), (0, 8, 0, false), (1, 0, 0, false), (1, 3, 0, false), (1, 5, 0, false)]);
        let mut scratch = Scratch::default();
        let mut all = Tally::All(vec![0; 10]);
        all.entity(&all_steps, 2, 1, &mut scratch);
        let Tally::All(counts) = &all else { panic!("it counts all") };
        assert_eq!(*counts, [0, 1, 0, -1, 0, 1, 0, 0, -1, 0]);
        let mut values = Tally::Values(vec![Changes::default()]);
        values.entity(&all_steps, 1, -1, &mut scratch);
        let Tally::Values(changes) = &values else { panic!("it counts values") };
        assert_eq!(changes[0].clone().united(), [(1, -1), (3, 1), (5, -1), (8, 1)]);
        // Without one of what is asked for there is nothing.
        all.entity(&all_steps[..2], 2, 1, &mut scratch);
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
