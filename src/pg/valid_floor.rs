//! The floors of valid time that retention leaves (S15): reading below one is an error, and so is writing. A floor that came with a
//! restore is one for readers alone, for the events come with the restore too.
//!
//! Invariant: a question reads the floors with the snapshot that it reads the segments with; a writer, with the newest one,
//! after it holds the delta against whoever raises them.

use std::collections::HashMap;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::Dataset;
use super::error::{OrRaise, raise};
use super::{clock, maintain, manifest};
use crate::engine::{FileInfo, Token};
use crate::types::{ChangeSet, Ns, Ordinal, Xid};

/// The floors of a dataset.
#[derive(Clone, Copy, Debug)]
pub struct Floors {
    /// That of all entities.
    pub valid: Option<Ns>,
    /// The highest one that an entity has of its own.
    pub highest: Option<Ns>,
    /// The highest one of another database that was restored: any entity may be one that lost events there.
    restored: Option<Ns>,
    /// The last transaction here of which something may be gone.
    tx: Option<Xid>,
    /// The last system time of which something may be gone, here or before a restore.
    recorded_at: Option<pg_sys::TimestampTz>,
}

/// What tells the floors that were made here from those that were restored.
type Mark = pgrx::Uuid;

/// The floors that the snapshot sees, if the dataset has any.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn read(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Option<Floors> {
    let mut rows = Vec::new();
    // SAFETY: the caller's promise is passed on; the columns and the index, which is on the dataset's name in collation "C", are
    // those of the catalog script.
    unsafe {
        manifest::each_row_named("floor", ("floor_dataset", 1), &dataset.name, snapshot, |rel, tuple| {
            let number = |n: i32| number(rel, tuple, n);
            rows.push((mark(rel, tuple), number(3).map(Ns), number(4).map(Ns), number(5)));
        });
    }
    if rows.is_empty() {
        return None;
    }
    // SAFETY: the caller's promise is passed on.
    let (here, tx) = unsafe { made_here(dataset, snapshot) };
    let mut floors = Floors { valid: None, highest: None, restored: None, tx, recorded_at: None };
    for (mark, valid, highest, recorded_at) in rows {
        if here.is_some() && mark == here {
            floors.valid = floors.valid.max(valid);
            floors.highest = floors.highest.max(highest);
        } else {
            floors.restored = floors.restored.max(valid).max(highest);
        }
        floors.recorded_at = floors.recorded_at.max(recorded_at);
    }
    Some(floors)
}

/// The mark of the floors that were made here, and the last transaction of which something may be gone.
///
/// # Safety
/// `snapshot` must be registered or active.
unsafe fn made_here(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> (Option<Mark>, Option<Xid>) {
    let mut found = (None, None);
    let of_dataset = manifest::equal(1, pg_sys::F_INT4EQ, dataset.id.into());
    // SAFETY: the caller's promise is passed on; the columns and the index are those of the catalog script.
    unsafe {
        manifest::each_row_by("floor_mark", "floor_mark_pkey", &mut [of_dataset], snapshot, |rel, tuple| {
            found = (mark(rel, tuple), number(rel, tuple, 3).map(|tx| Xid(tx as u64)));
        });
    }
    found
}

/// The mark of a row of `floor` or `floor_mark`.
///
/// # Safety
/// Column 2 must be a uuid.
unsafe fn mark(rel: pg_sys::Relation, tuple: pg_sys::HeapTuple) -> Option<Mark> {
    let mut null = false;
    // SAFETY: the caller promises a uuid.
    unsafe { Mark::from_datum(pg_sys::heap_getattr(tuple, 2, (*rel).rd_att, &mut null), null) }
}

/// A column of eight bytes, if it is not null.
///
/// # Safety
/// The column must be of a type of eight bytes that is passed by value.
unsafe fn number(rel: pg_sys::Relation, tuple: pg_sys::HeapTuple, column: i32) -> Option<i64> {
    let mut null = false;
    // SAFETY: the caller promises a column that the row has.
    let value = unsafe { pg_sys::heap_getattr(tuple, column, (*rel).rd_att, &mut null) };
    (!null).then(|| value.value() as i64)
}

/// The floor that an entity has of its own.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn of_entity(dataset: &Dataset, ordinal: Ordinal, snapshot: pg_sys::Snapshot) -> Option<Ns> {
    let [of_dataset, of_ordinal] = [
        manifest::equal(1, pg_sys::F_INT4EQ, dataset.id.into()),
        manifest::equal(2, pg_sys::F_INT8EQ, i64::from(ordinal.0).into()),
    ];
    // SAFETY: the caller's promise is passed on.
    unsafe { entity_floors(&mut [of_dataset, of_ordinal], snapshot) }.pop().map(|(_, floor)| floor)
}

