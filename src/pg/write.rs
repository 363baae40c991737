//! The cores of writing, used by the faces and by the functions: lock, read afresh, say what changes, record it.
//!
//! Invariant: an entity is read with a snapshot that was taken after its lock was had, and that sees what this very
//! command wrote; so existence and "nothing changes" are decided row by row (S7, S13).

use std::collections::HashMap;
use std::sync::Arc;

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;

use super::catalog::Dataset;
use super::error::{OrRaise, raise};
use super::fdw::apply;
use super::lock::{self, Mode, Wait};
use super::{clock, delta, store, valid_floor};
use crate::engine::{Desired, Event, Horizon, State, Timeline, Valid, View, change};
use crate::error::Error;
use crate::types::{ChangeSet, Micros, NewEvent, Ns, Op, Ordinal, Seq, TAGS_MAX, Xid};

const BYTES_MAX: usize = 1024;

/// What one snapshot sees of one entity.
pub struct Entity {
    /// Its id.
    pub id: Vec<u8>,
    /// Its ordinal, if anything was ever recorded of it.
    pub ordinal: Option<Ordinal>,
    /// Its events.
    pub timeline: Timeline,
    view: Arc<View>,
}

/// The valid time of a write, and whether the database gave it.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// When it is true.
    pub ts: Ns,
    /// Whether it is a stamp.
    pub stamped: bool,
}

impl At {
    /// A new stamp. Taken under the entity's lock, so that stamps of one entity follow the order of its writers.
    pub fn now() -> Self {
        Self { ts: clock::stamp(), stamped: true }
    }

    /// A user's instant.
    pub fn given(ts: Ns) -> Self {
        if ts < Ns::MIN_WRITABLE || ts > Ns::MAX_WRITABLE {
            out_of_range(&format!("{} ns since 1970", ts.0));
        }
        Self { ts, stamped: false }
    }

    /// Where the user's timestamptz lands on the entity (S9), or a stamp for none.
    pub fn landing(entity: &Entity, t: Option<pg_sys::TimestampTz>) -> Self {
        match t {
            None => Self::now(),
            Some(t) => {
                // Times that ns cannot hold saturate, so they are judged before the entity's own instants are.
                Self::microsecond(t);
                Self::given(entity.timeline.landing(Micros(clock::to_unix_micros(t))))
            }
        }
    }

    /// The first instant of a user's microsecond; raises 22008 where it cannot be written.
    pub fn microsecond(t: pg_sys::TimestampTz) -> Self {
        let ts = clock::first_ns(t);
        if ts < Ns::MIN_WRITABLE || ts > Ns::MAX_WRITABLE {
            out_of_range(&clock::shown(t));
        }
        Self { ts, stamped: false }
    }

    /// The same instant of an event that states when the database learned of it: what was true by then counts as stamped.
    pub fn known(self, system: Option<Micros>) -> Self {
        let is_past = system.is_some_and(|at| self.ts.0.div_euclid(1000) <= at.0);
        if is_past && !self.stamped {
            clock::raise_to(self.ts);
        }
        Self { stamped: self.stamped || is_past, ..self }
    }

    /// The state that a write at this instant changes: what a plain read sees for a stamp, else what is valid then.
    fn horizon(self) -> Horizon {
        let now = Valid::Now { clock: self.ts, own: None };
        Horizon { valid: if self.stamped { now } else { Valid::At(self.ts) }, known: None }
    }
}

fn out_of_range(value: &str) -> ! {
    raise(
        Code::ERRCODE_DATETIME_FIELD_OVERFLOW,
        format!("valid time {value} is out of range, the limits are the years 1678 and 2261"),
        None,
    )
}

/// All that is committed and all that the transaction wrote, by this very command too.
pub fn read_now(dataset: &Dataset, id: &[u8]) -> Entity {
    // SAFETY: a counter of the transaction.
    read_at_command(dataset, id, unsafe { pg_sys::GetCurrentCommandId(false) } + 1)
}

/// All that is committed and what the transaction wrote by commands before this one.
pub fn read_at_command(dataset: &Dataset, id: &[u8], command: pg_sys::CommandId) -> Entity {
    // SAFETY: the snapshot is a registered copy of this function's own, so its command id may be moved.
    unsafe {
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        (*snapshot).curcid = command;
        let entity = read(dataset, id, snapshot);
        pg_sys::UnregisterSnapshot(snapshot);
        entity
    }
}

