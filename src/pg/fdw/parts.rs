//! Which bytes of its contents a query looks at: where functions cut, measure or test them, no others are read.
//!
//! Invariant: a content is given in parts only if every expression of the query that names it is one of those functions, so
//! that nobody meets a byte that was not read. A part that depends on rows, or on what other nodes give, is all.

use std::ffi::c_void;
use std::ops::Range;

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::plan::Face;
use super::quals::Value;
use super::tuple::Column;
use crate::engine::{Blob, Inflated, View};
use crate::pg::error::{OrRaise, raise};

/// Stands before the parts in `fdw_private`.
pub const PARTS: i32 = i32::MIN;

/// No value of PostgreSQL is larger (`MaxAllocSize`).
const VALUE_BYTES_MAX: usize = 0x3fff_ffff;

/// What a function looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Its length, or whether there is any.
    Length,
    /// The bytes from one on, as many as given, or all.
    Slice,
    /// One byte.
    Byte,
    /// The byte of one bit.
    Bit,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Length, Kind::Slice, Kind::Byte, Kind::Bit];

    /// What a function of this number looks at in its first argument.
    fn of(function: u32) -> Option<Self> {
        Some(match function {
            pg_sys::F_LENGTH_BYTEA | pg_sys::F_OCTET_LENGTH_BYTEA | pg_sys::F_OCTET_LENGTH_TEXT => Kind::Length,
            pg_sys::F_SUBSTRING_BYTEA_INT4
            | pg_sys::F_SUBSTRING_BYTEA_INT4_INT4
            | pg_sys::F_SUBSTR_BYTEA_INT4
            | pg_sys::F_SUBSTR_BYTEA_INT4_INT4 => Kind::Slice,
            pg_sys::F_GET_BYTE => Kind::Byte,
            pg_sys::F_GET_BIT_BYTEA_INT8 => Kind::Bit,
            _ => return None,
        })
    }
}

/// What is looked at, as a plan keeps it.
struct Walk {
    varno: i32,
    content: i32,
    /// Of each use, its kind and how many arguments it has beside the content.
    uses: Vec<(Kind, usize)>,
    args: Vec<*mut pg_sys::Node>,
}

/// Notes the uses of the content in an expression; true where one looks at all of it.
#[pg_guard]
unsafe extern "C-unwind" fn walk(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    // SAFETY: `of_plan` passes its own state; a node's tag says what it is.
    unsafe {
        let found = &mut *context.cast::<Walk>();
        if node.is_null() {
            return false;
        }
        let is_content = |node: *mut pg_sys::Node| {
            let var = node.cast::<pg_sys::Var>();
            (*node).type_ == pg_sys::NodeTag::T_Var
                && i64::from((*var).varno) == i64::from(found.varno)
                && (*var).varlevelsup == 0
                && (i32::from((*var).varattno) == found.content || (*var).varattno == 0)
        };
        if is_content(node) {
            return true;
        }
        let (kind, args) = match (*node).type_ {
            pg_sys::NodeTag::T_FuncExpr => {
                let call = &*node.cast::<pg_sys::FuncExpr>();
                (Kind::of(call.funcid.to_u32()), pgrx::PgList::<pg_sys::Node>::from_pg(call.args))
            }
            pg_sys::NodeTag::T_NullTest => {
                let test = &*node.cast::<pg_sys::NullTest>();
                let mut args = pgrx::PgList::<pg_sys::Node>::new();
                args.push(test.arg.cast());
                ((!test.argisrow).then_some(Kind::Length), args)
            }
            _ => (None, pgrx::PgList::new()),
        };
        if let (Some(kind), Some(first)) = (kind, args.get_ptr(0))
            && is_content(first)
            && (*first.cast::<pg_sys::Var>()).varattno != 0
        {
            let rest: Vec<*mut pg_sys::Node> = args.iter_ptr().skip(1).collect();
            if !rest.iter().all(|arg| is_known_at_start(*arg)) {
                return true;
            }
            found.uses.push((kind, rest.len()));
            found.args.extend(rest);
            return false;
        }
        pg_sys::expression_tree_walker(node, Some(walk), context)
    }
}

/// Whether an expression is the same throughout the execution.
unsafe fn is_known_at_start(node: *mut pg_sys::Node) -> bool {
    // SAFETY: a node's tag says what it is.
    unsafe {
        (*node).type_ == pg_sys::NodeTag::T_Const
            || ((*node).type_ == pg_sys::NodeTag::T_Param
                && (*node.cast::<pg_sys::Param>()).paramkind == pg_sys::ParamKind::PARAM_EXTERN)
    }
}

