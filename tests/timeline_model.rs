//! The engine's timelines and changes against the naive model, over random histories.
//!
//! Invariant: instants, tags and contents come from small pools, so that ties, backdating, re-creation, cancels and
//! values of one namespace meet in most histories.

mod model;

use std::collections::BTreeSet;
use std::sync::Arc;

use entitydb::engine::{
    Blob, Desired, Event, Horizon, Known, Rules, State, Timeline, Valid, delete, difference, put, set_value, tag,
    untag, without_ended,
};
use entitydb::types::{NewEvent, Ns, Op, Xid};
use model::{Answer, Asked, Fact, Model, When};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const TAGS: [&str; 11] = ["a", "a:", ":", ":x", "b", "r", "r:", "r:x", "r:s:x", "r:s:y", "rs:x"];
const NAMESPACES: [&str; 5] = ["", "a", "r", "r:s", "rs"];
/// Of one length, but for the empty one, so that only the bytes tell them apart.
const CONTENTS: [&str; 3] = ["", "one", "two"];
const INSTANTS: std::ops::Range<i64> = 0..7;

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn any_tag() -> impl Strategy<Value = Vec<u8>> {
    select(&TAGS[..]).prop_map(bytes)
}

fn any_content() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::weighted(0.8, select(&CONTENTS[..]).prop_map(bytes))
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let ops = prop_oneof![
        2 => Just(Op::Create), 8 => Just(Op::Assert), 4 => Just(Op::Retract),
        5 => Just(Op::Content), 2 => Just(Op::Delete), 1 => Just(Op::Cancel),
    ];
    (ops, INSTANTS, 1..5u64, any::<bool>(), any_tag(), any_content()).prop_map(|(op, ts, tx, stamped, tag, content)| {
        let tag = matches!(op, Op::Assert | Op::Retract).then_some(tag);
        let content = if op == Op::Content { content } else { None };
        Fact { ts, seq: 0, tx, stamped, op, tag, content }
    })
}

fn any_model() -> impl Strategy<Value = Model> {
    let one = subsequence(NAMESPACES.to_vec(), 0..=NAMESPACES.len());
    (proptest::collection::vec(any_fact(), 0..24), one).prop_map(|(mut facts, one)| {
        for (n, fact) in facts.iter_mut().enumerate() {
            fact.seq = n as u32 + 1;
        }
        Model { facts, one: one.into_iter().map(bytes).collect() }
    })
}

fn any_asked() -> impl Strategy<Value = Asked> {
    let own = proptest::option::of((1..5u64, INSTANTS));
    let when =
        prop_oneof![(-1..8i64).prop_map(When::At), (INSTANTS, own).prop_map(|(clock, own)| When::Plain { clock, own })];
    let known = subsequence(vec![1, 2, 3, 4u64], 0..=4).prop_map(|known| known.into_iter().collect());
    (when, proptest::option::of(known)).prop_map(|(when, known)| Asked { when, known })
}

/// Content of an even seq lies in memory, of an odd one in a segment, each at a place of its own.
fn blob(seq: u32, content: &[u8]) -> Blob {
    if seq.is_multiple_of(2) {
        return Blob::Inline(content.into());
    }
    let at = CONTENTS.iter().position(|known| known.as_bytes() == content).expect("content from the pool");
    let offset = u64::from(seq) * CONTENTS.len() as u64 + at as u64;
    Blob::Stored { segment: 0, offset, len: content.len() as u32, hash: 0 }
}

fn read(blob: &Blob) -> Vec<u8> {
    match blob {
        Blob::Inline(content) => content.to_vec(),
        Blob::Stored { offset, .. } => bytes(CONTENTS[(*offset % CONTENTS.len() as u64) as usize]),
    }
}

/// The model's facts as the engine holds them; the order in which it is given them does not matter.
fn timeline(model: &Model) -> Timeline {
    let event = |fact: &Fact| Event {
        ts: Ns(fact.ts),
        seq: fact.seq,
        tx: Xid(fact.tx),
        recorded_at: None,
        stamped: fact.stamped,
        op: fact.op,
        tag: fact.tag.as_deref().map(Arc::from),
        content: fact.content.as_deref().map(|content| blob(fact.seq, content)),
    };
    Timeline::new(model.facts.iter().rev().map(event).collect())
}

