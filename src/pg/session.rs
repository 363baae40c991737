//! Session time travel: the settings `entitydb.as_of` and `entitydb.as_of_system`, which bound what every face shows.
//!
//! Invariant: a setting holds an absolute instant in UTC, or nothing: `now` and `yesterday` are resolved when they are SET.
//! Bounds are read when a scan begins, never when it is planned.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys;
use pgrx::prelude::*;

use super::catalog::{self, Dataset};
use super::error::raise;
use super::fdw::scan::{known_at, plain_read};
use super::{clock, compat, floor};
use crate::engine::{Horizon, Known};
use crate::types::Ns;

static AS_OF: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static AS_OF_SYSTEM: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// What the session's settings say; a bound that is not set is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The instant of valid time.
    pub valid: Option<Ns>,
    /// The system time.
    pub system: Option<pg_sys::TimestampTz>,
}

impl Bounds {
    /// The bounds as they are now.
    pub fn now() -> Self {
        let of = |setting: &GucSetting<Option<CString>>| parse(setting.get()?.to_str().ok()?);
        Self { valid: of(&AS_OF).map(Given::last_ns), system: of(&AS_OF_SYSTEM).map(|given| given.t) }
    }

    /// Raises 42501 where the face is read through a view of somebody else's, by a caller who may not read the face: a view
    /// that hides rows says which it hides now, and not at whatever instant the caller may choose.
    ///
    /// # Safety
    /// `index` must be the face's place in the range table of the running statement `estate`.
    pub unsafe fn check_view(self, face: pg_sys::Oid, index: pg_sys::Index, estate: *mut pg_sys::EState) {
        // SAFETY: the caller's promise is passed on.
        let is_own = || unsafe { compat::reads_as(index, estate) }.is_none();
        if self != Self::default() && !is_own() && !catalog::may_read(face) {
            raise(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                "permission denied for reading through a view while entitydb.as_of or entitydb.as_of_system is set",
                Some("RESET them, or ask for SELECT on the foreign table."),
            );
        }
    }

