//! The toggles of the chunk of ordinals that a builder is at, handed on key by key when the chunk is over.
//!
//! Invariant: entities come in ascending order, so a chunk that was left never comes again.

use crate::error::Result;
use crate::index::directory::DirectoryWriter;
use crate::index::postings::Toggle;
use crate::types::Ordinal;

/// Gathers toggles and writes the postings of one chunk after the other.
#[derive(Default)]
pub(super) struct ChunkToggles {
    chunk: u16,
    all: Vec<(u32, Toggle)>,
    /// For each key, how many toggles it has, then where its next one goes; zero between two chunks.
    places: Vec<u32>,
    keys: Vec<u32>,
    grouped: Vec<Toggle>,
}

impl ChunkToggles {
    /// Adds a toggle of a key; `ordinal` is not in an earlier chunk than the one before.
    pub(super) fn push(&mut self, key: u32, ordinal: Ordinal, rank: u32, out: &mut DirectoryWriter) -> Result<()> {
        if ordinal.chunk() != self.chunk {
            self.flush(out)?;
            self.chunk = ordinal.chunk();
        }
        self.all.push((key, Toggle::new(rank, ordinal.low())));
        Ok(())
    }

    /// Writes the postings of the chunk. The toggles are grouped by counting: sorting them by key costs more than all else.
    pub(super) fn flush(&mut self, out: &mut DirectoryWriter) -> Result<()> {
        for (key, _) in &self.all {
            let key = *key as usize;
            if self.places.len() <= key {
                self.places.resize(key + 1, 0);
            }
            if self.places[key] == 0 {
                self.keys.push(key as u32);
            }
            self.places[key] += 1;
        }
        self.keys.sort_unstable();
        let mut place = 0;
        for key in &self.keys {
            place += std::mem::replace(&mut self.places[*key as usize], place);
        }
        self.grouped.clear();
        self.grouped.resize(self.all.len(), Toggle::new(0, 0));
        for (key, toggle) in self.all.drain(..) {
            let place = &mut self.places[key as usize];
            self.grouped[*place as usize] = toggle;
            *place += 1;
        }
        let mut start = 0;
        for key in self.keys.drain(..) {
            let end = std::mem::take(&mut self.places[key as usize]) as usize;
            let group = &mut self.grouped[start..end];
            if !group.is_sorted() {
                group.sort_unstable();
            }
            out.push(key, self.chunk, group)?;
            start = end;
        }
        Ok(())
    }
}
