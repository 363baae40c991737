//! New segments from old ones and from the delta: seal and compact.
//!
//! Invariant: the events of the output are exactly those of the input; only postings, ids and content places are made anew.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::delta::Delta;
use super::gather::Gather;
use super::merge;
use super::run_writer::RunWriter;
use super::{Blob, View};
use crate::error::{Error, Result};
use crate::index::content::ContentWriter;
use crate::index::ids::IdsWriter;
use crate::index::log::ContentLoc;
use crate::segment::{Files, Kind, SegmentWriter};
use crate::types::{ChangeSet, Micros, Ns, Ordinal, StoredContent, Xid};

/// Switches of the builder.
#[derive(Clone, Copy, Debug)]
pub struct BuildOptions {
    /// Compress content blocks with snappy.
    pub compress: bool,
    /// Contents of fewer bytes than this are stored in blocks of their own that are not compressed.
    pub compression_threshold: usize,
}

/// What the manifest says of a file.
#[derive(Clone, Debug)]
pub struct FileInfo {
    /// The file's name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Its length.
    pub bytes: u64,
    /// The checksum of its footer, which covers the checksums of all blocks.
    pub checksum: u32,
    /// How many events (contents, ids) it holds.
    pub events: u64,
    /// How many entities.
    pub entities: u64,
    /// The smallest and largest instant; `BEFORE_ALL` and `AFTER_ALL` swapped if there is none.
    pub ts: (Ns, Ns),
    /// The largest stamped instant, if any is stamped.
    pub max_stamped: Option<Ns>,
    /// The smallest and largest transaction.
    pub tx: (Xid, Xid),
    /// The smallest and largest ordinal.
    pub ordinals: (Ordinal, Ordinal),
}

/// Builds a run, its content and its ids from change sets that `base` (segments only) does not hold.
/// `times` resolves a transaction's commit time. Returns the files in manifest order; no files for no change sets.
pub fn seal(
    base: &View,
    sets: Vec<ChangeSet>,
    times: &dyn Fn(Xid) -> Option<Micros>,
    options: &BuildOptions,
    files: &mut dyn Files,
) -> Result<Vec<FileInfo>> {
    let mut infos = Vec::new();
    if sets.iter().all(|s| s.events.is_empty()) {
        return Ok(infos);
    }
    let delta = Delta::new(sets);
    // Number 0 is the content file that is made here; the others come after it.
    let others: Vec<String> = delta.files().into_iter().map(str::to_owned).collect();
    let number = |file: &str| others.iter().position(|other| other == file).map_or(u32::MAX, |at| at as u32 + 1);
    let delta = delta.with_files(number);
    let mut new_ids = Vec::new();
    for (id, ordinal) in delta.ids_between(Bound::Unbounded, Bound::Unbounded) {
        if base.resolve(id)?.is_none() {
            new_ids.push((id, ordinal));
        }
    }
    let mut contents = ContentFile::new(*options);
    let mut entities = Vec::new();
    for ordinal in delta.ordinals() {
        let mut events = Vec::new();
        delta.events(ordinal, &mut events);
        for event in &mut events {
            if let Some(Blob::Inline(bytes)) = &event.content {
                let at = contents.append(bytes, files)?;
                event.content =
                    Some(Blob::Stored { segment: at.segment, offset: at.offset, len: at.len, hash: at.hash });
            }
        }
        entities.push((ordinal, events));
    }
    let made = contents.finish(&mut infos)?.pop();
    let content_files: BTreeSet<String> = others.iter().chain(&made).cloned().collect();
    let named: Vec<Option<&String>> = std::iter::once(made.as_ref()).chain(others.iter().map(Some)).collect();
    let place = |number: u32| {
        let name = named.get(number as usize).copied().flatten();
        name.and_then(|name| content_files.iter().position(|file| file == name)).map_or(u32::MAX, |at| at as u32)
    };
    for event in entities.iter_mut().flat_map(|(_, events)| events) {
        if let Some(Blob::Stored { segment, .. }) = &mut event.content {
            *segment = place(*segment);
        }
    }
    if !new_ids.is_empty() {
        infos.push(write_ids(new_ids.into_iter(), files)?);
    }
    let mut gather = Gather::new(base.rules());
    for (n, (ordinal, events)) in entities.into_iter().enumerate() {
        if n % 256 == 0 {
            base.tick();
        }
        gather.push(ordinal, base.sealed_events(ordinal)?, events, times)?;
    }
    let frame = gather.frame(Vec::new(), Vec::new(), [])?;
    let mut run = RunWriter::begin(Kind::Run, base.rules(), frame, content_files, files)?;
    let mut pour = gather.pour(run.frame())?;
    while pour.next(None, &mut run)? {}
    infos.push(run.finish()?);
    Ok(infos)
}

