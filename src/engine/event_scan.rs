//! All events of a view, entity by entity.
//!
//! Invariant: entities come in ordinal order, each once, its events in seq order. Each log is read front to back; once many of
//! its events were given, its instants are decoded at once.

use std::sync::Arc;
use std::vec::IntoIter;

use super::opened::Run;
use super::{Event, View};
use crate::error::Result;
use crate::index::log::{LogEvent, Scan};
use crate::types::{Ns, Ordinal, Xid};

/// Whether the events of a transaction are asked for.
pub type Wanted = Arc<dyn Fn(Xid) -> bool>;

/// After how many events of a run its instants are decoded.
const FEW_EVENTS: usize = 1024;

/// A run that is read.
struct Input {
    /// Its number in the view.
    number: usize,
    scan: Scan,
    /// The entity that the scan has reached, and its events.
    ordinal: Option<Ordinal>,
    logged: Vec<LogEvent>,
    given: usize,
    instants: Vec<Ns>,
    /// Of each transaction of the run, whether its events are asked for; `None` where all are.
    wanted: Option<Vec<bool>>,
}

enum Entities {
    /// Those that were asked for.
    Of(IntoIter<Ordinal>),
    /// All, from the runs and from the delta.
    All(Vec<Input>, std::iter::Peekable<IntoIter<Ordinal>>),
}

/// A running scan over events.
pub struct EventScan {
    view: Arc<View>,
    entities: Entities,
    wanted: Option<Wanted>,
}

impl EventScan {
    /// The events of all entities, those of the wanted transactions (`None`: of all). Runs that have none are not read.
    pub fn all(view: Arc<View>, wanted: Option<Wanted>) -> Result<Self> {
        let mut inputs = Vec::new();
        for (number, (run, _)) in view.runs().enumerate() {
            let of_txs = |wanted: &Wanted| -> Result<Vec<bool>> {
                (0..run.txs.len()).map(|index| Ok(wanted(run.txs.get(index)?.0))).collect()
            };
            let wanted = wanted.as_ref().map(of_txs).transpose()?;
            if wanted.as_ref().is_some_and(|txs| !txs.contains(&true)) {
                continue;
            }
            view.touch(number);
            let mut input = Input {
                number,
                scan: run.log.scan(),
                ordinal: None,
                logged: Vec::new(),
                given: 0,
                instants: Vec::new(),
                wanted,
            };
            input.advance()?;
            inputs.push(input);
        }
        let unsealed: Vec<Ordinal> = view.delta().ordinals().collect();
        Ok(Self { view, entities: Entities::All(inputs, unsealed.into_iter().peekable()), wanted })
    }

    /// The events of these entities, those of the wanted transactions.
    pub fn of(view: Arc<View>, ordinals: Vec<Ordinal>, wanted: Option<Wanted>) -> Self {
        Self { view, entities: Entities::Of(ordinals.into_iter()), wanted }
    }

    /// The next entity, its events, of which there may be none, in place of what is in `events`; `None` after the last.
    pub fn next(&mut self, events: &mut Vec<Event>) -> Result<Option<Ordinal>> {
        events.clear();
        let ordinal = match &mut self.entities {
            Entities::Of(ordinals) => {
                let Some(ordinal) = ordinals.next() else { return Ok(None) };
                events.extend_from_slice(self.view.timeline(ordinal)?.events());
                ordinal
            }
            Entities::All(inputs, unsealed) => {
                let sealed = inputs.iter().filter_map(|input| input.ordinal);
                let Some(ordinal) = sealed.chain(unsealed.peek().copied()).min() else { return Ok(None) };
                let runs = self.view.runs().enumerate();
                let mut inputs = inputs.iter_mut().filter(|input| input.ordinal == Some(ordinal)).peekable();
                for (number, (run, contents)) in runs {
                    if let Some(input) = inputs.next_if(|input| input.number == number) {
                        input.take(ordinal, run, contents, events)?;
                    }
                }
                if unsealed.next_if_eq(&ordinal).is_some() {
                    self.view.delta().events(ordinal, events);
                }
                ordinal
            }
        };
        if let Some(wanted) = &self.wanted {
            events.retain(|event| wanted(event.tx));
        }
        events.sort_unstable_by_key(|event| event.seq);
        Ok(Some(ordinal))
    }
}

impl Input {
    fn advance(&mut self) -> Result<()> {
        self.logged.clear();
        self.ordinal = self.scan.next(&mut self.logged)?;
        Ok(())
    }

    /// Adds the events of the entity that the scan has reached, and goes on.
    fn take(&mut self, ordinal: Ordinal, run: &Run, contents: &[u32], into: &mut Vec<Event>) -> Result<()> {
        if self.given < FEW_EVENTS && self.given + self.logged.len() >= FEW_EVENTS {
            self.instants = run.instants.all()?;
        }
        self.given += self.logged.len();
        for event in &self.logged {
            let is_wanted = |txs: &Vec<bool>| txs.get(event.tx as usize).copied().unwrap_or(true);
            if !self.wanted.as_ref().is_none_or(is_wanted) {
                continue;
            }
            let ts = match self.instants.get(event.rank as usize) {
                Some(ts) => *ts,
                None => run.instants.ts(event.rank)?,
            };
            into.push(run.event(ordinal, event, ts, contents)?);
        }
        self.advance()
    }
}
