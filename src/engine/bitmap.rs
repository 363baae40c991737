//! Selections from the postings of segments, chunk by chunk.
//!
//! Invariant: what a run says is a patch on what the older ones say: at an instant it clears the ordinals where its events
//! ended what held, then adds those where they began it. This is exact for any order of arrival, at any one instant
//! that is asked of all runs alike.

use std::collections::{BTreeMap, BTreeSet};

use super::{Horizon, TagExpr, Valid, View};
use crate::error::Result;
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
        if view.runs().any(|(run, _)| !run.summary.follows(view.rules())) {
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
        Ok(Moment::At(
            view.runs()
                .map(|(run, _)| if run.summary.ts.0 > t { Ok(0) } else { run.instants.rank_after(t) })
                .collect::<Result<_>>()?,
        ))
    }
}

/// Where the postings of one tag are: for each run that has some, its number and the key there.
pub(super) type Keys = Vec<(usize, u32)>;

/// A tag tree whose tags were looked up.
pub(super) enum Node {
    Never,
    Exists,
    Tag(Keys),
    Ordinals(roaring::RoaringBitmap),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
}

/// The tags of all runs with this prefix, and where their postings are.
pub(super) fn tags_with(view: &View, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Keys>> {
    let mut tags: BTreeMap<Vec<u8>, Keys> = BTreeMap::new();
    for (n, (run, _)) in view.runs().enumerate() {
        let positions = run.tags.prefix(prefix)?;
        for (position, tag) in positions.clone().zip(run.tags.range(positions)?) {
            tags.entry(tag).or_default().push((n, position + 1));
        }
    }
    Ok(tags)
}

impl Node {
    /// Looks up the tags of a tree.
    pub(super) fn new(view: &View, expr: &TagExpr) -> Result<Self> {
        let all = |inner: &[TagExpr]| inner.iter().map(|e| Self::new(view, e)).collect::<Result<Vec<_>>>();
        Ok(match expr {
            TagExpr::Exists => Node::Exists,
            TagExpr::Never => Node::Never,
            TagExpr::Tag(tag) => {
                let mut keys = Keys::new();
                for (n, (run, _)) in view.runs().enumerate() {
                    if let Ok(position) = run.tags.find(tag)? {
                        keys.push((n, position + 1));
                    }
                }
                Node::Tag(keys)
            }
            TagExpr::Prefix(prefix) => Node::Or(tags_with(view, prefix)?.into_values().map(Node::Tag).collect()),
            TagExpr::Ordinals(set) => Node::Ordinals(set.clone()),
            TagExpr::And(inner) => Node::And(all(inner)?),
            TagExpr::Or(inner) => Node::Or(all(inner)?),
            TagExpr::Not(inner) => Node::Not(Box::new(Self::new(view, inner)?)),
        })
    }

    /// The chunks in which entities can be selected.
    pub(super) fn chunks(&self, view: &View) -> Result<BTreeSet<u16>> {
        Ok(match self {
            Node::Never => BTreeSet::new(),
            Node::Exists | Node::Not(_) => chunks_of(view, &exists(view))?,
            Node::Tag(keys) => chunks_of(view, keys)?,
            Node::Ordinals(set) => chunks_of(view, &exists(view))?
                .into_iter()
                .filter(|&c| set.range_cardinality(u32::from(c) << 16..=(u32::from(c) << 16 | 0xffff)) > 0)
                .collect(),
            Node::And(inner) => {
                let mut chunks: Option<BTreeSet<u16>> = None;
                for node in inner.iter().filter(|n| !matches!(n, Node::Not(_) | Node::Exists)) {
                    let these = node.chunks(view)?;
                    chunks = Some(match chunks {
                        None => these,
                        Some(chunks) => &chunks & &these,
                    });
                }
                match chunks {
                    Some(chunks) => chunks,
                    None => chunks_of(view, &exists(view))?,
                }
            }
            Node::Or(inner) => {
                let mut chunks = BTreeSet::new();
                for node in inner {
                    chunks.append(&mut node.chunks(view)?);
                }
                chunks
            }
        })
    }

    /// Overwrites `words` with what is selected of a chunk.
    pub(super) fn eval(&self, view: &View, moment: &Moment, chunk: u16, words: &mut Words) -> Result<()> {
        match self {
            Node::Never => words.fill(0),
            Node::Exists => compose(view, &exists(view), moment, chunk, words)?,
            Node::Tag(keys) => compose(view, keys, moment, chunk, words)?,
            Node::Ordinals(set) => {
                compose(view, &exists(view), moment, chunk, words)?;
                let mut these = Box::new([0_u64; 1024]);
                let base = u32::from(chunk) << 16;
                for ordinal in set.range(base..=(base | 0xffff)) {
                    let low = (ordinal - base) as usize;
                    these[low >> 6] |= 1 << (low & 63);
                }
                combine(words, &these, |a, b| a & b);
            }
            Node::And(inner) => {
                let mut some = Box::new([0_u64; 1024]);
                let (taken, kept): (Vec<_>, Vec<_>) = inner.iter().partition(|n| matches!(n, Node::Not(_)));
                match kept.split_first() {
                    None => compose(view, &exists(view), moment, chunk, words)?,
                    Some((first, rest)) => {
                        first.eval(view, moment, chunk, words)?;
                        for node in rest {
                            if words.iter().all(|w| *w == 0) {
                                return Ok(());
                            }
                            node.eval(view, moment, chunk, &mut some)?;
                            combine(words, &some, |a, b| a & b);
                        }
                    }
                }
                for node in taken {
                    if let Node::Not(node) = node {
                        node.eval(view, moment, chunk, &mut some)?;
                        combine(words, &some, |a, b| a & !b);
                    }
                }
            }
            Node::Or(inner) => {
                words.fill(0);
                let mut some = Box::new([0_u64; 1024]);
                for node in inner {
                    node.eval(view, moment, chunk, &mut some)?;
                    combine(words, &some, |a, b| a | b);
                }
            }
            Node::Not(node) => {
                compose(view, &exists(view), moment, chunk, words)?;
                let mut some = Box::new([0_u64; 1024]);
                node.eval(view, moment, chunk, &mut some)?;
                combine(words, &some, |a, b| a & !b);
            }
        }
        Ok(())
    }
}

/// The postings of *exists*.
fn exists(view: &View) -> Keys {
    (0..view.runs().count()).map(|n| (n, EXISTS)).collect()
}

fn combine(words: &mut Words, other: &Words, f: impl Fn(u64, u64) -> u64) {
    for (word, other) in words.iter_mut().zip(other) {
        *word = f(*word, *other);
    }
}

/// The chunks in which some run begins this tag.
fn chunks_of(view: &View, keys: &Keys) -> Result<BTreeSet<u16>> {
    let mut chunks = BTreeSet::new();
    let runs: Vec<_> = view.runs().collect();
    for &(n, key) in keys {
        chunks.extend(runs[n].0.postings.of_key(begins(key))?.into_iter().map(|entry| entry.chunk));
    }
    Ok(chunks)
}

/// Overwrites `words` with the ordinals of a chunk that carry a tag at the moment.
pub(super) fn compose(view: &View, keys: &Keys, moment: &Moment, chunk: u16, words: &mut Words) -> Result<()> {
    words.fill(0);
    let mut patch = Box::new([0_u64; 1024]);
    let mut keys = keys.iter().peekable();
    for (n, (run, _)) in view.runs().enumerate() {
        let Some(&(_, key)) = keys.next_if(|(m, _)| *m == n) else { continue };
        // None of the run's events had happened by then: it changes nothing.
        if matches!(moment, Moment::At(limits) if limits.get(n).is_none_or(|limit| *limit == 0)) {
            continue;
        }
        for (stream, clears) in [(ends(key), true), (begins(key), false)] {
            let Some(entry) = run.postings.find(stream, chunk)? else { continue };
            view.touch(n);
            let postings = run.postings.postings(&entry)?;
            match moment {
                Moment::At(limits) => postings.at(limits.get(n).copied().unwrap_or(0), &mut patch)?,
                Moment::Last | Moment::Log => postings.last(&mut patch)?,
            }
            combine(words, &patch, |a, b| if clears { a & !b } else { a | b });
        }
    }
    Ok(())
}

/// About how many sealed entities the expression selects at last, by the cardinalities in the directories.
pub(super) fn estimate(view: &View, expr: &TagExpr) -> Result<f64> {
    let all = cardinality(view, &exists(view))?;
    if all == 0.0 {
        return Ok(0.0);
    }
    Ok(fraction(view, &Node::new(view, expr)?, all)?.clamp(0.0, 1.0) * all)
}

fn cardinality(view: &View, keys: &Keys) -> Result<f64> {
    let runs: Vec<_> = view.runs().collect();
    let mut sum = 0.0;
    for &(n, key) in keys {
        for (stream, sign) in [(begins(key), 1.0), (ends(key), -1.0)] {
            for entry in runs[n].0.postings.of_key(stream)? {
                sum += sign * f64::from(entry.last_cardinality);
            }
        }
    }
    Ok(sum.max(0.0))
}

fn fraction(view: &View, node: &Node, all: f64) -> Result<f64> {
    Ok(match node {
        Node::Never => 0.0,
        Node::Exists => 1.0,
        Node::Tag(keys) => cardinality(view, keys)? / all,
        Node::Ordinals(set) => set.len() as f64 / all,
        Node::And(inner) => {
            let mut product = 1.0;
            for node in inner {
                product *= fraction(view, node, all)?.min(1.0);
            }
            product
        }
        Node::Or(inner) => {
            let mut none = 1.0;
            for node in inner {
                none *= 1.0 - fraction(view, node, all)?.min(1.0);
            }
            1.0 - none
        }
        Node::Not(inner) => 1.0 - fraction(view, inner, all)?.min(1.0),
    })
}
