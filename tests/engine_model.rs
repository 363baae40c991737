//! The engine against a naive model: every answer is that of evaluating each entity's events one by one.
//!
//! Invariant: the model never looks at a segment; it knows nothing but the list of all events.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

use entitydb::engine::{
    Blob, BuildOptions, Event, EventScan, Horizon, IdWalk, Load, LoadMode, Opened, Removal, Rules, Select, TagExpr,
    Timeline, Trend, Valid, View, Wanted, changed_readings, compact, difference_of_sets, ever, facets, rewrite, seal,
    store_contents, verify,
};
use entitydb::error::{Error, Result};
use entitydb::segment::{Kind, MemoryFiles};
use entitydb::types::{ChangeSet, Micros, NewEvent, Ns, Op, Ordinal, Xid};
use proptest::prelude::*;

const TAGS: [&str; 6] = ["s:a", "s:b", "s:c:d", "t:x", "t:y", "u"];
const LOAD_TX: u64 = 50;
const OPTIONS: BuildOptions = BuildOptions { compress: true, compression_threshold: 8 };

fn times(tx: Xid) -> Option<Micros> {
    Some(Micros(tx.0 as i64 * 10))
}

/// A dataset: what the catalog and the delta would hold, beside the list of all events.
struct Store {
    segments: Vec<Arc<Opened>>,
    delta: Vec<ChangeSet>,
    files: MemoryFiles,
    taken: usize,
    rules: Rules,
    model: BTreeMap<Vec<u8>, Vec<Event>>,
    ordinals: HashMap<Vec<u8>, Ordinal>,
    next: u32,
}

impl Store {
    fn new(rules: Rules) -> Self {
        Self {
            segments: Vec::new(),
            delta: Vec::new(),
            files: MemoryFiles::default(),
            taken: 0,
            rules,
            model: BTreeMap::new(),
            ordinals: HashMap::new(),
            next: 0,
        }
    }

    fn view(&self, delta: bool) -> Result<Arc<View>> {
        let sets = if delta { self.delta.clone() } else { Vec::new() };
        Ok(Arc::new(View::new(self.segments.clone(), sets, self.rules.clone(), || {})?))
    }

    fn write(&mut self, id: &[u8], tx: u64, recorded_at: Option<i64>, events: Vec<NewEvent>) {
        // Every second new entity lies in another chunk.
        let next = &mut self.next;
        let ordinal = *self.ordinals.entry(id.to_vec()).or_insert_with(|| {
            *next += 1;
            Ordinal(*next + 65_530 + (*next % 2) * 131_072)
        });
        let first_seq = self.record(id, tx, recorded_at, &events);
        // Some contents are stored beside the change set.
        let contents = (0..).zip(&events).filter_map(|(place, event)| Some((place, event.content.as_deref()?)));
        let large: Vec<(u32, &[u8])> = contents.filter(|_| tx % 2 == 1).collect();
        let (_, stored) = store_contents(&large, &OPTIONS, &mut self.files.clone()).expect("contents are stored");
        let mut events = events;
        stored.iter().for_each(|content| events[content.event as usize].content = Some(Vec::new()));
        self.adopt().expect("what was stored opens");
        let recorded_at = recorded_at.map(Micros);
        self.delta.push(ChangeSet { id: id.to_vec(), ordinal, first_seq, tx: Xid(tx), recorded_at, events, stored });
    }

    fn record(&mut self, id: &[u8], tx: u64, recorded_at: Option<i64>, events: &[NewEvent]) -> u32 {
        let all = self.model.entry(id.to_vec()).or_default();
        let first_seq = all.len() as u32 + 1;
        for event in events {
            all.push(Event {
                ts: event.ts,
                seq: all.len() as u32 + 1,
                tx: Xid(tx),
                recorded_at: recorded_at.map(Micros),
                stamped: event.stamped,
                op: event.op,
                tag: event.tag.as_deref().map(Arc::from),
                content: event.content.as_deref().map(|c| Blob::Inline(Arc::from(c))),
            });
        }
        first_seq
    }

    fn adopt(&mut self) -> Result<()> {
        for (name, bytes) in self.files.published.lock()[self.taken..].iter() {
            self.segments.push(Opened::open(name, Arc::new(bytes.clone()))?);
            self.taken += 1;
        }
        Ok(())
    }

    fn seal(&mut self, mask: u64) -> Result<()> {
        let (take, keep) = std::mem::take(&mut self.delta)
            .into_iter()
            .enumerate()
            .partition::<Vec<_>, _>(|(n, _)| mask >> (n % 64) & 1 == 1);
        self.delta = keep.into_iter().map(|(_, set)| set).collect();
        let base = self.view(false)?;
        let sets = take.into_iter().map(|(_, set)| set).collect();
        seal(&base, sets, &times, &OPTIONS, &mut self.files.clone())?;
        self.adopt()
    }

    fn compact(&mut self) -> Result<()> {
        let base = self.view(false)?;
        let (_, replaced) = compact(&base, &times, &mut self.files.clone())?;
        self.segments.retain(|s| !replaced.iter().any(|name| name == s.name()));
        self.adopt()
    }

