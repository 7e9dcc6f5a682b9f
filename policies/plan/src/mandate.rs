//! Mandates: what an agent may answer for a customer, by rules that the customer signed in advance.
//!
//! [`judge`] says what becomes of a request; [`narrows`] is the same question about a grant that an agent signed, and every
//! reader of the log asks it: the ledger, a gate's replica, an auditor. [`check_handed_on`] keeps a mandate that an agent
//! hands on within the agent's own. Specification: `docs/spec/mandate.md`.

mod admission;
mod attenuation;
mod bounds;
mod consents;
mod draft;
mod error;
mod held;
mod judgement;
mod request;
mod simulation;

use grantbook_record::Terms;
use grantbook_record::event::MandateGiven;

use crate::vocabulary::Vocabulary;

pub use admission::check_words;
pub(crate) use admission::{by_agent, check_given, check_withdrawn};
pub use attenuation::check_handed_on;
pub use consents::needed_consents;
pub use draft::Draft;
pub use error::MandateError;
pub use held::{MANDATES_MAX, MandateState};
pub(crate) use held::{apply_given, end, end_all, end_with_key, is_forgotten, pass_to_key};
pub use judgement::{Judgement, Why, judge};
pub use request::Request;
pub use simulation::{Answer, SimulatedTemplate, simulate_templates};

/// Whether an agent may give what is asked for: it lies within a rule that accepts, and no other rule says otherwise.
pub fn narrows(mandate: &MandateGiven, request: &Request<'_>) -> Result<(), MandateError> {
    match judge(mandate, request) {
        Judgement::Accept { .. } => Ok(()),
        Judgement::Decline { why, .. } | Judgement::Ask { why, .. } => {
            Err(MandateError::Outside { what: why.what, expected: why.expected })
        }
    }
}

/// The same for a reader who has neither template nor vocabulary: refused is what no template could make right.
pub fn may_narrow(mandate: &MandateGiven, terms: &Terms) -> Result<(), MandateError> {
    let words = Vocabulary::builtin().version(terms.vocabulary);
    let kinds = mandate.rules.iter().flat_map(|rule| rule.when.kinds.iter());
    let of_kind = |kind| narrows(mandate, &Request::of_kind(terms, kind, words));
    let named = of_kind(None);
    if named.is_ok() || kinds.map(Some).any(|kind| of_kind(kind).is_ok()) { Ok(()) } else { named }
}

#[cfg(test)]
mod tests;
