//! Whose signatures an event lacks that several people give for one customer: signatories of an organisation, a guardian and the
//! minor, whoever vouches for another key. Admission refuses what lacks one; who collects signatures asks here first.
//! Specification: `docs/spec/people.md`.

use grantbook_record::Thumbprint;
use grantbook_record::day::UnixSeconds;
use grantbook_record::event::{Event, Evidence};

use crate::admission::Context;
use crate::customer::CustomerState;
use crate::{guardian, signatories};

/// A signature that lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// So many more of an organisation's signatories.
    Signatories(usize),
    /// A guardian's.
    Guardian,
    /// One by a key of the customer's own.
    OwnKey,
}

/// Whose signature an event lacks; the first, where there are several. An event that lacks none may still be refused.
pub fn lacking(
    event: &Event,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Option<Lacking> {
    match event {
        Event::KeyEnrolled(enrolled) if enrolled.evidence == Evidence::EnrolledKey => {
            (!signers.iter().any(|kid| customer.is_own(kid))).then_some(Lacking::OwnKey)
        }
        Event::GuardianNamed(named) => guardian::lacking_named(&named.key.thumbprint(), signers, customer),
        event => guardian::lacking(event, signers, customer, context)
            .or_else(|| signatories::lacking(event, signers, customer).map(Lacking::Signatories)),
    }
}

/// Whether some of what is signed for this customer may need more than one person: of a minor, and of an organisation of which
/// several sign.
pub fn are_several(customer: &CustomerState, now: UnixSeconds) -> bool {
    let minor = customer.ward.as_ref().is_some_and(|ward| now < ward.of_age_at());
    minor || customer.signatories.as_ref().is_some_and(|rule| rule.needed > 1)
}

#[cfg(test)]
mod tests;
