//! Which clauses of a query the scan answers itself, and what they ask once their values are known.
//!
//! Invariant: a clause is recognised by the same walk when it is planned and when it is run, and answers exactly what
//! PostgreSQL would answer row by row, NULLs included.

use std::ops::Bound;

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;

use super::about::About;
use super::columns::Columns;
use super::content;
use super::ids;
use super::pred::{Instant, Pred};
use super::tuple::Column;
use crate::engine::Pattern;
use crate::pg::catalog::Shape;
use crate::pg::clock;
use crate::pg::error::raise;
use crate::types::Ns;

/// The number of the column `tableoid`.
pub const TABLEOID: i16 = -6;
/// The language of C functions (`ClanguageId`).
const LANGUAGE_C: u32 = 13;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmp {
    /// `=`
    Eq,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Cmp {
    /// The comparison with its sides exchanged.
    fn flipped(self) -> Cmp {
        match self {
            Cmp::Eq => Cmp::Eq,
            Cmp::Lt => Cmp::Gt,
            Cmp::Le => Cmp::Ge,
            Cmp::Gt => Cmp::Lt,
            Cmp::Ge => Cmp::Le,
        }
    }

    /// The comparison's operator.
    pub fn symbol(self) -> &'static str {
        match self {
            Cmp::Eq => "=",
            Cmp::Lt => "<",
            Cmp::Le => "<=",
            Cmp::Gt => ">",
            Cmp::Ge => ">=",
        }
    }
}

/// What a leaf asks of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// `id <op> value`
    Id(Cmp),
    /// `id = ANY (value)`
    IdAny,
    /// `tags @> value`
    TagsContain,
    /// `tags && value`
    TagsOverlap,
    /// `value = ANY (tags)`, or `tag = value` of a tag face.
    Tag,
    /// `tag = ANY (value)` of a tag face.
    TagAny,
    /// `tag ^@ value` of a tag face.
    TagPrefix,
    /// `tag LIKE value` of a tag face, of a constant that asks for a prefix or for one tag.
    TagLike,
    /// `has_tag(tags, value)`
    HasTag,
    /// `id ^@ value`
    IdPrefix,
    /// `id LIKE value`, of a constant that asks for a prefix or for one id.
    IdLike,
    /// `ts <op> value`, and likewise of `created_at`, `updated_at`, `valid_from`, `valid_to`.
    Time(Instant, Cmp),
    /// The same of the columns in ns; the value is an int8 or an int4.
    TimeNs(Instant, Cmp),
    /// `valid_to IS NULL`; the value says nothing.
    Open,
    /// `content LIKE value`, of a constant without `_`.
    ContentLike,
    /// `position(value in content) > 0`
    ContentHas,
    /// The same of any value, to be tested again.
    ContentMayBeLike,
    /// `content @> value`, to be tested again.
    ContentMayHold,
    /// The value itself.
    Bool,
}

/// The part of a clause that does not depend on the scanned rows.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// The expression.
    pub expr: *mut pg_sys::Expr,
    /// The expression made ready to run; null until then.
    pub state: *mut pg_sys::ExprState,
}

/// A recognised clause.
#[derive(Clone, Debug)]
pub enum Qual {
    /// All of these.
    And(Vec<Qual>),
    /// Any of these.
    Or(Vec<Qual>),
    /// Not this.
    Not(Box<Qual>),
    /// A question about a value.
    Leaf(Leaf, Value),
    /// A question about a tag column.
    About(About),
}

/// The relation whose clauses are looked at.
pub struct Target<'a> {
    /// Its range table index.
    pub varno: i32,
    /// Its shape.
    pub shape: Shape,
    /// Its columns.
    pub columns: &'a Columns,
    /// The number of its column `tableoid`: [`TABLEOID`], or a place in the rows of an aggregate.
    pub tableoid: i16,
    /// Whether an expression is the same for every row of the relation.
    pub is_free: &'a dyn Fn(*mut pg_sys::Node) -> bool,
}

