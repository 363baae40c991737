//! Which entities satisfy a boolean tag tree at a horizon.
//!
//! Invariant: the answer equals evaluating the tree on every entity's [`State`](super::State); bitmaps only make it fast.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{Horizon, View};
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

/// The selected ordinals of one chunk of 65,536.
pub struct Chunk {
    /// The chunk's number.
    pub chunk: u16,
    /// Bit `low` is set if the entity is selected.
    pub words: Box<[u64; 1024]>,
}

impl Chunk {
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
}

/// A running selection; yields chunk after chunk.
pub struct Select {}

impl Select {
    /// Prepares the evaluation; no posting is read yet.
    pub fn new(_view: Arc<View>, _expr: TagExpr, _horizon: Horizon) -> Result<Self> {
        unimplemented!()
    }

    /// The next chunk with at least one selected entity, in ascending order.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        unimplemented!()
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
pub fn facets(_view: &Arc<View>, _namespace: &[u8], _expr: &TagExpr, _h: &Horizon) -> Result<Vec<(Vec<u8>, u64)>> {
    unimplemented!()
}