    /// Erases entities (S16): nothing of them is in any file that is left.
    fn erase(&mut self, ids: &[u8]) -> Result<()> {
        let ids: BTreeSet<Vec<u8>> = ids.iter().map(|n| vec![b'a' + n]).collect();
        let (all, base) = (self.view(true)?, self.view(false)?);
        let mut removal = Removal::default();
        for id in &ids {
            if let Some(ordinal) = all.resolve(id)? {
                removal.entity(ordinal);
            }
        }
        let others = self.delta.iter().filter(|set| !ids.contains(&set.id));
        let unsealed = others.flat_map(|set| &set.stored).map(|content| content.file.clone()).collect();
        let (_, replaced) = rewrite(&base, &removal, &ids, &unsealed, &times, &OPTIONS, &mut self.files.clone())?;
        self.segments.retain(|s| !replaced.iter().any(|name| name == s.name()));
        self.adopt()?;
        self.delta.retain(|set| !ids.contains(&set.id));
        for id in ids {
            assert_eq!(self.view(true)?.resolve(&id)?, None, "the id {id:?} is left");
            self.model.remove(&id);
            self.ordinals.remove(&id);
        }
        Ok(())
    }

    /// Loads facts through the event face; the n-th repeat of what was stored n times is skipped (S7).
    /// A fact that lands does so on the entity's last instant of its microsecond (S9).
    /// Every third one states a system time of its own.
    fn load(&mut self, rows: &[(Vec<u8>, NewEvent, bool)], tx: u64) -> Result<()> {
        let stated = |event: &NewEvent| (event.ts.0 % 3 == 0).then_some(event.ts.0 % 5);
        let mut load = Load::new(LoadMode::Event, Xid(tx), OPTIONS);
        let mut files = self.files.clone();
        for (id, event, lands) in rows {
            load.push_event(id, event, *lands, &mut files)?;
            stated(event).map_or(Ok(()), |at| load.recorded_at(Micros(at)))?;
        }
        let mut stored = HashMap::new();
        for (id, event) in self.model.iter().flat_map(|(id, events)| events.iter().map(move |e| (id.clone(), e))) {
            let content = event.content.as_ref().map(bytes);
            *stored.entry((id, event.ts, event.op, event.tag.as_ref().map(|t| t.to_vec()), content)).or_insert(0) += 1;
        }
        self.finish(load, &mut files)?;
        for (id, event, lands) in rows {
            let recorded_at = stated(event);
            let mut event = event.clone();
            if *lands {
                let within = |ts: &Ns| event.ts <= *ts && ts.0 < event.ts.0 + 1000;
                let known = self.model.get(id).into_iter().flatten();
                event.ts = known.map(|e| e.ts).filter(within).max().unwrap_or(event.ts);
            }
            let key = (id.clone(), event.ts, event.op, event.tag.clone(), event.content.clone());
            match stored.get_mut(&key) {
                Some(left) if *left > 0 => *left -= 1,
                _ => {
                    self.record(id, tx, recorded_at, &[event]);
                }
            }
        }
        self.adopt_load(rows.iter().map(|(id, ..)| id))
    }

    fn finish(&self, load: Load, files: &mut MemoryFiles) -> Result<()> {
        let mut range = 300_000 + self.taken as u32 * 100;
        let mut ordinals = |n| {
            range += n;
            Ok(range - n)
        };
        load.finish(&*self.view(true)?, &mut ordinals, files, &|start| start()).map(drop)
    }

    fn adopt_load<'a>(&mut self, ids: impl Iterator<Item = &'a Vec<u8>>) -> Result<()> {
        self.adopt()?;
        let view = self.view(true)?;
        for id in ids {
            if let Some(ordinal) = view.resolve(id)? {
                self.ordinals.insert(id.clone(), ordinal);
            }
        }
        Ok(())
    }

    /// Loads rows through the state face: all of them, or none if an id is given twice or exists then or later (S13), or if
    /// two tags of a row exclude each other (S4).
    fn load_births(&mut self, rows: &[Birth], tx: u64) -> Result<()> {
        let mut load = Load::new(LoadMode::State, Xid(tx), OPTIONS);
        let mut files = self.files.clone();
        let exists = rows.iter().enumerate().any(|(n, (id, .., ts, _))| {
            let events = self.model.get(id).cloned().unwrap_or_default();
            rows[..n].iter().any(|row| row.0 == *id) || Timeline::new(events).exists_at_or_after(*ts)
        });
        let two_values = rows.iter().any(|(_, tags, ..)| {
            tags.iter().any(|a| tags.iter().any(|b| self.rules.ends(TAGS[*a].as_bytes(), TAGS[*b].as_bytes())))
        });
        let mut pushed = Ok(());
        for (id, tags, content, ts, stamped) in rows {
            let tags: Vec<&[u8]> = tags.iter().map(|tag| TAGS[*tag].as_bytes()).collect();
            let push = |()| load.push_row(id, &tags, content.as_deref(), (*ts, *stamped), false, &mut files);
            pushed = pushed.and_then(push);
        }
        let loaded = pushed.and_then(|()| self.finish(load, &mut files));
        if exists || two_values {
            let expected = match loaded {
                Err(Error::Exists { .. }) => exists,
                Err(Error::Values { .. }) => two_values,
                _ => false,
            };
            assert!(expected, "{loaded:?}");
            // What was written before the error is an orphan.
            self.taken = self.files.published.lock().len();
            return Ok(());
        }
        loaded?;
        for (id, tags, content, ts, stamped) in rows {
            let event = |op, tag, content| NewEvent { ts: *ts, stamped: *stamped, op, tag, content };
            let tags: BTreeSet<&str> = tags.iter().map(|tag| TAGS[*tag]).collect();
            let mut events = vec![event(Op::Create, None, None)];
            events.extend(tags.into_iter().map(|tag| event(Op::Assert, Some(tag.into()), None)));
            events.extend(content.clone().map(|content| event(Op::Content, None, Some(content))));
            self.record(id, tx, None, &events);
        }
        self.adopt_load(rows.iter().map(|(id, ..)| id))
    }
}

