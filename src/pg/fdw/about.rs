//! Clauses about one tag column, asked of the values of its namespace instead of rows.
//!
//! Invariant: what a clause says of a value, PostgreSQL's own evaluation of the clause says, in its collation and with its
//! NULLs. Where that is an error, or several values leave open what the column shows, the entities that carry them are
//! looked at one by one, so that an answer or an error is what a local filter would give.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use pgrx::pg_sys;

use super::columns::{Columns, OnMany, TagColumn};
use super::quals::{Qual, Target, Value};
use super::tuple::Column;
use super::typed::{caught, is_internal};
use crate::engine::{Horizon, Select, TagExpr, View};
use crate::pg::error::OrRaise;

/// How a column stands in a clause.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// It holds one value, and stands anywhere.
    Scalar,
    /// The clause asks whether any of the values satisfies something.
    Any,
    /// The clause asks whether all of the values do.
    All,
    /// The clause asks whether the values contain those of an array.
    Contains(Value),
}

/// A clause about one tag column.
#[derive(Clone, Debug)]
pub struct About {
    /// The clause.
    pub clause: Value,
    /// The column, by its number among the face's tag columns.
    column: usize,
    /// The number that the clause has for it.
    attribute: i16,
    place: Place,
    /// The text that the column must be equal to, in clauses that say just that.
    equal: Option<Value>,
    test: Option<Rc<Test>>,
}

