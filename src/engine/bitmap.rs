//! Selections from the postings of segments, chunk by chunk.
//!
//! Invariant: what a run says is a patch on what the older ones say: at an instant it clears the ordinals where its events
//! ended what held, then adds those where they began it. This is exact for any order of arrival, at any one instant
//! that is asked of all runs alike.

use std::collections::{BTreeMap, BTreeSet};

use super::opened::Run;
use super::overlay::Overlay;
use super::{Horizon, TagExpr, Valid, View};
use crate::error::Result;
use crate::index::directory::Entry;
use crate::index::postings::Words;
use crate::types::Ns;

/// The key of the postings of *exists*; a tag at position n of the dictionary has that of n + 1.
pub(super) const EXISTS: u32 = 0;

/// The directory key of the toggles by which the events of a run begin a tag.
pub(super) fn begins(key: u32) -> u32 {
    key * 2
}

/// The directory key of the toggles by which the events of a run end what older runs say.
pub(super) fn ends(key: u32) -> u32 {
    key * 2 + 1
}

/// The instant that all runs are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// After every event.
    Last,
    /// After the instants of a smaller rank than this, run by run.
    At(Vec<u32>),
    /// There is none: states must be evaluated from the log.
    Log,
}

impl Moment {
    /// The instant at which the postings of the view's runs answer the horizon's valid-time axis.
    pub(super) fn of(view: &View, horizon: &Horizon) -> Result<Self> {
        if !view.follows(view.rules()) {
            return Ok(Moment::Log);
        }
        match horizon.valid {
            Valid::At(t) => Self::at(view, t),
            Valid::Now { clock, own } => {
                let mut settled = true;
                let mut stamps_passed = true;
                for (run, _) in view.runs() {
                    let (from, to) = run.summary.tx;
                    let own_clock = own.filter(|(xid, _)| from <= *xid && *xid <= to).map(|(_, clock)| clock);
                    if own_clock.is_some_and(|c| c != clock && run.summary.max_dated > Some(clock.min(c))) {
                        return Ok(Moment::Log);
                    }
                    settled &= run.summary.max_dated <= Some(clock);
                    stamps_passed &= run.summary.max_stamped <= Some(clock);
                }
                match (settled, stamps_passed) {
                    (true, _) => Ok(Moment::Last),
                    (false, true) => Self::at(view, clock),
                    (false, false) => Ok(Moment::Log),
                }
            }
        }
    }

    fn at(view: &View, t: Ns) -> Result<Self> {
        if view.runs().all(|(run, _)| run.summary.ts.1 <= t) {
            return Ok(Moment::Last);
        }
        Ok(Moment::At(
            view.runs()
                .map(|(run, _)| if run.summary.ts.0 > t { Ok(0) } else { run.instants.rank_after(t) })
                .collect::<Result<_>>()?,
        ))
    }
}

/// The postings of one tag in one run, by chunk.
pub(super) struct Key {
    run: usize,
    begins: Vec<Entry>,
    ends: Vec<Entry>,
}

impl Key {
    /// The number of the run.
    pub(super) fn run(&self) -> usize {
        self.run
    }

    /// The chunks in which the run begins the tag.
    pub(super) fn chunks(&self) -> impl Iterator<Item = u16> + '_ {
        self.begins.iter().map(|entry| entry.chunk)
    }

    /// What the run begins and what it ends in a chunk.
    pub(super) fn entries(&self, chunk: u16) -> [Option<Entry>; 2] {
        [&self.begins, &self.ends].map(|entries| {
            let at = entries.binary_search_by_key(&chunk, |entry| entry.chunk).ok()?;
            entries.get(at).copied()
        })
    }
}

/// The postings of one tag: those of each run that has some, oldest to newest.
pub(super) type Keys = Vec<Key>;

/// The postings of `key` in a run.
fn key_of(n: usize, run: &Run, key: u32) -> Result<Key> {
    Ok(Key { run: n, begins: run.postings.of_key(begins(key))?, ends: run.postings.of_key(ends(key))? })
}

/// The postings of a tag.
pub(super) fn keys_of_tag(view: &View, tag: &[u8]) -> Result<Keys> {
    let mut keys = Keys::new();
    for (n, (run, _)) in view.runs().enumerate() {
        if let Ok(position) = run.tags.find(tag)? {
            keys.push(key_of(n, run, position + 1)?);
        }
    }
    Ok(keys)
}

/// The postings of *exists*.
pub(super) fn exists(view: &View) -> Result<Keys> {
    view.runs().enumerate().map(|(n, (run, _))| key_of(n, run, EXISTS)).collect()
}