impl Floors {
    /// The floor of an entity for writers.
    ///
    /// # Safety
    /// `snapshot` must be registered or active.
    pub unsafe fn of(&self, dataset: &Dataset, ordinal: Ordinal, snapshot: pg_sys::Snapshot) -> Option<Ns> {
        // SAFETY: the caller's promise is passed on.
        let own = self.highest.and_then(|_| unsafe { of_entity(dataset, ordinal, snapshot) });
        self.valid.max(own)
    }

    /// The floor of these entities, or of any, for readers.
    ///
    /// # Safety
    /// `snapshot` must be registered or active.
    unsafe fn of_any(&self, dataset: &Dataset, ordinals: Option<&[Ordinal]>, snapshot: pg_sys::Snapshot) -> Option<Ns> {
        let made_here = match ordinals {
            None => self.valid.max(self.highest),
            Some(ordinals) => {
                // SAFETY: the caller's promise is passed on.
                let of_each = ordinals.iter().filter_map(|ordinal| unsafe { self.of(dataset, *ordinal, snapshot) });
                of_each.max().max(self.valid)
            }
        };
        made_here.max(self.restored)
    }
}

/// Below what what ended is not shown, since there may have been more of it.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    valid: Option<Ns>,
    /// Those of entities that lost events.
    pub own: HashMap<Ordinal, Ns>,
}

impl Cut {
    /// The floor of an entity.
    pub fn of(&self, ordinal: Ordinal) -> Option<Ns> {
        self.valid.max(self.own.get(&ordinal).copied())
    }
}

/// The floors of every entity.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn of_spans(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Cut {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        let Some(floors) = read(dataset, snapshot) else { return Cut::default() };
        let own = if floors.highest.is_some() { entities(dataset, snapshot) } else { Vec::new() };
        Cut { valid: floors.valid.max(floors.restored), own: own.into_iter().collect() }
    }
}

/// Raises 22023 if something may be gone of what was valid at `t`, of these entities or of any.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn check(dataset: &Dataset, snapshot: pg_sys::Snapshot, t: Ns, ordinals: Option<&[Ordinal]>) {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        let Some(floors) = read(dataset, snapshot) else { return };
        if let Some(floor) = floors.of_any(dataset, ordinals, snapshot).filter(|floor| t < *floor) {
            raise(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("instant {} is below the floor of dataset \"{}\" at {}", shown(t), dataset.name, shown(floor)),
                Some("Retention took what was before; see entitydb.set_retention."),
            );
        }
    }
}

/// Raises 22023 if something may be gone of what was known at `system`.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn check_system(dataset: &Dataset, snapshot: pg_sys::Snapshot, system: pg_sys::TimestampTz) {
    // SAFETY: the caller's promise is passed on.
    let Some(floors) = (unsafe { read(dataset, snapshot) }) else { return };
    let Some(floor) = floors.recorded_at else { return };
    // Without a transaction it is the floor of another database, or what a TRUNCATE leaves for one.
    let gone = if floors.tx.is_some() { TAKEN } else { "What was known before is not in what was restored." };
    if system < floor {
        let (asked, floor) = (clock::shown(system), clock::shown(floor));
        below_system(dataset, &format!("system time {asked}"), &format!(" at {floor}"), gone);
    }
}

/// Raises 22023 if something may be gone of what a token knew, or of what it did not know because an older transaction was
/// still open.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn check_token(dataset: &Dataset, snapshot: pg_sys::Snapshot, token: &Token) {
    // SAFETY: the caller's promise is passed on.
    let Some(tx) = (unsafe { read(dataset, snapshot) }).and_then(|floors| floors.tx) else { return };
    if !token.knows_all_to(tx) {
        below_system(dataset, "token", &format!(", transaction {}", tx.0), TAKEN);
    }
}

const TAKEN: &str = "Retention took what was known before; see entitydb.set_retention.";