impl Target<'_> {
    /// The clause about one tag column that an expression is, if its values may be asked.
    ///
    /// # Safety
    /// `node` must be a valid boolean expression.
    pub unsafe fn about(&self, node: *mut pg_sys::Node) -> Option<Qual> {
        let mut attribute = None;
        // SAFETY: the caller's promise is passed on.
        unsafe {
            // What may answer differently for each row is asked for each row.
            if !self.is_askable(node, &mut attribute) || pg_sys::contain_volatile_functions(node) {
                return None;
            }
            let attribute = attribute?;
            let Column::Tagged(column) = *self.columns.get(usize::try_from(attribute).ok()?.checked_sub(1)?)? else {
                return None;
            };
            let shown = &self.columns.tagged[column];
            if !shown.is_plain() {
                return None;
            }
            let place = if shown.is_array { self.place(node)? } else { Place::Scalar };
            let clause = Value { expr: node.cast(), state: std::ptr::null_mut() };
            let equal = if shown.value.is_text() { self.equal(node) } else { None };
            Some(Qual::About(About { clause, column, attribute, place, equal, test: None }))
        }
    }

    /// Whether an expression is made of the server's own functions, of one tag column, whose number is told, and of what is
    /// the same for every row.
    unsafe fn is_askable(&self, node: *mut pg_sys::Node, found: &mut Option<i16>) -> bool {
        use pg_sys::NodeTag::*;
        // SAFETY: a node's tag says what it is; argument lists hold expressions.
        unsafe {
            let list = |args: *mut pg_sys::List, found: &mut Option<i16>| {
                pgrx::PgList::<pg_sys::Node>::from_pg(args).iter_ptr().all(|arg| self.is_askable(arg, found))
            };
            match (*node).type_ {
                T_Const | T_Param => true,
                T_Var => {
                    let var = &*node.cast::<pg_sys::Var>();
                    if i64::from(var.varno) != i64::from(self.varno) || var.varlevelsup != 0 {
                        return (self.is_free)(node);
                    }
                    let is_tagged = matches!(self.column(node), Some(Column::Tagged(_)));
                    is_tagged && *found.get_or_insert(var.varattno) == var.varattno
                }
                T_OpExpr | T_DistinctExpr | T_NullIfExpr => {
                    let op = &*node.cast::<pg_sys::OpExpr>();
                    !op.opretset && is_internal(pg_sys::get_opcode(op.opno)) && list(op.args, found)
                }
                T_ScalarArrayOpExpr => {
                    let op = &*node.cast::<pg_sys::ScalarArrayOpExpr>();
                    is_internal(pg_sys::get_opcode(op.opno)) && list(op.args, found)
                }
                T_FuncExpr => {
                    let call = &*node.cast::<pg_sys::FuncExpr>();
                    !call.funcretset && is_internal(call.funcid) && list(call.args, found)
                }
                T_BoolExpr => list((*node.cast::<pg_sys::BoolExpr>()).args, found),
                T_ArrayExpr => list((*node.cast::<pg_sys::ArrayExpr>()).elements, found),
                T_NullTest => {
                    let test = &*node.cast::<pg_sys::NullTest>();
                    !test.argisrow && self.is_askable(test.arg.cast(), found)
                }
                T_BooleanTest => self.is_askable((*node.cast::<pg_sys::BooleanTest>()).arg.cast(), found),
                T_RelabelType => self.is_askable((*node.cast::<pg_sys::RelabelType>()).arg.cast(), found),
                _ => false,
            }
        }
    }

    /// How an array column stands in a clause, which names it once or is not understood.
    unsafe fn place(&self, node: *mut pg_sys::Node) -> Option<Place> {
        const OVERLAPS: u32 = 2750;
        const CONTAINS: u32 = 2751;
        const IS_CONTAINED: u32 = 2752;
        // SAFETY: a node's tag says what it is; operators of arrays have two arguments.
        unsafe {
            let is_array = |node| matches!(self.column(node), Some(Column::Tagged(_)));
            match (*node).type_ {
                pg_sys::NodeTag::T_ScalarArrayOpExpr => {
                    let op = &*node.cast::<pg_sys::ScalarArrayOpExpr>();
                    let args = pgrx::PgList::<pg_sys::Node>::from_pg(op.args);
                    self.value(args.get_ptr(0)?)?;
                    is_array(args.get_ptr(1)?).then_some(if op.useOr { Place::Any } else { Place::All })
                }
                pg_sys::NodeTag::T_OpExpr => {
                    let op = &*node.cast::<pg_sys::OpExpr>();
                    let args = pgrx::PgList::<pg_sys::Node>::from_pg(op.args);
                    let (left, right) = (args.get_ptr(0)?, args.get_ptr(1)?);
                    let (column, other) = if is_array(left) { (left, right) } else { (right, left) };
                    let value = self.value(other)?;
                    match op.opno.to_u32() {
                        OVERLAPS if is_array(column) => Some(Place::Any),
                        CONTAINS if column == left => Some(Place::Contains(value)),
                        IS_CONTAINED if column == right && is_array(right) => Some(Place::Contains(value)),
                        _ => None,
                    }
                }
                _ => None,
            }
        }
    }

    /// The text that a clause says a text column equals, or, for an array, that is one of its values.
    unsafe fn equal(&self, node: *mut pg_sys::Node) -> Option<Value> {
        const TEXT_EQUALS: u32 = 98;
        // SAFETY: a node's tag says what it is; the operator has two arguments.
        unsafe {
            let (op, args, collation) = match (*node).type_ {
                pg_sys::NodeTag::T_OpExpr => {
                    let op = &*node.cast::<pg_sys::OpExpr>();
                    (op.opno, op.args, op.inputcollid)
                }
                pg_sys::NodeTag::T_ScalarArrayOpExpr => {
                    let op = &*node.cast::<pg_sys::ScalarArrayOpExpr>();
                    let args = pgrx::PgList::<pg_sys::Node>::from_pg(op.args);
                    let is_any = op.useOr && matches!(self.column(args.get_ptr(1)?), Some(Column::Tagged(_)));
                    (if is_any { op.opno } else { pg_sys::InvalidOid }, op.args, op.inputcollid)
                }
                _ => return None,
            };
            let args = pgrx::PgList::<pg_sys::Node>::from_pg(args);
            if op.to_u32() != TEXT_EQUALS || !pg_sys::get_collation_isdeterministic(collation) {
                return None;
            }
            let (left, right) = (args.get_ptr(0)?, args.get_ptr(1)?);
            let is_column = |node| matches!(self.column(node), Some(Column::Tagged(_)));
            match (is_column(left), is_column(right)) {
                (true, false) => self.value(right),
                (false, true) => self.value(left),
                _ => None,
            }
        }
    }
}

