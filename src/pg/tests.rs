//! Tests that need a server but no commit; each is rolled back.
//!
//! Invariant: what needs COMMIT, two sessions or a crash is tested under `tests/` instead.

use pgrx::prelude::*;

use super::{clock, delta};
use crate::types::Ns;

#[pg_schema]
mod tests {
    use super::*;

    #[pg_test]
    fn s3_stamps_strictly_increase() {
        let stamps: Vec<Ns> = (0..10_000).map(|_| clock::stamp()).collect();
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[pg_test]
    fn s9_a_timestamptz_is_floored_and_spans_its_microsecond() {
        let t = clock::to_timestamptz(Ns(-1));
        assert_eq!(clock::first_ns(t), Ns(-1000));
        assert_eq!(clock::last_ns(t), Ns(-1));
        assert_eq!(clock::first_ns(i64::MAX), Ns::AFTER_ALL);
        assert_eq!(clock::last_ns(i64::MIN), Ns::BEFORE_ALL);
    }

    #[pg_test]
    fn the_hash_of_an_id_never_changes() {
        assert_eq!(delta::id_hash(b""), HASH_OF_NOTHING);
        assert_ne!(delta::id_hash(b"a"), delta::id_hash(b"b"));
    }

    /// FNV-1a's offset basis through MurmurHash3's finaliser, computed apart.
    const HASH_OF_NOTHING: i64 = -1_166_397_803_181_037_274;
}
