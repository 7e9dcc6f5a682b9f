//! Mandates and the requests that they are about. Specification: `docs/spec/mandate.md`.

use std::collections::BTreeMap;

use grantbook_plan::Refusal;
use grantbook_plan::mandate::{
    Answer, Draft, Request, SimulatedTemplate, check_words, judge, simulate_templates,
};
use grantbook_plan::{CustomerState, MandateState};
use grantbook_record::event::{
    Channel, Claims, Event, MandateGiven, MandateSource, MandateWithdrawn, RequestMade,
};
use grantbook_record::{Envelope, Jti, Kind, SubjectId, TenantId, UnixSeconds};
use grantbook_tlog::LeafIndex;

use crate::body::BodyContent;
use crate::error::{AppendError, ReadError};
use crate::ledger::{Appended, Ledger};

/// A mandate as listed.
#[derive(Debug, Clone)]
pub struct MandateRow {
    /// The mandate.
    pub mandate: MandateState,
    /// Whether its agent may answer now.
    pub in_force: bool,
    /// Grants that were given under it, or under one handed on from it, and have not ended.
    pub grants: Vec<Jti>,
}

/// A request as listed.
#[derive(Debug, Clone)]
pub struct RequestRow {
    /// The `jti` of its `request.made`.
    pub id: Jti,
    /// Leaf index of it.
    pub leaf_index: LeafIndex,
    /// Whether it waits for an answer.
    pub open: bool,
    /// What was asked for.
    pub request: RequestMade,
}

/// What a mandate would have done.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// With each request, the latest first.
    pub requests: Vec<(RequestRow, Answer)>,
    /// With the widest request under each template.
    pub templates: Vec<SimulatedTemplate>,
}

/// What a mandate answers a request that waits.
#[derive(Debug, Clone)]
pub struct RuleAnswer {
    /// By whose agent.
    pub mandate: MandateState,
    /// Yes or no.
    pub accepts: bool,
    /// The request.
    pub request: RequestRow,
}

/// Of several mandates the worst answer counts.
fn rank(answer: Option<&RuleAnswer>) -> u8 {
    match answer {
        Some(RuleAnswer { accepts: true, .. }) => 0,
        None => 1,
        Some(RuleAnswer { accepts: false, .. }) => 2,
    }
}

impl Ledger {
    /// Withdraws a mandate for a customer who asked through a channel other than their key; signed by the operator.
    pub fn withdraw_mandate_by_channel(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        mandate: Jti,
        channel: Channel,
    ) -> Result<Appended, AppendError> {
        let jti = Jti::new(self.inner.clock.now(), crate::random::bytes());
        let event = MandateWithdrawn { sub: sub.clone(), mandate, channel: Some(channel) };
        let payload = Claims::new(tenant, jti, event).to_json();
        let envelope = Envelope::sign(Kind::MandateWithdrawn, &payload, &[&self.inner.keyring.operator]);
        self.append(tenant, &envelope)
    }

    /// One customer's mandates, ended ones as far as they are remembered, by rising leaf index.
    pub fn mandates_of(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<MandateRow>, ReadError> {
        let Some(customer) = self.read_customer(tenant, sub)? else { return Ok(Vec::new()) };
        let now = self.inner.clock.now().seconds();
        let row = |mandate: &MandateState| MandateRow {
            in_force: !mandate.ended && now < mandate.given.until,
            grants: customer.given_under(&mandate.id),
            mandate: mandate.clone(),
        };
        Ok(customer.mandates.iter().map(row).collect())
    }

    /// One customer's requests, the latest first: those that wait, and the last of those that wait no longer.
    pub fn requests_of(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<RequestRow>, ReadError> {
        let Some(customer) = self.read_customer(tenant, sub)? else { return Ok(Vec::new()) };
        let now = self.inner.clock.now().seconds();
        let open = customer.requests.iter().map(|request| (request.id, now < request.expires));
        let past = customer.closed_requests.iter().map(|id| (*id, false));
        let mut rows = Vec::new();
        for (id, open) in open.chain(past) {
            rows.extend(self.request(tenant, id, open)?);
        }
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.leaf_index));
        Ok(rows)
    }

