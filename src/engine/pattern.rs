//! Patterns of tags: a tag, or a beginning and a star.
//!
//! Invariant: a star is a wildcard at the end only; no pattern means two things.

/// A tag, or what tags start with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The tag or its beginning, unescaped.
    pub text: String,
    /// Whether more may follow.
    pub prefix: bool,
}

impl Pattern {
    /// Only a final unescaped `*` is a wildcard, `\*` is a star; `None` for any other `*`.
    pub fn parse(pattern: &str) -> Option<Self> {
        let mut text = String::with_capacity(pattern.len());
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.peek() == Some(&'*') => text.extend(chars.next()),
                '*' if chars.peek().is_none() => return Some(Self { text, prefix: true }),
                '*' => return None,
                c => text.push(c),
            }
        }
        Some(Self { text, prefix: false })
    }

    /// Whether the tag is one of those meant.
    pub fn matches(&self, tag: &str) -> bool {
        if self.prefix { tag.starts_with(&self.text) } else { tag == self.text }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn matches(pattern: &str, tag: &str) -> Option<bool> {
        Pattern::parse(pattern).map(|p| p.matches(tag))
    }

    #[test]
    fn only_a_final_star_is_a_wildcard() {
        assert_eq!(matches("type:*", "type:user"), Some(true));
        assert_eq!(matches("type:*", "typo:user"), Some(false));
        assert_eq!(matches("*", ""), Some(true));
        assert_eq!(matches("type:user", "type:user2"), Some(false));
        assert_eq!(matches("a*b", "axb"), None);
        assert_eq!(matches("**", "x"), None);
    }

    #[test]
    fn an_escaped_star_is_a_star() {
        assert_eq!(matches(r"a\*", "a*"), Some(true));
        assert_eq!(matches(r"a\*", "ab"), Some(false));
        assert_eq!(matches(r"a\*b*", "a*bc"), Some(true));
        assert_eq!(matches(r"a\b", r"a\b"), Some(true));
    }
}
