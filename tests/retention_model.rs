//! Retention against the naive model: at and above the floor every answer is as if nothing had gone (S15).
//!
//! Invariant: the model keeps all facts; the store loses what is before the floor, also what is in another run, and is written
//! to afterwards.

#[expect(dead_code, reason = "other tests ask the model for more")]
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entitydb::engine::{
    BuildOptions, Event, Horizon, Known, Opened, Policy, Retention, Rules, Select, TagExpr, Timeline, Valid, View,
    retain, rewrite, seal, verify, was_carried,
};
use entitydb::segment::MemoryFiles;
use entitydb::types::{ChangeSet, Micros, NewEvent, Ns, Op, Ordinal, Xid};
use model::{Answer, Asked, Model, When};
use proptest::prelude::*;
use proptest::sample::select;

const TAGS: [&str; 5] = ["a", "r:x", "r:y", "r:s:x", "held"];
const OPTIONS: BuildOptions = BuildOptions { compress: true, compression_threshold: 8 };
const IDS: [&str; 3] = ["one", "two", "three"];

fn times(_: Xid) -> Option<Micros> {
    None
}

fn event(instants: std::ops::Range<i64>) -> impl Strategy<Value = NewEvent> {
    let ops = prop_oneof![
        2 => Just(Op::Create), 8 => Just(Op::Assert), 4 => Just(Op::Retract),
        5 => Just(Op::Content), 2 => Just(Op::Delete), 1 => Just(Op::Cancel),
    ];
    let content =
        prop_oneof![Just(None), Just(Some("one")), Just(Some("two")), Just(Some("a content over the threshold"))];
    (ops, instants, any::<bool>(), select(&TAGS[..]), content).prop_map(|(op, ts, stamped, tag, content)| NewEvent {
        ts: Ns(ts),
        stamped,
        op,
        tag: matches!(op, Op::Assert | Op::Retract).then(|| tag.into()),
        content: content.filter(|_| op == Op::Content).map(Into::into),
    })
}

/// An entity's place, a transaction, and what it did.
type Write = (usize, u64, Vec<NewEvent>);

fn writes(instants: std::ops::Range<i64>, count: usize) -> impl Strategy<Value = Vec<Write>> {
    let write = (0..IDS.len(), 1..6_u64, prop::collection::vec(event(instants), 1..5));
    prop::collection::vec(write, 0..count)
}

struct Store {
    files: MemoryFiles,
    replaced: Vec<String>,
    delta: Vec<ChangeSet>,
    rules: Rules,
    models: BTreeMap<usize, Model>,
}

impl Store {
    fn view(&self, delta: bool) -> Arc<View> {
        let published = self.files.published.lock();
        let open = |(name, bytes): &(String, Vec<u8>)| Opened::open(name, Arc::new(bytes.clone())).expect("opens");
        let segments = published.iter().filter(|(name, _)| !self.replaced.contains(name)).map(open).collect();
        let sets = if delta { self.delta.clone() } else { Vec::new() };
        Arc::new(View::new(segments, sets, self.rules.clone(), || {}).expect("the view opens"))
    }

    fn write(&mut self, writes: &[Write]) {
        for (id, tx, events) in writes {
            let model = self.models.entry(*id).or_default();
            model.one = self.rules.one.clone();
            let first_seq = model.facts.len() as u32 + 1;
            model.record(*tx, events);
            let (id, ordinal) = (IDS[*id].into(), Ordinal(*id as u32));
            let events = events.clone();
            self.delta.push(ChangeSet {
                id,
                ordinal,
                first_seq,
                tx: Xid(*tx),
                recorded_at: None,
                events,
                stored: Vec::new(),
            });
        }
    }

    fn seal(&mut self) {
        let sets = std::mem::take(&mut self.delta);
        seal(&self.view(false), sets, &times, &OPTIONS, &mut self.files.clone()).expect("seals");
    }
}