/// A clause that is ready to be asked.
#[derive(Debug)]
struct Test {
    /// The face's columns.
    columns: Columns,
    column: TagColumn,
    attribute: i16,
    state: *mut pg_sys::ExprState,
    /// The collation of the clause.
    collation: pg_sys::Oid,
    /// The surroundings of the evaluation: the plan's parameters, and memory of its own.
    context: *mut pg_sys::ExprContext,
    /// A row of which only the column has a value.
    slot: *mut pg_sys::TupleTableSlot,
    /// Whether any entity carries several values, once that is known for the whole scan.
    several: Cell<Option<bool>>,
}

impl Test {
    /// What the clause says of a value; `None` is unknown.
    unsafe fn eval(&self, value: Option<pg_sys::Datum>) -> Option<bool> {
        // SAFETY: the slot has as many columns as the face, of which `attribute` is one; the state belongs to the context.
        unsafe {
            pg_sys::ExecClearTuple(self.slot);
            let columns = (*(*self.slot).tts_tupleDescriptor).natts as usize;
            std::slice::from_raw_parts_mut((*self.slot).tts_isnull, columns).fill(true);
            let index = usize::try_from(self.attribute - 1).unwrap_or(0).min(columns - 1);
            if let Some(value) = value {
                *(*self.slot).tts_values.add(index) = value;
                *(*self.slot).tts_isnull.add(index) = false;
            }
            pg_sys::ExecStoreVirtualTuple(self.slot);
            (*self.context).ecxt_scantuple = self.slot;
            let mut null = false;
            let said = pg_sys::ExecEvalExpr(self.state, self.context, &mut null);
            (!null).then_some(said.value() != 0)
        }
    }

    /// Whether two values are equal as elements of arrays.
    unsafe fn are_equal(&self, a: pg_sys::Datum, b: pg_sys::Datum) -> bool {
        let TagColumn { equal, .. } = self.column;
        // SAFETY: the function compares two values of this type.
        unsafe { pg_sys::OidFunctionCall2Coll(equal, self.collation, a, b).value() != 0 }
    }

    /// Runs `work` in memory that is given back at the next call.
    unsafe fn in_memory<T>(&self, work: impl FnOnce() -> T) -> T {
        // SAFETY: the context is this test's own; where `work` raises, PostgreSQL sets another one.
        unsafe {
            let memory = (*self.context).ecxt_per_tuple_memory;
            pg_sys::MemoryContextReset(memory);
            let before = pg_sys::MemoryContextSwitchTo(memory);
            let done = work();
            pg_sys::MemoryContextSwitchTo(before);
            done
        }
    }

    /// What the clause says of a row whose only tag in the namespace is this one, or none; an error of a value is `Err`.
    unsafe fn of_tag(&self, tag: Option<&[u8]>) -> Result<Option<bool>, String> {
        // SAFETY: the functions of the clause and of the type are the server's own, and need no undoing.
        unsafe {
            self.in_memory(|| {
                let text = tag.map(|tag| &tag[self.column.prefix.len()..]);
                let value = text.map(|text| self.column.value.value(text)).transpose()?;
                let value = if self.column.is_array {
                    Some(self.column.array_of(&mut value.into_iter().collect::<Vec<_>>()))
                } else {
                    value
                };
                caught(|| self.eval(value))
            })
        }
    }

