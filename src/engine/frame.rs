//! What a run or tile names: its tags, instants and transactions, all known before its first entity is written.
//!
//! Invariant: everything that an event or a patch of the file names is in its frame. What a frame has beyond that costs
//! bytes and changes no answer.

use std::cell::Cell;
use std::sync::Arc;

use super::toggles::Patch;
use crate::error::{Error, Result};
use crate::index::log::NO_TAG;
use crate::types::{Micros, Ns, Xid};

/// The tags, instants and transactions of a file, each by its number there.
pub(super) struct Frame {
    tags: Vec<Arc<[u8]>>,
    instants: Vec<Ns>,
    txs: Vec<(Xid, Option<Micros>)>,
    /// Of each transaction, its number among `txs` with its own time.
    own: Vec<(Xid, u32)>,
    places: Places,
    /// The rank that was asked last: the events of one change stand together and share it.
    last: Cell<u32>,
}

impl Frame {
    /// From tags, instants and transactions in any order, with repeats; of a transaction's own times the first that is known
    /// counts. `stated` are system times that an import gave to events of a transaction.
    pub(super) fn new(
        mut tags: Vec<Arc<[u8]>>,
        mut instants: Vec<Ns>,
        mut txs: Vec<(Xid, Option<Micros>)>,
        stated: Vec<(Xid, Micros)>,
    ) -> Result<Self> {
        if !tags.is_sorted_by(|a, b| a < b) {
            tags.sort_unstable();
            tags.dedup();
        }
        if !instants.is_sorted_by(|a, b| a < b) {
            instants.sort_unstable();
            instants.dedup();
        }
        txs.sort_by_key(|(xid, time)| (*xid, time.is_none()));
        txs.dedup_by_key(|(xid, _)| *xid);
        let mut own = txs.clone();
        if !stated.is_empty() {
            txs.extend(stated.into_iter().map(|(xid, at)| (xid, Some(at))));
            txs.sort_unstable();
            txs.dedup();
        }
        let limit = u64::from(NO_TAG / 2 - 1);
        for (what, found) in [("tags", tags.len()), ("instants", instants.len()), ("transactions", txs.len())] {
            if found as u64 > limit {
                return Err(Error::TooMany { what, limit, found: found as u64 });
            }
        }
        let mut next = 0;
        let own = own.drain(..).map(|entry| {
            next += txs[next..].iter().position(|known| *known == entry).unwrap_or(0);
            (entry.0, next as u32)
        });
        let own = own.collect();
        let places = Places::new(&instants);
        Ok(Self { tags, instants, txs, own, places, last: Cell::new(0) })
    }

    /// The tags, ascending.
    pub(super) fn tags(&self) -> &[Arc<[u8]>] {
        &self.tags
    }

    /// The instants, ascending.
    pub(super) fn instants(&self) -> &[Ns] {
        &self.instants
    }

    /// The transactions, ascending.
    pub(super) fn txs(&self) -> &[(Xid, Option<Micros>)] {
        &self.txs
    }

    /// The position of a tag.
    pub(super) fn position(&self, tag: &[u8]) -> Result<u32> {
        match self.tags.binary_search_by(|known| (**known).cmp(tag)) {
            Ok(position) => Ok(position as u32),
            Err(_) => Err(absent(format!("tag \"{}\"", String::from_utf8_lossy(tag)))),
        }
    }

    /// The rank of an instant.
    pub(super) fn rank(&self, ts: Ns) -> Result<u32> {
        let last = self.last.get();
        // Instants come in order more often than not.
        for near in [last, last.wrapping_add(1)] {
            if self.instants.get(near as usize) == Some(&ts) {
                self.last.set(near);
                return Ok(near);
            }
        }
        let rank = self.search(ts)?;
        self.last.set(rank);
        Ok(rank)
    }

    fn search(&self, ts: Ns) -> Result<u32> {
        let (from, to) = self.places.range(ts);
        match self.instants.get(from..to).map(|near| near.binary_search(&ts)) {
            Some(Ok(at)) => Ok((from + at) as u32),
            _ => Err(absent(format!("instant {}", ts.0))),
        }
    }

    /// The toggle of a tag (`None`: *exists*) at an instant.
    pub(super) fn patch(&self, tag: Option<&[u8]>, is_end: bool, ts: Ns) -> Result<Patch> {
        let tag = match tag {
            Some(tag) => self.position(tag)?,
            None => NO_TAG,
        };
        Ok(Patch { tag, is_end, rank: self.rank(ts)? })
    }

    /// The index of a transaction, at its own time or at one that an import gave.
    pub(super) fn tx(&self, xid: Xid, stated: Option<Micros>) -> Result<u32> {
        let index = match stated {
            Some(_) => self.txs.binary_search(&(xid, stated)).ok().map(|index| index as u32),
            None => self.own.binary_search_by_key(&xid, |(known, _)| *known).ok().map(|at| self.own[at].1),
        };
        index.ok_or_else(|| absent(format!("transaction {} at {:?}", xid.0, stated.map(|at| at.0))))
    }
}