fn answer(view: &View, ordinal: Ordinal, horizon: &Horizon) -> Option<Answer> {
    let state = view.state(ordinal, horizon).expect("reads")?;
    Some(Answer {
        tags: state.tags.iter().map(|tag| tag.to_vec()).collect(),
        content: state.content.as_ref().map(|content| view.content(content).expect("reads").to_vec()),
        created_at: state.created_at.0,
        updated_at: state.updated_at.0,
        version: state.version,
    })
}

fn horizon(asked: &Asked) -> Horizon {
    let valid = match asked.when {
        When::At(t) => Valid::At(Ns(t)),
        When::Plain { clock, own } => Valid::Now { clock: Ns(clock), own: own.map(|(tx, at)| (Xid(tx), Ns(at))) },
    };
    let known = asked.known.clone().map(|known| -> Known { Arc::new(move |tx, _| known.contains(&tx.0)) });
    Horizon { valid, known }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s15_what_is_at_or_above_the_floor_reads_as_before(
        first in writes(0..10, 8),
        second in writes(0..10, 8),
        later in writes(10..14, 6),
        policies in prop::collection::vec(
            (prop::option::of(select(&TAGS[..])), prop::option::of(0..9_i64), prop::option::of(1..4_u32)), 1..3),
        holds in any::<bool>(),
        one in any::<bool>(),
        twice in any::<bool>(),
    ) {
        let one = if one { BTreeSet::from([b"r".to_vec()]) } else { BTreeSet::new() };
        let mut store = Store {
            files: MemoryFiles::default(), replaced: Vec::new(), delta: Vec::new(),
            rules: Rules { one }, models: BTreeMap::new(),
        };
        store.write(&first);
        store.seal();
        store.write(&second);
        store.seal();
        let mut floors: BTreeMap<usize, i64> = BTreeMap::new();
        let mut system = 0;
        for pass in 0..if twice { 2 } else { 1 } {
            let retention = Retention {
                policies: policies.iter().map(|(tag, before, versions)| Policy {
                    tags: tag.iter().map(|tag| tag.as_bytes().to_vec()).collect(),
                    before: before.map(|before| Ns(before + pass)),
                    versions: *versions,
                }).collect(),
                holds: if holds { vec![vec![b"held".to_vec()]] } else { Vec::new() },
                floors: floors.iter().map(|(id, floor)| (Ordinal(*id as u32), Ns(*floor))).collect(),
                now: Ns(9),
            };
            let base = store.view(false);
            let retained = retain(&base, &retention, &BTreeSet::new(), &times).expect("decides");
            for (ordinal, floor) in &retained.floors {
                let known = floors.entry(ordinal.0 as usize).or_insert(floor.0);
                *known = floor.0.max(*known);
            }
            system = system.max(retained.tx.map_or(0, |tx| tx.0));
            prop_assert_eq!(retained.removal.is_empty(), retained.floors.is_empty());
            let (events, lost) = (base.event_count(), &retained.removal);
            let (_, replaced) = rewrite(&base, lost, &BTreeSet::new(), &BTreeSet::new(), &times, &OPTIONS, &mut store.files.clone())
                .expect("rewrites");
            store.replaced.extend(replaced);
            prop_assert!(store.view(false).event_count() <= events);
            // What went is gone for good: the same again takes nothing more.
            let again = retain(&store.view(false), &retention, &BTreeSet::new(), &times).expect("decides");
            prop_assert!(again.removal.is_empty(), "{:?}", again.removal);
        }
        if holds {
            for (id, model) in &store.models {
                let held = model.facts.iter().any(|fact| model.state(&Asked::at(fact.ts))
                    .is_some_and(|state| state.tags.contains(&b"held".to_vec())));
                prop_assert!(!held || !floors.contains_key(id), "{} is held", IDS[*id]);
            }
        }
        store.write(&later);
        let mut knowns: Vec<Option<BTreeSet<u64>>> = vec![None];
        knowns.extend((system..6).map(|last| Some((0..=last).collect())));
        let mut whens: Vec<When> = (-1..15).map(When::At).collect();
        whens.extend([When::Plain { clock: 12, own: None }, When::Plain { clock: 10, own: Some((3, 12)) }]);
        for sealed in [false, true] {
            if sealed {
                store.seal();
            }
            let view = store.view(true);
            for (id, model) in &store.models {
                prop_assert_eq!(view.resolve(IDS[*id].as_bytes()).expect("resolves"), Some(Ordinal(*id as u32)));
                let floor = floors.get(id).copied().unwrap_or(i64::MIN);
                for when in whens.iter().filter(|when| !matches!(when, When::At(t) if *t < floor)) {
                    for known in &knowns {
                        let asked = Asked { when: when.clone(), known: known.clone() };
                        let found = answer(&view, Ordinal(*id as u32), &horizon(&asked));
                        prop_assert_eq!(found, model.state(&asked), "{} {:?} floor {}", IDS[*id], asked, floor);
                    }
                }
            }
            // The bitmaps say the same where no entity is below its floor.
            let highest = floors.values().copied().max().unwrap_or(-1);
            for t in highest..15 {
                for tag in TAGS {
                    let wanted = store.models.values().filter(|model| model.state(&Asked::at(t))
                        .is_some_and(|state| state.tags.contains(&tag.as_bytes().to_vec()))).count();
                    let expr = TagExpr::Tag(tag.as_bytes().to_vec());
                    let count = Select::new(view.clone(), expr, Horizon::at(Ns(t))).and_then(Select::count);
                    prop_assert_eq!(count.expect("counts"), wanted as u64, "{} at {}", tag, t);
                }
            }
            let faults: Vec<_> = verify(&view).into_iter().filter(|check| !check.ok).collect();
            prop_assert!(faults.is_empty(), "{:?}", faults);
        }
    }

    #[test]
    fn s15_a_correction_does_not_take_an_entity_from_a_hold(
        writes in writes(0..10, 10),
        floor in prop::option::of(0..9_i64),
        one in any::<bool>(),
        tags in prop::collection::btree_set(select(&TAGS[..]), 1..3),
    ) {
        let one = if one { BTreeSet::from([b"r".to_vec()]) } else { BTreeSet::new() };
        let mut store = Store {
            files: MemoryFiles::default(), replaced: Vec::new(), delta: Vec::new(),
            rules: Rules { one }, models: BTreeMap::new(),
        };
        // Each write is a transaction of its own.
        let writes: Vec<Write> = (1..).zip(writes).map(|(tx, (id, _, events))| (id, tx, events)).collect();
        store.write(&writes);
        let tags: Vec<Vec<u8>> = tags.into_iter().map(|tag| tag.as_bytes().to_vec()).collect();
        let view = store.view(true);
        let floor = floor.map(Ns);
        let asks = |timeline: &Timeline| was_carried(timeline, &tags, view.rules(), floor, &|| {});
        for id in store.models.keys() {
            let timeline = view.timeline(Ordinal(*id as u32)).expect("reads");
            let mut events = timeline.events().to_vec();
            events.sort_unstable_by_key(|event| event.seq);
            let below = events.iter().rposition(|event| floor.is_some_and(|floor| event.ts < floor)).map_or(0, |n| n + 1);
            // Where all is of one transaction, what is best known is all that counts.
            let believed = |end: usize| {
                let then = events[..end].iter().cloned().map(|event| Event { tx: Xid(1), recorded_at: None, ..event });
                asks(&Timeline::new(then.collect()))
            };
            let mut ends = (below.max(1)..=events.len())
                .filter(|end| *end == events.len() || events[*end].tx != events[*end - 1].tx);
            prop_assert_eq!(asks(&timeline), ends.any(believed), "{:?}", events);
        }
    }
}