fn below_system(dataset: &Dataset, asked: &str, floor: &str, gone: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("{asked} is below the floor of dataset \"{}\"{floor}", dataset.name),
        Some(gone),
    )
}

/// Raises 22008 if what is known of an entity at this instant may be less than was written, so that nothing can be said of what a
/// write there changes. The caller holds the delta in RowExclusive.
pub fn check_instant(dataset: &Dataset, ordinal: Option<Ordinal>, ts: Ns) {
    maintain::with_fresh_snapshot(|snapshot| {
        // SAFETY: the snapshot is registered.
        let Some(floors) = (unsafe { read(dataset, snapshot) }) else { return };
        if Some(ts) >= floors.valid.max(floors.highest) {
            return;
        }
        let floor = match ordinal {
            // SAFETY: as above.
            Some(ordinal) => unsafe { floors.of(dataset, ordinal, snapshot) },
            None => floors.valid,
        };
        if let Some(floor) = floor.filter(|floor| ts < *floor) {
            below(dataset, ts, floor);
        }
    });
}

/// Raises 22008 if any of these change sets is below the floor. The caller holds the delta in RowExclusive.
pub fn check_writes(dataset: &Dataset, sets: &[ChangeSet]) {
    maintain::with_fresh_snapshot(|snapshot| {
        // SAFETY: the snapshot is registered.
        let Some(floors) = (unsafe { read(dataset, snapshot) }) else { return };
        let highest = floors.valid.max(floors.highest);
        for set in sets {
            let Some(first) = set.events.iter().map(|event| event.ts).min() else { continue };
            if Some(first) >= highest {
                continue;
            }
            // SAFETY: as above.
            let floor = unsafe { floors.of(dataset, set.ordinal, snapshot) };
            if let Some(floor) = floor.filter(|floor| first < *floor) {
                below(dataset, first, floor);
            }
        }
    });
}

/// The same for the runs of a load.
pub fn check_load(dataset: &Dataset, built: &[FileInfo]) {
    maintain::with_fresh_snapshot(|snapshot| {
        // SAFETY: the snapshot is registered.
        let Some(floors) = (unsafe { read(dataset, snapshot) }) else { return };
        for file in built.iter().filter(|file| file.ts.0 <= file.ts.1) {
            let first = file.ts.0;
            if let Some(floor) = floors.valid.filter(|floor| first < *floor) {
                below(dataset, first, floor);
            }
            if floors.highest.is_none_or(|highest| first >= highest) {
                continue;
            }
            let run = manifest::try_open(&file.name).or_raise();
            // SAFETY: the snapshot is registered.
            for (ordinal, floor) in unsafe { entities(dataset, snapshot) } {
                if let Some(first) = run.first_instant(ordinal).or_raise().filter(|first| *first < floor) {
                    below(dataset, first, floor);
                }
            }
        }
    });
}

/// The entities that have floors of their own.
///
/// # Safety
/// `snapshot` must be registered or active.
unsafe fn entities(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Vec<(Ordinal, Ns)> {
    // SAFETY: the caller's promise is passed on.
    unsafe { entity_floors(&mut [manifest::equal(1, pg_sys::F_INT4EQ, dataset.id.into())], snapshot) }
}

/// The floors of entities that satisfy keys of dataset, or of dataset and ordinal.
///
/// # Safety
/// `snapshot` must be registered or active.
unsafe fn entity_floors(keys: &mut [pg_sys::ScanKeyData], snapshot: pg_sys::Snapshot) -> Vec<(Ordinal, Ns)> {
    let mut found = Vec::new();
    // SAFETY: the caller's promise is passed on; the catalog script gave the relation these columns, none of which is null, and
    // this index.
    unsafe {
        manifest::each_row_by("entity_floor", "entity_floor_pkey", keys, snapshot, |rel, tuple| {
            let mut null = false;
            let mut column = |n: i32| pg_sys::heap_getattr(tuple, n, (*rel).rd_att, &mut null).value() as i64;
            found.push((Ordinal(column(2) as u32), Ns(column(3))));
        });
    }
    found
}

fn below(dataset: &Dataset, ts: Ns, floor: Ns) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
        format!("instant {} is below the floor of dataset \"{}\" at {}", shown(ts), dataset.name, shown(floor)),
        Some("What was there is gone; see entitydb.set_retention."),
    )
}

fn shown(ts: Ns) -> String {
    clock::shown(clock::to_timestamptz(ts))
}
