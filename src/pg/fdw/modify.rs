//! Writing through a face: INSERT, UPDATE, DELETE and COPY.
//!
//! Invariant: UPDATE and DELETE lock late. A row that another transaction changed since the statement's snapshot is
//! never written over: the statement's WHERE and SET are evaluated again on the newest row, or 40001 is raised.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, c_void};

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;
use pgrx::prelude::*;

use super::apply;
use super::bulk::{self, Bulk};
use super::columns::Columns;
use super::row::{Row, empty, junk_id, per_tuple, store};
use super::tuple::{self, Column};
use crate::engine::{Horizon, State, Valid, change};
use crate::pg::catalog::{self, Dataset, Shape};
use crate::pg::clock;
use crate::pg::compat;
use crate::pg::delta::id_hash;
use crate::pg::error::raise;
use crate::pg::settings;
use crate::pg::write::{self, At, Entity};
use crate::types::{Ns, Ordinal};

/// The junk column that names the row to write.
const ID_NAME: &CStr = c"entitydb_id";

/// What an INSERT of an id that exists does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Raises 23505.
    Error,
    /// Skips the row.
    Nothing,
    /// Is an `entity_put`.
    Put,
}

/// One statement's writes to one face.
pub struct Modify {
    pub(super) dataset: Dataset,
    pub(super) shape: Shape,
    pub(super) columns: Columns,
    pub(super) on_conflict: OnConflict,
    /// The node that runs the statement; null in COPY.
    node: *mut pg_sys::ModifyTableState,
    /// Where the plan's rows name the entity.
    id_attribute: pg_sys::AttrNumber,
    /// The entities that this statement changed: a row is changed once a statement.
    changed: HashSet<Ordinal>,
    /// How often each fact was given, and how often written (S7).
    pub(super) repeats: HashMap<u128, (u32, u32)>,
    /// The stamp that the statement gave to an entity, by the hash of its id (S3); entities that share one lose nothing.
    pub(super) stamps: Stamps,
    /// Whether system times that rows state are taken over.
    pub(super) imports: bool,
    /// Whether the warning of ignored columns was given.
    pub(super) warned: bool,
    /// Rows that wait to become a bulk load; absent where each is written at once.
    pub(super) bulk: Option<Bulk>,
}

/// The stamps that a statement gave, by the hash of the entity's id.
#[derive(Default)]
pub struct Stamps(HashMap<i64, Ns>);

impl Stamps {
    /// The statement's stamp for an entity, taken under its lock or before it is known to be new: one for all its rows.
    pub fn of(&mut self, id: &[u8]) -> At {
        At { ts: *self.0.entry(id_hash(id)).or_insert_with(clock::stamp), stamped: true }
    }
}

/// Adds the callbacks of writing to the table.
pub fn install(routine: &mut pg_sys::FdwRoutine) {
    routine.IsForeignRelUpdatable = Some(is_updatable);
    routine.AddForeignUpdateTargets = Some(add_update_targets);
    routine.BeginForeignModify = Some(begin_modify);
    routine.ExecForeignInsert = Some(exec_insert);
    routine.ExecForeignUpdate = Some(exec_update);
    routine.ExecForeignDelete = Some(exec_delete);
    routine.EndForeignModify = Some(end_modify);
    routine.BeginForeignInsert = Some(begin_insert);
    routine.EndForeignInsert = Some(end_modify);
}

#[pg_guard]
unsafe extern "C-unwind" fn is_updatable(rel: pg_sys::Relation) -> std::ffi::c_int {
    // SAFETY: PostgreSQL passes an open foreign table.
    let shape = catalog::shape_of_face(unsafe { (*rel).rd_id });
    let insert = 1 << pg_sys::CmdType::CMD_INSERT;
    match shape {
        Shape::State => insert | 1 << pg_sys::CmdType::CMD_UPDATE | 1 << pg_sys::CmdType::CMD_DELETE,
        Shape::Event => insert,
        // INSERT and COPY are let through to the error that says what to use.
        Shape::Version | Shape::Tag => insert,
    }
}

/// Asks the scan for the id of the row, beside the whole row that an UPDATE gets anyway.
#[pg_guard]
unsafe extern "C-unwind" fn add_update_targets(
    root: *mut pg_sys::PlannerInfo,
    rtindex: pg_sys::Index,
    _rte: *mut pg_sys::RangeTblEntry,
    rel: pg_sys::Relation,
) {
    // SAFETY: PostgreSQL passes the open target relation; the node is made in the planner's memory.
    unsafe {
        let shape = catalog::shape_of_face((*rel).rd_id);
        check_shape(shape);
        if shape == Shape::Event {
            raise(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "events cannot be updated or deleted",
                Some("Record another event by INSERT, or write to a state face of the dataset."),
            );
        }
        let columns = tuple::columns_of_relation(shape, rel);
        let Some(index) = columns.iter().position(|column| *column == Column::Id) else {
            raise(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "cannot update or delete rows of a face without the column \"id\"",
                Some("Add the column with ALTER FOREIGN TABLE."),
            )
        };
        let attribute = &compat::attributes((*rel).rd_att)[index];
        let var = pg_sys::makeVar(
            rtindex as _,
            (index + 1) as _,
            attribute.atttypid,
            attribute.atttypmod,
            attribute.attcollation,
            0,
        );
        pg_sys::add_row_identity_var(root, var, rtindex, ID_NAME.as_ptr());
    }
}

