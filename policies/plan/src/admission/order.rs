//! What was signed once counts once.
//!
//! Whoever runs the ledger has all envelopes that customers ever signed, and could put one on the log again: the one by which a
//! grant was resumed, after the customer has paused it anew. The ledger itself takes no `jti` twice; readers, who do not keep
//! them all, go by what the events say of the time at which they were made.

use grantbook_record::Jti;
use grantbook_record::event::Event;

use super::Refusal;
use crate::customer::CustomerState;
use crate::mandate::is_forgotten;

/// Whether an event that widens what is permitted is later than what it changes. Those that narrow may come at any time.
pub(super) fn check(event: &Event, jti: &Jti, customer: &CustomerState) -> Result<(), Refusal> {
    let again = match event {
        Event::GrantGiven(_) => customer.grant(jti).is_some(),
        Event::MandateGiven(_) => customer.mandate(jti).is_some() || is_forgotten(&customer.mandates, jti),
        Event::GrantAmended(_) | Event::GrantResumed(_) => {
            let grant = event.changed_grant().and_then(|id| customer.grant(&id));
            let last = grant.map(|grant| grant.changed.unwrap_or(grant.id));
            last.is_some_and(|last| *jti == last || jti.made_at() < last.made_at())
        }
        _ => false,
    };
    if again { Err(Refusal::Again) } else { Ok(()) }
}
