//! The golden store: the files of `tests/data/v1` answer as they always did, and are built again byte by byte.
//!
//! Invariant: nothing here is random, neither names nor events, and the answers beside the files were written by the
//! naive model, not by the engine. A deliberate change of the format, or of what a builder writes, is recorded by
//! `ENTITYDB_GOLDEN=write cargo test --no-default-features --test golden`.

mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use entitydb::engine::{
    BuildOptions, Horizon, Load, LoadMode, Opened, Rules, Select, TagExpr, Valid, View, compact, facets, seal, verify,
};
use entitydb::segment::{Kind, MemoryFiles};
use entitydb::types::{ChangeSet, Micros, NewEvent, Ns, Op, Ordinal, Xid};
use model::{Answer, Asked, Model, When};

const OPTIONS: BuildOptions = BuildOptions { compress: true, compression_threshold: 64 };
/// 2000-01-01 UTC.
const START: i64 = 946_684_800_000_000_000;
const HOUR: i64 = 3_600_000_000_000;
/// The first of the transactions that write.
const TX: u64 = 1_000;
/// What the plain read takes for the wall clock: in the middle of what stage three records.
const CLOCK: i64 = START + 9_000 * HOUR;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1")
}

fn times(tx: Xid) -> Option<Micros> {
    Some(Micros(START / 1000 + tx.0 as i64 * 1_000_000))
}

/// A generator that is the same on every machine and in every version of every library.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The store as the catalog and the delta would hold it, beside a model of each entity.
struct Store {
    files: MemoryFiles,
    segments: Vec<(String, Vec<u8>)>,
    taken: usize,
    delta: Vec<ChangeSet>,
    model: BTreeMap<Vec<u8>, Model>,
    ordinals: BTreeMap<Vec<u8>, Ordinal>,
}

/// The `n`th id: ids differ in length and sort otherwise than they came; every twentieth lies in the second chunk.
fn id(n: u32) -> Vec<u8> {
    match n % 3 {
        0 => format!("issue/{n}").into_bytes(),
        1 => format!("pfad/ä/{:05}", n * 7_919 % 100_000).into_bytes(),
        _ => format!("user:{:x}", n * 2_654_435 % 65_536).into_bytes(),
    }
}

fn ordinal(n: u32) -> Ordinal {
    Ordinal(if n % 20 == 19 { 65_530 + n } else { 7 + 2 * n })
}

fn event(ts: i64, stamped: bool, op: Op, tag: Option<&str>) -> NewEvent {
    NewEvent { ts: Ns(ts), stamped, op, tag: tag.map(|t| t.as_bytes().to_vec()), content: None }
}

fn content(ts: i64, bytes: Option<Vec<u8>>) -> NewEvent {
    NewEvent { ts: Ns(ts), stamped: false, op: Op::Content, tag: None, content: bytes }
}

/// Contents of all sizes: none, empty, below and above the threshold of compression, larger than a block.
fn bytes(n: u64) -> Option<Vec<u8>> {
    let len = [1, 40, 300, 9_000][(n / 2 % 4) as usize] * (n as usize % 5);
    (!n.is_multiple_of(11)).then(|| (0..len).map(|i| b"lorem ipsum "[(i + n as usize) % 12]).collect())
}

impl Store {
    fn view(&self, delta: bool) -> Arc<View> {
        let sets = if delta { self.delta.clone() } else { Vec::new() };
        Arc::new(View::new(opened(&self.segments), sets, Rules::default(), || {}).expect("the view opens"))
    }

    fn write(&mut self, n: u32, tx: u64, recorded_at: Option<i64>, events: Vec<NewEvent>) {
        let id = id(n);
        self.ordinals.insert(id.clone(), ordinal(n));
        let model = self.model.entry(id.clone()).or_default();
        let first_seq = model.facts.len() as u32 + 1;
        model.record(tx, &events);
        let recorded_at = recorded_at.map(Micros);
        self.delta.push(ChangeSet {
            id,
            ordinal: ordinal(n),
            first_seq,
            tx: Xid(tx),
            recorded_at,
            events,
            stored: Vec::new(),
        });
    }

    fn adopt(&mut self, replaced: &[String]) {
        self.segments.retain(|(name, _)| !replaced.contains(name));
        let published = self.files.published.lock();
        self.segments.extend_from_slice(&published[self.taken..]);
        self.taken = published.len();
    }