/// What this snapshot sees of the entity.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn read(dataset: &Dataset, id: &[u8], snapshot: pg_sys::Snapshot) -> Entity {
    // SAFETY: the caller's promise is passed on.
    let view = unsafe { store::view_of_ids(dataset, &[id], snapshot) };
    let ordinal = view.resolve(id).or_raise();
    let timeline = ordinal.map(|ordinal| view.timeline(ordinal).or_raise()).unwrap_or_default();
    Entity { id: id.to_vec(), ordinal, timeline, view }
}

/// Checks that writes are possible now: not while `entitydb.as_of` is set, not in a read-only transaction.
pub fn check_writable(what: &'static std::ffi::CStr) {
    // SAFETY: `what` ends with a NUL; unknown settings are answered with null.
    unsafe {
        pg_sys::PreventCommandIfReadOnly(what.as_ptr());
        for name in [c"entitydb.as_of", c"entitydb.as_of_system"] {
            let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
            if !value.is_null() && *value != 0 {
                raise(
                    Code::ERRCODE_READ_ONLY_SQL_TRANSACTION,
                    format!("cannot write while {} is set", name.to_string_lossy()),
                    Some("Set it to '' first."),
                );
            }
        }
    }
}

/// Takes the entity for writing and reads it afresh.
pub fn lock_and_read(dataset: &Dataset, id: &[u8]) -> Entity {
    lock::dataset_for_writing(dataset);
    lock::entity(dataset, id, Mode::Exclusive, Wait::Block);
    read_now(dataset, id)
}