/// Few points of a trend over many toggles are counted from the sets there: as selections count them.
#[test]
fn a_trend_over_many_toggles_counts_what_selections_count() {
    let mut store = Store::new(rules(0));
    for part in 0..2_i64 {
        let mut load = Load::new(LoadMode::Event, Xid(LOAD_TX + part as u64), OPTIONS);
        let mut files = store.files.clone();
        for n in 0..6_000_i64 {
            let tag = TAGS[(n * 7 + part) as usize % TAGS.len()].as_bytes().to_vec();
            let op = if (n + part) % 5 == 0 { Op::Retract } else { Op::Assert };
            let ts = Ns(n * 31 % 997 + part * 300);
            let event = NewEvent { ts, stamped: false, op, tag: Some(tag), content: None };
            load.push_event(format!("id {}", n % 2_000).as_bytes(), &event, false, &mut files).expect("gathers");
        }
        store.finish(load, &mut files).expect("loads");
        store.adopt().expect("opens");
    }
    let overlapping = store.view(true).expect("opens");
    store.compact().expect("compacts");
    let views = [overlapping, store.view(true).expect("opens")];
    for (view, tags) in views.iter().flat_map(|view| [(view, &["t:x"][..]), (view, &["s:a", "t:x"]), (view, &[])]) {
        let tags: Vec<Vec<u8>> = tags.iter().map(|tag| tag.as_bytes().to_vec()).collect();
        let expr = TagExpr::And(tags.iter().cloned().map(TagExpr::Tag).collect());
        for points in [vec![Ns(350)], (0..1_400).map(Ns).collect()] {
            let trend = Trend::new(view.clone(), tags.clone(), &points, None);
            let counts = trend.counts().expect("counts");
            let rows: Vec<_> = trend.counts_by(b"s").expect("counts").collect();
            for (n, point) in points.iter().enumerate().step_by(points.len() / 3 + 1) {
                let select = Select::new(view.clone(), expr.clone(), Horizon::at(*point)).expect("selects");
                assert_eq!(counts[n], select.count().expect("counts"), "{tags:?} at {point:?}");
                let mut expected = facets(view, b"s", &expr, &Horizon::at(*point)).expect("counts");
                expected.sort_unstable();
                let found = rows.iter().filter(|row| row.0 == n).map(|row| (row.1.clone(), row.2));
                assert_eq!(found.collect::<Vec<_>>(), expected);
            }
        }
    }
}

/// Id, numbers of its tags, content, instant, and whether that is stamped.
type Birth = (Vec<u8>, Vec<usize>, Option<Vec<u8>>, Ns, bool);

fn bytes(blob: &Blob) -> Vec<u8> {
    match blob {
        Blob::Inline(bytes) => bytes.to_vec(),
        Blob::Stored { .. } => panic!("the model stores nothing"),
    }
}

type Answer = BTreeMap<Vec<u8>, (Vec<Vec<u8>>, Option<Vec<u8>>, Ns, Ns, u32)>;

fn expected(store: &Store, horizon: &Horizon) -> Answer {
    let mut answer = Answer::new();
    for (id, events) in &store.model {
        let state = Timeline::new(events.clone())
            .state(horizon, &store.rules, &|a, b| Ok(bytes(a) == bytes(b)))
            .expect("the model cannot fail");
        if let Some(s) = state {
            let tags = s.tags.iter().map(|t| t.to_vec()).collect();
            answer.insert(id.clone(), (tags, s.content.as_ref().map(bytes), s.created_at, s.updated_at, s.version));
        }
    }
    answer
}

fn actual(view: &View, horizon: &Horizon) -> Result<Answer> {
    let mut answer = Answer::new();
    for ordinal in view.ordinals()? {
        if let Some(s) = view.state(ordinal, horizon)? {
            let content = s.content.as_ref().map(|c| view.content(c).map(|c| c.to_vec())).transpose()?;
            let tags = s.tags.iter().map(|t| t.to_vec()).collect();
            answer.insert(view.id(ordinal)?.to_vec(), (tags, content, s.created_at, s.updated_at, s.version));
        }
    }
    Ok(answer)
}

