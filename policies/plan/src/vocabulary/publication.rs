//! What the next version of a vocabulary may be.

use std::collections::BTreeMap;

use grantbook_record::vocabulary::{Label, Mapping, Source, VocabularyPublished, Words};
use grantbook_record::{Term, VocabularyVersion};

use super::{Version, Vocabulary};

/// Versions of one vocabulary.
pub const VERSIONS_MAX: usize = 256;
/// Words of one version, fields included.
pub const WORDS_MAX: usize = 4096;
/// Columns that one version maps.
pub const MAPPINGS_MAX: usize = 4096;

/// Why a version is not the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// A version out of sequence.
    #[error("version of the vocabulary out of sequence, expected {expected}")]
    Version {
        /// The next one.
        expected: VocabularyVersion,
    },
    /// Something dropped that is not there.
    #[error("drops {what} that is not there, expected one of the version before")]
    NotThere {
        /// What.
        what: &'static str,
    },
    /// A word without labels that people can read.
    #[error("{what} without labels, expected some in English and Chinese")]
    Unreadable {
        /// What.
        what: &'static str,
    },
    /// A word that stands for nothing elsewhere.
    #[error("{what} without IRI, expected that of a term of DPV or of an extension")]
    NoIri {
        /// What.
        what: &'static str,
    },
    /// A category of which records have nothing.
    #[error("category without fields, expected at least one")]
    NoFields,
    /// A column of a field that the version does not have.
    #[error("column mapped to no field, expected a category and field of this version")]
    NoSuchField,
    /// A column whose values are not those of its field.
    #[error("{what} of a column is not that of its field, expected the same")]
    OtherValues {
        /// Unit or range.
        what: &'static str,
    },
    /// Two columns pass for one field, and nobody said that they are one.
    #[error("two columns of one field, expected all but one of them to name that one as the same")]
    NotTheSame,
    /// More than a vocabulary may have.
    #[error("too many {what}, expected at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl Vocabulary {
    /// The version that a publication makes of the latest one.
    pub fn next(&self, event: &VocabularyPublished) -> Result<Version, VocabularyError> {
        let expected = self.latest.number.next();
        if event.version != expected {
            return Err(VocabularyError::Version { expected });
        }
        room(self.versions.len(), VERSIONS_MAX - 1, "versions of the vocabulary")?;
        check_put(&event.put)?;
        let mut next = Version { number: expected, ..self.latest.as_ref().clone() };
        let Words { purposes, categories, actions, recipients, measures } = &mut next.words;
        drop_words(purposes, &event.drop.purposes, "a purpose")?;
        drop_words(categories, &event.drop.categories, "a category")?;
        drop_words(actions, &event.drop.actions, "an action")?;
        drop_words(recipients, &event.drop.recipients, "a kind of recipient")?;
        drop_words(measures, &event.drop.measures, "a measure")?;
        let put = event.put.clone();
        purposes.extend(put.purposes);
        categories.extend(put.categories);
        actions.extend(put.actions);
        recipients.extend(put.recipients);
        measures.extend(put.measures);
        for source in event.unmap.iter() {
            next.mappings
                .remove(source)
                .ok_or(VocabularyError::NotThere { what: "the mapping of a column" })?;
        }
        next.mappings.extend(event.map.iter().map(|mapping| (mapping.source.clone(), mapping.clone())));
        check_mappings(&next)?;
        let fields = next.words.categories.values().map(|category| category.fields.len() + 1);
        let others =
            [&next.words.purposes, &next.words.actions, &next.words.recipients, &next.words.measures];
        let words: usize = fields.chain(others.map(BTreeMap::len)).sum();
        room(words, WORDS_MAX, "words")?;
        room(next.mappings.len(), MAPPINGS_MAX, "columns")?;
        Ok(next)
    }
}

fn room(count: usize, limit: usize, what: &'static str) -> Result<(), VocabularyError> {
    if count <= limit { Ok(()) } else { Err(VocabularyError::TooMany { what, limit }) }
}

fn drop_words<V>(
    words: &mut BTreeMap<Term, V>,
    dropped: &[Term],
    what: &'static str,
) -> Result<(), VocabularyError> {
    let mut gone = dropped.iter().map(|term| words.remove(term));
    if gone.all(|word| word.is_some()) { Ok(()) } else { Err(VocabularyError::NotThere { what }) }
}

/// Customers read every word, and every word stands for something outside this vocabulary.
fn check_put(words: &Words) -> Result<(), VocabularyError> {
    let Words { purposes, categories, actions, recipients, measures } = words;
    check_labels(purposes.values(), "purpose")?;
    check_labels(categories.values().map(|category| &category.label), "category")?;
    check_labels(actions.values(), "action")?;
    check_labels(recipients.values(), "kind of recipient")?;
    check_labels(measures.values(), "measure")?;
    for category in categories.values() {
        if category.fields.is_empty() {
            return Err(VocabularyError::NoFields);
        }
        if !category.fields.values().all(grantbook_record::vocabulary::Field::is_readable) {
            return Err(VocabularyError::Unreadable { what: "field" });
        }
    }
    Ok(())
}

fn check_labels<'a>(
    mut labels: impl Iterator<Item = &'a Label>,
    what: &'static str,
) -> Result<(), VocabularyError> {
    labels.try_for_each(|label| match &label.iri {
        _ if !label.is_readable() => Err(VocabularyError::Unreadable { what }),
        None => Err(VocabularyError::NoIri { what }),
        Some(_) => Ok(()),
    })
}

fn check_mappings(version: &Version) -> Result<(), VocabularyError> {
    let mut columns: BTreeMap<(&Term, &Term), Vec<&Mapping>> = BTreeMap::new();
    for mapping in version.mappings.values() {
        let category = version.words.categories.get(&mapping.category);
        let field = category.and_then(|category| category.fields.get(&mapping.field));
        let field = field.ok_or(VocabularyError::NoSuchField)?;
        if field.unit.is_some() && field.unit != mapping.unit {
            return Err(VocabularyError::OtherValues { what: "unit" });
        }
        if field.range.is_some_and(|all| !mapping.range.is_some_and(|some| all.has(&some))) {
            return Err(VocabularyError::OtherValues { what: "range" });
        }
        columns.entry((&mapping.category, &mapping.field)).or_default().push(mapping);
    }
    columns.values().try_for_each(|columns| check_same(columns))
}

/// One column of a field names no other; each of the others names that one, and has its unit.
fn check_same(columns: &[&Mapping]) -> Result<(), VocabularyError> {
    let mut alone = columns.iter().filter(|mapping| mapping.same_as.is_none());
    let (Some(first), None) = (alone.next(), alone.next()) else { return Err(VocabularyError::NotTheSame) };
    let same: Option<&Source> = Some(&first.source);
    for other in columns.iter().filter(|mapping| mapping.same_as.is_some()) {
        if other.same_as.as_ref() != same {
            return Err(VocabularyError::NotTheSame);
        }
        if other.unit != first.unit {
            return Err(VocabularyError::OtherValues { what: "unit" });
        }
    }
    Ok(())
}
