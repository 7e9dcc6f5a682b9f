//! Scopes: which data a grant covers, as a set.
//!
//! A point of the set is (category, day on which the data arose, field, row attributes). A scope is the union of its
//! included clauses minus the union of its excluded ones. Specification: `docs/spec/event.md`, section "Scope".

use serde::{Deserialize, Serialize};

use crate::day::DataPeriod;
use crate::id::Term;
use crate::list::List;
use crate::plain_text::is_hidden;

/// A value of a row attribute: 1 to 64 bytes of text without control or invisible characters. Compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AttributeValue(String);

impl AttributeValue {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AttributeValue {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if (1..=64).contains(&text.len()) && !text.chars().any(is_hidden) {
            Ok(Self(text))
        } else {
            Err("malformed value, expected 1 to 64 bytes without control or invisible characters")
        }
    }
}

/// Included minus excluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Clauses of which the data must be in at least one.
    pub include: List<Clause, 1, 16>,
    /// Clauses of which it must be in none.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub exclude: List<Clause, 0, 16>,
}

/// A product of sets; what is left out is not restricted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// The category of data.
    pub category: Term,
    /// The days on which the data arose; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<DataPeriod>,
    /// The fields; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<List<Term, 1, 64>>,
    /// Conditions on the row, all of which must hold.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub filter: List<Condition, 0, 8>,
}

/// A row attribute has one of the given values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Name of the attribute.
    pub attribute: Term,
    /// The values that satisfy it.
    pub any_of: List<AttributeValue, 1, 16>,
}

fn is_empty<T, const MAX: usize>(list: &List<T, 0, MAX>) -> bool {
    list.is_empty()
}