    /// What the clause says of a row with these tags, sorted by bytes; raises what a local filter would.
    fn of_tags<T: AsRef<[u8]>>(&self, tags: &[T], id: &[u8]) -> Option<bool> {
        // SAFETY: the value is evaluated before its memory is given back.
        unsafe { self.in_memory(|| self.eval(self.column.datum(tags, &|| self.columns.named(|| id.to_vec())))) }
    }
}

impl About {
    /// Makes the clause ready to be asked.
    ///
    /// # Safety
    /// `parent` must be the scan's plan state, and `columns` those that its expressions have numbers for.
    pub unsafe fn prepare(&mut self, columns: &Columns, parent: *mut pg_sys::PlanState) {
        // SAFETY: the caller's promise is passed on; a scan's rows have the columns that its expressions name. What is made
        // here lives as long as the query.
        unsafe {
            self.clause.prepare(parent);
            if let Place::Contains(value) = &mut self.place {
                value.prepare(parent);
            }
            if let Some(value) = &mut self.equal {
                value.prepare(parent);
            }
            let rows = (*parent.cast::<pg_sys::ScanState>()).ss_ScanTupleSlot;
            self.test = Some(Rc::new(Test {
                columns: columns.clone(),
                column: columns.tagged[self.column].clone(),
                attribute: self.attribute,
                state: self.clause.state,
                collation: pg_sys::exprInputCollation(self.clause.expr.cast()),
                context: pg_sys::CreateExprContext((*parent).state),
                slot: pg_sys::MakeSingleTupleTableSlot((*rows).tts_tupleDescriptor, &raw const pg_sys::TTSOpsVirtual),
                several: Cell::new(None),
            }));
        }
    }

    /// The rows for which the clause is true (or, `negated`, false).
    ///
    /// # Safety
    /// The clause must be prepared, and `context` be the scan's.
    pub unsafe fn ask(&self, negated: bool, context: *mut pg_sys::ExprContext) -> Option<Asked> {
        let test = self.test.clone()?;
        let prefix = &test.column.prefix;
        // SAFETY: the caller's promise is passed on; the values are text, or arrays of the column's type.
        unsafe {
            let only = self.equal.filter(|_| !negated).map(|value| {
                let text = value.get(context).map(|datum| test.column.value.text(datum));
                text.map(|text| [prefix.as_slice(), text].concat())
            });
            let members = match self.place {
                Place::Contains(value) => Some(value.get(context).map(|datum| test.column.elements(datum))),
                _ => None,
            };
            Some(Asked { test, place: self.place, negated, only, members, answer: OnceCell::new() })
        }
    }
}

/// A question about the values of a namespace.
#[derive(Clone, Debug)]
pub struct Asked {
    test: Rc<Test>,
    place: Place,
    negated: bool,
    /// The only tag that can satisfy it, if it is so simple; `None` there: none can.
    only: Option<Option<Vec<u8>>>,
    /// The elements of the array that must be contained; `None` there: NULL.
    members: Option<Option<Vec<Option<pg_sys::Datum>>>>,
    answer: OnceCell<Answer>,
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.test, &other.test) && self.negated == other.negated
    }
}

/// What a view's tags say of a question.
#[derive(Clone, Debug)]
struct Answer {
    /// The entities that satisfy it, if they are none of the open ones.
    known: TagExpr,
    /// Those that must be looked at; `None`: there are none.
    open: Option<TagExpr>,
}

/// The tags of a namespace by what a clause says of each.
#[derive(Default)]
struct Said {
    yes: Vec<TagExpr>,
    no: Vec<TagExpr>,
    unknown: Vec<TagExpr>,
    error: Vec<TagExpr>,
}

impl Asked {
    /// Whether an entity with these tags, sorted by bytes, satisfies the question.
    pub fn matches<T: AsRef<[u8]>>(&self, tags: &[T], id: &[u8]) -> bool {
        self.test.of_tags(tags, id) == Some(!self.negated)
    }

    /// Whether some entities must be looked at, as far as is known.
    pub fn is_open(&self) -> bool {
        self.answer.get().is_none_or(|answer| answer.open.is_some())
    }

