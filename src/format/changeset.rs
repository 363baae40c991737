//! The change set of a delta row as bytes: the entity's id and its events.
//!
//! Invariant: `decode` gives back exactly what `encode` was given, or an error; bytes left over are an error.

use super::varint::{Cursor, put, put_bytes, put_signed};
use crate::error::Result;
use crate::types::{NewEvent, Ns, Op, StoredContent};

const VERSION: u8 = 1;
const OP: u8 = 0x07;
const STAMPED: u8 = 0x08;
const TAG: u8 = 0x10;
const CONTENT: u8 = 0x20;
/// The content is in a segment: the file's name, offset, length and hash stand for it.
const STORED: u8 = 0x40;
/// An event is at least its flags and its time.
const EVENT_BYTES_MIN: usize = 2;

/// The bytes of a change set, of which some contents are stored in segments; these ascend by their events' places.
pub fn encode(id: &[u8], events: &[NewEvent], stored: &[StoredContent]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + id.len() + events.len() * 24);
    out.push(VERSION);
    put_bytes(&mut out, id);
    put(&mut out, events.len() as u64);
    let mut ts = 0i64;
    let mut stored = stored.iter().peekable();
    for (place, event) in (0..).zip(events) {
        let segment = stored.next_if(|content| content.event == place);
        let mut flags = event.op as u8;
        flags |= if event.stamped { STAMPED } else { 0 };
        flags |= if event.tag.is_some() { TAG } else { 0 };
        flags |= match (&event.content, segment) {
            (_, Some(_)) => STORED,
            (Some(_), None) => CONTENT,
            (None, None) => 0,
        };
        out.push(flags);
        put_signed(&mut out, event.ts.0.wrapping_sub(ts));
        ts = event.ts.0;
        for bytes in [&event.tag, &event.content.as_ref().filter(|_| segment.is_none()).cloned()].into_iter().flatten()
        {
            put_bytes(&mut out, bytes);
        }
        if let Some(content) = segment {
            put_bytes(&mut out, content.file.as_bytes());
            put(&mut out, content.offset);
            put(&mut out, u64::from(content.len));
            out.extend_from_slice(&content.hash.to_le_bytes());
        }
    }
    out
}

/// The id, the events and the stored contents of a change set.
pub fn decode(bytes: &[u8]) -> Result<(Vec<u8>, Vec<NewEvent>, Vec<StoredContent>)> {
    let mut c = Cursor::new("change set", bytes);
    let version = c.u8()?;
    if version != VERSION {
        return Err(c.fault(format!("version {version} is not known, {VERSION} is")));
    }
    let id = c.bytes()?.to_vec();
    let count = c.count(EVENT_BYTES_MIN)?;
    let (mut events, mut stored) = (Vec::with_capacity(count), Vec::new());
    let mut ts = 0i64;
    for place in 0..count {
        let flags = c.u8()?;
        let op = Op::from_byte(flags & OP).filter(|_| {
            flags & !(OP | STAMPED | TAG | CONTENT | STORED) == 0 && flags & (CONTENT | STORED) != CONTENT | STORED
        });
        let op = op.ok_or_else(|| c.fault(format!("event flags {flags:#04x} are not known")))?;
        ts = ts.wrapping_add(c.signed()?);
        let tag = if flags & TAG != 0 { Some(c.bytes()?.to_vec()) } else { None };
        let mut content = if flags & CONTENT != 0 { Some(c.bytes()?.to_vec()) } else { None };
        if flags & STORED != 0 {
            content = Some(Vec::new());
            let file = std::str::from_utf8(c.bytes()?).map_err(|_| c.fault("the name of a content file is no text"))?;
            stored.push(StoredContent {
                event: place as u32,
                file: file.to_owned(),
                offset: c.varint()?,
                len: c.varint_u32()?,
                hash: c.u32()?,
            });
        }
        events.push(NewEvent { ts: Ns(ts), stamped: flags & STAMPED != 0, op, tag, content });
    }
    c.finish()?;
    Ok((id, events, stored))
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
            odd in any::<bool>(),
        ) {
            let mut events = events;
            let content = |(event, of): (u32, &mut NewEvent)| {
                let is_stored = of.content.is_some() && event % 2 == u32::from(odd);
                let file = String::from_utf8_lossy(of.tag.as_deref().unwrap_or_default()).into_owned();
                is_stored.then(|| of.content = Some(Vec::new())).map(|()| StoredContent {
                    event,
                    file,
                    offset: of.ts.0 as u64,
                    len: event,
                    hash: !event,
                })
            };
            let stored: Vec<StoredContent> = (0..).zip(&mut events).filter_map(content).collect();
            let bytes = encode(&id, &events, &stored);
            prop_assert_eq!(decode(&bytes).unwrap(), (id, events, stored));
            for len in 0..bytes.len() {
                prop_assert!(decode(&bytes[..len]).is_err());
            }
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok((id, events, stored)) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&id, &events, &stored)).unwrap(), (id, events, stored));
            }
        }
    }

    #[test]
    fn flipped_bytes_never_pass_unseen_as_the_same() {
        let events =
            vec![NewEvent { ts: Ns(5), stamped: true, op: Op::Assert, tag: Some(b"a:b".to_vec()), content: None }];
        let good = encode(b"id", &events, &[]);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(decode(&bad).map_or(true, |got| got != (b"id".to_vec(), events.clone(), Vec::new())));
            }
        }
    }
}
