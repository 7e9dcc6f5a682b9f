//! What the portal changes. Every event goes through `Ledger::append_with`, the door of `POST /v1/events`.

use std::sync::Arc;

use grantbook_engine::{AccountChange, EraseError, Ledger};
use grantbook_portal::backend::write::{
    AccountStore, Change, CustomerFacts, CustomerRecords, EventDoor, GrantFacts, Rows,
};
use grantbook_portal::failure::Failure;
use grantbook_portal::view::agreement::ConsentAsked;
use grantbook_record::event::{Channel, ClientPublished, Event, Evidence};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::vocabulary::Words;
use grantbook_record::{Envelope, Jti, Kind, SubjectId, TenantId, Terms, UnixSeconds, VocabularyVersion};
use tokio::sync::Notify;

use crate::http::problem::Problem;

/// The ledger, as the portal writes to it, and word of erasures to whoever goes on with them.
pub(crate) struct LedgerWrites(pub(crate) Ledger, pub(crate) Arc<Notify>);

struct Changing<'a, 'b>(&'a mut AccountChange<'b>);

impl Rows for Changing<'_, '_> {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.0.get(name).map(<[u8]>::to_vec)
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        self.0.names(prefix)
    }

    fn put(&mut self, name: &str, value: Vec<u8>) {
        self.0.put(name, value);
    }

    fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

/// A refusal of the portal's, or a fault of the store's.
struct Refused(Failure);

impl From<grantbook_engine::store::Fault> for Refused {
    fn from(fault: grantbook_engine::store::Fault) -> Self {
        tracing::error!(%fault, "the store of accounts has a fault");
        Self(Failure::Unavailable)
    }
}

impl AccountStore for LedgerWrites {
    fn row(&self, name: &str) -> Option<Vec<u8>> {
        self.0.account_row(name)
    }

    fn change(&self, change: Change<'_>) -> Result<(), Failure> {
        let changed = self.0.change_account_rows(|rows| change(&mut Changing(rows)).map_err(Refused));
        changed.map_err(|Refused(failure)| failure)
    }

    fn forget_removed(&self) -> Result<(), Failure> {
        self.0.forget_account_rows().map_err(|fault| Refused::from(fault).0)
    }
}

fn refused(error: impl Into<Problem>) -> Failure {
    let problem: Problem = error.into();
    let (status, slug) = (problem.kind.status().as_u16(), problem.kind.slug());
    Failure::Ledger { status, slug, detail: problem.detail.into_owned() }
}

impl EventDoor for LedgerWrites {
    fn publish_client(&self, client: &ClientPublished) -> Result<(), Failure> {
        self.0.publish_client(client).map(drop).map_err(refused)
    }

    fn append(&self, tenant: TenantId, envelope: &[u8], attachment: Option<&[u8]>) -> Result<u64, Failure> {
        let appended = self.0.append_with(tenant, envelope, attachment).map_err(refused)?;
        Ok(appended.leaf_index.0)
    }

    fn withdraw_by_session(&self, tenant: TenantId, sub: &SubjectId, grant: Jti) -> Result<u64, Failure> {
        let withdrawn = self.0.withdraw_by_channel(tenant, sub, grant, Channel::Session);
        Ok(withdrawn.map_err(refused)?.leaf_index.0)
    }

    fn begin_erasure(&self, tenant: TenantId, sub: &SubjectId) -> Result<Option<u64>, Failure> {
        match self.0.begin_erasure(tenant, sub, Channel::Session) {
            Ok(begun) => {
                self.1.notify_one();
                Ok(Some(begun.id))
            }
            Err(EraseError::UnknownCustomer) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    fn vouch(
        &self,
        tenant: TenantId,
        evidence: Evidence,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, Failure> {
        match evidence {
            Evidence::OperatorsWord => Ok(self.0.operators_word(tenant, payload)),
            Evidence::Enterprise => {
                let is_sandbox = self.0.tenant(tenant).is_some_and(|tenant| tenant.sandbox);
                let sandbox = if is_sandbox { self.0.sandbox().ok() } else { None };
                let sandbox = sandbox.filter(|sandbox| sandbox.tenant.id == tenant);
                Ok(sandbox.map(|sandbox| Envelope::sign(Kind::KeyEnrolled, payload, &[&sandbox.enterprise])))
            }
            Evidence::EnrolledKey => Ok(None),
        }
    }
}

impl CustomerRecords for LedgerWrites {
    fn enterprise(&self, tenant: TenantId) -> Option<String> {
        self.0.tenant(tenant).map(|tenant| tenant.name)
    }

    fn customer(&self, tenant: TenantId, sub: &SubjectId) -> Result<CustomerFacts, Failure> {
        let Some(known) = self.0.customer(tenant, sub) else { return Ok(CustomerFacts::default()) };
        let keys = known.keys.iter().filter(|key| !key.ended).map(|key| key.key.thumbprint());
        let passkeys = self.0.passkeys(tenant, sub).map_err(refused)?;
        Ok(CustomerFacts { keys: keys.collect(), passkeys, recovery: known.recovery })
    }

    fn request(&self, tenant: TenantId, sub: &SubjectId, request: &Jti) -> Result<Option<Terms>, Failure> {
        let known = self.0.customer(tenant, sub);
        let is_open = |known: &grantbook_plan::CustomerState| {
            known.requests.iter().any(|open| open.id == *request && open.expires > self.now())
        };
        let leaf = known.filter(is_open).and_then(|_| self.0.find_event(tenant, request));
        let Some(leaf) = leaf else { return Ok(None) };
        let receipt = self.0.customers_receipt(tenant, sub, leaf).map_err(refused)?;
        let verified = receipt.verify(self.0.log_keys()).map_err(|error| {
            tracing::error!(%error, "a receipt of this ledger does not verify");
            Failure::Unavailable
        })?;
        match verified.content {
            VerifiedContent::Event { claims, .. } => match claims.event {
                Event::RequestMade(made) => Ok(Some(made.terms)),
                _ => Ok(None),
            },
            VerifiedContent::Use { .. } => Ok(None),
        }
    }

    fn consents(&self, tenant: TenantId, terms: &Terms) -> Result<Vec<ConsentAsked>, Failure> {
        super::consents::asked(&self.0, tenant, terms).map_err(refused)
    }

    fn words(&self, tenant: TenantId, version: VocabularyVersion) -> Result<Option<Words>, Failure> {
        let known = self.0.tenant_state(tenant).map_err(refused)?;
        Ok(known.vocabulary.version(version).map(|version| version.words().clone()))
    }

    fn grant(&self, tenant: TenantId, sub: &SubjectId, grant: &Jti) -> Result<Option<GrantFacts>, Failure> {
        let known = self.0.customer(tenant, sub);
        let grant = known.as_ref().and_then(|known| known.grant(grant));
        Ok(grant.map(|grant| GrantFacts { terms: grant.terms.clone(), ended: grant.status.is_ended() }))
    }

    fn now(&self) -> UnixSeconds {
        self.0.now().seconds()
    }

    fn new_id(&self) -> Jti {
        self.0.new_id()
    }
}
