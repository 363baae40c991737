//! The one mapping of a file.
//!
//! Invariant: only published segment files are mapped, and those never change.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::Bytes;
use crate::error::{Error, Result};

/// Maps a published segment file. `Missing` if there is none of this name.
pub fn map(path: &Path) -> Result<Bytes> {
    let name = || path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let file = File::open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { segment: name() },
        _ => Error::Io { doing: format!("open segment \"{}\"", name()), source },
    })?;
    // SAFETY: a mapping is sound while nobody changes or shortens the file under it. A published segment is never
    // written again: it is made under a temporary name, made durable, and only then renamed; after that it can only be
    // unlinked, which leaves the inode and so this mapping intact. The data directory belongs to the server's user
    // alone, as PostgreSQL requires for its own files. The bytes are read as plain `u8`, for which any value is valid.
    let map = unsafe { Mmap::map(&file) };
    let map = map.map_err(|source| Error::Io { doing: format!("map segment \"{}\"", name()), source })?;
    Ok(Arc::new(map))
}
