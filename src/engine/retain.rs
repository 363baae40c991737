//! Retention (S15): which events go because they are older than is kept, and which stay as the state at the floor.
//!
//! Invariant: at and after its floor an entity reads as before. Its events before the floor are a prefix of its timeline that
//! every question at or above the floor looks at as a whole, so a few of them that replay to the same state may stand for
//! all. The largest seq stays, for it is a version and the next seq follows it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::timeline::{Effect, Replay, effective};
use super::{Blob, Event, Removal, Rules, Timeline, View};
use crate::error::Result;
use crate::types::{Micros, Ns, Op, Ordinal, Seq, Xid};

/// What is kept of the entities that carried all these tags at an instant.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The tags; none is every entity.
    pub tags: Vec<Vec<u8>>,
    /// Events before this go.
    pub before: Option<Ns>,
    /// What is before the last so many versions goes.
    pub versions: Option<u32>,
}

/// All that is said about retention of a dataset.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// What is kept; the highest floor counts.
    pub policies: Vec<Policy>,
    /// Entities that carried all the tags of one of these at an instant, as was best known at any time, lose nothing.
    pub holds: Vec<Vec<Vec<u8>>>,
    /// The floors of entities that lost events before.
    pub floors: HashMap<Ordinal, Ns>,
    /// The present: versions that begin later do not count.
    pub now: Ns,
}

/// What retention takes.
#[derive(Clone, Debug, Default)]
pub struct Retained {
    /// The events that go.
    pub removal: Removal,
    /// The floor of each entity that loses events.
    pub floors: Vec<(Ordinal, Ns)>,
    /// The last transaction among what goes and what stays in its place.
    pub tx: Option<Xid>,
    /// The last system time there that is known.
    pub recorded_at: Option<Micros>,
    /// Whether there are events whose system time is not known any more.
    pub is_vague: bool,
}

/// Decides what goes from the segments of `base` (segments only). Entities in `open` have events elsewhere, and
/// wait; `times` resolves a transaction's commit time.
pub fn retain(
    base: &View,
    retention: &Retention,
    open: &BTreeSet<Ordinal>,
    times: &dyn Fn(Xid) -> Option<Micros>,
) -> Result<Retained> {
    let mut all = Retained::default();
    for (n, ordinal) in base.ordinals()?.into_iter().enumerate() {
        if n % 256 == 0 {
            base.tick();
        }
        if open.contains(&ordinal) {
            continue;
        }
        let timeline = base.timeline(ordinal)?;
        let same = |a: &Blob, b: &Blob| base.same(a, b);
        let known = retention.floors.get(&ordinal).copied();
        let Some(floor) = retention.floor(&timeline, base.rules(), known, &|| base.tick(), &same)? else { continue };
        let Some(lost) = lost(&timeline, floor, base.rules(), &same)? else { continue };
        let before = timeline.events().iter().filter(|event| event.ts < floor);
        for event in before {
            all.tx = all.tx.max(Some(event.tx));
            let recorded_at = event.recorded_at.or_else(|| times(event.tx));
            all.is_vague |= recorded_at.is_none();
            all.recorded_at = all.recorded_at.max(recorded_at);
        }
        all.removal.events(ordinal, lost.seqs);
        all.removal.becomes(ordinal, lost.others);
        all.floors.push((ordinal, floor));
    }
    Ok(all)
}

/// Whether an entity carried all the tags at an instant at or above its floor; what stays below it tells of the state there alone.
pub fn carried(timeline: &Timeline, tags: &[Vec<u8>], rules: &Rules, floor: Option<Ns>) -> bool {
    let wanted: BTreeSet<&[u8]> = tags.iter().map(Vec::as_slice).collect();
    if wanted.is_empty() {
        return true;
    }
    let mut steps: BTreeMap<Ns, i64> = BTreeMap::new();
    for (tag, ts, on) in timeline.transitions(rules) {
        if tag.is_some_and(|tag| wanted.contains(&*tag)) {
            *steps.entry(ts).or_default() += if on { 1 } else { -1 };
        }
    }
    let mut held = 0;
    let ends = steps.keys().skip(1).map(|end| Some(*end)).chain([None]);
    steps.values().zip(ends).any(|(step, end)| {
        held += step;
        held == wanted.len() as i64 && end.is_none_or(|end| floor.is_none_or(|floor| end > floor))
    })
}

