//! Rows in an order, a batch at a time.
//!
//! Invariant: memory is bounded, whatever the number of rows: each pass over them keeps those that come next, a few at first,
//! and more in each later pass. No two rows are equal, for what they tie on is settled by their place in the dataset.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::vec::IntoIter;

use crate::types::{Ordinal, Seq};

/// How many rows the first pass keeps where few are asked for, and by how much more each later one.
pub const FIRST: usize = 512;
const GROWTH: usize = 8;
/// How many rows a pass keeps at most.
pub const MOST: usize = 1 << 17;

/// What a column says in an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A number.
    Number(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Bytes, of which the largest come first.
    Down(Reverse<Vec<u8>>),
}

impl Part {
    /// A number, where `is_down` the largest comes first.
    pub fn number(number: i64, is_down: bool) -> Self {
        // With all its bits turned over, the largest number is the smallest.
        Part::Number(if is_down { !number } else { number })
    }

    /// Bytes, of which where `is_down` the largest come first.
    pub fn bytes(bytes: Vec<u8>, is_down: bool) -> Self {
        if is_down { Part::Down(Reverse(bytes)) } else { Part::Bytes(bytes) }
    }
}

/// What the columns say, the entity, and the row's place among those of its entity.
type Key = (Vec<Part>, Ordinal, Seq);

/// A row and its place in the order.
struct Held<R> {
    key: Key,
    row: R,
}

impl<R> PartialEq for Held<R> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<R> Eq for Held<R> {}

impl<R> PartialOrd for Held<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for Held<R> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// Rows that are given in an order.
pub struct Batches<R> {
    /// By how many columns.
    columns: usize,
    /// The row that was given last in the pass before.
    after: Option<Key>,
    size: usize,
    heap: BinaryHeap<Held<R>>,
    ready: IntoIter<Held<R>>,
    /// Whether the last pass left rows out that come later; true before the first one.
    has_more: bool,
}

impl<R> Batches<R> {
    /// Nothing yet; the first pass, which keeps `size` rows, is to be made.
    pub fn new(columns: usize, size: usize) -> Self {
        let (heap, ready) = (BinaryHeap::new(), Vec::new().into_iter());
        Self { columns, after: None, size, heap, ready, has_more: true }
    }

    /// The next row; `None` where the next pass is to be made, or where there is none.
    pub fn next_row(&mut self) -> Option<(Ordinal, R)> {
        let Held { key, row } = self.ready.next()?;
        Some((key.1, row))
    }

    /// Begins the next pass; false where it would find nothing.
    pub fn begin(&mut self) -> bool {
        std::mem::replace(&mut self.has_more, false)
    }

    /// Takes a row at its place, if it is one of those that come next. `part` gives what the n-th column says.
    pub fn offer(&mut self, (ordinal, nth): (Ordinal, Seq), part: &dyn Fn(usize) -> Part, row: impl FnOnce() -> R) {
        let is_full = self.heap.len() == self.size;
        let mut parts = Vec::with_capacity(self.columns);
        for n in 0..self.columns {
            parts.push(part(n));
            // Most rows are told by their first column to come too late.
            if n == 0 && is_full && self.heap.peek().is_some_and(|last| last.key.0.first() < parts.first()) {
                self.has_more = true;
                return;
            }
        }
        let key = (parts, ordinal, nth);
        if self.after.as_ref().is_some_and(|after| key <= *after) {
            return;
        }
        if is_full {
            self.has_more = true;
            if self.heap.peek().is_some_and(|last| last.key <= key) {
                return;
            }
            self.heap.pop();
        }
        self.heap.push(Held { key, row: row() });
    }

    /// Ends a pass: what was kept is given next.
    pub fn end(&mut self) {
        let kept = std::mem::take(&mut self.heap).into_sorted_vec();
        if let Some(last) = kept.last() {
            self.after = Some(last.key.clone());
        }
        self.ready = kept.into_iter();
        self.size = (self.size * GROWTH).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_come_once_and_in_order_whatever_they_tie_on() {
        let rows: Vec<(i64, u32)> = (0..20_000_u32).map(|n| (i64::from(n * 7919 % 13), n)).collect();
        for is_down in [false, true] {
            let mut batches = Batches::new(2, FIRST);
            let (mut given, mut passes) = (Vec::new(), 0);
            while batches.begin() {
                passes += 1;
                for &(number, n) in &rows {
                    let part = |column: usize| match column {
                        0 => Part::number(number, is_down),
                        _ => Part::bytes(vec![b'a' + (n % 5) as u8], !is_down),
                    };
                    batches.offer((Ordinal(n), 0), &part, || (number, n % 5, n));
                }
                batches.end();
                given.extend(std::iter::from_fn(|| batches.next_row()).map(|(_, row)| row));
            }
            let mut expected: Vec<(i64, u32, u32)> = rows.iter().map(|(number, n)| (*number, n % 5, *n)).collect();
            expected.sort_by_key(|(number, letter, n)| {
                let letter = i64::from(*letter);
                if is_down { (-number, letter, *n) } else { (*number, -letter, *n) }
            });
            assert_eq!(given, expected);
            assert_eq!(passes, 3);
        }
    }
}
