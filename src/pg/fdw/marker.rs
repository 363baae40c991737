//! The markers by which a table function says what its face shall answer: as of an instant, as known to a token, or what
//! was committed since one.
//!
//! Invariant: a marker is recognised by the C symbol of its function, and answered by the scan alone; run as a function it
//! raises, for there is no right answer.

use std::sync::Arc;

use pgrx::pg_sys;

use super::quals::{Target, Value, c_symbol};
use super::scan::{own_xid, plain_read};
use crate::engine::{Horizon, Token, Wanted};
use crate::pg::catalog::{Dataset, Shape};
use crate::pg::session::Bounds;
use crate::pg::{clock, floor, token};
use crate::types::Ns;

/// What a table function asks of its face.
#[derive(Clone, Copy, Debug)]
pub enum Marker {
    /// `entitydb.at(tableoid, ts, system)` and, with `ns`, `entitydb.at_ns(tableoid, ts)`.
    At {
        /// The instant.
        ts: Value,
        /// Whether it is in ns.
        ns: bool,
        /// When it must have been known.
        system: Option<Value>,
    },
    /// `entitydb.at_or_now(tableoid, ts)`: at an instant; NULL is a plain read.
    AtOrNow {
        /// The instant.
        ts: Value,
    },
    /// `entitydb.at_snapshot(tableoid, token, ts)`: at an instant (NULL: now), as known to a token.
    AtSnapshot {
        /// The token.
        token: Value,
        /// The instant.
        ts: Value,
    },
    /// `entitydb.since(tableoid, token)`: the events that were committed since (NULL: all).
    Since {
        /// The token.
        token: Value,
    },
}

/// What a scan is asked for beside its clauses.
pub struct Asked {
    /// Which events the states are made of.
    pub horizon: Horizon,
    /// Whose events are shown; `None` is all that the view holds.
    pub wanted: Option<Wanted>,
}

impl Asked {
    /// States as of a horizon.
    fn states(horizon: Horizon) -> Self {
        Self { horizon, wanted: None }
    }

    /// What a scan without a marker is asked for: states as of the session's bounds, or the timeline up to them.
    ///
    /// # Safety
    /// `snapshot` must be registered or active.
    pub unsafe fn plain(shape: Shape, bounds: Bounds, dataset: &Dataset, snapshot: pg_sys::Snapshot) -> Self {
        // SAFETY: the caller's promise is passed on.
        Self::states(unsafe {
            match shape {
                Shape::State => bounds.horizon(None, dataset, snapshot),
                Shape::Event | Shape::Version | Shape::Tag => bounds.timeline(dataset, snapshot),
            }
        })
    }
}

impl Target<'_> {
    /// The marker that a clause is.
    ///
    /// # Safety
    /// `node` must be a valid expression.
    pub unsafe fn marker(&self, node: *mut pg_sys::Node) -> Option<Marker> {
        // SAFETY: a node's tag says what it is; argument lists hold expressions.
        unsafe {
            if (*node).type_ != pg_sys::NodeTag::T_FuncExpr {
                return None;
            }
            let call = node.cast::<pg_sys::FuncExpr>();
            let args = pgrx::PgList::<pg_sys::Node>::from_pg((*call).args);
            if !self.is_tableoid(args.get_ptr(0)?) {
                return None;
            }
            let symbol = c_symbol((*call).funcid)?;
            let first = self.value(args.get_ptr(1)?)?;
            let second = match args.get_ptr(2) {
                Some(node) => Some(self.value(node)?),
                None => None,
            };
            match (self.shape, symbol.as_slice()) {
                (Shape::State, b"entitydb_at") => Some(Marker::At { ts: first, ns: false, system: second }),
                (Shape::State, b"entitydb_at_ns") => Some(Marker::At { ts: first, ns: true, system: None }),
                (Shape::State, b"entitydb_at_or_now") => Some(Marker::AtOrNow { ts: first }),
                (Shape::State, b"entitydb_at_snapshot") => Some(Marker::AtSnapshot { token: first, ts: second? }),
                (Shape::Event, b"entitydb_since") => Some(Marker::Since { token: first }),
                _ => None,
            }
        }
    }

    /// Whether an expression is the relation's `tableoid`.
    unsafe fn is_tableoid(&self, node: *mut pg_sys::Node) -> bool {
        // SAFETY: a node's tag says what it is.
        unsafe {
            if (*node).type_ != pg_sys::NodeTag::T_Var {
                return false;
            }
            let var = &*node.cast::<pg_sys::Var>();
            i64::from(var.varno) == i64::from(self.varno) && var.varattno == self.tableoid && var.varlevelsup == 0
        }
    }
}