fn selected(view: &Arc<View>, expr: &TagExpr, horizon: &Horizon) -> Result<BTreeSet<Vec<u8>>> {
    let mut ids = BTreeSet::new();
    let mut select = Select::new(view.clone(), expr.clone(), horizon.clone())?;
    while let Some(chunk) = select.next_chunk()? {
        for ordinal in chunk.ordinals() {
            ids.insert(view.id(ordinal)?.to_vec());
        }
    }
    Ok(ids)
}

fn check(store: &Store, exprs: &[TagExpr], horizon: &Horizon) {
    let view = store.view(true).expect("the view opens");
    let wanted = expected(store, horizon);
    assert_eq!(actual(&view, horizon).expect("states"), wanted, "states at {:?}", horizon.valid);
    for bounds in [
        (Unbounded, Unbounded),
        (Included(b"b".as_slice()), Excluded(b"f".as_slice())),
        (Excluded(b"b"), Included(b"f")),
    ] {
        let mut ids = view.ids_between(bounds.0, bounds.1).expect("ids");
        for is_down in [false, true] {
            let mut walk = IdWalk::new(view.clone(), bounds.0, bounds.1, is_down).expect("a walk");
            let walked: Vec<_> = std::iter::from_fn(|| walk.next_id().expect("an id")).collect();
            assert_eq!(walked, ids, "ids in {bounds:?}, downwards: {is_down}");
            ids.reverse();
        }
    }
    for (from, to) in [(-1, 2), (3, 3), (8, 20)] {
        let expr = view.with_events_between(Ns(from), Ns(to)).expect("bounds");
        for (id, (tags, _, created_at, updated_at, _)) in &wanted {
            let is_in = [created_at, updated_at].into_iter().any(|at| (from..=to).contains(&at.0));
            assert!(!is_in || expr.holds(store.ordinals[id], tags), "an instant of {id:?} from {from} to {to}");
        }
    }
    for expr in exprs {
        let holding: BTreeSet<Vec<u8>> =
            wanted.iter().filter(|(id, s)| expr.holds(store.ordinals[*id], &s.0)).map(|(id, _)| id.clone()).collect();
        assert_eq!(selected(&view, expr, horizon).expect("selects"), holding, "{expr:?} at {:?}", horizon.valid);
        if let Some(ever) = ever(&view, expr, horizon).expect("bounds") {
            assert!(holding.iter().all(|id| ever.contains(store.ordinals[id].0)), "{expr:?} ever, {:?}", horizon.valid);
        }
        let count = Select::new(view.clone(), expr.clone(), horizon.clone()).and_then(Select::count).expect("counts");
        assert_eq!(count, holding.len() as u64, "the number of {expr:?} at {:?}", horizon.valid);
        let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for value in holding.iter().flat_map(|id| &wanted[id].0).filter_map(|t| t.strip_prefix(b"s:")) {
            *counts.entry(value.to_vec()).or_default() += 1;
        }
        let found = facets(&view, b"s", expr, horizon).expect("counts");
        assert!(found.windows(2).all(|w| w[0].1 > w[1].1 || (w[0].1 == w[1].1 && w[0].0 < w[1].0)));
        assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), counts, "facets of {expr:?} at {:?}", horizon.valid);
    }
}

/// Compares trends, and sets at two instants, with what the model says at each point.
fn check_trends(store: &Store, exprs: &[TagExpr]) {
    let view = store.view(true).expect("opens");
    // Many points are counted in another way than few.
    let many: Vec<Ns> = (-1..=12).flat_map(|t| vec![Ns(t); if t % 5 == 0 { 30 } else { 1 }]).collect();
    let system = horizons().into_iter().map(|h| h.known).collect::<Vec<_>>();
    for (n, points) in [&many[..], &[Ns(3), Ns(8)], &[]].into_iter().enumerate() {
        for (m, tags) in [&["s:a"][..], &["t:x", "s:b", "t:x"], &["absent"], &[]].into_iter().enumerate() {
            let known = system[(7 * n + 5 * m) % system.len()].clone();
            let tags: Vec<Vec<u8>> = tags.iter().map(|tag| tag.as_bytes().to_vec()).collect();
            let trend = Trend::new(view.clone(), tags.clone(), points, known.clone());
            let (mut counts, mut rows) = (Vec::new(), Vec::new());
            for (at, point) in points.iter().enumerate() {
                let states = expected(store, &Horizon { known: known.clone(), ..Horizon::at(*point) });
                let states = states.values().map(|s| &s.0).filter(|have| tags.iter().all(|tag| have.contains(tag)));
                let mut values: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
                let mut count = 0;
                for have in states {
                    count += 1;
                    for value in have.iter().filter_map(|tag| tag.strip_prefix(b"s:")) {
                        *values.entry(value.to_vec()).or_default() += 1;
                    }
                }
                counts.push(count);
                rows.extend(values.into_iter().map(|(value, count)| (at, value, count)));
            }
            assert_eq!(trend.counts().expect("counts"), counts, "{tags:?} at {points:?}");
            assert_eq!(trend.counts_by(b"s").expect("counts").collect::<Vec<_>>(), rows, "{tags:?} at {points:?}");
        }
    }
    for (expr, (from, to)) in exprs.iter().zip([(3, 8), (8, 3), (0, 0)]) {
        let [from, to] = [from, to].map(|t| Horizon::at(Ns(t)));
        let holding = |h: &Horizon| -> BTreeSet<Ordinal> {
            let states = expected(store, h);
            let states = states.iter().map(|(id, s)| (store.ordinals[id], &s.0));
            states.filter(|(ordinal, tags)| expr.holds(*ordinal, tags)).map(|(ordinal, _)| ordinal).collect()
        };
        let (old, new) = (holding(&from), holding(&to));
        let differ: Vec<_> = old.symmetric_difference(&new).map(|o| (*o, new.contains(o))).collect();
        assert_eq!(difference_of_sets(&view, expr, from, to).expect("compares"), differ);
    }
}

