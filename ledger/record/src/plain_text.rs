//! Text for people that shows all it holds: no character that is invisible, or that makes one text look like another.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// `MIN` to `MAX` bytes of text in which no character is hidden. Line feeds are allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct PlainText<const MIN: usize, const MAX: usize>(Box<str>);

impl<const MIN: usize, const MAX: usize> PlainText<MIN, MAX> {
    /// `None` where it is too short or too long, or hides something.
    pub fn new(text: &str) -> Option<Self> {
        let plain = (MIN..=MAX).contains(&text.len()) && text.chars().all(|c| c == '\n' || !is_hidden(c));
        plain.then(|| Self(text.into()))
    }

    /// The text without what hides, cut at the last whole character that fits; `None` where too little is left.
    pub fn cleaned(text: &str) -> Option<Self> {
        let mut kept = String::with_capacity(text.len().min(MAX));
        let shown = |c: &char| *c == '\n' || !is_hidden(*c);
        for c in text.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(shown) {
            if kept.len() + c.len_utf8() > MAX {
                break;
            }
            kept.push(c);
        }
        (kept.len() >= MIN).then(|| Self(kept.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> std::fmt::Display for PlainText<MIN, MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for PlainText<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let expected = format_args!("expected {MIN} to {MAX} bytes without control or invisible characters");
        Self::new(&text).ok_or_else(|| D::Error::custom(format_args!("malformed text, {expected}")))
    }
}

/// Characters with which two texts can look the same, or one can look like another: control characters, zero-width
/// ones, line separators and the marks that reverse the direction of text.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_nothing() {
        for (text, cleaned) in [
            ("two\nrow", Some("two\nrow")),
            ("充电记录", Some("充电")),
            ("a\u{202e}b\u{200b}c\r\n\td\u{7}", Some("abc\n d")),
            ("\u{200b}", None),
            ("0123456789", Some("01234567")),
        ] {
            let cut = PlainText::<1, 8>::cleaned(text);
            assert_eq!(cut.as_ref().map(PlainText::as_str), cleaned, "{text:?}");
            let as_is = PlainText::<1, 8>::new(text).is_some();
            assert_eq!(as_is, cleaned == Some(text) && text.len() <= 8, "{text:?}");
        }
    }
}
