//! Separate consents: what nobody gives by a rule that does not name it.
//!
//! The law wants some consents from the person, each by itself: for sensitive data, for data of the special categories,
//! of a guardian, for passing data on or abroad. A mandate gives none of them unless the customer named it there.

use std::collections::BTreeSet;

use grantbook_record::Terms;
use grantbook_record::scope::Clause;
use grantbook_record::vocabulary::Sensitivity;

use super::request::touches_field;
use crate::consents::{SENSITIVE, SPECIAL};
use crate::vocabulary::Version;

/// The consents that go with data of each sensitivity, asked for or not (PIPL, article 29; GDPR, article 9 (2) (a)). All
/// other separate consents are those that the terms carry, such as `guardian`, `third-party` and `cross-border`.
pub const BY_SENSITIVITY: [(Sensitivity, &str); 2] =
    [(Sensitivity::Sensitive, SENSITIVE), (Sensitivity::Special, SPECIAL)];

/// Every separate consent that agreeing to the terms takes: those that they carry, and those that go with their data. Without
/// `words` only the former.
pub fn needed_consents<'a>(terms: &'a Terms, words: Option<&Version>) -> BTreeSet<&'a str> {
    let carried = terms.consents.iter().map(|consent| consent.to.as_str());
    let sensitivities: BTreeSet<Sensitivity> =
        words.map(|words| sensitivities(terms, words)).unwrap_or_default();
    let of_data = BY_SENSITIVITY.into_iter().filter(|(level, _)| sensitivities.contains(level));
    carried.chain(of_data.map(|(_, consent)| consent)).collect()
}

/// How sensitive the fields in the terms' scope are.
fn sensitivities(terms: &Terms, words: &Version) -> BTreeSet<Sensitivity> {
    let categories = &words.words().categories;
    let of_clause = |clause: &'_ Clause| {
        let category = categories.get_key_value(&clause.category);
        let fields = category.into_iter().flat_map(|(name, category)| {
            category.fields.keys().filter(move |field| touches_field(terms, name, field))
        });
        let known = fields.filter_map(|field| words.sensitivity(&clause.category, field));
        known.collect::<Vec<_>>()
    };
    terms.scope.include.iter().flat_map(of_clause).collect()
}