impl Marker {
    /// Makes its expressions ready to run.
    ///
    /// # Safety
    /// `parent` must be the scan's plan state.
    pub unsafe fn prepare(&mut self, parent: *mut pg_sys::PlanState) {
        let (first, second) = match self {
            Marker::At { ts, system, .. } => (ts, system.as_mut()),
            Marker::AtOrNow { ts } => (ts, None),
            Marker::AtSnapshot { token, ts } => (token, Some(ts)),
            Marker::Since { token } => (token, None),
        };
        // SAFETY: the caller's promise is passed on.
        unsafe {
            first.prepare(parent);
            if let Some(second) = second {
                second.prepare(parent);
            }
        }
    }

    /// What is asked for with the values as they are now, and with the session's bounds where the marker gives none; `None`
    /// where there are no rows, because one is NULL. Raises where an answer would lack what is there no more.
    ///
    /// # Safety
    /// The marker must be prepared, `context` the scan's, and `snapshot` the one that it reads with.
    pub unsafe fn ask(
        &self,
        context: *mut pg_sys::ExprContext,
        bounds: Bounds,
        dataset: &Dataset,
        snapshot: pg_sys::Snapshot,
    ) -> Option<Asked> {
        // SAFETY: the caller's promise is passed on; the values have the types of the marker functions' arguments.
        unsafe {
            match self {
                Marker::At { ts, ns, system } => {
                    let ts = ts.get(context)?.value() as i64;
                    let ts = if *ns { Ns(ts) } else { clock::last_ns(ts) };
                    // Without a system time, what is known now counts, or at the session's bound.
                    let system = system.as_ref().and_then(|system| system.get(context));
                    let system = system.map(|system| system.value() as i64).or(bounds.system);
                    Some(Asked::states(Bounds { system, ..bounds }.horizon(Some(ts), dataset, snapshot)))
                }
                Marker::AtOrNow { ts } => {
                    let at = ts.get(context).map(|ts| clock::last_ns(ts.value() as i64));
                    Some(Asked::states(bounds.horizon(at, dataset, snapshot)))
                }
                Marker::AtSnapshot { token, ts } => {
                    let token = Self::token(token, context, dataset, snapshot)?;
                    let at = ts.get(context).map(|ts| clock::last_ns(ts.value() as i64));
                    let mut horizon = Bounds { system: None, ..bounds }.horizon(at, dataset, snapshot);
                    let own = own_xid();
                    // What is not committed has no system time, whatever a token says that was made by hand.
                    horizon.known = Some(Arc::new(move |tx, _| own != Some(tx) && token.knows(tx)));
                    Some(Asked::states(horizon))
                }
                Marker::Since { token } => {
                    let token = Self::token(token, context, dataset, snapshot);
                    let own = own_xid();
                    let wanted: Wanted =
                        Arc::new(move |tx| own != Some(tx) && !token.as_ref().is_some_and(|token| token.knows(tx)));
                    Some(Asked { horizon: plain_read(), wanted: Some(wanted) })
                }
            }
        }
    }

    /// The token that an expression is now; raises 22023 for one that cannot be answered.
    unsafe fn token(
        value: &Value,
        context: *mut pg_sys::ExprContext,
        dataset: &Dataset,
        snapshot: pg_sys::Snapshot,
    ) -> Option<Token> {
        // SAFETY: the caller prepared the marker, whose token is a pg_snapshot.
        unsafe {
            let token = token::of_datum(value.get(context)?);
            floor::check_token(dataset, snapshot, &token);
            Some(token)
        }
    }
}
