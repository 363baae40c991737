//! What the rows of INSERT and UPDATE mean: which events they record (S7, S13, S18, S20).
//!
//! Invariant: the entity's lock is held and it was read under it; a slot that is returned holds the stored row.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;

use super::modify::{Modify, OnConflict, plain, row_is_wanted};
use super::row::{self, Row};
use super::tuple::{self, EventRow};
use crate::engine::{Blob, Desired, Event, change};
use crate::pg::clock;
use crate::pg::error::raise;
use crate::pg::lock;
use crate::pg::write::{self, At, Entity};
use crate::types::{Micros, NewEvent, Ns, Op};

type Slot = *mut pg_sys::TupleTableSlot;

/// The valid time that a row gives: the form in ns wins and must floor to the other; neither is a stamp.
fn given_at(entity: &Entity, name: &str, t: Option<i64>, ns: Option<i64>) -> At {
    match ns {
        Some(ns) => exact_at(name, t, ns),
        None => At::landing(entity, t),
    }
}

/// The valid time that a row gives in ns; a timestamptz beside it must be the microsecond that it lies in.
pub fn exact_at(name: &str, t: Option<i64>, ns: i64) -> At {
    let at = At::given(Ns(ns));
    if t.is_some_and(|t| clock::to_timestamptz(at.ts) != t) {
        raise(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("{name}_ns {ns} does not lie in the microsecond of {name}"),
            Some("Give one of them alone."),
        );
    }
    at
}

/// An INSERT or COPY into a state face.
///
/// # Safety
/// `info` and `slot` must be the target and the row that PostgreSQL passed.
pub unsafe fn insert(modify: &mut Modify, info: *mut pg_sys::ResultRelInfo, slot: Slot, row: Row) -> Slot {
    let id = checked_id(row.id);
    let is_put = modify.on_conflict == OnConflict::Put;
    let tags = (!is_put).then(|| modify.columns.united(row.tags.clone(), &row.asked, &id));
    write::check_tags(tags.as_deref().or(row.tags.as_deref()).unwrap_or_default());
    if modify.on_conflict == OnConflict::Nothing
        && is_skipped(modify, &id, tags.as_deref(), (row.created_at, row.created_at_ns))
    {
        return std::ptr::null_mut();
    }
    let entity = write::lock_and_read(&modify.dataset, &id);
    entity.check_values(tags.as_deref().or(row.tags.as_deref()).unwrap_or_default());
    let at = match (row.created_at, row.created_at_ns) {
        (None, None) => modify.stamps.of(&id),
        (t, ns) => given_at(&entity, "created_at", t, ns),
    };
    let events = if is_put {
        if write::changed_since_snapshot(&modify.dataset, &entity) {
            write::could_not_serialize();
        }
        entity.check_floor(&modify.dataset, at);
        let tags = match entity.state_at(at) {
            Some(state) => modify.columns.put(&state.tags, row.tags, &row.asked, &id),
            None => Some(modify.columns.united(row.tags, &row.asked, &id)),
        };
        write::check_tags(tags.as_deref().unwrap_or_default());
        write::put_events(&entity, tags, row.content.map(Some), at).0
    } else {
        if entity.timeline.exists_at_or_after(at.ts) {
            if modify.on_conflict == OnConflict::Error {
                write::exists_already(&id);
            }
            if write::changed_since_snapshot(&modify.dataset, &entity) {
                write::could_not_serialize();
            }
            return std::ptr::null_mut();
        }
        // It is gone now, but there in the transaction's snapshot: the two lives would be read as one.
        if write::changed_since_snapshot(&modify.dataset, &entity) {
            write::could_not_serialize();
        }
        change::insert(at.ts, at.stamped, &tags.unwrap_or_default(), row.content)
    };
    entity.record(&modify.dataset, events);
    // SAFETY: the caller's promise is passed on.
    unsafe { show(modify, info, slot, &id, at) };
    slot
}

/// Whether the row is skipped because its id exists and nobody writes that entity. It is left unlocked then, as a heap leaves a
/// row that was in the way: two loads of what is there already neither wait for each other nor deadlock. All else, as an id
/// that somebody is about to delete or that the transaction's snapshot does not see, is looked at under the lock.
fn is_skipped(modify: &Modify, id: &[u8], tags: Option<&[Vec<u8>]>, created_at: (Option<i64>, Option<i64>)) -> bool {
    if !lock::is_free(&modify.dataset, id) {
        return false;
    }
    let entity = write::read_now(&modify.dataset, id);
    entity.check_values(tags.unwrap_or_default());
    let at = match created_at {
        (None, None) => At::now(),
        (t, ns) => given_at(&entity, "created_at", t, ns),
    };
    entity.timeline.exists_at_or_after(at.ts) && !write::changed_since_snapshot(&modify.dataset, &entity)
}

