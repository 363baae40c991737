//! The change set of a delta row as bytes: the entity's id and its events.
//!
//! Invariant: `decode` gives back exactly what `encode` was given, or an error; bytes left over are an error.

use super::varint::{Cursor, put, put_bytes, put_signed};
use crate::error::Result;
use crate::types::{NewEvent, Ns, Op};

const VERSION: u8 = 1;
const OP: u8 = 0x07;
const STAMPED: u8 = 0x08;
const TAG: u8 = 0x10;
const CONTENT: u8 = 0x20;
/// An event is at least its flags and its time.
const EVENT_BYTES_MIN: usize = 2;

/// The bytes of a change set.
pub fn encode(id: &[u8], events: &[NewEvent]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + id.len() + events.len() * 24);
    out.push(VERSION);
    put_bytes(&mut out, id);
    put(&mut out, events.len() as u64);
    let mut ts = 0i64;
    for event in events {
        let mut flags = event.op as u8;
        flags |= if event.stamped { STAMPED } else { 0 };
        flags |= if event.tag.is_some() { TAG } else { 0 };
        flags |= if event.content.is_some() { CONTENT } else { 0 };
        out.push(flags);
        put_signed(&mut out, event.ts.0.wrapping_sub(ts));
        ts = event.ts.0;
        for bytes in [&event.tag, &event.content].into_iter().flatten() {
            put_bytes(&mut out, bytes);
        }
    }
    out
}

/// The id and the events of a change set.
pub fn decode(bytes: &[u8]) -> Result<(Vec<u8>, Vec<NewEvent>)> {
    let mut c = Cursor::new("change set", bytes);
    let version = c.u8()?;
    if version != VERSION {
        return Err(c.fault(format!("version {version} is not known, {VERSION} is")));
    }
    let id = c.bytes()?.to_vec();
    let count = c.count(EVENT_BYTES_MIN)?;
    let mut events = Vec::with_capacity(count);
    let mut ts = 0i64;
    for _ in 0..count {
        let flags = c.u8()?;
        let op = Op::from_byte(flags & OP).filter(|_| flags & !(OP | STAMPED | TAG | CONTENT) == 0);
        let op = op.ok_or_else(|| c.fault(format!("event flags {flags:#04x} are not known")))?;
        ts = ts.wrapping_add(c.signed()?);
        let tag = if flags & TAG != 0 { Some(c.bytes()?.to_vec()) } else { None };
        let content = if flags & CONTENT != 0 { Some(c.bytes()?.to_vec()) } else { None };
        events.push(NewEvent { ts: Ns(ts), stamped: flags & STAMPED != 0, op, tag, content });
    }
    c.finish()?;
    Ok((id, events))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event() -> impl Strategy<Value = NewEvent> {
        let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9));
        (any::<i64>(), any::<bool>(), 0usize..6, bytes(), bytes())
            .prop_map(|(ts, stamped, op, tag, content)| NewEvent { ts: Ns(ts), stamped, op: Op::ALL[op], tag, content })
    }

    proptest! {
        #[test]
        fn round_trips(
            id in proptest::collection::vec(any::<u8>(), 0..9),
            events in proptest::collection::vec(event(), 0..9),
        ) {
            let bytes = encode(&id, &events);
            prop_assert_eq!(decode(&bytes).unwrap(), (id, events));
            for len in 0..bytes.len() {
                prop_assert!(decode(&bytes[..len]).is_err());
            }
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok((id, events)) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&id, &events)).unwrap(), (id, events));
            }
        }
    }

    #[test]
    fn flipped_bytes_never_pass_unseen_as_the_same() {
        let events =
            vec![NewEvent { ts: Ns(5), stamped: true, op: Op::Assert, tag: Some(b"a:b".to_vec()), content: None }];
        let good = encode(b"id", &events);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(decode(&bad).map_or(true, |got| got != (b"id".to_vec(), events.clone())));
            }
        }
    }
}
