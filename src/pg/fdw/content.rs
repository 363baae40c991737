//! Questions about contents that the scan answers itself: LIKE, `position(..) > 0`, and containment in jsonb.
//!
//! Invariant: LIKE with a pattern that is known to be without `_`, and `position`, are answered exactly. What can only be
//! narrowed down, as containment, stays a filter of PostgreSQL too, and what the scan leaves out is false or unknown there.

use std::sync::Arc;

use pgrx::pg_sys;

use super::pred::Pred;
use super::quals::{Leaf, Qual, Target, Value, bytes_of, is_bytewise};
use super::tuple::Column;
use crate::engine::Search;

/// The operators' numbers in pg_operator.
const TEXT_LIKE: u32 = 1209;
const TEXT_NOT_LIKE: u32 = 1210;
const BYTEA_LIKE: u32 = 2016;
const BYTEA_NOT_LIKE: u32 = 2017;
const JSONB_CONTAINS: u32 = 3246;

impl Target<'_> {
    /// Whether an expression is the content of a row.
    unsafe fn is_content(&self, node: *mut pg_sys::Node) -> bool {
        // SAFETY: the caller passes a valid expression.
        unsafe { self.column(node) == Some(Column::Content) }
    }

    /// What an operator asks of contents, if the scan can answer it exactly.
    ///
    /// # Safety
    /// `op` must be a valid expression.
    pub unsafe fn content_operator(&self, op: *mut pg_sys::OpExpr) -> Option<Qual> {
        // SAFETY: the arguments of an operator are expressions.
        unsafe {
            let args = pgrx::PgList::<pg_sys::Node>::from_pg((*op).args);
            let (left, right) = (args.get_ptr(0)?, args.get_ptr(1)?);
            let number = (*op).opno.to_u32();
            // `position(..)` is at least 1 where there is a match, else 0.
            let is_found = match (number, int4(left), int4(right)) {
                (518 | 521, _, Some(0)) | (97 | 518, Some(0), _) | (525, _, Some(1)) | (523, Some(1), _) => true,
                (96 | 523, _, Some(0)) | (96 | 525, Some(0), _) | (97, _, Some(1)) => false,
                _ => return self.like(number, (*op).inputcollid, left, right),
            };
            let call = if int4(left).is_some() { right } else { left };
            if (*call).type_ != pg_sys::NodeTag::T_FuncExpr {
                return None;
            }
            let call = &*call.cast::<pg_sys::FuncExpr>();
            let function = call.funcid.to_u32();
            if !matches!(function, pg_sys::F_POSITION_BYTEA_BYTEA | pg_sys::F_POSITION_TEXT_TEXT | pg_sys::F_STRPOS)
                || !is_bytewise(call.inputcollid)
            {
                return None;
            }
            let args = pgrx::PgList::<pg_sys::Node>::from_pg(call.args);
            if !self.is_content(args.get_ptr(0)?) {
                return None;
            }
            let qual = Qual::Leaf(Leaf::ContentHas, self.value(args.get_ptr(1)?)?);
            Some(if is_found { qual } else { Qual::Not(Box::new(qual)) })
        }
    }

    unsafe fn like(
        &self,
        number: u32,
        collation: pg_sys::Oid,
        left: *mut pg_sys::Node,
        right: *mut pg_sys::Node,
    ) -> Option<Qual> {
        // SAFETY: the caller passes the arguments of an operator.
        unsafe {
            let negated = match number {
                TEXT_LIKE | BYTEA_LIKE => false,
                TEXT_NOT_LIKE | BYTEA_NOT_LIKE => true,
                _ => return None,
            };
            if !self.is_content(left) || !is_bytewise(collation) {
                return None;
            }
            let pattern = self.value(right)?;
            Search::like(&constant(&pattern)?).filter(|(_, is_exact)| *is_exact)?;
            let qual = Qual::Leaf(Leaf::ContentLike, pattern);
            Some(if negated { Qual::Not(Box::new(qual)) } else { qual })
        }
    }

    /// What a clause asks at least of contents, if it is one that the scan cannot answer exactly.
    ///
    /// # Safety
    /// `node` must be a valid boolean expression.
    pub unsafe fn narrowed(&self, node: *mut pg_sys::Node) -> Option<Qual> {
        // SAFETY: a node's tag says what it is; the arguments of an operator are expressions.
        unsafe {
            if (*node).type_ != pg_sys::NodeTag::T_OpExpr {
                return None;
            }
            let op = &*node.cast::<pg_sys::OpExpr>();
            let args = pgrx::PgList::<pg_sys::Node>::from_pg(op.args);
            let (left, right) = (args.get_ptr(0)?, args.get_ptr(1)?);
            let leaf = match op.opno.to_u32() {
                TEXT_LIKE | BYTEA_LIKE if is_bytewise(op.inputcollid) => Leaf::ContentMayBeLike,
                JSONB_CONTAINS => Leaf::ContentMayHold,
                _ => return None,
            };
            if !self.is_content(left) {
                return None;
            }
            Some(Qual::Leaf(leaf, self.value(right)?))
        }
    }
}

