//! The engine's failures as SQL errors: one exhaustive place for SQLSTATEs.
//!
//! Invariant: no Rust error reaches the user in any other way, and every message carries the numbers of its cause.

use pgrx::prelude::*;

use crate::error::{Error, Result};

/// Raises a SQL error and does not return.
pub fn raise(code: PgSqlErrorCode, message: impl Into<String>, hint: Option<&str>) -> ! {
    let report = pgrx::pg_sys::panic::ErrorReport::new(code, message.into(), "entitydb");
    let report = match hint {
        Some(hint) => report.set_hint(hint),
        None => report,
    };
    report.report(PgLogLevel::ERROR);
    unreachable!("an error report does not return")
}

/// Raises a SQL error with a detail and does not return.
pub fn raise_detailed(code: PgSqlErrorCode, message: impl Into<String>, detail: &str) -> ! {
    let report = pgrx::pg_sys::panic::ErrorReport::new(code, message.into(), "entitydb");
    report.set_detail(detail.to_owned()).report(PgLogLevel::ERROR);
    unreachable!("an error report does not return")
}

/// Turns the engine's results into values or SQL errors.
pub trait OrRaise<T> {
    /// The value, or a SQL error.
    fn or_raise(self) -> T;
}

impl<T> OrRaise<T> for Result<T> {
    fn or_raise(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => raise(sqlstate(&error), error.to_string(), hint(&error)),
        }
    }
}

fn sqlstate(error: &Error) -> PgSqlErrorCode {
    match error {
        Error::ChecksumMismatch { .. } | Error::Malformed { .. } => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        Error::Missing { .. } => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        Error::Io { .. } => PgSqlErrorCode::ERRCODE_IO_ERROR,
        Error::TooMany { .. } => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        Error::Exists { .. } => PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
        Error::Values { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
    }
}

fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Missing { .. } => Some(
            "Restore the file from a backup. If this database was made by CREATE DATABASE .. TEMPLATE, load its data anew \
                 or dump and restore it.",
        ),
        Error::ChecksumMismatch { .. } | Error::Malformed { .. } => {
            Some("Other segments stay readable; restore the file from a backup.")
        }
        Error::Io { .. } | Error::TooMany { .. } | Error::Exists { .. } | Error::Values { .. } => None,
    }
}
