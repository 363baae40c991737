//! The columns that a caller wants of a new dataset, from their text as in CREATE TABLE.
//!
//! Invariant: what comes out are names and types that were looked up, each written as one column definition of its own:
//! nothing of the caller's text is run.

use std::ffi::{CStr, CString};
use std::panic::AssertUnwindSafe;

use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::PgSqlErrorCode as Code;
use pgrx::prelude::*;
use pgrx::{PgList, PgTryBuilder, pg_sys};

use crate::pg::catalog;
use crate::pg::error::raise;
use crate::pg::fdw::columns::OnMany;
use crate::pg::fdw::tuple;

pgrx::extension_sql_file!("../../../sql/columns.sql", name = "columns", requires = ["catalog"]);

/// `entitydb.column_definitions(columns)`: the columns of a list as in CREATE TABLE, with their types and complete
/// definitions. Names of types are looked up in the caller's search_path.
#[pg_extern(sql = false)]
fn column_definitions(
    columns: &str,
) -> TableIterator<'static, (name!(name, String), name!(type_, pg_sys::Oid), name!(definition, String))> {
    // The list ends on a line of its own, so that a comment in it does not swallow what follows.
    let Ok(text) = CString::new(format!("CREATE TABLE x ({columns}\n)")) else { refuse() };
    // SAFETY: the parser gives a list of statements, of which the only one is looked at if it is what was asked for.
    unsafe {
        let mode = pg_sys::RawParseMode::RAW_PARSE_DEFAULT;
        let parsed = PgList::<pg_sys::RawStmt>::from_pg(raised(|| pg_sys::raw_parser(text.as_ptr(), mode)));
        let (Some(only), 1) = (parsed.get_ptr(0), parsed.len()) else { refuse() };
        if (*(*only).stmt).type_ != pg_sys::NodeTag::T_CreateStmt {
            refuse();
        }
        let create = &*(*only).stmt.cast::<pg_sys::CreateStmt>();
        let is_plain = create.inhRelations.is_null()
            && create.partbound.is_null()
            && create.partspec.is_null()
            && create.ofTypename.is_null()
            && create.constraints.is_null()
            && create.options.is_null()
            && create.oncommit == pg_sys::OnCommitAction::ONCOMMIT_NOOP
            && create.tablespacename.is_null()
            && create.accessMethod.is_null();
        if !is_plain {
            refuse();
        }
        let elements = PgList::<pg_sys::Node>::from_pg(create.tableElts);
        let rows: Vec<_> = elements
            .iter_ptr()
            .map(
                |node| if (*node).type_ == pg_sys::NodeTag::T_ColumnDef { definition(&*node.cast()) } else { refuse() },
            )
            .collect();
        TableIterator::new(rows)
    }
}

/// A column's name, its type and its definition.
unsafe fn definition(column: &pg_sys::ColumnDef) -> (String, pg_sys::Oid, String) {
    const TYPMOD_GIVEN: u16 = 1;
    const FORCE_QUALIFY: u16 = 4;
    // SAFETY: the parser's node; names are C strings.
    unsafe {
        let name = CStr::from_ptr(column.colname).to_string_lossy().into_owned();
        if !column.constraints.is_null() || !column.compression.is_null() || (*column.typeName).setof {
            raise(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("column \"{name}\" may have a type, a collation and options only"),
                None,
            );
        }
        let (type_oid, typmod) = match content_type(&name, &*column.typeName) {
            Some(known) => (known, -1),
            None => raised(|| {
                let (mut type_oid, mut typmod) = (pg_sys::InvalidOid, -1);
                pg_sys::typenameTypeIdAndMod(std::ptr::null_mut(), column.typeName, &mut type_oid, &mut typmod);
                (type_oid, typmod)
            }),
        };
        let shown = pg_sys::format_type_extended(type_oid, typmod, TYPMOD_GIVEN | FORCE_QUALIFY);
        let mut definition =
            format!("{} {}", quoted(pg_sys::quote_identifier(column.colname)), quoted(shown.cast_const()));
        let options: Vec<String> = PgList::<pg_sys::DefElem>::from_pg(column.fdwoptions)
            .iter_ptr()
            .map(|option| {
                let value = pg_sys::quote_literal_cstr(pg_sys::defGetString(option));
                format!("{} {}", quoted(pg_sys::quote_identifier((*option).defname)), quoted(value))
            })
            .collect();
        if !options.is_empty() {
            definition.push_str(&format!(" OPTIONS ({})", options.join(", ")));
        }
        if !column.collClause.is_null() {
            let collation = raised(|| pg_sys::get_collation_oid((*column.collClause).collname, false));
            definition.push_str(&format!(" COLLATE {}", qualified_collation(collation)));
        }
        (name, type_oid, definition)
    }
}