/// Whether this transaction sees the data as of its own snapshot, REPEATABLE READ and above.
pub fn uses_transaction_snapshot() -> bool {
    // SAFETY: a global of this transaction.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Whether another transaction recorded an event of `fresh` that the transaction's snapshot does not see; always
/// false in READ COMMITTED.
pub fn changed_since_snapshot(dataset: &Dataset, fresh: &Entity) -> bool {
    if !uses_transaction_snapshot() {
        return false;
    }
    // SAFETY: in these levels the transaction's snapshot is registered to the transaction's end.
    let seen = unsafe { read(dataset, &fresh.id, pg_sys::GetTransactionSnapshot()) };
    fresh.replaces(&seen) || fresh.newer_than(&seen).any(|event| event.tx != own_tx())
}

/// Raises 40001.
pub fn could_not_serialize() -> ! {
    raise(
        Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
        "could not serialize access due to concurrent update",
        Some("The transaction might succeed if retried."),
    )
}

/// Raises 23505.
pub fn exists_already(id: &[u8]) -> ! {
    raise(Code::ERRCODE_UNIQUE_VIOLATION, format!("id \"{}\" already exists", String::from_utf8_lossy(id)), None)
}

/// The top-level transaction, which all events of its savepoints carry; assigned if there is none.
pub fn own_tx() -> Xid {
    // SAFETY: raises in recovery, else answers.
    Xid(unsafe { pg_sys::GetTopFullTransactionId() }.value)
}

impl Entity {
    /// Whether what `seen` has was truncated since; an id that came back has another ordinal.
    pub fn replaces(&self, seen: &Entity) -> bool {
        seen.ordinal.is_some() && seen.ordinal != self.ordinal
    }

    /// The events that `seen` lacks.
    pub fn newer_than<'a>(&'a self, seen: &Entity) -> impl Iterator<Item = &'a Event> {
        let max = if self.replaces(seen) { 0 } else { seen.timeline.max_seq() };
        self.timeline.events().iter().filter(move |event| event.seq > max)
    }

    /// The state at a horizon.
    pub fn state(&self, h: &Horizon) -> Option<State> {
        self.view.state(self.ordinal?, h).or_raise()
    }

    /// The state that a write at this instant changes.
    pub fn state_at(&self, at: At) -> Option<State> {
        self.state(&at.horizon())
    }

    /// The bytes of a state's content.
    pub fn content(&self, state: &State) -> Option<Vec<u8>> {
        state.content.as_ref().map(|blob| self.view.content(blob).or_raise().into_owned())
    }

    /// What every event says, without its seq and its system time.
    pub fn facts(&self) -> impl Iterator<Item = NewEvent> + '_ {
        self.timeline.events().iter().map(|event| NewEvent {
            ts: event.ts,
            stamped: event.stamped,
            op: event.op,
            tag: event.tag.as_deref().map(<[u8]>::to_vec),
            content: event.content.as_ref().map(|blob| self.view.content(blob).or_raise().into_owned()),
        })
    }

    /// How many events are the same as this one.
    pub fn count_same(&self, new: &NewEvent) -> u32 {
        let same = |event: &&Event| {
            event.ts == new.ts && event.op == new.op && event.tag.as_deref() == new.tag.as_deref() && {
                let old = event.content.as_ref().map(|blob| self.view.content(blob).or_raise());
                old.as_deref() == new.content.as_deref()
            }
        };
        self.timeline.events().iter().filter(same).count() as u32
    }

    /// Raises 54000 where the entity would carry too many tags with these events, at whatever instant.
    fn check_tags_with<'a>(&self, events: impl Iterator<Item = &'a NewEvent> + Clone, first_seq: Seq) {
        let stored = self.timeline.events();
        if stored.len() + events.clone().count() <= TAGS_MAX {
            return;
        }
        let new = events.zip(first_seq..).map(|(event, seq)| Event {
            ts: event.ts,
            seq,
            tx: Xid(0),
            recorded_at: None,
            stamped: event.stamped,
            op: event.op,
            tag: event.tag.as_deref().map(Into::into),
            content: None,
        });
        Timeline::new(stored.iter().cloned().chain(new).collect()).check_tags(self.view.rules()).or_raise();
    }

    /// Raises 22008 where retention may have taken what a write at a user's instant would change (S15).
    pub fn check_floor(&self, dataset: &Dataset, at: At) {
        if !at.stamped {
            valid_floor::check_instant(dataset, self.ordinal, at.ts);
        }
    }

    /// Raises 22023 where two of these tags exclude each other by a namespace of cardinality one (S4).
    pub fn check_values<B: AsRef<[u8]>>(&self, tags: &[B]) {
        self.view.rules().check(tags.iter().map(AsRef::as_ref)).or_raise();
    }

    /// Events of one instant without those that others of them make needless: asserts that end a value say so alone.
    pub fn needed(&self, events: Vec<NewEvent>) -> Vec<NewEvent> {
        change::without_ended(events, self.view.rules())
    }

    /// Records events under the entity's lock; nothing if there are none. Answers the seq of the first and the ordinal.
    pub fn record(&self, dataset: &Dataset, events: Vec<NewEvent>) -> Option<(Seq, Ordinal)> {
        self.record_known(dataset, vec![(None, events)])
    }

    /// The same of events that state system times of their own.
    pub fn record_known(
        &self,
        dataset: &Dataset,
        mut groups: Vec<(Option<Micros>, Vec<NewEvent>)>,
    ) -> Option<(Seq, Ordinal)> {
        groups.retain(|(_, events)| !events.is_empty());
        if groups.is_empty() {
            return None;
        }
        let first_seq = self.timeline.max_seq() + 1;
        self.check_tags_with(groups.iter().flat_map(|(_, events)| events), first_seq);
        let ordinal = self.ordinal.unwrap_or_else(|| delta::next_ordinal(dataset));
        let (mut next, tx) = (first_seq, own_tx());
        let sets = groups.into_iter().map(|(recorded_at, events)| {
            let first_seq = next;
            next += events.len() as Seq;
            ChangeSet { id: self.id.clone(), ordinal, first_seq, tx, recorded_at, events, stored: Vec::new() }
        });
        delta::write(dataset, &sets.collect::<Vec<_>>());
        Some((first_seq, ordinal))
    }
}

/// Checks an id or a tag (S18); `what` is the argument's name.
pub fn check_name(what: &str, bytes: &[u8]) {
    if bytes.is_empty() {
        raise(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("{what} must not be empty"), None);
    }
    if bytes.len() > BYTES_MAX {
        raise(
            Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("{what} has {} bytes, the limit is {BYTES_MAX}", bytes.len()),
            None,
        );
    }
}

