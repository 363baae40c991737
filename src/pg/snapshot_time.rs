//! When the snapshot that a plain read uses was taken: what is user-dated after it is not yet true (S2).
//!
//! Invariant: the hook calls no guarded function and owns nothing, so that an error of PostgreSQL's may jump over its frame
//! and loses none of what it says.

use std::cell::Cell;

use pgrx::pg_sys;

use super::compat;

thread_local! {
    /// The last transaction in REPEATABLE READ or above, and the start of its first query.
    static FIRST: Cell<(u32, pg_sys::TimestampTz)> = const { Cell::new((0, 0)) };
    /// Who had the hook before.
    static PREVIOUS: Cell<pg_sys::ExecutorStart_hook_type> = const { Cell::new(None) };
}

/// Has the start of every query noted; called at preload.
pub fn init() {
    // SAFETY: the postmaster loads libraries before it runs a query; the hook stays as long as the process.
    unsafe {
        PREVIOUS.set(pg_sys::ExecutorStart_hook);
        pg_sys::ExecutorStart_hook = Some(executor_start);
    }
}

/// Notes when the query starts, and starts it.
unsafe extern "C-unwind" fn executor_start(query: *mut pg_sys::QueryDesc, flags: std::ffi::c_int) {
    note();
    // SAFETY: PostgreSQL's arguments are passed on to whom they would have reached without this hook.
    unsafe {
        match PREVIOUS.get() {
            Some(previous) => previous(query, flags),
            None => compat::standard_executor_start(query, flags),
        }
    }
}

/// When the transaction's own snapshot was taken, as near as a query says; `None` where each statement has its own.
fn note() -> Option<pg_sys::TimestampTz> {
    // SAFETY: plain look-ups in the backend's state.
    let (statement, isolation) = unsafe { (compat::statement_start(), pg_sys::XactIsoLevel) };
    if isolation < pg_sys::XACT_REPEATABLE_READ as i32 {
        return None;
    }
    let transaction = compat::local_transaction_id();
    let (known, at) = FIRST.get();
    if known == transaction {
        return Some(at);
    }
    FIRST.set((transaction, statement));
    Some(statement)
}

/// The clock of a plain read, and the one that bounds what the transaction itself dated.
pub fn of_plain_read() -> (pg_sys::TimestampTz, pg_sys::TimestampTz) {
    // SAFETY: a plain look-up in the backend's state.
    let statement = unsafe { compat::statement_start() };
    (note().unwrap_or(statement), statement)
}