/// A tag tree whose tags were looked up.
pub(super) struct Tree {
    node: Node,
    exists: Keys,
    overlay: Overlay,
}

enum Node {
    Never,
    Exists,
    Tag(Vec<u8>, Keys),
    /// Those that carry two of these.
    Several(Vec<(Vec<u8>, Keys)>),
    Ordinals(roaring::RoaringBitmap),
    /// The members that are asked for, the smallest first, and those that are excluded.
    And(Vec<Node>, Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
}

/// The tags of all runs with this prefix, and where their postings are.
pub(super) fn tags_with(view: &View, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Keys>> {
    let mut tags: BTreeMap<Vec<u8>, Keys> = BTreeMap::new();
    for (n, (run, _)) in view.runs().enumerate() {
        let positions = run.tags.prefix(prefix)?;
        for (position, tag) in positions.clone().zip(run.tags.range(positions)?) {
            tags.entry(tag).or_default().push(key_of(n, run, position + 1)?);
        }
    }
    Ok(tags)
}

/// As [`tags_with`], with those that only the overlay names.
fn overlaid(view: &View, overlay: &Overlay, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Keys>> {
    let mut tags = tags_with(view, prefix)?;
    for tag in overlay.tags_with(prefix) {
        tags.entry(tag.clone()).or_default();
    }
    Ok(tags)
}

impl Tree {
    /// Looks up the tags of a tree.
    pub(super) fn new(view: &View, expr: &TagExpr, overlay: Overlay) -> Result<Self> {
        let exists = exists(view)?;
        let all = cardinality(&exists);
        Ok(Self { node: Node::new(view, expr, &overlay, all)?, exists, overlay })
    }

    /// The chunks in which entities can be selected.
    pub(super) fn chunks(&self) -> BTreeSet<u16> {
        &self.node.chunks(&chunks_of(&self.exists)) | self.overlay.chunks()
    }

    /// All tags with this prefix, and where their postings are.
    pub(super) fn tags_with(&self, view: &View, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Keys>> {
        overlaid(view, &self.overlay, prefix)
    }

    /// How many entities are selected, where postings of one run say it without being laid out.
    pub(super) fn cardinality(&self, view: &View, moment: &Moment) -> Result<Option<u64>> {
        if !self.overlay.chunks().is_empty() {
            return Ok(None);
        }
        let keys = match &self.node {
            Node::Exists => &self.exists,
            Node::Tag(_, keys) => keys,
            Node::And(asked, excluded) if excluded.is_empty() => match asked.as_slice() {
                [] => &self.exists,
                [Node::Tag(_, keys)] => keys,
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        // What the only run, or the oldest, ends is nothing.
        let [key] = keys.as_slice() else { return Ok(keys.is_empty().then_some(0)) };
        let Some(run) = view.run(key.run) else { return Ok(None) };
        let limit = match moment {
            Moment::Last => u32::MAX,
            Moment::At(limits) => limits.get(key.run).copied().unwrap_or(0),
            Moment::Log => return Ok(None),
        };
        let mut n = 0;
        for entry in key.begins.iter().filter(|_| limit > 0) {
            view.touch(key.run);
            n += u64::from(if limit > entry.last_rank {
                entry.last_cardinality
            } else {
                run.postings.postings(entry)?.cardinality_at(limit)?
            });
        }
        Ok(Some(n))
    }

    /// Overwrites `words` with what is selected of a chunk.
    pub(super) fn eval(&self, view: &View, moment: &Moment, chunk: u16, words: &mut Words) -> Result<()> {
        self.node.eval(&Place { view, moment, chunk, tree: self }, words)
    }

    /// Overwrites `words` with the ordinals of a chunk that carry a tag.
    pub(super) fn carriers(
        &self,
        view: &View,
        (tag, keys): (&[u8], &Keys),
        moment: &Moment,
        chunk: u16,
        words: &mut Words,
    ) -> Result<()> {
        compose(view, keys, moment, chunk, words)?;
        self.overlay.apply(Some(tag), chunk, words);
        Ok(())
    }
}

/// What is evaluated where.
struct Place<'a> {
    view: &'a View,
    moment: &'a Moment,
    chunk: u16,
    tree: &'a Tree,
}

impl Place<'_> {
    fn carriers(&self, tag: &[u8], keys: &Keys, words: &mut Words) -> Result<()> {
        self.tree.carriers(self.view, (tag, keys), self.moment, self.chunk, words)
    }

    /// Whether nobody in the chunk carries the tag, by what there is of it and of the overlay.
    fn is_absent(&self, tag: &[u8], keys: &Keys) -> bool {
        let begins = |key: &Key| key.begins.binary_search_by_key(&self.chunk, |entry| entry.chunk).is_ok();
        !keys.iter().any(begins) && !self.tree.overlay.names(tag)
    }

    fn exists(&self, words: &mut Words) -> Result<()> {
        compose(self.view, &self.tree.exists, self.moment, self.chunk, words)?;
        self.tree.overlay.apply(None, self.chunk, words);
        Ok(())
    }
}

impl Node {
    /// `all` is about how many entities exist.
    fn new(view: &View, expr: &TagExpr, overlay: &Overlay, all: f64) -> Result<Self> {
        let each =
            |inner: &[TagExpr]| inner.iter().map(|e| Self::new(view, e, overlay, all)).collect::<Result<Vec<_>>>();
        Ok(match expr {
            TagExpr::Exists => Node::Exists,
            TagExpr::Never => Node::Never,
            TagExpr::Tag(tag) => Node::Tag(tag.clone(), keys_of_tag(view, tag)?),
            TagExpr::Prefix(prefix) => {
                Node::Or(overlaid(view, overlay, prefix)?.into_iter().map(|(tag, keys)| Node::Tag(tag, keys)).collect())
            }
            TagExpr::Several(prefix) => Node::Several(overlaid(view, overlay, prefix)?.into_iter().collect()),
            TagExpr::Ordinals(set) => Node::Ordinals(set.clone()),
            TagExpr::And(inner) => {
                let (mut asked, mut excluded) = (Vec::new(), Vec::new());
                for node in each(inner)? {
                    match node {
                        Node::Not(node) => excluded.push(*node),
                        Node::Exists => {}
                        node => asked.push(node),
                    }
                }
                asked.sort_by(|a, b| a.fraction(all).total_cmp(&b.fraction(all)));
                Node::And(asked, excluded)
            }
            TagExpr::Or(inner) => Node::Or(each(inner)?),
            TagExpr::Not(inner) => Node::Not(Box::new(Self::new(view, inner, overlay, all)?)),
        })
    }

    /// The chunks in which entities can be selected, of those in which entities exist.
    fn chunks(&self, exist: &BTreeSet<u16>) -> BTreeSet<u16> {
        match self {
            Node::Never => BTreeSet::new(),
            Node::Exists | Node::Not(_) => exist.clone(),
            Node::Tag(_, keys) => chunks_of(keys),
            Node::Several(tags) => tags.iter().flat_map(|(_, keys)| chunks_of(keys)).collect(),
            Node::Ordinals(set) => {
                let base = |chunk: u16| u32::from(chunk) << 16;
                exist.iter().copied().filter(|&c| set.range(base(c)..=base(c) | 0xffff).next().is_some()).collect()
            }
            Node::And(asked, _) => {
                let sets = asked.iter().map(|node| node.chunks(exist));
                sets.reduce(|a, b| &a & &b).unwrap_or_else(|| exist.clone())
            }
            Node::Or(inner) => inner.iter().flat_map(|node| node.chunks(exist)).collect(),
        }
    }

    /// Overwrites `words` with what is selected of a chunk.
    fn eval(&self, at: &Place, words: &mut Words) -> Result<()> {
        match self {
            Node::Never => words.fill(0),
            Node::Exists => at.exists(words)?,
            Node::Tag(tag, keys) => at.carriers(tag, keys, words)?,
            Node::Several(tags) => {
                words.fill(0);
                let (mut once, mut these) = (Box::new([0_u64; 1024]), Box::new([0_u64; 1024]));
                for (tag, keys) in tags.iter().filter(|(tag, keys)| !at.is_absent(tag, keys)) {
                    at.carriers(tag, keys, &mut these)?;
                    for ((word, once), these) in words.iter_mut().zip(once.iter_mut()).zip(these.iter()) {
                        *word |= *once & these;
                        *once |= these;
                    }
                }
            }
            Node::Ordinals(set) => {
                at.exists(words)?;
                let mut these = Box::new([0_u64; 1024]);
                let base = u32::from(at.chunk) << 16;
                for ordinal in set.range(base..=(base | 0xffff)) {
                    let low = (ordinal - base) as usize;
                    these[low >> 6] |= 1 << (low & 63);
                }
                combine(words, &these, |a, b| a & b);
            }
            Node::And(asked, excluded) => {
                match asked.first() {
                    None => at.exists(words)?,
                    Some(first) => first.eval(at, words)?,
                }
                let mut some = Box::new([0_u64; 1024]);
                for (node, is_asked) in
                    asked.iter().skip(1).map(|n| (n, true)).chain(excluded.iter().map(|n| (n, false)))
                {
                    if words.iter().all(|w| *w == 0) {
                        return Ok(());
                    }
                    node.eval(at, &mut some)?;
                    if is_asked {
                        combine(words, &some, |a, b| a & b);
                    } else {
                        combine(words, &some, |a, b| a & !b);
                    }
                }
            }
            Node::Or(inner) => {
                let mut some: Option<Box<Words>> = None;
                let mut is_first = true;
                for node in inner {
                    if matches!(node, Node::Tag(tag, keys) if at.is_absent(tag, keys)) {
                        continue;
                    }
                    if is_first {
                        node.eval(at, words)?;
                        is_first = false;
                        continue;
                    }
                    let some = some.get_or_insert_with(|| Box::new([0; 1024]));
                    node.eval(at, some)?;
                    combine(words, some, |a, b| a | b);
                }
                if is_first {
                    words.fill(0);
                }
            }
            Node::Not(node) => {
                at.exists(words)?;
                let mut some = Box::new([0_u64; 1024]);
                node.eval(at, &mut some)?;
                combine(words, &some, |a, b| a & !b);
            }
        }
        Ok(())
    }

    /// About which part of `all` entities is selected.
    fn fraction(&self, all: f64) -> f64 {
        if all == 0.0 {
            return 0.0;
        }
        let of = |node: &Node| node.fraction(all).clamp(0.0, 1.0);
        match self {
            Node::Never => 0.0,
            Node::Exists => 1.0,
            Node::Tag(_, keys) => cardinality(keys) / all,
            Node::Several(tags) => {
                let carried = tags.iter().map(|(_, keys)| cardinality(keys) / all).sum::<f64>();
                (carried - 1.0).max(0.0)
            }
            Node::Ordinals(set) => set.len() as f64 / all,
            Node::And(asked, excluded) => {
                asked.iter().map(of).product::<f64>() * excluded.iter().map(|node| 1.0 - of(node)).product::<f64>()
            }
            Node::Or(inner) => 1.0 - inner.iter().map(|node| 1.0 - of(node)).product::<f64>(),
            Node::Not(inner) => 1.0 - of(inner),
        }
    }
}

fn combine(words: &mut Words, other: &Words, f: impl Fn(u64, u64) -> u64) {
    for (word, other) in words.iter_mut().zip(other) {
        *word = f(*word, *other);
    }
}

/// The chunks in which some run begins this tag.
fn chunks_of(keys: &Keys) -> BTreeSet<u16> {
    keys.iter().flat_map(Key::chunks).collect()
}

/// Overwrites `words` with the ordinals of a chunk that carry a tag at the moment.
pub(super) fn compose(view: &View, keys: &Keys, moment: &Moment, chunk: u16, words: &mut Words) -> Result<()> {
    let mut patch: Option<Box<Words>> = None;
    let mut is_empty = true;
    for key in keys {
        let limit = match moment {
            Moment::At(limits) => Some(limits.get(key.run).copied().unwrap_or(0)),
            Moment::Last | Moment::Log => None,
        };
        // None of the run's events had happened by then: it changes nothing.
        let Some(run) = view.run(key.run).filter(|_| limit != Some(0)) else { continue };
        for (entries, clears) in [(&key.ends, true), (&key.begins, false)] {
            let Ok(at) = entries.binary_search_by_key(&chunk, |entry| entry.chunk) else { continue };
            if clears && is_empty {
                continue;
            }
            view.touch(key.run);
            let postings = run.postings.postings(&entries[at])?;
            let set = if is_empty { &mut *words } else { &mut **patch.get_or_insert_with(|| Box::new([0; 1024])) };
            match limit {
                Some(limit) => postings.at(limit, set)?,
                None => postings.last(set)?,
            }
            if let Some(patch) = patch.as_deref().filter(|_| !is_empty) {
                if clears {
                    combine(words, patch, |a, b| a & !b);
                } else {
                    combine(words, patch, |a, b| a | b);
                }
            }
            is_empty = false;
        }
    }
    if is_empty {
        words.fill(0);
    }
    Ok(())
}

/// About how many sealed entities the expression selects at last, by the cardinalities in the directories.
pub(super) fn estimate(view: &View, expr: &TagExpr) -> Result<f64> {
    let all = cardinality(&exists(view)?);
    Ok(Node::new(view, expr, &Overlay::default(), all)?.fraction(all).clamp(0.0, 1.0) * all)
}

fn cardinality(keys: &Keys) -> f64 {
    let size = |entries: &[Entry]| entries.iter().map(|entry| f64::from(entry.last_cardinality)).sum::<f64>();
    keys.iter().map(|key| size(&key.begins) - size(&key.ends)).sum::<f64>().max(0.0)
}