/// Compares all that is recorded of every entity, read at once and one by one.
fn check_events(store: &Store) {
    let view = store.view(true).expect("the view opens");
    let shown = |event: &Event, content: Option<Vec<u8>>| {
        let Event { ts, seq, tx, stamped, op, tag, .. } = event;
        format!("{ts:?} {seq} {tx:?} {stamped} {op} {tag:?} {content:?}")
    };
    let all: Wanted = Arc::new(|_| true);
    let some: Wanted = Arc::new(|tx| tx.0 % 3 == 1);
    for (wanted, given) in [(&all, None), (&all, Some(all.clone())), (&some, Some(some.clone()))] {
        let mut expected: BTreeMap<Ordinal, Vec<String>> = BTreeMap::new();
        for (id, events) in store.model.iter().filter(|(_, events)| !events.is_empty()) {
            let events = events.iter().filter(|event| wanted(event.tx));
            let events = events.map(|event| shown(event, event.content.as_ref().map(bytes))).collect();
            expected.insert(store.ordinals[id], events);
        }
        let ordinals: Vec<Ordinal> = expected.keys().copied().collect();
        expected.retain(|_, events| !events.is_empty());
        for mut scan in [
            EventScan::all(view.clone(), given.clone()).expect("scans"),
            EventScan::of(view.clone(), ordinals.clone(), given.clone()),
        ] {
            let (mut found, mut events) = (Vec::new(), Vec::new());
            while let Some(ordinal) = scan.next(&mut events).expect("reads") {
                let content = |event: &Event| event.content.as_ref().map(|c| view.content(c).expect("reads").to_vec());
                found.push((ordinal, events.iter().map(|event| shown(event, content(event))).collect::<Vec<_>>()));
            }
            found.retain(|(_, events)| !events.is_empty());
            assert_eq!(found, expected.clone().into_iter().collect::<Vec<_>>());
        }
    }
    let count: usize = store.model.values().map(Vec::len).sum();
    assert_eq!(view.event_count(), count as u64);
}

#[derive(Clone, Debug)]
enum Step {
    Write(u8, u64, Option<i64>, Vec<NewEvent>),
    Load(Vec<(Vec<u8>, NewEvent, bool)>),
    Births(Vec<Birth>),
    Seal(u64),
    Compact,
    /// Other namespaces of cardinality one from here on, and whether all runs are rewritten at once.
    Declare(u8, bool),
    Erase(Vec<u8>),
}

