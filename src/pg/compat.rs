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
        pub fn standard_ExecutorStart(query: *mut pg_sys::QueryDesc, flags: std::ffi::c_int);
        pub fn Async_Notify(channel: *const std::ffi::c_char, payload: *const std::ffi::c_char);
        pub fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
        #[cfg(feature = "pg15")]
        pub fn malloc(size: usize) -> *mut std::ffi::c_void;
        #[cfg(feature = "pg15")]
        pub fn free(memory: *mut std::ffi::c_void);
        #[cfg(not(feature = "pg15"))]
        pub fn guc_malloc(level: std::ffi::c_int, size: usize) -> *mut std::ffi::c_void;
        #[cfg(not(feature = "pg15"))]
        pub fn guc_free(memory: *mut std::ffi::c_void);
        pub static mut bytea_output: std::ffi::c_int;
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

/// Sends a notification when the transaction commits, if this subtransaction does; one that says the same is sent once
/// (`commands/async.h`).
pub fn notify(channel: &std::ffi::CStr, payload: &std::ffi::CStr) {
    // SAFETY: both are C strings, which are copied; the boundary turns PostgreSQL's errors into unwinding.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| raw::Async_Notify(channel.as_ptr(), payload.as_ptr())) }
}

/// Sees to it that everything that was logged so far is on disk (`access/xlog.h`).
pub fn flush_wal() {
    // SAFETY: reads of shared state outside recovery; the flush goes no further than to where records end.
    unsafe {
        let at = pg_sys::GetXLogInsertRecPtr();
        let page = u64::from(pg_sys::XLOG_BLCKSZ);
        // Where a page begins, the position is after the page's header, which is written with the next record only.
        let header = if at % (pg_sys::wal_segment_size as u64) < page {
            size_of::<pg_sys::XLogLongPageHeaderData>()
        } else {
            size_of::<pg_sys::XLogPageHeaderData>()
        } as u64;
        pg_sys::XLogFlush(if at % page == header { at - header } else { at });
    }
}

/// Starts a query (`executor/executor.h`). Not guarded: errors jump over the caller's frame, which must own nothing.
///
/// # Safety
/// As for PostgreSQL's function of this name, from a hook that owns nothing.
pub unsafe fn standard_executor_start(query: *mut pg_sys::QueryDesc, flags: std::ffi::c_int) {
    // SAFETY: the caller's promise is passed on; the declaration is the header's.
    unsafe { raw::standard_ExecutorStart(query, flags) }
}

/// When the client's statement started (`access/xact.h`).
///
/// # Safety
/// In a backend.
pub unsafe fn statement_start() -> pg_sys::TimestampTz {
    // SAFETY: it reads a variable and raises nothing; the declaration is the header's.
    unsafe { raw::GetCurrentStatementStartTimestamp() }
}

/// The setting `bytea_output` that is hexadecimal (`utils/bytea.h`).
pub const BYTEA_OUTPUT_HEX: i32 = 1;

/// Sets how the bytes of a `bytea` are written (`utils/bytea.h`), and answers how they were.
///
/// # Safety
/// In a backend.
pub unsafe fn set_bytea_output(form: i32) -> i32 {
    // SAFETY: a variable of this backend; the declaration is the header's.
    unsafe { std::ptr::replace(&raw mut raw::bytea_output, form) }
}

/// The backend's local transaction id, which no two transactions of one backend have in common.
pub fn local_transaction_id() -> pg_sys::LocalTransactionId {
    // SAFETY: a backend in a transaction has a PGPROC, and its local transaction id does not change meanwhile.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        return (*pg_sys::MyProc).lxid;
        #[cfg(any(feature = "pg17", feature = "pg18"))]
        return (*pg_sys::MyProc).vxid.lxid;
    }
}

/// The attributes of a row descriptor (`access/tupdesc.h`).
///
/// # Safety
/// `desc` must be a valid row descriptor, and outlive the answer.
pub unsafe fn attributes<'a>(desc: pg_sys::TupleDesc) -> &'a [pg_sys::FormData_pg_attribute] {
    // SAFETY: the caller vouches for the descriptor, which has `natts` attributes; from 18 on they follow the compact ones.
    unsafe {
        let count = (*desc).natts as usize;
        #[cfg(not(feature = "pg18"))]
        return (*desc).attrs.as_slice(count);
        #[cfg(feature = "pg18")]
        return std::slice::from_raw_parts((*desc).compact_attrs.as_ptr().add(count).cast(), count);
    }
}