impl Target<'_> {
    /// The column that an expression is, if it is one of this relation.
    ///
    /// # Safety
    /// `node` must be a valid expression.
    pub unsafe fn column(&self, mut node: *mut pg_sys::Node) -> Option<Column> {
        // SAFETY: a node's tag says what it is.
        unsafe {
            while !node.is_null() && (*node).type_ == pg_sys::NodeTag::T_RelabelType {
                node = (*node.cast::<pg_sys::RelabelType>()).arg.cast();
            }
            if node.is_null() || (*node).type_ != pg_sys::NodeTag::T_Var {
                return None;
            }
            let var = &*node.cast::<pg_sys::Var>();
            if i64::from(var.varno) != i64::from(self.varno) || var.varlevelsup != 0 {
                return None;
            }
            self.columns.get(usize::try_from(var.varattno).ok()?.checked_sub(1)?).copied()
        }
    }

    /// The value that an expression is, if it is the same for every row.
    pub(super) fn value(&self, node: *mut pg_sys::Node) -> Option<Value> {
        (self.is_free)(node).then(|| Value { expr: node.cast(), state: std::ptr::null_mut() })
    }

    /// What a clause asks, if the scan can answer it.
    ///
    /// # Safety
    /// `node` must be a valid boolean expression.
    pub unsafe fn recognise(&self, node: *mut pg_sys::Node) -> Option<Qual> {
        // SAFETY: a node's tag says what it is; argument lists hold expressions.
        unsafe {
            let found = match (*node).type_ {
                pg_sys::NodeTag::T_BoolExpr => self.boolean(node.cast()),
                pg_sys::NodeTag::T_OpExpr => self.operator(node.cast()),
                pg_sys::NodeTag::T_ScalarArrayOpExpr => self.any(node.cast()),
                pg_sys::NodeTag::T_FuncExpr => self.function(node.cast()),
                pg_sys::NodeTag::T_NullTest => self.null_test(node.cast()),
                _ => None,
            };
            match (found, self.value(node)) {
                (Some(qual), _) => Some(qual),
                (None, Some(value)) if pg_sys::exprType(node) == pg_sys::BOOLOID => Some(Qual::Leaf(Leaf::Bool, value)),
                (None, _) => self.about(node),
            }
        }
    }

    unsafe fn boolean(&self, expr: *mut pg_sys::BoolExpr) -> Option<Qual> {
        // SAFETY: the arguments of a boolean expression are boolean expressions.
        unsafe {
            let mut quals = Vec::new();
            for arg in pgrx::PgList::<pg_sys::Node>::from_pg((*expr).args).iter_ptr() {
                quals.push(self.recognise(arg)?);
            }
            Some(match (*expr).boolop {
                pg_sys::BoolExprType::AND_EXPR => Qual::And(quals),
                pg_sys::BoolExprType::OR_EXPR => Qual::Or(quals),
                _ => Qual::Not(Box::new(quals.pop()?)),
            })
        }
    }

    unsafe fn null_test(&self, test: *mut pg_sys::NullTest) -> Option<Qual> {
        // SAFETY: the argument is an expression; the constant is made in the current memory context, as the clause was.
        unsafe {
            if !matches!(self.column((*test).arg.cast())?, Column::ValidTo | Column::ValidToNs) {
                return None;
            }
            let nothing = Value { expr: pg_sys::makeBoolConst(true, false).cast(), state: std::ptr::null_mut() };
            let open = Qual::Leaf(Leaf::Open, nothing);
            Some(if (*test).nulltesttype == pg_sys::NullTestType::IS_NULL { open } else { Qual::Not(Box::new(open)) })
        }
    }

    unsafe fn operator(&self, op: *mut pg_sys::OpExpr) -> Option<Qual> {
        // SAFETY: the arguments of an operator are expressions.
        unsafe {
            let args = pgrx::PgList::<pg_sys::Node>::from_pg((*op).args);
            let (left, right) = (args.get_ptr(0)?, args.get_ptr(1)?);
            let number = (*op).opno.to_u32();
            let collation = (*op).inputcollid;
            if let (Some(column), Some(value)) = (self.column(left), self.value(right))
                && column != Column::Content
            {
                return leaf(self.shape, column, number, collation, false, value);
            }
            if let (Some(column), Some(value)) = (self.column(right), self.value(left)) {
                return leaf(self.shape, column, number, collation, true, value);
            }
            self.content_operator(op)
        }
    }

    unsafe fn any(&self, op: *mut pg_sys::ScalarArrayOpExpr) -> Option<Qual> {
        // SAFETY: the arguments are a scalar and an array expression.
        unsafe {
            let args = pgrx::PgList::<pg_sys::Node>::from_pg((*op).args);
            let (scalar, array) = (args.get_ptr(0)?, args.get_ptr(1)?);
            let negated = match ((*op).opno.to_u32(), (*op).useOr) {
                (98, true) => false,
                (531, false) => true,
                (other, any) if self.column(scalar) == Some(Column::Id) => match ids::comparison(other)? {
                    (Cmp::Eq, negated) if negated != any => negated,
                    _ => return None,
                },
                _ => return None,
            };
            if !is_bytewise((*op).inputcollid) {
                return None;
            }
            let is_texts = pg_sys::exprType(array) == pg_sys::TEXTARRAYOID;
            let qual = if self.column(scalar) == Some(Column::Id) && ids::is_array(pg_sys::exprType(array)) {
                Qual::Leaf(Leaf::IdAny, self.value(array)?)
            } else if self.shape == Shape::Tag && self.column(scalar) == Some(Column::Tag) && is_texts {
                Qual::Leaf(Leaf::TagAny, self.value(array)?)
            } else if self.column(array) == Some(Column::Tags) {
                Qual::Leaf(Leaf::Tag, self.value(scalar)?)
            } else {
                return None;
            };
            Some(if negated { Qual::Not(Box::new(qual)) } else { qual })
        }
    }

    unsafe fn function(&self, call: *mut pg_sys::FuncExpr) -> Option<Qual> {
        // SAFETY: the arguments of a function are expressions.
        unsafe {
            let args = pgrx::PgList::<pg_sys::Node>::from_pg((*call).args);
            if (*call).funcid.to_u32() == pg_sys::F_STARTS_WITH && is_bytewise((*call).inputcollid) {
                let leaf = match (self.column(args.get_ptr(0)?), self.shape) {
                    (Some(Column::Id), _) => Leaf::IdPrefix,
                    (Some(Column::Tag), Shape::Tag) => Leaf::TagPrefix,
                    _ => return None,
                };
                return Some(Qual::Leaf(leaf, self.value(args.get_ptr(1)?)?));
            }
            if self.column(args.get_ptr(0)?) != Some(Column::Tags)
                || c_symbol((*call).funcid).as_deref() != Some(b"has_tag_wrapper")
            {
                return None;
            }
            Some(Qual::Leaf(Leaf::HasTag, self.value(args.get_ptr(1)?)?))
        }
    }
}

