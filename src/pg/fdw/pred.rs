//! What a scan asks for, with all values known: a boolean tree over ids, tags and instants.
//!
//! Invariant: two-valued. NULLs were resolved when the tree was made, so `Not` here is plain negation.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::about::Asked;
use crate::engine::{Horizon, Search, State, TagExpr, View};
use crate::error::Result;
use crate::types::Ns;

/// A boolean tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Pred {
    /// Everything.
    True,
    /// Nothing.
    False,
    /// The id is one of these.
    IdIn(BTreeSet<Vec<u8>>),
    /// The id lies between these in byte order.
    IdBetween(Bound<Vec<u8>>, Bound<Vec<u8>>),
    /// Carries this tag.
    Tag(Vec<u8>),
    /// Carries a tag that starts with this.
    Prefix(Vec<u8>),
    /// This instant is there, and lies between these, both included.
    Between(Instant, Ns, Ns),
    /// The version or interval has no end.
    Open,
    /// The values of a namespace satisfy this.
    About(Asked),
    /// The content is of this form.
    Content(Arc<Search>),
    /// There is content.
    HasContent,
    /// All of these.
    And(Vec<Pred>),
    /// Any of these.
    Or(Vec<Pred>),
    /// Not this.
    Not(Box<Pred>),
}

/// An instant that a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// The valid time of an event.
    Ts,
    /// When the present existence of an entity began.
    Created,
    /// When the state of an entity last changed.
    Updated,
    /// The first instant of a version or of a tag's interval.
    From,
    /// The first instant after it, which there may not be.
    To,
}

/// What a predicate is asked of.
pub struct Subject<'a> {
    /// The entity's id.
    pub id: &'a [u8],
    /// Its tags; empty for an event, the one tag for an interval of a tag.
    pub tags: &'a [Arc<[u8]>],
    /// The event's valid time; any for an entity.
    pub ts: Ns,
    /// When the entity's present existence began; any for an event.
    pub created_at: Ns,
    /// When its state last changed; any for an event.
    pub updated_at: Ns,
    /// The first instant of a version or interval; any for the others.
    pub from: Ns,
    /// The first instant after it, if there is one.
    pub to: Option<Ns>,
    /// Whether the content is of a form; `None` where there is no content.
    pub content: Option<&'a dyn Fn(&Search) -> bool>,
}

impl<'a> Subject<'a> {
    /// An entity.
    pub fn entity(id: &'a [u8], state: &'a State) -> Self {
        let State { tags, created_at, updated_at, .. } = state;
        Self { tags, created_at: *created_at, updated_at: *updated_at, ..Self::event(id, Ns::BEFORE_ALL) }
    }

    /// An event.
    pub fn event(id: &'a [u8], ts: Ns) -> Self {
        let never = Ns::BEFORE_ALL;
        Self { id, tags: &[], ts, created_at: never, updated_at: never, from: never, to: None, content: None }
    }

    /// The same with a content.
    pub fn with_content(self, content: Option<&'a dyn Fn(&Search) -> bool>) -> Self {
        Self { content, ..self }
    }

    /// A version, or an interval of a tag.
    pub fn span(id: &'a [u8], tags: &'a [Arc<[u8]>], from: Ns, to: Option<Ns>) -> Self {
        Self { tags, from, to, ..Self::event(id, Ns::BEFORE_ALL) }
    }

    fn instant(&self, instant: Instant) -> Option<Ns> {
        match instant {
            Instant::Ts => Some(self.ts),
            Instant::Created => Some(self.created_at),
            Instant::Updated => Some(self.updated_at),
            Instant::From => Some(self.from),
            Instant::To => self.to,
        }
    }
}

impl Pred {
    /// This, or its negation.
    pub fn negated_if(self, negated: bool) -> Pred {
        match (negated, self) {
            (false, pred) => pred,
            (true, Pred::True) => Pred::False,
            (true, Pred::False) => Pred::True,
            (true, pred) => Pred::Not(Box::new(pred)),
        }
    }

