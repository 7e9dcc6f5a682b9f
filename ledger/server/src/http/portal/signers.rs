//! Who signs for a customer, and what waits for them.

use grantbook_engine::{Ledger, ReadError};
use grantbook_plan::guardian::Ward;
use grantbook_portal::signing::Pending;
use grantbook_portal::view::signers::{SignatureCard, Signed, Signers, SigningFor, SigningKey};
use grantbook_portal::viewer::Membership;
use grantbook_record::Event;

use super::customer::company;
use super::names::TenantNames;

/// Something that waits for further signatures.
pub(super) fn signature(ledger: &Ledger, pending: Pending) -> Result<SignatureCard, ReadError> {
    let Pending { id, tenant, ward, claims, signed, by_viewer, expires } = pending;
    let names = TenantNames::of(ledger, tenant)?;
    let what = match &claims.event {
        Event::GrantGiven(given) => Signed::Grant(names.agreement(&given.terms).recipient),
        Event::GrantAmended(amended) => Signed::Change(names.agreement(&amended.terms).recipient),
        Event::GrantResumed(_) => Signed::Resume,
        Event::MandateGiven(_) => Signed::Rule,
        Event::KeyEnrolled(_) => Signed::Key,
        Event::GuardianNamed(_) => Signed::Guardian,
        Event::SignatoriesAgreed(_) => Signed::Signatories,
        _ => Signed::Other,
    };
    Ok(SignatureCard { id, company: company(ledger, tenant), what, ward, signed, by_viewer, expires })
}

/// The keys that sign, by enterprise.
pub(super) fn signers(ledger: &Ledger, of: &[Membership]) -> Signers {
    let now = ledger.now().seconds();
    let mut companies = Vec::new();
    for place in of {
        let Some(state) = ledger.customer(place.tenant, &place.subject) else { continue };
        let rule = state.signatories.as_ref();
        let live = state.keys.iter().filter(|known| !known.ended);
        let keys = live.map(|known| {
            let key = known.key.thumbprint();
            let counts = rule.is_some_and(|rule| rule.keys.contains(&key));
            SigningKey { key, counts, guardian: known.guardian, person: None }
        });
        companies.push(SigningFor {
            tenant: place.tenant,
            company: company(ledger, place.tenant),
            ward: place.ward.clone(),
            minor_until: state.ward.as_ref().map(Ward::of_age_at).filter(|until| now < *until),
            needed: rule.map(|rule| rule.needed),
            keys: keys.collect(),
        });
    }
    Signers { companies }
}
