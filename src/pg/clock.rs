//! Time: the wall clock, stamps, and the way between nanoseconds and timestamptz.
//!
//! Invariant: a stamp is larger than every stamp given before in the cluster since its start and every one that is stored in
//! the database, whatever the clock does.

use std::cell::Cell;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

use pgrx::prelude::*;
use pgrx::{PGRXSharedMemory, PgAtomic, PgLwLock, pg_shmem_init, pg_sys};

use super::{store, token};
use crate::types::{Micros, Ns, Xid};

/// The last stamp given by any process of this server.
// SAFETY: the name is unique in the library, and `init` reserves the memory at preload.
static LAST: PgAtomic<AtomicI64> = unsafe { PgAtomic::new(c"entitydb_last_stamp") };

/// The databases whose stored stamps [`LAST`] takes into account.
// SAFETY: as above.
static RAISED: PgLwLock<Databases> = unsafe { PgLwLock::new(c"entitydb_raised") };

/// As many databases as are remembered; those past it are looked at once a process.
const DATABASES_MAX: usize = 256;

/// A set of database oids in shared memory.
#[derive(Clone, Copy)]
struct Databases {
    count: usize,
    oids: [u32; DATABASES_MAX],
}

impl Default for Databases {
    fn default() -> Self {
        Self { count: 0, oids: [0; DATABASES_MAX] }
    }
}

// SAFETY: plain numbers without pointers.
unsafe impl PGRXSharedMemory for Databases {}

thread_local! {
    /// Whether this process has seen to it that its database is taken into account.
    static READY: Cell<bool> = const { Cell::new(false) };
}

/// Seconds between 1970-01-01 and PostgreSQL's epoch, 2000-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Reserves shared memory; called at preload.
pub fn init() {
    pg_shmem_init!(LAST);
    pg_shmem_init!(RAISED);
}

/// Before a database's first stamp since the server started: no stamp shall be smaller than one that is stored, even if
/// the clock was set back meanwhile (S3).
fn raise_to_stored() {
    if READY.get() {
        return;
    }
    // SAFETY: a global that is set when the backend connects.
    let database = unsafe { pg_sys::MyDatabaseId }.to_u32();
    let known = {
        let raised = RAISED.share();
        raised.oids[..raised.count].contains(&database)
    };
    if !known {
        LAST.get().fetch_max(store::largest_stamp().0, Relaxed);
        let mut raised = RAISED.exclusive();
        let count = raised.count;
        if count < DATABASES_MAX && !raised.oids[..count].contains(&database) {
            raised.oids[count] = database;
            raised.count += 1;
        }
    }
    READY.set(true);
}

/// The wall clock.
pub fn wall() -> Ns {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ns(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A new stamp: the wall clock, made strictly increasing over all processes.
pub fn stamp() -> Ns {
    raise_to_stored();
    let now = wall().0;
    let last = LAST.get();
    let mut seen = last.load(Relaxed);
    loop {
        let next = now.max(seen + 1);
        match last.compare_exchange_weak(seen, next, Relaxed, Relaxed) {
            Ok(_) => return Ns(next),
            Err(other) => seen = other,
        }
    }
}

/// Sees to it that later stamps are larger than this one, which a restore brought back.
pub fn raise_to(stamp: Ns) {
    raise_to_stored();
    LAST.get().fetch_max(stamp.0, Relaxed);
}

/// The first nanosecond of a timestamptz; infinities are before and after all.
pub fn first_ns(t: pg_sys::TimestampTz) -> Ns {
    match t {
        i64::MIN => Ns::BEFORE_ALL,
        i64::MAX => Ns::AFTER_ALL,
        t => Ns(t.saturating_add(EPOCH_MICROS).saturating_mul(1000)),
    }
}

/// The last nanosecond of a timestamptz's microsecond (S9); infinities are before and after all.
pub fn last_ns(t: pg_sys::TimestampTz) -> Ns {
    match t {
        i64::MIN => Ns::BEFORE_ALL,
        i64::MAX => Ns::AFTER_ALL,
        t => Ns(t.saturating_add(EPOCH_MICROS).saturating_mul(1000).saturating_add(999)),
    }
}

/// The timestamptz that this instant lies in: floored, never rounded.
pub fn to_timestamptz(ns: Ns) -> pg_sys::TimestampTz {
    ns.0.div_euclid(1000) - EPOCH_MICROS
}

/// The timestamptz of a system time.
pub fn from_unix_micros(at: Micros) -> pg_sys::TimestampTz {
    at.0.saturating_sub(EPOCH_MICROS)
}

/// Microseconds since 1970 of a timestamptz.
pub fn to_unix_micros(t: pg_sys::TimestampTz) -> i64 {
    t.saturating_add(EPOCH_MICROS)
}

/// A timestamptz as SQL shows it.
pub fn shown(t: pg_sys::TimestampTz) -> String {
    // SAFETY: the output function of the type takes any value of it and answers a C string.
    unsafe {
        let text = pg_sys::OidOutputFunctionCall(pg_sys::Oid::from(pg_sys::F_TIMESTAMPTZ_OUT), pg_sys::Datum::from(t));
        std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned()
    }
}

/// When a transaction committed, if it did and PostgreSQL still knows it.
pub fn commit_time(tx: Xid) -> Option<Micros> {
    // PostgreSQL knows transactions by the lower half of their numbers, and those of the last half circle alone.
    let next = token::next_xid().0;
    if tx.0 >= next || next - tx.0 > i32::MAX as u64 {
        return None;
    }
    let (mut at, mut origin) = (0, 0);
    // SAFETY: the transaction id is one that this cluster gave, recent or frozen, and both are answered; the results are
    // written before they are read.
    let is_known = unsafe {
        pg_sys::track_commit_timestamp
            && pg_sys::TransactionIdGetCommitTsData(pg_sys::TransactionId::from(tx.0 as u32), &mut at, &mut origin)
    };
    is_known.then(|| Micros(to_unix_micros(at)))
}