fn event() -> impl Strategy<Value = NewEvent> {
    (0..12_i64, any::<bool>(), 0..10_u8, 0..TAGS.len(), 0..3_usize).prop_map(|(ts, stamped, op, tag, content)| {
        let op = match op {
            0 => Op::Create,
            1 => Op::Delete,
            2 => Op::Cancel,
            3 | 4 => Op::Content,
            5 | 6 => Op::Retract,
            _ => Op::Assert,
        };
        let tag = matches!(op, Op::Assert | Op::Retract).then(|| TAGS[tag].as_bytes().to_vec());
        let content = match (op, content) {
            (Op::Content, 1) => Some(b"short".to_vec()),
            (Op::Content, 2) => Some(b"a content over the threshold".to_vec()),
            _ => None,
        };
        NewEvent { ts: Ns(ts), stamped, op, tag, content }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let id = (0..6_u8).prop_map(|n| vec![b'a' + n]);
    let fact = (event(), prop::bool::weighted(0.2)).prop_map(|(event, lands)| match lands {
        true => (NewEvent { ts: Ns(0), stamped: false, ..event }, true),
        false => (event, false),
    });
    // Ids that nothing else writes, or a load would hardly ever succeed.
    let new_id = (0..20_u8).prop_map(|n| vec![b'e' + n]);
    let content = prop::option::of(Just(b"a content over the threshold".to_vec()));
    let birth = (new_id, prop::collection::vec(0..TAGS.len(), 0..5), content, (0..12_i64).prop_map(Ns), any::<bool>());
    prop_oneof![
        8 => (0..6_u8, 1..7_u64, prop::option::weighted(0.2, 0..70_i64), prop::collection::vec(event(), 1..5))
            .prop_map(|(id, tx, recorded_at, events)| Step::Write(id, tx, recorded_at, events)),
        1 => prop::collection::vec((id, fact), 1..12)
            .prop_map(|rows| Step::Load(rows.into_iter().map(|(id, (event, lands))| (id, event, lands)).collect())),
        1 => prop::collection::vec(birth, 1..4).prop_map(Step::Births),
        3 => prop_oneof![Just(u64::MAX), any::<u64>()].prop_map(Step::Seal),
        1 => Just(Step::Compact),
        1 => (0..8_u8, any::<bool>()).prop_map(|(rules, at_once)| Step::Declare(rules, at_once)),
        1 => prop::collection::vec(0..10_u8, 0..4).prop_map(Step::Erase),
    ]
}

/// Writes at the instants `from` to `to`.
fn writes(from: i64, to: i64) -> impl Strategy<Value = Vec<Step>> {
    let event = event().prop_map(move |e| NewEvent { ts: Ns(from + e.ts.0 % (to - from + 1)), ..e });
    let write = (0..6_u8, 1..7_u64, prop::option::weighted(0.2, 0..70_i64), prop::collection::vec(event, 1..5));
    prop::collection::vec(write.prop_map(|(id, tx, at, events)| Step::Write(id, tx, at, events)), 1..8)
}

fn expr() -> impl Strategy<Value = TagExpr> {
    let leaf = prop_oneof![
        1 => Just(TagExpr::Exists),
        1 => Just(TagExpr::Never),
        6 => (0..TAGS.len()).prop_map(|n| TagExpr::Tag(TAGS[n].as_bytes().to_vec())),
        1 => Just(TagExpr::Tag(b"absent".to_vec())),
        2 => prop_oneof![Just("s:"), Just("t"), Just("")].prop_map(|p: &str| TagExpr::Prefix(p.as_bytes().to_vec())),
        1 => prop_oneof![Just("s:"), Just("")].prop_map(|p: &str| TagExpr::Several(p.as_bytes().to_vec())),
        1 => prop::collection::vec(65_530..65_540_u32, 0..5).prop_map(|o| TagExpr::Ordinals(o.into_iter().collect())),
        1 => Just(TagExpr::Ordinals((65_000..66_000).collect())),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(TagExpr::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(TagExpr::Or),
            inner.prop_map(|e| TagExpr::Not(Box::new(e))),
        ]
    })
}

fn horizons() -> Vec<Horizon> {
    let mut all: Vec<Horizon> = [-1, 0, 3, 5, 8, 11, 12].into_iter().map(|t| Horizon::at(Ns(t))).collect();
    for (clock, own) in [(20, None), (6, None), (0, None), (6, Some((Xid(3), Ns(9)))), (9, Some((Xid(LOAD_TX), Ns(4))))]
    {
        all.push(Horizon { valid: Valid::Now { clock: Ns(clock), own }, known: None });
    }
    for n in 0..all.len() {
        let limit = [0, 25, 45, 600][n % 4];
        let known = move |tx: Xid, at: Option<Micros>| at.or(times(tx)).is_some_and(|at| at.0 <= limit);
        all.push(Horizon { valid: all[n].valid, known: Some(Arc::new(known)) });
    }
    all
}

/// A namespace for each bit.
fn rules(bits: u8) -> Rules {
    let namespaces = ["s", "t", "s:c"].into_iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1);
    Rules { one: namespaces.map(|(_, namespace)| namespace.as_bytes().to_vec()).collect() }
}

/// Compares how many entities another declaration changes with the intervals of their tags.
fn check_declaration(store: &Store, other: &Rules) {
    let all = Horizon::at(Ns::AFTER_ALL);
    let differs = |events: &&Vec<Event>| {
        let timeline = Timeline::new((*events).clone());
        timeline.intervals(&all, &store.rules) != timeline.intervals(&all, other)
    };
    let expected = store.model.values().filter(differs).count() as u64;
    assert_eq!(changed_readings(&store.view(true).expect("opens"), other).expect("reads"), expected);
}

