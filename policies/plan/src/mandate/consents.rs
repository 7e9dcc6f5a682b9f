//! Separate consents: what nobody gives by a rule that does not name it.
//!
//! The law wants some consents from the person, each by itself: for sensitive data, for data of the special categories,
//! of a guardian, for passing data on or abroad. A mandate gives none of them unless the customer named it there.

use std::collections::BTreeSet;

use grantbook_record::Terms;

use crate::consents::{SENSITIVE, SPECIAL, is_needed};
use crate::vocabulary::Version;

/// The consents that go with data, asked for or not (PIPL, article 29; GDPR, article 9 (2) (a)). All other separate consents
/// are those that the terms carry, such as `guardian`, `third-party` and `cross-border`.
const OF_DATA: [&str; 2] = [SENSITIVE, SPECIAL];

/// Every separate consent that agreeing to the terms takes: those that they carry, and those that go with their data. Without
/// `words` only the former.
pub fn needed_consents<'a>(terms: &'a Terms, words: Option<&Version>) -> BTreeSet<&'a str> {
    let carried = terms.consents.iter().map(|consent| consent.to.as_str());
    let of_data = words
        .into_iter()
        .flat_map(|words| OF_DATA.into_iter().filter(|consent| is_needed(consent, terms, words, None)));
    carried.chain(of_data).collect()
}
