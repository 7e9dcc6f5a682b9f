//! The portal's signing page on the log, and for whom passkeys sign on it.

use std::sync::{Arc, PoisonError};

use grantbook_record::event::{Claims, ClientPublished, Event, Evidence};
use grantbook_record::webauthn::RelyingParty;
use grantbook_record::{Envelope, Jti, Kind, SubjectId, TenantId, Thumbprint};
use grantbook_tlog::LeafIndex;

use crate::cosign::Cosignature;
use crate::error::{AppendError, ReadError, TenantError};
use crate::ledger::{Appended, Inner, Ledger};
use crate::store::Fault;

/// The row that holds what was published last.
const ROW: &str = "client";

impl Inner {
    pub(crate) fn relying_party(&self) -> Option<Arc<RelyingParty>> {
        self.relying_party.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ledger {
    /// Puts the signing page on the log, unless that is what was published last; from here on assertions count that
    /// passkeys make for its relying party. Gives where its entry stands, if it is a new one.
    pub fn publish_client(&self, client: &ClientPublished) -> Result<Option<LeafIndex>, AppendError> {
        let inner = &self.inner;
        // string keys, no fallible serialisers
        let row = serde_json::to_vec(client).unwrap_or_default();
        let mut leaf = None;
        if self.account_row(ROW).as_ref() != Some(&row) {
            let jti = Jti::new(inner.clock.now(), crate::random::bytes());
            let payload = Claims::new(self.log_id(), jti, client.clone()).to_json();
            let envelope = Envelope::sign(Kind::ClientPublished, &payload, &[&inner.keyring.operator]);
            let Appended { leaf_index, .. } = self.append(self.log_id(), &envelope)?;
            // a crash before this line publishes it twice, which nobody minds
            let kept = self.change_account_rows(|rows| {
                rows.put(ROW, row);
                Ok::<_, Fault>(())
            });
            kept.map_err(AppendError::Store)?;
            leaf = Some(leaf_index);
        }
        let relying_party = Arc::new(client.relying_party.clone());
        *inner.relying_party.write().unwrap_or_else(PoisonError::into_inner) = Some(relying_party);
        Ok(leaf)
    }

    /// Whether the log says anything of a signing page.
    pub fn has_client(&self) -> bool {
        self.account_row(ROW).is_some()
    }

    /// The operator's word that a key is a customer's, or a guardian's: an envelope of its signature alone over the payload of a
    /// `key.enrolled` or `guardian.named` with that evidence; of nothing else.
    pub fn operators_word(&self, tenant: TenantId, kind: Kind, payload: &[u8]) -> Option<Vec<u8>> {
        let claims = Event::parse(kind, payload).ok()?;
        let evidence = match &claims.event {
            Event::KeyEnrolled(enrolled) => enrolled.evidence,
            Event::GuardianNamed(named) => named.evidence,
            _ => return None,
        };
        if claims.aud != tenant || evidence != Evidence::OperatorsWord {
            return None;
        }
        Some(Envelope::sign(kind, payload, &[&self.inner.keyring.operator]))
    }

    /// The passkeys whose assertions a customer's grants are asked for, those of guardians last.
    pub fn passkeys(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<Thumbprint>, ReadError> {
        let key = self.inner.state.customer_key(tenant, sub);
        let customer = self.inner.state.customer(key).map_err(ReadError::Store)?;
        Ok(customer.map(|customer| customer.passkeys.all().copied().collect()).unwrap_or_default())
    }

    /// Whether a tenant's customers who have a passkey are asked for it when they give more than before.
    pub fn set_cosignature(&self, tenant: TenantId, rule: Cosignature) -> Result<(), TenantError> {
        self.inner.keyring.set_cosignature(tenant, rule)
    }
}
