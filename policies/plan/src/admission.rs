//! Which events may come next: the rules of admission, over the state that earlier events made.
//!
//! Signatures are verified before; here it is asked whether the signers are the ones that the event needs.

mod bounds;
mod order;
mod policy;
mod published;
mod refusal;

use grantbook_record::day::UnixSeconds;
use grantbook_record::event::{
    Acknowledger, DataDeleted, Event, Evidence, GrantGiven, KeyEnrolled, KeyRotated, Money,
    RecipientAcknowledged, RequestDeclined, Revoker, SourceOwned,
};
use grantbook_record::{Jti, Terms, Thumbprint};

use crate::assets::{self, ASSETS_MAX};
use crate::customer::{CustomerState, GRANTS_MAX, GrantState, KEYS_MAX, Status};
use crate::mandate;
use crate::owners::{self, Widens};
use crate::tenant::{GROUPS_MAX, NOTICES_MAX, TenantState};
use crate::{consents, guardian, nagging, notice, signatories};
pub use bounds::beyond_template;
use bounds::{by_giver, check_tier};
use policy::check_policy;
use published::check_template;
pub use refusal::Refusal;

/// Bytes of a template's or notice's text.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Keys that are not a customer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parties {
    /// The enterprise's key.
    pub enterprise: Thumbprint,
    /// The operator's key for events.
    pub operator: Thumbprint,
}

/// What admission looks at.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The tenant.
    pub tenant: &'a TenantState,
    /// Keys that are not a customer's.
    pub parties: &'a Parties,
    /// The event's id.
    pub jti: Jti,
    /// The ledger's clock.
    pub now: UnixSeconds,
}

/// Whether the event may be admitted next. `customer` is the state of the customer it is about (empty if unknown).
pub fn check(
    event: &Event,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    check_kind(event, signers, customer, context)?;
    order::check(event, &context.jti, customer)?;
    guardian::check(event, signers, customer, context)?;
    signatories::check(event, signers, customer)?;
    owners::check_joint(event, signers, customer)
}

/// What events of its kind need, whoever the customer is.
fn check_kind(
    event: &Event,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    match event {
        Event::KeyEnrolled(event) => check_enrolment(event, signers, customer, context.parties),
        Event::KeyRotated(event) => check_rotation(event, signers, customer),
        Event::KeyRevoked(event) => {
            by_customer(signers, customer)?;
            customer.signing_key(&event.key).map(|_| ()).ok_or(Refusal::NoSuchKey)
        }
        Event::GuardianNamed(event) => {
            guardian::check_named(event, signers, customer, context)?;
            new_key(customer, &event.key.thumbprint())
        }
        Event::SignatoriesAgreed(event) => {
            by_customer(signers, customer)?;
            signatories::check_agreed(event, customer)
        }
        Event::VocabularyPublished(event) => {
            by_enterprise(signers, context)?;
            context.tenant.vocabulary.next(event)?;
            Ok(())
        }
        Event::TemplatePublished(event) => check_template(event, signers, context),
        Event::PolicyPublished(event) => check_policy(event, signers, context),
        Event::NoticePublished(event) => {
            by_enterprise(signers, context)?;
            notice::check_published(event, context)?;
            room(context.tenant.notices.len(), NOTICES_MAX, "notices")
        }
        Event::RequestMade(event) => {
            by_enterprise(signers, context)?;
            known(customer)?;
            check_terms(&event.terms, None, context)?;
            nagging::check(event, customer, context)
        }
        Event::MandateGiven(event) => mandate::check_given(event, signers, customer, context),
        Event::MandateWithdrawn(event) => mandate::check_withdrawn(event, signers, customer, context),
        Event::TierAgreed(_) | Event::MilestoneConfirmed(_) => by_customer(signers, customer),
        Event::SourceOwned(event) => check_owner_period(event, signers, customer, context),
        Event::RequestDeclined(event) => check_declined(event, signers, customer, context.now),
        Event::GrantGiven(event) => check_given(event, signers, customer, context),
        Event::GrantAmended(event) => {
            by_giver(&event.terms, signers, customer, context)?;
            let grant = live(customer, &event.grant)?;
            // nobody gets round the signatures that the terms so far needed by naming another template
            by_giver(&grant.terms, signers, customer, context)?;
            check_terms(&event.terms, Some(event.birth_day.is_some()), context)?;
            check_tier(&event.terms, customer, context)?;
            check_amendment(&grant.terms, &event.terms)
        }
        Event::GrantPaused(event) => {
            by_customer(signers, customer)?;
            in_status(live(customer, &event.grant)?, Status::Active)
        }
        Event::GrantResumed(event) => {
            by_customer(signers, customer)?;
            in_status(live(customer, &event.grant)?, Status::Paused)
        }
        Event::GrantWithdrawn(event) => {
            if event.channel.is_some() {
                expect(signers == [context.parties.operator], "the operator, who names the channel")?;
            } else {
                by_customer(signers, customer)?;
            }
            live(customer, &event.grant).map(|_| ())
        }
        Event::GrantRevoked(event) => {
            match event.by {
                Revoker::Enterprise => by_enterprise(signers, context)?,
                Revoker::Operator => expect(signers == [context.parties.operator], "the operator")?,
            }
            live(customer, &event.grant).map(|_| ())
        }
        Event::DataDeleted(event) => check_deletion(event, signers, customer, context),
        Event::RecipientAcknowledged(event) => check_acknowledgement(event, signers, customer, context),
        Event::AssetIssued(event) => {
            by_enterprise(signers, context)?;
            known(customer)?;
            assets::check_issued(event, customer, &context.tenant.vocabulary, context.now)?;
            room(customer.assets.len(), ASSETS_MAX, "assets")
        }
        Event::AssetTransferred(event) => {
            known(customer)?;
            // whoever owns it now gives it, the other one takes it
            let both = signed_by_both(signers, context.parties.enterprise, |kid| {
                customer.signing_key(&kid).is_some()
            });
            expect(both, "the enterprise and an enrolled key of the customer")?;
            assets::check_transferred(event, customer)
        }
        // what is due to whom, only the books say
        Event::Money(Money::RevenueDeclared(_)) => by_enterprise(signers, context),
        Event::Money(event) => {
            expect(signers == [context.parties.operator], "the operator")?;
            if event.subject().is_some() { known(customer) } else { Ok(()) }
        }
        // whether there is such a data key, whether it may be destroyed, and whether the root is that of its map, only
        // the ledger can say
        Event::SubjectErased(_)
        | Event::OperatorActed(_)
        | Event::StateRoot(_)
        | Event::ProofPublished(_)
        | Event::ClientPublished(_) => expect(signers == [context.parties.operator], "the operator"),
    }
}

