//! How PostgreSQL asks.
//!
//! Invariant: the only folder that names pgrx.
