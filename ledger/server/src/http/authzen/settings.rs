//! What a tenant's callers mean by their own words, and what they may leave out.
//!
//! Specification: `docs/spec/authzen.md`, section "Settings". A word says only what a caller means; whether that is
//! permitted, the customers' grants decide.

use std::collections::BTreeMap;

use grantbook_plan::Vocabulary;
use grantbook_plan::vocabulary::Version;
use grantbook_record::list::List;
use grantbook_record::scope::AttributeValue;
use grantbook_record::strict_json::{self, JsonError};
use grantbook_record::terms::Level;
use grantbook_record::{DataPeriod, TenantId, Term};
use serde::Deserialize;
use serde_json::Value;

use super::members::Members;
use super::request::{Action, Resource, Subject};

/// Bytes of a file of settings.
pub const SETTINGS_BYTES_MAX: usize = 1024 * 1024;

/// Why settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Longer than [`SETTINGS_BYTES_MAX`].
    #[error("settings of {got} bytes, expected at most {SETTINGS_BYTES_MAX}")]
    TooLarge {
        /// Their bytes.
        got: usize,
    },
    /// They depart from the schema.
    #[error("refused settings: {0}")]
    Schema(#[from] JsonError),
    /// A word that matches any request at all.
    #[error(
        "word {at} has no condition, expected subject, action or resource; for all requests there is context"
    )]
    Unconditional {
        /// Its place in the list, from 0.
        at: usize,
    },
    /// A meaning that the vocabulary does not have.
    #[error("{term} is no {what} of the vocabulary")]
    UnknownTerm {
        /// What it should be.
        what: &'static str,
        /// The term.
        term: Term,
    },
    /// A subject that is listed twice.
    #[error("subject {at} is listed before, expected each of them once")]
    SubjectTwice {
        /// Its place in the list, from 0.
        at: usize,
    },
}

/// One tenant's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What holds where neither the request nor a word says otherwise.
    #[serde(default)]
    context: Meaning,
    /// Who may ask, as far as searches know, and what is known of them.
    #[serde(default)]
    subjects: List<KnownSubject, 0, 4096>,
    /// The callers' words, the first that says something of a member before later ones.
    #[serde(default)]
    words: List<Word, 0, 256>,
}

/// A service or member of the enterprise, by the caller's name for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownSubject {
    pub(super) r#type: String,
    pub(super) id: String,
    /// Known of it, unless a request says otherwise.
    #[serde(default)]
    properties: BTreeMap<String, Value>,
}

/// What is meant where all of its conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    #[serde(default)]
    subject: Option<EntityIs>,
    #[serde(default)]
    action: Option<ActionIs>,
    #[serde(default)]
    resource: Option<EntityIs>,
    means: Meaning,
}

/// A condition on a subject or resource: each member that is given must be equal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntityIs {
    r#type: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, Value>,
}

/// A condition on an action.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionIs {
    name: String,
    #[serde(default)]
    properties: BTreeMap<String, Value>,
}

/// Facts of a use, as far as they are said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meaning {
    #[serde(default)]
    pub(super) requester: Option<Term>,
    #[serde(default)]
    pub(super) recipient: Option<Term>,
    #[serde(default)]
    pub(super) purpose: Option<Term>,
    #[serde(default)]
    pub(super) action: Option<Term>,
    #[serde(default)]
    pub(super) categories: Option<List<Term, 1, 16>>,
    #[serde(default)]
    pub(super) fields: Option<List<Term, 1, 64>>,
    #[serde(default)]
    pub(super) data_period: Option<DataPeriod>,
    #[serde(default)]
    pub(super) rows: BTreeMap<Term, AttributeValue>,
    /// Row attributes that have the value of a property of the resource, if it has that property.
    #[serde(default)]
    rows_from: BTreeMap<Term, String>,
    /// A property that should give a row attribute its value and is none.
    #[serde(skip)]
    pub(super) has_malformed_row: bool,
    #[serde(default)]
    pub(super) level: Option<Level>,
    #[serde(default)]
    pub(super) onward: Option<List<Term, 0, 8>>,
}

