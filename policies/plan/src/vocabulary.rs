//! The words in which grants and uses speak of data, in all their versions. Specification: `docs/spec/vocabulary.md`.
//!
//! Parties (controllers, recipients, requesters) are not words of the vocabulary: any term may name one. Neither are
//! row attributes and their values. What the vocabulary does not have is denied, never guessed. Terms name the version
//! whose words they are and are judged by it alone, whatever later versions say.

mod publication;
mod sensitivities;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use grantbook_record::strict_json::{self, JsonError};
pub use grantbook_record::vocabulary::{Category, Field, Label, Sensitivity};
use grantbook_record::vocabulary::{Mapping, Source, VocabularyPublished, Words};
use grantbook_record::{Term, VocabularyVersion};
use serde::{Deserialize, Serialize};

pub use publication::{MAPPINGS_MAX, VERSIONS_MAX, VocabularyError, WORDS_MAX};
pub use sensitivities::Sensitivities;

/// One version: its words, and which columns of the enterprise's systems hold which of its fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    number: VocabularyVersion,
    words: Words,
    mappings: BTreeMap<Source, Mapping>,
}

/// All versions of an enterprise's vocabulary, the first one included, which every enterprise has. Where no version is
/// named, the latest is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<VocabularyPublished>", into = "Vec<VocabularyPublished>")]
pub struct Vocabulary {
    /// By rising number.
    versions: Vec<Arc<Version>>,
    /// What made each but the first.
    published: Vec<Arc<VocabularyPublished>>,
    latest: Arc<Version>,
}

/// The first version's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionFile {
    version: VocabularyVersion,
    purposes: BTreeMap<Term, Label>,
    categories: BTreeMap<Term, Category>,
    actions: BTreeMap<Term, Label>,
    #[serde(default)]
    recipients: BTreeMap<Term, Label>,
    #[serde(default)]
    measures: BTreeMap<Term, Label>,
}

impl Version {
    /// Parses the JSON of a whole version, without mappings.
    pub fn parse(json: &[u8]) -> Result<Self, JsonError> {
        let file: VersionFile = strict_json::parse(json)?;
        let VersionFile { version, purposes, categories, actions, recipients, measures } = file;
        let words = Words { purposes, categories, actions, recipients, measures };
        Ok(Self { number: version, words, mappings: BTreeMap::new() })
    }

    /// Its number.
    pub fn number(&self) -> VocabularyVersion {
        self.number
    }

    /// Its words.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Which columns hold which fields.
    pub fn mappings(&self) -> &BTreeMap<Source, Mapping> {
        &self.mappings
    }

    /// Whether it has this purpose.
    pub fn has_purpose(&self, purpose: &Term) -> bool {
        self.words.purposes.contains_key(purpose)
    }

    /// Whether it has this category of data.
    pub fn has_category(&self, category: &Term) -> bool {
        self.words.categories.contains_key(category)
    }

    /// Whether records of this category have this field.
    pub fn has_field(&self, category: &Term, field: &Term) -> bool {
        self.words.categories.get(category).is_some_and(|category| category.fields.contains_key(field))
    }

    /// Whether it has this action.
    pub fn has_action(&self, action: &Term) -> bool {
        self.words.actions.contains_key(action)
    }

    /// How sensitive a field is; `None` where there is no such field.
    pub fn sensitivity(&self, category: &Term, field: &Term) -> Option<Sensitivity> {
        let category = self.words.categories.get(category)?;
        Some(category.fields.get(field)?.sensitivity.unwrap_or(category.sensitivity))
    }

    /// How sensitive these fields are, each in whichever of the categories has it.
    pub(crate) fn sensitivities(&self, categories: &[Term], fields: &[Term]) -> Sensitivities {
        let mut found = Sensitivities::default();
        for category in categories.iter().filter_map(|category| self.words.categories.get(category)) {
            for field in fields.iter().filter_map(|field| category.fields.get(field)) {
                found.insert(field.sensitivity.unwrap_or(category.sensitivity));
            }
        }
        found
    }
}

