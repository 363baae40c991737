//! Time: the wall clock, stamps, and the way between nanoseconds and timestamptz.
//!
//! Invariant: a stamp is larger than every stamp given before in the cluster since its start, whatever the clock does.

use pgrx::prelude::*;
use pgrx::{PgAtomic, pg_shmem_init, pg_sys};

use crate::types::Ns;

/// The last stamp given by any process of this server.
static LAST: PgAtomic<std::sync::atomic::AtomicI64> = unsafe { PgAtomic::new(c"entitydb_last_stamp") };

/// Seconds between 1970-01-01 and PostgreSQL's epoch, 2000-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Reserves shared memory; called at preload.
pub fn init() {
    pg_shmem_init!(LAST);
}

/// The wall clock.
pub fn wall() -> Ns {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ns(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A new stamp: the wall clock, made strictly increasing over all processes.
pub fn stamp() -> Ns {
    use std::sync::atomic::Ordering::Relaxed;
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

/// Microseconds since 1970 of a timestamptz.
pub fn to_unix_micros(t: pg_sys::TimestampTz) -> i64 {
    t.saturating_add(EPOCH_MICROS)
}