    /// A tree that selects all that satisfy the question (`upper`), or nothing that does not.
    pub fn bounded(&self, view: &View, upper: bool) -> TagExpr {
        let Answer { known, open } = self.answer.get_or_init(|| self.answer(view)).clone();
        match (open, upper) {
            (None, _) => known,
            (Some(open), true) => TagExpr::Or(vec![known, open]),
            (Some(open), false) => TagExpr::And(vec![known, not(open)]),
        }
    }

    /// Finds out whether any entity must be looked at, at this horizon; `stays` says that later horizons are the same.
    pub fn settle(&self, view: &Arc<View>, horizon: &Horizon, stays: bool) {
        let mut answer = self.answer(view);
        if self.is_slow(view, &answer) {
            let _ = self.answer.set(Answer { known: TagExpr::Never, open: Some(TagExpr::Exists) });
            return;
        }
        if let Some(open) = &answer.open {
            let several = TagExpr::Several(self.test.column.prefix.clone());
            let is_several = *open == several;
            let is_empty = match self.test.several.get().filter(|_| is_several && stays) {
                Some(any) => !any,
                None => {
                    let select = Select::new(view.clone(), open.clone(), horizon.clone());
                    select.and_then(|mut select| select.next_chunk()).or_raise().is_none()
                }
            };
            if is_several && stays {
                self.test.several.set(Some(!is_empty));
            }
            if is_empty {
                answer.open = None;
            }
        }
        // A question that was answered before, by a bound of the same view, keeps that answer, which is as right.
        let _ = self.answer.set(answer);
    }

    /// Whether so many tags are to be looked up that looking at every entity costs less.
    fn is_slow(&self, view: &View, answer: &Answer) -> bool {
        // To lay out the postings of a tag takes about twice as long as to read an entity.
        const ENTITIES_A_TAG: f64 = 2.5;
        const ALWAYS_FAST: u64 = 1000;
        let all = view.count_tags_with(&self.test.column.prefix).or_raise();
        let tags = lookups(&answer.known, all) + answer.open.as_ref().map_or(0, |open| lookups(open, all));
        tags > ALWAYS_FAST && tags as f64 * ENTITIES_A_TAG > view.estimate(&TagExpr::Exists).or_raise()
    }

    /// What the tags of the view say.
    fn answer(&self, view: &View) -> Answer {
        let column = &self.test.column;
        let prefix = || TagExpr::Prefix(column.prefix.clone());
        let mut said = Said::default();
        let tags: Vec<Vec<u8>> = match &self.only {
            Some(only) => only.iter().cloned().collect(),
            None => view.tags_with(&column.prefix).or_raise().into_iter().collect(),
        };
        if let Some(members) = &self.members {
            return self.contains(&tags, members.as_deref());
        }
        for tag in tags {
            pgrx::check_for_interrupts!();
            // SAFETY: the clause was prepared by the scan.
            let of_tag = unsafe { self.test.of_tag(Some(&tag)) };
            let place = match of_tag {
                Ok(Some(true)) => &mut said.yes,
                Ok(Some(false)) => &mut said.no,
                Ok(None) => &mut said.unknown,
                Err(_) => &mut said.error,
            };
            place.push(TagExpr::Tag(tag));
        }
        // SAFETY: as above.
        let of_none = unsafe { self.test.of_tag(None) };
        let Said { yes, no, unknown, error } = said;
        let mut open = error;
        if of_none.is_err() {
            open.push(not(prefix()));
        }
        let of_none = of_none.unwrap_or(None);
        let known = match (self.place, self.negated) {
            (Place::Scalar, negated) => {
                let these = TagExpr::Or(if negated { no } else { yes });
                let none = of_none == Some(!negated);
                let is_one = view.rules().one.contains(column.namespace());
                let several = TagExpr::Several(column.prefix.clone());
                match (is_one, column.on_many) {
                    (true, _) => with_none(these, none, prefix),
                    (false, OnMany::Null) if none => TagExpr::Or(vec![with_none(these, true, prefix), several]),
                    (false, OnMany::Null) => TagExpr::And(vec![these, not(several)]),
                    (false, OnMany::Raise | OnMany::Min | OnMany::Max) => {
                        open.push(several);
                        with_none(these, none, prefix)
                    }
                }
            }
            (Place::Any, false) => with_none(TagExpr::Or(yes), of_none == Some(true), prefix),
            (Place::All, true) => with_none(TagExpr::Or(no), of_none == Some(false), prefix),
            (Place::Any, true) => without_none(yes, unknown, of_none != Some(false), prefix),
            (Place::All, false) => without_none(no, unknown, of_none != Some(true), prefix),
            (Place::Contains(_), _) => TagExpr::Never,
        };
        let open = match open.len() {
            0 => None,
            1 => open.pop(),
            _ => Some(TagExpr::Or(open)),
        };
        Answer { known, open }
    }

