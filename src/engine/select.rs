//! Which entities satisfy a boolean tag tree at a horizon.
//!
//! Invariant: the answer equals evaluating the tree on every entity's [`State`](super::State); bitmaps only make it fast.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{Horizon, State, View};
use crate::error::Result;
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
            TagExpr::Ordinals(set) => set.contains(ordinal.0),
            TagExpr::And(all) => all.iter().all(|e| e.holds(ordinal, tags)),
            TagExpr::Or(any) => any.iter().any(|e| e.holds(ordinal, tags)),
            TagExpr::Not(inner) => !inner.holds(ordinal, tags),
        }
    }

    /// What the tree says of an existing entity before its tags are known; `None` where they decide.
    fn without_tags(&self, ordinal: Ordinal) -> Option<bool> {
        match self {
            TagExpr::Exists => Some(true),
            TagExpr::Never => Some(false),
            TagExpr::Tag(_) | TagExpr::Prefix(_) => None,
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
        self.words.iter().map(|w| u64::from(w.count_ones())).sum()
    }

    fn insert(&mut self, ordinal: Ordinal) {
        self.words[usize::from(ordinal.low() >> 6)] |= 1 << (ordinal.low() & 63);
    }
}

/// How many states are evaluated between two calls of the view's tick.
const TICK_EVERY: u32 = 256;

/// A running selection; yields chunk after chunk.
pub struct Select {
    view: Arc<View>,
    expr: TagExpr,
    horizon: Horizon,
    /// The entities that are evaluated from the log, by chunk.
    dirty: Vec<Ordinal>,
    next: usize,
}

impl Select {
    /// Prepares the evaluation; no posting is read yet.
    pub fn new(view: Arc<View>, expr: TagExpr, horizon: Horizon) -> Result<Self> {
        let dirty = view.ordinals()?.into_iter().filter(|&o| expr.without_tags(o) != Some(false)).collect();
        Ok(Self { view, expr, horizon, dirty, next: 0 })
    }

    /// The next chunk with at least one selected entity, in ascending order.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        while let Some(first) = self.dirty.get(self.next) {
            let mut chunk = Chunk::empty(first.chunk());
            self.each_dirty(chunk.chunk, |ordinal, _| chunk.insert(ordinal))?;
            if chunk.count() > 0 {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }

    /// Visits the selected ones of the entities of a chunk that are evaluated from the log.
    fn each_dirty(&mut self, chunk: u16, mut visit: impl FnMut(Ordinal, &State)) -> Result<()> {
        let mut until_tick = TICK_EVERY;
        while let Some(&ordinal) = self.dirty.get(self.next).filter(|o| o.chunk() == chunk) {
            self.next += 1;
            until_tick -= 1;
            if until_tick == 0 {
                until_tick = TICK_EVERY;
                self.view.tick();
            }
            if let Some(state) = self.view.state(ordinal, &self.horizon)?
                && self.expr.holds(ordinal, &state.tags)
            {
                visit(ordinal, &state);
            }
        }
        Ok(())
    }

    /// How many entities are selected in the chunks that were not yet taken.
    pub fn count(mut self) -> Result<u64> {
        let mut n = 0;
        while let Some(chunk) = self.next_chunk()? {
            n += chunk.count();
        }
        Ok(n)
    }
}

/// The values of a namespace among the selected entities, largest count first, then by value (S17).
pub fn facets(view: &Arc<View>, namespace: &[u8], expr: &TagExpr, h: &Horizon) -> Result<Vec<(Vec<u8>, u64)>> {
    let mut prefix = namespace.to_vec();
    prefix.push(b':');
    let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let carried = TagExpr::And(vec![expr.clone(), TagExpr::Prefix(prefix.clone())]);
    let mut select = Select::new(view.clone(), carried, h.clone())?;
    let chunks: BTreeSet<u16> = select.dirty.iter().map(|o| o.chunk()).collect();
    for chunk in chunks {
        select.each_dirty(chunk, |_, state| {
            for value in state.tags.iter().filter_map(|t| t.strip_prefix(prefix.as_slice())) {
                match counts.get_mut(value) {
                    Some(n) => *n += 1,
                    None => drop(counts.insert(value.to_vec(), 1)),
                }
            }
        })?;
    }
    let mut counts: Vec<(Vec<u8>, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(counts)
}
