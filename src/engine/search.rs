//! Whether a content has the form of a pattern: some bytes at its start, others after each other, others at its end.
//!
//! Invariant: a content is searched block by block as it is stored, and the answer is that of a search in all of it; a match
//! may lie across any number of blocks.

use std::fmt;

use memchr::memmem::Finder;

/// What is sought in contents.
pub struct Search {
    start: Vec<u8>,
    middle: Vec<Finder<'static>>,
    end: Vec<u8>,
    /// Whether there is nothing beside `start`.
    is_whole: bool,
    /// No shorter content matches.
    len_min: usize,
}

impl Search {
    /// These bytes, wherever.
    pub fn contains(needle: &[u8]) -> Self {
        let middle = Some(needle).filter(|needle| !needle.is_empty());
        Self::of(Vec::new(), middle.map(<[u8]>::to_vec).into_iter().collect(), Vec::new(), false)
    }

    /// What LIKE asks of bytes with a pattern; `None` where the pattern ends within an escape. A `_` is taken for a `%`, so
    /// that more may match: the second value says whether the pattern has none.
    pub fn like(pattern: &[u8]) -> Option<(Self, bool)> {
        let (mut parts, mut is_exact) = (vec![Vec::new()], true);
        let mut rest = pattern.iter();
        while let Some(&byte) = rest.next() {
            let literal = match byte {
                b'\\' => *rest.next()?,
                b'%' | b'_' => {
                    is_exact &= byte == b'%';
                    parts.push(Vec::new());
                    continue;
                }
                byte => byte,
            };
            parts.last_mut()?.push(literal);
        }
        let is_whole = parts.len() == 1;
        let end = if is_whole { Vec::new() } else { parts.pop()? };
        let start = parts.remove(0);
        Some((Self::of(start, parts, end, is_whole), is_exact))
    }

    fn of(start: Vec<u8>, middle: Vec<Vec<u8>>, end: Vec<u8>, is_whole: bool) -> Self {
        let len_min = start.len() + middle.iter().map(Vec::len).sum::<usize>() + end.len();
        let middle = middle.iter().filter(|part| !part.is_empty()).map(|part| Finder::new(part).into_owned()).collect();
        Self { start, middle, end, is_whole, len_min }
    }

    /// Whether contents of this length match, where their length alone tells.
    pub(super) fn of_len(&self, len: usize) -> Option<bool> {
        if len < self.len_min || (self.is_whole && len > self.start.len()) {
            return Some(false);
        }
        (self.len_min == 0).then_some(true)
    }

    /// How many of the last bytes of a content alone are looked at.
    pub(super) fn tail(&self) -> Option<usize> {
        (self.start.is_empty() && self.middle.is_empty()).then_some(self.end.len())
    }

    /// Whether a content matches that is at hand.
    pub fn matches(&self, content: &[u8]) -> bool {
        if let Some(answer) = self.of_len(content.len()) {
            return answer;
        }
        let Some(mut rest) = content.strip_prefix(self.start.as_slice()) else { return false };
        for part in &self.middle {
            let Some(at) = part.find(rest) else { return false };
            rest = &rest[at + part.needle().len()..];
        }
        rest.ends_with(&self.end)
    }

    /// Begins to search a content piece by piece.
    pub(super) fn begin(&self) -> Pieces<'_> {
        Pieces { search: self, buffer: Vec::new(), from: 0, is_started: false, found: 0 }
    }
}

impl PartialEq for Search {
    fn eq(&self, other: &Self) -> bool {
        let of = |search: &Self| (search.start.clone(), search.end.clone(), search.is_whole);
        of(self) == of(other) && self.middle.iter().map(Finder::needle).eq(other.middle.iter().map(Finder::needle))
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let middle: Vec<String> = self.middle.iter().map(|part| text(part.needle())).collect();
        write!(f, "Search({:?}, {middle:?}, {:?}, {})", text(&self.start), text(&self.end), self.is_whole)
    }
}