/// `column <operator> value`, or the sides exchanged. The operators' numbers are those of pg_operator.
fn leaf(
    shape: Shape,
    column: Column,
    operator: u32,
    collation: pg_sys::Oid,
    exchanged: bool,
    value: Value,
) -> Option<Qual> {
    use Cmp::*;
    if column == Column::Tag {
        return tag_leaf(shape, operator, collation, exchanged, value);
    }
    let (cmp, unequal) = match (column, operator) {
        (Column::Tags, 2751) if !exchanged && is_bytewise(collation) => {
            return Some(Qual::Leaf(Leaf::TagsContain, value));
        }
        (Column::Tags, 2752) if exchanged && is_bytewise(collation) => {
            return Some(Qual::Leaf(Leaf::TagsContain, value));
        }
        (Column::Tags, 2750) if is_bytewise(collation) => return Some(Qual::Leaf(Leaf::TagsOverlap, value)),
        (Column::Id, 98) if is_bytewise(collation) => (Eq, false),
        (Column::Id, 531) if is_bytewise(collation) => (Eq, true),
        (Column::Id, 664) if is_c(collation) => (Lt, false),
        (Column::Id, 665) if is_c(collation) => (Le, false),
        (Column::Id, 666) if is_c(collation) => (Gt, false),
        (Column::Id, 667) if is_c(collation) => (Ge, false),
        (Column::Id, other) if ids::comparison(other).is_some() => ids::comparison(other)?,
        (Column::Id, 2314) => (Lt, false),
        (Column::Id, 2315) => (Le, false),
        (Column::Id, 2317) => (Ge, false),
        (Column::Id, 2318) => (Gt, false),
        (Column::Id, 1209 | 1210) if !exchanged && is_bytewise(collation) && is_prefix_pattern(&value) => {
            let like = Qual::Leaf(Leaf::IdLike, value);
            return Some(if operator == 1210 { Qual::Not(Box::new(like)) } else { like });
        }
        (Column::Id, 3877) if !exchanged && is_bytewise(collation) => return Some(Qual::Leaf(Leaf::IdPrefix, value)),
        (Column::Ts | Column::CreatedAt | Column::UpdatedAt | Column::ValidFrom | Column::ValidTo, operator) => {
            match operator {
                1320 => (Eq, false),
                1321 => (Eq, true),
                1322 => (Lt, false),
                1323 => (Le, false),
                1324 => (Gt, false),
                1325 => (Ge, false),
                _ => return None,
            }
        }
        // Of int8 with int8, with int4 and of int4 with int8.
        (
            Column::TsNs | Column::CreatedAtNs | Column::UpdatedAtNs | Column::ValidFromNs | Column::ValidToNs,
            operator,
        ) => match operator {
            410 | 416 | 15 => (Eq, false),
            411 | 417 | 36 => (Eq, true),
            412 | 418 | 37 => (Lt, false),
            414 | 420 | 80 => (Le, false),
            413 | 419 | 76 => (Gt, false),
            415 | 430 | 82 => (Ge, false),
            _ => return None,
        },
        _ => return None,
    };
    let cmp = if exchanged { cmp.flipped() } else { cmp };
    let leaf = match column {
        Column::Ts => Leaf::Time(Instant::Ts, cmp),
        Column::TsNs => Leaf::TimeNs(Instant::Ts, cmp),
        Column::CreatedAt => Leaf::Time(Instant::Created, cmp),
        Column::CreatedAtNs => Leaf::TimeNs(Instant::Created, cmp),
        Column::UpdatedAt => Leaf::Time(Instant::Updated, cmp),
        Column::UpdatedAtNs => Leaf::TimeNs(Instant::Updated, cmp),
        Column::ValidFrom => Leaf::Time(Instant::From, cmp),
        Column::ValidFromNs => Leaf::TimeNs(Instant::From, cmp),
        Column::ValidTo => Leaf::Time(Instant::To, cmp),
        Column::ValidToNs => Leaf::TimeNs(Instant::To, cmp),
        _ => Leaf::Id(cmp),
    };
    let qual = Qual::Leaf(leaf, value);
    Some(if unequal { Qual::Not(Box::new(qual)) } else { qual })
}

