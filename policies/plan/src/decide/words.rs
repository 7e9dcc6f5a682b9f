//! Which version of the vocabulary a use is asked in, and which one a grant is given in.

use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, Term};

use super::{Denial, Detail, GrantView, Part};
use crate::cover::FieldGap;
use crate::vocabulary::{Version, Vocabulary};

/// Whether some version of the vocabulary has every word of the use.
pub fn check_terms(vocabulary: &Vocabulary, facts: &UseFacts) -> Result<(), Denial> {
    known_in(vocabulary, facts).map(|_| ())
}

/// The latest version that has every word of the use; if none has, the denial says what the latest one lacks.
pub(super) fn known_in<'v>(vocabulary: &'v Vocabulary, facts: &UseFacts) -> Result<&'v Version, Denial> {
    let mut first = None;
    for version in vocabulary.versions() {
        match check_words(version, facts) {
            Ok(()) => return Ok(version),
            Err(denial) => first = first.or(Some(denial)),
        }
    }
    Err(first.unwrap_or(Denial::of(DenialReason::UnknownTerm)))
}

fn check_words(vocabulary: &Version, facts: &UseFacts) -> Result<(), Denial> {
    let known = |holds: bool, part: Part, term: &Term| {
        if holds {
            return Ok(());
        }
        Err(Denial::of(DenialReason::UnknownTerm).with(Detail::Term { part, term: term.clone() }))
    };
    known(vocabulary.has_purpose(&facts.purpose), Part::Purpose, &facts.purpose)?;
    for category in facts.categories.iter() {
        known(vocabulary.has_category(category), Part::Category, category)?;
    }
    for field in facts.fields.iter() {
        let some_category_has_it =
            facts.categories.iter().any(|category| vocabulary.has_field(category, field));
        known(some_category_has_it, Part::Field, field)?;
    }
    known(vocabulary.has_action(&facts.action), Part::Action, &facts.action)
}

/// The version of the vocabulary that a grant's terms are in, if the use is about something that it knows. Terms do not
/// say what may be done with data, so an action that their version lacks is none that the customer can have meant.
pub(super) fn version_of<'v>(
    vocabulary: &'v Vocabulary,
    known: &'v Version,
    grant: &GrantView<'_>,
    facts: &UseFacts,
) -> Option<&'v Version> {
    let version = grant.terms.vocabulary;
    if known.number() == version {
        return Some(known);
    }
    vocabulary.version(version).filter(|words| words.has_action(&facts.action))
}

/// The first field of the use that is none of the version that the terms are in: it has the field in no category of the
/// use, or a later version has it in one in which this one has not.
pub(super) fn foreign_field<'a>(
    vocabulary: &Vocabulary,
    version: &Version,
    facts: &'a UseFacts,
) -> Option<FieldGap<'a>> {
    if vocabulary.has_one_version() {
        return None;
    }
    let later = || vocabulary.versions().take_while(|later| later.number() > version.number());
    let gap = |category, field| FieldGap { category, field, day: facts.data_period.from() };
    facts.fields.iter().find_map(|field| {
        let added = facts.categories.iter().find(|category| {
            !version.has_field(category, field) && later().any(|later| later.has_field(category, field))
        });
        let lacks = !facts.categories.iter().any(|category| version.has_field(category, field));
        let category = added.or_else(|| facts.categories.first().filter(|_| lacks))?;
        Some(gap(category, field))
    })
}