/// What a plan adds to `fdw_private` and to `fdw_exprs` where contents are looked at in parts alone: [`PARTS`], for each use
/// its kind and its number of expressions, and these. `local` are the clauses that PostgreSQL filters by.
///
/// # Safety
/// `root` and `rel` must be the planner's, for a base relation that is `face`.
pub unsafe fn of_plan(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    face: &Face,
    local: *mut pg_sys::List,
) -> Option<(Vec<i32>, Vec<*mut pg_sys::Node>)> {
    // SAFETY: the planner's own structures; `attr_needed` has an entry for every column from `min_attr` to `max_attr`.
    unsafe {
        let content = i32::try_from(face.columns.iter().position(|column| *column == Column::Content)?).ok()? + 1;
        if (*rel).reloptkind != pg_sys::RelOptKind::RELOPT_BASEREL {
            return None;
        }
        let needed = |number: i32| *(*rel).attr_needed.add((number - i32::from((*rel).min_attr)) as usize);
        // The whole row has the content in it; a join must not name it, nor a place holder.
        let above = needed(content);
        let is_above_alone =
            above.is_null() || (pg_sys::bms_num_members(above) == 1 && pg_sys::bms_is_member(0, above));
        if !needed(0).is_null() || !is_above_alone || !(*root).rowMarks.is_null() {
            return None;
        }
        let mut found = Walk { varno: (*rel).relid as i32, content, uses: Vec::new(), args: Vec::new() };
        let context = std::ptr::from_mut(&mut found).cast::<c_void>();
        for tree in [(*root).processed_tlist.cast(), (*(*root).parse).havingQual, local.cast()] {
            if walk(tree, context) {
                return None;
            }
        }
        if found.uses.is_empty() {
            return None;
        }
        let mut private = vec![PARTS];
        for (kind, args) in found.uses {
            private.extend([kind as i32, i32::try_from(args).ok()?]);
        }
        Some((private, found.args))
    }
}

/// The parts of contents that a scan gives.
pub struct Parts {
    uses: Vec<(Kind, Vec<Value>)>,
    /// The ranges that are looked at, once the values are known, and whether the length is.
    ranges: Vec<Range<usize>>,
    is_measured: bool,
}

impl Parts {
    /// What a plan keeps after [`PARTS`], and how many of its last expressions are of it.
    pub fn of_private(numbers: &[i32]) -> (Vec<(i32, usize)>, usize) {
        let uses: Vec<(i32, usize)> = numbers
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[kind, args]| (*kind, usize::try_from(*args).unwrap_or(0)))
            .collect();
        let args = uses.iter().map(|(_, args)| args).sum();
        (uses, args)
    }

    /// The parts from what the plan keeps and their expressions, made ready to run.
    ///
    /// # Safety
    /// The expressions must be the plan's and `parent` the scan's plan state.
    pub unsafe fn prepare(
        uses: Vec<(i32, usize)>,
        exprs: &[*mut pg_sys::Expr],
        parent: *mut pg_sys::PlanState,
    ) -> Option<Self> {
        let mut rest = exprs.iter();
        let mut prepared = Vec::new();
        for (kind, args) in uses {
            let kind = Kind::ALL.into_iter().find(|known| *known as i32 == kind)?;
            let mut values = Vec::new();
            for expr in rest.by_ref().take(args) {
                let mut value = Value { expr: *expr, state: std::ptr::null_mut() };
                // SAFETY: the caller's promise is passed on.
                unsafe { value.prepare(parent) };
                values.push(value);
            }
            prepared.push((kind, values));
        }
        Some(Self { uses: prepared, ranges: Vec::new(), is_measured: false })
    }

    /// Evaluates which bytes are looked at.
    ///
    /// # Safety
    /// `context` must be the scan's.
    pub unsafe fn start(&mut self, context: *mut pg_sys::ExprContext) {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (kind, values) in &self.uses {
            // SAFETY: the caller's promise is passed on.
            let numbers: Option<Vec<pg_sys::Datum>> =
                values.iter().map(|value| unsafe { value.get(context) }).collect();
            // Of NULL, the functions are NULL.
            let Some(numbers) = numbers else { continue };
            let int4 = |n: usize| numbers.get(n).map(|datum| i64::from(datum.value() as i32));
            let (from, to) = match (kind, int4(0)) {
                (Kind::Slice, Some(from)) => {
                    let to = int4(1).map_or(i64::MAX, |len| from + len - 1);
                    (from - 1, to)
                }
                // What is out of range is said with the length.
                (Kind::Byte, Some(at)) if at >= 0 => (at, at + 1),
                (Kind::Bit, Some(_)) if numbers[0].value() as i64 >= 0 => {
                    let at = numbers[0].value() as i64 / 8;
                    (at, at.saturating_add(1))
                }
                _ => {
                    self.is_measured = true;
                    continue;
                }
            };
            let clamp = |at: i64| usize::try_from(at.max(0)).unwrap_or(usize::MAX);
            if clamp(from) < clamp(to) {
                ranges.push(clamp(from)..clamp(to));
            }
        }
        ranges.sort_unstable_by_key(|range| range.start);
        self.ranges.clear();
        for range in ranges {
            match self.ranges.last_mut() {
                Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
                _ => self.ranges.push(range),
            }
        }
    }

    /// Whether the length alone is looked at.
    pub fn is_length(&self) -> bool {
        self.uses.iter().all(|(kind, _)| *kind == Kind::Length)
    }

    /// How many bytes a content of this length is shown to have: all, or as many as are looked at.
    pub fn shown_len(&self, len: usize) -> usize {
        if self.is_measured { len } else { self.ranges.last().map_or(0, |last| last.end.min(len)) }
    }

    /// The ranges of a content of this length that are looked at.
    pub fn ranges(&self, len: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        self.ranges.iter().map(move |range| range.start.min(len)..range.end.min(len)).filter(|range| !range.is_empty())
    }
}