    /// The ids outside of which nothing matches, if the tree says so.
    pub fn pinned(&self) -> Option<BTreeSet<Vec<u8>>> {
        match self {
            Pred::False => Some(BTreeSet::new()),
            Pred::IdIn(ids) => Some(ids.clone()),
            Pred::And(all) => {
                let mut sets = all.iter().filter_map(Pred::pinned);
                let first = sets.next()?;
                Some(sets.fold(first, |a, b| a.intersection(&b).cloned().collect()))
            }
            Pred::Or(any) => any.iter().map(Pred::pinned).try_fold(BTreeSet::new(), |mut all, ids| {
                all.extend(ids?);
                Some(all)
            }),
            _ => None,
        }
    }

    /// Between which instants all events lie that match, as far as the tree says so for all of them.
    pub fn bounds(&self) -> (Option<Ns>, Option<Ns>) {
        match self {
            Pred::Between(Instant::Ts, from, to) => (Some(*from), Some(*to)),
            Pred::And(all) => all.iter().map(Pred::bounds).fold((None, None), |(from, to), (f, t)| {
                (
                    from.max(f),
                    match (to, t) {
                        (Some(to), Some(t)) => Some(to.min(t)),
                        (to, t) => to.or(t),
                    },
                )
            }),
            _ => (None, None),
        }
    }

    /// Whether the subject satisfies the tree.
    pub fn matches(&self, s: &Subject) -> bool {
        match self {
            Pred::True => true,
            Pred::False => false,
            Pred::IdIn(ids) => ids.contains(s.id),
            Pred::IdBetween(lower, upper) => {
                (match lower {
                    Bound::Included(l) => s.id >= l.as_slice(),
                    Bound::Excluded(l) => s.id > l.as_slice(),
                    Bound::Unbounded => true,
                }) && (match upper {
                    Bound::Included(u) => s.id <= u.as_slice(),
                    Bound::Excluded(u) => s.id < u.as_slice(),
                    Bound::Unbounded => true,
                })
            }
            Pred::Tag(tag) => s.tags.binary_search_by(|t| t.as_ref().cmp(tag.as_slice())).is_ok(),
            Pred::Prefix(prefix) => s.tags.iter().any(|t| t.starts_with(prefix)),
            Pred::Between(instant, from, to) => s.instant(*instant).is_some_and(|at| *from <= at && at <= *to),
            Pred::Open => s.to.is_none(),
            Pred::About(asked) => asked.matches(s.tags, s.id),
            Pred::Content(search) => s.content.is_some_and(|matches| matches(search)),
            Pred::HasContent => s.content.is_some(),
            Pred::And(all) => all.iter().all(|p| p.matches(s)),
            Pred::Or(any) => any.iter().any(|p| p.matches(s)),
            Pred::Not(p) => !p.matches(s),
        }
    }

    /// Whether any leaf of the tree is like this.
    fn any(&self, is: &impl Fn(&Pred) -> bool) -> bool {
        match self {
            Pred::And(inner) | Pred::Or(inner) => inner.iter().any(|p| p.any(is)),
            Pred::Not(inner) => inner.any(is),
            leaf => is(leaf),
        }
    }

    /// The range of ids that the tree keeps to, and what else it asks.
    pub fn id_bounds(self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>, Pred) {
        let (mut from, mut to) = (Bound::Unbounded, Bound::Unbounded);
        let all = match self {
            Pred::And(all) => all,
            other => vec![other],
        };
        let mut rest = Vec::new();
        for pred in all {
            match pred {
                Pred::IdBetween(lower, upper) => {
                    from = later(from, lower);
                    to = earlier(to, upper);
                }
                other => rest.push(other),
            }
        }
        (from, to, Pred::And(rest))
    }

    /// Whether the tree asks for ids, if only to name them in errors.
    pub fn asks_ids(&self) -> bool {
        self.any(&|leaf| matches!(leaf, Pred::IdIn(_) | Pred::IdBetween(..) | Pred::About(_)))
    }

    /// Whether the tree asks for tags.
    pub fn asks_tags(&self) -> bool {
        self.any(&|leaf| matches!(leaf, Pred::Tag(_) | Pred::Prefix(_) | Pred::About(_)))
    }

    /// Whether the tree asks for instants.
    pub fn asks_instants(&self) -> bool {
        self.any(&|leaf| matches!(leaf, Pred::Between(..)))
    }