/// Raises 23502 for an argument that must not be NULL.
pub fn null_not_allowed(what: &str) -> ! {
    raise(Code::ERRCODE_NOT_NULL_VIOLATION, format!("{what} must not be null"), None)
}

/// Checks tags and their number (S18).
pub fn check_tags<B: AsRef<[u8]>>(tags: &[B]) {
    tags.iter().for_each(|tag| check_name("tag", tag.as_ref()));
    if tags.len() > TAGS_MAX {
        let found = tags.iter().map(AsRef::as_ref).collect::<std::collections::HashSet<_>>().len() as u64;
        if found > TAGS_MAX as u64 {
            Err(Error::TooMany { what: "tags of one entity", limit: TAGS_MAX as u64, found }).or_raise()
        }
    }
}

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The entity did not exist at that instant.
    Created,
    /// Its state is another now.
    Changed,
    /// Nothing was recorded.
    Unchanged,
}

impl Put {
    /// The SQL answer.
    pub fn name(self) -> &'static str {
        match self {
            Put::Created => "created",
            Put::Changed => "changed",
            Put::Unchanged => "unchanged",
        }
    }
}

/// Takes the entity for a function: as an UPDATE meets another writer (S14). What the function records is a command
/// of its own, as if it were a statement of SQL, so that the caller's next statement sees it.
fn begin(dataset: &Dataset, id: &[u8]) -> Entity {
    check_writable(c"entity functions that write");
    check_name("id", id);
    let entity = lock_and_read(dataset, id);
    if changed_since_snapshot(dataset, &entity) {
        could_not_serialize();
    }
    // SAFETY: writing functions are parallel unsafe, so commands may be counted on.
    unsafe { pg_sys::CommandCounterIncrement() };
    entity
}

/// Where a function's instant lands on the entity, if that is above the floor.
fn landing(dataset: &Dataset, entity: &Entity, t: Option<pg_sys::TimestampTz>) -> At {
    let at = At::landing(entity, t);
    entity.check_floor(dataset, at);
    at
}

/// Records what a function changes; whether it is anything.
fn finish(dataset: &Dataset, entity: &Entity, events: Vec<NewEvent>) -> bool {
    let changed = entity.record(dataset, events).is_some();
    // SAFETY: as in `begin`.
    unsafe { pg_sys::CommandCounterIncrement() };
    changed
}

/// `entity_put`: upsert against the state at `at`. `None` keeps tags or content.
pub fn put(
    dataset: &Dataset,
    id: &[u8],
    tags: Option<Vec<Vec<u8>>>,
    content: Option<Vec<u8>>,
    at: Option<pg_sys::TimestampTz>,
) -> Put {
    check_tags(tags.as_deref().unwrap_or_default());
    let entity = begin(dataset, id);
    let at = landing(dataset, &entity, at);
    let (events, result) = put_events(&entity, tags, content.map(Some), at);
    finish(dataset, &entity, events);
    result
}

/// The events of a put, and what it is.
pub fn put_events(
    entity: &Entity,
    tags: Option<Vec<Vec<u8>>>,
    content: Option<Option<Vec<u8>>>,
    at: At,
) -> (Vec<NewEvent>, Put) {
    entity.check_values(tags.as_deref().unwrap_or_default());
    let old = entity.state_at(at);
    let old_content = old.as_ref().filter(|_| content.is_some()).and_then(|state| entity.content(state));
    let desired = Desired { tags, content };
    let old = old.as_ref().map(|state| (state, old_content.as_deref()));
    let events = entity.needed(change::put(old, desired, at.ts, at.stamped));
    let result = match (old, events.is_empty()) {
        (None, _) => Put::Created,
        (_, true) => Put::Unchanged,
        _ => Put::Changed,
    };
    (events, result)
}

