//! Which entities satisfy a boolean tag tree at a horizon.
//!
//! Invariant: the answer equals evaluating the tree on every entity's [`State`](super::State); bitmaps only make it fast.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::bitmap::{Moment, Tree};
use super::overlay::Overlay;
use super::{Horizon, State, TagExpr, View};
use crate::error::Result;
use crate::index::log::LogEvent;
use crate::types::Ordinal;

/// The selected ordinals of one chunk of 65,536.
pub struct Chunk {
    /// The chunk's number.
    pub chunk: u16,
    /// Bit `low` is set if the entity is selected.
    pub words: Box<[u64; 1024]>,
}

impl Chunk {
    /// No ordinal of the chunk.
    fn empty(chunk: u16) -> Self {
        Self { chunk, words: Box::new([0; 1024]) }
    }

    /// The selected ordinals, ascending.
    pub fn ordinals(&self) -> impl Iterator<Item = Ordinal> + '_ {
        self.words.iter().enumerate().flat_map(move |(i, &word)| {
            std::iter::successors(Some(word), |w| Some(w & (w.wrapping_sub(1))))
                .take_while(|w| *w != 0)
                .map(move |w| Ordinal::new(self.chunk, (i as u16) * 64 + w.trailing_zeros() as u16))
        })
    }

    /// How many are selected.
    pub fn count(&self) -> u64 {
        count_ones(&self.words)
    }

    fn insert(&mut self, ordinal: Ordinal) {
        self.words[usize::from(ordinal.low() >> 6)] |= 1 << (ordinal.low() & 63);
    }
}

/// How many bits are set, by carry-save adders (Harley and Seal): eight words are added up bit by bit before the bits of
/// the sums are counted, which costs a third without instructions that count.
pub(super) fn count_ones(words: &[u64; 1024]) -> u64 {
    /// The carries and the sum of three bits in every place.
    fn add(a: u64, b: u64, c: u64) -> (u64, u64) {
        let half = a ^ b;
        ((a & b) | (half & c), half ^ c)
    }
    let (mut eights, mut fours, mut twos, mut ones) = (0, 0, 0, 0);
    for w in words.as_chunks::<8>().0 {
        let (two_a, sum) = add(ones, w[0], w[1]);
        let (two_b, sum) = add(sum, w[2], w[3]);
        let (two_c, sum) = add(sum, w[4], w[5]);
        let (two_d, sum) = add(sum, w[6], w[7]);
        let (four_a, two) = add(twos, two_a, two_b);
        let (four_b, two) = add(two, two_c, two_d);
        let (eight, four) = add(fours, four_a, four_b);
        (ones, twos, fours) = (sum, two, four);
        eights += u64::from(eight.count_ones());
    }
    8 * eights + 4 * u64::from(fours.count_ones()) + 2 * u64::from(twos.count_ones()) + u64::from(ones.count_ones())
}

/// How many states are evaluated between two calls of the view's tick.
const TICK_EVERY: u32 = 256;

/// A running selection; yields chunk after chunk.
pub struct Select {
    view: Arc<View>,
    expr: TagExpr,
    horizon: Horizon,
    tree: Tree,
    moment: Moment,
    /// The entities that are evaluated from the log; all others are from the postings and the overlay.
    dirty: RoaringBitmap,
    /// The chunks to visit, ascending.
    chunks: Vec<u16>,
    next: usize,
}

impl Select {
    /// Prepares the evaluation; no posting is read yet.
    pub fn new(view: Arc<View>, expr: TagExpr, horizon: Horizon) -> Result<Self> {
        Self::of(view, expr, horizon, &|_| false)
    }