/// The rows for which a leaf about contents is true (or, `negated`, false).
///
/// # Safety
/// `datum` must be of the type that the leaf was recognised with.
pub unsafe fn ask(leaf: Leaf, datum: pg_sys::Datum, negated: bool) -> Pred {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        let search = match leaf {
            Leaf::ContentHas => Search::contains(&bytes_of(datum)),
            Leaf::ContentMayHold if !negated => return may_hold(&json_text(datum)),
            Leaf::ContentLike | Leaf::ContentMayBeLike => match Search::like(&bytes_of(datum)) {
                Some((search, is_exact)) if is_exact || !negated => search,
                _ => return Pred::True,
            },
            _ => return Pred::True,
        };
        let found = Pred::Content(Arc::new(search));
        // Where there is no content, the question is neither true nor false.
        if negated { Pred::And(vec![Pred::HasContent, Pred::Not(Box::new(found))]) } else { found }
    }
}

/// What a document must have in its text to contain another one, given by its text: each key and each string, as they are
/// or, where the document has a backslash, in another form.
fn may_hold(json: &[u8]) -> Pred {
    let mut parts = Vec::new();
    let mut rest = json.iter().enumerate();
    while let Some((begin, _)) = rest.find(|(_, byte)| **byte == b'"') {
        let mut is_plain = true;
        while let Some((end, byte)) = rest.next() {
            match byte {
                b'"' => {
                    if is_plain && end > begin + 1 {
                        let has = |bytes: &[u8]| Pred::Content(Arc::new(Search::contains(bytes)));
                        parts.push(Pred::Or(vec![has(&json[begin + 1..end]), has(b"\\")]));
                    }
                    break;
                }
                b'\\' => {
                    is_plain = false;
                    rest.next();
                }
                _ => {}
            }
        }
    }
    Pred::And(parts)
}

/// The text of a jsonb.
unsafe fn json_text(datum: pg_sys::Datum) -> Vec<u8> {
    // SAFETY: the caller passes a jsonb; its output function gives a C string.
    unsafe {
        let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
        pg_sys::getTypeOutputInfo(pg_sys::JSONBOID, &mut output, &mut is_varlena);
        std::ffi::CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, datum)).to_bytes().to_vec()
    }
}

/// A constant int4.
unsafe fn int4(node: *mut pg_sys::Node) -> Option<i32> {
    // SAFETY: a node's tag says what it is.
    unsafe {
        let constant = node.cast::<pg_sys::Const>();
        let is_number = (*node).type_ == pg_sys::NodeTag::T_Const
            && !(*constant).constisnull
            && (*constant).consttype == pg_sys::INT4OID;
        is_number.then(|| (*constant).constvalue.value() as i32)
    }
}

/// The bytes of a constant text or bytea.
unsafe fn constant(value: &Value) -> Option<Vec<u8>> {
    // SAFETY: a node's tag says whether it is a constant; the caller knows its type.
    unsafe {
        let constant = value.expr.cast::<pg_sys::Const>();
        let is_known = (*value.expr).type_ == pg_sys::NodeTag::T_Const && !(*constant).constisnull;
        is_known.then(|| bytes_of((*constant).constvalue))
    }
}

/// What EXPLAIN says of a leaf about contents; `value` gives what it asks for as SQL shows it.
pub fn show(leaf: Leaf, value: &Value, shown: impl FnOnce() -> String) -> String {
    // SAFETY: but for jsonb, what contents are asked for is text or bytea.
    let known = if leaf == Leaf::ContentMayHold { None } else { unsafe { constant(value) } };
    let text = known.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.contains(char::is_control));
    let text = text.map_or_else(shown, |text| format!("'{text}'"));
    match leaf {
        Leaf::ContentLike => format!("LIKE {text}"),
        Leaf::ContentMayBeLike => format!("LIKE {text} (narrowed down)"),
        Leaf::ContentMayHold => format!("@> {text} (narrowed down)"),
        _ => format!("~ {text}"),
    }
}
