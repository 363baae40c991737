//! Scans that give their rows in an order.
//!
//! Invariant: the rows are those of the scan without an order. States by id are streamed along the ids, so that a LIMIT
//! ends the work; the first few in any other order take passes over all rows, each of which keeps those that come next.

use std::cell::RefCell;
use std::vec::IntoIter;

use roaring::RoaringBitmap;

use super::order::By;
use super::pred::{Pred, Subject};
use super::scan::{Cursor, Question, matches_event, matches_state};
use super::spans::Span;
use super::tuple::Column;
use crate::engine::{Batches, Event, IdWalk, Inflated, Part, Select, State, Wants, batches};
use crate::pg::clock::to_timestamptz;
use crate::pg::error::OrRaise;
use crate::types::{Ns, Ordinal, Seq};

/// Ids of less than this part of all are gathered and sorted, of more, met by walking along all.
const GATHERED_PART: u64 = 8;

/// A running scan in an order.
pub enum Ordered {
    /// Of states by id.
    ById(Box<ById>),
    /// By anything else.
    Sorted(Vec<By>, Batches<Kept>),
}

/// States along their ids.
pub struct ById {
    walk: Option<IdWalk>,
    gathered: IntoIter<(Vec<u8>, Ordinal)>,
    /// The entities that satisfy the selection; `None`: any that is met.
    selected: Option<RoaringBitmap>,
    filter: Option<Pred>,
}

/// What is kept of a row until it is given.
pub enum Kept {
    /// A state, which is looked up again.
    State,
    /// An event.
    Event(Event),
    /// A version or an interval.
    Span(Span),
}

/// A row in its order.
pub enum Found {
    /// An entity, with its id, and its state where that is needed.
    State(Ordinal, Vec<u8>, Option<State>),
    /// An event.
    Event(Ordinal, Event),
    /// A version or an interval.
    Span(Ordinal, Span),
}

impl Ordered {
    /// A scan in this order, which is not empty.
    pub fn new(by: Vec<By>, question: &Question) -> Self {
        match by.first() {
            Some(By { column: Column::Id, is_down, .. }) if question.is_of_states() => {
                Self::ById(Box::new(ById::new(question, *is_down)))
            }
            _ => {
                // What is known of a few entities is read at once anyway.
                let size = if question.pinned.is_some() { batches::MOST } else { batches::FIRST };
                let batches = Batches::new(by.len(), size);
                Self::Sorted(by, batches)
            }
        }
    }

    /// The next row.
    pub fn next(&mut self, question: &Question, needs_state: bool, inflated: &RefCell<Inflated>) -> Option<Found> {
        match self {
            Self::ById(ids) => ids.next(question, needs_state, inflated),
            Self::Sorted(by, batches) => loop {
                if let Some((ordinal, kept)) = batches.next_row() {
                    return Some(match kept {
                        Kept::State => {
                            let state = question.view.state(ordinal, &question.horizon).or_raise();
                            Found::State(ordinal, question.view.id(ordinal).or_raise().into_owned(), state)
                        }
                        Kept::Event(event) => Found::Event(ordinal, event),
                        Kept::Span(span) => Found::Span(ordinal, span),
                    });
                }
                if !batches.begin() {
                    return None;
                }
                pass(by, batches, question, inflated);
                batches.end();
            },
        }
    }
}

/// Offers all rows that there are.
fn pass(by: &[By], batches: &mut Batches<Kept>, question: &Question, inflated: &RefCell<Inflated>) {
    let view = &question.view;
    let wants = Wants { tags: false, instants: true };
    match question.cursor(wants) {
        Cursor::States(mut found) => {
            while let Some((ordinal, _, state)) = found.next(false, true, inflated) {
                let Some(State { created_at, updated_at, version, .. }) = state else { continue };
                let place = Place { first: created_at, updated: updated_at, number: version, tag: &[] };
                let id = || view.id(ordinal).or_raise().into_owned();
                batches.offer((ordinal, 0), &|n| place.part(by[n], &id), || Kept::State);
            }
        }
        Cursor::Events { pred, bound, mut scan, .. } => {
            let mut events = Vec::new();
            loop {
                pgrx::check_for_interrupts!();
                let Some(ordinal) = scan.next(&mut events).or_raise() else { break };
                if let Some(bound) = &bound {
                    bound.retain(&mut events);
                }
                let id = || view.id(ordinal).or_raise().into_owned();
                let name = if pred.asks_ids() { id() } else { Vec::new() };
                for event in events.drain(..) {
                    if matches_event(&pred, view, &name, &event, inflated) {
                        let place = Place { first: event.ts, updated: Ns(0), number: event.seq, tag: &[] };
                        batches.offer((ordinal, event.seq), &|n| place.part(by[n], &id), || Kept::Event(event.clone()));
                    }
                }
            }
        }
        Cursor::Spans(mut spans) => {
            let mut last = (Ordinal(0), 0);
            while let Some((ordinal, span)) = spans.next_span(false, inflated) {
                last = (ordinal, if last.0 == ordinal { last.1 + 1 } else { 0 });
                let tag = span.tags.first().map_or(&[][..], |tag| tag);
                let place = Place { first: span.from, updated: Ns(0), number: span.rank, tag };
                let id = || view.id(ordinal).or_raise().into_owned();
                batches.offer(last, &|n| place.part(by[n], &id), || Kept::Span(span.clone()));
            }
        }
        Cursor::Start | Cursor::Done | Cursor::Blanks(_) | Cursor::Ordered(..) => {}
    }
}

