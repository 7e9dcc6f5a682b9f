//! What a record of processing needs that no ledger knows: names, contact details, countries. The enterprise gives it.

use std::collections::BTreeMap;

use grantbook_record::Term;
use grantbook_record::strict_json::{self, JsonError};
use serde::{Deserialize, Serialize};

/// Bytes of the file.
pub const DETAILS_BYTES_MAX: usize = 64 * 1024;
/// Characters of one text.
const TEXT_CHARS_MAX: usize = 1000;

/// Why details are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetailsError {
    /// Larger than [`DETAILS_BYTES_MAX`].
    #[error("details of {got} bytes, expected at most {DETAILS_BYTES_MAX}")]
    TooLarge {
        /// Their bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused details: {0}")]
    Schema(#[from] JsonError),
    /// Another version of the format.
    #[error("details of version {got}, expected {}", super::VERSION)]
    Version {
        /// As came.
        got: u8,
    },
}

/// A text of 1 to 1,000 characters without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(String);

impl TryFrom<String> for Text {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if (1..=TEXT_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err("malformed text, expected 1 to 1000 characters without control characters")
        }
    }
}

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the enterprise adds to a record of processing. Each member stands for what GDPR art. 30(1) asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// Version of the format.
    pub v: u8,
    /// Who the controllers are, by their names in the vocabulary: letter (a).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub controllers: BTreeMap<Term, Contact>,
    /// The categories of data subjects: letter (c).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subjects: Option<Text>,
    /// Who the recipients are and where, by their names in the vocabulary: letters (d) and (e).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recipients: BTreeMap<Term, Place>,
    /// The technical and organisational security measures: letter (g).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measures: Option<Text>,
}

/// Name and contact details of a controller, and of those whom art. 30(1)(a) names beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The controller.
    pub name: Text,
    /// How to reach it.
    pub contact: Text,
    /// The joint controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint_controller: Option<Text>,
    /// The representative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representative: Option<Text>,
    /// The data protection officer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_protection_officer: Option<Text>,
}

/// Who a recipient is, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its name or category.
    pub name: Text,
    /// The third country or international organisation, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub third_country: Option<Text>,
    /// The safeguards of that transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safeguards: Option<Text>,
}

impl Details {
    /// Parses the enterprise's file.
    pub fn parse(json: &[u8]) -> Result<Self, DetailsError> {
        if json.len() > DETAILS_BYTES_MAX {
            return Err(DetailsError::TooLarge { got: json.len() });
        }
        let details: Self = strict_json::parse(json)?;
        if details.v == super::VERSION { Ok(details) } else { Err(DetailsError::Version { got: details.v }) }
    }
}
