//! The states of many entities, one after the other, straight from the logs of the runs that know them.
//!
//! Invariant: what is answered is what `View::state` would, but for what nobody wants. Without values of its events, only
//! an entity is read that one run alone knows and that nothing ever ended; all others are left to the timeline.

use std::sync::Arc;

use super::opened::Run;
use super::{Horizon, State, Valid, View};
use crate::error::Result;
use crate::index::log::{ContentLoc, LogEvent, NO_TAG, Scan};
use crate::types::{Ns, Op, Ordinal};

/// After how many instants of a run all of them are decoded, and how many these may be.
const FEW_INSTANTS: usize = 1024;
const INSTANTS_MAX: u32 = 4 << 20;

/// After how many entities they are read from the logs.
const FEW_ENTITIES: usize = 16;

/// Which parts of a state are looked at. The others may be left out.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// The tags.
    pub tags: bool,
    /// When the state began and when it changed.
    pub instants: bool,
}

/// A reader of states.
pub struct States {
    view: Arc<View>,
    horizon: Horizon,
    wants: Wants,
    /// Of each run; `None` where every entity is left to the timeline.
    inputs: Option<Vec<Input>>,
    events: Vec<LogEvent>,
    /// How many entities were read so far.
    asked: usize,
    /// Of each id run, the place after the id that was found last.
    places: Vec<u32>,
}

/// A run that states are read from.
struct Input {
    scan: Scan,
    /// The events of a smaller rank are looked at; `None`: not known without their values.
    limit: Option<u32>,
    /// How many instants were asked for, and all of them once these are many.
    asked: usize,
    instants: Vec<Ns>,
}

impl States {
    /// A reader at a horizon.
    pub fn new(view: Arc<View>, horizon: Horizon, wants: Wants) -> Result<Self> {
        let mut inputs = horizon.known.is_none().then(Vec::new);
        if let Some(inputs) = &mut inputs {
            for (run, _) in view.runs() {
                let limit = match horizon.valid {
                    Valid::At(t) => Some(run.instants.rank_after(t)?),
                    Valid::Now { clock, own } => {
                        let clock = own.map_or(clock, |(_, own)| own.min(clock));
                        (run.summary.max_dated <= Some(clock)).then_some(u32::MAX)
                    }
                };
                inputs.push(Input { scan: run.log.scan(), limit, asked: 0, instants: Vec::new() });
            }
        }
        let places = vec![0; view.id_runs().count()];
        Ok(Self { view, horizon, wants, inputs, events: Vec::new(), asked: 0, places })
    }

    /// The entity's state; `None` where it does not exist. Fastest where ordinals ascend.
    pub fn state(&mut self, ordinal: Ordinal) -> Result<Option<State>> {
        // To read entities one after the other takes the places of all of their chunk.
        self.asked += 1;
        if self.asked > FEW_ENTITIES
            && let Some(state) = self.plain(ordinal)?
        {
            return Ok(state);
        }
        self.view.state(ordinal, &self.horizon)
    }

    /// The entity's id. Fastest where ordinals ascend.
    pub fn id(&mut self, ordinal: Ordinal) -> Result<Vec<u8>> {
        if !self.view.delta().has(ordinal) {
            for (ids, place) in self.view.id_runs().zip(&mut self.places) {
                if let Some(id) = ids.id_after(ordinal, place)? {
                    return Ok(id);
                }
            }
        }
        self.view.id(ordinal).map(std::borrow::Cow::into_owned)
    }

    /// The state from the log, if it can be had so: `Some(None)` where the entity does not exist.
    fn plain(&mut self, ordinal: Ordinal) -> Result<Option<Option<State>>> {
        let Self { view, horizon, wants, inputs, events, .. } = self;
        let mut found = None;
        events.clear();
        let Some(inputs) = inputs.as_mut().filter(|_| !view.delta().has(ordinal)) else { return Ok(None) };
        for (n, ((run, contents), input)) in view.runs().zip(inputs).enumerate() {
            let (first, last) = run.summary.ordinals;
            let is_later = matches!(horizon.valid, Valid::At(t) if run.summary.ts.0 > t);
            if is_later || ordinal < first || ordinal > last {
                continue;
            }
            let before = events.len();
            if input.scan.seek(ordinal, events)? {
                view.touch(n);
                if before > 0 || events.len() == before {
                    return Ok(None);
                }
                found = Some((run, contents, input));
            }
        }
        let Some((run, contents, input)) = found else { return Ok(Some(None)) };
        // What ends everything, and what ends another tag or is about a tag that it does not name, is for the timeline to judge.
        let is_plain = |event: &LogEvent| match event.op {
            Op::Assert | Op::Retract => event.tag != NO_TAG,
            Op::Create | Op::Content => event.tag == NO_TAG,
            Op::Delete | Op::Cancel => false,
        };
        let Some(limit) = input.limit.filter(|_| events.iter().all(is_plain)) else { return Ok(None) };
        if !view.rules().one.is_empty() {
            let tags = events.chunk_by(|a, b| a.tag == b.tag).map(|of_tag| of_tag[0].tag).filter(|tag| *tag != NO_TAG);
            let tags = tags.map(|tag| run.tag(tag)).collect::<Result<Vec<_>>>()?;
            if !view.rules().coexist(tags.iter().map(|tag| &**tag)) {
                return Ok(None);
            }
        }
        Entity { view, run, contents, events, limit }.state(*wants, input).map(Some)
    }
}

