//! What a run says of itself: bounds, and the rules its postings were made by.
//!
//! Invariant: postings may be used only by a reader with the same rules.

use super::Rules;
use crate::error::Result;
use crate::format::varint::{Cursor, put, put_bytes, put_signed};
use crate::types::{Ns, Ordinal, Xid};

/// The last number of the section, which is for later use.
const RESERVED: u64 = 0;

/// The section SUMMARY.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Summary {
    /// The number of events.
    pub(super) events: u64,
    /// The number of entities.
    pub(super) entities: u64,
    /// The smallest and the largest instant of an event.
    pub(super) ts: (Ns, Ns),
    /// The largest stamped instant.
    pub(super) max_stamped: Option<Ns>,
    /// The largest instant that a user gave.
    pub(super) max_dated: Option<Ns>,
    /// The smallest and the largest transaction.
    pub(super) tx: (Xid, Xid),
    /// The smallest and the largest ordinal.
    pub(super) ordinals: (Ordinal, Ordinal),
    /// The namespaces of cardinality `one`, sorted.
    pub(super) one: Vec<Vec<u8>>,
}

impl Summary {
    /// The section's bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.events);
        put(&mut out, self.entities);
        put_signed(&mut out, self.ts.0.0);
        put_signed(&mut out, self.ts.1.0);
        for instant in [self.max_stamped, self.max_dated] {
            put(&mut out, u64::from(instant.is_some()));
            put_signed(&mut out, instant.unwrap_or_default().0);
        }
        put(&mut out, self.tx.0.0);
        put(&mut out, self.tx.1.0);
        put(&mut out, u64::from(self.ordinals.0.0));
        put(&mut out, u64::from(self.ordinals.1.0));
        put(&mut out, self.one.len() as u64);
        for namespace in &self.one {
            put_bytes(&mut out, namespace);
        }
        put(&mut out, RESERVED);
        out
    }

    /// The values in the section's bytes.
    pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(name, bytes);
        let events = cursor.varint()?;
        let entities = cursor.varint()?;
        let ts = (Ns(cursor.signed()?), Ns(cursor.signed()?));
        let mut instant = || -> Result<Option<Ns>> {
            let known = cursor.varint()? != 0;
            let ts = Ns(cursor.signed()?);
            Ok(known.then_some(ts))
        };
        let (max_stamped, max_dated) = (instant()?, instant()?);
        let tx = (Xid(cursor.varint()?), Xid(cursor.varint()?));
        let ordinals = (Ordinal(cursor.varint_u32()?), Ordinal(cursor.varint_u32()?));
        let mut one = Vec::new();
        for _ in 0..cursor.count(1)? {
            one.push(cursor.bytes()?.to_vec());
        }
        let reserved = cursor.varint()?;
        if reserved != RESERVED {
            return Err(cursor.fault(format!("the reserved number is {reserved}, not {RESERVED}")));
        }
        cursor.finish()?;
        Ok(Self { events, entities, ts, max_stamped, max_dated, tx, ordinals, one })
    }

    /// Whether the postings follow these rules.
    pub(super) fn follows(&self, rules: &Rules) -> bool {
        self.one.iter().eq(rules.one.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_round_trips_and_rejects_a_cut() {
        let summary = Summary {
            events: 9,
            entities: 3,
            ts: (Ns(-4), Ns(1 << 60)),
            max_stamped: Some(Ns(12)),
            max_dated: None,
            tx: (Xid(5), Xid(1 << 40)),
            ordinals: (Ordinal(1), Ordinal(u32::MAX)),
            one: vec![b"status".to_vec()],
        };
        let bytes = summary.encode();
        assert_eq!(Summary::decode("s", &bytes).expect("decodes"), summary);
        for len in 0..bytes.len() {
            assert!(Summary::decode("s", &bytes[..len]).is_err(), "cut at {len}");
        }
    }
}
