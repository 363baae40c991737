//! Declared cardinalities: which namespaces of a dataset hold one value at a time (S4).
//!
//! Invariant: a declaration is a row of the catalog, read with the snapshot that reads the segments and the delta; it comes
//! under the maintenance lock with segments that follow it, or the postings of those that do not are left unread.

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::{self, Dataset};
use super::error::{OrRaise, raise};
use super::func::dataset_for_columns;
use super::{lock, maintain, manifest, store, write};
use crate::engine::{self, Rules};

pgrx::extension_sql_file!("../../sql/namespace.sql", name = "namespace", requires = ["catalog"]);

/// The column of `entitydb.namespace` that holds the namespace.
const NAMESPACE: i32 = 2;
const COLUMNS: usize = 3;

/// The rules of reading that the snapshot sees.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn rules(dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Rules {
    let mut rules = Rules::default();
    // SAFETY: the caller's promise is passed on.
    unsafe {
        each(dataset, snapshot, |rel, tuple| {
            rules.one.insert(manifest::text(rel, tuple, NAMESPACE).into_bytes());
        });
    }
    rules
}

/// Visits the rows of a dataset.
///
/// # Safety
/// `snapshot` must be registered or active.
unsafe fn each(dataset: &Dataset, snapshot: pg_sys::Snapshot, visit: impl FnMut(pg_sys::Relation, pg_sys::HeapTuple)) {
    // SAFETY: the caller's promise is passed on. The index is on the dataset's name, which is column 1, text in "C".
    unsafe { manifest::each_row_named("namespace", ("namespace_dataset", 1), &dataset.name, snapshot, visit) };
}

/// Declares that a namespace has one value at a time, or that it has many. Returns how many entities are read differently.
fn declare(dataset: &Dataset, namespace: &str, one: bool) -> i64 {
    write::check_name("namespace", namespace.as_bytes());
    // SAFETY: the functions that declare are parallel unsafe, so commands may be counted on; what the transaction did before
    // is seen. The snapshot is registered while it is used; after an error the resource owner releases it.
    unsafe {
        pg_sys::PreventCommandIfReadOnly(c"entity_namespace".as_ptr());
        pg_sys::CommandCounterIncrement();
        // The dataset comes before maintenance, as in a load: whoever declares may write afterwards.
        lock::dataset_for_writing(dataset);
        maintain::lock(dataset);
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
        let view = store::view(dataset, snapshot);
        let mut rules = view.rules().clone();
        let is_new = match one {
            true => rules.one.insert(namespace.as_bytes().to_vec()),
            false => rules.one.remove(namespace.as_bytes()),
        };
        let changed = if is_new { engine::changed_readings(&view, &rules).or_raise() } else { 0 };
        if is_new {
            record(dataset, namespace, one, snapshot);
        }
        pg_sys::UnregisterSnapshot(snapshot);
        pg_sys::CommandCounterIncrement();
        // A transaction snapshot may be too old for what is sealed now; the next compaction finds what is to be rewritten.
        if !view.follows(&rules) && !write::uses_transaction_snapshot() {
            maintain::merge(dataset);
        }
        i64::try_from(changed).unwrap_or(i64::MAX)
    }
}

/// Writes or deletes the row.
///
/// # Safety
/// The caller must hold the maintenance lock; `snapshot` must be registered and newer than that.
unsafe fn record(dataset: &Dataset, namespace: &str, one: bool, snapshot: pg_sys::Snapshot) {
    let relid = catalog::relation(catalog::schema_oid(), "namespace");
    // SAFETY: the relation has exactly COLUMNS columns of type text; only holders of the maintenance lock write its rows.
    unsafe {
        let target = pg_sys::table_open(relid, pg_sys::RowExclusiveLock as _);
        if one {
            let text = |value: &str| value.into_datum().unwrap_or(pg_sys::Datum::from(0));
            let mut values = [text(&dataset.name), text(namespace), text("one")];
            let mut nulls = [false; COLUMNS];
            let row = pg_sys::heap_form_tuple((*target).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::CatalogTupleInsert(target, row);
            pg_sys::heap_freetuple(row);
        } else {
            each(dataset, snapshot, |rel, tuple| {
                if manifest::text(rel, tuple, NAMESPACE) == namespace {
                    pg_sys::CatalogTupleDelete(target, &mut (*tuple).t_self);
                }
            });
        }
        pg_sys::table_close(target, pg_sys::NoLock as _);
    }
}

/// Raises 42501 unless the caller is a member of the dataset's owner: what is declared changes what all others read.
fn check_owner(dataset: &Dataset) {
    if !catalog::is_owner(dataset) {
        raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("must be a member of the owner of dataset \"{}\"", dataset.name),
            None,
        );
    }
}

/// `entitydb.declare(face, namespace, cardinality)`.
#[pg_extern(sql = false)]
fn declare_namespace(face: Option<pg_sys::Oid>, namespace: Option<&str>, cardinality: Option<&str>) -> i64 {
    let dataset = dataset_for_columns(face, 0, &[]);
    check_owner(&dataset);
    write::check_writable(c"entity_namespace");
    let namespace = namespace.unwrap_or_else(|| write::null_not_allowed("namespace"));
    let one = match cardinality {
        None => write::null_not_allowed("cardinality"),
        Some("one") => true,
        Some("many") => false,
        Some(other) => raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("cardinality \"{other}\" does not exist"),
            Some("Valid cardinalities are: one, many."),
        ),
    };
    declare(&dataset, namespace, one)
}

/// `entitydb.set_cardinality(dataset, namespace, one)`: the same, of a dataset by its number.
#[pg_extern(sql = false)]
fn set_cardinality(dataset: i32, namespace: &str, one: bool) -> i64 {
    // SAFETY: a function is called with an active snapshot.
    let all = unsafe { catalog::all(pg_sys::GetActiveSnapshot()) };
    let Some(dataset) = all.into_iter().find(|known| known.id == dataset) else {
        raise(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("dataset {dataset} does not exist"), None)
    };
    check_owner(&dataset);
    declare(&dataset, namespace, one)
}