impl Input {
    /// The instant of a rank.
    fn ts(&mut self, run: &Run, rank: u32) -> Result<Ns> {
        self.asked += 1;
        if self.asked == FEW_INSTANTS && run.instants.len() <= INSTANTS_MAX {
            self.instants = run.instants.all()?;
        }
        match self.instants.get(rank as usize) {
            Some(ts) => Ok(*ts),
            None => run.instants.ts(rank),
        }
    }
}

/// An entity that one run alone knows, and its events in the order of the log.
struct Entity<'a> {
    view: &'a View,
    run: &'a Run,
    contents: &'a [u32],
    events: &'a [LogEvent],
    /// The events of a smaller rank are looked at.
    limit: u32,
}

impl Entity<'_> {
    fn state(&self, wants: Wants, input: &mut Input) -> Result<Option<State>> {
        let looked_at = || self.events.iter().filter(|event| event.rank < self.limit);
        let Some(born) = looked_at().filter(|event| event.op != Op::Retract).map(|event| event.rank).min() else {
            return Ok(None);
        };
        let mut state = State {
            tags: Vec::new(),
            content: None,
            created_at: Ns::BEFORE_ALL,
            updated_at: Ns::BEFORE_ALL,
            version: looked_at().map(|event| event.seq).max().unwrap_or_default(),
        };
        let mut updated = born;
        let mut content: Option<ContentLoc> = None;
        // Content that replaced content: whether that was a change, only the bytes tell.
        let mut replaced: Vec<(u32, ContentLoc, ContentLoc)> = Vec::new();
        for group in self.events.chunk_by(|a, b| a.tag == b.tag) {
            let mut held = false;
            for event in group.iter().filter(|event| event.rank < self.limit) {
                let changed = match (event.op, content, event.content.flatten()) {
                    (Op::Content, Some(old), Some(new)) => {
                        replaced.push((event.rank, old, new));
                        content = Some(new);
                        false
                    }
                    (Op::Content, old, new) => {
                        content = new;
                        old.is_some() != new.is_some()
                    }
                    (Op::Assert | Op::Retract, ..) => {
                        let before = std::mem::replace(&mut held, event.op == Op::Assert);
                        before != held
                    }
                    _ => false,
                };
                if changed {
                    updated = updated.max(event.rank);
                }
            }
            if held && wants.tags {
                state.tags.push(self.run.tag(group[0].tag)?);
            }
        }
        state.content = content.map(|at| self.run.blob(at, self.contents)).transpose()?;
        if wants.instants {
            for (rank, old, new) in replaced.into_iter().rev().take_while(|(rank, ..)| *rank > updated) {
                if !self.same(old, new)? {
                    updated = rank;
                    break;
                }
            }
            state.created_at = input.ts(self.run, born)?;
            state.updated_at = if updated == born { state.created_at } else { input.ts(self.run, updated)? };
        }
        Ok(Some(state))
    }

    fn same(&self, a: ContentLoc, b: ContentLoc) -> Result<bool> {
        let blob = |at| self.run.blob(at, self.contents);
        Ok(a.len == b.len && self.view.same(&blob(a)?, &blob(b)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{BuildOptions, Known, Opened, Rules, seal};
    use crate::segment::MemoryFiles;
    use crate::types::{ChangeSet, NewEvent, Ns, Xid};
    use proptest::prelude::*;

    const OPTIONS: BuildOptions = BuildOptions { compress: true, compression_threshold: 4 };
    const CONTENTS: [&[u8]; 4] = [b"", b"one", b"two", b"a longer one"];
    const TAGS: [&[u8]; 3] = [b"a", b"b:c", b"b:d"];

    /// An event, and the entity and the transaction that it is of.
    fn event() -> impl Strategy<Value = (u32, u64, NewEvent)> {
        let op = prop_oneof![
            1 => Just(Op::Create),
            6 => Just(Op::Assert),
            5 => Just(Op::Retract),
            6 => Just(Op::Content),
            1 => prop_oneof![Just(Op::Delete), Just(Op::Cancel)],
        ];
        (0u32..4, 1u64..4, 0i64..6, any::<bool>(), op, 0usize..5).prop_map(|(entity, tx, ts, stamped, op, value)| {
            let tag = matches!(op, Op::Assert | Op::Retract).then(|| TAGS[value % 3].to_vec());
            let content = (op == Op::Content).then(|| CONTENTS.get(value).map(|c| c.to_vec())).flatten();
            (entity, tx, NewEvent { ts: Ns(ts), stamped, op, tag, content })
        })
    }

    /// The instant of a horizon, and the last transaction that its asker knows.
    fn asked() -> impl Strategy<Value = (Valid, Option<u64>)> {
        let now = (-1i64..7, proptest::option::of((1u64..4, -1i64..7)))
            .prop_map(|(clock, own)| Valid::Now { clock: Ns(clock), own: own.map(|(tx, clock)| (Xid(tx), Ns(clock))) });
        let valid = prop_oneof![(-1i64..7).prop_map(|t| Valid::At(Ns(t))), now];
        (valid, proptest::option::weighted(0.1, 1u64..4))
    }

    fn horizon(valid: Valid, last: Option<u64>) -> Horizon {
        let known = last.map(|last| -> Known { Arc::new(move |tx, _| tx <= Xid(last)) });
        Horizon { valid, known }
    }

    /// A view of these events, of which the first `sealed` are in as many runs as there are parts of them.
    fn view(events: &[(u32, u64, NewEvent)], sealed: usize, parts: usize, rules: &Rules) -> View {
        let mut seqs = [0u32; 4];
        let sets: Vec<ChangeSet> = events
            .iter()
            .map(|(entity, tx, event)| {
                seqs[*entity as usize] += 1;
                ChangeSet {
                    id: vec![b'a' + *entity as u8],
                    ordinal: Ordinal(*entity),
                    first_seq: seqs[*entity as usize],
                    tx: Xid(*tx),
                    recorded_at: None,
                    stored: Vec::new(),
                    events: vec![event.clone()],
                }
            })
            .collect();
        let (sealed, delta) = sets.split_at(sealed.min(sets.len()));
        let files = MemoryFiles::default();
        let mut segments: Vec<Arc<Opened>> = Vec::new();
        for part in sealed.chunks(sealed.len().div_ceil(parts).max(1)) {
            let base = View::new(segments.clone(), Vec::new(), rules.clone(), || {}).unwrap();
            seal(&base, part.to_vec(), &|_| None, &OPTIONS, &mut files.clone()).unwrap();
            let written = files.published.lock();
            let new = &written[segments.len()..];
            segments.extend(new.iter().map(|(name, bytes)| Opened::open(name, Arc::new(bytes.clone())).unwrap()));
        }
        View::new(segments, delta.to_vec(), rules.clone(), || {}).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn s5_the_state_from_the_log_is_that_of_the_timeline(
            events in proptest::collection::vec(event(), 0..40),
            sealed in prop_oneof![Just(40usize), 0usize..40],
            parts in prop_oneof![3 => Just(1usize), 1 => Just(2)],
            asked in proptest::collection::vec(asked(), 1..6),
            one in any::<bool>(),
        ) {
            let rules = Rules { one: one.then(|| b"b".to_vec()).into_iter().collect() };
            let view = Arc::new(view(&events, sealed, parts, &rules));
            for ((valid, last), entity) in asked.into_iter().flat_map(|asked| (0..4).map(move |entity| (asked, entity))) {
                let h = &horizon(valid, last);
                let timeline = view.timeline(Ordinal(entity)).unwrap();
                let wanted = timeline.state(h, view.rules(), &|a, b| view.same(a, b)).unwrap();
                let mut states = States::new(view.clone(), h.clone(), Wants { tags: true, instants: true }).unwrap();
                let plain = states.plain(Ordinal(entity)).unwrap();
                let values = timeline.events().iter().filter_map(|e| e.tag.as_deref());
                let ends = !rules.coexist(values) || timeline.events().iter().any(|e| matches!(e.op, Op::Delete | Op::Cancel));
                if h.known.is_none() && matches!(h.valid, Valid::At(_)) && sealed == 40 && parts == 1 && !ends {
                    prop_assert!(plain.is_some(), "entity {} has a plain history", entity);
                }
                let Some(plain) = plain else { continue };
                prop_assert_eq!(plain.is_some(), wanted.is_some());
                let (Some(plain), Some(wanted)) = (plain, wanted) else { continue };
                prop_assert_eq!(&plain.tags, &wanted.tags);
                prop_assert_eq!(plain.created_at, wanted.created_at);
                prop_assert_eq!(plain.updated_at, wanted.updated_at);
                prop_assert_eq!(plain.version, wanted.version);
                let some = Wants { tags: false, instants: false };
                let mut states = States::new(view.clone(), h.clone(), some).unwrap();
                prop_assert_eq!(&*states.id(Ordinal(entity)).unwrap(), &*view.id(Ordinal(entity)).unwrap());
                let part = states.plain(Ordinal(entity)).unwrap().unwrap().unwrap();
                let bytes = |state: &State| state.content.as_ref().map(|blob| view.content(blob).unwrap().into_owned());
                prop_assert_eq!(bytes(&plain), bytes(&wanted));
                prop_assert_eq!((bytes(&part), part.version), (bytes(&wanted), wanted.version));
            }
        }
    }
}
