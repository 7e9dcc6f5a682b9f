//! What an envelope lacks that several people of one customer sign, one after the other. Asking changes nothing.

use grantbook_plan::admission::{self, Context};
use grantbook_plan::cosigners::{Lacking, lacking};
use grantbook_plan::{CustomerState, Refusal};
use grantbook_record::{TenantId, event::Event};

use crate::admit::{self, Beside};
use crate::error::AppendError;
use crate::ledger::Ledger;

impl Ledger {
    /// Whose signature an event lacks, of those that people of the customer give; `None` where it lacks none of these, though
    /// that of who gives evidence may. What would be refused for anything else is refused here already.
    pub fn lacking(
        &self,
        tenant: TenantId,
        envelope: &[u8],
        attachments: Option<&[u8]>,
    ) -> Result<Option<Lacking>, AppendError> {
        let inner = &self.inner;
        let now = inner.clock.now().seconds();
        let relying_party = inner.relying_party();
        let relying_party = relying_party.as_deref();
        let beside = attachments.map(|attachments| Beside { attachments, relying_party });
        let event = admit::event(&inner.keyring, &inner.state, tenant, envelope, beside, now)?;
        let customer = match event.claims.event.subject() {
            Some(sub) => inner.state.customer(inner.state.customer_key(tenant, sub)),
            None => Ok(None),
        };
        let customer = customer.map_err(AppendError::Store)?;
        let nobody = CustomerState::default();
        let known = customer.as_ref().map_or(&nobody, |customer| customer.state.as_ref());
        let row = inner.state.tenant(event.tenant.number).map_err(AppendError::Store)?;
        let (parties, jti) = (&event.tenant.parties, event.claims.jti);
        let rules = Context { tenant: &row.state, parties, jti, now };
        let lacks = lacking(&event.claims.event, &event.signers, known, &rules);
        let takes_evidence = matches!(event.claims.event, Event::KeyEnrolled(_) | Event::GuardianNamed(_));
        match admission::check(&event.claims.event, &event.signers, known, &rules) {
            Err(Refusal::Signers { .. }) if takes_evidence => Ok(lacks),
            Err(Refusal::Guardian { .. } | Refusal::Signatories { .. }) if lacks.is_some() => Ok(lacks),
            Err(refusal) => Err(refusal.into()),
            Ok(()) => Ok(None),
        }
    }
}
