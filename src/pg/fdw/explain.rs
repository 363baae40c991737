//! What EXPLAIN says of a scan.
//!
//! Invariant: everything that the scan answers itself is shown; what is filtered locally PostgreSQL shows as Filter.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::content;
use super::marker::Marker;
use super::order::By;
use super::pred::Instant;
use super::quals::{Leaf, Qual, Value};
use super::scan::Scan;
use crate::pg::catalog::Shape;

/// Writes the scan's properties.
#[pg_guard]
pub unsafe extern "C-unwind" fn explain(node: *mut pg_sys::ForeignScanState, es: *mut pg_sys::ExplainState) {
    // SAFETY: `begin` made the state; the node's plan and EXPLAIN's state are the executor's.
    unsafe {
        let Some(scan) = (*node).fdw_state.cast::<Scan>().as_ref() else { return };
        if scan.is_count() {
            property(c"Count", &name(scan.relid, (*es).verbose), es);
        }
        // Deparsing wants the plan's surroundings, for parameters that other nodes give.
        let around = pg_sys::set_deparse_context_plan((*es).deparse_cxt, (*node).ss.ps.plan, std::ptr::null_mut());
        let (tags, others): (Vec<&Qual>, Vec<&Qual>) = scan.quals.iter().partition(|qual| any(qual, is_of_tags));
        let (contents, others): (Vec<&Qual>, Vec<&Qual>) =
            others.into_iter().partition(|qual| any(qual, is_of_contents));
        let other = match scan.shape {
            Shape::State => c"Entities",
            Shape::Event => c"Events",
            Shape::Version => c"Versions",
            Shape::Tag => c"Intervals",
        };
        for (label, mut quals) in [(c"Tags", tags), (other, others), (c"Content", contents)] {
            if !quals.is_empty() {
                // What is asked for stands before what is excluded.
                quals.sort_by_key(|q| matches!(q, Qual::Not(_)));
                let parts: Vec<String> = quals.iter().map(|q| show(q, around, quals.len() > 1)).collect();
                property(label, &parts.join(" AND "), es);
            }
        }
        // Whether a table function gives valid time and system time, so that the session does not.
        let mut given = (false, false);
        if let Some(parts) = &scan.parts {
            property(c"Content Read", if parts.is_length() { "length" } else { "slice" }, es);
        }
        match &scan.marker {
            None => {}
            Some(Marker::At { ts, system, .. }) => {
                given.0 = true;
                let mut at = value(ts, around);
                if let Some(system) = system {
                    let system = value(system, around);
                    if system != "NULL" {
                        given.1 = true;
                        at = format!("{at} as known at {system}");
                    }
                }
                property(c"As Of", &at, es);
            }
            Some(Marker::AtOrNow { ts }) => {
                let at = value(ts, around);
                if at != "NULL" {
                    given.0 = true;
                    property(c"As Of", &at, es);
                }
            }
            Some(Marker::AtSnapshot { token, ts }) => {
                let at = value(ts, around);
                given = (at != "NULL", true);
                let at = if at == "NULL" { "now" } else { &at };
                property(c"As Of", &format!("{at} as known to {}", value(token, around)), es);
            }
            Some(Marker::Since { token }) => {
                given = (true, true);
                property(c"Since", &value(token, around), es);
            }
        }
        if !scan.order.is_empty() {
            let order: Vec<String> = scan.order.iter().map(|by| order(scan.relid, by)).collect();
            property(c"Order", &order.join(", "), es);
        }
        for (label, text) in scan.bounds.shown(given.0, given.1) {
            property(label, &text, es);
        }
        if let (true, Some(rows)) = ((*es).analyze, scan.delta_rows) {
            let touched = scan.touched();
            let read = touched.iter().filter(|touched| **touched).count();
            property(c"Segments", &format!("{read} of {}", touched.len()), es);
            let blocks = i64::try_from(scan.inflated.borrow().blocks).unwrap_or(i64::MAX);
            if blocks > 0 {
                pg_sys::ExplainPropertyInteger(c"Content Blocks".as_ptr(), std::ptr::null(), blocks, es);
            }
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            pg_sys::ExplainPropertyInteger(c"Delta Rows".as_ptr(), std::ptr::null(), rows, es);
        }
    }
}

/// A column that rows are given in the order of.
unsafe fn order(relid: pg_sys::Oid, by: &By) -> String {
    // SAFETY: plain catalog look-up; the name that is found is a C string.
    unsafe {
        let name = pg_sys::get_attname(relid, by.number as i16, true);
        let name = if name.is_null() { c"" } else { CStr::from_ptr(pg_sys::quote_identifier(name)) };
        format!("{}{}", name.to_string_lossy(), if by.is_down { " DESC" } else { "" })
    }
}

/// The name of a relation as EXPLAIN writes it.
unsafe fn name(relid: pg_sys::Oid, verbose: bool) -> String {
    // SAFETY: plain catalog look-ups; a name that is found is a C string.
    unsafe {
        let name = pg_sys::get_rel_name(relid);
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relid));
        if name.is_null() || schema.is_null() {
            return String::new();
        }
        let name =
            if verbose { pg_sys::quote_qualified_identifier(schema, name) } else { pg_sys::quote_identifier(name) };
        CStr::from_ptr(name).to_string_lossy().into_owned()
    }
}

unsafe fn property(label: &CStr, text: &str, es: *mut pg_sys::ExplainState) {
    let text = CString::new(text.replace('\0', "")).unwrap_or_default();
    // SAFETY: both are C strings, copied by the callee.
    unsafe { pg_sys::ExplainPropertyText(label.as_ptr(), text.as_ptr(), es) };
}

