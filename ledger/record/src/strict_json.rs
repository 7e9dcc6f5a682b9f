//! JSON read strictly, with errors that name what was expected but never repeat what somebody wrote.

mod reader;

use serde::de::DeserializeOwned;

use reader::Strict;

/// Why a JSON text was refused. Carries no value of the text, so that it can be logged and sent back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A member that the schema does not know.
    #[error("unknown field `{name}` at column {column}")]
    UnknownField {
        /// Its name, if it could be one of a schema: at most 40 of `a` to `z` and `_`; otherwise `...`.
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

/// Parses `text` as `T`: objects are objects, absent members are left out rather than `null`, no name comes twice.
/// Unknown members are refused where `T` denies them. Maps must have strings as keys.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = T::deserialize(Strict(&mut reader)).map_err(|error| describe(&error))?;
    reader.end().map_err(|error| describe(&error))?;
    Ok(value)
}

/// Reads a value that was parsed already, by the same rules. Columns of its errors are 0.
pub fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, JsonError> {
    T::deserialize(Strict(value)).map_err(|error| describe(&error))
}

/// Turns serde's message, which may quote the input, into one that does not.
pub fn describe(error: &serde_json::Error) -> JsonError {
    let message = error.to_string();
    let column = error.column();
    let quoted = || message.split('`').nth(1).unwrap_or_default();
    if message.starts_with("unknown field") {
        // somebody wrote it: an identifier or a number must not travel on in a message
        let name = quoted();
        let schematic = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        return JsonError::UnknownField { name: if schematic { name } else { "..." }.to_owned(), column };
    }
    if message.starts_with("duplicate field") {
        return JsonError::DuplicateField { name: quoted().to_owned(), column };
    }
    if message.starts_with("missing field") {
        return JsonError::MissingField { name: quoted().to_owned(), column };
    }
    // serde puts what came first and what was expected last, so the tail holds only our own words
    let expected = match message.rsplit_once("expected ") {
        Some((_, tail)) => tail.split(" at line ").next().unwrap_or("another value"),
        None => "well-formed JSON",
    };
    let expected = match expected {
        "newtype variant" => "an object of one member",
        name if name.starts_with("struct ") => "an object",
        other => other,
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
        #[serde(default)]
        more: Option<Choice>,
        #[serde(default)]
        map: std::collections::BTreeMap<String, u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code, reason = "only parsed")]
    enum Choice {
        Nothing,
        Number(u8),
        Inner(Box<Sample>),
    }

    fn check(text: &str) -> String {
        let read = parse::<Sample>(text.as_bytes());
        // a value has lost what came twice; else it is read alike
        if let Ok(value) = serde_json::from_str(text)
            && !matches!(&read, Err(error) if error.to_string().contains("duplicate") || error.to_string().contains("once"))
        {
            assert_eq!(from_value::<Sample>(value).is_ok(), read.is_ok(), "{text}");
        }
        read.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
    }

    #[test]
    fn errors_name_the_expectation_and_quote_nothing() {
        for (text, expected) in [
            (r#"{"count":"Zhang San"}"#, "expected u8 at column 20"),
            (r#"{"count":"expected Zhang San"}"#, "expected u8 at column 29"),
            (r#"{"count":1,"name":2}"#, "unknown field `name` at column 17"),
            (r#"{"count":1,"13912345678":2}"#, "unknown field `...` at column 24"),
            (r#"{"count":1,"zhang.san@example.com":2}"#, "unknown field `...` at column 34"),
            (r#"{"count":1,"count":2}"#, "duplicate field `count` at column 18"),
            ("{}", "missing field `count` at column 2"),
            ("{", "expected well-formed JSON at column 1"),
            (r#"{"count":300}"#, "expected u8 at column 12"),
        ] {
            assert_eq!(check(text), expected, "{text}");
        }
    }

    #[test]
    fn nothing_has_two_forms() {
        for text in [
            r#"{"count":1}"#,
            r#" {"count" : 1 } "#,
            r#"{"count":1,"more":"nothing"}"#,
            r#"{"count":1,"more":{"number":2}}"#,
            r#"{"count":1,"more":{"inner":{"count":2}},"map":{"a":1,"b":2}}"#,
        ] {
            assert_eq!(check(text), "ok", "{text}");
        }
        for (text, expected) in [
            ("[1]", "expected an object"),
            (r#"{"count":1,"more":{"inner":[2]}}"#, "expected an object"),
            (r#"{"count":1,"more":null}"#, "expected a name or an object of one member"),
            (r#"{"count":1,"more":{"nothing":null}}"#, "expected the name alone"),
            (r#"{"count":1,"more":"number"}"#, "expected an object of one member"),
            (r#"{"count":1,"more":{}}"#, "expected an object of one member"),
            (r#"{"count":1,"more":{"number":1,"inner":{"count":2}}}"#, "expected an object of one member"),
            (r#"{"count":1,"map":{"a":1,"\u0061":2}}"#, "expected each name once"),
            (r#"{"count":1.0}"#, "expected u8"),
            (r#"{"count":1e0}"#, "expected u8"),
            (r#"{"count":-0}"#, "expected u8"),
            (r#"{"count":01}"#, "expected well-formed JSON"),
            (r#"{"count":+1}"#, "expected value"),
            (r#"{"count":1} 2"#, "expected well-formed JSON"),
            ("\u{feff}{\"count\":1}", "expected value"),
            (r#"{"count":1,"map":{"\ud800":1}}"#, "expected end of hex escape"),
        ] {
            let got = check(text);
            assert!(got.starts_with(&format!("{expected} at column ")), "{text}: {got}");
        }
    }
}