/// Raises 0A000 for a face that can only be read.
fn check_shape(shape: Shape) {
    let what = match shape {
        Shape::State | Shape::Event => return,
        Shape::Version => "a face of versions",
        Shape::Tag => "a face of tags",
    };
    raise(
        Code::ERRCODE_FEATURE_NOT_SUPPORTED,
        format!("{what} cannot be written"),
        Some("Write to a state face of the dataset, or use entity_put(.., at => ..) to write at an instant."),
    );
}

/// Prepares the state that all rows of the statement share.
unsafe fn begin(node: *mut pg_sys::ModifyTableState, info: *mut pg_sys::ResultRelInfo, estate: *mut pg_sys::EState) {
    write::check_writable(c"writing to a face");
    // SAFETY: PostgreSQL passes the running node and the open target; the state lives as long as the query.
    unsafe {
        let rel = (*info).ri_RelationDesc;
        let face = (*rel).rd_id;
        let shape = catalog::shape_of_face(face);
        check_shape(shape);
        let dataset = catalog::dataset_of_face(face);
        let plan: *mut pg_sys::ModifyTable = if node.is_null() { std::ptr::null_mut() } else { (*node).ps.plan.cast() };
        let nothing = pg_sys::OnConflictAction::ONCONFLICT_NOTHING;
        let on_conflict = if !plan.is_null() && (*plan).onConflictAction == nothing {
            OnConflict::Nothing
        } else {
            match catalog::option((*pg_sys::GetForeignTable(face)).options, c"on_conflict").as_deref() {
                Some("nothing") => OnConflict::Nothing,
                Some("put") => OnConflict::Put,
                _ => OnConflict::Error,
            }
        };
        if on_conflict == OnConflict::Put && (plan.is_null() || (*plan).operation == pg_sys::CmdType::CMD_INSERT) {
            check_may_put(info, estate);
        }
        let mut id_attribute = 0;
        if !plan.is_null() && (*node).operation != pg_sys::CmdType::CMD_INSERT {
            let below = (*plan).plan.lefttree;
            id_attribute = pg_sys::ExecFindJunkAttributeInTlist((*below).targetlist, ID_NAME.as_ptr());
        }
        let mut state = Modify {
            columns: tuple::columns_of_relation(shape, rel),
            dataset,
            shape,
            on_conflict,
            node,
            id_attribute,
            changed: HashSet::new(),
            repeats: HashMap::new(),
            stamps: Stamps::default(),
            imports: settings::import_system_time(),
            warned: false,
            bulk: None,
        };
        state.bulk = Bulk::begin(&state, node, info);
        let state = pgrx::PgMemoryContexts::For((*estate).es_query_cxt).leak_and_drop_on_delete(state);
        (*info).ri_FdwState = state.cast();
    }
}

