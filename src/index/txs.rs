//! The transaction table of a segment, ascending by transaction id.
//!
//! Invariant: an event's system time is in this table alone; the log holds indexes into it.

use crate::error::{Error, Result};
use crate::format::varint::malformed;
use crate::segment::Section;
use crate::types::{Micros, Xid};

const ENTRY_BYTES: usize = 16;
/// Stands for a time that is not known.
const NO_TIME: i64 = i64::MIN;

/// The table's bytes; entries ascend strictly by transaction and time. The time is that of the commit, or the one that
/// an import gave (one transaction may import several).
pub fn encode(txs: &[(Xid, Option<Micros>)]) -> Result<Vec<u8>> {
    let limit = u64::from(u32::MAX - 1);
    if txs.len() as u64 > limit {
        return Err(Error::TooMany { what: "transactions in a segment", limit, found: txs.len() as u64 });
    }
    if !txs.is_sorted_by(|a, b| a < b) {
        return Err(malformed("transaction table", "the transactions do not ascend"));
    }
    let mut out = Vec::with_capacity(txs.len() * ENTRY_BYTES);
    for (xid, time) in txs {
        out.extend_from_slice(&xid.0.to_le_bytes());
        out.extend_from_slice(&time.map_or(NO_TIME, |time| time.0).to_le_bytes());
    }
    Ok(out)
}

/// A table in a section.
#[derive(Clone, Debug)]
pub struct Txs {
    section: Section,
}

impl Txs {
    /// Opens the table.
    pub fn open(section: Section) -> Result<Self> {
        if !section.len().is_multiple_of(ENTRY_BYTES) || section.len() / ENTRY_BYTES >= u32::MAX as usize {
            return Err(malformed(section.name(), format!("{} bytes are no transaction table", section.len())));
        }
        Ok(Self { section })
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        (self.section.len() / ENTRY_BYTES) as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.section.is_empty()
    }

    /// The entry at an index.
    pub fn get(&self, index: u32) -> Result<(Xid, Option<Micros>)> {
        let mut entry = self.section.cursor(index as usize * ENTRY_BYTES, ENTRY_BYTES)?;
        let (xid, time) = (entry.u64()?, entry.u64()? as i64);
        Ok((Xid(xid), (time != NO_TIME).then_some(Micros(time))))
    }

    /// The time of a transaction, if it is known; of one that gave events several times of their own it is not.
    pub fn time_of(&self, tx: Xid) -> Result<Option<Micros>> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from + (to - from) / 2;
            if self.get(middle)?.0 < tx { from = middle + 1 } else { to = middle }
        }
        let at = |index: u32| if index < self.len() { self.get(index).map(Some) } else { Ok(None) };
        match (at(from)?, at(from + 1)?) {
            (Some((xid, _)), Some((next, _))) if xid == tx && next == tx => Ok(None),
            (Some((xid, time)), _) if xid == tx => Ok(time),
            _ => Ok(None),
        }
    }

    /// The smallest and the largest transaction.
    pub fn bounds(&self) -> Result<Option<(Xid, Xid)>> {
        match self.len() {
            0 => Ok(None),
            len => Ok(Some((self.get(0)?.0, self.get(len - 1)?.0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::section_of;

    #[test]
    fn round_trips() {
        let all = [(Xid(3), None), (Xid(3), Some(Micros(-1))), (Xid(u64::MAX), Some(Micros(9)))];
        let table = Txs::open(section_of(&encode(&all).unwrap())).unwrap();
        assert_eq!((0..3).map(|i| table.get(i).unwrap()).collect::<Vec<_>>(), all);
        assert_eq!(table.bounds().unwrap(), Some((Xid(3), Xid(u64::MAX))));
        let times = [2, 3, 4, u64::MAX].map(|xid| table.time_of(Xid(xid)).unwrap());
        assert_eq!(times, [None, None, None, Some(Micros(9))]);
        assert!(table.get(3).is_err() && table.get(u32::MAX).is_err());
        assert_eq!(Txs::open(section_of(&[])).unwrap().bounds().unwrap(), None);
        assert!(encode(&[(Xid(2), None), (Xid(1), None)]).is_err());
        assert!(Txs::open(section_of(&[0; 17])).is_err());
    }
}
