//! The one spelling of a number that C2SP formats allow.

/// Parses ASCII decimal digits without sign or leading zeros (`0` itself apart); `None` also above `u64::MAX`.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = match text.as_bytes() {
        [b'0'] => true,
        [b'0', ..] | [] => false,
        digits => digits.iter().all(u8::is_ascii_digit),
    };
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::parse_decimal;

    #[test]
    fn only_canonical_decimals_parse() {
        for (text, want) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            (" 1", None),
            ("1_0", None),
            ("٣", None),
        ] {
            assert_eq!(parse_decimal(text), want, "{text:?}");
        }
    }
}
