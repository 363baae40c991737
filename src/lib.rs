//! EntityDB: time travel for tagged entities, inside PostgreSQL.
//!
//! The layers, each of which names only those below it: `pg` (how PostgreSQL asks), [`engine`] (what the store
//! promises), [`index`] (which entities, when), [`segment`] (where the bytes are), [`format`] (what the bytes
//! mean), [`types`] and [`error`]. ARCHITECTURE.md tells the story; `src/format/FORMAT.md` draws the bytes.

pub mod engine;
pub mod error;
pub mod format;
pub mod index;
pub mod segment;
pub mod types;

#[cfg(feature = "pgrx")]
mod pg;

#[cfg(feature = "pgrx")]
pgrx::pg_module_magic!(name, version);

/// What `cargo pgrx test` asks of an extension: the settings of its server.
#[cfg(all(feature = "pgrx", test))]
pub mod pg_test {
    /// Called once before the server starts.
    pub fn setup(_options: Vec<&str>) {}

    /// The library registers its settings and shared memory at preload only.
    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec!["shared_preload_libraries = 'entitydb'"]
    }
}
