//! JSON read strictly, with errors that name what was expected but never repeat what somebody wrote.

use serde::de::DeserializeOwned;

/// Why a JSON text was refused. Carries no value of the text, so that it can be logged and sent back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A member that the schema does not know.
    #[error("unknown field `{name}` at column {column}")]
    UnknownField {
        /// Its name, cut to 40 characters and stripped of anything but letters, digits, `_`, `-` and `.`.
        name: String,
        /// Column of the text, from 1.
        column: usize,
    },
    /// The same member twice.
    #[error("duplicate field `{name}` at column {column}")]
    DuplicateField {
        /// The schema's name of the member.
        name: String,
        /// Column of the text, from 1.
        column: usize,
    },
    /// A member that must be there is not.
    #[error("missing field `{name}` at column {column}")]
    MissingField {
        /// The schema's name of the member.
        name: String,
        /// Column of the text, from 1.
        column: usize,
    },
    /// Any other departure from the schema.
    #[error("expected {expected} at column {column}")]
    Expected {
        /// What the schema wants there.
        expected: String,
        /// Column of the text, from 1.
        column: usize,
    },
}

/// Parses `text` as `T`. Unknown and duplicate members are refused where `T` denies them.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    serde_json::from_slice(text).map_err(|error| describe(&error))
}

/// Turns serde's message, which may quote the input, into one that does not.
pub fn describe(error: &serde_json::Error) -> JsonError {
    let message = error.to_string();
    let column = error.column();
    let quoted = || {
        let name = message.split('`').nth(1).unwrap_or_default();
        name.chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
            .take(40)
            .collect::<String>()
    };
    if message.starts_with("unknown field") {
        return JsonError::UnknownField { name: quoted(), column };
    }
    if message.starts_with("duplicate field") {
        return JsonError::DuplicateField { name: quoted(), column };
    }
    if message.starts_with("missing field") {
        return JsonError::MissingField { name: quoted(), column };
    }
    // serde puts what came first and what was expected last, so the tail holds only our own words
    let expected = match message.rsplit_once("expected ") {
        Some((_, tail)) => tail.split(" at line ").next().unwrap_or("another value"),
        None => "well-formed JSON",
    };
    JsonError::Expected { expected: expected.to_owned(), column }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Sample {
        count: u8,
    }

    #[test]
    fn errors_name_the_expectation_and_quote_nothing() {
        let check = |text: &str| parse::<Sample>(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(check(r#"{"count":"Zhang San"}"#), "expected u8 at column 20");
        assert_eq!(check(r#"{"count":1,"na me<":2}"#), "unknown field `name` at column 19");
        assert_eq!(check(r#"{"count":1,"count":2}"#), "duplicate field `count` at column 18");
        assert_eq!(check("{}"), "missing field `count` at column 2");
        assert_eq!(check("{"), "expected well-formed JSON at column 1");
        assert_eq!(check(r#"{"count":300}"#), "expected u8 at column 12");
    }
}