fn horizon(asked: &Asked) -> Horizon {
    let valid = match asked.when {
        When::At(t) => Valid::At(Ns(t)),
        When::Plain { clock, own } => Valid::Now { clock: Ns(clock), own: own.map(|(tx, clock)| (Xid(tx), Ns(clock))) },
    };
    let known = asked.known.clone().map(|known| Arc::new(move |tx: Xid, _| known.contains(&tx.0)) as Known);
    Horizon { valid, known }
}

fn engine_state(model: &Model, asked: &Asked) -> Option<State> {
    let rules = Rules { one: model.one.clone() };
    timeline(model).state(&horizon(asked), &rules, &|a, b| Ok(read(a) == read(b))).expect("reading does not fail")
}

fn answer(state: &State) -> Answer {
    Answer {
        tags: state.tags.iter().map(|tag| tag.to_vec()).collect(),
        content: state.content.as_ref().map(read),
        created_at: state.created_at.0,
        updated_at: state.updated_at.0,
        version: state.version,
    }
}

/// What a reader sees of an entity: its tags and its content.
type Picture = (BTreeSet<Vec<u8>>, Option<Vec<u8>>);

fn picture(model: &Model, t: i64) -> Option<Picture> {
    model.state(&Asked::at(t)).map(|answer| (answer.tags.into_iter().collect(), answer.content))
}

/// Records the events, which must be of the instant `at`, and checks that no earlier instant answers otherwise.
fn recorded(model: &Model, events: &[NewEvent], at: i64, stamped: bool) -> Model {
    let mut after = model.clone();
    after.record(9, events);
    assert!(events.iter().all(|event| event.ts.0 >= at));
    assert!(events.iter().all(|event| event.op == Op::Cancel || (event.ts.0, event.stamped) == (at, stamped)));
    for t in -1..at {
        assert_eq!(after.state(&Asked::at(t)), model.state(&Asked::at(t)), "at {t}");
    }
    after
}

