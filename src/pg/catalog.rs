//! Datasets and faces, as the catalog has them.
//!
//! Invariant: nothing here is cached across statements, so a dropped or renamed object is seen at once.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::compat;
use super::error::raise;
use super::manifest;

/// The column of `entitydb.dataset` that says whether writers are announced.
const NOTIFY: i32 = 6;

/// One independent store and the relations that hold its write side.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its number in `entitydb.dataset`.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// The server that stands for it where roles are concerned: its owner is the dataset's. It is found by its name, for no
    /// oid of a server outlives `pg_upgrade`.
    guard: pg_sys::Oid,
    /// The role that owns it.
    pub owner: pg_sys::Oid,
    /// Whether its writers are announced to listeners.
    pub notify: bool,
    /// The heap of change sets.
    pub delta: pg_sys::Oid,
    /// The delta's index on `id_hash`.
    pub delta_index: pg_sys::Oid,
    /// The sequence of ordinals.
    pub ordinals: pg_sys::Oid,
    /// The heap of lock rows.
    pub locks: pg_sys::Oid,
    /// The unique index of the lock rows.
    pub locks_index: pg_sys::Oid,
}

/// The shape of a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One row an entity.
    State,
    /// One row an event.
    Event,
    /// One row a distinct state of an entity, and from when to when it held.
    Version,
    /// One row a tag of an entity and a time throughout which it held.
    Tag,
}

impl Shape {
    /// Whether the columns of such a face may show the tags of a namespace.
    pub fn has_tag_columns(self) -> bool {
        matches!(self, Shape::State | Shape::Version)
    }
}

/// The value of option `name` of a list of `DefElem`.
///
/// # Safety
/// `options` must be a list of `DefElem` nodes or null.
pub unsafe fn option(options: *mut pg_sys::List, name: &CStr) -> Option<String> {
    // SAFETY: the caller promises a list of DefElem nodes; defGetString returns a C string of this memory context.
    unsafe {
        let list = pgrx::PgList::<pg_sys::DefElem>::from_pg(options);
        list.iter_ptr()
            .find(|def| CStr::from_ptr((**def).defname) == name)
            .map(|def| CStr::from_ptr(pg_sys::defGetString(def)).to_string_lossy().into_owned())
    }
}

/// The dataset of this name, if there is one.
pub fn dataset_named(name: &str) -> Option<Dataset> {
    let mut found = None;
    // SAFETY: the index is on the name, which is column 2, text in "C". The columns that are read are not null; column 3 is a
    // name, whose bytes are in the row.
    unsafe {
        manifest::each_row_named("dataset", ("dataset_name_key", 2), name, std::ptr::null_mut(), |rel, tuple| {
            let mut null = false;
            let id = pg_sys::heap_getattr(tuple, 1, (*rel).rd_att, &mut null);
            let guard = pg_sys::heap_getattr(tuple, 3, (*rel).rd_att, &mut null);
            let notify = pg_sys::heap_getattr(tuple, NOTIFY, (*rel).rd_att, &mut null);
            let guard = pg_sys::get_foreign_server_oid(guard.cast_mut_ptr::<pg_sys::NameData>().cast(), true);
            found = Some((id.value() as i32, guard, notify.value() != 0));
        });
    }
    let (id, guard, notify) = found?;
    let schema = schema_oid();
    Some(Dataset {
        id,
        name: name.to_owned(),
        guard,
        owner: owner_of_server(guard).unwrap_or(pg_sys::InvalidOid),
        notify,
        delta: relation(schema, &format!("delta_{id}")),
        delta_index: relation(schema, &format!("delta_{id}_id_hash")),
        ordinals: relation(schema, &format!("ordinal_{id}")),
        locks: relation(schema, &format!("lock_{id}")),
        locks_index: relation(schema, &format!("lock_{id}_hash")),
    })
}

/// Every dataset that the snapshot sees.
///
/// # Safety
/// `snapshot` must be registered or active.
pub unsafe fn all(snapshot: pg_sys::Snapshot) -> Vec<Dataset> {
    let mut names = Vec::new();
    // SAFETY: the caller's promise is passed on; column 2 is text and not null.
    unsafe {
        manifest::each_row("dataset", snapshot, |rel, tuple| names.push(manifest::text(rel, tuple, 2)));
    }
    names.iter().filter_map(|name| dataset_named(name)).collect()
}

/// The name of the dataset that a face shows; raises if the face names none.
pub fn dataset_name_of_face(face: pg_sys::Oid) -> String {
    // SAFETY: GetForeignTable raises unless `face` is a foreign table; its options are DefElem nodes.
    let name = unsafe { option((*pg_sys::GetForeignTable(face)).options, c"dataset") };
    name.unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_FDW_OPTION_NAME_NOT_FOUND,
            "option \"dataset\" is missing",
            Some("Valid options are: dataset, shape, on_conflict."),
        )
    })
}

/// The dataset that a face shows. Raises if the face names none, and 42501 if the face's owner is not a member of the
/// dataset's owner: USAGE on the servers is everybody's, so a face alone gives no right to a dataset.
pub fn dataset_of_face(face: pg_sys::Oid) -> Dataset {
    let name = dataset_name_of_face(face);
    let dataset = dataset_named(&name).unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("dataset \"{name}\" does not exist"),
            Some("Make it with entity_create."),
        )
    });
    if !owner_of(face).is_some_and(|owner| is_member(owner, &dataset)) {
        raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("the face's owner must be a member of the owner of dataset \"{}\"", dataset.name),
            None,
        );
    }
    dataset
}

