//! Which events a question looks at, on both time axes (S2).
//!
//! Invariant: a horizon is a pure predicate on (tx, recorded_at, ts, stamped); it never depends on where an event is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Event;
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
    /// Valid at `t`, as best known; an instant that cannot be written is read as the nearest one that can (S9).
    pub fn at(t: Ns) -> Self {
        Self { valid: Valid::At(t.clamp(Ns::MIN_WRITABLE, Ns::MAX_WRITABLE)), known: None }
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

    /// Leaves those events that count on both axes.
    pub fn retain(&self, events: &mut Vec<Event>) {
        let mut knows = self.knows();
        events.retain(|e| self.admits(e.ts, e.stamped, e.tx) && knows(e.tx, e.recorded_at));
    }

    /// The system-time axis as a predicate on an event's transaction and stated system time. It remembers its
    /// answers, so that the asker is called once a transaction, not once an event.
    pub fn knows(&self) -> impl FnMut(Xid, Option<Micros>) -> bool + use<'_> {
        let mut answers: BTreeMap<(Xid, Option<Micros>), bool> = BTreeMap::new();
        move |tx, recorded_at| match &self.known {
            None => true,
            Some(known) => *answers.entry((tx, recorded_at)).or_insert_with(|| known(tx, recorded_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_a_plain_read_sees_every_stamped_event_and_due_user_dated_ones() {
        let plain = |own| Horizon { valid: Valid::Now { clock: Ns(10), own }, known: None };
        assert!(plain(None).admits(Ns(99), true, Xid(1)));
        assert!(plain(None).admits(Ns(10), false, Xid(1)));
        assert!(!plain(None).admits(Ns(11), false, Xid(1)));
        let own = plain(Some((Xid(1), Ns(20))));
        assert!(own.admits(Ns(20), false, Xid(1)));
        assert!(!own.admits(Ns(20), false, Xid(2)));
        assert!(!own.admits(Ns(21), false, Xid(1)));
    }

    #[test]
    fn s9_as_of_includes_its_instant_whoever_dated_the_event() {
        for stamped in [false, true] {
            assert!(Horizon::at(Ns(5)).admits(Ns(5), stamped, Xid(1)));
            assert!(!Horizon::at(Ns(5)).admits(Ns(6), stamped, Xid(1)));
        }
    }

    #[test]
    fn s9_a_read_out_of_range_is_answered_as_at_the_nearest_end() {
        for (asked, end) in [(Ns::BEFORE_ALL, Ns::MIN_WRITABLE), (Ns::AFTER_ALL, Ns::MAX_WRITABLE)] {
            assert!(Horizon::at(asked).admits(end, false, Xid(1)));
        }
    }

    #[test]
    fn s2_the_system_axis_is_asked_once_a_transaction() {
        let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let known: Known = Arc::new(move |tx, _| {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tx <= Xid(3)
        });
        let h = Horizon { valid: Valid::At(Ns(0)), known: Some(known) };
        let mut knows = h.knows();
        for _ in 0..4 {
            assert!(knows(Xid(3), None));
            assert!(!knows(Xid(4), None));
        }
        assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 2);
    }
}