/// The given tags, without those that an earlier one excludes: what a caller may ask for (22023 else).
fn coexisting(model: &Model, tags: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for tag in tags {
        if !kept.iter().any(|other| model.exclude(other, &tag)) {
            kept.push(tag);
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn s5_states_are_the_models(model in any_model(), asked in any_asked()) {
        let state = engine_state(&model, &asked);
        prop_assert_eq!(state.as_ref().map(answer), model.state(&asked));
        prop_assert_eq!(timeline(&model).max_seq(), model.facts.len() as u32);
    }

    #[test]
    fn s13_existence_and_later_instants_are_the_models(model in any_model(), t in -1..8i64) {
        let timeline = timeline(&model);
        prop_assert_eq!(timeline.exists_at_or_after(Ns(t)), model.exists_at_or_after(t));
        let later: Vec<i64> = timeline.later_instants(Ns(t)).into_iter().map(|ts| ts.0).collect();
        prop_assert_eq!(later, model.later_instants(t).into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn s4_s5_toggles_give_the_state_at_every_instant(model in any_model()) {
        let toggles = timeline(&model).transitions(&Rules { one: model.one.clone() });
        for pair in toggles.windows(2) {
            prop_assert!((&pair[0].0, pair[0].1) < (&pair[1].0, pair[1].1), "sorted by tag and instant, once each");
            prop_assert!(if pair[0].0 == pair[1].0 { pair[0].2 != pair[1].2 } else { pair[1].2 }, "each toggles");
        }
        prop_assert!(toggles.first().is_none_or(|first| first.2));
        for t in -1..8 {
            // The tags with an odd number of toggles up to an instant are those that hold at it.
            let mut held = BTreeSet::new();
            for (tag, _, _) in toggles.iter().filter(|(_, ts, _)| ts.0 <= t) {
                if !held.remove(tag) {
                    held.insert(tag.clone());
                }
            }
            let exists = held.remove(&None);
            let tags: Vec<Vec<u8>> = held.into_iter().flatten().map(|tag| tag.to_vec()).collect();
            let state = model.state(&Asked::at(t));
            prop_assert_eq!(exists, state.is_some());
            prop_assert_eq!(tags, state.map(|state| state.tags).unwrap_or_default());
        }
    }

    #[test]
    fn s7_put_reaches_what_is_wanted_with_events_only_where_something_changes(
        model in any_model(),
        at in INSTANTS,
        stamped in any::<bool>(),
        tags in proptest::option::of(proptest::collection::vec(any_tag(), 0..6)),
        content in proptest::option::of(any_content()),
    ) {
        let new = Desired { tags: tags.map(|tags| coexisting(&model, tags)), content };
        let old = engine_state(&model, &Asked::at(at));
        let old_content = old.as_ref().and_then(|old| old.content.as_ref()).map(read);
        let events = put(old.as_ref().map(|old| (old, old_content.as_deref())), new.clone(), Ns(at), stamped);
        if let Some(old) = &old {
            prop_assert_eq!(&events, &difference(old, old_content.as_deref(), new.clone(), Ns(at), stamped));
        }
        let before = picture(&model, at);
        let (old_tags, old_content) = before.clone().unwrap_or_default();
        let wanted = (new.tags.map_or(old_tags, |tags| tags.into_iter().collect()), new.content.unwrap_or(old_content));
        prop_assert_eq!(events.is_empty(), before.as_ref() == Some(&wanted));
        let after = recorded(&model, &events, at, stamped);
        prop_assert_eq!(picture(&after, at), Some(wanted));
        // What an assert ends by itself need not be retracted: no instant has another state without.
        let fewer = without_ended(events, &Rules { one: model.one.clone() });
        let fewer = recorded(&model, &fewer, at, stamped);
        for t in 0..14 {
            prop_assert_eq!(picture(&fewer, t), picture(&after, t));
        }
    }

    #[test]
    fn s7_tag_untag_and_set_value_change_what_they_say(
        model in any_model(),
        at in INSTANTS,
        stamped in any::<bool>(),
        one_tag in any_tag(),
        namespace in select(&NAMESPACES[..]),
        value in select(&["x", "s:x", ""][..]),
    ) {
        let old = engine_state(&model, &Asked::at(at));
        prop_assume!(old.is_some());
        let old = old.expect("assumed");
        let (tags, content) = picture(&model, at).expect("it exists");
        let asserted = |tags: &BTreeSet<Vec<u8>>, tag: &Vec<u8>| {
            let kept = tags.iter().filter(|other| !model.exclude(other, tag));
            kept.chain([tag]).cloned().collect::<BTreeSet<_>>()
        };
        let prefix = format!("{namespace}:");
        let outside = tags.iter().filter(|tag| !tag.starts_with(prefix.as_bytes())).cloned().collect();
        let without = tags.iter().filter(|tag| **tag != one_tag).cloned().collect();
        let cases = [
            (tag(&old, &one_tag, Ns(at), stamped), asserted(&tags, &one_tag)),
            (untag(&old, &one_tag, Ns(at), stamped), without),
            (
                set_value(&old, namespace.as_bytes(), value.as_bytes(), Ns(at), stamped),
                asserted(&outside, &bytes(&format!("{prefix}{value}"))),
            ),
        ];
        for (events, wanted) in cases {
            prop_assert_eq!(events.is_empty(), wanted == tags);
            let after = recorded(&model, &events, at, stamped);
            prop_assert_eq!(picture(&after, at), Some((wanted, content.clone())));
        }
    }

    #[test]
    fn s6_delete_ends_everything_from_its_instant_on(model in any_model(), at in INSTANTS, stamped in any::<bool>()) {
        let exists_then = model.state(&Asked::at(at)).is_some();
        let events = delete(&timeline(&model), exists_then, Ns(at), stamped);
        prop_assert_eq!(events.is_empty(), !model.exists_at_or_after(at));
        let after = recorded(&model, &events, at, stamped);
        prop_assert!(!after.exists_at_or_after(at));
        if !events.is_empty() {
            prop_assert_eq!(after.later_instants(at).len(), 0);
        }
        let again = delete(&timeline(&after), false, Ns(at), stamped);
        prop_assert_eq!(again, vec![]);
    }
}
