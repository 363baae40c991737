//! Values of types in their text form: tags and ids hold text, columns hold values.
//!
//! Invariant: the text form of a value does not depend on the session's settings: dates and times are ISO in UTC, floats
//! the shortest that is exact.

use std::ffi::{CStr, CString};
use std::panic::AssertUnwindSafe;

use pgrx::PgTryBuilder;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::PgSqlErrorCode as Code;

use super::tuple::bytes_datum;
use crate::pg::compat;
use crate::pg::error::{raise, raise_detailed};

/// What makes the session's settings come back.
struct Settings {
    date_style: i32,
    date_order: i32,
    interval_style: i32,
    float_digits: i32,
    bytea_output: i32,
    zone: *mut pg_sys::pg_tz,
}

impl Settings {
    /// The session's settings, in whose place now are those of stored text.
    fn replace() -> Self {
        // SAFETY: variables of this backend that the functions of types read; the zone is one that lives for ever.
        unsafe {
            let utc = pg_sys::pg_tzset(c"UTC".as_ptr());
            let before = Self {
                date_style: pg_sys::DateStyle,
                date_order: pg_sys::DateOrder,
                interval_style: pg_sys::IntervalStyle,
                float_digits: pg_sys::extra_float_digits,
                bytea_output: compat::set_bytea_output(compat::BYTEA_OUTPUT_HEX),
                zone: pg_sys::session_timezone,
            };
            pg_sys::DateStyle = pg_sys::USE_ISO_DATES as i32;
            pg_sys::DateOrder = pg_sys::DATEORDER_MDY as i32;
            pg_sys::IntervalStyle = pg_sys::INTSTYLE_POSTGRES as i32;
            pg_sys::extra_float_digits = 1;
            if !utc.is_null() {
                pg_sys::session_timezone = utc;
            }
            before
        }
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        // SAFETY: as in `replace`; plain assignments call nothing, so they are right while an error unwinds, too.
        unsafe {
            pg_sys::DateStyle = self.date_style;
            pg_sys::DateOrder = self.date_order;
            pg_sys::IntervalStyle = self.interval_style;
            pg_sys::extra_float_digits = self.float_digits;
            compat::set_bytea_output(self.bytea_output);
            pg_sys::session_timezone = self.zone;
        }
    }
}

/// Runs `work`, and gives the message of an error of the value (of SQLSTATE class 22 or 23) instead of raising it. Other
/// errors pass.
///
/// The caller must either raise an error of its own or know that `work` took nothing that only the end of a
/// (sub)transaction gives back, as the functions of types do not.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    PgTryBuilder::new(AssertUnwindSafe(|| Ok(work())))
        .catch_others(|error| match &error {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => {
                // The five characters of a SQLSTATE are six bits each, the first lowest.
                let class = report.sql_error_code() as i32 & 0xfff;
                let of = |digits: [i32; 2]| digits[0] | digits[1] << 6;
                if class == of([2, 2]) || class == of([2, 3]) {
                    Err(report.message().to_owned())
                } else {
                    error.rethrow()
                }
            }
            CaughtError::RustPanic { .. } => error.rethrow(),
        })
        .execute()
}

/// A type whose values have a text form.
#[derive(Clone, Copy, Debug)]
pub struct TextType {
    /// The type.
    pub oid: pg_sys::Oid,
    /// Its modifier.
    pub typmod: i32,
    input: pg_sys::Oid,
    /// What the input function takes beside the text.
    parameter: pg_sys::Oid,
    output: pg_sys::Oid,
    /// Whether text and value are the same bytes.
    is_text: bool,
}