    /// What a question looks at whose valid time is `at` (`None`: nobody gives it), and whose system time nobody gives.
    /// Raises where what was known then is not there any more.
    ///
    /// # Safety
    /// `snapshot` must be registered or active.
    pub unsafe fn horizon(self, at: Option<Ns>, dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Horizon {
        // SAFETY: the caller's promise is passed on.
        let known = unsafe { self.known(dataset, snapshot) };
        Horizon { known, ..at.or(self.valid).map_or_else(plain_read, Horizon::at) }
    }

    /// What a face looks at that shows the whole timeline.
    ///
    /// # Safety
    /// `snapshot` must be registered or active.
    pub unsafe fn timeline(self, dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Horizon {
        // Scheduled facts are shown too.
        let at = self.valid.unwrap_or(Ns::AFTER_ALL);
        // SAFETY: the caller's promise is passed on.
        unsafe { self.horizon(Some(at), dataset, snapshot) }
    }

    /// Which transactions are known at the session's system time; `None` where there is none. Raises where what was known
    /// then is not there any more.
    ///
    /// # Safety
    /// `snapshot` must be registered or active.
    pub unsafe fn known(self, dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Option<Known> {
        let system = self.system.filter(|system| *system != i64::MAX)?;
        // SAFETY: the caller's promise is passed on.
        unsafe { floor::check(dataset, snapshot, system) };
        Some(known_at(clock::to_unix_micros(system)))
    }

    /// The names and values of the settings that bound a scan for which a table function gives the valid time or the system
    /// time, as EXPLAIN shows them.
    pub fn shown(self, gives_valid: bool, gives_system: bool) -> Vec<(&'static CStr, String)> {
        let mut shown = Vec::new();
        if let Some(valid) = self.valid.filter(|_| !gives_valid) {
            shown.push((c"Session As Of", text_of_ns(valid)));
        }
        if let Some(system) = self.system.filter(|_| !gives_system) {
            shown.push((c"Session Known At", text_of_micros(system)));
        }
        shown
    }
}

/// Makes the settings known; called at preload.
pub fn init() {
    // SAFETY: the hooks are guarded, and the settings live as long as the process.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            c"entitydb.as_of",
            c"The instant as of which every face of the session answers.",
            c"Empty: now. An instant that a function is given wins. Writes are an error meanwhile.",
            &AS_OF,
            GucContext::Userset,
            GucFlags::default(),
            Some(check_as_of),
            None,
            None,
        );
        GucRegistry::define_string_guc_with_hooks(
            c"entitydb.as_of_system",
            c"The system time as known at which every face of the session answers.",
            c"Empty: as known now. A system time that a function is given wins. Writes are an error meanwhile.",
            &AS_OF_SYSTEM,
            GucContext::Userset,
            GucFlags::default(),
            Some(check_as_of_system),
            None,
            None,
        );
    }
}

/// An instant as text gave it.
#[derive(Clone, Copy)]
struct Given {
    t: pg_sys::TimestampTz,
    /// Nanoseconds past the microsecond, if they were given.
    ns: Option<i64>,
}

impl Given {
    /// The instant, where its last nanosecond counts if none was given (S9).
    fn last_ns(self) -> Ns {
        match self.ns {
            Some(ns) if self.t != i64::MIN && self.t != i64::MAX => Ns(clock::first_ns(self.t).0.saturating_add(ns)),
            _ => clock::last_ns(self.t),
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn check_as_of(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes its value and takes another one in its place.
    unsafe { check(value, source, |given| text_of_ns(given.last_ns())) }
}

#[pg_guard]
unsafe extern "C-unwind" fn check_as_of_system(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: as above.
    unsafe { check(value, source, |given| text_of_micros(given.t)) }
}

/// Whether a value is empty or a time, whose absolute form takes its place. Raises nothing: a bad value is told by its answer.
unsafe fn check(value: *mut *mut c_char, source: pg_sys::GucSource::Type, form: impl Fn(Given) -> String) -> bool {
    // SAFETY: PostgreSQL's value is null or a C string; the detail is copied into the memory that PostgreSQL takes it from.
    unsafe {
        if value.is_null() || (*value).is_null() || **value == 0 {
            return true;
        }
        let text = CStr::from_ptr(*value).to_str().unwrap_or("");
        let refuse = |why: &CStr| {
            pg_sys::GUC_check_errdetail_string = pg_sys::MemoryContextStrdup(pg_sys::ErrorContext, why.as_ptr());
            false
        };
        // ALTER SYSTEM has a transaction; the server that reads the file when it starts, and then must not refuse it, has none.
        let is_of_file = source == pg_sys::GucSource::PGC_S_FILE;
        if (is_of_file || !pg_sys::IsTransactionState()) && is_relative(text) {
            return refuse(c"A relative time can only be set in a session.");
        }
        match parse(text) {
            Some(given) => compat::replace_setting(value, &form(given)),
            None => refuse(c"The value is not a time, as timestamptz reads it, of at most nine digits of fraction."),
        }
    }
}

/// Whether a time is relative to the transaction that reads it.
fn is_relative(text: &str) -> bool {
    let words = ["now", "today", "yesterday", "tomorrow"];
    text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| words.iter().any(|w| word.eq_ignore_ascii_case(w)))
}

/// A time as timestamptz reads it, with up to nine digits of fraction; `None` for anything else.
fn parse(text: &str) -> Option<Given> {
    if text.is_empty() {
        return None;
    }
    // PostgreSQL would round the digits after the sixth.
    let (mut cut, mut ns) = (text.to_owned(), None);
    for (at, _) in text.match_indices('.') {
        let digits = text[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 9 {
            return None;
        }
        if digits > 6 {
            let (from, to) = (at + 7, at + 1 + digits);
            ns = Some(format!("{:0<3}", &text[from..to]).parse().ok()?);
            cut = format!("{}{}", &text[..from], &text[to..]);
        }
    }
    Some(Given { t: timestamptz(&CString::new(cut).ok()?)?, ns })
}

/// What PostgreSQL reads as timestamptz; `None` where it would raise.
fn timestamptz(text: &CStr) -> Option<pg_sys::TimestampTz> {
    const FIELDS: usize = pg_sys::MAXDATEFIELDS as usize;
    let mut buffer = [0 as c_char; (pg_sys::MAXDATELEN + pg_sys::MAXDATEFIELDS) as usize];
    let mut fields = [std::ptr::null_mut(); FIELDS];
    let mut kinds = [0 as c_int; FIELDS];
    let (mut count, mut kind, mut fsec, mut zone, mut t) = (0, 0, 0, 0, 0);
    let mut tm = pg_sys::pg_tm::default();
    // SAFETY: the arrays are as long as is said, the results are written before they are read, and the functions answer an
    // error instead of raising it.
    unsafe {
        let (fields, kinds) = (fields.as_mut_ptr(), kinds.as_mut_ptr());
        let max = pg_sys::MAXDATEFIELDS as c_int;
        if pg_sys::ParseDateTime(text.as_ptr(), buffer.as_mut_ptr(), buffer.len(), fields, kinds, max, &mut count) != 0
            || compat::decode_datetime((fields, kinds, count), &mut kind, &mut tm, &mut fsec, &mut zone) != 0
        {
            return None;
        }
        match kind as u32 {
            pg_sys::DTK_DATE => (pg_sys::tm2timestamp(&mut tm, fsec, &mut zone, &mut t) == 0).then_some(t),
            pg_sys::DTK_EPOCH => Some(clock::to_timestamptz(Ns(0))),
            pg_sys::DTK_LATE => Some(i64::MAX),
            pg_sys::DTK_EARLY => Some(i64::MIN),
            _ => None,
        }
    }
}

/// An instant in its absolute form; what no event can be at is the nearest instant that one can (S9).
fn text_of_ns(ns: Ns) -> String {
    match ns {
        Ns::BEFORE_ALL => "-infinity".to_owned(),
        Ns::AFTER_ALL => "infinity".to_owned(),
        ns => format!("{}+00", ns.clamp(Ns::MIN_WRITABLE, Ns::MAX_WRITABLE)),
    }
}

/// A system time in its absolute form; those have no more than microseconds.
fn text_of_micros(t: pg_sys::TimestampTz) -> String {
    let text = text_of_ns(clock::first_ns(t));
    match text.strip_suffix("000+00") {
        Some(text) => format!("{text}+00"),
        // The nearest end, or no end.
        None => text.replace("999+00", "+00"),
    }
}
