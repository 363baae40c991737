//! A timeline as intervals: the versions of an entity, and how long each tag held (S1).
//!
//! Invariant: intervals are half-open and maximal; an open end is `None`. What several events do at one instant counts as
//! their net, so no interval is empty.

use std::sync::Arc;

use super::timeline::{Replay, effective};
use super::{Blob, Event, Horizon, Rules, Timeline};
use crate::error::Result;
use crate::types::{Ns, Seq};

/// One state of an entity, and from when to when it was its state.
#[derive(Clone, Debug)]
pub struct Version {
    /// Sorted by bytes, without duplicates.
    pub tags: Vec<Arc<[u8]>>,
    /// Its content.
    pub content: Option<Blob>,
    /// The first instant.
    pub from: Ns,
    /// The first instant at which it is no longer so, if there is one.
    pub to: Option<Ns>,
    /// The place among the entity's versions, from 1.
    pub rank: Seq,
}

/// How long a tag held without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The tag.
    pub tag: Arc<[u8]>,
    /// The first instant.
    pub from: Ns,
    /// The first instant at which it no longer held, if there is one.
    pub to: Option<Ns>,
}

impl Timeline {
    /// The distinct states over the whole timeline that the horizon leaves, in time order; none for
    /// times of non-existence.
    pub fn versions(
        &self,
        h: &Horizon,
        rules: &Rules,
        same: &dyn Fn(&Blob, &Blob) -> Result<bool>,
    ) -> Result<Vec<Version>> {
        let mut replay = Replay::default();
        let mut versions: Vec<Version> = Vec::new();
        for instant in effective(self.known(h).into_iter()).chunk_by(|a, b| a.ts == b.ts) {
            for event in instant {
                replay.apply(event, rules, &mut |_| ());
            }
            let ts = instant[0].ts;
            let open = versions.last_mut().filter(|version| version.to.is_none());
            if let Some(version) = open {
                let tags = version.tags.len() == replay.tags.len()
                    && version.tags.iter().zip(replay.tags.keys()).all(|(old, new)| **old == **new);
                let content = match (&version.content, replay.content) {
                    (None, None) => true,
                    (Some(old), Some(new)) => old.len() == new.len() && same(old, new)?,
                    _ => false,
                };
                if replay.exists && tags && content {
                    continue;
                }
                version.to = Some(ts);
            }
            if replay.exists {
                versions.push(Version {
                    tags: replay.tags.values().map(|tag| (*tag).clone()).collect(),
                    content: replay.content.cloned(),
                    from: ts,
                    to: None,
                    rank: versions.len() as Seq + 1,
                });
            }
        }
        Ok(versions)
    }

    /// The maximal intervals of every tag over the timeline that the horizon leaves, by tag, then in time order.
    pub fn intervals(&self, h: &Horizon, rules: &Rules) -> Vec<Interval> {
        let known = Timeline::new(self.known(h).into_iter().cloned().collect());
        let mut intervals: Vec<Interval> = Vec::new();
        for (tag, ts, on) in known.transitions(rules) {
            let Some(tag) = tag else { continue };
            if on {
                intervals.push(Interval { tag, from: ts, to: None });
            } else if let Some(open) = intervals.last_mut() {
                open.to = Some(ts);
            }
        }
        intervals
    }

    /// The events that the horizon leaves, in (ts, seq) order.
    fn known(&self, h: &Horizon) -> Vec<&Event> {
        let mut knows = h.knows();
        let events = self.events().iter();
        events.filter(|e| h.admits(e.ts, e.stamped, e.tx) && knows(e.tx, e.recorded_at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Op, Xid};

    fn event(ts: i64, seq: Seq, op: Op, what: &str) -> Event {
        let tag = matches!(op, Op::Assert | Op::Retract).then(|| Arc::from(what.as_bytes()));
        let content = (op == Op::Content).then(|| Blob::Inline(Arc::from(what.as_bytes())));
        Event { ts: Ns(ts), seq, tx: Xid(1), recorded_at: None, stamped: false, op, tag, content }
    }

    fn same(a: &Blob, b: &Blob) -> Result<bool> {
        Ok(matches!((a, b), (Blob::Inline(a), Blob::Inline(b)) if a == b))
    }

    fn shown(timeline: &Timeline, h: &Horizon) -> Vec<(i64, Option<i64>, String)> {
        let versions = timeline.versions(h, &Rules::default(), &same).unwrap();
        let text =
            |tags: &[Arc<[u8]>]| tags.iter().map(|t| String::from_utf8_lossy(t).into_owned()).collect::<String>();
        versions.iter().map(|v| (v.from.0, v.to.map(|to| to.0), text(&v.tags))).collect()
    }

    #[test]
    fn s1_versions_are_distinct_maximal_and_leave_out_non_existence() {
        let timeline = Timeline::new(vec![
            event(10, 1, Op::Create, ""),
            event(20, 2, Op::Assert, "a"),
            event(25, 3, Op::Assert, "a"),
            event(30, 4, Op::Retract, "a"),
            event(30, 5, Op::Assert, "a"),
            event(40, 6, Op::Delete, ""),
            event(50, 7, Op::Content, "x"),
            event(60, 8, Op::Content, "x"),
            event(70, 9, Op::Content, "y"),
        ]);
        let all = Horizon::at(Ns::AFTER_ALL);
        let expected = [(10, Some(20), ""), (20, Some(40), "a"), (50, Some(70), ""), (70, None, "")];
        assert_eq!(shown(&timeline, &all), expected.map(|(a, b, c)| (a, b, c.to_owned())));
        let ranks: Vec<Seq> =
            timeline.versions(&all, &Rules::default(), &same).unwrap().iter().map(|v| v.rank).collect();
        assert_eq!(ranks, [1, 2, 3, 4]);
        // Cut at an instant, the last version has no end.
        assert_eq!(shown(&timeline, &Horizon::at(Ns(35))).last(), Some(&(20, None, "a".to_owned())));
    }

    #[test]
    fn s1_a_tag_holds_for_maximal_intervals() {
        let timeline = Timeline::new(vec![
            event(10, 1, Op::Assert, "a"),
            event(20, 2, Op::Retract, "a"),
            event(20, 3, Op::Assert, "b"),
            event(30, 4, Op::Assert, "a"),
            event(40, 5, Op::Delete, ""),
            event(40, 6, Op::Assert, "b"),
        ]);
        let intervals = timeline.intervals(&Horizon::at(Ns::AFTER_ALL), &Rules::default());
        let shown: Vec<(&[u8], i64, Option<i64>)> =
            intervals.iter().map(|i| (&*i.tag, i.from.0, i.to.map(|to| to.0))).collect();
        assert_eq!(shown, [(&b"a"[..], 10, Some(20)), (b"a", 30, Some(40)), (b"b", 20, None)]);
    }
}