impl TextType {
    /// A type; `None` where it has no text form that stays the same.
    pub fn of(oid: pg_sys::Oid, typmod: i32) -> Option<Self> {
        // What names objects is as long as the search_path says, and changes with the object.
        const NAMES: [u32; 11] = [24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191];
        // SAFETY: plain catalog look-ups.
        unsafe {
            let base = pg_sys::getBaseType(oid);
            let is_pseudo = pg_sys::get_typtype(base) as u8 == pg_sys::TYPTYPE_PSEUDO;
            if is_pseudo || !pg_sys::get_typisdefined(oid) || NAMES.contains(&base.to_u32()) {
                return None;
            }
            let (mut input, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
            pg_sys::getTypeInputInfo(oid, &mut input, &mut parameter);
            let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
            pg_sys::getTypeOutputInfo(oid, &mut output, &mut is_varlena);
            let is_text = oid == pg_sys::TEXTOID || (oid == pg_sys::VARCHAROID && typmod < 0);
            Some(Self { oid, typmod, input, parameter, output, is_text })
        }
    }

    /// Whether the text of a value is the value, so that equal bytes are equal text.
    pub fn is_text(&self) -> bool {
        self.is_text
    }

    /// Whether reading a value runs nothing but a function of the server's own that needs no undoing.
    pub fn is_plain(&self) -> bool {
        // SAFETY: plain catalog look-up.
        let kind = unsafe { pg_sys::get_typtype(self.oid) } as u8;
        (kind == pg_sys::TYPTYPE_BASE || kind == pg_sys::TYPTYPE_ENUM) && is_internal(self.input) && !is_array(self.oid)
    }

    /// The value of a text, or why there is none.
    pub fn value(&self, text: &[u8]) -> Result<pg_sys::Datum, String> {
        if self.is_text {
            return Ok(bytes_datum(text));
        }
        let Ok(text) = CString::new(text) else { return Err("a zero byte is in the text".to_owned()) };
        let _settings = Settings::replace();
        // SAFETY: the function is the type's own, which takes a C string that it may not keep.
        caught(|| unsafe {
            pg_sys::OidInputFunctionCall(self.input, text.as_ptr().cast_mut(), self.parameter, self.typmod)
        })
    }

    /// The text of a value, allocated in the current memory context or where the value lies.
    ///
    /// # Safety
    /// `datum` must be a value of the type, and it and the current memory context must outlive `'a`.
    pub unsafe fn text<'a>(&self, datum: pg_sys::Datum) -> &'a [u8] {
        // SAFETY: the function is the type's own, and gives a C string of the current memory context.
        unsafe {
            if self.is_text {
                return pgrx::varlena_to_byte_slice(pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr()));
            }
            let _settings = Settings::replace();
            CStr::from_ptr(pg_sys::OidOutputFunctionCall(self.output, datum)).to_bytes()
        }
    }
}

/// Whether the values of a type are arrays.
fn is_array(oid: pg_sys::Oid) -> bool {
    // SAFETY: plain catalog look-up.
    unsafe { pg_sys::get_element_type(oid) != pg_sys::InvalidOid }
}

/// Whether a function is of the server's own code (`INTERNALlanguageId`) and does not change from call to call.
pub fn is_internal(function: pg_sys::Oid) -> bool {
    const INTERNAL: u32 = 12;
    // SAFETY: the cached row is valid until it is released; what is needed of it is read before.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if tuple.is_null() {
            return false;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
        let is = (*form).prolang.to_u32() == INTERNAL && (*form).provolatile as u8 != pg_sys::PROVOLATILE_VOLATILE;
        pg_sys::ReleaseSysCache(tuple);
        is
    }
}

/// How the ids or the contents of a face look: bytes of the store as values of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `text`
    Text,
    /// `bytea`
    Bytes,
    /// `jsonb`
    Json,
    /// `uuid`
    Uuid,
    /// `bigint`
    Int8,
    /// `integer`
    Int4,
}

impl Form {
    /// The type that has this form.
    pub fn type_oid(self) -> pg_sys::Oid {
        match self {
            Form::Text => pg_sys::TEXTOID,
            Form::Bytes => pg_sys::BYTEAOID,
            Form::Json => pg_sys::JSONBOID,
            Form::Uuid => pg_sys::UUIDOID,
            Form::Int8 => pg_sys::INT8OID,
            Form::Int4 => pg_sys::INT4OID,
        }
    }

    /// The value of stored bytes, allocated in the current memory context. Raises 22021 and 22P02 naming the id, which
    /// `id` gives.
    pub fn datum(self, column: &str, bytes: &[u8], id: &dyn Fn() -> Option<Vec<u8>>) -> pg_sys::Datum {
        match self {
            Form::Bytes => bytes_datum(bytes),
            Form::Text => {
                check_text(column, bytes, id);
                bytes_datum(bytes)
            }
            Form::Json => {
                check_text(column, bytes, id);
                let read = TextType::of(pg_sys::JSONBOID, -1).map(|json| json.value(bytes));
                match read {
                    Some(Ok(value)) => value,
                    Some(Err(why)) => unreadable(column, self, bytes, id, &why),
                    None => unreadable(column, self, bytes, id, "the type has no text form"),
                }
            }
            Form::Uuid => match uuid_of(bytes) {
                // SAFETY: the sixteen bytes are copied to as many that are allocated here.
                Some(uuid) => unsafe {
                    let copy = pg_sys::palloc(uuid.len()).cast::<u8>();
                    std::ptr::copy_nonoverlapping(uuid.as_ptr(), copy, uuid.len());
                    pg_sys::Datum::from(copy)
                },
                None => unreadable(column, self, bytes, id, "it is not the text form of any value"),
            },
            Form::Int8 | Form::Int4 => match self.number_of(bytes) {
                Some(number) => pg_sys::Datum::from(number),
                None => unreadable(column, self, bytes, id, "it is not the text form of any value"),
            },
        }
    }

