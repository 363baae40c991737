//! What one snapshot sees: the segments of its manifest, oldest to newest, and the change sets of the delta.
//!
//! Invariant: each event is in exactly one of the view's segments or in its delta. A view over part of the delta is
//! right for the entities of that part and for those with no change set at all.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::{Bound, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use roaring::RoaringBitmap;

use super::bitmap;
use super::delta::Delta;
use super::opened::{Opened, Run};
use super::{Blob, Event, Horizon, Inflated, Rules, Search, State, TagExpr, Timeline, Valid, Version};
use crate::error::{Error, Result};
use crate::index::content::Content;
use crate::index::ids::Ids;
use crate::segment::Kind;
use crate::types::{ChangeSet, Ns, Ordinal};

/// What one snapshot sees.
pub struct View {
    runs: Vec<Arc<Opened>>,
    /// For each run, the place among `contents` of each content file that it names; `u32::MAX` where it is missing.
    run_contents: Vec<Vec<u32>>,
    contents: Vec<Arc<Opened>>,
    ids: Vec<Arc<Opened>>,
    delta: Delta,
    rules: Rules,
    tick: fn(),
    /// Of each run, whether postings or events were read.
    touched: Box<[AtomicBool]>,
}

impl View {
    /// `segments` of all kinds, oldest to newest; `delta` in any order; `tick` is called every now and then and may unwind.
    pub fn new(segments: Vec<Arc<Opened>>, delta: Vec<ChangeSet>, rules: Rules, tick: fn()) -> Result<Self> {
        let of_kind = |kinds: &[Kind]| -> Vec<Arc<Opened>> {
            segments.iter().filter(|s| kinds.contains(&s.kind())).cloned().collect()
        };
        let runs = of_kind(&[Kind::Run, Kind::Tile]);
        let contents = of_kind(&[Kind::Content]);
        let ids = of_kind(&[Kind::Ids]);
        let place: HashMap<&str, u32> = contents.iter().map(|c| c.name()).zip(0..).collect();
        let run_contents = runs
            .iter()
            .filter_map(|opened| opened.run())
            .map(|run| run.content_files.iter().map(|f| place.get(f.as_str()).copied().unwrap_or(u32::MAX)).collect())
            .collect();
        let delta = Delta::new(delta).with_files(|file| place.get(file).copied().unwrap_or(u32::MAX));
        let touched = runs.iter().map(|_| AtomicBool::new(false)).collect();
        Ok(Self { runs, run_contents, contents, ids, delta, rules, tick, touched })
    }

    /// The ordinal of an id.
    pub fn resolve(&self, id: &[u8]) -> Result<Option<Ordinal>> {
        if let Some(ordinal) = self.delta.resolve(id) {
            return Ok(Some(ordinal));
        }
        for ids in self.id_runs() {
            if let Some(ordinal) = ids.find(id)? {
                return Ok(Some(ordinal));
            }
        }
        Ok(None)
    }

