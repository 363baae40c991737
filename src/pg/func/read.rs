//! Functions that read: facets and tag patterns.
//!
//! Invariant: they answer from the statement's snapshot, like a scan of the face.

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::dataset_for_columns;
use crate::engine::{self, Pattern, TagExpr, Valid};
use crate::pg::error::{OrRaise, raise};
use crate::pg::session::Bounds;
use crate::pg::{clock, store, valid_floor};

/// `entitydb.has_tag(tags, pattern)`.
#[pg_extern(sql = false)]
fn has_tag(tags: Array<&str>, pattern: &str) -> bool {
    let pattern = Pattern::parse(pattern).unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("pattern \"{pattern}\" has a * that is not at its end"),
            Some("Write \\* for a star."),
        )
    });
    tags.iter().flatten().any(|tag| pattern.matches(tag))
}

/// `entitydb.facets(face, namespace, tags, at)`: no `at` is now; any other NULL gives no rows.
#[pg_extern(sql = false)]
fn facets(
    face: Option<pg_sys::Oid>,
    namespace: Option<&str>,
    tags: Option<Array<&str>>,
    at: Option<TimestampWithTimeZone>,
) -> TableIterator<'static, (name!(value, String), name!(count, i64))> {
    let dataset = dataset_for_columns(face, pg_sys::ACL_SELECT as _, &[c"tags"]);
    let expr = tags.and_then(|tags| tags.iter().map(|tag| Some(TagExpr::Tag(tag?.as_bytes().to_vec()))).collect());
    let (Some(namespace), Some(members)) = (namespace, expr) else {
        return TableIterator::new(Vec::new());
    };
    let at = at.map(|at| clock::last_ns(at.into()));
    // SAFETY: a function is called with an active snapshot.
    let (horizon, view) = unsafe {
        let snapshot = pg_sys::GetActiveSnapshot();
        let horizon = Bounds::now().horizon(at, &dataset, snapshot);
        if let Valid::At(t) = horizon.valid {
            valid_floor::check(&dataset, snapshot, t, None);
        }
        (horizon, store::view(&dataset, snapshot))
    };
    let rows = engine::facets(&view, namespace.as_bytes(), &TagExpr::And(members), &horizon).or_raise();
    TableIterator::new(
        rows.into_iter().map(|(value, count)| (String::from_utf8_lossy(&value).into_owned(), count as i64)),
    )
}
