//! What the portal changes. Every event goes through `Ledger::append_with`, the door of `POST /v1/events`.

use std::sync::Arc;

use grantbook_engine::{AccountChange, ComplaintError, EraseError, Ledger, Role, RuleAnswer, WishError};
use grantbook_plan::cosigners::{self, Lacking};
use grantbook_plan::protections::OF_AGE_UNSAID;
use grantbook_plan::{CustomerState, guardian};
use grantbook_portal::backend::write::{
    AccountStore, Bearer, Change, ComplaintBook, CustomerFacts, CustomerRecords, CustomerSpace, Enterprises,
    EventDoor, GrantFacts, Rows, RuleRecords, RuledAnswer, Sandbox,
};
use grantbook_portal::failure::Failure;
use grantbook_portal::news::OpenGrant;
use grantbook_portal::view::agreement::ConsentAsked;
use grantbook_portal::view::draft::Draft;
use grantbook_record::complaint::ComplaintText;
use grantbook_record::event::{Channel, ClientPublished, Event, Evidence, RequestMade};
use grantbook_record::mirror::{Milestone, Value};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::vocabulary::Words;
use grantbook_record::{
    DataDay, Envelope, Jti, Kind, RecordId, Signer, SubjectId, TenantId, Term, Terms, UnixSeconds,
    VocabularyVersion,
};
use tokio::sync::Notify;

use crate::http::problem::Problem;
use crate::story;

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

impl LedgerWrites {
    /// The one enterprise's key that the ledger has: the sandbox's.
    fn sandbox_key(&self, tenant: TenantId) -> Option<Signer> {
        if !self.0.tenant(tenant).is_some_and(|tenant| tenant.sandbox) {
            return None;
        }
        let sandbox = self.0.sandbox().ok()?;
        (sandbox.tenant.id == tenant).then_some(sandbox.enterprise)
    }
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

    fn lacking(
        &self,
        tenant: TenantId,
        envelope: &[u8],
        attachment: Option<&[u8]>,
    ) -> Result<Option<Lacking>, Failure> {
        self.0.lacking(tenant, envelope, attachment).map_err(refused)
    }

    fn vouch(
        &self,
        tenant: TenantId,
        kind: Kind,
        evidence: Evidence,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, Failure> {
        match evidence {
            Evidence::OperatorsWord => Ok(self.0.operators_word(tenant, kind, payload)),
            Evidence::Enterprise => self.sign(tenant, kind, payload),
            Evidence::EnrolledKey => Ok(None),
        }
    }
}

impl Enterprises for LedgerWrites {
    fn bearer(&self, token: &str) -> Option<Bearer> {
        let principal = self.0.authenticate(token)?;
        // an operator's token is for what is opened to regulators, over all tenants: it is nobody's desk
        let works_there = matches!(principal.role, Role::Admin | Role::Service);
        works_there.then_some(Bearer { tenant: principal.tenant, token_id: principal.token_id })
    }

    fn drafted(&self, tenant: TenantId, draft: &Draft) -> Result<Option<RequestMade>, Failure> {
        let drafted = crate::http::draft::drafted(&self.0, tenant, draft, self.now());
        Ok(drafted.map_err(refused)?.made)
    }

    fn sign(&self, tenant: TenantId, kind: Kind, payload: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.sandbox_key(tenant).map(|key| Envelope::sign(kind, payload, &[&key])))
    }

    fn sandbox(&self) -> Option<Sandbox> {
        let has_one = self.0.tenants().iter().any(|tenant| tenant.sandbox);
        let known = if has_one { self.0.sandbox().ok()? } else { return None };
        let customer = SubjectId::parse(story::CUSTOMER).ok()?;
        self.0.customer(known.tenant.id, &customer)?;
        Some(Sandbox { company: self.bearer(&known.token)?, customer })
    }

    fn enrolled(&self, tenant: TenantId, sub: &SubjectId) {
        if self.sandbox_key(tenant).is_none() || self.sandbox().is_none() {
            return;
        }
        for template in ["charging-quote", "battery-report"] {
            if let Err(error) = story::ask(&self.0, tenant, sub, template) {
                // the customer has a key all the same; somebody may have published rules that such requests break
                tracing::warn!(%error, template, "the sandbox asks for nothing");
            }
        }
    }

    fn append_jws(&self, tenant: TenantId, jws: &str) -> Result<u64, Failure> {
        let envelope = crate::http::framed(jws.as_bytes()).map_err(refused)?;
        self.append(tenant, &envelope, None)
    }

    fn still_bears(&self, bearer: &Bearer) -> bool {
        self.0.tokens(bearer.tenant).iter().any(|token| token.id == bearer.token_id)
    }
}

impl CustomerRecords for LedgerWrites {
    fn enterprise(&self, tenant: TenantId) -> Option<String> {
        self.0.tenant(tenant).map(|tenant| tenant.name)
    }