fn check_declined(
    event: &RequestDeclined,
    signers: &[Thumbprint],
    customer: &CustomerState,
    now: UnixSeconds,
) -> Result<(), Refusal> {
    match &event.mandate {
        None => by_customer(signers, customer)?,
        Some(mandate) => drop(mandate::by_agent(mandate, signers, customer, now)?),
    }
    open_request(customer, &event.request, now)
}

fn check_given(
    event: &GrantGiven,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    match &event.mandate {
        None => by_giver(&event.terms, signers, customer, context)?,
        Some(mandate) => {
            let mandate = mandate::by_agent(mandate, signers, customer, context.now)?;
            mandate::narrows(&mandate.given, &mandate::Request::new(&event.terms, context.tenant))?;
        }
    }
    if let Some(request) = &event.request {
        open_request(customer, request, context.now)?;
    }
    check_terms(&event.terms, Some(event.birth_day.is_some()), context)?;
    check_tier(&event.terms, customer, context)?;
    if let Some(superseded) = &event.terms.supersedes {
        live(customer, superseded)?;
    }
    // what the asset offers, only the ledger knows: `assets::check_licence`
    for source in event.terms.licence.iter().flat_map(|licence| licence.ends_with.iter()) {
        live(customer, source)?;
    }
    room(customer.grants.len(), GRANTS_MAX, "grants")
}

fn check_owner_period(
    event: &SourceOwned,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    known(customer)?;
    let vocabulary = &context.tenant.vocabulary;
    if !event.categories.iter().all(|category| vocabulary.has_category(category)) {
        return Err(Refusal::UnknownTerm { what: "category" });
    }
    match owners::check_owned(event, customer)? {
        Widens::Not => {
            let either = by_enterprise(signers, context).is_ok() || by_customer(signers, customer).is_ok();
            expect(either, "the enterprise's key alone or the customer's enrolled keys alone")
        }
        Widens::ByAPeriod => {
            let both = signed_by_both(signers, context.parties.enterprise, |kid| {
                customer.signing_key(&kid).is_some()
            });
            expect(both, "the enterprise and an enrolled key of the customer")
        }
    }
}

