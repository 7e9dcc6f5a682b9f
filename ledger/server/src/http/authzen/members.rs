//! Reading AuthZEN's JSON: objects are objects, no name comes twice, and what is not known is ignored.
//!
//! serde's derived readers take an array for an object and let the last of two equal names win; here neither may be,
//! since caller and server would then read one request as two.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A request that is not of AuthZEN's form. Says what was expected and repeats nothing of what came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// Not JSON, no object, or a name twice.
    #[error("expected a JSON object in which no name comes twice")]
    Json,
    /// A required member is not there.
    #[error("{0} is missing, AuthZEN requires it")]
    Missing(&'static str),
    /// A member of another form.
    #[error("malformed {member}, expected {expected}")]
    Form {
        /// Which.
        member: &'static str,
        /// Its form.
        expected: &'static str,
    },
}

/// The members of an object, each of them once, at any depth.
pub(super) type Members = Map<String, Value>;

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Result<Members, Malformed> {
    match serde_json::from_slice(body) {
        Ok(Unique(Value::Object(members))) => Ok(members),
        _ => Err(Malformed::Json),
    }
}

/// An object, if it is there.
pub(super) fn object(members: &mut Members, member: &'static str) -> Result<Option<Members>, Malformed> {
    match members.remove(last(member)) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(Malformed::Form { member, expected: "an object" }),
    }
}

/// A text, if it is there.
pub(super) fn text(members: &mut Members, member: &'static str) -> Result<Option<String>, Malformed> {
    match members.remove(last(member)) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Malformed::Form { member, expected: "a string" }),
    }
}

/// What AuthZEN requires.
pub(super) fn required<T>(found: Option<T>, member: &'static str) -> Result<T, Malformed> {
    found.ok_or(Malformed::Missing(member))
}

/// `subject.type` is the member `type` of the object that is read.
fn last(member: &'static str) -> &'static str {
    member.rsplit('.').next().unwrap_or(member)
}

/// A value in which no object has a name twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Members::new();
        while let Some((name, Unique(value))) = entries.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name comes twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_has_one_reading() {
        for (text, expected) in [
            (r#"{"a":[1,{"b":null,"c":-2.5}],"d":"e"}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":{"b":[{"c":1,"c":2}]}}"#, false),
            (r#"{"a":1,"\u0061":2}"#, false),
            ("[]", false),
            ("null", false),
            ("{", false),
            ("{} {}", false),
            ("", false),
            (r#"{"a":"\ud800"}"#, false),
        ] {
            let got = read(text.as_bytes());
            assert_eq!(got.is_ok(), expected, "{text}");
            if let Ok(members) = got {
                assert_eq!(Value::Object(members), serde_json::from_str::<Value>(text).unwrap());
            }
        }
        assert!(read(&b"[".repeat(100_000)).is_err(), "depth is bounded");
    }
}
