//! What pgrx does not bind, and what differs between PostgreSQL versions: declared once, guarded.
//!
//! Invariant: signatures are those of the server's headers for every supported version.

use pgrx::pg_sys;

#[pgrx::pg_guard]
unsafe extern "C-unwind" {
    /// `commands/sequence.h`: the next value of a sequence, with or without a check of the caller's permission.
    pub fn nextval_internal(relid: pg_sys::Oid, check_permissions: bool) -> i64;
}
