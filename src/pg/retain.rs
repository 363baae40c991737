//! Retention and holds (S15): what is said of them, and how seal and compact apply it.
//!
//! Invariant: retention is applied while nobody else writes the dataset, and its floors are raised in the same transaction as
//! what is below them goes; every later writer finds them.

use std::collections::BTreeSet;

use pgrx::datum::Interval;
use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::Dataset;
use super::error::{OrRaise, raise};
use super::func::as_extension;
use super::maintain_sql::owned;
use super::{clock, delta, maintain, manifest, settings, store, valid_floor, write};
use crate::engine::{self, Policy, Retention, View};
use crate::types::{Ns, Ordinal};

/// The column `tags` of a policy or a hold, after that of the dataset.
const TAGS: i32 = 2;

/// Whether anything is said about retention of the dataset.
pub fn is_set(dataset: &Dataset) -> bool {
    !tags_of(dataset, "retention_policy").is_empty()
}

/// The tags of each policy or hold of the dataset, as this transaction and everything committed say.
fn tags_of(dataset: &Dataset, relation: &str) -> Vec<Vec<Vec<u8>>> {
    maintain::with_fresh_snapshot(|snapshot| {
        let mut found = Vec::new();
        let index = format!("{relation}_pkey");
        // SAFETY: the snapshot is registered; the catalog script gave the relations these columns, the first one the dataset's
        // name in collation "C", and the index that begins with it.
        unsafe {
            manifest::each_row_named(relation, (&index, 1), &dataset.name, snapshot, |rel, tuple| {
                let mut null = false;
                let tags = pg_sys::heap_getattr(tuple, TAGS, (*rel).rd_att, &mut null);
                let tags = Vec::<String>::from_datum(tags, null).unwrap_or_default();
                found.push(tags.into_iter().map(String::into_bytes).collect());
            });
        }
        found
    })
}

/// Takes the delta against writers, to the end of the transaction. Where this is to be waited for, the maintenance lock must
/// not be held yet. False if others write.
pub fn keep_writers_out(dataset: &Dataset, wait: bool) -> bool {
    let mode = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;
    // SAFETY: a transaction-level lock of a relation of the extension.
    unsafe {
        if !wait {
            return pg_sys::ConditionalLockRelationOid(dataset.delta, mode);
        }
        pg_sys::LockRelationOid(dataset.delta, mode);
    }
    true
}

/// Applies what is said about retention to the segments. The caller keeps writers out and holds the maintenance lock.
pub fn apply(dataset: &Dataset) {
    // SAFETY: the snapshot is registered.
    let floors = maintain::with_fresh_snapshot(|snapshot| unsafe { valid_floor::of_spans(dataset, snapshot) }).own;
    let holds = tags_of(dataset, "hold_policy");
    let retention = Retention { policies: policies(dataset), holds, floors, now: clock::wall() };
    let of_all = retention.policies.iter().filter(|policy| policy.tags.is_empty() && policy.versions.is_none());
    let valid = of_all.filter_map(|policy| policy.before).max();
    let retained = maintain::with_fresh_snapshot(|snapshot| {
        // SAFETY: the snapshot is registered.
        let (base, sets) = unsafe { (store::view_of_segments(dataset, snapshot), delta::read_all(dataset, snapshot)) };
        let open: BTreeSet<Ordinal> = sets.iter().map(|set| set.ordinal).collect();
        let unsealed = sets.iter().flat_map(|set| &set.stored).map(|content| content.file.clone()).collect();
        let retained = engine::retain(&base, &retention, &open, &clock::commit_time).or_raise();
        if !retained.removal.is_empty() {
            let (times, options) = (&clock::commit_time, settings::build_options());
            let files = &mut maintain::files();
            let (built, replaced) =
                engine::rewrite(&base, &retained.removal, &BTreeSet::new(), &unsealed, times, &options, files)
                    .or_raise();
            manifest::replace(dataset, &built, &replaced);
        }
        retained
    });
    if retained.floors.is_empty() && valid.is_none() {
        return;
    }
    let (ordinals, floors): (Vec<i64>, Vec<i64>) =
        retained.floors.iter().map(|(ordinal, floor)| (i64::from(ordinal.0), floor.0)).unzip();
    // Where a system time is not known any more, it was before now.
    let recorded_at = retained.tx.map(|_| match retained.recorded_at {
        Some(at) if !retained.is_vague => clock::from_unix_micros(at),
        _ => clock::to_timestamptz(clock::wall()),
    });
    let recorded_at = recorded_at.and_then(|at| TimestampWithTimeZone::try_from(at).ok());
    let noted = as_extension(|| {
        Spi::run_with_args(
            "SELECT entitydb.note_floor($1, $2, $3::pg_catalog.text::pg_catalog.xid8, $4, $5, $6)",
            &[
                dataset.id.into(),
                valid.map(|floor| floor.0).into(),
                retained.tx.map(|tx| tx.0.to_string()).into(),
                recorded_at.into(),
                ordinals.into(),
                floors.into(),
            ],
        )
    });
    if let Err(fault) = noted {
        raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("could not raise the floor: {fault}"), None);
    }
    // SAFETY: seal and compact are parallel unsafe, so commands may be counted on; what follows sees the new segments.
    unsafe { pg_sys::CommandCounterIncrement() };
}