/// A content as a bytea or text in the current memory context, copied once, or the parts of it that are looked at. Bytes
/// beside these are whatever they are.
pub fn datum(view: &View, blob: &Blob, parts: Option<&Parts>, inflated: &mut Inflated) -> pg_sys::Datum {
    let len = blob.len();
    let shown = parts.map_or(len, |parts| parts.shown_len(len));
    let limit = VALUE_BYTES_MAX - pg_sys::VARHDRSZ;
    if shown > limit {
        raise(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("content has {shown} bytes, the limit of a value is {limit}"),
            Some("Read it in parts, as with substring(content, 1, 1000000)."),
        );
    }
    if parts.is_some_and(Parts::is_length) {
        return length_alone(len);
    }
    let ranges: Vec<Range<usize>> = match parts {
        None => std::iter::once(0..len).collect(),
        Some(parts) => parts.ranges(len).collect(),
    };
    // SAFETY: the value has as many bytes after its header as are shown, and all ranges end there or before; `visit_content`
    // gives no more bytes than its range has.
    unsafe {
        let value = pg_sys::palloc(pg_sys::VARHDRSZ + shown).cast::<pg_sys::varlena>();
        pgrx::varlena::set_varsize_4b(value, (pg_sys::VARHDRSZ + shown) as i32);
        let bytes = value.cast::<u8>().add(pg_sys::VARHDRSZ);
        for range in ranges {
            let mut at = range.start;
            view.visit_content(blob, range, inflated, &mut |piece| {
                pgrx::check_for_interrupts!();
                std::ptr::copy_nonoverlapping(piece.as_ptr(), bytes.add(at), piece.len());
                at += piece.len();
                true
            })
            .or_raise();
        }
        pg_sys::Datum::from(value)
    }
}

/// What has the length of a content and no bytes: the form of a value that is stored elsewhere, which the functions that
/// measure take at its word, and which nodes that keep rows copy as it is.
fn length_alone(len: usize) -> pg_sys::Datum {
    let size = (pg_sys::VARHDRSZ + len) as i32;
    let pointer = pg_sys::varatt_external {
        va_rawsize: size,
        va_extinfo: len as u32,
        va_valueid: pg_sys::InvalidOid,
        va_toastrelid: pg_sys::InvalidOid,
    };
    let header = if cfg!(target_endian = "big") { 0x80 } else { 0x01 };
    // SAFETY: the value is its header, its tag and the pointer, which need not be aligned; `len` is within the limit of a
    // value, so that the numbers fit.
    unsafe {
        let value = pg_sys::palloc(2 + size_of::<pg_sys::varatt_external>()).cast::<u8>();
        *value = header;
        *value.add(1) = pg_sys::vartag_external::VARTAG_ONDISK as u8;
        value.add(2).cast::<pg_sys::varatt_external>().write_unaligned(pointer);
        pg_sys::Datum::from(value)
    }
}
