//! Which events a question looks at, on both time axes (S2).
//!
//! Invariant: a horizon is a pure predicate on (tx, recorded_at, ts, stamped); it never depends on where an event is stored.

use std::sync::Arc;

use crate::types::{Micros, Ns, Xid};

/// Whether an event of this transaction (and stated system time, if it has one of its own or its segment knows it)
/// is known to the asker. Called once a transaction and segment, not once an event.
pub type Known = Arc<dyn Fn(Xid, Option<Micros>) -> bool>;

/// The instant of valid time that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Valid {
    /// Everything with `ts <= t`.
    At(Ns),
    /// A plain read: every stamped event, and user-dated ones whose time has come.
    Now {
        /// The wall clock that bounds user-dated events.
        clock: Ns,
        /// The reader's own transaction and the clock that bounds its own user-dated events.
        own: Option<(Xid, Ns)>,
    },
}

/// What a question looks at.
#[derive(Clone)]
pub struct Horizon {
    /// The valid-time axis.
    pub valid: Valid,
    /// The system-time axis; `None` is everything that the view holds.
    pub known: Option<Known>,
}

impl Horizon {
    /// Valid at `t`, as best known.
    pub fn at(t: Ns) -> Self {
        Self { valid: Valid::At(t), known: None }
    }

    /// Whether an event with these properties counts on the valid-time axis.
    pub fn admits(&self, ts: Ns, stamped: bool, tx: Xid) -> bool {
        match self.valid {
            Valid::At(t) => ts <= t,
            Valid::Now { clock, own } => {
                stamped
                    || match own {
                        Some((xid, own_clock)) if xid == tx => ts <= own_clock,
                        _ => ts <= clock,
                    }
            }
        }
    }
}