/// What a row has to be sorted by, beside its id.
struct Place<'a> {
    /// `created_at`, `ts`, or `valid_from`.
    first: Ns,
    /// `updated_at`.
    updated: Ns,
    /// `version` or `seq`.
    number: Seq,
    /// The tag of a tag face's row.
    tag: &'a [u8],
}

impl Place<'_> {
    fn part(&self, by: By, id: &dyn Fn() -> Vec<u8>) -> Part {
        let number = match by.column {
            Column::Id => return Part::bytes(id(), by.is_down),
            Column::Tag => return Part::bytes(self.tag.to_vec(), by.is_down),
            Column::CreatedAt | Column::Ts | Column::ValidFrom => to_timestamptz(self.first),
            Column::CreatedAtNs | Column::TsNs | Column::ValidFromNs => self.first.0,
            Column::UpdatedAt => to_timestamptz(self.updated),
            Column::UpdatedAtNs => self.updated.0,
            _ => i64::from(self.number),
        };
        Part::number(number, by.is_down)
    }
}

impl ById {
    fn new(question: &Question, is_down: bool) -> Self {
        let view = &question.view;
        let (walk, selected, filter) = match &question.pinned {
            Some(ordinals) => {
                (None, ordinals.iter().map(|o| o.0).collect::<RoaringBitmap>(), Some(question.pred.clone()))
            }
            None => {
                // The walk keeps to a range of ids by itself.
                let (lower, upper, rest) = question.pred.clone().id_bounds();
                let expr = question.lowered(&rest);
                let mut select = Select::new(view.clone(), expr, question.horizon.clone()).or_raise();
                let mut selected = RoaringBitmap::new();
                while let Some(chunk) = select.next_chunk().or_raise() {
                    pgrx::check_for_interrupts!();
                    selected.extend(chunk.ordinals().map(|o| o.0));
                }
                let slices = (lower.as_ref().map(Vec::as_slice), upper.as_ref().map(Vec::as_slice));
                let walk = IdWalk::new(view.clone(), slices.0, slices.1, is_down).or_raise();
                if selected.len() > walk.left() / GATHERED_PART {
                    let gathered = Vec::new().into_iter();
                    return Self { walk: Some(walk), gathered, selected: Some(selected), filter: rest.left_open() };
                }
                (Some((lower, upper)), selected, rest.left_open())
            }
        };
        let range = walk.map(|(lower, upper)| Pred::IdBetween(lower, upper));
        let mut gathered: Vec<(Vec<u8>, Ordinal)> = Vec::new();
        for ordinal in selected.into_iter().map(Ordinal) {
            pgrx::check_for_interrupts!();
            let id = view.id(ordinal).or_raise().into_owned();
            if range.as_ref().is_none_or(|range| range.matches(&Subject::event(&id, Ns(0)))) {
                gathered.push((id, ordinal));
            }
        }
        gathered.sort_unstable();
        if is_down {
            gathered.reverse();
        }
        Self { walk: None, gathered: gathered.into_iter(), selected: None, filter }
    }

    fn next(&mut self, question: &Question, needs_state: bool, inflated: &RefCell<Inflated>) -> Option<Found> {
        loop {
            pgrx::check_for_interrupts!();
            let (id, ordinal) = match &mut self.walk {
                Some(walk) => walk.next_id().or_raise()?,
                None => self.gathered.next()?,
            };
            if self.selected.as_ref().is_some_and(|selected| !selected.contains(ordinal.0)) {
                continue;
            }
            let mut state = None;
            if needs_state || self.filter.is_some() {
                state = question.view.state(ordinal, &question.horizon).or_raise();
                if state.is_none() {
                    continue;
                }
            }
            if let (Some(filter), Some(state)) = (&self.filter, &state)
                && !matches_state(filter, &question.view, &id, state, inflated)
            {
                continue;
            }
            return Some(Found::State(ordinal, id, state));
        }
    }
}
