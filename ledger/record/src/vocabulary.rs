//! The words of a vocabulary and what a version of it changes. Specification: `docs/spec/vocabulary.md`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::id::Term;
use crate::list::List;
use crate::scope::AttributeValue;
use crate::terms::Language;

/// Bytes of a label in one language.
pub const LABEL_BYTES_MAX: usize = 200;

/// The number of a version of a vocabulary. The first one is part of the specification, and every enterprise has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VocabularyVersion(NonZeroU32);

impl VocabularyVersion {
    /// The version that every enterprise has.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Whether it is the first one, which JSON leaves out.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub fn is_first(&self) -> bool {
        *self == Self::FIRST
    }
}

impl Default for VocabularyVersion {
    fn default() -> Self {
        Self::FIRST
    }
}

impl std::fmt::Display for VocabularyVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a word stands for elsewhere: an `https` address of up to 200 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Iri(String);

impl Iri {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Iri {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.starts_with("https://") && (9..=200).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>')) {
            Ok(Self(text))
        } else {
            Err("malformed IRI, expected an https address of up to 200 printable ASCII characters")
        }
    }
}

/// What customers read instead of a term, and what the term stands for elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    en: String,
    #[serde(rename = "zh-CN")]
    zh_cn: String,
    /// The term of the W3C Data Privacy Vocabulary, or of an extension of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iri: Option<Iri>,
}

impl Label {
    /// The words in one language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::SimplifiedChinese => &self.zh_cn,
        }
    }

    /// Whether there are words in each language, and no more than fit.
    pub fn is_readable(&self) -> bool {
        is_readable(&self.en) && is_readable(&self.zh_cn)
    }
}

fn is_readable(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= LABEL_BYTES_MAX && !text.chars().any(char::is_control)
}

/// How much harm data can do in wrong hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// No more than any personal data.
    #[default]
    Ordinary,
    /// Harms dignity or safety if it leaks, such as whereabouts and finances (PIPL, article 28).
    Sensitive,
    /// Of the categories that law names (GDPR, article 9), such as health.
    Special,
}

impl Sensitivity {
    /// Its word in JSON and in rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Sensitive => "sensitive",
            Self::Special => "special",
        }
    }
}

/// A category of data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// What customers read.
    pub label: Label,
    /// Of its fields that say nothing else.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sensitivity: Sensitivity,
    /// The fields that its records have.
    pub fields: BTreeMap<Term, Field>,
}

/// A field of a category's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    en: String,
    #[serde(rename = "zh-CN")]
    zh_cn: String,
    /// The term of the W3C Data Privacy Vocabulary, or of an extension of it; absent: that of the category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iri: Option<Iri>,
    /// Absent: that of the category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
    /// What its values are measured in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Term>,
    /// Between which numbers its values lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ValueRange>,
}

impl Field {
    /// The words in one language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::SimplifiedChinese => &self.zh_cn,
        }
    }

    /// Whether there are words in each language, and no more than fit.
    pub fn is_readable(&self) -> bool {
        is_readable(&self.en) && is_readable(&self.zh_cn)
    }
}

/// Whole numbers between which values lie, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawRange")]
pub struct ValueRange {
    min: u64,
    max: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRange {
    min: u64,
    max: u64,
}

impl TryFrom<RawRange> for ValueRange {
    type Error = &'static str;
    fn try_from(raw: RawRange) -> Result<Self, Self::Error> {
        Self::new(raw.min, raw.max).ok_or("malformed range, expected `min` not above `max`")
    }
}

impl ValueRange {
    /// `None` where `min` is above `max`.
    pub fn new(min: u64, max: u64) -> Option<Self> {
        (min <= max).then_some(Self { min, max })
    }

    /// Whether every value of the other one is in this one.
    pub fn has(&self, other: &Self) -> bool {
        self.min <= other.min && other.max <= self.max
    }
}

/// A column of a table of one of the enterprise's systems, as the system spells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The system, such as `crm`.
    pub system: Term,
    /// The table.
    pub table: AttributeValue,
    /// The column.
    pub column: AttributeValue,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.system, self.table.as_str(), self.column.as_str())
    }
}

/// What a column holds: a field of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The column.
    pub source: Source,
    /// The category of the field.
    pub category: Term,
    /// The field.
    pub field: Term,
    /// What the column's values are measured in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Term>,
    /// Between which numbers they lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ValueRange>,
    /// Another column of the same field: somebody says that the two are one and the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<Source>,
}

/// Words by what they name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// What data is used for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub purposes: BTreeMap<Term, Label>,
    /// Data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<Term, Category>,
    /// What is done with data: processing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<Term, Label>,
    /// Kinds of those who receive data. Parties themselves are no words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recipients: BTreeMap<Term, Label>,
    /// What is done to keep data safe.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<Term, Label>,
}

/// Words that a version no longer has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DroppedWords {
    /// Purposes.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub purposes: List<Term, 0, 256>,
    /// Categories.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub categories: List<Term, 0, 256>,
    /// Actions.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub actions: List<Term, 0, 256>,
    /// Kinds of recipients.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub recipients: List<Term, 0, 256>,
    /// Measures.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub measures: List<Term, 0, 256>,
}

/// The next version of an enterprise's vocabulary, as what it changes of the one before. Signed by the enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VocabularyPublished {
    /// One more than the last; the first that is published is 2.
    pub version: VocabularyVersion,
    /// Words that are new or other than before; a category comes with all its fields.
    #[serde(default, skip_serializing_if = "is_default")]
    pub put: Words,
    /// Words that there are no longer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drop: DroppedWords,
    /// Columns of the enterprise's systems that are new or hold something else than before.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub map: List<Mapping, 0, 256>,
    /// Columns that are mapped no longer.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub unmap: List<Source, 0, 256>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn list_is_empty<T, const MAX: usize>(list: &List<T, 0, MAX>) -> bool {
    list.is_empty()
}
