//! The rules of one entity, each in a history small enough to read.
//!
//! Invariant: a test carries the number of the rule that it pins.

use std::sync::Arc;

use entitydb::engine::{
    Blob, Desired, Event, Horizon, Rules, State, Timeline, cancel_later, delete, difference, insert, set_value, tag,
};
use entitydb::types::{Micros, NewEvent, Ns, Op, Xid};

/// A user-dated event of the instant `ts`; the word after the operation is its tag or its content.
fn said(ts: i64, words: &str) -> NewEvent {
    let (name, rest) = words.split_once(' ').map_or((words, None), |(name, rest)| (name, Some(rest.as_bytes())));
    let op = Op::from_name(name.as_bytes()).expect("an operation");
    let (tag, content) = if op == Op::Content { (None, rest) } else { (rest, None) };
    NewEvent { ts: Ns(ts), stamped: false, op, tag: tag.map(<[u8]>::to_vec), content: content.map(<[u8]>::to_vec) }
}

/// The timeline of events that were recorded in this order.
fn recorded(events: &[NewEvent]) -> Timeline {
    let event = |(n, event): (usize, &NewEvent)| Event {
        ts: event.ts,
        seq: n as u32 + 1,
        tx: Xid(1),
        recorded_at: None,
        stamped: event.stamped,
        op: event.op,
        tag: event.tag.as_deref().map(Arc::from),
        content: event.content.as_deref().map(|content| Blob::Inline(content.into())),
    };
    Timeline::new(events.iter().enumerate().map(event).collect())
}

fn history(events: &[(i64, &str)]) -> Timeline {
    recorded(&events.iter().map(|(ts, words)| said(*ts, words)).collect::<Vec<_>>())
}

fn read(blob: &Blob) -> &[u8] {
    match blob {
        Blob::Inline(content) => content,
        Blob::Stored { .. } => panic!("these histories keep content in memory"),
    }
}

fn state(timeline: &Timeline, one: &[&str], t: i64) -> Option<State> {
    let rules = Rules { one: one.iter().map(|namespace| namespace.as_bytes().to_vec()).collect() };
    timeline.state(&Horizon::at(Ns(t)), &rules, &|a, b| Ok(read(a) == read(b))).expect("nothing fails")
}

/// Tags and content as one line of text, `-` where the entity does not exist.
fn shown(timeline: &Timeline, one: &[&str], t: i64) -> String {
    let Some(state) = state(timeline, one, t) else { return "-".into() };
    let tags: Vec<String> = state.tags.iter().map(|tag| String::from_utf8_lossy(tag).into()).collect();
    let content = state.content.as_ref().map(|blob| String::from_utf8_lossy(read(blob)).into_owned());
    format!("{{{}}} {}", tags.join(","), content.as_deref().unwrap_or("null"))
}

fn names(events: &[NewEvent]) -> Vec<String> {
    let said = |event: &NewEvent| {
        let rest = event.tag.as_ref().or(event.content.as_ref());
        let rest = rest.map(|rest| format!(" {}", String::from_utf8_lossy(rest))).unwrap_or_default();
        format!("{} {}{rest}", event.ts.0, event.op)
    };
    events.iter().map(said).collect()
}

#[test]
fn s4_the_value_asserted_last_holds_in_every_enclosing_namespace() {
    let timeline = history(&[(1, "assert rbac:role:admin"), (1, "assert rbacs:x"), (2, "assert rbac:team")]);
    assert_eq!(shown(&timeline, &[], 2), "{rbac:role:admin,rbac:team,rbacs:x} null");
    assert_eq!(shown(&timeline, &["rbac:role"], 2), "{rbac:role:admin,rbac:team,rbacs:x} null");
    assert_eq!(shown(&timeline, &["rbac"], 2), "{rbac:team,rbacs:x} null");
}

#[test]
fn s4_a_backdated_value_lasts_until_the_next_assert_of_its_namespace() {
    let timeline = history(&[(10, "assert s:new"), (30, "assert s:paid"), (20, "assert s:held")]);
    let seen: Vec<String> = [10, 20, 29, 30].map(|t| shown(&timeline, &["s"], t)).into();
    assert_eq!(seen, ["{s:new} null", "{s:held} null", "{s:held} null", "{s:paid} null"]);
}

