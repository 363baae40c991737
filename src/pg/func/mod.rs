//! The SQL functions: a line or two each, over the engine and the cores of the write side.
//!
//! Invariant: a function that reads or writes a dataset has first checked the caller's privilege on the face it names.

mod admin;
mod columns;
mod feed;
mod read;
mod trend;
mod write;

use std::ffi::CStr;

use pgrx::pg_sys;
use pgrx::prelude::*;

pub use self::admin::as_extension;
use super::catalog::{self, Dataset, Shape};
use super::error::raise;

pgrx::extension_sql_file!("../../../sql/feed.sql", name = "feed", requires = ["maintain"]);
pgrx::extension_sql_file!("../../../sql/questions.sql", name = "questions", requires = ["catalog"]);
pgrx::extension_sql_file!("../../../sql/functions.sql", name = "functions", finalize);

/// The dataset of a state face whose ids and tags the caller may read or write so; raises 42501 if not.
fn dataset_for(face: Option<pg_sys::Oid>, mode: pg_sys::AclMode) -> Dataset {
    dataset_for_columns(face, mode, &[c"id", c"tags"])
}

/// The dataset of a state face which has these columns, and on which the caller has these privileges, on the whole face or
/// on each of the columns: a function does no more than the statement that does the same. Raises 42501 and 42703.
pub(super) fn dataset_for_columns(face: Option<pg_sys::Oid>, mode: pg_sys::AclMode, columns: &[&CStr]) -> Dataset {
    let face = face.unwrap_or_else(|| super::write::null_not_allowed("face"));
    // As a statement holds the face that it names: who drops it meanwhile waits, and who dropped it is noticed.
    // SAFETY: a transaction-level lock of whatever has this oid; the wait is interruptible and unwinds.
    unsafe { pg_sys::LockRelationOid(face, pg_sys::AccessShareLock as _) };
    let name = name_of(face);
    let is_state = catalog::shape_of_face(face) == Shape::State;
    for bit in [pg_sys::ACL_SELECT, pg_sys::ACL_INSERT, pg_sys::ACL_UPDATE, pg_sys::ACL_DELETE] {
        let bit = bit as pg_sys::AclMode;
        if mode & bit != 0 && !may(face, bit, if is_state { columns } else { &[] }) {
            raise(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("permission denied for foreign table {name}"),
                None,
            );
        }
    }
    let dataset = catalog::dataset_of_face(face);
    if !is_state {
        raise(PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE, format!("\"{name}\" is not a state face"), None);
    }
    // What a face does not show cannot be asked of it, nor written through it.
    for column in columns {
        // SAFETY: plain catalog look-up; the name ends with a NUL.
        if unsafe { pg_sys::get_attnum(face, column.as_ptr()) } == 0 {
            raise(
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                format!("face \"{name}\" has no column \"{}\"", column.to_string_lossy()),
                None,
            );
        }
    }
    dataset
}

/// Whether the caller has a privilege on a face, or on each of these columns. To write other columns of a row is not to
/// write its id.
fn may(face: pg_sys::Oid, mode: pg_sys::AclMode, columns: &[&CStr]) -> bool {
    // SAFETY: plain catalog look-ups; names end with a NUL, and a column that the face lacks is none that anybody may use.
    unsafe {
        let user = pg_sys::GetUserId();
        let updates = mode == pg_sys::ACL_UPDATE as pg_sys::AclMode;
        let mut columns = columns.iter().filter(|column| !updates || **column != c"id").peekable();
        pg_sys::pg_class_aclmask(face, user, mode, pg_sys::AclMaskHow::ACLMASK_ALL) == mode
            || mode != pg_sys::ACL_DELETE as pg_sys::AclMode
                && columns.peek().is_some()
                && columns.all(|column| {
                    let number = pg_sys::get_attnum(face, column.as_ptr());
                    number != 0
                        && pg_sys::pg_attribute_aclcheck(face, number, user, mode) == pg_sys::AclResult::ACLCHECK_OK
                })
    }
}

/// Whether a face has the column `content`.
fn shows_content(face: Option<pg_sys::Oid>) -> bool {
    // SAFETY: plain catalog look-up; the name ends with a NUL.
    face.is_some_and(|face| unsafe { pg_sys::get_attnum(face, c"content".as_ptr()) } != 0)
}

/// The name of a face; raises 42809 for any other relation, 42P01 for none.
fn name_of(face: pg_sys::Oid) -> String {
    // SAFETY: plain catalog look-up; get_rel_name answers null or a C string of this memory context.
    let name = unsafe {
        let name = pg_sys::get_rel_name(face);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    };
    match name {
        Some(name) if catalog::is_face(face) => name,
        Some(name) => raise(PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE, format!("\"{name}\" is not a face"), None),
        None => raise(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("relation with oid {} does not exist", face.to_u32()),
            None,
        ),
    }
}