/// `tag <operator> value` of a tag face, or the sides exchanged.
fn tag_leaf(shape: Shape, operator: u32, collation: pg_sys::Oid, exchanged: bool, value: Value) -> Option<Qual> {
    if shape != Shape::Tag || !is_bytewise(collation) {
        return None;
    }
    let (leaf, negated) = match operator {
        98 => (Leaf::Tag, false),
        531 => (Leaf::Tag, true),
        1209 | 1210 if !exchanged && is_prefix_pattern(&value) => (Leaf::TagLike, operator == 1210),
        3877 if !exchanged => (Leaf::TagPrefix, false),
        _ => return None,
    };
    let qual = Qual::Leaf(leaf, value);
    Some(if negated { Qual::Not(Box::new(qual)) } else { qual })
}

/// Whether equality in this collation is equality of bytes.
pub fn is_bytewise(collation: pg_sys::Oid) -> bool {
    // SAFETY: plain catalog look-up.
    collation == pg_sys::InvalidOid || unsafe { pg_sys::get_collation_isdeterministic(collation) }
}

/// Whether this collation orders by bytes: "C" or "POSIX".
fn is_c(collation: pg_sys::Oid) -> bool {
    matches!(collation.to_u32(), 950 | 951)
}

/// The C symbol of a function in language C.
pub(super) fn c_symbol(function: pg_sys::Oid) -> Option<Vec<u8>> {
    // SAFETY: the cached row is valid until it is released; what is needed of it is copied before.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
        let mut symbol = None;
        if (*form).prolang.to_u32() == LANGUAGE_C {
            let mut null = false;
            let source = pg_sys::SysCacheGetAttr(cache, tuple, pg_sys::Anum_pg_proc_prosrc as i16, &mut null);
            symbol = (!null).then(|| bytes_of(source));
        }
        pg_sys::ReleaseSysCache(tuple);
        symbol
    }
}