/// Whether any part of a clause is like this.
fn any(qual: &Qual, is: fn(&Qual) -> bool) -> bool {
    match qual {
        Qual::And(quals) | Qual::Or(quals) => quals.iter().any(|qual| any(qual, is)),
        Qual::Not(qual) => any(qual, is),
        part => is(part),
    }
}

/// Whether a part of a clause is about contents.
fn is_of_contents(part: &Qual) -> bool {
    use Leaf::{ContentHas, ContentLike, ContentMayBeLike, ContentMayHold};
    matches!(part, Qual::Leaf(ContentHas | ContentLike | ContentMayBeLike | ContentMayHold, _))
}

/// Whether a part of a clause is about tags.
fn is_of_tags(part: &Qual) -> bool {
    use Leaf::*;
    matches!(
        part,
        Qual::About(_) | Qual::Leaf(TagsContain | TagsOverlap | Tag | HasTag | TagAny | TagPrefix | TagLike, _)
    )
}

/// A clause in the words of tags; `inner` puts it in parentheses where AND and OR would mix.
unsafe fn show(qual: &Qual, around: *mut pg_sys::List, inner: bool) -> String {
    // SAFETY: expressions are the plan's.
    unsafe {
        match qual {
            Qual::And(all) => {
                let parts: Vec<String> = all.iter().map(|q| show(q, around, true)).collect();
                if inner { format!("({})", parts.join(" AND ")) } else { parts.join(" AND ") }
            }
            Qual::Or(any) => {
                let parts: Vec<String> = any.iter().map(|q| show(q, around, true)).collect();
                if inner { format!("({})", parts.join(" OR ")) } else { parts.join(" OR ") }
            }
            Qual::Not(qual) => format!("NOT {}", show(qual, around, true)),
            Qual::About(about) => value(&about.clause, around),
            Qual::Leaf(leaf, v) => match leaf {
                Leaf::Id(cmp) => format!("id {} {}", cmp.symbol(), value(v, around)),
                Leaf::IdAny => format!("id = ANY ({})", value(v, around)),
                Leaf::TagsContain => elements(v).map_or_else(
                    || format!("all of {}", value(v, around)),
                    |tags| if tags.is_empty() { "{}".to_owned() } else { tags.join(" AND ") },
                ),
                Leaf::TagsOverlap => elements(v)
                    .map_or_else(|| format!("any of {}", value(v, around)), |tags| format!("({})", tags.join(" OR "))),
                Leaf::Tag | Leaf::HasTag => value(v, around),
                Leaf::TagAny => elements(v)
                    .map_or_else(|| format!("one of {}", value(v, around)), |tags| format!("({})", tags.join(" OR "))),
                Leaf::TagPrefix => format!("tag ^@ {}", value(v, around)),
                Leaf::TagLike => format!("tag LIKE {}", value(v, around)),
                Leaf::IdPrefix => format!("id ^@ {}", value(v, around)),
                Leaf::IdLike => format!("id LIKE {}", value(v, around)),
                Leaf::Time(of, cmp) => format!("{} {} {}", column(*of), cmp.symbol(), value(v, around)),
                Leaf::TimeNs(of, cmp) => format!("{}_ns {} {}", column(*of), cmp.symbol(), value(v, around)),
                Leaf::Open => "valid_to IS NULL".to_owned(),
                Leaf::ContentHas | Leaf::ContentLike | Leaf::ContentMayBeLike | Leaf::ContentMayHold => {
                    content::show(*leaf, v, || value(v, around))
                }
                Leaf::Bool => value(v, around),
            },
        }
    }
}

/// The column that shows an instant.
fn column(instant: Instant) -> &'static str {
    match instant {
        Instant::Ts => "ts",
        Instant::Created => "created_at",
        Instant::Updated => "updated_at",
        Instant::From => "valid_from",
        Instant::To => "valid_to",
    }
}

/// The elements of a constant text[].
unsafe fn elements(value: &Value) -> Option<Vec<String>> {
    // SAFETY: the leaves that ask for this have text[] values; a node's tag says whether it is a constant.
    unsafe {
        let constant = value.expr.cast::<pg_sys::Const>();
        if (*value.expr).type_ != pg_sys::NodeTag::T_Const || (*constant).constisnull {
            return None;
        }
        let texts = super::quals::texts_of((*constant).constvalue);
        Some(
            texts
                .into_iter()
                .map(|t| t.map_or("NULL".to_owned(), |t| String::from_utf8_lossy(&t).into_owned()))
                .collect(),
        )
    }
}

/// A value: constants by their text, other expressions as SQL.
unsafe fn value(value: &Value, around: *mut pg_sys::List) -> String {
    // SAFETY: a node's tag says whether it is a constant; the output function is its type's.
    unsafe {
        let text = if (*value.expr).type_ == pg_sys::NodeTag::T_Const {
            let constant = value.expr.cast::<pg_sys::Const>();
            if (*constant).constisnull {
                return "NULL".to_owned();
            }
            let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
            pg_sys::getTypeOutputInfo((*constant).consttype, &mut output, &mut is_varlena);
            pg_sys::OidOutputFunctionCall(output, (*constant).constvalue)
        } else {
            pg_sys::deparse_expression(value.expr.cast(), around, false, false)
        };
        CStr::from_ptr(text).to_string_lossy().into_owned()
    }
}