    /// As [`new`](Self::new); the caller will ask for the carriers of `further` tags.
    fn of(view: Arc<View>, expr: TagExpr, horizon: Horizon, further: &dyn Fn(&[u8]) -> bool) -> Result<Self> {
        let mut moment = Moment::of(&view, &horizon)?;
        let mut overlay = Overlay::default();
        let dirty = match (few_ordinals(&expr), &moment) {
            // So few candidates are looked up one by one: no posting is worth reading.
            (Some(few), _) => {
                moment = Moment::Log;
                few.clone()
            }
            (None, Moment::Log) => view.ordinals()?.into_iter().map(|o| o.0).collect(),
            (None, Moment::Last | Moment::At(_)) => {
                let mut dirty = hidden(&view, &horizon)?;
                overlay = Overlay::new(&view, &horizon, &mut dirty, &|tag| expr.names(tag) || further(tag));
                dirty
            }
        };
        let tree = Tree::new(&view, &expr, overlay)?;
        let mut chunks = match moment {
            Moment::Log => BTreeSet::new(),
            Moment::Last | Moment::At(_) => tree.chunks(),
        };
        chunks.extend(dirty.iter().map(|o| Ordinal(o).chunk()));
        Ok(Self { view, expr, horizon, tree, moment, dirty, chunks: chunks.into_iter().collect(), next: 0 })
    }

    /// The next chunk with at least one selected entity, in ascending order.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut chunk = Chunk::empty(0);
        while self.next_into(&mut chunk)? {
            if chunk.words.iter().any(|w| *w != 0) {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }

    /// Overwrites `chunk` with the next chunk; `false` where there is none.
    fn next_into(&mut self, chunk: &mut Chunk) -> Result<bool> {
        if !self.next_sealed(chunk)? {
            return Ok(false);
        }
        self.each_dirty(chunk.chunk, |ordinal, _| chunk.insert(ordinal))?;
        Ok(true)
    }

    /// Overwrites `chunk` with the next chunk, without the entities that are evaluated from the log.
    fn next_sealed(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let Some(&number) = self.chunks.get(self.next) else { return Ok(false) };
        self.next += 1;
        self.view.tick();
        chunk.chunk = number;
        if self.moment == Moment::Log {
            chunk.words.fill(0);
            return Ok(true);
        }
        self.tree.eval(&self.view, &self.moment, number, &mut chunk.words)?;
        for low in self.dirty_in(number) {
            chunk.words[usize::from(low.low() >> 6)] &= !(1 << (low.low() & 63));
        }
        Ok(true)
    }

    fn dirty_in(&self, chunk: u16) -> impl Iterator<Item = Ordinal> + '_ {
        let base = u32::from(chunk) << 16;
        self.dirty.range(base..=(base | 0xffff)).map(Ordinal)
    }

    /// Visits the selected ones of the entities of a chunk that are evaluated from the log.
    fn each_dirty(&self, chunk: u16, mut visit: impl FnMut(Ordinal, &State)) -> Result<()> {
        let mut until_tick = TICK_EVERY;
        for ordinal in self.dirty_in(chunk) {
            until_tick -= 1;
            if until_tick == 0 {
                until_tick = TICK_EVERY;
                self.view.tick();
            }
            if self.expr.without_tags(ordinal) != Some(false)
                && let Some(state) = self.view.state(ordinal, &self.horizon)?
                && self.expr.holds(ordinal, &state.tags)
            {
                visit(ordinal, &state);
            }
        }
        Ok(())
    }

    /// How many entities are selected in the chunks that were not yet taken.
    pub fn count(mut self) -> Result<u64> {
        if self.next == 0
            && self.dirty.is_empty()
            && let Some(n) = self.tree.cardinality(&self.view, &self.moment)?
        {
            return Ok(n);
        }
        let (mut n, mut chunk) = (0, Chunk::empty(0));
        while self.next_into(&mut chunk)? {
            n += chunk.count();
        }
        Ok(n)
    }
}

/// At most how many candidates are looked up one by one.
const FEW: u64 = 256;

/// The ordinals that a tree is restricted to, if they are few.
fn few_ordinals(expr: &TagExpr) -> Option<&RoaringBitmap> {
    match expr {
        TagExpr::Ordinals(set) => Some(set).filter(|set| set.len() <= FEW),
        TagExpr::And(inner) => inner.iter().find_map(few_ordinals),
        _ => None,
    }
}