/// Merges all runs, tiles and id runs of `base` (segments only) into one tile and one id run; content stays where it is.
/// Returns the new files in manifest order and the names of the files they replace; nothing if there is nothing to merge.
pub fn compact(
    base: &View,
    times: &dyn Fn(Xid) -> Option<Micros>,
    files: &mut dyn Files,
) -> Result<(Vec<FileInfo>, Vec<String>)> {
    let (mut infos, mut replaced) = (Vec::new(), Vec::new());
    let [runs, _, ids] = base.files();
    if ids.len() > 1 {
        let all = base.ids_between(Bound::Unbounded, Bound::Unbounded)?;
        infos.push(write_ids(all.iter().map(|(id, ordinal)| (id.as_slice(), *ordinal)), files)?);
        replaced.extend(ids.iter().map(|opened| opened.name().to_owned()));
    }
    if runs.len() > 1 || !base.follows(base.rules()) {
        infos.push(merge::merge(base, None, times, files)?);
        replaced.extend(runs.iter().map(|opened| opened.name().to_owned()));
    }
    Ok((infos, replaced))
}

/// Writes an id run; ids ascend.
pub(super) fn write_ids<'a>(ids: impl Iterator<Item = (&'a [u8], Ordinal)>, files: &mut dyn Files) -> Result<FileInfo> {
    write_ids_to(SegmentWriter::new(files.create(Kind::Ids)?, Kind::Ids)?, ids)
}

/// The same, to a file that was made for them.
pub(super) fn write_ids_to<'a>(
    mut out: SegmentWriter,
    ids: impl Iterator<Item = (&'a [u8], Ordinal)>,
) -> Result<FileInfo> {
    let mut writer = IdsWriter::default();
    let mut count = 0;
    let mut ordinals = (Ordinal(u32::MAX), Ordinal(0));
    for (id, ordinal) in ids {
        writer.push(id, ordinal)?;
        count += 1;
        ordinals = (ordinals.0.min(ordinal), ordinals.1.max(ordinal));
    }
    writer.finish(&mut out)?;
    let mut info = published(out, Kind::Ids, count)?;
    info.entities = count;
    info.ordinals = ordinals;
    Ok(info)
}

/// Stores contents in a file of their own; their change set names them there.
pub fn store_contents(
    contents: &[(u32, &[u8])],
    options: &BuildOptions,
    files: &mut dyn Files,
) -> Result<(Vec<FileInfo>, Vec<StoredContent>)> {
    let (mut out, mut infos, mut stored) = (ContentFile::new(*options), Vec::new(), Vec::new());
    for (event, bytes) in contents {
        let ContentLoc { offset, len, hash, .. } = out.append(bytes, files)?;
        let file = out.name().unwrap_or_default();
        stored.push(StoredContent { event: *event, file, offset, len, hash });
    }
    out.finish(&mut infos)?;
    Ok((infos, stored))
}

/// Publishes a file that holds no events.
fn published(out: SegmentWriter, kind: Kind, count: u64) -> Result<FileInfo> {
    let name = out.name().to_owned();
    let (bytes, checksum) = out.finish()?;
    Ok(FileInfo {
        name,
        kind,
        bytes,
        checksum,
        events: count,
        entities: 0,
        ts: (Ns::AFTER_ALL, Ns::BEFORE_ALL),
        max_stamped: None,
        tx: (Xid(u64::MAX), Xid(0)),
        ordinals: (Ordinal(u32::MAX), Ordinal(0)),
    })
}

/// The content file of a seal or a load; there is none before the first content.
pub(super) struct ContentFile {
    options: BuildOptions,
    writer: Option<ContentWriter>,
}

impl ContentFile {
    /// No content yet.
    pub(super) fn new(options: BuildOptions) -> Self {
        Self { options, writer: None }
    }

    /// Stores a content, in content file number 0 of the run that is being built.
    pub(super) fn append(&mut self, bytes: &[u8], files: &mut dyn Files) -> Result<ContentLoc> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let out = SegmentWriter::new(files.create(Kind::Content)?, Kind::Content)?;
                none.insert(ContentWriter::new(out, self.options.compress, self.options.compression_threshold)?)
            }
        };
        let len = u32::try_from(bytes.len()).map_err(|_| Error::TooMany {
            what: "bytes of content",
            limit: u64::from(u32::MAX),
            found: bytes.len() as u64,
        })?;
        let (offset, hash) = writer.append(bytes)?;
        Ok(ContentLoc { segment: 0, offset, len, hash })
    }

    /// The file's name, if there is one.
    pub(super) fn name(&self) -> Option<String> {
        self.writer.as_ref().map(|writer| writer.name().to_owned())
    }

    /// Publishes the file, if there is one; returns the names that a run's contents count by.
    pub(super) fn finish(self, infos: &mut Vec<FileInfo>) -> Result<Vec<String>> {
        let Some(writer) = self.writer else { return Ok(Vec::new()) };
        let count = writer.count();
        let info = published(writer.finish()?, Kind::Content, count)?;
        let name = info.name.clone();
        infos.push(info);
        Ok(vec![name])
    }
}