/// Whether that was so as best known after any transaction: a correction of the past does not take an entity from a hold. What
/// retention took is not asked for: transactions count from the last one on that recorded something below the floor. `tick` is
/// called before each look back.
pub fn was_carried(timeline: &Timeline, tags: &[Vec<u8>], rules: &Rules, floor: Option<Ns>, tick: &dyn Fn()) -> bool {
    if carried(timeline, tags, rules, floor) {
        return true;
    }
    let asserts = |event: &Event, tag: &[u8]| event.op == Op::Assert && event.tag.as_deref() == Some(tag);
    if !tags.iter().all(|tag| timeline.events().iter().any(|event| asserts(event, tag))) {
        return false;
    }
    let mut events = timeline.events().to_vec();
    events.sort_unstable_by_key(|event| event.seq);
    let first = events.iter().rposition(|event| floor.is_some_and(|floor| event.ts < floor)).map_or(1, |last| last + 1);
    // What was known then is what is known now, up to the next event, unless something later reaches back.
    let mut earliest: Vec<Ns> = events.iter().map(|event| event.ts).collect();
    for n in (1..earliest.len()).rev() {
        earliest[n - 1] = earliest[n - 1].min(earliest[n]);
    }
    let mut latest = floor;
    for (end, pair) in (1..).zip(events.windows(2)) {
        latest = latest.max(Some(pair[0].ts));
        if end >= first && Some(earliest[end]) <= latest && is_end(&pair[0], &pair[1]) {
            tick();
            if carried(&Timeline::new(events[..end].to_vec()), tags, rules, floor) {
                return true;
            }
        }
    }
    false
}

/// Whether a transaction ends between two events; what was restored has the system times of those of its origin.
fn is_end(event: &Event, next: &Event) -> bool {
    let differ = event.recorded_at.zip(next.recorded_at).is_some_and(|(at, then)| at != then);
    event.tx != next.tx || differ
}

impl Retention {
    /// The floor that an entity is to have, if any; `known` is the one that it has.
    fn floor(
        &self,
        timeline: &Timeline,
        rules: &Rules,
        known: Option<Ns>,
        tick: &dyn Fn(),
        same: &dyn Fn(&Blob, &Blob) -> Result<bool>,
    ) -> Result<Option<Ns>> {
        if self.holds.iter().any(|tags| was_carried(timeline, tags, rules, known, tick)) {
            return Ok(None);
        }
        let mut floor = None;
        for policy in &self.policies {
            if !carried(timeline, &policy.tags, rules, known) {
                continue;
            }
            let by_versions = match policy.versions {
                None => None,
                Some(versions) => match self.nth_last_version(timeline, versions, rules, same)? {
                    // What has no more versions than are kept loses nothing.
                    None => continue,
                    some => some,
                },
            };
            let of_policy = match (policy.before, by_versions) {
                (Some(before), Some(from)) => Some(before.min(from)),
                (before, from) => before.or(from),
            };
            floor = floor.max(of_policy);
        }
        Ok(floor)
    }

    /// Where the n-th last of the versions that began by now does.
    fn nth_last_version(
        &self,
        timeline: &Timeline,
        n: u32,
        rules: &Rules,
        same: &dyn Fn(&Blob, &Blob) -> Result<bool>,
    ) -> Result<Option<Ns>> {
        let versions = timeline.versions(&super::Horizon::at(self.now), rules, same)?;
        let place = versions.len().checked_sub(n.max(1) as usize);
        Ok(place.and_then(|place| versions.get(place)).map(|version| version.from))
    }
}