    fn seal(&mut self) {
        let base = self.view(false);
        let sets = std::mem::take(&mut self.delta);
        seal(&base, sets, &times, &OPTIONS, &mut self.files.clone()).expect("seals");
        self.adopt(&[]);
    }

    fn compact(&mut self) {
        let (_, replaced) = compact(&self.view(false), &times, &mut self.files.clone()).expect("compacts");
        self.adopt(&replaced);
    }

    /// Loads facts of entities that are there and of new ones through the event face, and once more, which adds nothing.
    fn load(&mut self, facts: &[(u32, NewEvent)], tx: u64) {
        for tx in [tx, tx + 1] {
            let mut files = self.files.clone();
            let mut load = Load::new(LoadMode::Event, Xid(tx), OPTIONS);
            for (n, event) in facts {
                load.push_event(&id(*n), event, false, &mut files).expect("loads");
            }
            let mut next = 70_000;
            let mut ordinals = |count: u32| {
                next += count;
                Ok(next - count)
            };
            load.finish(&self.view(true), &mut ordinals, &mut files, &|start| start()).expect("finishes");
            self.adopt(&[]);
        }
        for (n, event) in facts {
            self.model.entry(id(*n)).or_default().record(tx, std::slice::from_ref(event));
        }
    }
}

/// The store: a tile of two runs, a run over it, a load over that, all four kinds of file.
fn build() -> Store {
    let mut store = Store {
        files: MemoryFiles::default(),
        segments: Vec::new(),
        taken: 0,
        delta: Vec::new(),
        model: BTreeMap::new(),
        ordinals: BTreeMap::new(),
    };
    let mut numbers = Numbers(1);
    // More toggles of one tag in one chunk than lie between two checkpoints.
    for n in 0..260 {
        let mut ts = START + i64::from(n) * HOUR;
        let mut events = vec![event(ts, true, Op::Create, None), event(ts, true, Op::Assert, Some("type:issue"))];
        for turn in 0..20 {
            ts += 1 + numbers.below(400 * HOUR as u64) as i64;
            let op = if turn % 2 == 0 { Op::Assert } else { Op::Retract };
            events.push(event(ts, turn % 3 == 0, op, Some("status:open")));
        }
        if n % 4 == 0 {
            events.push(content(ts, bytes(numbers.below(1_000))));
        }
        store.write(n, TX + u64::from(n % 7), None, events);
    }
    store.seal();
    for n in (0..300).step_by(3) {
        let ts = START + (4_000 + numbers.below(4_000) as i64) * HOUR;
        let mut events = vec![event(ts, false, Op::Assert, Some("a:b:c"))];
        match n % 4 {
            0 => events.push(event(ts, true, Op::Delete, None)),
            1 => events.push(content(ts - 5_000 * HOUR, bytes(numbers.below(1_000)))),
            2 => events.push(event(ts, false, Op::Cancel, None)),
            _ => {}
        }
        store.write(n, TX + 10, None, events);
    }
    store.seal();
    store.compact();
    for n in (0..320).step_by(2) {
        let ts = START + numbers.below(12_000) as i64 * HOUR;
        let tag = format!("label:{}", numbers.below(12));
        let events = vec![
            event(ts, n % 5 == 0, Op::Assert, Some(&tag)),
            event(ts, n % 5 == 0, Op::Retract, Some("type:issue")),
            content(ts + HOUR, bytes(numbers.below(1_000))),
        ];
        let recorded_at = (n % 8 == 0).then_some(START / 1000 + i64::from(n));
        store.write(n, TX + 20 + u64::from(n % 3), recorded_at, events);
    }
    store.seal();
    let mut facts = Vec::new();
    for n in 250..340 {
        let ts = START + numbers.below(12_000) as i64 * HOUR;
        facts.push((n, event(ts, false, Op::Assert, Some("loaded"))));
        facts.push((n, content(ts, bytes(u64::from(n)))));
    }
    store.load(&facts, TX + 30);
    store
}

fn opened(files: &[(String, Vec<u8>)]) -> Vec<Arc<Opened>> {
    files.iter().map(|(name, bytes)| Opened::open(name, Arc::new(bytes.clone())).expect("a file opens")).collect()
}

