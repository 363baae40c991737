//! The settings under the prefix `entitydb`.
//!
//! Invariant: no setting changes what a dataset answers to the same question, but those that say which question it is.

use std::ffi::CString;

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::prelude::*;

use super::session;
use crate::engine::BuildOptions;

/// How blocks of content are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
enum Compression {
    /// Compressed with snappy where that makes them smaller.
    #[name = c"snappy"]
    Snappy,
    /// As they are.
    #[name = c"none"]
    None,
}

static COMPRESSION: GucSetting<Compression> = GucSetting::<Compression>::new(Compression::Snappy);
static NOTE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static RECORD_TRANSACTIONS: GucSetting<bool> = GucSetting::<bool>::new(true);
static IMPORT_SYSTEM_TIME: GucSetting<bool> = GucSetting::<bool>::new(false);
static BULK_THRESHOLD: GucSetting<i32> = GucSetting::<i32>::new(10_000);
static COMPRESSION_THRESHOLD: GucSetting<i32> = GucSetting::<i32>::new(1024);

/// Makes the settings known; called at preload.
pub fn init() {
    GucRegistry::define_enum_guc(
        c"entitydb.compression",
        c"How the content of segments built from now on is stored.",
        c"Segments that exist stay as they are.",
        &COMPRESSION,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"entitydb.compression_threshold",
        c"Contents shorter than this are stored uncompressed.",
        c"Acts on segments built from now on.",
        &COMPRESSION_THRESHOLD,
        0,
        1 << 30,
        GucContext::Userset,
        GucFlags::UNIT_BYTE,
    );
    // Without commit times there is no system axis: when a transaction became known could not be said.
    // SAFETY: a setting of PostgreSQL's own with a valid value, while the postmaster still reads its settings.
    unsafe {
        pgrx::pg_sys::SetConfigOption(
            c"track_commit_timestamp".as_ptr(),
            c"on".as_ptr(),
            pgrx::pg_sys::GucContext::PGC_POSTMASTER,
            pgrx::pg_sys::GucSource::PGC_S_OVERRIDE,
        );
    }
    GucRegistry::define_int_guc(
        c"entitydb.bulk_threshold",
        c"A COPY or INSERT .. SELECT of more rows than this is loaded straight into segments.",
        c"Such a load waits at its end for open writers of the dataset, and keeps new ones out until it commits.",
        &BULK_THRESHOLD,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"entitydb.note",
        c"Why the transaction writes; shown in entitydb.transaction.",
        c"Use SET LOCAL. Of several notes the last one under which the transaction wrote is kept.",
        &NOTE,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"entitydb.record_transactions",
        c"Whether a transaction that writes leaves its row in entitydb.transaction.",
        c"",
        &RECORD_TRANSACTIONS,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"entitydb.import_system_time",
        c"Whether a recorded_at that is given to an event face becomes the event's system time.",
        c"For a restore: an event whose ts is not after it counts as stamped by the database.",
        &IMPORT_SYSTEM_TIME,
        GucContext::Suset,
        GucFlags::default(),
    );
    session::init();
    // SAFETY: reserves the prefix for this library; called once, at preload.
    unsafe { pgrx::pg_sys::MarkGUCPrefixReserved(c"entitydb".as_ptr()) };
}

/// How many rows a statement may have before it is a bulk load.
pub fn bulk_threshold() -> usize {
    usize::try_from(BULK_THRESHOLD.get()).unwrap_or(0)
}

/// Why the transaction writes, if it says so.
pub fn note() -> Option<String> {
    let note = NOTE.get().map(|note| note.to_string_lossy().into_owned());
    note.filter(|note| !note.is_empty())
}

/// Whether writing transactions are recorded.
pub fn record_transactions() -> bool {
    RECORD_TRANSACTIONS.get()
}

/// Whether given system times are taken over.
pub fn import_system_time() -> bool {
    IMPORT_SYSTEM_TIME.get()
}

/// The builder's switches as they are now.
pub fn build_options() -> BuildOptions {
    BuildOptions {
        compress: COMPRESSION.get() == Compression::Snappy,
        compression_threshold: usize::try_from(COMPRESSION_THRESHOLD.get()).unwrap_or(0),
    }
}
