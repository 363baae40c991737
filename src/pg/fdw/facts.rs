//! The facts of one statement, recorded entity by entity: each is locked and read once, and gets one change set.
//!
//! Invariant: what is recorded is what the rows one by one would have recorded, repeats left out (S7) and instants landed
//! (S9) in the order of the rows.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::apply;
use super::modify::Modify;
use super::row::Row;
use crate::pg::write::{self, At};
use crate::types::{Micros, NewEvent, Ns};

/// Records rows at whose stored form nobody looks.
pub fn record(modify: &mut Modify, rows: Vec<Row>) {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut entities: Vec<(Vec<u8>, Vec<Row>)> = Vec::new();
    for mut row in rows {
        apply::stated(modify.imports, &mut modify.warned, row.recorded_at, row.assigned);
        let id = apply::checked_id(row.id.take());
        match places.entry(id) {
            Entry::Occupied(place) => entities[*place.get()].1.push(row),
            Entry::Vacant(place) => {
                entities.push((place.key().clone(), vec![row]));
                place.insert(entities.len() - 1);
            }
        }
    }
    for (id, rows) in entities {
        pgrx::check_for_interrupts!();
        record_of_one(modify, &id, rows);
    }
}

fn record_of_one(modify: &mut Modify, id: &[u8], rows: Vec<Row>) {
    let entity = write::lock_and_read(&modify.dataset, id);
    if write::changed_since_snapshot(&modify.dataset, &entity) {
        write::could_not_serialize();
    }
    let mut stored: HashMap<u128, u32> = HashMap::new();
    for fact in entity.facts() {
        *stored.entry(apply::key(id, &fact)).or_default() += 1;
    }
    let mut instants: BTreeSet<Ns> = entity.timeline.events().iter().map(|event| event.ts).collect();
    let mut groups: Vec<(Option<Micros>, Vec<NewEvent>)> = Vec::new();
    for row in rows {
        let system = apply::stated(modify.imports, &mut modify.warned, row.recorded_at, row.assigned);
        let (op, tag, content) = apply::fact(row.op.as_deref(), row.tag, row.content);
        let at = match (row.ts, row.ts_ns) {
            (None, None) => modify.stamps.of(id),
            (t, Some(ns)) => apply::exact_at("ts", t, ns),
            (Some(t), None) => {
                let first = At::microsecond(t);
                let microsecond = first.ts..=Ns(first.ts.0.saturating_add(999));
                At { ts: instants.range(microsecond).next_back().copied().unwrap_or(first.ts), ..first }
            }
        };
        let is_dated = !at.stamped;
        let at = at.known(system);
        let event = NewEvent { ts: at.ts, stamped: at.stamped, op, tag, content };
        if is_dated && let Some(left) = stored.get_mut(&apply::key(id, &event)).filter(|left| **left > 0) {
            *left -= 1;
            continue;
        }
        instants.insert(event.ts);
        match groups.last_mut().filter(|(known, _)| *known == system) {
            Some((_, events)) => events.push(event),
            None => groups.push((system, vec![event])),
        }
    }
    entity.record_known(&modify.dataset, groups);
}