impl Meaning {
    /// Takes in what `other` says and this one does not; of rows, attribute by attribute.
    fn fill(&mut self, other: &Self, resource: &Resource) {
        fn keep<T: Clone>(mine: &mut Option<T>, theirs: Option<&T>) {
            if mine.is_none() {
                *mine = theirs.cloned();
            }
        }
        keep(&mut self.requester, other.requester.as_ref());
        keep(&mut self.recipient, other.recipient.as_ref());
        keep(&mut self.purpose, other.purpose.as_ref());
        keep(&mut self.action, other.action.as_ref());
        keep(&mut self.categories, other.categories.as_ref());
        keep(&mut self.fields, other.fields.as_ref());
        keep(&mut self.data_period, other.data_period.as_ref());
        keep(&mut self.level, other.level.as_ref());
        keep(&mut self.onward, other.onward.as_ref());
        for (attribute, property) in &other.rows_from {
            let Some(value) = resource.properties.get(property) else { continue };
            match value.as_str().map(|text| AttributeValue::try_from(text.to_owned())) {
                Some(Ok(value)) => drop(self.rows.entry(attribute.clone()).or_insert(value)),
                _ => self.has_malformed_row = true,
            }
        }
        for (attribute, value) in &other.rows {
            self.rows.entry(attribute.clone()).or_insert_with(|| value.clone());
        }
    }

    /// Words of any version may be meant: uses under older grants are asked about in theirs.
    fn check_words(&self, vocabulary: &Vocabulary) -> Result<(), SettingsError> {
        let some = |has: &dyn Fn(&Version) -> bool| vocabulary.versions().any(has);
        let known = |term: Option<&Term>, what, has: &dyn Fn(&Term) -> bool| match term {
            Some(term) if !has(term) => Err(SettingsError::UnknownTerm { what, term: term.clone() }),
            _ => Ok(()),
        };
        known(self.purpose.as_ref(), "purpose", &|term| some(&|words| words.has_purpose(term)))?;
        known(self.action.as_ref(), "action", &|term| some(&|words| words.has_action(term)))?;
        for category in self.categories.iter().flat_map(|list| list.iter()) {
            known(Some(category), "category", &|term| some(&|words| words.has_category(term)))?;
        }
        for field in self.fields.iter().flat_map(|list| list.iter()) {
            known(Some(field), "field", &|term| vocabulary.has_field_in_some_category(term.as_str()))?;
        }
        Ok(())
    }
}

impl Settings {
    /// Parses one tenant's settings; whether it has their words, [`Self::check_words`] says.
    pub fn parse(json: &[u8]) -> Result<Self, SettingsError> {
        Self::within(json)?;
        strict_json::parse::<Self>(json)?.checked()
    }

    /// Parses a file that has the settings of several tenants, by their ids.
    pub fn parse_all(json: &[u8]) -> Result<BTreeMap<TenantId, Self>, SettingsError> {
        Self::within(json)?;
        let all: BTreeMap<TenantId, Self> = strict_json::parse(json)?;
        all.into_iter().map(|(tenant, settings)| Ok((tenant, settings.checked()?))).collect()
    }

    fn within(json: &[u8]) -> Result<(), SettingsError> {
        if json.len() > SETTINGS_BYTES_MAX {
            Err(SettingsError::TooLarge { got: json.len() })
        } else {
            Ok(())
        }
    }

