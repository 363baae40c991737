//! The fixed parts of a segment file: header, section directory and footer.
//!
//! Invariant: a file that is shorter or longer than its footer says, or whose footer's checksum is wrong, is not
//! opened.

use std::ops::Range;

use super::varint::{Cursor, malformed};
use crate::error::{Error, Result};

/// The first bytes of every segment file.
pub const MAGIC: [u8; 8] = *b"EntityDB";
/// The version of the format.
pub const VERSION: u8 = 1;
/// The length of the header: magic, version, kind, six bytes of zero.
pub const HEADER_BYTES: usize = 16;
/// The length of the footer.
pub const FOOTER_BYTES: usize = 32;
/// The length of a block that has a checksum.
pub const BLOCK_BYTES: usize = 64 * 1024;
/// The length of a section's entry in the directory: number (8 bytes, little-endian), start, length.
pub const SECTION_BYTES: usize = 24;

/// The header of a file of kind number `kind`.
pub fn header(kind: u8) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[..8].copy_from_slice(&MAGIC);
    out[8] = VERSION;
    out[9] = kind;
    out
}

/// The kind number of a header.
pub fn kind(name: &str, bytes: &[u8]) -> Result<u8> {
    let mut c = Cursor::new(name, bytes);
    if c.take(8)? != MAGIC {
        return Err(malformed(name, "the header does not begin with the magic bytes"));
    }
    let version = c.u8()?;
    if version != VERSION {
        return Err(malformed(name, format!("format version {version} is not known, {VERSION} is")));
    }
    let kind = c.u8()?;
    if c.take(6)? != [0; 6] {
        return Err(malformed(name, "the reserved bytes of the header are not zero"));
    }
    Ok(kind)
}

/// A section's number and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The section's number.
    pub id: u8,
    /// Its first byte in the file.
    pub start: u64,
    /// Its length.
    pub len: u64,
}

/// What the tail of a file says; found right, so that the ranges lie inside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// How many bytes the block checksums cover: header and sections.
    pub body_len: usize,
    /// Where the table of checksums is.
    pub table: Range<usize>,
    /// The sections.
    pub sections: Vec<Place>,
    /// The footer's checksum, which covers the table, the directory and the footer.
    pub checksum: u32,
}

/// The bytes after the body: table, directory, footer; and the footer's checksum.
pub fn encode_tail(body_len: u64, crcs: &[u32], sections: &[Place]) -> (Vec<u8>, u32) {
    let mut out = Vec::with_capacity(crcs.len() * 4 + sections.len() * SECTION_BYTES + FOOTER_BYTES);
    crcs.iter().for_each(|crc| out.extend_from_slice(&crc.to_le_bytes()));
    for place in sections {
        for value in [u64::from(place.id), place.start, place.len] {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
    out.extend_from_slice(&body_len.to_le_bytes());
    out.extend_from_slice(&(crcs.len() as u64).to_le_bytes());
    out.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&MAGIC);
    (out, checksum)
}

/// What the tail of the file `bytes` says.
pub fn decode_tail(name: &str, bytes: &[u8]) -> Result<Tail> {
    let fault = |detail: String| malformed(name, detail);
    let start = bytes.len().checked_sub(FOOTER_BYTES).filter(|start| *start >= HEADER_BYTES);
    let start = start.ok_or_else(|| fault(format!("{} bytes are too few for a segment", bytes.len())))?;
    let mut c = Cursor::new(name, &bytes[start..]);
    let (body_len, blocks, sections, expected) = (c.u64()?, c.u64()?, c.u32()?, c.u32()?);
    if c.take(8)? != MAGIC {
        return Err(fault("the footer does not end with the magic bytes".into()));
    }
    let total = u128::from(body_len)
        + u128::from(blocks) * 4
        + u128::from(sections) * SECTION_BYTES as u128
        + FOOTER_BYTES as u128;
    if total != bytes.len() as u128 {
        return Err(fault(format!("the footer speaks of {total} bytes and the file has {}", bytes.len())));
    }
    if blocks != body_len.div_ceil(BLOCK_BYTES as u64) || body_len < HEADER_BYTES as u64 {
        return Err(fault(format!("{blocks} checksums cannot be those of {body_len} bytes")));
    }
    let body_len = body_len as usize;
    let table = body_len..body_len + blocks as usize * 4;
    let found = crc32fast::hash(&bytes[body_len..start + FOOTER_BYTES - 12]);
    if found != expected {
        return Err(Error::ChecksumMismatch { segment: name.to_owned(), block: blocks, expected, found });
    }
    let mut c = Cursor::new(name, &bytes[table.end..start]);
    let mut places: Vec<Place> = Vec::with_capacity(sections as usize);
    for _ in 0..sections {
        let (id, start, len) = (c.u64()?, c.u64()?, c.u64()?);
        let end = start.checked_add(len).filter(|end| start >= HEADER_BYTES as u64 && *end <= body_len as u64);
        match (u8::try_from(id), end) {
            (Ok(id), Some(_)) if places.iter().all(|p| p.id != id) => places.push(Place { id, start, len }),
            _ => return Err(fault(format!("section {id} of {len} bytes at {start} does not fit in {body_len} bytes"))),
        }
    }
    Ok(Tail { body_len, table, sections: places, checksum: expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_round_trips_and_every_flip_is_seen() {
        let mut file = header(1).to_vec();
        file.extend_from_slice(b"section");
        let place = Place { id: 3, start: 16, len: 7 };
        let (tail, checksum) = encode_tail(23, &[crc32fast::hash(&file)], &[place]);
        file.extend_from_slice(&tail);
        let got = decode_tail("test", &file).unwrap();
        assert_eq!(
            (got.body_len, &got.table, &got.sections[..], got.checksum),
            (23, &(23..27), &[place][..], checksum)
        );
        assert_eq!(kind("test", &file).unwrap(), 1);
        for at in 23..file.len() {
            file[at] ^= 4;
            assert!(decode_tail("test", &file).is_err(), "byte {at}");
            file[at] ^= 4;
        }
        for len in 0..file.len() {
            assert!(decode_tail("test", &file[..len]).is_err(), "{len} bytes");
        }
    }
}
