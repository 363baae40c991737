//! Tokens: what a snapshot knew, exactly, in top-level transactions (S11, S12).
//!
//! Invariant: a token is a pure set of transactions. Those from `xmax` on, and those that were in progress, are not in it, so
//! a transaction id that a crash gave back and that is used again is never taken for the one before.

use crate::types::Xid;

/// The bytes before the transactions in progress: their count, `xmin` and `xmax`.
const HEADER_BYTES: usize = 20;

/// What a snapshot knew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    xmin: Xid,
    xmax: Xid,
    /// The transactions from `xmin` to `xmax` that were in progress, ascending.
    in_progress: Vec<Xid>,
}

impl Token {
    /// Everything before `xmax` but `in_progress`, in any order; what is not before `xmax` is not in it anyway.
    pub fn new(xmax: Xid, mut in_progress: Vec<Xid>) -> Self {
        in_progress.retain(|xid| *xid < xmax);
        in_progress.sort_unstable();
        in_progress.dedup();
        let xmin = in_progress.first().copied().unwrap_or(xmax);
        Self { xmin, xmax, in_progress }
    }

    /// The first transaction that was not yet assigned.
    pub fn xmax(&self) -> Xid {
        self.xmax
    }

    /// Whether the snapshot knew every transaction up to this one.
    pub fn knows_all_to(&self, tx: Xid) -> bool {
        tx < self.xmin
    }

    /// Whether the snapshot knew what a top-level transaction did.
    pub fn knows(&self, tx: Xid) -> bool {
        tx < self.xmin || (tx < self.xmax && self.in_progress.binary_search(&tx).is_err())
    }

    /// The value of a `pg_snapshot` without the word that says its length: count, `xmin`, `xmax` and the transactions in
    /// progress, in the order of the machine's own bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.in_progress.len() * 8);
        out.extend_from_slice(&(self.in_progress.len() as u32).to_ne_bytes());
        for xid in [self.xmin, self.xmax].iter().chain(&self.in_progress) {
            out.extend_from_slice(&xid.0.to_ne_bytes());
        }
        out
    }

    /// The token in the value of a `pg_snapshot`; `None` for bytes that are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let (xids, []) = rest.as_chunks::<8>() else { return None };
        let xids: Vec<Xid> = xids.iter().map(|xid| Xid(u64::from_ne_bytes(*xid))).collect();
        let (&[_, xmax], in_progress) = xids.split_first_chunk::<2>()?;
        (in_progress.len() == u32::from_ne_bytes(*count) as usize).then(|| Self::new(xmax, in_progress.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn s12_what_was_in_progress_or_not_yet_assigned_is_not_known() {
        let token = Token::new(Xid(10), vec![Xid(7), Xid(5), Xid(7), Xid(12)]);
        let known: Vec<u64> = (0..14).filter(|tx| token.knows(Xid(*tx))).collect();
        assert_eq!(known, [0, 1, 2, 3, 4, 6, 8, 9]);
        assert_eq!(token.xmax(), Xid(10));
        let all = Token::new(Xid(3), Vec::new());
        assert!(all.knows(Xid(2)) && !all.knows(Xid(3)) && !all.knows(Xid(u64::MAX)));
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused() {
        let bytes = Token::new(Xid(10), vec![Xid(7), Xid(5)]).encode();
        assert_eq!(bytes.len(), 4 + 4 * 8);
        for len in 0..bytes.len() {
            assert_eq!(Token::decode(&bytes[..len]), None, "cut at {len}");
        }
        let mut more = bytes.clone();
        more[..4].copy_from_slice(&3_u32.to_ne_bytes());
        assert_eq!(Token::decode(&more), None);
    }

    proptest! {
        #[test]
        fn round_trips_and_knows_what_is_in_the_set(xmax in 0..40_u64, xip in prop::collection::vec(0..50_u64, 0..12)) {
            let token = Token::new(Xid(xmax), xip.iter().copied().map(Xid).collect());
            prop_assert_eq!(Token::decode(&token.encode()), Some(token.clone()));
            for tx in 0..60 {
                prop_assert_eq!(token.knows(Xid(tx)), tx < xmax && !xip.contains(&tx));
            }
        }
    }
}