    pub(crate) fn checked(self) -> Result<Self, SettingsError> {
        for (at, word) in self.words.iter().enumerate() {
            if word.subject.is_none() && word.action.is_none() && word.resource.is_none() {
                return Err(SettingsError::Unconditional { at });
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for (at, subject) in self.subjects.iter().enumerate() {
            if !seen.insert((&subject.r#type, &subject.id)) {
                return Err(SettingsError::SubjectTwice { at });
            }
        }
        Ok(self)
    }

    /// Whether the tenant's vocabulary has, in some version, every word that is meant.
    pub fn check_words(&self, vocabulary: &Vocabulary) -> Result<(), SettingsError> {
        let meanings = self.words.iter().map(|word| &word.means).chain([&self.context]);
        meanings.into_iter().try_for_each(|meaning| meaning.check_words(vocabulary))
    }

    /// What a request means beside what it says itself.
    pub(super) fn meaning(&self, subject: &Subject, action: &Action, resource: &Resource) -> Meaning {
        let mut meaning = Meaning::default();
        let known = self.subjects.iter().find(|k| k.r#type == subject.r#type && k.id == subject.id);
        for word in self.words.iter() {
            let subject_is = word.subject.as_ref().is_none_or(|is| {
                is.names(&subject.r#type, &subject.id)
                    && is.properties.iter().all(|(name, value)| {
                        let said = subject.properties.get(name);
                        said.or_else(|| known?.properties.get(name)) == Some(value)
                    })
            });
            let action_is = word
                .action
                .as_ref()
                .is_none_or(|is| is.name == action.name && holds(&is.properties, &action.properties));
            let resource_is = word.resource.as_ref().is_none_or(|is| {
                is.names(&resource.r#type, &resource.id) && holds(&is.properties, &resource.properties)
            });
            if subject_is && action_is && resource_is {
                meaning.fill(&word.means, resource);
            }
        }
        meaning.fill(&self.context, resource);
        meaning
    }

    /// Whether anything is said of subjects of this type.
    pub(super) fn has_subject_type(&self, name: &str) -> bool {
        self.subjects.iter().any(|known| known.r#type == name)
            || self.words.iter().filter_map(|word| word.subject.as_ref()).any(|is| is.r#type == name)
    }

    /// Whether anything is said of resources of this type.
    pub(super) fn has_resource_type(&self, name: &str) -> bool {
        self.words.iter().filter_map(|word| word.resource.as_ref()).any(|is| is.r#type == name)
    }

    /// Subjects that searches find, in their order.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &KnownSubject> {
        self.subjects.iter()
    }

    /// Names of actions of which a word speaks.
    pub(super) fn actions(&self) -> impl Iterator<Item = &str> {
        self.words.iter().filter_map(|word| Some(word.action.as_ref()?.name.as_str()))
    }
}

impl EntityIs {
    fn names(&self, r#type: &str, id: &str) -> bool {
        self.r#type == r#type && self.id.as_ref().is_none_or(|wanted| wanted == id)
    }
}

/// Whether all of these properties were said.
fn holds(wanted: &BTreeMap<String, Value>, said: &Members) -> bool {
    wanted.iter().all(|(name, value)| said.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = r#"{
        "context": {"purpose": "research", "rows": {"region": "north"}},
        "subjects": [{"type": "user", "id": "bob", "properties": {"role": "admin"}}],
        "words": [
            {"subject": {"type": "user", "properties": {"role": "admin"}}, "means": {"recipient": "administration"}},
            {"subject": {"type": "user"}, "means": {"recipient": "case-work"}},
            {"action": {"name": "delete", "properties": {"soft": true}}, "means": {"purpose": "marketing"}},
            {"resource": {"type": "record"}, "means": {"rows_from": {"status": "status"}, "rows": {"status": "new"}}},
            {"subject": {"type": "user", "id": "eve"}, "resource": {"type": "record"}, "means": {"action": "read"}}
        ]}"#;

    fn meaning(subject: (&str, &str, Value), action: (&str, Value), resource: (&str, Value)) -> Meaning {
        let members = |value: Value| value.as_object().unwrap().clone();
        let (r#type, id, properties) = subject;
        let subject = Subject { r#type: r#type.into(), id: id.into(), properties: members(properties) };
        let action = Action { name: action.0.into(), properties: members(action.1) };
        let (r#type, properties) = resource;
        let resource = Resource { r#type: r#type.into(), id: "7".into(), properties: members(properties) };
        Settings::parse(SETTINGS.as_bytes()).unwrap().meaning(&subject, &action, &resource)
    }

    #[test]
    fn the_first_word_that_says_something_counts() {
        use serde_json::json;
        let none = || json!({});
        let text = |term: Option<Term>| term.map(|term| term.as_str().to_owned()).unwrap_or_default();
        for (subject, expected) in [
            (("user", "alice", none()), "case-work"),
            (("user", "alice", json!({"role": "admin"})), "administration"),
            (("user", "bob", none()), "administration"),
            (("user", "bob", json!({"role": "guest"})), "case-work"),
            (("service", "bob", none()), ""),
        ] {
            let got = meaning(subject, ("read", none()), ("record", none()));
            assert_eq!(text(got.recipient), expected);
        }
        for (soft, expected) in
            [(json!(true), "marketing"), (json!(false), "research"), (json!(1), "research")]
        {
            let got = meaning(("user", "a", none()), ("delete", json!({"soft": soft})), ("record", none()));
            assert_eq!(text(got.purpose), expected);
        }
        for (said, status, malformed) in [
            (json!({"status": "old"}), "old", false),
            (json!({}), "new", false),
            (json!({"status": 7}), "new", true),
            (json!({"status": ""}), "new", true),
        ] {
            let got = meaning(("user", "a", none()), ("read", none()), ("record", said));
            let rows: Vec<_> = got.rows.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(rows, [("region", "north"), ("status", status)]);
            assert_eq!(got.has_malformed_row, malformed);
        }
        let got = meaning(("user", "a", none()), ("read", none()), ("record", none()));
        assert_eq!(text(got.action), "");
        let got = meaning(("user", "eve", none()), ("read", none()), ("record", none()));
        assert_eq!(text(got.action), "read");
    }

    #[test]
    fn what_is_meant_are_words_of_some_version_of_the_tenants() {
        let mut later = Vocabulary::default();
        let event = serde_json::json!({"version": 2,
            "put": {"purposes": {"world-peace": {"en": "Peace", "zh-CN": "和平", "iri": "https://w3id.org/dpv#Purpose"}}}, "drop": {"categories": ["purchases"]}});
        later.publish(&serde_json::from_value(event).unwrap()).unwrap();
        for (json, at_first, in_the_end) in [
            (r#"{"words":[{"action":{"name":"a"},"means":{"purpose":"world-peace"}}]}"#, false, true),
            (
                r#"{"context":{"purpose":"marketing","action":"read","categories":["purchases"],"fields":["date"]}}"#,
                true,
                true,
            ),
            (r#"{"context":{"fields":["tomorrow"]}}"#, false, false),
            (r#"{"context":{"action":"dream"}}"#, false, false),
            (r#"{"context":{"categories":["dreams"]}}"#, false, false),
        ] {
            let settings = Settings::parse(json.as_bytes()).unwrap();
            assert_eq!(settings.check_words(Vocabulary::builtin()).is_ok(), at_first, "{json}");
            assert_eq!(settings.check_words(&later).is_ok(), in_the_end, "{json}");
        }
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        for json in [
            r#"{"words":[{"means":{}}]}"#,
            r#"{"context":{"data_subject":"cs-4"}}"#,
            r#"{"subjects":[{"type":"a","id":"b"},{"type":"a","id":"b"}]}"#,
            r#"{"subjects":[{"type":"a"}]}"#,
            "[]",
        ] {
            assert!(Settings::parse(json.as_bytes()).is_err(), "{json}");
        }
        assert_eq!(Settings::parse(b"{}"), Ok(Settings::default()));
        assert!(matches!(
            Settings::parse(&vec![b' '; SETTINGS_BYTES_MAX + 1]),
            Err(SettingsError::TooLarge { .. })
        ));
    }
}