/// The bytes of a text or bytea datum.
///
/// # Safety
/// `datum` must be a non-null text or bytea.
pub unsafe fn bytes_of(datum: pg_sys::Datum) -> Vec<u8> {
    // SAFETY: the caller vouches for the type; the copy is made before the detoasted value can go.
    unsafe { pgrx::varlena_to_byte_slice(pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr())).to_vec() }
}

/// The elements of a text[] datum.
///
/// # Safety
/// `datum` must be a non-null text[].
pub unsafe fn texts_of(datum: pg_sys::Datum) -> Vec<Option<Vec<u8>>> {
    // SAFETY: deconstruct_array gives `count` datums and null flags; -1, false, 'i' describe text.
    unsafe {
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let (mut datums, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        pg_sys::deconstruct_array(
            array,
            pg_sys::TEXTOID,
            -1,
            false,
            b'i' as std::ffi::c_char,
            &mut datums,
            &mut nulls,
            &mut count,
        );
        (0..count as usize).map(|i| (!*nulls.add(i)).then(|| bytes_of(*datums.add(i)))).collect()
    }
}

impl Value {
    /// Makes the expression ready to run.
    ///
    /// # Safety
    /// `parent` must be the scan's plan state.
    pub unsafe fn prepare(&mut self, parent: *mut pg_sys::PlanState) {
        // SAFETY: the expression is part of the plan, which outlives the scan.
        self.state = unsafe { pg_sys::ExecInitExpr(self.expr, parent) };
    }

    /// The expression's value now; `None` is NULL.
    ///
    /// # Safety
    /// The expression must be prepared and `context` the scan's.
    pub unsafe fn get(&self, context: *mut pg_sys::ExprContext) -> Option<pg_sys::Datum> {
        let mut null = false;
        // SAFETY: the caller's promise is passed on.
        let datum = unsafe { pg_sys::ExecEvalExpr(self.state, context, &mut null) };
        (!null).then_some(datum)
    }
}

impl Qual {
    /// Makes all expressions ready to run.
    ///
    /// # Safety
    /// `parent` must be the scan's plan state, and `columns` those that its expressions name.
    pub unsafe fn prepare(&mut self, columns: &Columns, parent: *mut pg_sys::PlanState) {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            match self {
                Qual::And(quals) | Qual::Or(quals) => quals.iter_mut().for_each(|q| q.prepare(columns, parent)),
                Qual::Not(qual) => qual.prepare(columns, parent),
                Qual::Leaf(_, value) => value.prepare(parent),
                Qual::About(about) => about.prepare(columns, parent),
            }
        }
    }

    /// The question that a clause asks which is about constant tags alone.
    pub fn of_constant_tags(&self) -> Option<Pred> {
        match self {
            Qual::And(quals) => quals.iter().map(Qual::of_constant_tags).collect::<Option<_>>().map(Pred::And),
            Qual::Or(quals) => quals.iter().map(Qual::of_constant_tags).collect::<Option<_>>().map(Pred::Or),
            Qual::Not(qual) => Some(Pred::Not(Box::new(qual.of_constant_tags()?))),
            Qual::Leaf(leaf @ (Leaf::TagsContain | Leaf::TagsOverlap | Leaf::Tag), value) => {
                // SAFETY: a node's tag says whether it is a constant, whose type is the leaf's.
                unsafe {
                    let constant = value.expr.cast::<pg_sys::Const>();
                    ((*value.expr).type_ == pg_sys::NodeTag::T_Const && !(*constant).constisnull)
                        .then(|| ask_leaf(*leaf, value, Some((*constant).constvalue), false))
                }
            }
            Qual::Leaf(..) | Qual::About(_) => None,
        }
    }

    /// Whether values that no row shows may be asked about.
    pub fn asks_values(&self) -> bool {
        match self {
            Qual::And(quals) | Qual::Or(quals) => quals.iter().any(Qual::asks_values),
            Qual::Not(qual) => qual.asks_values(),
            Qual::Leaf(..) => false,
            Qual::About(_) => true,
        }
    }

    /// The rows for which the clause is true (or, `negated`, false: what is unknown is neither).
    ///
    /// # Safety
    /// The clause must be prepared and `context` the scan's.
    pub unsafe fn ask(&self, negated: bool, context: *mut pg_sys::ExprContext) -> Pred {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            match self {
                Qual::And(quals) | Qual::Or(quals) => {
                    let asked = quals.iter().map(|q| q.ask(negated, context)).collect();
                    if matches!(self, Qual::And(_)) != negated { Pred::And(asked) } else { Pred::Or(asked) }
                }
                Qual::Not(qual) => qual.ask(!negated, context),
                Qual::Leaf(leaf, value) => ask_leaf(*leaf, value, value.get(context), negated),
                Qual::About(about) => about.ask(negated, context).map_or(Pred::False, Pred::About),
            }
        }
    }
}

