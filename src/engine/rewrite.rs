//! Segments without some of their events: what erasure and retention leave of the old ones.
//!
//! Invariant: the new files hold nothing of what is removed: no event, no id, no content, and neither a tag, an instant
//! nor a transaction that no other event names.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use roaring::RoaringBitmap;

use super::build::{ContentFile, write_ids};
use super::merge;
use super::opened::Run;
use super::{BuildOptions, FileInfo, View};
use crate::error::{Error, Result};
use crate::index::log::{LogEvent, NO_TAG};
use crate::segment::Files;
use crate::types::{Micros, Op, Ordinal, Seq, Xid};

/// Which events go.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    entities: RoaringBitmap,
    events: BTreeMap<Ordinal, Vec<Seq>>,
    others: BTreeMap<Ordinal, Vec<(Seq, Op)>>,
}

impl Removal {
    /// All events of an entity go.
    pub fn entity(&mut self, ordinal: Ordinal) {
        self.entities.insert(ordinal.0);
    }

    /// These events of an entity go.
    pub fn events(&mut self, ordinal: Ordinal, mut seqs: Vec<Seq>) {
        seqs.sort_unstable();
        self.events.insert(ordinal, seqs);
    }

    /// These events of an entity stay with another operation, without their tags and contents.
    pub fn becomes(&mut self, ordinal: Ordinal, others: Vec<(Seq, Op)>) {
        if !others.is_empty() {
            self.others.insert(ordinal, others);
        }
    }

    /// Whether nothing goes.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty() && self.events.is_empty() && self.others.is_empty()
    }

    /// Takes what goes out of the events of an entity.
    pub(super) fn apply(&self, ordinal: Ordinal, events: &mut Vec<LogEvent>) {
        if self.entities.contains(ordinal.0) {
            events.clear();
        } else if let Some(seqs) = self.events.get(&ordinal) {
            events.retain(|event| seqs.binary_search(&event.seq).is_err());
        }
        for (seq, op) in self.others.get(&ordinal).into_iter().flatten() {
            if let Some(event) = events.iter_mut().find(|event| event.seq == *seq) {
                *event = LogEvent { op: *op, tag: NO_TAG, content: None, ..*event };
            }
        }
    }
}

/// Builds the segments of `base` (segments only) anew without what is removed, and without the ids in `gone`. Every run and
/// tile is merged into one tile; id runs that hold such an id are merged; content files that hold anything but what the
/// remaining events name are replaced, but for those that change sets name, which are in `unsealed`. Returns the new files in manifest order and the names of those they replace.
pub fn rewrite(
    base: &View,
    removal: &Removal,
    gone: &BTreeSet<Vec<u8>>,
    unsealed: &BTreeSet<String>,
    times: &dyn Fn(Xid) -> Option<Micros>,
    options: &BuildOptions,
    files: &mut dyn Files,
) -> Result<(Vec<FileInfo>, Vec<String>)> {
    let (mut infos, mut replaced) = (Vec::new(), Vec::new());
    let [runs, contents, ids] = base.files();
    let kept = Kept::find(base, removal)?;
    let moved = kept.move_contents(base, unsealed, options, files, &mut infos)?;
    replaced.extend(moved.left.iter().filter_map(|place| contents.get(*place)).map(|opened| opened.name().to_owned()));
    if holds_any(base, gone)? {
        let all = base.ids_between(Bound::Unbounded, Bound::Unbounded)?;
        let mut left = all.iter().filter(|(id, _)| !gone.contains(id)).peekable();
        if left.peek().is_some() {
            infos.push(write_ids(left.map(|(id, ordinal)| (id.as_slice(), *ordinal)), files)?);
        }
        replaced.extend(ids.iter().map(|opened| opened.name().to_owned()));
    }
    if !runs.is_empty() {
        if kept.any() {
            infos.push(merge::merge(base, Some((&kept, &moved)), times, files)?);
        }
        replaced.extend(runs.iter().map(|opened| opened.name().to_owned()));
    }
    Ok((infos, replaced))
}

