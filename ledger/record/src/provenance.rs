//! Where an automatic decision came from, so that a suggestion can be traced to model, data and reviewer.
//!
//! Specification: `docs/spec/use-batch.md`, section "Provenance". None of it is personal: the input is a digest.

use serde::{Deserialize, Serialize};

use crate::day::UnixSeconds;
use crate::encoding::Bytes32;
use crate::id::Term;
use crate::list::List;

/// How an automatic decision, for which the data was used, was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The model or rule set.
    pub model: Term,
    /// Its version.
    pub version: Version,
    /// Data sources that it read, and as of when.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub sources: List<DataSource, 0, 16>,
    /// How much each input weighed.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub weights: List<Weight, 0, 32>,
    /// How sure the model was, basis points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// SHA-256 of the input as the model got it.
    pub input_sha256: Bytes32,
    /// Whether a human looked at the outcome.
    pub review: Review,
}

/// A version's text, at most 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Version(String);

impl Version {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Version {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err("malformed version, expected 1 to 64 visible ASCII characters")
        }
    }
}

/// Data that a model read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Its name.
    pub name: Term,
    /// As of when it was read.
    pub at: UnixSeconds,
}

/// What one input weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// The input.
    pub feature: Term,
    /// From −10000, wholly against, to 10000, wholly for.
    pub basis_points: Influence,
}

/// A signed share, basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Influence(i16);

impl TryFrom<i64> for Influence {
    type Error = &'static str;
    fn try_from(value: i64) -> Result<Self, Self::Error> {
        match i16::try_from(value) {
            Ok(value) if (-10_000..=10_000).contains(&value) => Ok(Self(value)),
            _ => Err("out of range, expected -10000 to 10000"),
        }
    }
}

impl From<Influence> for i64 {
    fn from(Influence(value): Influence) -> Self {
        value.into()
    }
}

/// A share, basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Confidence(u16);

impl TryFrom<u64> for Confidence {
    type Error = &'static str;
    fn try_from(value: u64) -> Result<Self, Self::Error> {
        match u16::try_from(value) {
            Ok(value) if value <= 10_000 => Ok(Self(value)),
            _ => Err("out of range, expected 0 to 10000"),
        }
    }
}

impl From<Confidence> for u64 {
    fn from(Confidence(value): Confidence) -> Self {
        value.into()
    }
}

/// Whether a human looked at the outcome, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// Nobody did, and nobody will.
    None,
    /// Somebody will before it takes effect.
    Pending,
    /// Somebody did and let it stand.
    Approved(Reviewer),
    /// Somebody did and decided otherwise.
    Overruled(Reviewer),
}

/// Who looked: a role or team, never a person's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewer {
    /// The role or team.
    pub by: Term,
}

fn list_is_empty<T, const MAX: usize>(list: &List<T, 0, MAX>) -> bool {
    list.is_empty()
}
