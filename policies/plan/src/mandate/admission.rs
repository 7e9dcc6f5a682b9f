//! Whether a mandate may be given or end, and whether a key may sign under one.

use grantbook_record::day::UnixSeconds;
use grantbook_record::event::{MandateGiven, MandateSource, MandateWithdrawn, StandingRule, Within};
use grantbook_record::{Jti, Thumbprint};

use super::attenuation::check_handed_on;
use super::error::MandateError;
use super::held::{MANDATES_MAX, MandateState};
use crate::admission::{Context, Refusal};
use crate::customer::CustomerState;
use crate::vocabulary::Vocabulary;

/// A mandate is given by the customer and ends with the key that it names, or is handed on by the agent of the one above.
pub(crate) fn check_given(
    event: &MandateGiven,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    known(customer)?;
    match event.from {
        MandateSource::Key(key) => {
            // of an organisation several may have to sign: `signatories::check`
            let enrolled = signers.iter().all(|kid| customer.signing_key(kid).is_some());
            expect(
                enrolled && signers.contains(&key),
                "the customer's enrolled keys alone, among them the one named",
            )?;
        }
        MandateSource::Mandate(parent) => {
            let parent = by_agent(&parent, signers, customer, context.now)?;
            check_handed_on(event, &parent.given)?;
        }
    }
    check_words(event, &context.tenant.vocabulary)?;
    if event.until <= context.now {
        return Err(Refusal::AlreadyExpired);
    }
    let agent = event.agent.thumbprint();
    let parties = [context.parties.enterprise, context.parties.operator];
    // whoever asks must not be who answers
    if parties.contains(&agent) || customer.any_key(&agent).is_some() || customer.recovery == Some(agent) {
        return Err(MandateError::NotAnAgentsKey.into());
    }
    let standing = customer.mandates.iter().filter(|mandate| !mandate.ended).count();
    if standing < MANDATES_MAX {
        Ok(())
    } else {
        Err(Refusal::TooMany { what: "mandates", limit: MANDATES_MAX })
    }
}

/// Ending is easier than giving: any key of the customer, the operator who was told, or an agent of this mandate or of one
/// above it.
pub(crate) fn check_withdrawn(
    event: &MandateWithdrawn,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    known(customer)?;
    let mandate = customer.mandate(&event.mandate).ok_or(MandateError::NoSuchMandate)?;
    if event.channel.is_some() {
        expect(signers == [context.parties.operator], "the operator, who names the channel")?;
    } else {
        let customers = !signers.is_empty() && signers.iter().all(|kid| customer.signing_key(kid).is_some());
        let agents = matches!(signers, [kid] if has_agent(mandate, kid, customer));
        expect(customers || agents, "the customer's enrolled keys alone, or an agent of the mandate")?;
    }
    if mandate.ended { Err(MandateError::NoSuchMandate.into()) } else { Ok(()) }
}

/// The mandate in force under which its agent, and nobody else, has signed.
pub(crate) fn by_agent<'a>(
    id: &Jti,
    signers: &[Thumbprint],
    customer: &'a CustomerState,
    now: UnixSeconds,
) -> Result<&'a MandateState, Refusal> {
    known(customer)?;
    let mandate = customer.mandate(id).filter(|mandate| !mandate.ended && now < mandate.given.until);
    let mandate = mandate.ok_or(MandateError::NoSuchMandate)?;
    expect(signers == [mandate.given.agent.thumbprint()], "the agent's key that the mandate names, alone")?;
    Ok(mandate)
}

/// Whether a key is the agent's of a mandate or of one above it.
fn has_agent(mandate: &MandateState, kid: &Thumbprint, customer: &CustomerState) -> bool {
    let above = |mandate: &&MandateState| mandate.parent().and_then(|parent| customer.mandate(&parent));
    std::iter::successors(Some(mandate), above).any(|mandate| mandate.given.agent.thumbprint() == *kid)
}

/// Whether the rules are in words of the vocabulary.
pub fn check_words(event: &MandateGiven, vocabulary: &Vocabulary) -> Result<(), Refusal> {
    let unknown = |what| Refusal::UnknownTerm { what };
    let words = vocabulary.version(event.vocabulary).ok_or(unknown("version of the vocabulary"))?;
    for StandingRule { when, accept, .. } in event.rules.iter() {
        if !when.purposes.iter().all(|purpose| words.has_purpose(purpose)) {
            return Err(unknown("purpose"));
        }
        if !when.kinds.iter().all(|kind| words.words().recipients.contains_key(kind)) {
            return Err(unknown("kind of recipient"));
        }
        let Within { categories, never, .. } = &accept.clone().unwrap_or_default();
        let named = never.iter().map(|data| &data.category);
        if !when.categories.iter().chain(categories.iter()).chain(named).all(|word| words.has_category(word))
        {
            return Err(unknown("category"));
        }
        let has_fields = |data: &grantbook_record::event::NamedData| {
            let fields = data.fields.iter().flat_map(|fields| fields.iter());
            fields.into_iter().all(|field| words.has_field(&data.category, field))
        };
        if !never.iter().all(has_fields) {
            return Err(unknown("field"));
        }
    }
    Ok(())
}

fn known(customer: &CustomerState) -> Result<(), Refusal> {
    if customer.keys.is_empty() { Err(Refusal::UnknownCustomer) } else { Ok(()) }
}

fn expect(holds: bool, expected: &'static str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Signers { expected }) }
}
