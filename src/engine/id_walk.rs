//! The ids of a view in byte order, one after the other, without reading them all.
//!
//! Invariant: each id comes once, with its ordinal; of every id run a page is read at a time.

use std::ops::Bound;
use std::sync::Arc;
use std::vec::IntoIter;

use super::View;
use crate::error::Result;
use crate::index::ids::Ids;
use crate::types::Ordinal;

/// How many ids are read at once: first, and at most.
const PAGE_FIRST: u32 = 32;
const PAGE_MAX: u32 = 1024;

type Entry = (Vec<u8>, Ordinal);

/// A running walk.
pub struct IdWalk {
    view: Arc<View>,
    is_down: bool,
    inputs: Vec<Input>,
    last: Option<Vec<u8>>,
}

/// One id run, or the delta.
struct Input {
    /// The number of the id run; `None`: the delta, of which all ids are in `page`.
    number: Option<usize>,
    /// The positions that were not read yet.
    from: u32,
    to: u32,
    step: u32,
    page: std::iter::Peekable<IntoIter<Entry>>,
}

impl IdWalk {
    /// The ids in a range of bytes, upwards or downwards.
    pub fn new(view: Arc<View>, lower: Bound<&[u8]>, upper: Bound<&[u8]>, is_down: bool) -> Result<Self> {
        let mut unsealed: Vec<Entry> =
            view.delta().ids_between(lower, upper).map(|(id, ordinal)| (id.to_vec(), ordinal)).collect();
        if is_down {
            unsealed.reverse();
        }
        let page = |entries: Vec<Entry>| entries.into_iter().peekable();
        let mut inputs = vec![Input { number: None, from: 0, to: 0, step: 0, page: page(unsealed) }];
        for (number, ids) in view.id_runs().enumerate() {
            let positions = ids.between(lower, upper)?;
            let (from, to) = (positions.start, positions.end);
            inputs.push(Input { number: Some(number), from, to, step: PAGE_FIRST, page: page(Vec::new()) });
        }
        Ok(Self { view, is_down, inputs, last: None })
    }

    /// About how many ids are left.
    pub fn left(&self) -> u64 {
        self.inputs.iter().map(|input| u64::from(input.to.saturating_sub(input.from)) + input.page.len() as u64).sum()
    }

    /// The next id and its ordinal.
    pub fn next_id(&mut self) -> Result<Option<Entry>> {
        let Self { view, is_down, inputs, last } = self;
        loop {
            for input in inputs.iter_mut() {
                input.fill(view, *is_down)?;
            }
            let firsts = inputs.iter_mut().enumerate().filter_map(|(n, input)| Some((n, &input.page.peek()?.0)));
            let best = firsts.reduce(|a, b| if (b.1 < a.1) != *is_down && a.1 != b.1 { b } else { a });
            let Some(best) = best.map(|(n, _)| n) else { return Ok(None) };
            let Some(entry) = inputs[best].page.next() else { return Ok(None) };
            // An entity with unsealed events is in a run and in the delta.
            if last.as_ref() != Some(&entry.0) {
                *last = Some(entry.0.clone());
                return Ok(Some(entry));
            }
        }
    }
}

impl Input {
    /// Reads the next page if there is none.
    fn fill(&mut self, view: &View, is_down: bool) -> Result<()> {
        if self.page.peek().is_some() || self.from >= self.to {
            return Ok(());
        }
        let Some(ids) = self.number.and_then(|number| view.id_runs().nth(number)) else { return Ok(()) };
        let count = self.step.min(self.to - self.from);
        self.step = (self.step * 2).min(PAGE_MAX);
        self.page = self.read(ids, count, is_down)?.into_iter().peekable();
        Ok(())
    }

    fn read(&mut self, ids: &Ids, count: u32, is_down: bool) -> Result<Vec<Entry>> {
        if is_down {
            self.to -= count;
            let mut entries = ids.range(self.to..self.to + count)?;
            entries.reverse();
            return Ok(entries);
        }
        self.from += count;
        ids.range(self.from - count..self.from)
    }
}
