//! The SQL functions: a line or two each, over the engine and the cores of the write side.
//!
//! Invariant: a function that reads or writes a dataset has first checked the caller's privilege on the face it names.

mod admin;
mod read;
mod write;

use std::ffi::CStr;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::{self, Dataset, Shape};
use super::error::raise;

pgrx::extension_sql_file!("../../../sql/feed.sql", name = "feed", requires = ["catalog"]);
pgrx::extension_sql_file!("../../../sql/functions.sql", name = "functions", finalize);

/// The dataset of a state face on which the caller has these privileges; raises 42501 if not.
fn dataset_for(face: Option<pg_sys::Oid>, mode: pg_sys::AclMode) -> Dataset {
    let face = face.unwrap_or_else(|| super::write::null_not_allowed("face"));
    let name = name_of(face);
    // SAFETY: plain catalog look-up.
    let held = unsafe { pg_sys::pg_class_aclmask(face, pg_sys::GetUserId(), mode, pg_sys::AclMaskHow::ACLMASK_ALL) };
    if held != mode {
        raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("permission denied for foreign table {name}"),
            None,
        );
    }
    let dataset = catalog::dataset_of_face(face);
    if catalog::shape_of_face(face) != Shape::State {
        raise(PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE, format!("\"{name}\" is not a state face"), None);
    }
    dataset
}

/// The name of a foreign table; raises 42809 for anything else.
fn name_of(face: pg_sys::Oid) -> String {
    // SAFETY: plain catalog look-ups; get_rel_name answers null or a C string of this memory context.
    unsafe {
        let name = pg_sys::get_rel_name(face);
        if name.is_null() || pg_sys::get_rel_relkind(face) as u8 != pg_sys::RELKIND_FOREIGN_TABLE {
            raise(
                PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
                format!("relation with oid {} is not a face", face.to_u32()),
                None,
            );
        }
        CStr::from_ptr(name).to_string_lossy().into_owned()
    }
}
