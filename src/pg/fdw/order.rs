//! Which orders of rows a scan can give, and how a plan says which one it gives.
//!
//! Invariant: only columns without NULLs are sorted by, as their btree operators compare them (in the feed of changes,
//! erasures have NULLs, so its rows are not); a path that says an order
//! is offered only to a plain SELECT of all relations that are neither written nor locked.

use pgrx::pg_sys;

use super::plan::Face;
use super::tuple::Column;
use super::typed::Form;
use crate::pg::catalog::Shape;
use crate::pg::compat;

/// Before the order in `fdw_private`.
pub const ORDER: i32 = i32::MIN + 1;

/// The operator families of btree: of text, of text by bytes, of times, of integers.
const TEXT: u32 = 1994;
const TEXT_PATTERN: u32 = 2095;
const TIMES: u32 = 434;
const INTEGERS: u32 = 1976;

/// A column that rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// The column.
    pub column: Column,
    /// Its number.
    pub number: i32,
    /// Whether the largest come first.
    pub is_down: bool,
}

/// The part of what the query is sorted by, from its beginning on, that the scan can give.
///
/// # Safety
/// `face` must be one of the query that is being planned.
pub unsafe fn of_query(face: &Face) -> (*mut pg_sys::List, Vec<By>) {
    // SAFETY: all nodes are the planner's.
    unsafe {
        let (root, rel) = face.planned();
        let query = &*(*root).parse;
        let mut keys = std::ptr::null_mut();
        if query.commandType != pg_sys::CmdType::CMD_SELECT
            || !query.rowMarks.is_null()
            || !(*root).rowMarks.is_null()
            || (*rel).reloptkind != pg_sys::RelOptKind::RELOPT_BASEREL
            || face.shows_changes()
        {
            return (keys, Vec::new());
        }
        let mut order = Vec::new();
        for key in pgrx::PgList::<pg_sys::PathKey>::from_pg((*root).query_pathkeys).iter_ptr() {
            let Some(by) = by(face, key) else { break };
            keys = pg_sys::lappend(keys, key.cast());
            order.push(by);
        }
        (keys, order)
    }
}

/// What the pathkeys of a path say, that [`of_query`] made.
///
/// # Safety
/// As for [`of_query`].
pub unsafe fn of_path(face: &Face, path: *mut pg_sys::ForeignPath) -> Vec<By> {
    // SAFETY: all nodes are the planner's.
    unsafe {
        let keys = pgrx::PgList::<pg_sys::PathKey>::from_pg((*path).path.pathkeys);
        keys.iter_ptr().map_while(|key| by(face, key)).collect()
    }
}

/// The column that a pathkey is about, if the scan can sort by it.
unsafe fn by(face: &Face, key: *mut pg_sys::PathKey) -> Option<By> {
    // SAFETY: the planner's pathkeys name a class, whose members are expressions.
    unsafe {
        let class = &*(*key).pk_eclass;
        if class.ec_has_volatile {
            return None;
        }
        let members = pgrx::PgList::<pg_sys::EquivalenceMember>::from_pg(class.ec_members);
        let number = members.iter_ptr().filter(|em| !(**em).em_is_child).find_map(|em| face.number((*em).em_expr))?;
        let column = *face.columns.get(usize::try_from(number - 1).ok()?)?;
        let family = (*key).pk_opfamily.to_u32();
        let is_bytewise =
            family == TEXT_PATTERN || (family == TEXT && matches!(class.ec_collation.to_u32(), 950 | 951));
        let is_sortable = match column {
            Column::Id => is_bytewise && face.columns.id == Form::Text,
            Column::Tag => is_bytewise && face.shape == Shape::Tag,
            Column::CreatedAt | Column::UpdatedAt | Column::Ts | Column::ValidFrom => family == TIMES,
            Column::CreatedAtNs
            | Column::UpdatedAtNs
            | Column::TsNs
            | Column::ValidFromNs
            | Column::Version
            | Column::Seq => family == INTEGERS,
            _ => false,
        };
        is_sortable.then(|| By { column, number, is_down: compat::is_descending(key) })
    }
}

/// The order as a plan keeps it: [`ORDER`], then the numbers of the columns, negative where the largest come first.
pub fn to_private(order: &[By]) -> impl Iterator<Item = i32> + '_ {
    let numbers = order.iter().map(|by| if by.is_down { -by.number } else { by.number });
    (!order.is_empty()).then_some(ORDER).into_iter().chain(numbers)
}

/// The order that these numbers say; columns that there are not are left out.
pub fn of_private(numbers: &[i32], columns: &[Column]) -> Vec<By> {
    let column = |number: i32| columns.get((number.unsigned_abs() as usize).wrapping_sub(1)).copied();
    let by = |&number: &i32| Some(By { column: column(number)?, number: number.abs(), is_down: number < 0 });
    numbers.iter().filter_map(by).collect()
}
