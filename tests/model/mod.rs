//! A naive model of one entity: a list of facts, asked by the letter of S4, S5 and S9, with no cleverness at all.
//!
//! Invariant: nothing here is derived from the engine's evaluation; every question scans the whole list again.

use std::collections::BTreeSet;

use entitydb::types::{NewEvent, Op};

/// One recorded event, with its content's bytes.
#[derive(Clone, Debug)]
pub struct Fact {
    pub ts: i64,
    pub seq: u32,
    pub tx: u64,
    pub stamped: bool,
    pub op: Op,
    pub tag: Option<Vec<u8>>,
    pub content: Option<Vec<u8>>,
}

/// What is asked: the instant, the plain read's clocks, and the transactions that are known.
#[derive(Clone, Debug)]
pub struct Asked {
    pub when: When,
    pub known: Option<BTreeSet<u64>>,
}

/// The valid-time axis of a question.
#[derive(Clone, Debug)]
pub enum When {
    At(i64),
    Plain { clock: i64, own: Option<(u64, i64)> },
}

/// What S5 says of an entity that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub tags: Vec<Vec<u8>>,
    pub content: Option<Vec<u8>>,
    pub created_at: i64,
    pub updated_at: i64,
    pub version: u32,
}

/// All facts of an entity, in seq order, and the namespaces of cardinality one.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub facts: Vec<Fact>,
    pub one: BTreeSet<Vec<u8>>,
}

impl Asked {
    pub fn at(t: i64) -> Self {
        Self { when: When::At(t), known: None }
    }

    fn looks_at(&self, fact: &Fact) -> bool {
        let known = self.known.as_ref().is_none_or(|known| known.contains(&fact.tx));
        known
            && match self.when {
                When::At(t) => fact.ts <= t,
                When::Plain { .. } if fact.stamped => true,
                When::Plain { own: Some((tx, clock)), .. } if tx == fact.tx => fact.ts <= clock,
                When::Plain { clock, .. } => fact.ts <= clock,
            }
    }
}

impl Model {
    /// Records events after all that there are.
    pub fn record(&mut self, tx: u64, events: &[NewEvent]) {
        for event in events {
            let seq = self.facts.len() as u32 + 1;
            let NewEvent { ts, stamped, op, tag, content } = event.clone();
            self.facts.push(Fact { ts: ts.0, seq, tx, stamped, op, tag, content });
        }
    }

    /// The state that is asked for, or `None` where the entity does not exist.
    pub fn state(&self, asked: &Asked) -> Option<Answer> {
        let looked_at: Vec<&Fact> = self.facts.iter().filter(|fact| asked.looks_at(fact)).collect();
        let facts = ordered(&looked_at);
        if !exists(&facts) {
            return None;
        }
        let deleted = latest(&facts, |fact| fact.op == Op::Delete).map(key);
        let founding = |fact: &&&Fact| matches!(fact.op, Op::Create | Op::Assert | Op::Content);
        let first = facts.iter().filter(founding).find(|fact| Some(key(fact)) > deleted).expect("it exists");
        let mut changes = (0..facts.len()).filter(|n| self.picture(&facts[..*n]) != self.picture(&facts[..=*n]));
        Some(Answer {
            tags: self.tags(&facts).into_iter().collect(),
            content: content(&facts),
            created_at: first.ts,
            updated_at: facts[changes.next_back().expect("it came to exist")].ts,
            version: looked_at.iter().map(|fact| fact.seq).max().expect("it exists"),
        })
    }

    /// Whether the entity exists at `t` or at a later instant.
    pub fn exists_at_or_after(&self, t: i64) -> bool {
        let later = self.facts.iter().map(|fact| fact.ts).filter(|ts| *ts > t);
        later.chain([t]).any(|t| self.state(&Asked::at(t)).is_some())
    }

    /// The instants after `t` with facts that are not cancelled.
    pub fn later_instants(&self, t: i64) -> BTreeSet<i64> {
        ordered(&self.facts.iter().collect::<Vec<_>>()).iter().map(|fact| fact.ts).filter(|ts| *ts > t).collect()
    }

    /// Whether two different tags cannot hold together.
    pub fn exclude(&self, a: &[u8], b: &[u8]) -> bool {
        let inside = |tag: &[u8], one: &[u8]| tag.starts_with(&[one, b":"].concat());
        a != b && self.one.iter().any(|one| inside(a, one) && inside(b, one))
    }

    fn tags(&self, facts: &[&Fact]) -> BTreeSet<Vec<u8>> {
        let all: BTreeSet<Vec<u8>> = facts.iter().filter_map(|fact| fact.tag.clone()).collect();
        all.into_iter().filter(|tag| self.holds(facts, tag)).collect()
    }

    fn holds(&self, facts: &[&Fact], tag: &[u8]) -> bool {
        let decides = |fact: &Fact| match (fact.op, &fact.tag) {
            (Op::Delete, _) => true,
            (Op::Retract, Some(of)) => of == tag,
            (Op::Assert, Some(of)) => of == tag || self.exclude(of, tag),
            _ => false,
        };
        latest(facts, decides).is_some_and(|fact| fact.op == Op::Assert && fact.tag.as_deref() == Some(tag))
    }

    fn picture(&self, facts: &[&Fact]) -> (bool, BTreeSet<Vec<u8>>, Option<Vec<u8>>) {
        (exists(facts), self.tags(facts), content(facts))
    }
}

fn key(fact: &Fact) -> (i64, u32) {
    (fact.ts, fact.seq)
}

/// By (ts, seq), without cancels and what they cancel.
fn ordered<'a>(facts: &[&'a Fact]) -> Vec<&'a Fact> {
    let cancels = |by: &Fact, fact: &Fact| by.op == Op::Cancel && by.ts == fact.ts && by.seq > fact.seq;
    let stands = |fact: &&Fact| fact.op != Op::Cancel && !facts.iter().any(|by| cancels(by, fact));
    let mut left: Vec<&Fact> = facts.iter().copied().filter(stands).collect();
    left.sort_by_key(|fact| key(fact));
    left
}

fn latest<'a>(facts: &[&'a Fact], wanted: impl Fn(&Fact) -> bool) -> Option<&'a Fact> {
    facts.iter().copied().filter(|fact| wanted(fact)).max_by_key(|fact| key(fact))
}

fn exists(facts: &[&Fact]) -> bool {
    let decides = |fact: &Fact| matches!(fact.op, Op::Create | Op::Assert | Op::Content | Op::Delete);
    latest(facts, decides).is_some_and(|fact| fact.op != Op::Delete)
}

fn content(facts: &[&Fact]) -> Option<Vec<u8>> {
    let deleted = latest(facts, |fact| fact.op == Op::Delete).map(key);
    let last = latest(facts, |fact| fact.op == Op::Content && Some(key(fact)) > deleted)?;
    last.content.clone()
}
