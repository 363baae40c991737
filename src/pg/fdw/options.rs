//! The options of faces and columns.
//!
//! Invariant: an option that is stored has a valid name and value.

use std::ffi::CStr;

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;

use super::columns;
use crate::pg::error::raise;

/// One option: its name and its values (empty: any).
type Valid = (&'static str, &'static [&'static str]);

/// How many bytes a dataset's name may have: those of its faces and functions have more.
const DATASET_NAME_MAX: usize = 44;

const FACE: [Valid; 3] =
    [("dataset", &[]), ("shape", &["state", "event", "version", "tag"]), ("on_conflict", &["error", "nothing", "put"])];

const COLUMN: [Valid; 2] = [("namespace", &[]), ("on_many", &["null", "min", "max"])];

/// Checks the options of the catalog `catalog`; raises HV00D, HV024 and 42622.
///
/// # Safety
/// `options` must be a text[] datum as the validator gets it.
pub unsafe fn validate(options: pg_sys::Datum, catalog: pg_sys::Oid) {
    let valid: &[Valid] = match catalog {
        pg_sys::ForeignTableRelationId => &FACE,
        pg_sys::AttributeRelationId => &COLUMN,
        _ => &[],
    };
    // SAFETY: untransformRelOptions turns the text[] into DefElem nodes with C strings.
    unsafe {
        let list = pg_sys::untransformRelOptions(options);
        for def in pgrx::PgList::<pg_sys::DefElem>::from_pg(list).iter_ptr() {
            let name = CStr::from_ptr((*def).defname).to_string_lossy();
            let value = CStr::from_ptr(pg_sys::defGetString(def)).to_string_lossy();
            let Some((_, values)) = valid.iter().find(|(v, _)| *v == name) else {
                let hint = if valid.is_empty() {
                    "There are no valid options in this context.".to_owned()
                } else {
                    let names: Vec<&str> = valid.iter().map(|v| v.0).collect();
                    format!("Valid options are: {}.", names.join(", "))
                };
                raise(Code::ERRCODE_FDW_INVALID_OPTION_NAME, format!("invalid option \"{name}\""), Some(&hint));
            };
            if name == "dataset" {
                check_dataset_name(&value);
            }
            if name == "namespace" {
                columns::check_namespace(&value);
            }
            if !values.is_empty() && !values.contains(&value.as_ref()) {
                raise(
                    Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE,
                    format!("invalid value for option \"{name}\": \"{value}\""),
                    Some(&format!("Valid values are: {}.", values.join(", "))),
                );
            }
        }
    }
}

/// Raises 42622 for a name that is too long, 22023 for one that is empty.
fn check_dataset_name(name: &str) {
    if name.is_empty() {
        raise(Code::ERRCODE_INVALID_PARAMETER_VALUE, "dataset name must not be empty", None);
    }
    if name.len() > DATASET_NAME_MAX {
        raise(
            Code::ERRCODE_NAME_TOO_LONG,
            format!("dataset name has {} bytes, the limit is {DATASET_NAME_MAX}", name.len()),
            None,
        );
    }
}