/// The policies with their instants as of now.
fn policies(dataset: &Dataset) -> Vec<Policy> {
    let read = as_extension(|| {
        Spi::connect(|client| {
            let query = "SELECT p.tags, p.before, p.versions FROM entitydb.policies($1) p";
            let mut found = Vec::new();
            for row in client.select(query, None, &[dataset.name.as_str().into()])? {
                let tags = row.get::<Vec<String>>(1)?.unwrap_or_default();
                let versions = row.get::<i32>(3)?.and_then(|versions| u32::try_from(versions).ok());
                let tags = tags.into_iter().map(String::into_bytes).collect();
                found.push(Policy { tags, before: row.get::<i64>(2)?.map(Ns), versions });
            }
            Ok::<_, pgrx::spi::Error>(found)
        })
    });
    read.unwrap_or_else(|fault| {
        raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("could not read the retention: {fault}"), None)
    })
}

/// Raises 55006 if any of these entities is held.
pub fn check_not_held(dataset: &Dataset, view: &View, ordinals: &[Ordinal]) {
    // SAFETY: the snapshot is registered.
    let floors = maintain::with_fresh_snapshot(|snapshot| unsafe { valid_floor::of_spans(dataset, snapshot) }).own;
    for tags in tags_of(dataset, "hold_policy") {
        let is_held = |ordinal: &Ordinal| {
            let floor = floors.get(ordinal).copied();
            engine::was_carried(&view.timeline(*ordinal).or_raise(), &tags, view.rules(), floor, &|| view.tick())
        };
        if ordinals.iter().any(is_held) {
            held(dataset, "erase entities", &tags);
        }
    }
}

/// Raises 55006 if anything of the dataset may be held.
pub fn check_no_hold(dataset: &Dataset, what: &str) {
    if let Some(tags) = tags_of(dataset, "hold_policy").first() {
        held(dataset, what, tags);
    }
}

fn held(dataset: &Dataset, what: &str, tags: &[Vec<u8>]) -> ! {
    let tags: Vec<_> = tags.iter().map(|tag| String::from_utf8_lossy(tag)).collect();
    raise(
        PgSqlErrorCode::ERRCODE_OBJECT_IN_USE,
        format!("cannot {what} of dataset \"{}\": a hold on {{{}}} is in the way", dataset.name, tags.join(",")),
        Some("entitydb.release ends it."),
    )
}

/// Tags as a policy or a hold names them: sorted, without repeats.
fn checked(tags: Option<Vec<Option<String>>>) -> Vec<String> {
    let tags: BTreeSet<String> = tags
        .unwrap_or_default()
        .into_iter()
        .map(|tag| {
            let tag = tag.unwrap_or_else(|| write::null_not_allowed("tag"));
            write::check_name("tag", tag.as_bytes());
            tag
        })
        .collect();
    tags.into_iter().collect()
}

/// `entitydb.set_retention(dataset, keep, tags, keep_versions)`.
#[pg_extern(sql = false)]
fn set_retention(
    dataset: Option<&str>,
    keep: Option<Interval>,
    tags: Option<Vec<Option<String>>>,
    keep_versions: Option<i32>,
) {
    write::check_writable(c"set_retention");
    let dataset = owned(dataset.unwrap_or_else(|| write::null_not_allowed("dataset")));
    let done = as_extension(|| {
        Spi::run_with_args(
            "SELECT entitydb.put_retention($1, $2, $3, $4)",
            &[dataset.name.as_str().into(), keep.into(), checked(tags).into(), keep_versions.into()],
        )
    });
    if let Err(fault) = done {
        raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("could not set the retention: {fault}"), None);
    }
}

/// Begins or ends a hold.
fn put_hold(dataset: Option<&str>, tags: Option<Vec<Option<String>>>, held: bool) -> bool {
    write::check_writable(if held { c"hold" } else { c"release" });
    let dataset = owned(dataset.unwrap_or_else(|| write::null_not_allowed("dataset")));
    let tags = checked(Some(tags.unwrap_or_else(|| write::null_not_allowed("tags"))));
    // Whoever applies retention now, erases or truncates did not see the hold, and ends first.
    maintain::lock(&dataset);
    let done = as_extension(|| {
        Spi::get_one_with_args::<bool>(
            "SELECT entitydb.put_hold($1, $2, $3)",
            &[dataset.name.as_str().into(), tags.into(), held.into()],
        )
    });
    done.ok().flatten() == Some(true)
}

/// `entitydb.hold(dataset, tags)`.
#[pg_extern(sql = false)]
fn hold(dataset: Option<&str>, tags: Option<Vec<Option<String>>>) -> bool {
    put_hold(dataset, tags, true)
}

/// `entitydb.release(dataset, tags)`.
#[pg_extern(sql = false)]
fn release(dataset: Option<&str>, tags: Option<Vec<Option<String>>>) -> bool {
    put_hold(dataset, tags, false)
}
