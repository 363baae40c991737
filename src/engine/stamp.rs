//! Tags that carry their instant: `1748563200000000000|type:user`, the stamp up to the first `|`.
//!
//! Invariant: a stamp is exact to the nanosecond or no stamp at all; nothing is rounded, and nothing depends on settings.

use crate::types::Ns;

/// The stamp and the tag; `None` where there is no `|`, or no stamp before it.
pub fn split_stamped(text: &[u8]) -> Option<(Ns, &[u8])> {
    // What is nearly always there: nineteen digits.
    if let Some((digits, [b'|', tag @ ..])) = text.split_first_chunk::<19>()
        && let Some(ns) = number(digits)
    {
        return Some((Ns(ns), tag));
    }
    let end = text.iter().position(|byte| *byte == b'|')?;
    let stamp = &text[..end];
    let ns = match stamp.strip_prefix(b"-") {
        Some(digits) => number(digits).map(|ns| -ns),
        None => number(stamp),
    };
    Some((Ns(ns.or_else(|| rfc3339(stamp))?), &text[end + 1..]))
}

/// Digits alone, as a number; `None` past what an `i64` holds.
fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_i64, |n, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// `2025-05-30T00:00:00.123456789Z`, with up to nine digits of fraction and `Z` or an offset of hours and minutes.
fn rfc3339(text: &[u8]) -> Option<i64> {
    let field = |from: usize, len: usize| number(text.get(from..from + len)?);
    let is = |at: usize, wanted: &[u8]| text.get(at).is_some_and(|byte| wanted.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (field(0, 4)?, field(5, 2)?, field(8, 2)?);
    let (hour, minute, second) = (field(11, 2)?, field(14, 2)?, field(17, 2)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => return None,
    };
    if day < 1 || day > days || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (mut rest, mut fraction) = (&text[19..], 0);
    if let [b'.', after @ ..] = rest {
        let len = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = after.get(..len).filter(|digits| digits.len() <= 9)?;
        fraction = number(digits)? * 10_i64.pow(9 - len as u32);
        rest = &after[len..];
    }
    let offset = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), hours @ .., b':', m1, m2] if hours.len() == 2 => {
            let (hours, minutes) = (number(hours)?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (if *sign == b'-' { -1 } else { 1 }) * (hours * 60 + minutes)
        }
        _ => return None,
    };
    // Days since 1970 of the proleptic calendar, by eras of 400 years that begin in March.
    let (shifted, moved) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * moved + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
    // Split where the product alone would be too small for an `i64`, though the sum is not.
    let whole = i128::from(seconds) * 1_000_000_000 + i128::from(fraction);
    i64::try_from(whole).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(i64, &str)> {
        let (ns, tag) = split_stamped(text.as_bytes())?;
        Some((ns.0, std::str::from_utf8(tag).expect("what was text is text")))
    }

    #[test]
    fn a_stamp_ends_at_the_first_bar() {
        assert_eq!(parsed("1748563200000000000|type:user"), Some((1_748_563_200_000_000_000, "type:user")));
        assert_eq!(parsed("1748563200000000000|a|b"), Some((1_748_563_200_000_000_000, "a|b")));
        assert_eq!(parsed("9999999999999999999|a"), None);
        assert_eq!(parsed("9223372036854775807|a"), Some((i64::MAX, "a")));
        assert_eq!(parsed("7|"), Some((7, "")));
        assert_eq!(parsed("-17|a"), Some((-17, "a")));
        assert_eq!(parsed("1748563200000000000123|a"), None);
        for none in ["", "|", "|a", "a", "a|b|c", "17", "-|a", "+1|a", " 1|a", "1 |a", "1748563200000000000", "--1|a"] {
            assert_eq!(parsed(none), None, "{none}");
        }
    }

    #[test]
    fn a_stamp_may_be_a_time() {
        let ns = |text: &str| parsed(&format!("{text}|t")).map(|(ns, _)| ns);
        assert_eq!(ns("2025-05-30T00:00:00Z"), Some(1_748_563_200_000_000_000));
        assert_eq!(ns("2025-05-30T02:00:00.5+02:00"), Some(1_748_563_200_500_000_000));
        assert_eq!(ns("2025-05-29T23:30:00.123456789-00:30"), Some(1_748_563_200_123_456_789));
        assert_eq!(ns("1969-12-31T23:59:59.999999999Z"), Some(-1));
        assert_eq!(ns("1678-01-01T00:00:00Z"), Some(-9_214_560_000_000_000_000));
        assert_eq!(ns("2000-02-29T00:00:00Z"), Some(951_782_400_000_000_000));
        assert_eq!(ns("1677-09-21T00:12:43.145224192Z"), Some(i64::MIN));
        for none in [
            "2025-05-30",
            "2025-05-30T00:00:00",
            "2025-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-00-01T00:00:00Z",
            "2025-01-00T00:00:00Z",
            "2025-04-31T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:60:00Z",
            "2025-01-01T00:00:60Z",
            "2025-01-01T00:00:00.Z",
            "2025-01-01T00:00:00.1234567890Z",
            "2025-01-01T00:00:00+24:00",
            "2025-01-01T00:00:00+00:60",
            "2025-01-01T00:00:00+0000",
            "2025-01-01T00:00:00Zx",
            "2025-01-01T00:00:00+é:00",
            "9999-01-01T00:00:00Z",
            "1677-09-21T00:12:43.145224191Z",
        ] {
            assert_eq!(ns(none), None, "{none}");
        }
    }
}