    /// What the tags say of a question whether an array is contained.
    fn contains(&self, tags: &[Vec<u8>], members: Option<&[Option<pg_sys::Datum>]>) -> Answer {
        let Some(members) = members else { return Answer { known: TagExpr::Never, open: None } };
        let mut each: Vec<Vec<TagExpr>> = members.iter().map(|_| Vec::new()).collect();
        let mut open = Vec::new();
        for tag in tags {
            pgrx::check_for_interrupts!();
            // SAFETY: the clause was prepared by the scan; the elements outlive the start of the scan.
            let equal: Result<Vec<bool>, String> = unsafe {
                self.test.in_memory(|| {
                    let column = &self.test.column;
                    let value = column.value.value(&tag[column.prefix.len()..])?;
                    caught(|| members.iter().map(|m| m.is_some_and(|m| self.test.are_equal(value, m))).collect())
                })
            };
            match equal {
                Ok(equal) => {
                    let hits = each.iter_mut().zip(equal).filter(|(_, equal)| *equal);
                    hits.for_each(|(of_member, _)| of_member.push(TagExpr::Tag(tag.clone())));
                }
                Err(_) => open.push(TagExpr::Tag(tag.clone())),
            }
        }
        let all = TagExpr::And(each.into_iter().map(TagExpr::Or).collect());
        let open = (!open.is_empty()).then_some(TagExpr::Or(open));
        Answer { known: if self.negated { not(all) } else { all }, open }
    }
}

/// About how many tags a tree looks up, where the namespace has `all`.
fn lookups(expr: &TagExpr, all: u64) -> u64 {
    match expr {
        TagExpr::Exists | TagExpr::Never | TagExpr::Ordinals(_) => 0,
        TagExpr::Tag(_) => 1,
        TagExpr::Prefix(_) | TagExpr::Several(_) => all,
        TagExpr::And(inner) | TagExpr::Or(inner) => inner.iter().map(|e| lookups(e, all)).sum(),
        TagExpr::Not(inner) => lookups(inner, all),
    }
}

/// All others that exist.
fn not(expr: TagExpr) -> TagExpr {
    TagExpr::Not(Box::new(expr))
}

/// These, and perhaps those without any tag of the namespace.
fn with_none(these: TagExpr, none: bool, prefix: impl Fn() -> TagExpr) -> TagExpr {
    if none { TagExpr::Or(vec![these, not(prefix())]) } else { these }
}

/// Those that carry none of these, and perhaps only those of them that carry any tag of the namespace.
fn without_none(a: Vec<TagExpr>, b: Vec<TagExpr>, any: bool, prefix: impl Fn() -> TagExpr) -> TagExpr {
    let others = not(TagExpr::Or(a.into_iter().chain(b).collect()));
    if any { TagExpr::And(vec![others, prefix()]) } else { others }
}