fn check_enrolment(
    event: &KeyEnrolled,
    signers: &[Thumbprint],
    customer: &CustomerState,
    parties: &Parties,
) -> Result<(), Refusal> {
    let new = event.key.thumbprint();
    let vouched = signed_by_both(signers, new, |kid| match event.evidence {
        Evidence::Enterprise => kid == parties.enterprise,
        Evidence::OperatorsWord => kid == parties.operator,
        // a guardian vouches for no key, lest one of the guardian's own pass for the minor's
        Evidence::EnrolledKey => customer.is_own(&kid),
    });
    expect(vouched, "the new key and the key of who gives the evidence")?;
    let has_own = customer.keys.iter().any(|known| !known.guardian);
    if has_own && event.evidence != Evidence::EnrolledKey {
        return Err(Refusal::AlreadyEnrolled);
    }
    if let Some(recovery) = &event.recovery {
        if customer.recovery.is_some() {
            return Err(Refusal::RecoveryFixed);
        }
        new_recovery(customer, recovery, &new)?;
    }
    new_key(customer, &new)
}

fn check_rotation(
    event: &KeyRotated,
    signers: &[Thumbprint],
    customer: &CustomerState,
) -> Result<(), Refusal> {
    let new = event.new.thumbprint();
    match &event.recovery {
        None => {
            customer.signing_key(&event.old).ok_or(Refusal::NoSuchKey)?;
        }
        Some(recovery) => {
            known(customer)?;
            let shown = recovery.key.thumbprint();
            if customer.recovery != Some(shown) || event.old != shown {
                return Err(Refusal::NoSuchRecovery);
            }
            new_recovery(customer, &recovery.next, &new)?;
        }
    }
    expect(signed_by_both(signers, new, |kid| kid == event.old), "the old key and the new one")?;
    new_key(customer, &new)
}

/// A recovery key is none that signs, or did, and none that was one before.
fn new_recovery(customer: &CustomerState, recovery: &Thumbprint, new: &Thumbprint) -> Result<(), Refusal> {
    let used = customer.any_key(recovery).is_some() || customer.recovery == Some(*recovery);
    if used || recovery == new { Err(Refusal::KeyKnown) } else { Ok(()) }
}

/// Whether there is such a use, which is not covered yet, [`crate::Duties`] and the log say.
fn check_deletion(
    event: &DataDeleted,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    by_enterprise(signers, context)?;
    customer.grant(&event.grant).ok_or(Refusal::NoSuchGrant)?;
    if event.at <= context.now { Ok(()) } else { Err(Refusal::DeletedAhead) }
}

/// Whether the recipient is one, and has not done so yet, [`crate::Duties`] say; which event ended the grant, the log.
fn check_acknowledgement(
    event: &RecipientAcknowledged,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    match event.by {
        Acknowledger::Gates(_) => expect(signers == [context.parties.operator], "the operator")?,
        Acknowledger::Recipient => by_enterprise(signers, context)?,
    }
    let grant = customer.grant(&event.grant).ok_or(Refusal::NoSuchGrant)?;
    if !matches!(grant.status, Status::Withdrawn | Status::Revoked) {
        return Err(Refusal::NoSuchEnd);
    }
    let by_gates = matches!(event.by, Acknowledger::Gates(_));
    if by_gates == (event.recipient == grant.terms.recipient) { Ok(()) } else { Err(Refusal::NotARecipient) }
}

fn expect(holds: bool, expected: &'static str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Signers { expected }) }
}

/// Exactly two signers: this key and one that `vouches`.
fn signed_by_both(signers: &[Thumbprint], new: Thumbprint, vouches: impl Fn(Thumbprint) -> bool) -> bool {
    match signers {
        [a, b] => (*a == new && vouches(*b)) || (*b == new && vouches(*a)),
        _ => false,
    }
}

/// Every signer is an enrolled key of the customer.
fn by_customer(signers: &[Thumbprint], customer: &CustomerState) -> Result<(), Refusal> {
    known(customer)?;
    let all = !signers.is_empty() && signers.iter().all(|kid| customer.signing_key(kid).is_some());
    expect(all, "the customer's enrolled keys alone")
}

fn by_enterprise(signers: &[Thumbprint], context: &Context<'_>) -> Result<(), Refusal> {
    expect(signers == [context.parties.enterprise], "the enterprise's key alone")
}

fn known(customer: &CustomerState) -> Result<(), Refusal> {
    if customer.keys.is_empty() { Err(Refusal::UnknownCustomer) } else { Ok(()) }
}