    /// Whether the view has any id from `first` to `last`.
    pub(super) fn has_ids_between(&self, first: &[u8], last: &[u8]) -> Result<bool> {
        if self.delta.ids_between(Bound::Included(first), Bound::Included(last)).next().is_some() {
            return Ok(true);
        }
        for ids in self.id_runs() {
            let from = ids.lower_bound(first)?;
            if from < ids.len() && ids.range(from..from + 1)?.first().is_some_and(|(id, _)| id.as_slice() <= last) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The id of an ordinal that the view holds.
    pub fn id(&self, ordinal: Ordinal) -> Result<Cow<'_, [u8]>> {
        if let Some(id) = self.delta.id(ordinal) {
            return Ok(Cow::Borrowed(id));
        }
        for ids in self.id_runs() {
            if let Some(id) = ids.id(ordinal)? {
                return Ok(Cow::Owned(id));
            }
        }
        Err(Error::Malformed { segment: String::new(), detail: format!("ordinal {} has no id", ordinal.0) })
    }

    /// All (id, ordinal) with the id in this range of bytes, in byte order.
    pub fn ids_between(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Result<Vec<(Vec<u8>, Ordinal)>> {
        let mut all: Vec<_> = self.delta.ids_between(lower, upper).map(|(id, o)| (id.to_vec(), o)).collect();
        for ids in self.id_runs() {
            all.extend(ids.range(ids.between(lower, upper)?)?);
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// Every ordinal that has at least one event, ascending.
    pub fn ordinals(&self) -> Result<Vec<Ordinal>> {
        let mut all: RoaringBitmap = self.delta.ordinals().map(|o| o.0).collect();
        for (run, _) in self.runs() {
            all.extend(run.ordinals()?.into_iter().map(|o| o.0));
        }
        Ok(all.into_iter().map(Ordinal).collect())
    }

    /// A tree that selects every entity with an event between two instants, both included, and perhaps others: those of
    /// the runs that have such events, where these are few.
    pub fn with_events_between(&self, from: Ns, to: Ns) -> Result<TagExpr> {
        let is_in = |run: &Run| run.summary.ts.0 <= to && run.summary.ts.1 >= from;
        let (mut all, mut some) = (0, 0);
        for (run, _) in self.runs() {
            all += run.summary.entities;
            some += if is_in(run) { run.summary.entities } else { 0 };
        }
        if some > all / 4 {
            return Ok(TagExpr::Exists);
        }
        let mut ordinals: RoaringBitmap = self.delta.ordinals().map(|o| o.0).collect();
        for (n, (run, _)) in self.runs().enumerate().filter(|(_, (run, _))| is_in(run)) {
            self.touch(n);
            ordinals.extend(run.ordinals()?.into_iter().map(|o| o.0));
        }
        Ok(TagExpr::Ordinals(ordinals))
    }

    /// All events of an entity; empty if there are none.
    pub fn timeline(&self, ordinal: Ordinal) -> Result<Timeline> {
        self.timeline_until(ordinal, Ns::AFTER_ALL)
    }

    /// The events of an entity, of which those after `t` may be left out.
    fn timeline_until(&self, ordinal: Ordinal, t: Ns) -> Result<Timeline> {
        let mut events = self.sealed_until(ordinal, t)?;
        self.delta.events(ordinal, &mut events);
        Ok(Timeline::new(events))
    }

    /// The events of an entity that are in segments.
    pub(super) fn sealed_events(&self, ordinal: Ordinal) -> Result<Vec<Event>> {
        self.sealed_until(ordinal, Ns::AFTER_ALL)
    }

    fn sealed_until(&self, ordinal: Ordinal, t: Ns) -> Result<Vec<Event>> {
        let mut events: Vec<Event> = Vec::new();
        for (n, (run, contents)) in self.runs().enumerate() {
            let (first, last) = run.summary.ordinals;
            if run.summary.ts.0 > t || ordinal < first || ordinal > last {
                continue;
            }
            let before = events.len();
            run.events(ordinal, contents, &mut events)?;
            if events.len() > before {
                self.touch(n);
            }
        }
        Ok(events)
    }

    /// The entity's state at the horizon; `None` where it does not exist.
    pub fn state(&self, ordinal: Ordinal, h: &Horizon) -> Result<Option<State>> {
        let until = match h.valid {
            Valid::At(t) => t,
            Valid::Now { .. } => Ns::AFTER_ALL,
        };
        self.timeline_until(ordinal, until)?.state(h, &self.rules, &|a, b| self.same(a, b))
    }

    /// The versions of one of the view's timelines.
    pub fn versions(&self, timeline: &Timeline, h: &Horizon) -> Result<Vec<Version>> {
        timeline.versions(h, &self.rules, &|a, b| self.same(a, b))
    }

    /// Whether two contents have the same bytes.
    pub(super) fn same(&self, a: &Blob, b: &Blob) -> Result<bool> {
        if let (Blob::Stored { len: la, hash: ha, .. }, Blob::Stored { len: lb, hash: hb, .. }) = (a, b)
            && (la != lb || ha != hb)
        {
            return Ok(false);
        }
        Ok(self.content(a)? == self.content(b)?)
    }

    /// The bytes of a content.
    pub fn content<'a>(&'a self, blob: &'a Blob) -> Result<Cow<'a, [u8]>> {
        match blob {
            Blob::Inline(bytes) => Ok(Cow::Borrowed(bytes)),
            Blob::Stored { segment, offset, len, .. } => self.content_file(*segment)?.get(*offset, *len as usize),
        }
    }

    /// Gives the bytes in a range of a content piece by piece, until `visit` has seen enough and says false. What lies past
    /// the end of the content is left out.
    pub fn visit_content(
        &self,
        blob: &Blob,
        range: Range<usize>,
        inflated: &mut Inflated,
        visit: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<()> {
        let range = range.start.min(blob.len())..range.end.min(blob.len());
        match blob {
            Blob::Inline(bytes) => {
                visit(bytes.get(range).unwrap_or_default());
                Ok(())
            }
            Blob::Stored { segment, offset, len, .. } => {
                self.content_file(*segment)?.visit(*offset, *len as usize, range, inflated, visit)
            }
        }
    }

    /// Every tag with this prefix that any event of the view asserts, sorted.
    pub fn tags_with(&self, prefix: &[u8]) -> Result<BTreeSet<Vec<u8>>> {
        let mut tags: BTreeSet<Vec<u8>> = self.delta.tags_with(prefix).map(<[u8]>::to_vec).collect();
        for (run, _) in self.runs() {
            tags.extend(run.tags.range(run.tags.prefix(prefix)?)?);
        }
        Ok(tags)
    }

    /// Whether a content matches; reads only as many blocks as tell.
    pub fn search_content(&self, blob: &Blob, search: &Search, inflated: &mut Inflated) -> Result<bool> {
        if let Some(answer) = search.of_len(blob.len()) {
            return Ok(answer);
        }
        if let Blob::Inline(bytes) = blob {
            return Ok(search.matches(bytes));
        }
        let from = search.tail().map_or(0, |len| blob.len().saturating_sub(len));
        let (mut answer, mut pieces) = (None, search.begin());
        self.visit_content(blob, from..blob.len(), inflated, &mut |piece| {
            // Most contents are in one piece, which needs no copy.
            let is_only = piece.len() == blob.len();
            answer = if is_only { Some(search.matches(piece)) } else { pieces.feed(piece) };
            answer.is_none()
        })?;
        Ok(answer.unwrap_or_else(|| pieces.finish()))
    }

    fn content_file(&self, number: u32) -> Result<&Content> {
        let content = self.contents.get(number as usize).and_then(|opened| opened.content());
        content.ok_or_else(|| Error::Missing { segment: format!("content {number}") })
    }

    /// About how many tags have this prefix, in segments.
    pub fn count_tags_with(&self, prefix: &[u8]) -> Result<u64> {
        self.runs().map(|(run, _)| Ok(run.tags.prefix(prefix)?.len() as u64)).sum()
    }

    /// About how many entities the expression selects now (from stored cardinalities; reads no postings).
    pub fn estimate(&self, expr: &TagExpr) -> Result<f64> {
        let unsealed = self.delta.fraction(expr) * self.delta.entities() as f64;
        Ok(unsealed + bitmap::estimate(self, expr)?)
    }

    /// How many change sets of the delta the view holds.
    pub fn delta_rows(&self) -> usize {
        self.delta.rows()
    }

    /// Of each run and tile, oldest to newest, whether any of its postings or events were read.
    pub fn touched(&self) -> impl Iterator<Item = bool> {
        self.touched.iter().map(|touched| touched.load(Ordering::Relaxed))
    }

    /// Remembers that a run was read.
    pub(super) fn touch(&self, run: usize) {
        if let Some(touched) = self.touched.get(run) {
            touched.store(true, Ordering::Relaxed);
        }
    }

    /// How many events the view holds.
    pub fn event_count(&self) -> u64 {
        self.delta.event_count() + self.runs().map(|(run, _)| run.summary.events).sum::<u64>()
    }

    /// The runs and tiles, oldest to newest, each with the places of its content files among the view's.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&Run, &[u32])> {
        self.runs.iter().filter_map(|opened| opened.run()).zip(self.run_contents.iter().map(Vec::as_slice))
    }

    /// Run or tile number `n`.
    pub(super) fn run(&self, n: usize) -> Option<&Run> {
        self.runs.get(n)?.run()
    }

    /// The id runs.
    pub(super) fn id_runs(&self) -> impl Iterator<Item = &Ids> {
        self.ids.iter().filter_map(|opened| opened.ids())
    }

    /// The files: runs and tiles, contents, ids.
    pub(super) fn files(&self) -> [&[Arc<Opened>]; 3] {
        [&self.runs, &self.contents, &self.ids]
    }

    /// The unsealed part.
    pub(super) fn delta(&self) -> &Delta {
        &self.delta
    }

    /// Whether all postings are those that these rules make. They are too where a run was built by others, if what differs
    /// is about namespaces of which that run and the older ones know one tag at most.
    pub fn follows(&self, rules: &Rules) -> bool {
        let runs: Vec<&Run> = self.runs().map(|(run, _)| run).collect();
        let Some(last) = runs.iter().rposition(|run| !run.summary.follows(rules)) else { return true };
        let of_runs: BTreeSet<&Vec<u8>> = runs[..=last].iter().flat_map(|run| &run.summary.one).collect();
        let differ = of_runs.into_iter().chain(&rules.one).collect::<BTreeSet<_>>().into_iter().filter(|namespace| {
            let follows = |run: &&Run| run.summary.one.contains(namespace) == rules.one.contains(*namespace);
            !runs[..=last].iter().all(follows)
        });
        // What cannot be read is not known to follow.
        differ.into_iter().all(|namespace| Self::one_tag(&runs[..=last], namespace).unwrap_or(false))
    }

    /// Whether the runs know at most one tag of a namespace.
    fn one_tag(runs: &[&Run], namespace: &[u8]) -> Result<bool> {
        let prefix = [namespace, b":"].concat();
        let mut only: Option<Vec<u8>> = None;
        for run in runs {
            let mut positions = run.tags.prefix(&prefix)?;
            let Some(first) = positions.next() else { continue };
            let tag = run.tags.get(first)?;
            if positions.next().is_some() || only.as_ref().is_some_and(|only| *only != tag) {
                return Ok(false);
            }
            only = Some(tag);
        }
        Ok(true)
    }

    /// The rules of reading.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Lets the caller be interrupted.
    pub fn tick(&self) {
        (self.tick)();
    }
}