/// What is asked: each with the engine's and the model's way to say it.
fn questions() -> Vec<(String, Horizon, Asked)> {
    let mut all = Vec::new();
    for hours in [-6_000, 0, 300, 2_500, 5_000, 7_777, 20_000] {
        let ts = START + hours * HOUR;
        all.push((format!("as of {hours} h"), Horizon::at(Ns(ts)), Asked::at(ts)));
        let known: BTreeSet<u64> = (TX..TX + 22).collect();
        let set = known.clone();
        let horizon = Horizon { valid: Valid::At(Ns(ts)), known: Some(Arc::new(move |tx, _| set.contains(&tx.0))) };
        all.push((
            format!("as of {hours} h, as then known"),
            horizon,
            Asked { when: When::At(ts), known: Some(known) },
        ));
    }
    for own in [None, Some((TX + 20, CLOCK - 4_000 * HOUR))] {
        let valid = Valid::Now { clock: Ns(CLOCK), own: own.map(|(tx, ts)| (Xid(tx), Ns(ts))) };
        let asked = Asked { when: When::Plain { clock: CLOCK, own }, known: None };
        all.push((format!("now, own {}", own.is_some()), Horizon { valid, known: None }, asked));
    }
    all
}

fn selections() -> Vec<(&'static str, TagExpr)> {
    let tag = |tag: &str| TagExpr::Tag(tag.as_bytes().to_vec());
    let not = |e| TagExpr::Not(Box::new(e));
    vec![
        ("all", TagExpr::Exists),
        ("open", tag("status:open")),
        ("open issues", TagExpr::And(vec![tag("status:open"), tag("type:issue")])),
        (
            "neither labelled nor loaded",
            TagExpr::And(vec![not(TagExpr::Prefix(b"label:".to_vec())), not(tag("loaded"))]),
        ),
        ("label 3 or a:b:c", TagExpr::Or(vec![tag("label:3"), tag("a:b:c")])),
    ]
}

/// The answers as text: counts, a few entities in full, and checksums over all of them.
fn text(states: &[BTreeMap<Vec<u8>, Answer>], selected: &[Vec<BTreeSet<Vec<u8>>>], lives: &[(bool, usize)]) -> String {
    let crc = |shown: String| crc32fast::hash(shown.as_bytes());
    let mut out = String::new();
    for (((name, ..), states), selected) in questions().iter().zip(states).zip(selected) {
        writeln!(out, "{name}: {} entities, checksum {:08x}", states.len(), crc(format!("{states:?}"))).unwrap();
        for n in [0, 3, 19, 254, 339] {
            let Some(s) = states.get(&id(n)) else { continue };
            let tags: Vec<_> = s.tags.iter().map(|t| String::from_utf8_lossy(t)).collect();
            let bytes = s.content.as_ref().map_or("no".to_owned(), |c| format!("{} bytes of", c.len()));
            let name = String::from_utf8(id(n)).unwrap();
            writeln!(out, "  {name}: {} | {bytes} content | {} | {}", tags.join(" "), s.created_at, s.updated_at)
                .unwrap();
        }
        for ((name, _), ids) in selections().iter().zip(selected) {
            writeln!(out, "  {name}: {}, checksum {:08x}", ids.len(), crc(format!("{ids:?}"))).unwrap();
        }
    }
    writeln!(out, "lives: checksum {:08x}", crc(format!("{lives:?}"))).unwrap();
    out
}

/// The model's answers.
fn by_model(store: &Store) -> String {
    let (mut states, mut selected) = (Vec::new(), Vec::new());
    for (_, _, asked) in questions() {
        let all: BTreeMap<Vec<u8>, Answer> =
            store.model.iter().filter_map(|(id, model)| Some((id.clone(), model.state(&asked)?))).collect();
        let holds = |expr: &TagExpr, tags: &[Vec<u8>]| {
            let tags: Vec<Arc<[u8]>> = tags.iter().map(|t| t.as_slice().into()).collect();
            expr.holds(Ordinal(0), &tags)
        };
        let of = |expr: &TagExpr| all.iter().filter(|(_, s)| holds(expr, &s.tags)).map(|(id, _)| id.clone()).collect();
        selected.push(selections().iter().map(|(_, expr)| of(expr)).collect());
        states.push(all);
    }
    let life = |model: &Model| (model.exists_at_or_after(CLOCK), model.later_instants(CLOCK).len());
    text(&states, &selected, &store.model.values().map(life).collect::<Vec<_>>())
}