/// A row that is put may write over another: that takes the right to update, of the whole face or of the columns that are
/// given. Raises 42501.
unsafe fn check_may_put(info: *mut pg_sys::ResultRelInfo, estate: *mut pg_sys::EState) {
    let update = pg_sys::ACL_UPDATE as pg_sys::AclMode;
    // SAFETY: PostgreSQL passes the running statement and its target; the rest are catalog look-ups, and the name of a column
    // is a C string.
    unsafe {
        let may = compat::insert_rights(info, estate).is_some_and(|(user, relid, given)| {
            let may_update = |number: i32| {
                let number = pg_sys::AttrNumber::try_from(number).unwrap_or(0);
                let name = pg_sys::get_attname(relid, number, true);
                let is_identity = !name.is_null()
                    && matches!(CStr::from_ptr(name).to_bytes(), b"id" | b"created_at" | b"created_at_ns");
                is_identity
                    || pg_sys::pg_attribute_aclcheck(relid, number, user, update) == pg_sys::AclResult::ACLCHECK_OK
            };
            let mut bit = -1;
            let columns = std::iter::from_fn(|| {
                bit = pg_sys::bms_next_member(given, bit);
                (bit >= 0).then_some(bit + pg_sys::FirstLowInvalidHeapAttributeNumber)
            });
            pg_sys::pg_class_aclmask(relid, user, update, pg_sys::AclMaskHow::ACLMASK_ALL) == update
                || !given.is_null() && columns.into_iter().all(may_update)
        });
        if !may {
            let name = CStr::from_ptr((*(*(*info).ri_RelationDesc).rd_rel).relname.data.as_ptr());
            raise(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("permission denied for foreign table {}", name.to_string_lossy()),
                Some("INSERT with on_conflict 'put' needs the privilege UPDATE too."),
            );
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn begin_modify(
    node: *mut pg_sys::ModifyTableState,
    info: *mut pg_sys::ResultRelInfo,
    _private: *mut pg_sys::List,
    _subplan: std::ffi::c_int,
    flags: std::ffi::c_int,
) {
    if flags & pg_sys::EXEC_FLAG_EXPLAIN_ONLY as i32 == 0 {
        // SAFETY: PostgreSQL's arguments are passed on.
        unsafe { begin(node, info, (*node).ps.state) }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn begin_insert(node: *mut pg_sys::ModifyTableState, info: *mut pg_sys::ResultRelInfo) {
    // SAFETY: PostgreSQL's arguments are passed on.
    unsafe { begin(node, info, (*node).ps.state) }
}

/// The end of INSERT and COPY: what waited is written.
#[pg_guard]
unsafe extern "C-unwind" fn end_modify(estate: *mut pg_sys::EState, info: *mut pg_sys::ResultRelInfo) {
    // SAFETY: PostgreSQL's arguments are passed on; EXPLAIN makes no state.
    unsafe {
        if !(*info).ri_FdwState.is_null() {
            let modify = modify(info);
            per_tuple(estate, || bulk::end(modify, info));
        }
    }
}

/// The state that `begin` made.
unsafe fn modify<'a>(info: *mut pg_sys::ResultRelInfo) -> &'a mut Modify {
    // SAFETY: `begin` ran for this target; callbacks of one target do not nest, for they call no user code meanwhile
    // but EvalPlanQual, which runs no writes.
    unsafe { &mut *(*info).ri_FdwState.cast::<c_void>().cast::<Modify>() }
}

/// Whether anybody looks at the row after it is written.
pub(super) unsafe fn row_is_wanted(info: *mut pg_sys::ResultRelInfo) -> bool {
    // SAFETY: PostgreSQL passes a valid target.
    unsafe {
        !(*info).ri_projectReturning.is_null()
            || !(*info).ri_TrigDesc.is_null()
            || !(*info).ri_WithCheckOptions.is_null()
            || is_partition(info)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn exec_insert(
    estate: *mut pg_sys::EState,
    info: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    _plan_slot: *mut pg_sys::TupleTableSlot,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: PostgreSQL passes the row in a slot of the face's row type, and `begin` made the state.
    unsafe {
        let modify = modify(info);
        per_tuple(estate, || {
            if modify.bulk.is_some() {
                bulk::push(modify, slot);
                return slot;
            }
            let row = Row::read(&modify.columns, slot);
            let slot = match modify.shape {
                Shape::Event => apply::insert_event(modify, info, slot, row),
                _ => apply::insert(modify, info, slot, row),
            };
            check_partition(estate, info, slot);
            slot
        })
    }
}

/// Raises 23514 for a stored row that does not belong into the partition that the face is: the executor leaves that to the face,
/// and a query of the partitioned table would not look for the row there. What routed the row saw its columns before tags and
/// columns were united. There is no slot for a row that was skipped.
unsafe fn check_partition(
    estate: *mut pg_sys::EState,
    info: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
) {
    // SAFETY: PostgreSQL passes the running statement, its open target and a slot of it, which `row_is_wanted` had filled; the
    // expression of the check is made in the memory of the query.
    unsafe {
        if !slot.is_null() && is_partition(info) {
            pg_sys::ExecPartitionCheck(info, slot, estate, true);
        }
    }
}

/// Whether the target is a partition of a partitioned table.
unsafe fn is_partition(info: *mut pg_sys::ResultRelInfo) -> bool {
    // SAFETY: PostgreSQL passes an open target.
    unsafe { (*(*(*info).ri_RelationDesc).rd_rel).relispartition }
}

/// What became of the row that a scan found.
enum Found {
    /// It is as the scan found it.
    Same(Entity),
    /// Another transaction changed it, and the statement still wants it: its newest form and the plan's new row.
    Moved(Entity, *mut pg_sys::TupleTableSlot),
    /// It is gone, no longer wanted, or changed by this statement already.
    Skip,
}

/// The state that a plain read shows now.
pub(super) fn plain(entity: &Entity) -> Option<State> {
    entity.state(&Horizon { valid: Valid::Now { clock: clock::wall(), own: None }, known: None })
}

/// Locks the row that the scan found, and looks whether it is still what the scan saw.
unsafe fn lock_found(
    modify: &mut Modify,
    estate: *mut pg_sys::EState,
    info: *mut pg_sys::ResultRelInfo,
    plan_slot: *mut pg_sys::TupleTableSlot,
) -> Found {
    // SAFETY: PostgreSQL passes the running statement; its snapshot is registered.
    unsafe {
        let id = junk_id(&modify.columns, plan_slot, modify.id_attribute);
        let entity = write::lock_and_read(&modify.dataset, &id);
        let seen = write::read(&modify.dataset, &id, (*estate).es_snapshot);
        if entity.ordinal.is_some_and(|ordinal| modify.changed.contains(&ordinal)) {
            return Found::Skip;
        }
        if entity.newer_than(&seen).next().is_none() && !entity.replaces(&seen) {
            return Found::Same(entity);
        }
        let own = write::own_tx();
        if entity.newer_than(&seen).any(|event| event.tx == own) {
            own_change(modify, estate, &entity);
            return Found::Skip;
        }
        if write::uses_transaction_snapshot() {
            write::could_not_serialize();
        }
        let Some(state) = plain(&entity) else { return Found::Skip };
        let rel = (*info).ri_RelationDesc;
        let epq = &raw mut (*modify.node).mt_epqstate;
        let test = pg_sys::EvalPlanQualSlot(epq, rel, (*info).ri_RangeTableIndex);
        store(&modify.columns, (*rel).rd_id, &entity, &state, test);
        // The executor state of the evaluation is kept for later rows: it must not be made in a row's own memory.
        let before = pg_sys::MemoryContextSwitchTo((*estate).es_query_cxt);
        let again = pg_sys::EvalPlanQual(epq, rel, (*info).ri_RangeTableIndex, test);
        pg_sys::MemoryContextSwitchTo(before);
        if empty(again) { Found::Skip } else { Found::Moved(entity, again) }
    }
}

/// Own events that the scan did not see: of another part of this very command, and the row is skipped as in a heap;
/// or of a trigger or function that the command called, and the change would be lost.
unsafe fn own_change(modify: &Modify, estate: *mut pg_sys::EState, entity: &Entity) {
    // SAFETY: the running statement.
    let command = unsafe { (*estate).es_output_cid };
    let by_command = write::read_at_command(&modify.dataset, &entity.id, command + 1);
    if entity.newer_than(&by_command).next().is_some() {
        raise(
            Code::ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
            "row to be written was already modified by an operation triggered by the current command",
            Some("Consider using an AFTER trigger instead of a BEFORE trigger to propagate changes to other rows."),
        );
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn exec_update(
    estate: *mut pg_sys::EState,
    info: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    plan_slot: *mut pg_sys::TupleTableSlot,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: PostgreSQL passes the new row in `slot` and keeps the old one in the target's old slot.
    unsafe {
        let modify = modify(info);
        per_tuple(estate, || {
            let old_slot = (*info).ri_oldTupleSlot;
            let (entity, slot) = match lock_found(modify, estate, info, plan_slot) {
                Found::Skip => return std::ptr::null_mut(),
                Found::Same(entity) => (entity, slot),
                Found::Moved(entity, again) => {
                    let Some(state) = plain(&entity) else { return std::ptr::null_mut() };
                    store(&modify.columns, (*(*info).ri_RelationDesc).rd_id, &entity, &state, old_slot);
                    (entity, pg_sys::ExecGetUpdateNewTuple(info, again, old_slot))
                }
            };
            let (old, new) = Row::read_change(&modify.columns, old_slot, slot);
            modify.changed.extend(entity.ordinal);
            let slot = apply::update(modify, info, slot, &entity, old, new);
            check_partition(estate, info, slot);
            slot
        })
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn exec_delete(
    estate: *mut pg_sys::EState,
    info: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    plan_slot: *mut pg_sys::TupleTableSlot,
) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: PostgreSQL passes an empty slot of the face's row type for the row that is deleted.
    unsafe {
        let modify = modify(info);
        per_tuple(estate, || {
            let entity = match lock_found(modify, estate, info, plan_slot) {
                Found::Skip => return std::ptr::null_mut(),
                Found::Same(entity) | Found::Moved(entity, _) => entity,
            };
            modify.changed.extend(entity.ordinal);
            let at = At::now();
            let old = entity.state_at(at);
            if let Some(state) = &old
                && row_is_wanted(info)
            {
                store(&modify.columns, (*(*info).ri_RelationDesc).rd_id, &entity, state, slot);
            }
            entity.record(&modify.dataset, change::delete(&entity.timeline, old.is_some(), at.ts, at.stamped));
            slot
        })
    }
}