/// The rows for which a leaf is true (or, `negated`, false).
unsafe fn ask_leaf(leaf: Leaf, value: &Value, datum: Option<pg_sys::Datum>, negated: bool) -> Pred {
    let Some(datum) = datum else {
        // NULL = ANY of nothing is false, of anything else unknown.
        return match leaf {
            Leaf::Tag if negated => Pred::Not(Box::new(Pred::Prefix(Vec::new()))),
            _ => Pred::False,
        };
    };
    // SAFETY: the leaf was recognised by operators that take values of these types alone.
    unsafe {
        match leaf {
            Leaf::Id(cmp) => id_compares(cmp, ids::id(datum, pg_sys::exprType(value.expr.cast()))).negated_if(negated),
            Leaf::IdAny => {
                let texts = ids::ids(datum, pg_sys::exprType(value.expr.cast()));
                if negated && texts.iter().any(Option::is_none) {
                    return Pred::False;
                }
                Pred::IdIn(texts.into_iter().flatten().collect()).negated_if(negated)
            }
            Leaf::TagsContain => texts_of(datum)
                .into_iter()
                .map(|t| t.map(Pred::Tag))
                .collect::<Option<Vec<Pred>>>()
                .map_or(Pred::False, Pred::And)
                .negated_if(negated),
            Leaf::TagsOverlap => {
                Pred::Or(texts_of(datum).into_iter().flatten().map(Pred::Tag).collect()).negated_if(negated)
            }
            Leaf::Tag => Pred::Tag(bytes_of(datum)).negated_if(negated),
            Leaf::TagAny => {
                let texts = texts_of(datum);
                if negated && texts.iter().any(Option::is_none) {
                    return Pred::False;
                }
                Pred::Or(texts.into_iter().flatten().map(Pred::Tag).collect()).negated_if(negated)
            }
            Leaf::TagPrefix => Pred::Prefix(bytes_of(datum)).negated_if(negated),
            Leaf::TagLike => match like(&bytes_of(datum)) {
                Some((text, true)) => Pred::Prefix(text).negated_if(negated),
                Some((text, false)) => Pred::Tag(text).negated_if(negated),
                None => Pred::False,
            },
            Leaf::HasTag => tag_pattern(&bytes_of(datum)).negated_if(negated),
            Leaf::IdPrefix => starts_with(bytes_of(datum)).negated_if(negated),
            Leaf::IdLike => match like(&bytes_of(datum)) {
                Some((text, true)) => starts_with(text).negated_if(negated),
                Some((text, false)) => Pred::IdIn([text].into()).negated_if(negated),
                None => Pred::False,
            },
            Leaf::Time(instant, cmp) => {
                let at = datum.value() as i64;
                between(instant, cmp, (clock::first_ns(at), clock::last_ns(at)), negated)
            }
            Leaf::TimeNs(instant, cmp) => {
                let at = match pg_sys::exprType(value.expr.cast()) {
                    pg_sys::INT4OID => i64::from(datum.value() as i32),
                    _ => datum.value() as i64,
                };
                between(instant, cmp, (Ns(at), Ns(at)), negated)
            }
            Leaf::Open => Pred::Open.negated_if(negated),
            Leaf::ContentLike | Leaf::ContentHas | Leaf::ContentMayBeLike | Leaf::ContentMayHold => {
                content::ask(leaf, datum, negated)
            }
            Leaf::Bool => (if datum.value() != 0 { Pred::True } else { Pred::False }).negated_if(negated),
        }
    }
}

