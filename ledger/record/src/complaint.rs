//! What a customer complains of, and what the enterprise answers. Neither is ever on the log.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::plain_text::PlainText;

/// Characters of a complaint, and of its answer.
pub const COMPLAINT_CHARS_MAX: usize = 2000;
/// The same in bytes, as UTF-8 needs them at most.
const BYTES_MAX: usize = 4 * COMPLAINT_CHARS_MAX;

/// 1 to [`COMPLAINT_CHARS_MAX`] characters in which nothing is hidden, without white space around them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ComplaintText(PlainText<1, BYTES_MAX>);

impl ComplaintText {
    /// As it was typed: a browser sends a line's end as two characters. `None` where it is empty, too long or hides something.
    pub fn typed(text: &str) -> Option<Self> {
        let text = text.replace("\r\n", "\n");
        let fits = |text: &&str| text.chars().count() <= COMPLAINT_CHARS_MAX;
        Some(text.trim()).filter(fits).and_then(PlainText::new).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl<'de> Deserialize<'de> for ComplaintText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let expected =
            format_args!("expected 1 to {COMPLAINT_CHARS_MAX} characters without control or invisible ones");
        Self::typed(&text).ok_or_else(|| D::Error::custom(format_args!("malformed text, {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_was_typed_and_no_longer_than_the_form_says() {
        assert_eq!(ComplaintText::typed("  one\r\ntwo \n").unwrap().as_str(), "one\ntwo");
        for text in ["", " \r\n ", "a\u{202e}b", "a\u{7}"] {
            assert!(ComplaintText::typed(text).is_none(), "{text:?}");
        }
        for c in ["a", "数", "😀"] {
            assert!(ComplaintText::typed(&c.repeat(COMPLAINT_CHARS_MAX)).is_some(), "{c}");
            assert!(ComplaintText::typed(&c.repeat(COMPLAINT_CHARS_MAX + 1)).is_none(), "{c}");
        }
    }
}
