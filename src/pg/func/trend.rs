//! Functions that count and compare sets of entities over time: trends and differences.
//!
//! Invariant: they answer from the statement's snapshot, at each point what `_as_of` answers there; a NULL gives no rows.

use std::sync::Arc;

use pgrx::datum::Interval;
use pgrx::pg_sys;
use pgrx::prelude::*;

use super::dataset_for_columns;
use crate::engine::{self, Horizon, Known, TagExpr, Trend, View};
use crate::pg::catalog::Dataset;
use crate::pg::error::{OrRaise, raise};
use crate::pg::session::Bounds;
use crate::pg::{clock, store, valid_floor};
use crate::types::Ns;

/// At most how many points a trend has.
const POINTS_MAX: usize = 1_000_000;

/// `entitydb.trend(face, tags, since, until, step)`.
#[pg_extern(sql = false)]
fn trend(
    face: Option<pg_sys::Oid>,
    tags: Option<Array<&str>>,
    since: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    step: Option<Interval>,
) -> TableIterator<'static, (name!(at, TimestampWithTimeZone), name!(count, i64))> {
    let dataset = dataset_for_columns(face, pg_sys::ACL_SELECT as _, &[c"tags"]);
    let Some((trend, points)) = asked(&dataset, tags, (since, until), step) else {
        return TableIterator::new(Vec::new());
    };
    let counts = trend.counts().or_raise();
    TableIterator::new(points.into_iter().zip(counts).map(|(at, count)| (at, count as i64)))
}

/// `entitydb.trend_by(face, namespace, tags, since, until, step)`: values that nobody has at a point have no row there.
#[pg_extern(sql = false)]
fn trend_by(
    face: Option<pg_sys::Oid>,
    namespace: Option<&str>,
    tags: Option<Array<&str>>,
    since: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    step: Option<Interval>,
) -> TableIterator<'static, (name!(at, TimestampWithTimeZone), name!(value, String), name!(count, i64))> {
    let dataset = dataset_for_columns(face, pg_sys::ACL_SELECT as _, &[c"tags"]);
    let asked = asked(&dataset, tags, (since, until), step);
    let (Some((trend, points)), Some(namespace)) = (asked, namespace) else {
        return TableIterator::new(Vec::new());
    };
    // Made one by one: there may be many more than are held.
    let rows = trend.counts_by(namespace.as_bytes()).or_raise();
    TableIterator::new(rows.filter_map(move |(point, value, count)| {
        Some((*points.get(point)?, String::from_utf8_lossy(&value).into_owned(), count as i64))
    }))
}

/// `entitydb.diff_set(face, tags, t1, t2)`.
#[pg_extern(sql = false)]
fn diff_set(
    face: Option<pg_sys::Oid>,
    tags: Option<Array<&str>>,
    t1: Option<TimestampWithTimeZone>,
    t2: Option<TimestampWithTimeZone>,
) -> TableIterator<'static, (name!(id, String), name!(change, &'static str))> {
    let dataset = dataset_for_columns(face, pg_sys::ACL_SELECT as _, &[c"id", c"tags"]);
    let (Some(tags), Some(t1), Some(t2)) = (all_of(tags), t1, t2) else {
        return TableIterator::new(Vec::new());
    };
    let first = clock::last_ns(t1.into()).min(clock::last_ns(t2.into()));
    let (view, known) = view(&dataset, Some(first));
    let expr = TagExpr::And(tags.into_iter().map(TagExpr::Tag).collect());
    let [from, to] = [t1, t2].map(|t| Horizon { known: known.clone(), ..Horizon::at(clock::last_ns(t.into())) });
    let differ = engine::difference_of_sets(&view, &expr, from, to).or_raise();
    TableIterator::new(differ.into_iter().map(move |(ordinal, is_new)| {
        let id = String::from_utf8_lossy(&view.id(ordinal).or_raise()).into_owned();
        (id, if is_new { "entered" } else { "left" })
    }))
}

/// What the statement sees, from the first instant that is asked for on, and which transactions of it count if the session bounds them.
fn view(dataset: &Dataset, first: Option<Ns>) -> (Arc<View>, Option<Known>) {
    // SAFETY: a function is called with an active snapshot.
    unsafe {
        let snapshot = pg_sys::GetActiveSnapshot();
        if let Some(first) = first {
            let first = first.clamp(Ns::MIN_WRITABLE, Ns::MAX_WRITABLE);
            valid_floor::check(dataset, snapshot, first, None);
        }
        (store::view(dataset, snapshot), Bounds::now().known(dataset, snapshot))
    }
}

/// Tags of which none is NULL.
fn all_of(tags: Option<Array<&str>>) -> Option<Vec<Vec<u8>>> {
    tags?.iter().map(|tag| Some(tag?.as_bytes().to_vec())).collect()
}

/// The trend that is asked for, and its points; `None` where anything is NULL.
fn asked(
    dataset: &Dataset,
    tags: Option<Array<&str>>,
    (since, until): (Option<TimestampWithTimeZone>, Option<TimestampWithTimeZone>),
    step: Option<Interval>,
) -> Option<(Trend, Vec<TimestampWithTimeZone>)> {
    let (tags, since, until, step) = (all_of(tags)?, since?, until?, step?);
    let points = points(since, until, step);
    let instants: Vec<Ns> = points.iter().map(|at| clock::last_ns((*at).into())).collect();
    let (view, known) = view(dataset, instants.iter().min().copied());
    Some((Trend::new(view, tags, &instants, known), points))
}

/// `since`, `since + step` and so on up to `until`, each a step from the one before, as `generate_series` counts them.
fn points(since: TimestampWithTimeZone, until: TimestampWithTimeZone, step: Interval) -> Vec<TimestampWithTimeZone> {
    for (name, t) in [("since", since), ("until", until)] {
        if t.is_infinity() || t.is_neg_infinity() {
            invalid(format!("{name} must not be infinite"), "It is the first or the last possible point of the trend.");
        }
    }
    if step.as_micros() <= 0 {
        invalid("step must be longer than zero".to_owned(), "Give an interval as '1 month'.");
    }
    let step = step.into_datum();
    let mut points = Vec::new();
    let mut at = since;
    while at <= until {
        if points.len() == POINTS_MAX {
            raise(
                PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                format!("trend has more than {POINTS_MAX} points"),
                Some("Give a longer step."),
            );
        }
        points.push(at);
        // SAFETY: a function of (timestamptz, interval) gets both; it raises where the sum is out of range.
        let next = unsafe {
            pgrx::direct_function_call::<TimestampWithTimeZone>(
                pg_sys::timestamptz_pl_interval,
                &[at.into_datum(), step],
            )
        };
        // A month less some days may lead back.
        match next.filter(|next| *next > at) {
            Some(next) => at = next,
            None => invalid(format!("step does not lead on from {}", clock::shown(at.into())), "Use one unit of time."),
        }
    }
    points
}

fn invalid(message: String, hint: &str) -> ! {
    raise(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, message, Some(hint))
}
