//! Where new files are made: a directory, or memory in tests.
//!
//! Invariant: a name never names two files; nothing has its final name before its bytes are durable.

use std::fs::{self, File, OpenOptions};
use std::hash::BuildHasher;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::{Files, Kind, NewFile};
use crate::error::{Error, Result};
use crate::types::Xid;

const TEMPORARY: &str = ".tmp";
const BUFFER_BYTES: usize = 256 * 1024;
/// How often another random name is tried where one exists already.
const ATTEMPTS_MAX: usize = 8;

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Kind; 4] = [Kind::Run, Kind::Tile, Kind::Content, Kind::Ids];

    /// The ending of the names of files of this kind.
    pub fn extension(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::Tile => "tile",
            Kind::Content => "content",
            Kind::Ids => "ids",
        }
    }

    /// The kind with number `byte`, if there is one.
    pub fn from_byte(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// The parts of a final or temporary file name: transaction, kind, and whether it is temporary. `None` for any other
/// name.
pub fn parse_name(name: &str) -> Option<(Xid, Kind, bool)> {
    let (name, temporary) = name.strip_suffix(TEMPORARY).map_or((name, false), |stem| (stem, true));
    let (stem, extension) = name.split_once('.')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.extension() == extension)?;
    let (xid, random) = stem.split_once('-')?;
    let is_number = |s: &str| s.len() == 16 && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_number(xid) || !is_number(random) {
        return None;
    }
    Some((Xid(u64::from_str_radix(xid, 16).ok()?), kind, temporary))
}

/// A number that no other process and no earlier call is likely to have drawn. The keys of `RandomState` alone would
/// not do: forked processes may inherit them, hence the process id, the clock and the counter.
fn random() -> u64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
    std::collections::hash_map::RandomState::new().hash_one((std::process::id(), now, drawn))
}

/// Makes a directory and what is missing above it; each entry is durable before anything is put into it.
fn make_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    make_durably(above)?;
    match fs::create_dir(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => File::open(above)?.sync_all(),
    }
}

/// A directory of segment files, on behalf of a transaction.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
    xid: Xid,
}

impl Directory {
    /// New files in `path` carry `xid` in their names.
    pub fn new(path: PathBuf, xid: Xid) -> Self {
        Self { path, xid }
    }

    /// The same, after the directory was made durably where it is missing.
    pub fn make(path: PathBuf, xid: Xid) -> Result<Self> {
        make_durably(&path)
            .map_err(|source| Error::Io { doing: format!("create directory \"{}\"", path.display()), source })?;
        Ok(Self::new(path, xid))
    }
}

impl Files for Directory {
    fn create(&mut self, kind: Kind) -> Result<Box<dyn NewFile>> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let name = format!("{:016x}-{:016x}.{}", self.xid.0, random(), kind.extension());
            let temporary = self.path.join(format!("{name}{TEMPORARY}"));
            let taken = self.path.join(&name).exists();
            let created = if taken {
                Err(io::Error::from(io::ErrorKind::AlreadyExists))
            } else {
                OpenOptions::new().write(true).create_new(true).open(&temporary)
            };
            match created {
                Ok(file) => {
                    let file = Some(BufWriter::with_capacity(BUFFER_BYTES, file));
                    return Ok(Box::new(DirectoryFile { directory: self.path.clone(), temporary, name, file }));
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS_MAX => {}
                Err(source) => return Err(Error::Io { doing: format!("create segment \"{name}\""), source }),
            }
        }
    }
}

/// A file under its temporary name; `file` is `None` once it is published.
struct DirectoryFile {
    directory: PathBuf,
    temporary: PathBuf,
    name: String,
    file: Option<BufWriter<File>>,
}

impl DirectoryFile {
    fn buffer(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the file is closed"))
    }

    fn make_durable(&mut self) -> io::Result<()> {
        self.buffer()?.flush()?;
        self.buffer()?.get_ref().sync_all()?;
        fs::rename(&self.temporary, self.directory.join(&self.name))?;
        self.file = None;
        File::open(&self.directory)?.sync_all()
    }
}

impl Write for DirectoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.buffer()?.flush()
    }
}

impl NewFile for DirectoryFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn publish(mut self: Box<Self>) -> Result<()> {
        self.make_durable()
            .map_err(|source| Error::Io { doing: format!("make segment \"{}\" durable", self.name), source })
    }
}

impl Drop for DirectoryFile {
    /// An abandoned file is removed; should that fail, the sweep of unreferenced files finds it by its name.
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            drop(file.into_parts());
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Names and bytes of files in memory, in the order of publication.
pub type Published = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Published files in memory, for tests.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    /// Names and bytes.
    pub published: Published,
    created: Arc<AtomicU64>,
}

impl Files for MemoryFiles {
    fn create(&mut self, kind: Kind) -> Result<Box<dyn NewFile>> {
        let number = self.created.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:016x}-{number:016x}.{}", 0, kind.extension());
        Ok(Box::new(MemoryFile { name, bytes: Vec::new(), published: self.published.clone() }))
    }
}

struct MemoryFile {
    name: String,
    bytes: Vec<u8>,
    published: Published,
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for MemoryFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn publish(self: Box<Self>) -> Result<()> {
        self.published.lock().push((self.name, self.bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::map;

    #[test]
    fn a_directory_is_made_where_it_is_missing() {
        let above = std::env::temp_dir().join(format!("entitydb-{:016x}", random()));
        let path = above.join("a").join("b");
        for _ in 0..2 {
            let file = Directory::make(path.clone(), Xid(1)).unwrap().create(Kind::Ids).unwrap();
            let name = file.name().to_owned();
            file.publish().unwrap();
            assert!(path.join(name).is_file());
        }
        fs::remove_dir_all(above).unwrap();
    }

    #[test]
    fn names_are_parsed_and_others_are_not() {
        let name = "00000000000000ff-0123456789abcdef.tile";
        assert_eq!(parse_name(name), Some((Xid(255), Kind::Tile, false)));
        assert_eq!(parse_name(&format!("{name}.tmp")), Some((Xid(255), Kind::Tile, true)));
        for bad in ["", "a.run", "00000000000000FF-0123456789abcdef.run", "00000000000000ff-0123456789abcdef.x"] {
            assert_eq!(parse_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_has_its_name_only_when_published_and_none_when_dropped() {
        let path = std::env::temp_dir().join(format!("entitydb-files-{:016x}", random()));
        fs::create_dir(&path).unwrap();
        let mut files = Directory::new(path.clone(), Xid(7));
        let mut file = files.create(Kind::Run).unwrap();
        file.write_all(b"bytes").unwrap();
        let place = path.join(file.name());
        assert!(matches!(map(&place), Err(Error::Missing { .. })));
        file.publish().unwrap();
        assert_eq!(map(&place).unwrap().as_ref().as_ref(), b"bytes");
        let mut abandoned = files.create(Kind::Ids).unwrap();
        abandoned.write_all(b"bytes").unwrap();
        drop(abandoned);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        fs::remove_dir_all(&path).unwrap();
    }
}