    /// Finds out which questions about values need entities to be looked at, at this horizon; `stays` says that later
    /// horizons are the same.
    pub fn settle(&self, view: &Arc<View>, horizon: &Horizon, stays: bool) {
        match self {
            Pred::And(inner) | Pred::Or(inner) => inner.iter().for_each(|p| p.settle(view, horizon, stays)),
            Pred::Not(inner) => inner.settle(view, horizon, stays),
            Pred::About(asked) => asked.settle(view, horizon, stays),
            _ => {}
        }
    }

    /// What [`lower`](Self::lower) leaves open, to be asked of each entity that it selects: the parts about instants
    /// and contents, and those about values that not every entity tells by its tags alone.
    pub fn left_open(self) -> Option<Pred> {
        let is_open = |leaf: &Pred| match leaf {
            Pred::Between(..) | Pred::Content(_) | Pred::HasContent => true,
            Pred::About(asked) => asked.is_open(),
            _ => false,
        };
        match self {
            Pred::And(all) => {
                let open: Vec<Pred> = all.into_iter().filter_map(Pred::left_open).collect();
                (!open.is_empty()).then_some(Pred::And(open))
            }
            pred => pred.any(&is_open).then_some(pred),
        }
    }

    /// A question over ordinals and tags that every entity satisfies that satisfies this one. It is the same question
    /// but for instants and contents, which only states tell.
    pub fn lower(&self, view: &View) -> Result<TagExpr> {
        self.bounded(view, true)
    }

    /// A question that selects all that this one does (`upper`), or nothing that it does not.
    fn bounded(&self, view: &View, upper: bool) -> Result<TagExpr> {
        let all = |inner: &[Pred]| inner.iter().map(|p| p.bounded(view, upper)).collect::<Result<_>>();
        Ok(match self {
            Pred::True => TagExpr::Exists,
            Pred::False => TagExpr::Never,
            // Each instant of a state is that of one of the entity's events.
            Pred::Between(_, from, to) if upper => view.with_events_between(*from, *to)?,
            // Which versions and intervals have no end, only they tell.
            Pred::Open if upper => TagExpr::Exists,
            Pred::Between(..) | Pred::Open => TagExpr::Never,
            // Only states tell what contents are.
            Pred::Content(_) | Pred::HasContent if upper => TagExpr::Exists,
            Pred::Content(_) | Pred::HasContent => TagExpr::Never,
            Pred::IdIn(ids) => {
                let mut ordinals = RoaringBitmap::new();
                for id in ids {
                    if let Some(ordinal) = view.resolve(id)? {
                        ordinals.insert(ordinal.0);
                    }
                }
                TagExpr::Ordinals(ordinals)
            }
            Pred::IdBetween(lower, upper) => {
                let found = view.ids_between(slice(lower), slice(upper))?;
                TagExpr::Ordinals(found.into_iter().map(|(_, ordinal)| ordinal.0).collect())
            }
            Pred::Tag(tag) => TagExpr::Tag(tag.clone()),
            Pred::Prefix(prefix) => TagExpr::Prefix(prefix.clone()),
            Pred::About(asked) => asked.bounded(view, upper),
            Pred::And(inner) => TagExpr::And(all(inner)?),
            Pred::Or(inner) => TagExpr::Or(all(inner)?),
            Pred::Not(inner) => TagExpr::Not(Box::new(inner.bounded(view, !upper)?)),
        })
    }
}

fn slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(b) => Bound::Included(b.as_slice()),
        Bound::Excluded(b) => Bound::Excluded(b.as_slice()),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// The later of two lower bounds.
fn later(a: Bound<Vec<u8>>, b: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match (&a, &b) {
        (Bound::Unbounded, _) => b,
        (_, Bound::Unbounded) => a,
        (Bound::Included(x) | Bound::Excluded(x), Bound::Included(y) | Bound::Excluded(y)) => {
            if x > y || (x == y && matches!(a, Bound::Excluded(_))) { a } else { b }
        }
    }
}

/// The earlier of two upper bounds.
fn earlier(a: Bound<Vec<u8>>, b: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match (&a, &b) {
        (Bound::Unbounded, _) => b,
        (_, Bound::Unbounded) => a,
        (Bound::Included(x) | Bound::Excluded(x), Bound::Included(y) | Bound::Excluded(y)) => {
            if x < y || (x == y && matches!(a, Bound::Excluded(_))) { a } else { b }
        }
    }
}