/// A search in a content whose pieces come one after the other.
pub(super) struct Pieces<'a> {
    search: &'a Search,
    /// The bytes before the next piece in which a match may begin, and where it may.
    buffer: Vec<u8>,
    from: usize,
    is_started: bool,
    /// How many of the middle parts were found.
    found: usize,
}

impl Pieces<'_> {
    /// Takes the next piece; the answer, once it is known.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Option<bool> {
        let search = self.search;
        self.buffer.extend_from_slice(piece);
        if !self.is_started {
            if self.buffer.len() < search.start.len() {
                return None;
            }
            if !self.buffer.starts_with(&search.start) {
                return Some(false);
            }
            (self.from, self.is_started) = (search.start.len(), true);
        }
        while let Some(part) = search.middle.get(self.found) {
            let Some(at) = part.find(&self.buffer[self.from..]) else { break };
            self.from += at + part.needle().len();
            self.found += 1;
        }
        let next = search.middle.get(self.found);
        if next.is_none() && search.end.is_empty() {
            return Some(true);
        }
        // A match of the next part may begin in the bytes that are one short of it; the end is compared at the end.
        let keep = next.map_or(search.end.len(), |part| part.needle().len() - 1);
        let gone = self.from + (self.buffer.len() - self.from).saturating_sub(keep);
        self.buffer.drain(..gone);
        self.from = 0;
        None
    }

    /// The answer after the last piece.
    pub(super) fn finish(self) -> bool {
        self.is_started
            && self.found == self.search.middle.len()
            && self.buffer[self.from..].ends_with(&self.search.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// LIKE without escapes, character by character, where `_` is what it is.
    fn like(text: &[u8], pattern: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'%', rest)) => (0..=text.len()).any(|at| like(&text[at..], rest)),
            Some((b'_', rest)) => !text.is_empty() && like(&text[1..], rest),
            Some((byte, rest)) => text.first() == Some(byte) && like(&text[1..], rest),
        }
    }

    fn in_pieces(search: &Search, text: &[u8], len: usize) -> bool {
        if let Some(answer) = search.of_len(text.len()) {
            return answer;
        }
        let mut pieces = search.begin();
        text.chunks(len).find_map(|piece| pieces.feed(piece)).unwrap_or_else(|| pieces.finish())
    }

    fn bytes(of: &'static [u8], len: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(of), 0..len)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn like_is_like(text in bytes(b"ab\0", 12), pattern in bytes(b"ab%%_\0", 8), piece in 1usize..6) {
            let (search, is_exact) = Search::like(&pattern).unwrap();
            prop_assert_eq!(is_exact, !pattern.contains(&b'_'));
            let (found, wanted) = (search.matches(&text), like(&text, &pattern));
            prop_assert!(found == wanted || (found && !is_exact), "{:?} in {:?}", search, text);
            prop_assert_eq!(in_pieces(&search, &text, piece), found);
        }

        #[test]
        fn contains_is_contains(text in bytes(b"ab\0", 30), needle in bytes(b"ab\0", 6), piece in 1usize..6) {
            let wanted = needle.is_empty() || text.windows(needle.len()).any(|window| window == needle);
            let search = Search::contains(&needle);
            prop_assert_eq!(search.matches(&text), wanted);
            prop_assert_eq!(in_pieces(&search, &text, piece), wanted);
        }
    }

    #[test]
    fn escapes_are_literal_and_must_not_be_last() {
        let matches =
            |pattern: &[u8], text: &[u8]| Search::like(pattern).is_some_and(|(s, exact)| exact && s.matches(text));
        assert!(matches(b"%100\\%%", b"a 100% b") && !matches(b"%100\\%%", b"a 1000 b"));
        assert!(matches(b"a\\_b", b"a_b") && !matches(b"a\\_b", b"axb"));
        assert!(matches(b"\\\\", b"\\"));
        assert!(Search::like(b"a\\").is_none());
    }
}