/// What an entity loses.
struct Lost {
    seqs: Vec<Seq>,
    /// Events that stay with another operation, without their tags and contents.
    others: Vec<(Seq, Op)>,
}

/// The events before the floor that are not needed to replay the state there; `None` if all are.
fn lost(
    timeline: &Timeline,
    floor: Ns,
    rules: &Rules,
    same: &dyn Fn(&Blob, &Blob) -> Result<bool>,
) -> Result<Option<Lost>> {
    let end = timeline.events().partition_point(|event| event.ts < floor);
    let before = &timeline.events()[..end];
    let (kept, founding) = baseline(before, rules, same)?;
    let is_kept = |event: &Event| kept.iter().any(|kept| kept.seq == event.seq);
    let mut seqs: Vec<Seq> = before.iter().filter(|event| !is_kept(event)).map(|event| event.seq).collect();
    let Some(last) = before.iter().max_by_key(|event| event.seq) else { return Ok(None) };
    let mut others: Vec<(Seq, Op)> = founding.into_iter().map(|event| (event.seq, Op::Create)).collect();
    if !is_kept(last) {
        seqs.retain(|seq| *seq != last.seq);
        // A cancel takes back the events of its instant. Where some of these stay, the entity exists already, and to create it
        // again does nothing.
        let op = if kept.iter().any(|event| event.ts == last.ts) { Op::Create } else { Op::Cancel };
        others.extend((last.op != op).then_some((last.seq, op)));
    }
    Ok((!seqs.is_empty() || !others.is_empty()).then_some(Lost { seqs, others }))
}

/// The events that make the state after all of these: the one that founded the present existence, those that turned on the
/// tags that hold, the content, the last change, and what that one ended. The first is named too where what else it said is
/// over: it stays as a `create`.
fn baseline<'a>(
    before: &'a [Event],
    rules: &Rules,
    same: &dyn Fn(&Blob, &Blob) -> Result<bool>,
) -> Result<(Vec<&'a Event>, Option<&'a Event>)> {
    let mut replay = Replay::default();
    let mut founding: Option<&Event> = None;
    let mut content: Option<&Event> = None;
    let mut on: BTreeMap<&[u8], &Event> = BTreeMap::new();
    let mut last: Vec<&Event> = Vec::new();
    for event in effective(before.iter()) {
        let existed = replay.exists;
        let mut toggled = Vec::new();
        let changed = match replay.apply(event, rules, &mut |tag| toggled.push(&**tag)) {
            Effect::Nothing => false,
            Effect::Changed => true,
            Effect::Replaced(old, new) => old.len() != new.len() || !same(old, new)?,
        };
        let was_content = content;
        if changed && event.op == Op::Content {
            content = event.content.is_some().then_some(event);
        }
        let mut ended: Vec<&Event> = Vec::new();
        for tag in toggled {
            match replay.tags.contains_key(tag) {
                true => drop(on.insert(tag, event)),
                false => ended.extend(on.remove(tag)),
            }
        }
        if !replay.exists {
            (founding, content) = (None, None);
            last.clear();
            continue;
        }
        if !existed {
            founding = Some(event);
        }
        if changed {
            // What changes nothing by itself does so by what it ended.
            if event.op == Op::Content && event.content.is_none() {
                ended.extend(was_content);
            }
            let begins = event.op == Op::Assert
                && event.tag.as_ref().is_some_and(|tag| on.get(&**tag).is_some_and(|on| on.seq == event.seq));
            last = if begins { Vec::new() } else { ended };
            last.push(event);
        }
    }
    let mut kept: Vec<&Event> = content.into_iter().chain(on.into_values()).chain(last).collect();
    let is_over = |event: &&Event| event.op != Op::Create && kept.iter().all(|kept| kept.seq != event.seq);
    let over = founding.filter(is_over);
    kept.extend(founding);
    kept.sort_unstable_by_key(|event| (event.ts, event.seq));
    kept.dedup_by_key(|event| event.seq);
    Ok((kept, over))
}
