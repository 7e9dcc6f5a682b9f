//! Passkeys as second signatures: which are a customer's, and what they must be asked for. `docs/spec/attachment.md`.

use grantbook_plan::CustomerState;
use grantbook_plan::narrower::is_narrower;
use grantbook_record::event::{Event, Evidence, MandateSource};
use grantbook_record::{Kind, Thumbprint};
use serde::{Deserialize, Serialize};

use crate::admit::AdmittedEvent;
use crate::state::Customer;

/// Passkeys of a customer at one enterprise.
pub(crate) const PASSKEYS_MAX: usize = 8;

/// Whether an enterprise's customers who have a passkey are asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cosignature {
    /// A grant, an amendment that widens one, and a mandate need it.
    #[default]
    Required,
    /// It is taken where it comes.
    Optional,
}

/// Why an event is not admitted with the assertions that are attached to it, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// A kind that no passkey signs.
    #[error(
        "nothing may be attached to {kind}, expected a key's enrolment or rotation, a guardian's naming, a grant's terms or a mandate"
    )]
    NotAttachable {
        /// The kind.
        kind: Kind,
    },
    /// An assertion by a passkey that the customer has not brought in.
    #[error("assertion by another passkey, expected one that the customer has enrolled")]
    UnknownPasskey,
    /// A grant or a mandate without the assertion that it needs.
    #[error("no assertion, expected one by a passkey of the customer")]
    Missing,
    /// More passkeys than a customer may have.
    #[error("too many passkeys, expected at most {PASSKEYS_MAX}")]
    TooMany,
}

/// Checks an event of this log; one that was first admitted in another was checked there.
pub(crate) fn check_event(
    event: &AdmittedEvent,
    customer: Option<&Customer>,
    state: &CustomerState,
) -> Result<(), CosignatureError> {
    if event.first.is_some() {
        return Ok(());
    }
    let none = Passkeys::default();
    let known = customer.map_or(&none, |customer| &customer.passkeys);
    check(&event.claims.event, state, known, &event.passkeys, event.tenant.cosignature)
}

/// A customer's passkeys as the log has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Passkeys {
    /// The customer's own.
    pub(crate) own: Vec<Thumbprint>,
    /// Those of guardians.
    pub(crate) guardians: Vec<Thumbprint>,
}

impl Passkeys {
    /// All whose assertions count.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Thumbprint> {
        self.own.iter().chain(&self.guardians)
    }

    fn foreign(&self, attached: &[Thumbprint]) -> usize {
        attached.iter().filter(|passkey| self.all().all(|known| known != *passkey)).count()
    }
}

/// Whether the assertions' passkeys are the customer's, and whether one is missing. `known`: as the log has them before.
fn check(
    event: &Event,
    customer: &CustomerState,
    known: &Passkeys,
    attached: &[Thumbprint],
    rule: Cosignature,
) -> Result<(), CosignatureError> {
    let needed = match event {
        Event::KeyEnrolled(_) | Event::KeyRotated(_) => {
            let foreign = attached.iter().filter(|passkey| !known.own.contains(passkey)).count();
            // one that is known vouches for one that is new
            let vouched = brings_the_first(event) || known.own.is_empty() || foreign < attached.len();
            if foreign > 0 && !vouched {
                return Err(CosignatureError::UnknownPasskey);
            }
            let after = if brings_the_first(event) { attached.len() } else { known.own.len() + foreign };
            return if after > PASSKEYS_MAX { Err(CosignatureError::TooMany) } else { Ok(()) };
        }
        // who gives the evidence, and one of the minor's keys, vouch for the guardian and what the guardian brings
        Event::GuardianNamed(_) => {
            let after = known.guardians.len() + known.foreign(attached);
            return if after > PASSKEYS_MAX { Err(CosignatureError::TooMany) } else { Ok(()) };
        }
        // an agent has no passkey: its customer showed one when the mandate was given
        Event::GrantGiven(given) => given.mandate.is_none(),
        Event::MandateGiven(given) => matches!(given.from, MandateSource::Key(_)),
        Event::GrantAmended(amended) => {
            let before = customer.grant(&amended.grant);
            before.is_none_or(|before| !is_narrower(&before.terms, &amended.terms))
        }
        _ if attached.is_empty() => return Ok(()),
        _ => return Err(CosignatureError::NotAttachable { kind: event.kind() }),
    };
    if known.foreign(attached) > 0 {
        return Err(CosignatureError::UnknownPasskey);
    }
    let demanded = needed && rule == Cosignature::Required && known.all().next().is_some();
    if demanded && attached.is_empty() { Err(CosignatureError::Missing) } else { Ok(()) }
}

/// The customer's passkeys after the event.
pub(crate) fn fold(event: &Event, known: &mut Passkeys, attached: &[Thumbprint]) {
    let joined = match event {
        Event::KeyEnrolled(_) | Event::KeyRotated(_) => &mut known.own,
        Event::GuardianNamed(_) => &mut known.guardians,
        _ => return,
    };
    if brings_the_first(event) {
        joined.clear();
    }
    for passkey in attached {
        if !joined.contains(passkey) {
            joined.push(*passkey);
        }
    }
}

/// Whether no passkey from before the event counts after it.
fn brings_the_first(event: &Event) -> bool {
    match event {
        Event::KeyEnrolled(enrolled) => enrolled.evidence != Evidence::EnrolledKey,
        Event::KeyRotated(rotated) => rotated.recovery.is_some(),
        _ => false,
    }
}