    /// What a mandate in force, or one that was, says of one customer's open requests, the latest first.
    pub fn answers_of(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        mandate: &Jti,
    ) -> Result<Vec<(RequestRow, Answer)>, ReadError> {
        let customer = self.read_customer(tenant, sub)?.ok_or(ReadError::NotFound)?;
        let mandate = &customer.mandate(mandate).ok_or(ReadError::NotFound)?.given;
        let mut answers = self.answers(tenant, mandate)?;
        answers.retain(|(row, _)| row.open);
        Ok(answers)
    }

    /// What a customer's mandates in force answer of the requests that wait: yes or no, never what the customer is to be asked.
    /// Among them declining beats asking, asking beats accepting, as among the rules of one; a mandate none of whose rules
    /// is about a request does not count.
    pub fn answers_by_rules(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<RuleAnswer>, ReadError> {
        let in_force: Vec<_> =
            self.mandates_of(tenant, sub)?.into_iter().filter(|row| row.in_force).collect();
        let mut found: BTreeMap<LeafIndex, Option<RuleAnswer>> = BTreeMap::new();
        for row in in_force {
            for (request, answer) in self.answers(tenant, &row.mandate.given)? {
                if !request.open || (answer.rule.is_none() && answer.verdict == "ask") {
                    continue;
                }
                let said = match answer.verdict {
                    "accept" => Some(true),
                    "decline" => Some(false),
                    _ => None,
                };
                let answered = said.map(|accepts| RuleAnswer {
                    mandate: row.mandate.clone(),
                    accepts,
                    request: request.clone(),
                });
                let kept = found.entry(request.leaf_index);
                kept.and_modify(|kept| {
                    if rank(answered.as_ref()) > rank(kept.as_ref()) {
                        kept.clone_from(&answered);
                    }
                })
                .or_insert(answered);
            }
        }
        Ok(found.into_values().rev().flatten().collect())
    }

    /// What a mandate would have said of a customer's requests and of the tenant's templates, had it been signed. Refused is
    /// one whose words the vocabulary does not have.
    pub fn simulate_mandate(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        draft: Draft,
    ) -> Result<Result<Simulation, Refusal>, ReadError> {
        let state = self.tenant_state(tenant)?;
        // no rule looks at who signs, nor, but for requests that begin later, at the end
        let nobody = *self.inner.keyring.operator.public_key();
        let from = MandateSource::Key(nobody.thumbprint());
        let mandate = draft.given(sub.clone(), from, nobody, UnixSeconds(u64::MAX));
        if let Err(refusal) = check_words(&mandate, &state.vocabulary) {
            return Ok(Err(refusal));
        }
        let now = self.inner.clock.now().seconds();
        let requests = self.answers(tenant, &mandate)?;
        Ok(Ok(Simulation { requests, templates: simulate_templates(&mandate, &state, now) }))
    }

    fn answers(
        &self,
        tenant: TenantId,
        mandate: &MandateGiven,
    ) -> Result<Vec<(RequestRow, Answer)>, ReadError> {
        let state = self.tenant_state(tenant)?;
        let answer = |row: RequestRow| {
            let answer = judge(mandate, &Request::new(&row.request.terms, &state)).into();
            (row, answer)
        };
        Ok(self.requests_of(tenant, &mandate.sub)?.into_iter().map(answer).collect())
    }

    fn read_customer(&self, tenant: TenantId, sub: &SubjectId) -> Result<Option<CustomerState>, ReadError> {
        let key = self.inner.state.customer_key(tenant, sub);
        Ok(self.inner.state.customer(key)?.map(|customer| customer.state.as_ref().clone()))
    }

    /// A request; `None` where nobody can read it any more.
    fn request(&self, tenant: TenantId, id: Jti, open: bool) -> Result<Option<RequestRow>, ReadError> {
        let Some(row) = self.inner.state.jti(tenant, &id)? else { return Ok(None) };
        let owned = self.inner.tenants_item(tenant, row.leaf_index)?;
        let body = match self.inner.open_body(row.leaf_index, &owned) {
            Err(ReadError::Erased) => return Ok(None),
            body => body?,
        };
        let damaged = || ReadError::Damaged(format!("request {}", row.leaf_index));
        let BodyContent::Event { envelope, .. } = &body.content else { return Err(damaged()) };
        let claims =
            Envelope::parse(envelope).and_then(|envelope| envelope.event()).map_err(|_| damaged())?;
        let Event::RequestMade(request) = claims.event else { return Err(damaged()) };
        Ok(Some(RequestRow { id, leaf_index: LeafIndex(row.leaf_index), open, request }))
    }
}