/// The type of content that a plain name means, whatever else bears that name in the search_path: content has no other.
unsafe fn content_type(column: &str, name: &pg_sys::TypeName) -> Option<pg_sys::Oid> {
    // SAFETY: the parser's node, whose names are String nodes.
    unsafe {
        let names = PgList::<pg_sys::String>::from_pg(name.names);
        let is_plain = names.len() == 1 && name.arrayBounds.is_null() && name.typmods.is_null() && !name.pct_type;
        if column != "content" || !is_plain {
            return None;
        }
        match CStr::from_ptr((*names.get_ptr(0)?).sval).to_bytes() {
            b"bytea" => Some(pg_sys::BYTEAOID),
            b"text" => Some(pg_sys::TEXTOID),
            b"jsonb" => Some(pg_sys::JSONBOID),
            _ => None,
        }
    }
}

/// The name of a collation with its schema: it is read in another search_path than it was written in.
unsafe fn qualified_collation(collation: pg_sys::Oid) -> String {
    // SAFETY: a cached row is valid until it is released, and the names are copied before; other look-ups are plain.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::COLLOID as i32;
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(collation));
        if tuple.is_null() {
            raise(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("collation with oid {} does not exist", collation.to_u32()),
                None,
            );
        }
        let row = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_collation>();
        let schema = pg_sys::get_namespace_name(row.collnamespace);
        let name = quoted(pg_sys::quote_qualified_identifier(schema, row.collname.data.as_ptr()));
        pg_sys::ReleaseSysCache(tuple);
        name
    }
}

/// Runs `work`, whose errors are raised anew: they would point into a text that nobody wrote.
fn raised<T>(work: impl FnOnce() -> T) -> T {
    PgTryBuilder::new(AssertUnwindSafe(work))
        .catch_others(|error| match &error {
            CaughtError::PostgresError(report) => raise(report.sql_error_code(), report.message(), report.hint()),
            _ => error.rethrow(),
        })
        .execute()
}

/// A C string of PostgreSQL's as text.
unsafe fn quoted(text: *const std::ffi::c_char) -> String {
    // SAFETY: the caller passes a C string.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

fn refuse() -> ! {
    raise(
        Code::ERRCODE_SYNTAX_ERROR,
        "columns must be a list of column definitions",
        Some("Write it as in CREATE TABLE: status text, priority int, labels text[]."),
    )
}

/// `entitydb.scalar_namespaces(face)`: the namespaces of which columns of a face show one value and do not say what several
/// are.
#[pg_extern(sql = false)]
fn scalar_namespaces(face: pg_sys::Oid) -> SetOfIterator<'static, String> {
    super::name_of(face);
    let columns = tuple::columns_of(catalog::shape_of_face(face), face);
    let scalar = columns.tagged.iter().filter(|column| !column.is_array && column.on_many == OnMany::Raise);
    let names: Vec<String> = scalar.map(|column| String::from_utf8_lossy(column.namespace()).into_owned()).collect();
    SetOfIterator::new(names)
}