/// Whether an id run holds any of these ids.
fn holds_any(base: &View, gone: &BTreeSet<Vec<u8>>) -> Result<bool> {
    for ids in base.id_runs() {
        for id in gone {
            if ids.find(id)?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The numbers of a run that its remaining events name.
pub(super) struct Uses {
    pub(super) tags: Vec<bool>,
    pub(super) ranks: Vec<bool>,
    pub(super) txs: Vec<bool>,
}

impl Uses {
    fn note(&mut self, run: &Run, event: &LogEvent) -> Result<()> {
        let mark = |marks: &mut Vec<bool>, number: u32, what: &str| match marks.get_mut(number as usize) {
            Some(mark) => {
                *mark = true;
                Ok(())
            }
            None => Err(run.malformed(format!("the log names {what} {number}, which there is not"))),
        };
        if event.tag != NO_TAG {
            mark(&mut self.tags, event.tag, "tag")?;
        }
        mark(&mut self.ranks, event.rank, "instant")?;
        mark(&mut self.txs, event.tx, "transaction")
    }
}

/// A content in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    offset: u64,
    len: u32,
    hash: u32,
}

/// What the remaining events name.
pub(super) struct Kept<'a> {
    pub(super) removal: &'a Removal,
    /// Of each run.
    pub(super) uses: Vec<Uses>,
    /// Of each content file of the view, the contents that are named.
    contents: Vec<Vec<Place>>,
}

impl<'a> Kept<'a> {
    fn find(base: &View, removal: &'a Removal) -> Result<Self> {
        let mut contents = vec![Vec::new(); base.files()[1].len()];
        let mut all = Vec::new();
        for (run, content_files) in base.runs() {
            let unused = |count: u32| vec![false; count as usize];
            let [tags, ranks, txs] = [run.tags.len(), run.instants.len(), run.txs.len()].map(unused);
            let mut uses = Uses { tags, ranks, txs };
            let (mut scan, mut events, mut entities) = (run.log.scan(), Vec::new(), 0_usize);
            while let Some(ordinal) = scan.next(&mut events)? {
                entities += 1;
                if entities.is_multiple_of(256) {
                    base.tick();
                }
                removal.apply(ordinal, &mut events);
                for event in events.drain(..) {
                    uses.note(run, &event)?;
                    let Some(at) = event.content.flatten() else { continue };
                    let file = content_files.get(at.segment as usize).copied().unwrap_or(u32::MAX);
                    let Some(places) = contents.get_mut(file as usize) else {
                        let name = run.content_files.get(at.segment as usize).cloned();
                        return Err(Error::Missing { segment: name.unwrap_or_default() });
                    };
                    places.push(Place { offset: at.offset, len: at.len, hash: at.hash });
                }
            }
            all.push(uses);
        }
        for places in &mut contents {
            places.sort_unstable();
            places.dedup();
        }
        Ok(Self { removal, uses: all, contents })
    }

    /// Whether any event remains.
    fn any(&self) -> bool {
        self.uses.iter().any(|uses| uses.ranks.contains(&true))
    }

    /// Copies the contents that are named out of files that hold more than these.
    fn move_contents(
        &self,
        base: &View,
        unsealed: &BTreeSet<String>,
        options: &BuildOptions,
        files: &mut dyn Files,
        infos: &mut Vec<FileInfo>,
    ) -> Result<Moved> {
        let mut moved = Moved::default();
        let mut out = ContentFile::new(*options);
        for (number, (opened, places)) in base.files()[1].iter().zip(&self.contents).enumerate() {
            let Some(content) = opened.content().filter(|_| !unsealed.contains(opened.name())) else { continue };
            let named: u64 = places.iter().map(|place| u64::from(place.len)).sum();
            if named == content.bytes_in_all()? && !places.is_empty() {
                moved.names.push(opened.name().to_owned());
                continue;
            }
            moved.left.push(number);
            let mut copied = Vec::with_capacity(places.len());
            for place in places {
                base.tick();
                let bytes = content.read(place.offset, place.len, place.hash)?;
                copied.push((*place, out.append(&bytes, files)?.offset));
            }
            moved.copied.insert(opened.name().to_owned(), copied);
        }
        moved.new = out.finish(infos)?.pop();
        Ok(moved)
    }
}

/// Where contents are now.
#[derive(Default)]
pub(super) struct Moved {
    /// The content files that stay.
    names: Vec<String>,
    /// The numbers of those that do not.
    left: Vec<usize>,
    /// The contents of each of these, with their offsets in the new one.
    copied: BTreeMap<String, Vec<(Place, u64)>>,
    /// The file that they were copied to.
    new: Option<String>,
}

impl Moved {
    /// The content files of the new tile.
    pub(super) fn files(&self) -> BTreeSet<String> {
        self.names.iter().chain(&self.new).cloned().collect()
    }

    /// The file in which the contents of a file are now.
    pub(super) fn file<'a>(&'a self, name: &'a String) -> Option<&'a String> {
        if self.copied.contains_key(name) { self.new.as_ref() } else { Some(name) }
    }

    /// Moves the contents of events of `run` to where they are in their files now.
    pub(super) fn follow(&self, run: &Run, events: &mut [LogEvent]) -> Result<()> {
        for at in events.iter_mut().filter_map(|event| event.content.as_mut()?.as_mut()) {
            let Some(name) = run.content_files.get(at.segment as usize) else { continue };
            let Some(copied) = self.copied.get(name) else { continue };
            let old = Place { offset: at.offset, len: at.len, hash: at.hash };
            let found = copied.binary_search_by_key(&old, |(place, _)| *place);
            at.offset = found.map(|found| copied[found].1).map_err(|_| Error::Missing { segment: name.clone() })?;
        }
        Ok(())
    }
}
