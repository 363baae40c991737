//! How what a scan finds becomes a row.
//!
//! Invariant: only what somebody looks at is read and formed.

use std::borrow::Cow;
use std::cell::RefCell;

use pgrx::pg_sys;

use super::columns::Columns;
use super::parts::{self, Parts};
use super::tuple::{Column, EventRow, StateRow, form_event, form_state, state_values};
use super::typed::Form;
use crate::engine::{Blob, Event, Inflated, State, View};
use crate::pg::clock;
use crate::pg::error::OrRaise;
use crate::types::Ordinal;

/// A row that is given.
pub enum Row {
    /// A tuple with its system columns.
    Tuple(pg_sys::HeapTuple),
    /// The columns alone, of the entity with this ordinal.
    Values(Ordinal, Vec<Option<pg_sys::Datum>>),
}

/// What rows are formed for.
pub struct Give<'a> {
    /// The row's descriptor.
    pub desc: pg_sys::TupleDesc,
    /// The face.
    pub relid: pg_sys::Oid,
    /// Its columns.
    pub columns: &'a Columns,
    /// Which of them somebody looks at.
    pub needed: &'a [bool],
    /// Whether somebody looks at a system column.
    pub system: bool,
    /// The parts of contents that are looked at, if these are not all.
    pub parts: Option<&'a Parts>,
    /// What reads contents.
    pub inflated: &'a RefCell<Inflated>,
}

impl Give<'_> {
    /// Whether somebody looks at the n-th column.
    pub fn is_needed(&self, n: usize) -> bool {
        self.needed.get(n).copied().unwrap_or(false)
    }

    /// Whether somebody looks at a column.
    pub fn needs(&self, column: Column) -> bool {
        self.columns.iter().zip(self.needed).any(|(c, needed)| *needed && *c == column)
    }

    /// A row of a state face; the id and the state may be missing where nobody looks at them.
    ///
    /// # Safety
    /// The descriptor must be the face's, and its columns what `columns_of` says of it.
    pub unsafe fn state(&self, view: &View, ordinal: Ordinal, id: &[u8], state: Option<&State>) -> Row {
        let blob = state.and_then(|s| s.content.as_ref()).filter(|_| self.needs(Column::Content));
        let name: &dyn Fn() -> Option<Vec<u8>> = &|| self.columns.named(|| view.id(ordinal).or_raise().into_owned());
        let content = Content::of(view, blob, self.columns.content, self.parts, self.inflated, name);
        let (bytes, datum) = (content.bytes.as_deref(), content.datum);
        let row = StateRow { ordinal, id, state, content: bytes, datum, name };
        let is_needed = |n| self.is_needed(n);
        if !self.system {
            return Row::Values(ordinal, state_values(self.columns, &is_needed, &row));
        }
        // SAFETY: the caller's promise is passed on.
        Row::Tuple(unsafe { form_state(self.desc, self.relid, self.columns, &is_needed, &row) })
    }

    /// A row of an event face; the id may be missing where nobody looks at it.
    ///
    /// # Safety
    /// As for [`state`](Self::state).
    pub unsafe fn event(&self, view: &View, ordinal: Ordinal, id: &[u8], event: &Event) -> Row {
        let name: &dyn Fn() -> Option<Vec<u8>> = &|| self.columns.named(|| view.id(ordinal).or_raise().into_owned());
        let blob = event.content.as_ref().filter(|_| self.needs(Column::Content));
        let content = Content::of(view, blob, self.columns.content, self.parts, self.inflated, name);
        let (bytes, datum) = (content.bytes.as_deref(), content.datum);
        let needs_recorded_at = self.needs(Column::RecordedAt);
        let recorded_at =
            if needs_recorded_at { event.recorded_at.or_else(|| clock::commit_time(event.tx)) } else { None };
        let row = EventRow { ordinal, id, event, content: bytes, datum, recorded_at };
        // SAFETY: the caller's promise is passed on.
        Row::Tuple(unsafe { form_event(self.desc, self.relid, self.columns, &|n| self.is_needed(n), &row) })
    }
}

/// A content on its way into a row: as a value where its bytes are the value's, else as bytes.
#[derive(Default)]
pub struct Content<'a> {
    /// Its bytes.
    pub bytes: Option<Cow<'a, [u8]>>,
    /// The value.
    pub datum: Option<pg_sys::Datum>,
}

impl<'a> Content<'a> {
    /// The content of a row, whose id `id` gives for errors that may name it.
    pub fn of(
        view: &'a View,
        blob: Option<&'a Blob>,
        form: Form,
        parts: Option<&Parts>,
        inflated: &RefCell<Inflated>,
        id: &dyn Fn() -> Option<Vec<u8>>,
    ) -> Self {
        let Some(blob) = blob else { return Self::default() };
        if !matches!(form, Form::Bytes | Form::Text) {
            return Self { bytes: Some(view.content(blob).or_raise()), datum: None };
        }
        let datum = parts::datum(view, blob, parts, &mut inflated.borrow_mut());
        if parts.is_none() {
            // SAFETY: the value was made right before, and whole.
            form.check("content", unsafe { pgrx::varlena_to_byte_slice(datum.cast_mut_ptr()) }, id);
        }
        Self { bytes: None, datum: Some(datum) }
    }
}
