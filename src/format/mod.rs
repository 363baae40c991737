//! What the bytes mean: pure functions between bytes and values; FORMAT.md draws them.
//!
//! Invariant: bytes are hostile until decoded. No decoder panics, and none allocates more than the bytes can justify.

pub mod changeset;
pub mod segment;
pub mod varint;