#[test]
fn s4_a_retracted_value_does_not_bring_back_the_one_before() {
    let timeline = history(&[(1, "assert s:a"), (2, "assert s:b"), (3, "retract s:b")]);
    assert_eq!(shown(&timeline, &["s"], 3), "{} null");
    assert_eq!(shown(&timeline, &[], 3), "{s:a} null");
}

#[test]
fn s5_the_later_seq_holds_at_one_instant() {
    let timeline = history(&[(1, "assert a"), (1, "retract a"), (1, "content x"), (1, "content y")]);
    assert_eq!(shown(&timeline, &[], 1), "{} y");
    assert_eq!(shown(&timeline, &[], 0), "-");
}

#[test]
fn s5_updated_at_is_that_of_the_latest_change_and_version_of_the_latest_event() {
    let timeline = history(&[
        (1, "assert a"),
        (2, "content x"),
        (3, "content y"),
        (4, "assert a"),
        (5, "content y"),
        (6, "retract b"),
        (7, "create"),
    ]);
    let state = state(&timeline, &[], 9).expect("it exists");
    assert_eq!((state.created_at, state.updated_at, state.version), (Ns(1), Ns(3), 7));
}

#[test]
fn s5_content_is_compared_only_where_it_decides() {
    let timeline = history(&[(1, "content x"), (2, "content y"), (3, "content z"), (4, "assert a")]);
    let never = |_: &Blob, _: &Blob| -> entitydb::error::Result<bool> { panic!("the assert decides") };
    let state = timeline.state(&Horizon::at(Ns(4)), &Rules::default(), &never).expect("nothing fails");
    assert_eq!(state.expect("it exists").updated_at, Ns(4));
}

#[test]
fn s5_transitions_are_the_net_of_each_instant() {
    let timeline =
        history(&[(1, "assert s:a"), (2, "retract s:a"), (2, "assert s:a"), (3, "assert s:b"), (4, "delete")]);
    let rules = Rules { one: [b"s".to_vec()].into() };
    let toggles = timeline.transitions(&rules);
    let shown: Vec<(String, i64, bool)> = toggles
        .into_iter()
        .map(|(tag, ts, on)| (tag.map_or("exists".into(), |tag| String::from_utf8_lossy(&tag).into()), ts.0, on))
        .collect();
    let wanted = [
        ("exists", 1, true),
        ("exists", 4, false),
        ("s:a", 1, true),
        ("s:a", 3, false),
        ("s:b", 3, true),
        ("s:b", 4, false),
    ];
    assert_eq!(shown, wanted.map(|(tag, ts, on)| (tag.to_owned(), ts, on)));
}

#[test]
fn s6_nothing_comes_back_on_recreation_and_the_past_stays() {
    let timeline = history(&[(1, "assert a"), (1, "content x"), (5, "delete"), (8, "create")]);
    let seen: Vec<String> = [4, 5, 8].map(|t| shown(&timeline, &[], t)).into();
    assert_eq!(seen, ["{a} x", "-", "{} null"]);
    assert_eq!(state(&timeline, &[], 8).expect("it exists").created_at, Ns(8));
}

#[test]
fn s6_a_cancel_takes_back_its_instant_and_not_what_is_recorded_later() {
    let timeline = history(&[(1, "assert a"), (5, "assert b"), (5, "cancel"), (5, "assert c")]);
    assert_eq!(shown(&timeline, &[], 5), "{a,c} null");
    assert_eq!(timeline.later_instants(Ns(0)), [Ns(1), Ns(5)]);
}