/// An UPDATE through a state face: only the columns that differ count.
///
/// # Safety
/// `info` and `slot` must be the target and the new row that PostgreSQL passed.
pub unsafe fn update(
    modify: &Modify,
    info: *mut pg_sys::ResultRelInfo,
    slot: Slot,
    entity: &Entity,
    old: Row,
    new: Row,
) -> Slot {
    let id = checked_id(new.id);
    if id != entity.id {
        raise(
            Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            "the id of an entity cannot be changed",
            Some("Delete the entity and insert another one."),
        );
    }
    if new.created_at != old.created_at || new.created_at_ns != old.created_at_ns {
        raise(
            Code::ERRCODE_FEATURE_NOT_SUPPORTED,
            "created_at cannot be changed",
            Some("Use entity_put(.., at => ..) to write at another instant."),
        );
    }
    // A given time is the time of the change; what did not change or is NULL is not given.
    let ns = new.updated_at_ns.filter(|_| new.updated_at_ns != old.updated_at_ns);
    let t = new.updated_at.filter(|_| new.updated_at != old.updated_at);
    let at = given_at(entity, "updated_at", t, ns);
    let now = plain(entity);
    if let Some(now) = now.as_ref().filter(|now| at.ts < now.updated_at && !at.stamped) {
        raise(
            Code::ERRCODE_DATETIME_FIELD_OVERFLOW,
            format!("updated_at at {} ns is before the row's present one at {} ns", at.ts.0, now.updated_at.0),
            Some("Use entity_put(.., at => ..) to correct the past."),
        );
    }
    entity.check_floor(&modify.dataset, at);
    let old_tags: BTreeSet<Vec<u8>> = old.tags.into_iter().flatten().collect();
    let new_tags: BTreeSet<Vec<u8>> = new.tags.into_iter().flatten().collect();
    if old_tags != new_tags {
        entity.check_values(&new_tags.iter().collect::<Vec<_>>());
    }
    if old.asked != new.asked {
        entity.check_values(&new.asked.iter().flatten().flatten().collect::<Vec<_>>());
    }
    let base = entity.state_at(at);
    let held = base.as_ref().map(|state| state.tags.as_slice());
    let tags = modify.columns.updated(held, (&old_tags, &old.asked), (&new_tags, &new.asked), &id);
    write::check_tags(tags.as_deref().unwrap_or_default());
    let content = (old.content != new.content).then_some(new.content);
    let events = match &base {
        Some(state) => {
            let desired = Desired { tags, content };
            let held = desired.content.as_ref().and_then(|_| entity.content(state));
            entity.needed(change::difference(state, held.as_deref(), desired, at.ts, at.stamped))
        }
        // It ends before the instant of the change: the changed columns make it exist there again.
        None => match (tags, content) {
            (None, None) => Vec::new(),
            (tags, content) => write::put_events(entity, tags, content, at).0,
        },
    };
    entity.record(&modify.dataset, events);
    // SAFETY: the caller's promise is passed on.
    unsafe { show(modify, info, slot, &id, at) };
    slot
}

/// Puts the stored row into the slot if anybody looks at it.
unsafe fn show(modify: &Modify, info: *mut pg_sys::ResultRelInfo, slot: Slot, id: &[u8], at: At) {
    // SAFETY: the caller passes the target and a slot of its row type.
    unsafe {
        if !row_is_wanted(info) {
            return;
        }
        let stored = write::read_now(&modify.dataset, id);
        if let Some(state) = stored.state_at(at) {
            row::store(&modify.columns, (*(*info).ri_RelationDesc).rd_id, &stored, &state, slot);
        }
    }
}