    /// Raises 22021 for bytes that are no value of this form, if it is text.
    pub fn check(self, column: &str, bytes: &[u8], id: &dyn Fn() -> Option<Vec<u8>>) {
        if self == Form::Text {
            check_text(column, bytes, id);
        }
    }

    /// The number whose text form these bytes are.
    fn number_of(self, bytes: &[u8]) -> Option<i64> {
        let number: i64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
        let fits = self == Form::Int8 || i32::try_from(number).is_ok();
        (fits && number.to_string().as_bytes() == bytes).then_some(number)
    }

    /// The bytes that a value is stored as, where they lie or in the current memory context.
    ///
    /// # Safety
    /// `datum` must be a value of the form's type, and it and the current memory context must outlive `'a`.
    pub unsafe fn bytes<'a>(self, datum: pg_sys::Datum) -> &'a [u8] {
        // SAFETY: the caller vouches for the type; what is not where the value lies is palloc'd.
        unsafe {
            match self {
                Form::Text | Form::Bytes => {
                    // Most values are plain, and those need no call.
                    let mut value: *mut pg_sys::varlena = datum.cast_mut_ptr();
                    if !pgrx::varlena::varatt_is_4b_u(value) {
                        value = pg_sys::pg_detoast_datum_packed(value);
                    }
                    pgrx::varlena_to_byte_slice(value)
                }
                Form::Json => TextType::of(pg_sys::JSONBOID, -1).map_or(&[], |json| json.text(datum)),
                Form::Uuid => {
                    let uuid = std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), 16);
                    let mut text = String::with_capacity(36);
                    for (n, byte) in uuid.iter().enumerate() {
                        if matches!(n, 4 | 6 | 8 | 10) {
                            text.push('-');
                        }
                        text.push_str(&format!("{byte:02x}"));
                    }
                    copied(&[text.as_bytes()])
                }
                Form::Int8 => copied(&[(datum.value() as i64).to_string().as_bytes()]),
                Form::Int4 => copied(&[(datum.value() as i32).to_string().as_bytes()]),
            }
        }
    }
}

/// The sixteen bytes whose text form, in small letters and with four dashes, this is.
fn uuid_of(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut digits = text.iter().filter(|byte| **byte != b'-').map(|byte| digit(*byte));
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    digits.next().is_none().then_some(uuid)
}

/// The parts one after the other, in the current memory context.
///
/// # Safety
/// The current memory context must outlive `'a`.
pub unsafe fn copied<'a>(parts: &[&[u8]]) -> &'a [u8] {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    // SAFETY: as many bytes are allocated as are copied, part after part.
    unsafe {
        let start = pg_sys::palloc(len.max(1)).cast::<u8>();
        let mut end = start;
        for part in parts {
            std::ptr::copy_nonoverlapping(part.as_ptr(), end, part.len());
            end = end.add(part.len());
        }
        std::slice::from_raw_parts(start, len)
    }
}

/// The hint of an error that may name neither an id nor a value.
pub const NOT_TOLD: &str = "Whoever may read the whole foreign table is told of which id.";

/// Raises 22021 for bytes that are no text of this database.
fn check_text(column: &str, bytes: &[u8], id: &dyn Fn() -> Option<Vec<u8>>) {
    let wrong = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.iter().position(|byte| *byte == 0),
        Err(error) => Some(error.valid_up_to()),
    };
    if let Some(at) = wrong {
        let hint = "Read it through a face whose column is of type bytea.";
        let (byte, who) = (bytes[at], id().map(|id| format!("id \"{}\"", String::from_utf8_lossy(&id))));
        let what = match who {
            Some(who) => format!("{column} of {who} is no text: byte {byte:#04x} at offset {at}"),
            None => format!("{column} of an id is no text"),
        };
        raise(Code::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE, what, Some(hint));
    }
}

/// Raises 22P02 for stored bytes that are not a value of the column's type.
fn unreadable(column: &str, form: Form, bytes: &[u8], id: &dyn Fn() -> Option<Vec<u8>>, why: &str) -> ! {
    // SAFETY: format_type_be returns a palloc'd string for any oid.
    let wanted = unsafe { CStr::from_ptr(pg_sys::format_type_be(form.type_oid())) }.to_string_lossy();
    let shown: String = String::from_utf8_lossy(bytes).chars().take(100).collect();
    let code = Code::ERRCODE_INVALID_TEXT_REPRESENTATION;
    let Some(id) = id() else {
        let what = if column == "id" { "an id".to_owned() } else { format!("{column} of an id") };
        raise(code, format!("{what} is not of type {wanted}"), Some(NOT_TOLD))
    };
    let what = match column {
        "id" => format!("id \"{shown}\" is not of type {wanted}"),
        _ => format!("{column} of id \"{}\" is not of type {wanted}: \"{shown}\"", String::from_utf8_lossy(&id)),
    };
    raise_detailed(code, what, why);
}
