//! The words in which grants and uses speak of data: purposes, categories with their fields, and actions.
//!
//! Parties (controllers, recipients, requesters) are not words of the vocabulary: any term may name one. Neither are
//! row attributes and their values. What the vocabulary does not have is denied, never guessed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use grantbook_record::Term;
use grantbook_record::strict_json::{self, JsonError};
use grantbook_record::terms::Language;
use serde::{Deserialize, Serialize};

/// A version of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    /// Its version, from 1.
    pub version: u32,
    purposes: BTreeMap<Term, Label>,
    categories: BTreeMap<Term, Category>,
    actions: BTreeMap<Term, Label>,
}

/// What customers read instead of a term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    en: String,
    #[serde(rename = "zh-CN")]
    zh_cn: String,
}

/// A category of data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// What customers read.
    pub label: Label,
    /// The fields that its records have.
    pub fields: BTreeMap<Term, Label>,
    /// How much harm its misuse can do.
    #[serde(default)]
    pub sensitivity: Sensitivity,
}

/// How much harm the misuse of a category can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// No more than any data about a person.
    #[default]
    Ordinary,
    /// Sensitive personal information, such as where somebody was.
    Sensitive,
    /// A special category, such as health.
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

impl Label {
    /// The words in one language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::SimplifiedChinese => &self.zh_cn,
        }
    }
}

impl Vocabulary {
    /// The vocabulary that comes with this version of Grantbook.
    pub fn builtin() -> &'static Self {
        // a file that cannot be read would leave an empty vocabulary, which denies everything; a test reads it
        static BUILTIN: LazyLock<Vocabulary> =
            LazyLock::new(|| Vocabulary::parse(include_bytes!("vocabulary_v1.json")).unwrap_or_default());
        &BUILTIN
    }

    /// Parses a vocabulary's JSON.
    pub fn parse(json: &[u8]) -> Result<Self, JsonError> {
        strict_json::parse(json)
    }

    /// Whether it has this purpose.
    pub fn has_purpose(&self, purpose: &Term) -> bool {
        self.purposes.contains_key(purpose)
    }

    /// Whether it has this category of data.
    pub fn has_category(&self, category: &Term) -> bool {
        self.categories.contains_key(category)
    }

    /// Whether records of this category have this field.
    pub fn has_field(&self, category: &Term, field: &Term) -> bool {
        self.categories.get(category).is_some_and(|category| category.fields.contains_key(field))
    }

    /// Whether it has this action.
    pub fn has_action(&self, action: &Term) -> bool {
        self.actions.contains_key(action)
    }

    /// All purposes with their labels, in order of the terms.
    pub fn purposes(&self) -> &BTreeMap<Term, Label> {
        &self.purposes
    }

    /// All categories with their labels and fields, in order of the terms.
    pub fn categories(&self) -> &BTreeMap<Term, Category> {
        &self.categories
    }

    /// All actions with their labels, in order of the terms.
    pub fn actions(&self) -> &BTreeMap<Term, Label> {
        &self.actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(text: &str) -> Term {
        Term::parse(text).unwrap()
    }

    #[test]
    fn the_builtin_vocabulary_is_version_1_and_labelled_throughout() {
        let builtin = Vocabulary::parse(include_bytes!("vocabulary_v1.json")).unwrap();
        assert_eq!(&builtin, Vocabulary::builtin());
        assert_eq!(builtin.version, 1);
        let categories = builtin.categories.values();
        let labels = categories.flat_map(|category| category.fields.values().chain([&category.label]));
        for label in labels.chain(builtin.purposes.values()).chain(builtin.actions.values()) {
            assert!(!label.text(Language::English).is_empty());
            assert!(!label.text(Language::SimplifiedChinese).is_ascii(), "{label:?}");
        }
    }

    #[test]
    fn lookups() {
        let builtin = Vocabulary::builtin();
        for purpose in
            ["service-personalisation", "insurance-underwriting", "marketing", "research", "fraud-prevention"]
        {
            assert!(builtin.has_purpose(&term(purpose)), "{purpose}");
            assert!(!builtin.has_category(&term(purpose)) && !builtin.has_action(&term(purpose)));
        }
        for action in ["read", "profile", "share", "train"] {
            assert!(builtin.has_action(&term(action)), "{action}");
        }
        for (category, field, known) in [
            ("purchases", "dollars", true),
            ("purchases", "work_order", false),
            ("fast-charging", "work_order", true),
            ("driving", "location", true),
            ("contact", "email", true),
            ("dreams", "date", false),
            ("purchases", "purchases", false),
        ] {
            assert_eq!(builtin.has_field(&term(category), &term(field)), known, "{category}.{field}");
        }
    }

    #[test]
    fn unknown_and_malformed_members_are_refused() {
        for json in [
            r#"{"version":1,"purposes":{},"categories":{},"actions":{},"parties":{}}"#,
            r#"{"version":1,"purposes":{},"categories":{}}"#,
            r#"{"version":1,"purposes":{"Marketing":{"en":"m","zh-CN":"m"}},"categories":{},"actions":{}}"#,
            r#"{"version":1,"purposes":{"marketing":{"en":"m"}},"categories":{},"actions":{}}"#,
        ] {
            assert!(Vocabulary::parse(json.as_bytes()).is_err(), "{json}");
        }
    }
}