/// An INSERT or COPY into an event face: facts are recorded as given, but repeats of what was stored before the
/// statement are skipped.
///
/// # Safety
/// `info` and `slot` must be the target and the row that PostgreSQL passed.
pub unsafe fn insert_event(modify: &mut Modify, info: *mut pg_sys::ResultRelInfo, slot: Slot, row: Row) -> Slot {
    let system = stated(modify.imports, &mut modify.warned, row.recorded_at, row.assigned);
    let id = checked_id(row.id.clone());
    let (op, tag, content) = fact(row.op.as_deref(), row.tag, row.content);
    let entity = write::lock_and_read(&modify.dataset, &id);
    if write::changed_since_snapshot(&modify.dataset, &entity) {
        write::could_not_serialize();
    }
    let at = match (row.ts, row.ts_ns) {
        (None, None) => modify.stamps.of(&id),
        (t, ns) => given_at(&entity, "ts", t, ns),
    };
    let is_dated = !at.stamped;
    let at = at.known(system);
    let event = NewEvent { ts: at.ts, stamped: at.stamped, op, tag, content };
    if is_dated {
        let (given, written) = modify.repeats.entry(key(&id, &event)).or_default();
        *given += 1;
        if *given <= entity.count_same(&event).saturating_sub(*written) {
            return std::ptr::null_mut();
        }
        *written += 1;
    }
    // SAFETY: the caller's promise is passed on.
    let shown = unsafe { row_is_wanted(info) }.then(|| event.clone());
    let stored = entity.record_known(&modify.dataset, vec![(system, vec![event])]);
    // SAFETY: the caller passes the target and a slot of its row type; the tuple is made in the slot's memory.
    unsafe {
        if let (Some((seq, ordinal)), Some(event)) = (stored, shown) {
            let shown = Event {
                ts: event.ts,
                seq,
                tx: write::own_tx(),
                recorded_at: system,
                stamped: event.stamped,
                op,
                tag: event.tag.map(Into::into),
                content: event.content.as_deref().map(|bytes| Blob::Inline(bytes.into())),
            };
            let content = event.content.as_deref();
            let row = EventRow { ordinal, id: &id, event: &shown, content, datum: None, recorded_at: system };
            let before = pg_sys::MemoryContextSwitchTo((*slot).tts_mcxt);
            let desc = (*slot).tts_tupleDescriptor;
            let face = (*(*info).ri_RelationDesc).rd_id;
            let formed = tuple::form_event(desc, face, &modify.columns, &|_| true, &row);
            pg_sys::ExecForceStoreHeapTuple(formed, slot, true);
            pg_sys::MemoryContextSwitchTo(before);
        }
    }
    slot
}

/// The system time that a row states, where such are taken over; elsewhere warns once a statement of columns that only the
/// database assigns.
pub fn stated(imports: bool, warned: &mut bool, recorded_at: Option<i64>, assigned: bool) -> Option<Micros> {
    if imports {
        return recorded_at.map(|at| {
            if at == i64::MIN || at == i64::MAX {
                raise(
                    Code::ERRCODE_DATETIME_FIELD_OVERFLOW,
                    format!("recorded_at {} is not finite", clock::shown(at)),
                    None,
                );
            }
            Micros(clock::to_unix_micros(at))
        });
    }
    if assigned && !*warned {
        *warned = true;
        pgrx::warning!("tx, recorded_at and seq are assigned by the database; the given ones are ignored");
    }
    None
}

/// Checks that the columns of a fact belong together.
pub fn fact<B: AsRef<[u8]>>(op: Option<&[u8]>, tag: Option<B>, content: Option<B>) -> (Op, Option<B>, Option<B>) {
    let op = match op {
        Some(name) => Op::from_name(name).unwrap_or_else(|| {
            raise(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("op \"{}\" does not exist", String::from_utf8_lossy(name)),
                Some("Valid ops are: create, assert, retract, content, delete, cancel."),
            )
        }),
        None if tag.is_some() => Op::Assert,
        None => Op::Content,
    };
    let wants_tag = matches!(op, Op::Assert | Op::Retract);
    match &tag {
        Some(tag) if wants_tag => write::check_name("tag", tag.as_ref()),
        None if wants_tag => write::null_not_allowed("tag"),
        Some(_) => refuse(op, "tag"),
        None => {}
    }
    if content.is_some() && op != Op::Content {
        refuse(op, "content");
    }
    (op, tag, content)
}

fn refuse(op: Op, what: &str) -> ! {
    raise(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("op \"{op}\" has no {what}"), None)
}

/// 128 bits that stand for a fact within a statement.
pub fn key(id: &[u8], event: &NewEvent) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, id, event.ts, event.op, &event.tag, &event.content).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// The id of a row, if it has one within the limits.
pub fn checked_id<B: AsRef<[u8]>>(id: Option<B>) -> B {
    let id = id.unwrap_or_else(|| write::null_not_allowed("id"));
    write::check_name("id", id.as_ref());
    id
}
