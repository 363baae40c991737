//! Tests of a view over change sets alone.
//!
//! Invariant: what needs no evaluated state is tested here; states are compared in `tests/engine_model.rs`.

use std::ops::Bound;

use super::{Rules, TagExpr, View};
use crate::types::{ChangeSet, NewEvent, Ns, Op, Ordinal, Xid};

fn set(id: &str, ordinal: u32, first_seq: u32, tags: &[&str]) -> ChangeSet {
    let event = |tag: &&str| NewEvent {
        ts: Ns(7),
        stamped: true,
        op: Op::Assert,
        tag: Some(tag.as_bytes().to_vec()),
        content: None,
    };
    ChangeSet {
        id: id.as_bytes().to_vec(),
        ordinal: Ordinal(ordinal),
        first_seq,
        tx: Xid(3),
        recorded_at: None,
        stored: Vec::new(),
        events: tags.iter().map(event).collect(),
    }
}

fn view() -> View {
    let sets =
        vec![set("b", 1, 2, &["y"]), set("c", 0, 1, &["x"]), set("b", 1, 1, &["x"]), set("a", 70_000, 1, &["z"])];
    View::new(Vec::new(), sets, Rules::default(), || {}).expect("a view without segments opens")
}

#[test]
fn ids_and_ordinals_resolve_both_ways() {
    let view = view();
    for (id, ordinal) in [(b"a", 70_000), (b"b", 1), (b"c", 0)] {
        assert_eq!(view.resolve(id).expect("resolves"), Some(Ordinal(ordinal)));
        assert_eq!(view.id(Ordinal(ordinal)).expect("has an id").as_ref(), id);
    }
    assert_eq!(view.resolve(b"d").expect("resolves"), None);
    assert!(view.id(Ordinal(2)).is_err());
    assert_eq!(view.ordinals().expect("lists"), [Ordinal(0), Ordinal(1), Ordinal(70_000)]);
    assert_eq!(view.event_count(), 4);
}

#[test]
fn ranges_of_ids_respect_both_bounds() {
    let view = view();
    let ids = |lower, upper| -> Vec<u8> {
        view.ids_between(lower, upper).expect("lists").into_iter().map(|(id, _)| id[0]).collect()
    };
    assert_eq!(ids(Bound::Unbounded, Bound::Unbounded), b"abc");
    assert_eq!(ids(Bound::Excluded(b"a"), Bound::Included(b"c")), b"bc");
    assert_eq!(ids(Bound::Included(b"a"), Bound::Excluded(b"c")), b"ab");
    assert_eq!(ids(Bound::Included(b"bb"), Bound::Unbounded), b"c");
}

#[test]
fn estimates_follow_the_asserts() {
    let view = view();
    let estimate = |expr: &TagExpr| view.estimate(expr).expect("estimates");
    assert!((estimate(&TagExpr::Exists) - 3.0).abs() < 1e-9);
    assert!((estimate(&TagExpr::Tag(b"x".to_vec())) - 2.0).abs() < 1e-9);
    assert!((estimate(&TagExpr::Never)).abs() < 1e-9);
}

#[test]
fn holds_follows_the_tree() {
    let tags: [&[u8]; 2] = [b"type:user", b"status:new"];
    let tag = |t: &str| TagExpr::Tag(t.as_bytes().to_vec());
    let holds = |expr: TagExpr| expr.holds(Ordinal(5), &tags);
    assert!(holds(TagExpr::And(vec![])));
    assert!(!holds(TagExpr::Or(vec![])));
    assert!(holds(TagExpr::And(vec![tag("type:user"), TagExpr::Not(Box::new(tag("status:old")))])));
    assert!(holds(TagExpr::Prefix(b"status:".to_vec())));
    assert!(!holds(TagExpr::Prefix(b"stat:".to_vec())));
    assert!(holds(TagExpr::Ordinals([5].into_iter().collect())));
    assert!(!holds(TagExpr::Not(Box::new(TagExpr::Exists))));
}
