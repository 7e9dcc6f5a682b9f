//! Which events may come next: the rules of admission, over the state that earlier events made.
//!
//! Signatures are verified before; here it is asked whether the signers are the ones that the event needs.

use grantbook_record::day::UnixSeconds;
use grantbook_record::event::{
    Acknowledger, Bounds, DataDeleted, Event, Evidence, GrantGiven, KeyEnrolled, KeyRotated, Money,
    RecipientAcknowledged, Revoker, TemplatePublished,
};
use grantbook_record::terms::{Compensation, RetentionDays};
use grantbook_record::{Jti, Price, Terms, Thumbprint};

use crate::assets::{self, ASSETS_MAX};
use crate::customer::{CustomerState, GRANTS_MAX, GrantState, KEYS_MAX, REQUESTS_MAX, Status};
use crate::tenant::{GROUPS_MAX, NOTICES_MAX, TEMPLATES_MAX, TenantState};
use crate::vocabulary::Vocabulary;

const SECONDS_PER_DAY: u64 = 86_400;
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

/// Why an event is not admitted, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The envelope is not signed by exactly those who must sign it.
    #[error("not signed by the right keys, expected {expected}")]
    Signers {
        /// Who must sign.
        expected: &'static str,
    },
    /// No key of this customer is enrolled.
    #[error("unknown customer, expected one with an enrolled key")]
    UnknownCustomer,
    /// The customer has a key already, so a further one needs the word of an enrolled key.
    #[error("customer has keys already, expected evidence by an enrolled key")]
    AlreadyEnrolled,
    /// The key is or was one of the customer's.
    #[error("key is enrolled already, expected a new one")]
    KeyKnown,
    /// The customer has a recovery key, and only that one names the next.
    #[error("recovery key is fixed, expected it to be changed by a rotation that it signs")]
    RecoveryFixed,
    /// No recovery key was given, or another one.
    #[error("no such recovery key, expected the one whose thumbprint was enrolled last")]
    NoSuchRecovery,
    /// No such key that may still sign.
    #[error("no such key, expected one that is enrolled and has not ended")]
    NoSuchKey,
    /// No such grant of this customer.
    #[error("no such grant, expected the jti of a grant.given of this customer")]
    NoSuchGrant,
    /// The grant has ended.
    #[error("grant has ended, expected one that is active or paused")]
    GrantEnded,
    /// The grant is not in the state that the event changes.
    #[error("grant is {got}, expected it to be {expected}")]
    GrantStatus {
        /// The state that the event changes.
        expected: &'static str,
        /// The state it is in.
        got: &'static str,
    },
    /// The event that is acknowledged did not end the grant.
    #[error("grant was not ended by that event, expected the jti of its withdrawal or revocation")]
    NoSuchEnd,
    /// Somebody who has nothing to acknowledge, or not by this word.
    #[error(
        "not a recipient of that kind, expected the one of the terms by gates, others whom uses name by themselves"
    )]
    NotARecipient,
    /// The recipient has acknowledged the end.
    #[error("recipient has acknowledged already, expected it once")]
    AlreadyAcknowledged,
    /// No such use under the grant.
    #[error("no such use, expected a recorded one that this grant permitted")]
    NoSuchUse,
    /// The data of that use and of later ones is deleted.
    #[error("deletion reaches no further than the last one, expected a later use")]
    DeletedAlready,
    /// Deleted at a time that has not come.
    #[error("deleted in the future, expected a time up to the ledger's clock")]
    DeletedAhead,
    /// No such open request.
    #[error("no such request, expected one that is open and has not expired")]
    NoSuchRequest,
    /// Mandates are given by `mandate.given` only.
    #[error("no such mandate, expected one that the customer has given")]
    NoSuchMandate,
    /// A term that the vocabulary does not have.
    #[error("unknown {what}, expected a term of the vocabulary")]
    UnknownTerm {
        /// Which part of the terms.
        what: &'static str,
    },
    /// No such template, or its hash differs.
    #[error("no such template, expected id, version and hash of one published")]
    NoSuchTemplate,
    /// No such notice.
    #[error("no such notice, expected the hash of one published")]
    NoSuchNotice,
    /// The terms go beyond the template.
    #[error("{what} outside the template, expected {expected}")]
    OutsideTemplate {
        /// Which part of the terms.
        what: &'static str,
        /// The bound.
        expected: &'static str,
    },
    /// Validity that has ended already.
    #[error("validity has ended, expected an end after the ledger's clock")]
    AlreadyExpired,
    /// An amendment that would be another grant.
    #[error("amendment changes the {what}, expected a new grant")]
    AmendmentChanges {
        /// What it changes.
        what: &'static str,
    },
    /// A version out of sequence.
    #[error("version out of sequence, expected {expected}")]
    Version {
        /// The next version.
        expected: u32,
    },
    /// A text that is empty or too long.
    #[error("text of {got} bytes, expected 1 to {TEXT_BYTES_MAX}")]
    Text {
        /// Its bytes.
        got: usize,
    },
    /// No such asset of this customer.
    #[error("no such asset, expected the jti of an asset.issued of this customer")]
    NoSuchAsset,
    /// A report that the grants do not let be derived.
    #[error("not derived as grants allow, expected {expected}")]
    NotDerivable {
        /// What they ask.
        expected: &'static str,
    },
    /// An asset that may not go there.
    #[error("asset is not transferable so, expected {expected}")]
    NotTransferable {
        /// Where it may go.
        expected: &'static str,
    },
    /// A licence that goes beyond what its asset offers.
    #[error("{what} outside the asset's terms, expected {expected}")]
    OutsideLicence {
        /// Which part of the licence.
        what: &'static str,
        /// The bound.
        expected: &'static str,
    },
    /// More than one customer or tenant may have.
    #[error("too many {what}, expected at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// What admission looks at.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The vocabulary in force.
    pub vocabulary: &'a Vocabulary,
    /// The tenant.
    pub tenant: &'a TenantState,
    /// Keys that are not a customer's.
    pub parties: &'a Parties,
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
    match event {
        Event::KeyEnrolled(event) => check_enrolment(event, signers, customer, context.parties),
        Event::KeyRotated(event) => check_rotation(event, signers, customer),
        Event::KeyRevoked(event) => {
            by_customer(signers, customer)?;
            customer.signing_key(&event.key).map(|_| ()).ok_or(Refusal::NoSuchKey)
        }
        Event::TemplatePublished(event) => check_template(event, signers, context),
        Event::NoticePublished(event) => {
            by_enterprise(signers, context)?;
            check_text(&event.text)?;
            room(context.tenant.notices.len(), NOTICES_MAX, "notices")
        }
        Event::RequestMade(event) => {
            by_enterprise(signers, context)?;
            known(customer)?;
            check_terms(&event.terms, None, context)?;
            room(customer.requests.len(), REQUESTS_MAX, "open requests")
        }
        Event::RequestDeclined(event) => {
            by_customer(signers, customer)?;
            open_request(customer, &event.request, context.now)
        }
        Event::GrantGiven(event) => check_given(event, signers, customer, context),
        Event::GrantAmended(event) => {
            by_customer(signers, customer)?;
            let grant = live(customer, &event.grant)?;
            check_terms(&event.terms, Some(event.birth_day.is_some()), context)?;
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
            assets::check_issued(event, customer, context.vocabulary, context.now)?;
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

fn check_template(
    event: &TemplatePublished,
    signers: &[Thumbprint],
    context: &Context<'_>,
) -> Result<(), Refusal> {
    by_enterprise(signers, context)?;
    for text in event.text.iter() {
        check_text(&text.title)?;
        check_text(&text.body)?;
    }
    check_bounds(&event.bounds, context.vocabulary)?;
    let versions = context.tenant.templates.get(&event.id).map_or(0, Vec::len);
    let expected = u32::try_from(versions).unwrap_or(u32::MAX).saturating_add(1);
    if event.version != expected {
        return Err(Refusal::Version { expected });
    }
    let all = context.tenant.templates.values().map(Vec::len).sum();
    room(all, TEMPLATES_MAX, "templates")
}

fn check_given(
    event: &GrantGiven,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    by_customer(signers, customer)?;
    if event.mandate.is_some() {
        return Err(Refusal::NoSuchMandate);
    }
    if let Some(request) = &event.request {
        open_request(customer, request, context.now)?;
    }
    check_terms(&event.terms, Some(event.birth_day.is_some()), context)?;
    if let Some(superseded) = &event.terms.supersedes {
        live(customer, superseded)?;
    }
    // what the asset offers, only the ledger knows: `assets::check_licence`
    for source in event.terms.licence.iter().flat_map(|licence| licence.ends_with.iter()) {
        live(customer, source)?;
    }
    room(customer.grants.len(), GRANTS_MAX, "grants")
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
        Evidence::EnrolledKey => customer.signing_key(&kid).is_some(),
    });
    expect(vouched, "the new key and the key of who gives the evidence")?;
    if !customer.keys.is_empty() && event.evidence != Evidence::EnrolledKey {
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
    if customer.any_key(new).is_some() {
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

fn check_bounds(bounds: &Bounds, vocabulary: &Vocabulary) -> Result<(), Refusal> {
    let unknown = |what| Refusal::UnknownTerm { what };
    if !bounds.purposes.iter().all(|term| vocabulary.has_purpose(term)) {
        return Err(unknown("purpose"));
    }
    if !bounds.categories.iter().all(|term| vocabulary.has_category(term)) {
        return Err(unknown("category"));
    }
    Ok(())
}

/// Whether a birth day is stated; `None` for a request, which never states one.
fn check_terms(terms: &Terms, birth_day: Option<bool>, context: &Context<'_>) -> Result<(), Refusal> {
    let unknown = |what| Refusal::UnknownTerm { what };
    let Context { vocabulary, tenant, now, .. } = context;
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
    if !tenant.notices.contains(&terms.notice.hash) {
        return Err(Refusal::NoSuchNotice);
    }
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

/// Everything in which terms go beyond a template's bounds.
pub fn beyond_template(terms: &Terms, bounds: &Bounds) -> impl Iterator<Item = Refusal> {
    let named = "one that the template names";
    let categories = terms.scope.include.iter().map(|clause| &clause.category);
    let seconds = terms.validity.end().0 - terms.validity.start().0;
    let retention = terms.limits.retention_days.map(RetentionDays::get);
    let price = match &terms.compensation {
        Compensation::PerGrant(price) | Compensation::PerUse(price) => Some(*price),
        Compensation::TieredPrice(price) => Some(Price { currency: price.currency, minor: price.minor }),
        Compensation::None
        | Compensation::RevenueShare(_)
        | Compensation::TieredShare(_)
        | Compensation::Benefit(_) => None,
    };
    let rules = [
        (bounds.controllers.contains(&terms.controller), "controller", named),
        (bounds.recipients.contains(&terms.recipient), "recipient", named),
        (bounds.purposes.contains(&terms.purpose), "purpose", named),
        (categories.into_iter().all(|category| bounds.categories.contains(category)), "category", named),
        (
            seconds <= u64::from(bounds.validity_days_max) * SECONDS_PER_DAY,
            "validity",
            "at most as long as the template allows",
        ),
        (
            bounds.uses_max.is_none_or(|max| terms.limits.uses.is_some_and(|uses| uses <= max)),
            "cap",
            "at most as many uses as the template allows",
        ),
        (
            bounds.retention_days_max.is_none_or(|max| retention.is_some_and(|days| days <= max)),
            "retention",
            "at most as long as the template allows",
        ),
        (
            bounds.price_min.is_none_or(|min| {
                price.is_some_and(|price| price.currency == min.currency && price.minor >= min.minor)
            }),
            "price",
            "at least the template's, in its currency",
        ),
    ];
    let broken = rules.into_iter().filter(|(within, ..)| !within);
    broken.map(|(_, what, expected)| Refusal::OutsideTemplate { what, expected })
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
    if old.licence != new.licence {
        return changes("licence");
    }
    if new.supersedes.is_some() {
        return changes("grant that it supersedes");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