/// The role as which a running statement reads a relation of its range table, where that is not the caller: the owner of the
/// view that names it (`nodes/parsenodes.h`).
///
/// # Safety
/// `index` must be a place in the range table of the running statement `estate`.
pub unsafe fn reads_as(index: pg_sys::Index, estate: *mut pg_sys::EState) -> Option<pg_sys::Oid> {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        let rte = pg_sys::exec_rt_fetch(index, estate);
        #[cfg(feature = "pg15")]
        let user = (*rte).checkAsUser;
        // A child of an inheritance tree has no rights of its own: those of its parent were asked for.
        #[cfg(not(feature = "pg15"))]
        let user = match (*rte).perminfoindex {
            0 => pg_sys::InvalidOid,
            _ => (*pg_sys::getRTEPermissionInfo((*estate).es_rteperminfos, rte)).checkAsUser,
        };
        (user != pg_sys::InvalidOid && user != pg_sys::GetUserId()).then_some(user)
    }
}

/// What a statement that inserts was given the right to: the role that it acts for, the relation that it names, and the
/// columns that it gives, counted as in the range table. `None` where it names none (`executor/executor.h`).
///
/// # Safety
/// `info` must be a target of the running statement `estate`.
pub unsafe fn insert_rights(
    info: *mut pg_sys::ResultRelInfo,
    estate: *mut pg_sys::EState,
) -> Option<(pg_sys::Oid, pg_sys::Oid, *mut pg_sys::Bitmapset)> {
    // SAFETY: the caller's promise is passed on; a target without a range table entry of its own has a root with one.
    unsafe {
        let root = (*info).ri_RootResultRelInfo;
        let named = if root.is_null() { info } else { root };
        let index = (*named).ri_RangeTableIndex;
        if index == 0 {
            return None;
        }
        let rte = pg_sys::exec_rt_fetch(index, estate);
        #[cfg(feature = "pg15")]
        let rights = rte;
        #[cfg(not(feature = "pg15"))]
        let rights = pg_sys::getRTEPermissionInfo((*estate).es_rteperminfos, rte);
        let user = match (*rights).checkAsUser {
            pg_sys::InvalidOid => pg_sys::GetUserId(),
            user => user,
        };
        Some((user, (*rte).relid, (*rights).insertedCols))
    }
}

/// Whether a role has USAGE on a foreign server (`utils/acl.h`).
///
/// # Safety
/// `server` must be a foreign server.
pub unsafe fn may_use_server(server: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    let usage = pg_sys::ACL_USAGE as pg_sys::AclMode;
    // SAFETY: plain catalog look-up.
    unsafe {
        #[cfg(feature = "pg15")]
        let result = pg_sys::pg_foreign_server_aclcheck(server, role, usage);
        #[cfg(not(feature = "pg15"))]
        let result = pg_sys::object_aclcheck(pg_sys::ForeignServerRelationId, server, role, usage);
        result == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Whether a transaction has ended; does not wait for it (`storage/lmgr.h`).
///
/// # Safety
/// `xid` must be a normal transaction id.
pub unsafe fn has_ended(xid: pg_sys::TransactionId) -> bool {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        return pg_sys::ConditionalXactLockTableWait(xid);
        #[cfg(feature = "pg18")]
        return pg_sys::ConditionalXactLockTableWait(xid, false);
    }
}

/// What every path of the wrapper says: rows, startup and total cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// How many rows it gives.
    pub rows: f64,
    /// The cost before the first row.
    pub startup: f64,
    /// The cost of all rows.
    pub total: f64,
}

/// Whether the largest come first in the order of a pathkey (`nodes/pathnodes.h`).
///
/// # Safety
/// `key` must be the planner's.
pub unsafe fn is_descending(key: *mut pg_sys::PathKey) -> bool {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        return (*key).pk_strategy == pg_sys::BTGreaterStrategyNumber as std::ffi::c_int;
        #[cfg(feature = "pg18")]
        return (*key).pk_cmptype == pg_sys::CompareType::COMPARE_GT;
    }
}