fn absent(what: String) -> Error {
    Error::Malformed { segment: String::new(), detail: format!("{what} is not among those of the run that is built") }
}

/// Where in a sorted list the instants of equal slices of time begin, so that a search reads one or two lines of memory.
struct Places {
    first: i64,
    shift: u32,
    begins: Vec<u32>,
}

impl Places {
    fn new(instants: &[Ns]) -> Self {
        let (Some(first), Some(last)) = (instants.first(), instants.last()) else {
            return Self { first: 0, shift: 0, begins: vec![0, 0] };
        };
        let span = last.0.abs_diff(first.0);
        // About one slice for every two instants.
        let bits = (usize::BITS - instants.len().leading_zeros()).saturating_sub(1);
        let shift = (u64::BITS - span.leading_zeros()).saturating_sub(bits);
        let mut begins = Vec::with_capacity((span >> shift) as usize + 2);
        for (place, ts) in (0..).zip(instants) {
            let slice = (ts.0.abs_diff(first.0) >> shift) as usize;
            if begins.len() <= slice {
                begins.resize(slice + 1, place);
            }
        }
        begins.push(instants.len() as u32);
        Self { first: first.0, shift, begins }
    }

    /// The places between which an instant is, if it is there at all.
    fn range(&self, ts: Ns) -> (usize, usize) {
        if ts.0 < self.first {
            return (0, 0);
        }
        let slice = (ts.0.abs_diff(self.first) >> self.shift) as usize;
        match (self.begins.get(slice), self.begins.get(slice.saturating_add(1))) {
            (Some(from), Some(to)) => (*from as usize, *to as usize),
            _ => (0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranks_are_places_in_the_sorted_list(
            all in prop::collection::vec(prop_oneof![any::<i64>(), -20..20_i64, 1_000..1_000_000_i64], 0..200),
            probes in prop::collection::vec(prop_oneof![any::<i64>(), -20..20_i64, Just(i64::MIN), Just(i64::MAX)], 8),
        ) {
            let frame = Frame::new(Vec::new(), all.iter().copied().map(Ns).collect(), Vec::new(), Vec::new()).unwrap();
            let mut sorted = all.clone();
            sorted.sort_unstable();
            sorted.dedup();
            for ts in all.iter().chain(&probes) {
                // Twice, for the second answer is remembered.
                for _ in 0..2 {
                    prop_assert_eq!(frame.rank(Ns(*ts)).ok(), sorted.binary_search(ts).ok().map(|at| at as u32));
                }
            }
        }
    }

    #[test]
    fn imported_times_stand_beside_the_transaction_s_own() {
        let own = vec![(Xid(4), None), (Xid(2), Some(Micros(7)))];
        let stated = vec![
            (Xid(2), Micros(9)),
            (Xid(4), Micros(1)),
            (Xid(2), Micros(7)),
            (Xid(2), Micros(3)),
            (Xid(4), Micros(1)),
        ];
        let frame = Frame::new(Vec::new(), Vec::new(), own, stated).unwrap();
        let times = |xid, times: &[i64]| times.iter().map(|at| (xid, Some(Micros(*at)))).collect::<Vec<_>>();
        let all = [times(Xid(2), &[3, 7, 9]), vec![(Xid(4), None)], times(Xid(4), &[1])].concat();
        assert_eq!(frame.txs(), all);
        let tx = |xid, at: Option<i64>| frame.tx(Xid(xid), at.map(Micros)).ok();
        assert_eq!([tx(2, None), tx(2, Some(3)), tx(2, Some(7)), tx(2, Some(9))], [Some(1), Some(0), Some(1), Some(2)]);
        assert_eq!([tx(4, None), tx(4, Some(1)), tx(4, Some(7)), tx(3, None)], [Some(3), Some(4), None, None]);
    }

    #[test]
    fn a_known_time_wins() {
        let txs = vec![(Xid(4), None), (Xid(2), Some(Micros(7))), (Xid(4), Some(Micros(9))), (Xid(2), Some(Micros(8)))];
        let tags = [b"b", b"a", b"b"].map(|tag| Arc::from(&tag[..])).to_vec();
        let frame = Frame::new(tags, Vec::new(), txs, Vec::new()).unwrap();
        assert_eq!(frame.txs(), [(Xid(2), Some(Micros(7))), (Xid(4), Some(Micros(9)))]);
        assert_eq!((frame.tx(Xid(4), None).unwrap(), frame.position(b"b").unwrap()), (1, 1));
        assert!(frame.tx(Xid(3), None).is_err() && frame.position(b"c").is_err() && frame.rank(Ns(0)).is_err());
    }
}