/// The owner of a relation, if the relation exists.
pub fn owner_of(relid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: rows of that cache are relations.
    unsafe { of_cached(pg_sys::SysCacheIdentifier::RELOID, relid, |row: &pg_sys::FormData_pg_class| row.relowner) }
}

/// The owner of a foreign server, if the server exists.
fn owner_of_server(server: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let cache = pg_sys::SysCacheIdentifier::FOREIGNSERVEROID;
    // SAFETY: rows of that cache are foreign servers.
    unsafe { of_cached(cache, server, |row: &pg_sys::FormData_pg_foreign_server| row.srvowner) }
}

/// What `read` finds in the cached row of this oid, if there is one.
///
/// # Safety
/// The cache must be one by oid, of rows of the form `T`.
unsafe fn of_cached<T, R>(
    cache: pg_sys::SysCacheIdentifier::Type,
    oid: pg_sys::Oid,
    read: impl FnOnce(&T) -> R,
) -> Option<R> {
    // SAFETY: the cached row is valid until it is released; what is needed of it is copied before.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache as i32, pg_sys::Datum::from(oid));
        if tuple.is_null() {
            return None;
        }
        let found = read(&*pg_sys::GETSTRUCT(tuple).cast::<T>());
        pg_sys::ReleaseSysCache(tuple);
        Some(found)
    }
}

/// Whether a relation is a face: a foreign table of this wrapper, and of no other.
pub fn is_face(relid: pg_sys::Oid) -> bool {
    // SAFETY: plain catalog look-ups of a foreign table, its server and its wrapper, whose name is a C string.
    unsafe {
        if pg_sys::get_rel_relkind(relid) as u8 != pg_sys::RELKIND_FOREIGN_TABLE {
            return false;
        }
        let server = pg_sys::GetForeignServer((*pg_sys::GetForeignTable(relid)).serverid);
        let wrapper = pg_sys::GetForeignDataWrapper((*server).fdwid);
        CStr::from_ptr((*wrapper).fdwname) == c"entitydb"
    }
}

/// Whether the caller may read the whole of a face, and not some of its columns or a view of it alone.
pub fn may_read(face: pg_sys::Oid) -> bool {
    let select = pg_sys::ACL_SELECT as pg_sys::AclMode;
    // SAFETY: a plain catalog look-up; reads the session's user.
    unsafe { pg_sys::pg_class_aclmask(face, pg_sys::GetUserId(), select, pg_sys::AclMaskHow::ACLMASK_ALL) == select }
}

/// The shape of a face: its option, else what its server makes by default.
pub fn shape_of_face(face: pg_sys::Oid) -> Shape {
    // SAFETY: GetForeignTable raises unless `face` is a foreign table; the server's name is a C string.
    unsafe {
        let table = pg_sys::GetForeignTable(face);
        match option((*table).options, c"shape").as_deref() {
            Some("event") => Shape::Event,
            Some("version") => Shape::Version,
            Some("tag") => Shape::Tag,
            Some(_) => Shape::State,
            None => {
                let server = pg_sys::GetForeignServer((*table).serverid);
                if CStr::from_ptr((*server).servername) == c"entitydb_log" { Shape::Event } else { Shape::State }
            }
        }
    }
}

/// Whether the current user administers the dataset: as a member of its owner, or of a role that it was granted to.
pub fn is_owner(dataset: &Dataset) -> bool {
    // SAFETY: reads the session's user.
    is_member(unsafe { pg_sys::GetUserId() }, dataset)
}

/// Whether a role administers the dataset, and may own faces of it. What `grant_dataset` grants is USAGE on the guard.
pub fn is_member(role: pg_sys::Oid, dataset: &Dataset) -> bool {
    // SAFETY: plain catalog look-ups; the guard was found before, if it is there.
    unsafe {
        pg_sys::has_privs_of_role(role, dataset.owner)
            || dataset.guard != pg_sys::InvalidOid && compat::may_use_server(dataset.guard, role)
    }
}

/// Whether this transaction made the catalog.
pub fn is_new() -> bool {
    let manifest = relation(schema_oid(), "segment");
    // SAFETY: the cached row is valid until it is released; its inserter is read before.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::RELOID as i32;
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(manifest));
        if tuple.is_null() {
            return true;
        }
        let xmin = (*(*tuple).t_data).t_choice.t_heap.t_xmin;
        let own = pg_sys::TransactionIdIsCurrentTransactionId(xmin);
        pg_sys::ReleaseSysCache(tuple);
        own
    }
}

/// The schema of the catalog.
pub fn schema_oid() -> pg_sys::Oid {
    // SAFETY: plain catalog look-up; raises if the schema is missing.
    unsafe { pg_sys::get_namespace_oid(c"entitydb".as_ptr(), false) }
}

/// A relation of that schema; raises if it is missing.
pub fn relation(schema: pg_sys::Oid, name: &str) -> pg_sys::Oid {
    let c_name = CString::new(name).unwrap_or_default();
    // SAFETY: plain catalog look-up.
    let oid = unsafe { pg_sys::get_relname_relid(c_name.as_ptr(), schema) };
    if oid == pg_sys::InvalidOid {
        raise(PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE, format!("relation \"entitydb.{name}\" does not exist"), None);
    }
    oid
}
