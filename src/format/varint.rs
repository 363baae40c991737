//! Integers of variable length (LEB128) and the cursor that every decoder reads through.
//!
//! Invariant: a cursor never reads past its bytes, and a length is compared with what is left before it is used.

use crate::error::{Error, Result};

/// Appends `value` in groups of seven bits, lowest first.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed value as one that is small where its magnitude is.
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Appends a signed value so that small magnitudes of either sign are short.
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

/// A few varints that are appended at once: cheaper than each by itself. At most six.
#[derive(Default)]
pub struct Small {
    bytes: [[u8; 10]; 6],
    len: usize,
}

impl Small {
    /// Adds a value.
    pub fn put(&mut self, mut value: u64) {
        let bytes = self.bytes.as_flattened_mut();
        while value >= 0x80 {
            bytes[self.len] = value as u8 | 0x80;
            self.len += 1;
            value >>= 7;
        }
        bytes[self.len] = value as u8;
        self.len += 1;
    }

    /// All of them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes.as_flattened()[..self.len]
    }
}

/// Appends a length and the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The error for bytes of `what` that contradict the format.
pub fn malformed(what: &str, detail: impl Into<String>) -> Error {
    Error::Malformed { segment: what.to_owned(), detail: detail.into() }
}

/// Reads values off the front of some bytes.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    what: &'a str,
    bytes: &'a [u8],
    len: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`; errors name `what`.
    pub fn new(what: &'a str, bytes: &'a [u8]) -> Self {
        Self { what, bytes, len: bytes.len() }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes were read.
    pub fn offset(&self) -> usize {
        self.len - self.bytes.len()
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        match self.bytes.split_at_checked(len) {
            Some((head, tail)) => {
                self.bytes = tail;
                Ok(head)
            }
            None => Err(self.fault(format!("{len} bytes are wanted and {} are left", self.left()))),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// The next two bytes, little-endian.
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// The next four bytes, little-endian.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next eight bytes, little-endian.
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The next varint.
    #[inline]
    pub fn varint(&mut self) -> Result<u64> {
        if let [byte, rest @ ..] = self.bytes
            && *byte < 0x80
        {
            self.bytes = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    /// A varint of several bytes.
    fn long_varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for (at, byte) in self.bytes.iter().enumerate().take(10) {
            let group = u64::from(byte & 0x7f);
            if at == 9 && group > 1 {
                break;
            }
            value |= group << (7 * at);
            if *byte < 0x80 {
                self.bytes = &self.bytes[at + 1..];
                return Ok(value);
            }
        }
        let ends = self.bytes.len() < 10 && self.bytes.iter().all(|byte| *byte >= 0x80);
        Err(self.fault(if ends { "a varint has no end" } else { "a varint exceeds 64 bits" }))
    }

    /// The next varint, which must fit 32 bits.
    pub fn varint_u32(&mut self) -> Result<u32> {
        let value = self.varint()?;
        u32::try_from(value).map_err(|_| self.fault(format!("{value} exceeds 32 bits")))
    }

    /// The next signed varint.
    pub fn signed(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next length and its bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.varint()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// The next count of things of at least `each` bytes, which must fit in what is left.
    pub fn count(&mut self, each: usize) -> Result<usize> {
        let count = self.varint()?;
        match usize::try_from(count).ok().filter(|n| n.checked_mul(each).is_some_and(|b| b <= self.left())) {
            Some(count) => Ok(count),
            None => Err(self.fault(format!("{count} entries do not fit in {} bytes", self.left()))),
        }
    }

    /// That nothing is left.
    pub fn finish(self) -> Result<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.fault(format!("{} bytes are left over", self.left()))) }
    }

    /// An error about these bytes.
    pub fn fault(&self, detail: impl Into<String>) -> Error {
        let detail = detail.into();
        malformed(self.what, format!("{detail} (at byte {})", self.offset()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), 1 << 62, 1 << 63, u64::MAX] {
            let mut out = Vec::new();
            put(&mut out, value);
            put_signed(&mut out, value as i64);
            put_bytes(&mut out, b"abc");
            let mut small = Small::default();
            (0..6).for_each(|_| small.put(value));
            let six = (0..6).flat_map(|_| {
                let mut one = Vec::new();
                put(&mut one, value);
                one
            });
            assert!(six.eq(small.bytes().iter().copied()));
            let mut c = Cursor::new("test", &out);
            assert_eq!(c.varint().unwrap(), value);
            assert_eq!(c.signed().unwrap(), value as i64);
            assert_eq!(c.bytes().unwrap(), b"abc");
            c.finish().unwrap();
        }
    }

    #[test]
    fn hostile_varints_are_errors() {
        assert!(Cursor::new("test", &[0xff; 10]).varint().is_err());
        assert!(Cursor::new("test", &[0xff; 3]).varint().is_err());
        assert!(Cursor::new("test", &[0x80, 0x80, 0x80, 0x80, 0x10]).varint_u32().is_err());
        assert!(Cursor::new("test", &[0xff, 0xff, 0x03, 1]).bytes().is_err());
        assert!(Cursor::new("test", &[5, 1, 1, 1, 1]).count(1).is_err());
        assert!(Cursor::new("test", &[1]).finish().is_err());
    }
}