#[test]
fn s6_delete_cancels_later_instants_user_dated() {
    let timeline =
        history(&[(1, "create"), (7, "assert a"), (7, "assert b"), (9, "content x"), (8, "create"), (8, "cancel")]);
    let events = delete(&timeline, true, Ns(3), true);
    assert_eq!(names(&events), ["3 delete", "7 cancel", "9 cancel"]);
    assert_eq!(events.iter().map(|event| event.stamped).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(names(&cancel_later(&timeline, Ns(7))), ["9 cancel"]);
}

#[test]
fn s6_delete_of_what_exists_only_later_takes_that_back_alone() {
    let timeline = history(&[(5, "create"), (9, "assert a")]);
    assert_eq!(names(&delete(&timeline, false, Ns(3), false)), ["5 cancel", "9 cancel"]);
    let gone = history(&[(1, "create"), (5, "delete"), (9, "retract a")]);
    assert_eq!(delete(&gone, false, Ns(6), false), []);
}

#[test]
fn s7_a_new_entity_says_create_then_distinct_tags_by_bytes_then_content() {
    let tags = ["b", "a", "b", "B"].map(|tag| tag.as_bytes().to_vec());
    assert_eq!(
        names(&insert(Ns(4), false, &tags, Some(b"x".to_vec()))),
        ["4 create", "4 assert B", "4 assert a", "4 assert b", "4 content x"]
    );
    assert_eq!(names(&insert(Ns(4), true, &[], None)), ["4 create"]);
    assert!(insert(Ns(4), true, &tags, None).iter().all(|event| event.stamped));
}

#[test]
fn s7_a_value_replaces_nested_ones_and_says_nothing_twice() {
    let timeline = history(&[(1, "assert r:s:x"), (1, "assert r:y"), (1, "assert rs:z"), (1, "assert r")]);
    let old = state(&timeline, &[], 1).expect("it exists");
    assert_eq!(names(&set_value(&old, b"r", b"z", Ns(2), true)), ["2 retract r:s:x", "2 retract r:y", "2 assert r:z"]);
    assert_eq!(set_value(&old, b"rs", b"z", Ns(2), true), []);
    assert_eq!(tag(&old, b"r", Ns(2), true), []);
}

#[test]
fn s9_a_write_at_a_microsecond_lands_on_its_last_instant() {
    let timeline = history(&[(4_999, "create"), (5_001, "assert a"), (5_999, "assert b"), (6_000, "assert c")]);
    assert_eq!(timeline.landing(Micros(5)), Ns(5_999));
    assert_eq!(timeline.landing(Micros(6)), Ns(6_000));
    assert_eq!(timeline.landing(Micros(7)), Ns(7_000));
    assert_eq!(history(&[(-1, "create")]).landing(Micros(-1)), Ns(-1));
}

#[test]
fn s13_what_lasts_for_an_instant_alone_counts_and_what_ends_in_it_does_not() {
    let timeline = history(&[(2, "create"), (3, "delete"), (5, "assert a"), (5, "delete")]);
    let seen = [1, 2, 3, 5].map(|t| timeline.exists_at_or_after(Ns(t)));
    assert_eq!(seen, [true, true, false, false]);
    assert!(!history(&[(5, "retract a")]).exists_at_or_after(Ns(0)));
    assert!(!history(&[(5, "create"), (5, "cancel")]).exists_at_or_after(Ns(0)));
}

#[test]
fn s20_an_update_looks_only_at_what_differs() {
    let timeline = history(&[(1, "assert a"), (1, "assert b"), (1, "content x")]);
    let old = state(&timeline, &[], 1).expect("it exists");
    let tags = |tags: &[&str]| Some(tags.iter().map(|tag| tag.as_bytes().to_vec()).collect());
    let same = Desired { tags: tags(&["b", "a", "b"]), content: Some(Some(b"x".to_vec())) };
    assert_eq!(difference(&old, Some(b"x"), same, Ns(2), true), []);
    let other = Desired { tags: tags(&["c", "a"]), content: Some(None) };
    let events = difference(&old, Some(b"x"), other, Ns(2), true);
    assert_eq!(names(&events), ["2 retract b", "2 assert c", "2 content"]);
    let empty = Desired { tags: None, content: Some(Some(Vec::new())) };
    assert_eq!(names(&difference(&old, None, empty, Ns(2), true)), ["2 content "]);
}