/// The engine's answers over these files.
fn by_engine(files: &[(String, Vec<u8>)]) -> String {
    let view = Arc::new(View::new(opened(files), Vec::new(), Rules::default(), || {}).expect("the view opens"));
    let ids = view.ids_between(std::ops::Bound::Unbounded, std::ops::Bound::Unbounded).expect("ids");
    let (mut states, mut selected) = (Vec::new(), Vec::new());
    for (_, horizon, _) in questions() {
        let mut all = BTreeMap::new();
        for (id, ordinal) in &ids {
            let Some(s) = view.state(*ordinal, &horizon).expect("a state") else { continue };
            let answer = Answer {
                tags: s.tags.iter().map(|t| t.to_vec()).collect(),
                content: s.content.as_ref().map(|c| view.content(c).expect("content").into_owned()),
                created_at: s.created_at.0,
                updated_at: s.updated_at.0,
                version: s.version,
            };
            all.insert(id.clone(), answer);
        }
        let of = |expr: &TagExpr| {
            let mut select = Select::new(view.clone(), expr.clone(), horizon.clone()).expect("selects");
            let mut found = BTreeSet::new();
            while let Some(chunk) = select.next_chunk().expect("a chunk") {
                found.extend(chunk.ordinals().map(|o| view.id(o).expect("an id").into_owned()));
            }
            found
        };
        selected.push(selections().iter().map(|(_, expr)| of(expr)).collect());
        states.push(all);
    }
    let life = |ordinal: &Ordinal| {
        let timeline = view.timeline(*ordinal).expect("a timeline");
        (timeline.exists_at_or_after(Ns(CLOCK)), timeline.later_instants(Ns(CLOCK)).len())
    };
    text(&states, &selected, &ids.iter().map(|(_, ordinal)| life(ordinal)).collect::<Vec<_>>())
}

/// The committed files, oldest first; written anew where that is asked for.
fn committed() -> Vec<(String, Vec<u8>)> {
    static WRITTEN: std::sync::Once = std::sync::Once::new();
    WRITTEN.call_once(|| {
        if std::env::var_os("ENTITYDB_GOLDEN").is_some_and(|v| v == "write") {
            write();
        }
    });
    let list = fs::read_to_string(folder().join("manifest")).expect("tests/data/v1/manifest");
    list.lines().map(|name| (name.to_owned(), fs::read(folder().join(name)).expect("a file of the manifest"))).collect()
}

fn write() {
    let store = build();
    if folder().exists() {
        fs::remove_dir_all(folder()).expect("the old store goes");
    }
    fs::create_dir_all(folder()).expect("a folder");
    let mut list = String::new();
    for (name, bytes) in &store.segments {
        fs::write(folder().join(name), bytes).expect("a file");
        writeln!(list, "{name}").unwrap();
    }
    fs::write(folder().join("manifest"), list).expect("a file");
    fs::write(folder().join("answers"), by_model(&store)).expect("a file");
}

#[test]
fn the_golden_store_answers_as_ever() {
    let files = committed();
    let kinds: BTreeSet<Kind> = opened(&files).iter().map(|file| file.kind()).collect();
    assert_eq!(kinds.len(), Kind::ALL.len(), "a kind of file is missing");
    let wanted = fs::read_to_string(folder().join("answers")).expect("tests/data/v1/answers");
    let found = by_engine(&files);
    for (found, wanted) in found.lines().zip(wanted.lines()) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found.lines().count(), wanted.lines().count());
    let view = Arc::new(View::new(opened(&files), Vec::new(), Rules::default(), || {}).expect("the view opens"));
    let faults: Vec<_> = verify(&view).into_iter().filter(|check| !check.ok).collect();
    assert!(faults.is_empty(), "{faults:?}");
    let labels = facets(&view, b"label", &TagExpr::Exists, &Horizon::at(Ns::AFTER_ALL)).expect("facets");
    assert_eq!(labels.len(), 12);
}

#[test]
fn the_golden_store_is_built_byte_by_byte() {
    let files = committed();
    let store = build();
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&store.segments), names(&files));
    for ((name, built), (_, kept)) in store.segments.iter().zip(&files) {
        let at = built.iter().zip(kept).position(|(a, b)| a != b);
        assert!(
            built == kept,
            "{name}: {} bytes were built, {} are kept, the first difference is at {at:?}; if that is wanted, see the top of this file",
            built.len(),
            kept.len(),
        );
    }
    assert_eq!(by_model(&store), fs::read_to_string(folder().join("answers")).expect("tests/data/v1/answers"));
}