/// The sealed entities with events that the asker does not know.
pub(super) fn hidden(view: &View, horizon: &Horizon) -> Result<RoaringBitmap> {
    let mut dirty = RoaringBitmap::new();
    let Some(known) = &horizon.known else { return Ok(dirty) };
    for (run, _) in view.runs() {
        view.tick();
        let txs: Vec<bool> =
            (0..run.txs.len()).map(|n| run.txs.get(n).map(|(tx, time)| known(tx, time))).collect::<Result<_>>()?;
        if txs.iter().all(|known| *known) {
            continue;
        }
        if txs.iter().all(|known| !*known) {
            dirty.extend(run.ordinals()?.into_iter().map(|o| o.0));
            continue;
        }
        for ordinal in run.ordinals()? {
            let is_hidden = |event: &LogEvent| !txs.get(event.tx as usize).copied().unwrap_or(false);
            if run.log.events(ordinal)?.iter().any(is_hidden) {
                dirty.insert(ordinal.0);
            }
        }
    }
    Ok(dirty)
}

/// The entities that are selected at one horizon and not at the other, and whether it is the second that selects them; by
/// ordinal.
pub fn difference_of_sets(
    view: &Arc<View>,
    expr: &TagExpr,
    from: Horizon,
    to: Horizon,
) -> Result<Vec<(Ordinal, bool)>> {
    let mut select = [from, to].map(|horizon| Select::new(view.clone(), expr.clone(), horizon));
    let [Ok(from), Ok(to)] = &mut select else {
        let [from, to] = select;
        return from.and(to).map(|_| Vec::new());
    };
    let (mut old, mut new) = (from.next_chunk()?, to.next_chunk()?);
    let mut differ = Vec::new();
    while let Some(number) = old.iter().chain(&new).map(|chunk| chunk.chunk).min() {
        let is_here = |chunk: &Option<Chunk>| chunk.as_ref().is_some_and(|chunk| chunk.chunk == number);
        let (mut before, mut after) = (Chunk::empty(number), Chunk::empty(number));
        if is_here(&old) {
            before = std::mem::replace(&mut old, from.next_chunk()?).unwrap_or(before);
        }
        if is_here(&new) {
            after = std::mem::replace(&mut new, to.next_chunk()?).unwrap_or(after);
        }
        before.words.iter_mut().zip(after.words.iter()).for_each(|(word, other)| *word ^= other);
        let is_new = |o: Ordinal| after.words[usize::from(o.low() >> 6)] >> (o.low() & 63) & 1 == 1;
        differ.extend(before.ordinals().map(|ordinal| (ordinal, is_new(ordinal))));
    }
    Ok(differ)
}

/// The values of a namespace among the selected entities, largest count first, then by value (S17).
pub fn facets(view: &Arc<View>, namespace: &[u8], expr: &TagExpr, h: &Horizon) -> Result<Vec<(Vec<u8>, u64)>> {
    let mut prefix = namespace.to_vec();
    prefix.push(b':');
    let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut add = |value: &[u8], n: u64| match counts.get_mut(value) {
        Some(count) => *count += n,
        None => drop(counts.insert(value.to_vec(), n)),
    };
    let mut select = Select::of(view.clone(), expr.clone(), h.clone(), &|tag| tag.starts_with(&prefix))?;
    let tags = select.tree.tags_with(view, &prefix)?;
    let (mut sealed, mut carriers) = (Chunk::empty(0), Chunk::empty(0));
    while select.next_sealed(&mut sealed)? {
        if sealed.words.iter().any(|w| *w != 0) {
            for (tag, keys) in &tags {
                select.tree.carriers(view, (tag, keys), &select.moment, sealed.chunk, &mut carriers.words)?;
                let both = sealed.words.iter().zip(carriers.words.iter()).map(|(a, b)| u64::from((a & b).count_ones()));
                let n = both.sum();
                if n > 0 {
                    add(&tag[prefix.len()..], n);
                }
            }
        }
        select.each_dirty(sealed.chunk, |_, state| {
            for value in state.tags.iter().filter_map(|t| t.strip_prefix(prefix.as_slice())) {
                add(value, 1);
            }
        })?;
    }
    let mut counts: Vec<(Vec<u8>, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_by_adders_equals_counting_word_by_word() {
        let mut state = 1_u64;
        for density in [0, 1, 7, 64, 1024] {
            let mut words = [0_u64; 1024];
            for (i, word) in words.iter_mut().enumerate() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *word = if i < density { state ^ (state >> 29) } else { 0 };
            }
            assert_eq!(count_ones(&words), words.iter().map(|w| u64::from(w.count_ones())).sum::<u64>());
        }
        assert_eq!(count_ones(&[u64::MAX; 1024]), 65_536);
    }
}