fn play(steps: &[Step], built: u8) -> Store {
    let mut store = Store::new(rules(built));
    let mut load_tx = LOAD_TX;
    for step in steps {
        match step {
            Step::Write(id, tx, recorded_at, events) => store.write(&[b'a' + id], *tx, *recorded_at, events.clone()),
            Step::Load(rows) => {
                store.load(rows, load_tx).expect("loads");
                load_tx += 1;
            }
            Step::Births(rows) => {
                store.load_births(rows, load_tx).expect("loads");
                load_tx += 1;
            }
            Step::Seal(mask) => store.seal(*mask).expect("seals"),
            Step::Compact => store.compact().expect("compacts"),
            Step::Declare(bits, at_once) => {
                check_declaration(&store, &rules(*bits));
                store.rules = rules(*bits);
                if *at_once {
                    store.compact().expect("compacts");
                }
            }
            Step::Erase(ids) => store.erase(ids).expect("erases"),
        }
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_the_model(
        steps in prop::collection::vec(step(), 1..16),
        exprs in prop::collection::vec(expr(), 3),
        built in 0..8_u8,
        asked in prop::option::weighted(0.3, 0..8_u8),
    ) {
        let mut store = play(&steps, built);
        store.rules = asked.map_or(store.rules, rules);
        for horizon in horizons() {
            check(&store, &exprs, &horizon);
        }
        check_events(&store);
        check_trends(&store, &exprs);
        let faults: Vec<_> = verify(&store.view(true).expect("opens")).into_iter().filter(|c| !c.ok).collect();
        prop_assert!(faults.is_empty(), "{faults:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The usual order of things: what is unsealed is, but for a little, later than all that is sealed.
    #[test]
    fn recent_writes_over_sealed_ones_are_answered_as_the_model_does(
        mut steps in writes(0, 4),
        seals in 0..2_u8,
        recent in writes(4, 11),
        built in 0..8_u8,
        exprs in prop::collection::vec(expr(), 3),
    ) {
        if seals == 1 {
            steps.insert(steps.len() / 2, Step::Seal(u64::MAX));
        }
        steps.push(Step::Seal(u64::MAX));
        steps.extend(recent);
        let store = play(&steps, built);
        for horizon in horizons() {
            check(&store, &exprs, &horizon);
        }
        check_trends(&store, &exprs);
    }
}

fn small() -> Store {
    let event = |ts, op, tag: Option<&str>, content: Option<&[u8]>| NewEvent {
        ts: Ns(ts),
        stamped: true,
        op,
        tag: tag.map(|t| t.as_bytes().to_vec()),
        content: content.map(<[u8]>::to_vec),
    };
    let mut store = Store::new(rules(0));
    store.write(
        b"a",
        1,
        None,
        vec![event(1, Op::Assert, Some("s:a"), None), event(2, Op::Content, None, Some(b"content of a"))],
    );
    store.write(b"b", 1, Some(3), vec![event(1, Op::Assert, Some("s:b"), None), event(4, Op::Delete, None, None)]);
    store.seal(u64::MAX).expect("seals");
    store.write(b"a", 2, None, vec![event(3, Op::Retract, Some("s:a"), None)]);
    store.write(b"c", 2, None, vec![event(3, Op::Assert, Some("s:a"), None)]);
    store.seal(u64::MAX).expect("seals");
    store
}

/// Every question that the damaged files are asked.
fn ask(files: &[(String, Vec<u8>)]) -> Result<Vec<String>> {
    let segments =
        files.iter().map(|(name, bytes)| Opened::open(name, Arc::new(bytes.clone()))).collect::<Result<_>>()?;
    let view = Arc::new(View::new(segments, Vec::new(), rules(0), || {})?);
    let mut answers = Vec::new();
    for horizon in
        [Horizon::at(Ns(2)), Horizon::at(Ns(9)), Horizon { valid: Valid::Now { clock: Ns(9), own: None }, known: None }]
    {
        answers.push(format!("{:?}", actual(&view, &horizon)?));
        for expr in [TagExpr::Tag(b"s:a".to_vec()), TagExpr::Not(Box::new(TagExpr::Prefix(b"s:".to_vec())))] {
            answers.push(format!("{:?}", selected(&view, &expr, &horizon)?));
            answers.push(format!("{:?}", facets(&view, b"s", &expr, &horizon)?));
        }
    }
    for id in [b"a", b"b", b"c", b"d"] {
        answers.push(format!("{:?}", view.resolve(id)?));
    }
    verify(&view);
    Ok(answers)
}

#[test]
fn damage_is_an_error_or_harmless_never_a_wrong_answer() {
    let files = small().files.published.lock().clone();
    let wanted = ask(&files).expect("undamaged files answer");
    let (mut refused, mut tried) = (0, 0);
    for n in 0..files.len() {
        for at in 0..files[n].1.len() {
            let mut damaged = files.clone();
            damaged[n].1[at] ^= 1 << (at % 8);
            let mut cut = files.clone();
            cut[n].1.truncate(at);
            for (case, files) in [("flip", damaged), ("cut", cut)] {
                tried += 1;
                match ask(&files) {
                    Ok(answers) => assert_eq!(answers, wanted, "{case} at {at} of {}", files[n].0),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > tried / 2, "{refused} of {tried} damages were noticed");
}

#[test]
fn s7_a_load_that_is_run_again_adds_nothing() {
    let fact = |tag: &str| NewEvent { ts: Ns(5), stamped: false, op: Op::Assert, tag: Some(tag.into()), content: None };
    let rows = [("a", "x"), ("a", "x"), ("b", "y")].map(|(id, tag)| (id.as_bytes().to_vec(), fact(tag), false));
    let mut store = Store::new(rules(0));
    store.load(&rows, 7).expect("loads");
    assert_eq!(store.view(true).expect("opens").event_count(), 3);
    store.load(&rows, 8).expect("loads again");
    assert_eq!(store.view(true).expect("opens").event_count(), 3);
}

#[test]
fn s13_a_state_load_of_an_id_that_exists_is_an_error() {
    let mut store = small();
    let mut load_one = |ids: &[&[u8]], at: i64| -> Result<()> {
        let mut files = store.files.clone();
        let mut load = Load::new(LoadMode::State, Xid(9), OPTIONS);
        for id in ids {
            load.push_row(id, &[b"s:z", b"s:z"], Some(b"c"), (Ns(at), true), false, &mut files)?;
        }
        load.finish(&*store.view(true)?, &mut |_| Ok(900_000), &mut files, &|start| start())?;
        store.adopt()
    };
    assert!(matches!(load_one(&[b"a"], 9), Err(Error::Exists { id }) if id == b"a"));
    assert!(matches!(load_one(&[b"n", b"n"], 9), Err(Error::Exists { id }) if id == b"n"));
    load_one(&[b"b"], 9).expect("a deleted id can be inserted again");
    load_one(&[b"o", b"n"], 9).expect("new ids load");
    let view = store.view(true).expect("opens");
    assert_eq!(view.resolve(b"n").expect("resolves"), Some(Ordinal(900_000)));
    assert_eq!(view.resolve(b"o").expect("resolves"), Some(Ordinal(900_001)));
    let z = TagExpr::Tag(b"s:z".to_vec());
    let ids = selected(&view, &z, &Horizon::at(Ns(9))).expect("selects");
    assert_eq!(ids, [b"b", b"n", b"o"].map(|id| id.to_vec()).into_iter().collect());
}

#[test]
fn a_load_of_many_ids_in_any_order_is_whole() {
    let files = MemoryFiles::default();
    let mut load = Load::new(LoadMode::State, Xid(9), OPTIONS);
    // Multiplying by an odd number walks through all of them out of order.
    let ids: Vec<Vec<u8>> = (0..20_000_u64).map(|n| format!("id {}", n * 7_919 % 20_000).into_bytes()).collect();
    for (n, id) in (0..).zip(&ids) {
        let tags: [&[u8]; 2] = [b"t:x", if n % 3 == 0 { b"s:a" } else { b"s:b" }];
        load.push_row(id, &tags, Some(id), (Ns(n), true), false, &mut files.clone()).expect("pushes");
    }
    let base = View::new(Vec::new(), Vec::new(), Rules::default(), || {}).expect("opens");
    let mut started = 0;
    let built = {
        let started = std::cell::RefCell::new(&mut started);
        let start = |start: &mut dyn FnMut()| {
            **started.borrow_mut() += 1;
            start();
        };
        load.finish(&base, &mut |_| Ok(60_000), &mut files.clone(), &start).expect("loads")
    };
    assert_eq!(started, 1, "a second thread is started");
    let published = files.published.lock();
    assert!(built.iter().map(|info| &info.name).eq(published.iter().map(|(name, _)| name)), "files are in order");
    let segments = published.iter().map(|(name, bytes)| Opened::open(name, Arc::new(bytes.clone())).expect("opens"));
    let view = Arc::new(View::new(segments.collect(), Vec::new(), Rules::default(), || {}).expect("opens"));
    assert!(verify(&view).iter().all(|check| check.ok));
    let now = Horizon { valid: Valid::Now { clock: Ns(0), own: None }, known: None };
    for (n, id) in ids.iter().enumerate() {
        let ordinal = view.resolve(id).expect("resolves").expect("is there");
        let state = view.state(ordinal, &now).expect("reads").expect("exists");
        assert_eq!(state.created_at, Ns(n as i64));
        assert_eq!(&*view.content(state.content.as_ref().expect("has content")).expect("reads"), id);
    }
    let of = |tag: &str| Select::new(view.clone(), TagExpr::Tag(tag.into()), now.clone()).and_then(Select::count);
    assert_eq!([of("t:x").expect("counts"), of("s:a").expect("counts")], [20_000, 6_667]);
}

#[test]
fn compaction_leaves_one_tile_and_one_id_run() {
    let mut store = small();
    store.compact().expect("compacts");
    let kinds: Vec<Kind> = store.segments.iter().map(|s| s.kind()).collect();
    assert_eq!([Kind::Tile, Kind::Ids, Kind::Run].map(|kind| kinds.iter().filter(|k| **k == kind).count()), [1, 1, 0]);
    let before = store.segments.len();
    store.compact().expect("compacts again");
    assert_eq!(store.segments.len(), before, "there is nothing left to merge");
}

#[test]
fn s16_of_a_store_of_erased_entities_nothing_is_left() {
    let mut store = small();
    store.compact().expect("compacts");
    store.erase(&[0, 1, 2]).expect("erases");
    assert!(store.segments.is_empty(), "{} files are left", store.segments.len());
}