/// A path that scans `rel` in this order with these parameters (`optimizer/pathnode.h`).
///
/// # Safety
/// The arguments must be the planner's own.
pub unsafe fn foreign_scan_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    cost: Cost,
    keys: *mut pg_sys::List,
    outer: pg_sys::Relids,
) -> *mut pg_sys::Path {
    let (Cost { rows, startup, total }, none) = (cost, std::ptr::null_mut());
    // SAFETY: the caller's promise is passed on; no lists are given, and null stands for the relation's own target.
    unsafe {
        let target = std::ptr::null_mut();
        let below = std::ptr::null_mut();
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        let path = pg_sys::create_foreignscan_path(root, rel, target, rows, startup, total, keys, outer, below, none);
        #[cfg(feature = "pg17")]
        let path =
            pg_sys::create_foreignscan_path(root, rel, target, rows, startup, total, keys, outer, below, none, none);
        #[cfg(feature = "pg18")]
        let path =
            pg_sys::create_foreignscan_path(root, rel, target, rows, 0, startup, total, keys, outer, below, none, none);
        path.cast()
    }
}

/// A path that answers what is above the scans of a query (`optimizer/pathnode.h`).
///
/// # Safety
/// The arguments must be the planner's own.
pub unsafe fn foreign_upper_path(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    cost: Cost,
) -> *mut pg_sys::Path {
    let (Cost { rows, startup, total }, none) = (cost, std::ptr::null_mut());
    // SAFETY: the caller's promise is passed on; no lists are given.
    unsafe {
        let target = (*rel).reltarget;
        let below = std::ptr::null_mut();
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        let path = pg_sys::create_foreign_upper_path(root, rel, target, rows, startup, total, none, below, none);
        #[cfg(feature = "pg17")]
        let path = pg_sys::create_foreign_upper_path(root, rel, target, rows, startup, total, none, below, none, none);
        #[cfg(feature = "pg18")]
        let path =
            pg_sys::create_foreign_upper_path(root, rel, target, rows, 0, startup, total, none, below, none, none);
        path.cast()
    }
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

/// Puts another text in the place of the value that a setting's check hook was given (`utils/guc.h`); false if there is no
/// memory for it. Raises nothing.
///
/// # Safety
/// `value` must be what PostgreSQL passed to the hook.
pub unsafe fn replace_setting(value: *mut *mut std::ffi::c_char, text: &str) -> bool {
    // SAFETY: the new text ends with a NUL and is in memory of the kind that PostgreSQL frees; the old one was such too.
    unsafe {
        #[cfg(feature = "pg15")]
        let copy = raw::malloc(text.len() + 1).cast::<u8>();
        #[cfg(not(feature = "pg15"))]
        let copy = raw::guc_malloc(pg_sys::LOG as std::ffi::c_int, text.len() + 1).cast::<u8>();
        if copy.is_null() {
            return false;
        }
        std::ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
        *copy.add(text.len()) = 0;
        #[cfg(feature = "pg15")]
        raw::free((*value).cast());
        #[cfg(not(feature = "pg15"))]
        raw::guc_free((*value).cast());
        *value = copy.cast();
    }
    true
}

/// Fields of a time and their kinds, and how many there are.
pub type DateTimeFields = (*mut *mut std::ffi::c_char, *mut std::ffi::c_int, std::ffi::c_int);

/// Makes a time of its fields (`utils/datetime.h`); not 0 where they are none.
///
/// # Safety
/// The fields must be those that `ParseDateTime` found.
pub unsafe fn decode_datetime(
    (fields, kinds, count): DateTimeFields,
    kind: &mut std::ffi::c_int,
    tm: &mut pg_sys::pg_tm,
    fsec: &mut pg_sys::fsec_t,
    zone: &mut std::ffi::c_int,
) -> std::ffi::c_int {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        #[cfg(feature = "pg15")]
        return pg_sys::DecodeDateTime(fields, kinds, count, kind, tm, fsec, zone);
        #[cfg(not(feature = "pg15"))]
        {
            let mut extra = pg_sys::DateTimeErrorExtra::default();
            return pg_sys::DecodeDateTime(fields, kinds, count, kind, tm, fsec, zone, &mut extra);
        }
    }
}
