//! Clauses about ids that are no text: values of a type as the text that the store has.
//!
//! Invariant: equal values have equal text, so a clause of equality asks for texts; only a uuid's order is that of its text.

use pgrx::pg_sys;

use super::quals::{Cmp, bytes_of, texts_of};
use super::typed::Form;

/// The comparison that an operator of ids that are no text is, and whether it is negated. The numbers are those of
/// pg_operator.
pub fn comparison(operator: u32) -> Option<(Cmp, bool)> {
    Some(match operator {
        // Of uuid; of int4 and int8 with either.
        2972 | 96 | 410 | 416 | 15 => (Cmp::Eq, false),
        2973 | 518 | 411 | 417 | 36 => (Cmp::Eq, true),
        2974 => (Cmp::Lt, false),
        2976 => (Cmp::Le, false),
        2975 => (Cmp::Gt, false),
        2977 => (Cmp::Ge, false),
        _ => return None,
    })
}

/// How values of a type look as ids.
fn form(type_oid: pg_sys::Oid) -> Form {
    match type_oid {
        pg_sys::UUIDOID | pg_sys::UUIDARRAYOID => Form::Uuid,
        pg_sys::INT8OID | pg_sys::INT8ARRAYOID => Form::Int8,
        pg_sys::INT4OID | pg_sys::INT4ARRAYOID => Form::Int4,
        _ => Form::Text,
    }
}

/// Whether a type is an array of what ids are compared with.
pub fn is_array(type_oid: pg_sys::Oid) -> bool {
    type_oid == pg_sys::TEXTARRAYOID || form(type_oid) != Form::Text
}

/// The id that a value of this type is.
///
/// # Safety
/// `datum` must be a value of the type, which is text or one that an operator of [`comparison`] takes.
pub unsafe fn id(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> Vec<u8> {
    // SAFETY: the caller's promise is passed on; the bytes are copied at once.
    unsafe {
        match form(type_oid) {
            Form::Text => bytes_of(datum),
            form => form.bytes(datum).to_vec(),
        }
    }
}

/// The ids that the elements of an array of this type are.
///
/// # Safety
/// `datum` must be an array of the type, for which [`is_array`] holds.
pub unsafe fn ids(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> Vec<Option<Vec<u8>>> {
    let (length, by_value, alignment) = match form(type_oid) {
        Form::Uuid => (16, false, b'c'),
        Form::Int8 => (8, true, b'd'),
        Form::Int4 => (4, true, b'i'),
        // SAFETY: the caller's promise is passed on.
        _ => return unsafe { texts_of(datum) },
    };
    // SAFETY: deconstruct_array gives `count` datums and null flags of the element type, whose layout is the server's own.
    unsafe {
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        let element = form(type_oid).type_oid();
        let alignment = alignment as std::ffi::c_char;
        pg_sys::deconstruct_array(array, element, length, by_value, alignment, &mut values, &mut nulls, &mut count);
        (0..count as usize).map(|n| (!*nulls.add(n)).then(|| form(type_oid).bytes(*values.add(n)).to_vec())).collect()
    }
}
