//! Tokens as SQL has them: values of type `pg_snapshot`.
//!
//! Invariant: every transaction that a token knows has its end in the log on disk before the token is given, so that no
//! crash gives the transaction's id to another one.

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::compat;
use super::error::raise;
use super::fdw::quals::bytes_of;
use super::fdw::tuple::bytes_datum;
use crate::engine::Token;
use crate::types::Xid;

/// The token in a datum.
///
/// # Safety
/// `datum` must be a non-null `pg_snapshot`.
pub unsafe fn of_datum(datum: pg_sys::Datum) -> Token {
    // SAFETY: a pg_snapshot is a varlena, as text is.
    let bytes = unsafe { bytes_of(datum) };
    Token::decode(&bytes).unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_BINARY_REPRESENTATION,
            format!("a snapshot of {} bytes is malformed", bytes.len()),
            None,
        )
    })
}

/// Raises 22023 for a token from a future that this cluster does not have.
pub fn check_not_future(token: &Token) {
    let next = next_xid();
    if token.xmax() > next {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("token ends at transaction {}, the next one of this cluster is {}", token.xmax().0, next.0),
            Some("Tokens are those of entity_snapshot() in this very cluster; they do not survive dump and restore."),
        );
    }
}

/// The transaction id that will be assigned next.
pub fn next_xid() -> Xid {
    // SAFETY: a read of shared transaction state.
    Xid(unsafe { pg_sys::ReadNextFullTransactionId() }.value)
}

/// `entitydb.snapshot()`: the statement's snapshot, with the caller's own transaction as in progress (S12).
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn entitydb_snapshot(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: a function runs with an active snapshot, whose list has as many transactions as it says.
    let token = unsafe {
        let snapshot = &*pg_sys::GetActiveSnapshot();
        // One that was taken during recovery, and outlived it, lists transactions in another way.
        if pg_sys::RecoveryInProgress() || snapshot.takenDuringRecovery {
            raise(
                PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
                "a token cannot be taken during recovery",
                Some("Take it on the primary."),
            );
        }
        let next = next_xid().0;
        // Every xid of a snapshot is less than half the circle behind the next one.
        let full = |xid: pg_sys::TransactionId| {
            let behind = (next as u32).wrapping_sub(u32::from(xid));
            Xid(next.saturating_sub(u64::from(behind)))
        };
        let mut in_progress: Vec<Xid> = (0..snapshot.xcnt as usize).map(|i| full(*snapshot.xip.add(i))).collect();
        // An own transaction without an id would get one from `xmax` on.
        let own = pg_sys::GetTopFullTransactionIdIfAny().value;
        if own != 0 {
            in_progress.push(Xid(own));
        }
        Token::new(full(snapshot.xmax), in_progress)
    };
    compat::flush_wal();
    bytes_datum(&token.encode())
}