    fn customer(&self, tenant: TenantId, sub: &SubjectId) -> Result<CustomerFacts, Failure> {
        let Some(known) = self.0.customer(tenant, sub) else { return Ok(CustomerFacts::default()) };
        let live = || known.keys.iter().filter(|key| !key.ended);
        let has_own_key = live().any(|key| !key.guardian);
        let keys = live().map(|key| key.key.thumbprint()).collect();
        let passkeys = self.0.passkeys(tenant, sub).map_err(refused)?;
        let several = cosigners::are_several(&known, self.now());
        let CustomerState { recovery, signatories, .. } = known;
        Ok(CustomerFacts { keys, has_own_key, passkeys, recovery, signatories, several })
    }

    fn comes_of_age(&self, tenant: TenantId, sub: &SubjectId, birth_day: u32) -> Result<DataDay, Failure> {
        // a first guardian has fixed it
        if let Some(ward) = self.0.customer(tenant, sub).and_then(|known| known.ward) {
            return Ok(ward.until);
        }
        let rules = self.0.tenant_state(tenant).map_err(refused)?;
        let years = rules.protections().of_age.unwrap_or(OF_AGE_UNSAID);
        let expected = || Failure::Malformed("a birth_day of the calendar".to_owned());
        guardian::comes_of_age(birth_day, years).ok_or_else(expected)
    }

    fn request(&self, tenant: TenantId, sub: &SubjectId, request: &Jti) -> Result<Option<Terms>, Failure> {
        let known = self.0.customer(tenant, sub);
        let is_open = |known: &CustomerState| {
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

    fn open_grants(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<OpenGrant>, Failure> {
        let now = self.0.now().seconds();
        let Some(known) = self.0.customer(tenant, sub) else { return Ok(Vec::new()) };
        let open = known.grants.iter().filter(|grant| !grant.status.is_ended() && grant.end() > now);
        Ok(open.map(|grant| OpenGrant { id: grant.id, from: grant.starts, until: grant.end() }).collect())
    }

    fn now(&self) -> UnixSeconds {
        self.0.now().seconds()
    }

    fn new_id(&self) -> Jti {
        self.0.new_id()
    }
}

impl CustomerSpace for LedgerWrites {
    fn wish(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        record: &RecordId,
        field: &Term,
        value: Value,
    ) -> Result<(), Failure> {
        match self.0.wish(tenant, sub, record, field, value) {
            // the same once more is no mistake
            Ok(_) | Err(WishError::Unchanged) => Ok(()),
            Err(WishError::NotFound) => Err(Failure::NotFound),
            Err(WishError::NotEditable) => Err(Failure::Conflict("a field that the enterprise has opened")),
            Err(WishError::Waiting) => Err(Failure::Conflict("the wish before to be decided first")),
            Err(WishError::TooMany) => Err(Failure::TooMany),
            Err(WishError::Read(error)) => Err(refused(error)),
            Err(WishError::Store(fault)) => Err(Refused::from(fault).0),
        }
    }

    fn milestone(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        record: &RecordId,
        milestone: &RecordId,
    ) -> Result<Option<Milestone>, Failure> {
        let records = self.0.mirrored(tenant, sub).map_err(refused)?.records;
        let found = records.into_iter().find(|known| known.id == *record);
        let mut milestones = found.iter().flat_map(|known| known.content.milestones.iter());
        Ok(milestones.find(|known| known.id == *milestone).cloned())
    }
}

impl ComplaintBook for LedgerWrites {
    fn complain(&self, tenant: TenantId, sub: &SubjectId, text: ComplaintText) -> Result<(), Failure> {
        self.0.complain(tenant, sub, text).map(|_| ()).map_err(not_taken)
    }

    fn answer_complaint(
        &self,
        tenant: TenantId,
        id: &Jti,
        text: ComplaintText,
    ) -> Result<SubjectId, Failure> {
        self.0.answer_complaint(tenant, id, text).map_err(not_taken)
    }
}

fn not_taken(error: ComplaintError) -> Failure {
    match error {
        ComplaintError::NotFound => Failure::NotFound,
        ComplaintError::Answered => Failure::Conflict("a complaint that waits for an answer"),
        ComplaintError::TooMany => Failure::TooMany,
        ComplaintError::Read(error) => refused(error),
        ComplaintError::Store(fault) => Refused::from(fault).0,
    }
}

impl RuleRecords for LedgerWrites {
    fn vocabulary(&self, tenant: TenantId) -> Result<VocabularyVersion, Failure> {
        Ok(self.0.tenant_state(tenant).map_err(refused)?.vocabulary.latest().number())
    }

    fn answers_by_rules(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<RuledAnswer>, Failure> {
        let answers = self.0.answers_by_rules(tenant, sub).map_err(refused)?;
        let ruled = |RuleAnswer { mandate, accepts, request }| RuledAnswer {
            mandate: mandate.id,
            agent: mandate.given.agent,
            request: request.id,
            terms: request.request.terms,
            accepts,
        };
        Ok(answers.into_iter().map(ruled).collect())
    }

    fn end_rule_by_session(&self, tenant: TenantId, sub: &SubjectId, mandate: Jti) -> Result<u64, Failure> {
        let ended = self.0.withdraw_mandate_by_channel(tenant, sub, mandate, Channel::Session);
        Ok(ended.map_err(refused)?.leaf_index.0)
    }
}