impl Vocabulary {
    /// The vocabulary of an enterprise that has published none: the first version.
    pub fn builtin() -> &'static Self {
        // a file that cannot be read would leave an empty vocabulary, which denies everything; a test reads it
        static BUILTIN: LazyLock<Vocabulary> = LazyLock::new(|| {
            let file = include_bytes!("../../vocabulary/core-v1.json");
            Vocabulary::of(Version::parse(file).unwrap_or_default())
        });
        &BUILTIN
    }

    /// A vocabulary of one version, from its JSON.
    pub fn parse(json: &[u8]) -> Result<Self, JsonError> {
        Version::parse(json).map(Self::of)
    }

    fn of(version: Version) -> Self {
        let latest = Arc::new(version);
        Self { versions: vec![Arc::clone(&latest)], published: Vec::new(), latest }
    }

    /// The version of this number.
    pub fn version(&self, number: VocabularyVersion) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.number == number).map(AsRef::as_ref)
    }

    /// Whether nothing was published.
    pub fn has_one_version(&self) -> bool {
        self.published.is_empty()
    }

    /// The last one that was published.
    pub fn latest(&self) -> &Version {
        &self.latest
    }

    /// All versions, the latest first.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().rev().map(AsRef::as_ref)
    }

    /// Whether it has this purpose.
    pub fn has_purpose(&self, purpose: &Term) -> bool {
        self.latest.has_purpose(purpose)
    }

    /// Whether it has this category of data.
    pub fn has_category(&self, category: &Term) -> bool {
        self.latest.has_category(category)
    }

    /// Whether records of this category have this field.
    pub fn has_field(&self, category: &Term, field: &Term) -> bool {
        self.latest.has_field(category, field)
    }

    /// Whether records of some category have a field of this name, in whatever version.
    pub fn has_field_in_some_category(&self, name: &str) -> bool {
        let mut categories = self.versions().flat_map(|version| version.words.categories.values());
        categories.any(|category| category.fields.keys().any(|field| field.as_str() == name))
    }

    /// Whether it has this action.
    pub fn has_action(&self, action: &Term) -> bool {
        self.latest.has_action(action)
    }

    /// All purposes with their labels, in order of the terms.
    pub fn purposes(&self) -> &BTreeMap<Term, Label> {
        &self.latest.words.purposes
    }

    /// All categories with their labels and fields, in order of the terms.
    pub fn categories(&self) -> &BTreeMap<Term, Category> {
        &self.latest.words.categories
    }

    /// All actions with their labels, in order of the terms.
    pub fn actions(&self) -> &BTreeMap<Term, Label> {
        &self.latest.words.actions
    }

    /// The field that a column holds.
    pub fn mapping(&self, source: &Source) -> Option<&Mapping> {
        self.latest.mappings.get(source)
    }

    /// Takes in a publication that [`Vocabulary::next`] accepts.
    pub fn publish(&mut self, event: &VocabularyPublished) -> Result<(), VocabularyError> {
        self.latest = Arc::new(self.next(event)?);
        self.versions.push(Arc::clone(&self.latest));
        self.published.push(Arc::new(event.clone()));
        Ok(())
    }
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self::builtin().clone()
    }
}

impl TryFrom<Vec<VocabularyPublished>> for Vocabulary {
    type Error = VocabularyError;
    fn try_from(published: Vec<VocabularyPublished>) -> Result<Self, VocabularyError> {
        let mut vocabulary = Self::default();
        published.iter().try_for_each(|event| vocabulary.publish(event))?;
        Ok(vocabulary)
    }
}

impl From<Vocabulary> for Vec<VocabularyPublished> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.published.iter().map(|event| event.as_ref().clone()).collect()
    }
}

#[cfg(test)]
mod tests;