fn new_key(customer: &CustomerState, new: &Thumbprint) -> Result<(), Refusal> {
    if customer.any_key(new).is_some() || customer.agent_key(new).is_some() {
        return Err(Refusal::KeyKnown);
    }
    // the recovery key is seen once, when it is spent
    if customer.recovery == Some(*new) {
        return Err(Refusal::KeyKnown);
    }
    room(customer.keys.len(), KEYS_MAX, "keys")
}

fn room(count: usize, limit: usize, what: &'static str) -> Result<(), Refusal> {
    if count < limit { Ok(()) } else { Err(Refusal::TooMany { what, limit }) }
}

fn live<'a>(customer: &'a CustomerState, id: &Jti) -> Result<&'a GrantState, Refusal> {
    let grant = customer.grant(id).ok_or(Refusal::NoSuchGrant)?;
    if grant.status.is_ended() { Err(Refusal::GrantEnded) } else { Ok(grant) }
}

fn in_status(grant: &GrantState, expected: Status) -> Result<(), Refusal> {
    let name = |status| if status == Status::Paused { "paused" } else { "active" };
    if grant.status == expected {
        Ok(())
    } else {
        Err(Refusal::GrantStatus { expected: name(expected), got: name(grant.status) })
    }
}

fn open_request(customer: &CustomerState, id: &Jti, now: UnixSeconds) -> Result<(), Refusal> {
    let open = customer.requests.iter().any(|request| request.id == *id && request.expires > now);
    if open { Ok(()) } else { Err(Refusal::NoSuchRequest) }
}

fn check_text(text: &str) -> Result<(), Refusal> {
    if (1..=TEXT_BYTES_MAX).contains(&text.len()) { Ok(()) } else { Err(Refusal::Text { got: text.len() }) }
}

/// Whether a birth day is stated; `None` for a request, which never states one.
fn check_terms(terms: &Terms, birth_day: Option<bool>, context: &Context<'_>) -> Result<(), Refusal> {
    let unknown = |what| Refusal::UnknownTerm { what };
    let Context { tenant, now, .. } = context;
    let version = tenant.vocabulary.version(terms.vocabulary);
    let vocabulary = version.ok_or(unknown("version of the vocabulary"))?;
    if !vocabulary.has_purpose(&terms.purpose) {
        return Err(unknown("purpose"));
    }
    for clause in terms.scope.include.iter().chain(terms.scope.exclude.iter()) {
        if !vocabulary.has_category(&clause.category) {
            return Err(unknown("category"));
        }
        let fields = clause.fields.iter().flat_map(|fields| fields.iter());
        if !fields.into_iter().all(|field| vocabulary.has_field(&clause.category, field)) {
            return Err(unknown("field"));
        }
    }
    if terms.validity.end() <= *now {
        return Err(Refusal::AlreadyExpired);
    }
    let template = tenant.template(&terms.template).ok_or(Refusal::NoSuchTemplate)?;
    notice::check_terms(terms, context)?;
    consents::ticks(terms, birth_day.is_some())?;
    consents::check_needed(terms, vocabulary, tenant.rules())?;
    beyond_template(terms, &template.bounds).next().map_or(Ok(()), Err)?;
    if birth_day.is_some_and(|stated| stated != template.bounds.birth_day) {
        let what = "birth day";
        return Err(Refusal::OutsideTemplate { what, expected: "one just where the template asks" });
    }
    if tenant.group(terms).is_none() {
        room(tenant.groups.len(), GROUPS_MAX, "groups of terms")?;
    }
    Ok(())
}

/// Who, what for and which categories stay; anything else may change.
pub(crate) fn check_amendment(old: &Terms, new: &Terms) -> Result<(), Refusal> {
    let changes = |what| Err(Refusal::AmendmentChanges { what });
    if old.controller != new.controller {
        return changes("controller");
    }
    if old.recipient != new.recipient {
        return changes("recipient");
    }
    if old.purpose != new.purpose {
        return changes("purpose");
    }
    let had = |category| old.scope.include.iter().any(|clause| clause.category == category);
    if !new.scope.include.iter().all(|clause| had(clause.category.clone())) {
        return changes("category");
    }
    if old.vocabulary != new.vocabulary {
        return changes("version of the vocabulary");
    }
    if old.licence != new.licence {
        return changes("licence");
    }
    if new.supersedes.is_some() {
        return changes("grant that it supersedes");
    }
    Ok(())
}

#[cfg(test)]
mod templates;
#[cfg(test)]
pub(crate) mod tests;