/// A tag pattern as a question; raises 22023 for a `*` that is not at the end.
fn tag_pattern(text: &[u8]) -> Pred {
    let text = String::from_utf8_lossy(text);
    match Pattern::parse(&text) {
        Some(Pattern { text, prefix: true }) => Pred::Prefix(text.into_bytes()),
        Some(Pattern { text, prefix: false }) => Pred::Tag(text.into_bytes()),
        None => raise(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("pattern \"{text}\" has a * that is not at its end"),
            Some("Write \\* for a star."),
        ),
    }
}

fn id_compares(cmp: Cmp, id: Vec<u8>) -> Pred {
    match cmp {
        Cmp::Eq => Pred::IdIn([id].into()),
        Cmp::Lt => Pred::IdBetween(Bound::Unbounded, Bound::Excluded(id)),
        Cmp::Le => Pred::IdBetween(Bound::Unbounded, Bound::Included(id)),
        Cmp::Gt => Pred::IdBetween(Bound::Excluded(id), Bound::Unbounded),
        Cmp::Ge => Pred::IdBetween(Bound::Included(id), Bound::Unbounded),
    }
}

/// The ids that start with a prefix.
fn starts_with(prefix: Vec<u8>) -> Pred {
    // The least bytes after all that have the prefix: its last byte that can grow, grown.
    let upper = prefix.iter().rposition(|byte| *byte != 0xff).map(|at| {
        let mut next = prefix[..=at].to_vec();
        next[at] += 1;
        next
    });
    Pred::IdBetween(Bound::Included(prefix), upper.map_or(Bound::Unbounded, Bound::Excluded))
}

/// The characters of a LIKE pattern of plain ones, and whether `%` follows them; `None` for any other pattern.
fn like(pattern: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut text = Vec::with_capacity(pattern.len());
    let mut rest = pattern.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            b'\\' => text.push(*rest.next()?),
            b'%' => return rest.all(|b| *b == b'%').then_some((text, true)),
            b'_' => return None,
            _ => text.push(byte),
        }
    }
    Some((text, false))
}

/// Whether a value is a constant pattern that asks for a prefix or for one id or tag.
fn is_prefix_pattern(value: &Value) -> bool {
    // SAFETY: a node's tag says whether it is a constant; the operator takes text alone.
    unsafe {
        let constant = value.expr.cast::<pg_sys::Const>();
        (*value.expr).type_ == pg_sys::NodeTag::T_Const
            && !(*constant).constisnull
            && like(&bytes_of((*constant).constvalue)).is_some()
    }
}

/// A comparison with the instants from `first` to `last`, which the value stands for, or what it is false for. Where there
/// is no instant it is neither.
fn between(instant: Instant, cmp: Cmp, (first, last): (Ns, Ns), negated: bool) -> Pred {
    let before = first.0.checked_sub(1).map(|to| (Ns::BEFORE_ALL, Ns(to)));
    let after = last.0.checked_add(1).map(|from| (Ns(from), Ns::AFTER_ALL));
    let ranges = match (cmp, negated) {
        (Cmp::Eq, false) => [Some((first, last)), None],
        (Cmp::Eq, true) => [before, after],
        (Cmp::Lt, false) | (Cmp::Ge, true) => [before, None],
        (Cmp::Le, false) | (Cmp::Gt, true) => [Some((Ns::BEFORE_ALL, last)), None],
        (Cmp::Gt, false) | (Cmp::Le, true) => [after, None],
        (Cmp::Ge, false) | (Cmp::Lt, true) => [Some((first, Ns::AFTER_ALL)), None],
    };
    let mut asked = ranges.into_iter().flatten().map(|(from, to)| Pred::Between(instant, from, to));
    match (asked.next(), asked.next()) {
        (None, _) => Pred::False,
        (Some(one), None) => one,
        (Some(one), Some(other)) => Pred::Or(vec![one, other]),
    }
}
