//! What pgrx does not bind, and what differs between PostgreSQL versions: declared once, guarded.
//!
//! Invariant: signatures are those of the server's headers for every supported version.

use pgrx::pg_sys;

mod raw {
    use pgrx::pg_sys;

    unsafe extern "C-unwind" {
        pub fn nextval_internal(relid: pg_sys::Oid, check_permissions: bool) -> i64;
        pub fn PredicateLockPage(relation: pg_sys::Relation, block: pg_sys::BlockNumber, snapshot: pg_sys::Snapshot);
        pub fn CheckTableForSerializableConflictIn(relation: pg_sys::Relation);
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

/// Says that a SERIALIZABLE transaction read of this heap what no tuple and no page of it stands for: only a change of
/// the whole table, announced by [`changes_whole_table`], conflicts with it (`storage/predicate.h`).
///
/// # Safety
/// `relation` must be an open heap, `snapshot` the one that it was read with.
pub unsafe fn read_part_of_table(relation: pg_sys::Relation, snapshot: pg_sys::Snapshot) {
    // The last block number that there is: no heap grows so long that a tuple of it lies there.
    const NOWHERE: pg_sys::BlockNumber = pg_sys::InvalidBlockNumber - 1;
    // SAFETY: the declaration is the header's; the boundary turns PostgreSQL's errors into unwinding.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| raw::PredicateLockPage(relation, NOWHERE, snapshot)) }
}

/// Raises 40001 if SERIALIZABLE transactions that read any of this heap leave no serial order for changing all of it
/// (`storage/predicate.h`).
///
/// # Safety
/// `relation` must be a heap that this transaction holds in AccessExclusive.
pub unsafe fn changes_whole_table(relation: pg_sys::Relation) {
    // SAFETY: as above.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| raw::CheckTableForSerializableConflictIn(relation)) }
}

/// Takes `count` values in a row from a sequence that nobody else draws from meanwhile; returns the first.
///
/// # Safety
/// `relid` must be a sequence of ordinals, and the caller must hold its dataset alone.
pub unsafe fn reserve_ordinals(relid: pg_sys::Oid, count: u32) -> u32 {
    // SAFETY: setval asks for a right to the sequence, which is the extension's and not the caller's: the user is set as
    // SECURITY DEFINER does and set back; an error needs no undoing, for the end of a (sub)transaction restores the user.
    unsafe {
        let first = nextval_internal(relid, false);
        let last = first + i64::from(count) - 1;
        if last > i64::from(u32::MAX) - 1 {
            super::error::raise(
                pgrx::PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                format!("ordinal {last} is past the limit of 4294967294"),
                None,
            );
        }
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        let superuser = pg_sys::Oid::from(pg_sys::BOOTSTRAP_SUPERUSERID);
        pg_sys::SetUserIdAndSecContext(superuser, context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32);
        pgrx::direct_function_call::<i64>(
            pg_sys::setval_oid,
            &[Some(pg_sys::Datum::from(relid)), Some(pg_sys::Datum::from(last))],
        );
        pg_sys::SetUserIdAndSecContext(user, context);
        first as u32
    }
}
