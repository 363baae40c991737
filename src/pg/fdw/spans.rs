//! The rows of version and tag faces: states and tags with the time throughout which they held.
//!
//! Invariant: entities are looked at one by one, and only those that may have a row that is asked for; what a row says
//! follows from the entity's events alone.

use std::cell::RefCell;
use std::sync::Arc;
use std::vec::IntoIter;

use pgrx::pg_sys;

use super::give::{Content, Give, Row};
use super::pred::{Pred, Subject};
use super::scan::has_form;
use super::tuple::{self, Column};
use crate::engine::{self, Blob, Event, EventScan, Horizon, Inflated, Interval, Search, Timeline, Version, View};
use crate::pg::catalog::Shape;
use crate::pg::clock::to_timestamptz;
use crate::pg::error::OrRaise;
use crate::pg::valid_floor::Cut;
use crate::types::{Ns, Ordinal, Seq};

/// A running scan of a version or tag face.
pub struct Spans {
    view: Arc<View>,
    horizon: Horizon,
    floors: Cut,
    pred: Pred,
    shape: Shape,
    scan: EventScan,
    events: Vec<Event>,
    /// The entity that is looked at: its ordinal, its id if it was needed, its rows that are not given yet.
    ordinal: Ordinal,
    id: Vec<u8>,
    rows: Rows,
}

/// Rows of one entity.
enum Rows {
    Versions(IntoIter<Version>),
    Intervals(IntoIter<Interval>),
}

/// One row.
#[derive(Clone)]
pub struct Span {
    /// The tags of a version, or the one tag.
    pub tags: Vec<Arc<[u8]>>,
    content: Option<Blob>,
    /// The first instant.
    pub from: Ns,
    to: Option<Ns>,
    /// The place among the entity's versions.
    pub rank: Seq,
}

impl Rows {
    fn next(&mut self) -> Option<Span> {
        match self {
            Rows::Versions(rows) => {
                rows.next().map(|Version { tags, content, from, to, rank }| Span { tags, content, from, to, rank })
            }
            Rows::Intervals(rows) => {
                rows.next().map(|Interval { tag, from, to }| Span { tags: vec![tag], content: None, from, to, rank: 0 })
            }
        }
    }
}

impl Spans {
    /// Rows that satisfy `pred`, of the entities `pinned` if they are known.
    /// What ended at or below a floor is left out.
    pub fn new(
        shape: Shape,
        view: Arc<View>,
        horizon: Horizon,
        pred: Pred,
        pinned: Option<Vec<Ordinal>>,
        floors: Cut,
    ) -> Self {
        let ordinals = match pinned {
            Some(ordinals) => Some(ordinals),
            None => {
                let expr = pred.lower(&view).or_raise();
                let found = engine::ever(&view, &expr, &horizon).or_raise();
                found.map(|found| found.into_iter().map(Ordinal).collect())
            }
        };
        let scan = match ordinals {
            Some(ordinals) => EventScan::of(view.clone(), ordinals, None),
            None => EventScan::all(view.clone(), None).or_raise(),
        };
        let rows = Rows::Intervals(Vec::new().into_iter());
        Self { view, horizon, floors, pred, shape, scan, events: Vec::new(), ordinal: Ordinal(0), id: Vec::new(), rows }
    }

    /// The id of the entity whose row was given last, if it was needed.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// The view that is read.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The next row, and the entity that it is of.
    pub fn next_span(&mut self, needs_id: bool, inflated: &RefCell<Inflated>) -> Option<(Ordinal, Span)> {
        let needs_id = needs_id || self.pred.asks_ids();
        loop {
            let Some(span) = self.rows.next() else {
                self.next_entity(needs_id)?;
                continue;
            };
            let blob = span.content.as_ref();
            let matches = |search: &Search| has_form(&self.view, blob, search, inflated);
            let content: Option<&dyn Fn(&Search) -> bool> = if blob.is_some() { Some(&matches) } else { None };
            let subject = Subject::span(&self.id, &span.tags, span.from, span.to).with_content(content);
            if self.pred.matches(&subject) {
                return Some((self.ordinal, span));
            }
        }
    }

    /// Goes on to the next entity that is there.
    fn next_entity(&mut self, needs_id: bool) -> Option<()> {
        pgrx::check_for_interrupts!();
        self.ordinal = self.scan.next(&mut self.events).or_raise()?;
        if needs_id {
            self.id = self.view.id(self.ordinal).or_raise().into_owned();
        }
        let timeline = Timeline::new(std::mem::take(&mut self.events));
        let floor = self.floors.of(self.ordinal);
        let is_known = |to: Option<Ns>| to.is_none_or(|to| floor.is_none_or(|floor| to > floor));
        self.rows = match self.shape {
            Shape::Tag => {
                let mut rows = timeline.intervals(&self.horizon, self.view.rules());
                rows.retain(|row| is_known(row.to));
                Rows::Intervals(rows.into_iter())
            }
            _ => {
                let mut rows = self.view.versions(&timeline, &self.horizon).or_raise();
                rows.retain(|row| is_known(row.to));
                // The rank is that among the versions that are shown.
                (1..).zip(&mut rows).for_each(|(rank, row)| row.rank = rank);
                Rows::Versions(rows.into_iter())
            }
        };
        Some(())
    }
}

impl Span {
    /// The row in the current memory context; the id may be missing where nobody looks at it.
    ///
    /// # Safety
    /// The descriptor must be the face's, and its columns what `columns_of` says of it.
    pub unsafe fn row(&self, give: &Give, view: &View, ordinal: Ordinal, id: &[u8]) -> Row {
        let blob = self.content.as_ref().filter(|_| give.needs(Column::Content));
        let columns = give.columns;
        let name: &dyn Fn() -> Option<Vec<u8>> = &|| columns.named(|| view.id(ordinal).or_raise().into_owned());
        let content = Content::of(view, blob, columns.content, give.parts, give.inflated, name);
        let value = |column: &Column| {
            Some(match column {
                Column::Id => columns.id.datum("id", id, name),
                Column::Tagged(n) => columns.tagged[*n].datum(&self.tags, name)?,
                Column::Tags => tuple::text_array_datum(&self.tags),
                Column::Tag => tuple::bytes_datum(self.tags.first()?),
                Column::Content => match content.datum {
                    Some(datum) => datum,
                    None => columns.content.datum("content", content.bytes.as_deref()?, name),
                },
                Column::ValidFrom => pg_sys::Datum::from(to_timestamptz(self.from)),
                Column::ValidFromNs => pg_sys::Datum::from(self.from.0),
                Column::ValidTo => pg_sys::Datum::from(to_timestamptz(self.to?)),
                Column::ValidToNs => pg_sys::Datum::from(self.to?.0),
                Column::Version => pg_sys::Datum::from(i64::from(self.rank)),
                _ => return None,
            })
        };
        let values: Vec<Option<pg_sys::Datum>> =
            columns.iter().enumerate().map(|(i, c)| if give.is_needed(i) { value(c) } else { None }).collect();
        // SAFETY: one value a column of the descriptor, of the type that `columns_of` checked.
        Row::Tuple(unsafe { tuple::form(give.desc, give.relid, ordinal, &values) })
    }
}
