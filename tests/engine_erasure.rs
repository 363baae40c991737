//! What is erased is in no file that is left, whatever wrote it (S16).
//!
//! Invariant: the files are searched byte by byte; what shall be gone is first found in those that are replaced.

use std::collections::BTreeSet;
use std::sync::Arc;

use entitydb::engine::{BuildOptions, Load, LoadMode, Opened, Removal, Rules, View, rewrite, seal, verify};
use entitydb::segment::{Kind, MemoryFiles};
use entitydb::types::{ChangeSet, Micros, NewEvent, Ns, Op, Ordinal, Xid};

const OPTIONS: BuildOptions = BuildOptions { compress: true, compression_threshold: 8 };

fn times(_: Xid) -> Option<Micros> {
    None
}

fn event(ts: i64, op: Op, tag: Option<&str>, content: Option<&str>) -> NewEvent {
    NewEvent { ts: Ns(ts), stamped: false, op, tag: tag.map(Into::into), content: content.map(Into::into) }
}

fn set(id: &str, ordinal: u32, first_seq: u32, events: Vec<NewEvent>) -> ChangeSet {
    ChangeSet {
        id: id.into(),
        ordinal: Ordinal(ordinal),
        first_seq,
        tx: Xid(3),
        recorded_at: None,
        events,
        stored: Vec::new(),
    }
}

fn long(of: &str) -> String {
    format!("a content over the threshold, of {of}")
}

/// The files published so far, without those that were replaced.
fn view(files: &MemoryFiles, replaced: &[String]) -> View {
    let open = |(name, bytes): &(String, Vec<u8>)| Opened::open(name, Arc::new(bytes.clone())).expect("opens");
    let published = files.published.lock();
    let segments = published.iter().filter(|(name, _)| !replaced.contains(name)).map(open).collect();
    View::new(segments, Vec::new(), Rules::default(), || {}).expect("the view opens")
}

#[test]
fn s16_an_erased_entity_leaves_no_byte() {
    let mut files = MemoryFiles::default();
    let first = vec![
        set("keeps-1", 1, 1, vec![event(1, Op::Content, None, Some("short-1"))]),
        set("gone-1", 2, 1, vec![event(1, Op::Content, None, Some("short-2"))]),
        set("gone-1", 2, 2, vec![event(2, Op::Content, None, Some(&long("gone")))]),
    ];
    seal(&view(&files, &[]), first, &times, &OPTIONS, &mut files).expect("seals");
    // A file with nothing of it, one with contents that no event names, and one with its tags.
    let second = vec![set("keeps-2", 3, 1, vec![event(3, Op::Content, None, Some(&long("keeps")))])];
    let sealed = seal(&view(&files, &[]), second, &times, &OPTIONS, &mut files).expect("seals");
    let untouched = sealed.iter().find(|info| info.kind == Kind::Content).expect("has contents").name.clone();
    let mut load = Load::new(LoadMode::Event, Xid(9), OPTIONS);
    for event in [event(2, Op::Content, None, Some(&long("gone"))), event(2, Op::Assert, Some("told:secret"), None)] {
        load.push_event(b"gone-1", &event, false, &mut files).expect("pushes");
    }
    load.finish(&view(&files, &[]), &mut |_| Ok(100), &mut files, &|start| start()).expect("loads");

    let base = view(&files, &[]);
    let mut removal = Removal::default();
    removal.entity(base.resolve(b"gone-1").expect("resolves").expect("is there"));
    let gone = BTreeSet::from([b"gone-1".to_vec(), b"never-was".to_vec()]);
    let (built, replaced) =
        rewrite(&base, &removal, &gone, &BTreeSet::new(), &times, &OPTIONS, &mut files).expect("erases");
    assert!(!replaced.contains(&untouched), "a file with nothing of what goes is replaced");
    assert_eq!(built.iter().map(|info| info.kind).collect::<Vec<_>>(), [Kind::Content, Kind::Ids, Kind::Tile]);

    let has = |bytes: &[u8], part: &str| bytes.windows(part.len()).any(|window| window == part.as_bytes());
    let (mut seen, mut left) = (0, 0);
    for (name, bytes) in files.published.lock().iter() {
        let found = ["gone", "short-2", "told:", "secret"].iter().any(|part| has(bytes, part));
        if replaced.contains(name) {
            seen += usize::from(found);
        } else {
            assert!(!found, "{name} still holds it");
            left += usize::from(has(bytes, "keeps-1") || has(bytes, "short-1"));
        }
    }
    assert!(seen >= 3 && left == 2, "{seen} files held what goes, {left} hold what stays");
    let after = view(&files, &replaced);
    assert_eq!(after.event_count(), 2);
    assert!(verify(&after).iter().all(|check| check.ok));
}
