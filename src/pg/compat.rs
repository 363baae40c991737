//! What pgrx does not bind, and what differs between PostgreSQL versions: declared once, guarded.
//!
//! Invariant: signatures are those of the server's headers for every supported version.

use pgrx::pg_sys;

mod raw {
    use pgrx::pg_sys;

    unsafe extern "C-unwind" {
        pub fn nextval_internal(relid: pg_sys::Oid, check_permissions: bool) -> i64;
    }
}

/// The next value of a sequence, with or without a check of the caller's permission (`commands/sequence.h`).
///
/// # Safety
/// `relid` must be a sequence.
pub unsafe fn nextval_internal(relid: pg_sys::Oid, check_permissions: bool) -> i64 {
    // SAFETY: the declaration is the header's; the boundary turns PostgreSQL's errors into unwinding.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| raw::nextval_internal(relid, check_permissions)) }
}