/// Changes the state that the entity has at `at`; P0002 if it has none.
fn change_existing(
    dataset: &Dataset,
    id: &[u8],
    at: Option<pg_sys::TimestampTz>,
    events: impl FnOnce(&Entity, &State, At) -> Vec<NewEvent>,
) -> bool {
    let entity = begin(dataset, id);
    let at = landing(dataset, &entity, at);
    let Some(state) = entity.state_at(at) else {
        raise(
            Code::ERRCODE_NO_DATA_FOUND,
            format!("id \"{}\" does not exist", String::from_utf8_lossy(id)),
            Some("Use entity_put to create it."),
        )
    };
    let events = events(&entity, &state, at);
    finish(dataset, &entity, events)
}

/// `entity_tag`: whether the tag is new.
pub fn tag(dataset: &Dataset, id: &[u8], tag: &[u8], at: Option<pg_sys::TimestampTz>) -> bool {
    check_name("tag", tag);
    change_existing(dataset, id, at, |_, state, at| change::tag(state, tag, at.ts, at.stamped))
}

/// `entity_set`: makes `namespace:value` the only tag of its namespace; whether anything changed.
pub fn set(dataset: &Dataset, id: &[u8], namespace: &[u8], value: &[u8], at: Option<pg_sys::TimestampTz>) -> bool {
    check_name("namespace", namespace);
    check_name("value", value);
    check_name("tag", &[namespace, b":", value].concat());
    change_existing(dataset, id, at, |entity, state, at| {
        entity.needed(change::set_value(state, namespace, value, at.ts, at.stamped))
    })
}

/// `entity_clear_content`: whether there was content.
pub fn clear_content(dataset: &Dataset, id: &[u8], at: Option<pg_sys::TimestampTz>) -> bool {
    change_existing(dataset, id, at, |entity, state, at| {
        let desired = Desired { tags: None, content: Some(None) };
        change::difference(state, entity.content(state).as_deref(), desired, at.ts, at.stamped)
    })
}

/// `entity_untag`: whether the tag was there. An id that does not exist has no tag.
pub fn untag(dataset: &Dataset, id: &[u8], tag: &[u8], at: Option<pg_sys::TimestampTz>) -> bool {
    check_name("tag", tag);
    let entity = begin(dataset, id);
    let at = landing(dataset, &entity, at);
    let events = entity.state_at(at).map(|state| change::untag(&state, tag, at.ts, at.stamped));
    finish(dataset, &entity, events.unwrap_or_default())
}

/// `entity_import`: asserts of tags at instants of their own, and content at the last of them. As on the event face, what was
/// stored before is left out and what is redundant is not (S7). An id that nothing was recorded of is created.
pub fn import(dataset: &Dataset, id: &[u8], tags: Vec<(Ns, Vec<u8>)>, content: Option<Vec<u8>>) -> Put {
    let mut facts = Vec::with_capacity(tags.len() + 1);
    let mut last = None;
    for (ts, tag) in tags {
        check_name("tag", &tag);
        let At { ts, stamped } = At::given(ts);
        last = last.max(Some(ts));
        facts.push(NewEvent { ts, stamped, op: Op::Assert, tag: Some(tag), content: None });
    }
    if content.is_some() {
        let Some(ts) = last else {
            raise(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "content has no stamp, for temporal_tags is empty",
                Some("Use entity_put(.., at => ..)."),
            )
        };
        facts.push(NewEvent { ts, stamped: false, op: Op::Content, tag: None, content });
    }
    let entity = begin(dataset, id);
    let mut stored: HashMap<u128, u32> = HashMap::new();
    for fact in entity.facts() {
        *stored.entry(apply::key(id, &fact)).or_default() += 1;
    }
    facts.retain(|fact| match stored.get_mut(&apply::key(id, fact)).filter(|left| **left > 0) {
        Some(left) => {
            *left -= 1;
            false
        }
        None => true,
    });
    let is_new = stored.is_empty();
    match finish(dataset, &entity, facts) {
        true if is_new => Put::Created,
        true => Put::Changed,
        false => Put::Unchanged,
    }
}

/// `entity_delete`: whether the entity existed then or later (S6).
pub fn delete(dataset: &Dataset, id: &[u8], at: Option<pg_sys::TimestampTz>) -> bool {
    let entity = begin(dataset, id);
    let at = landing(dataset, &entity, at);
    let exists = entity.state_at(at).is_some();
    let events = change::delete(&entity.timeline, exists, at.ts, at.stamped);
    finish(dataset, &entity, events)
}
