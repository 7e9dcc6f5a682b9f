//! Minors: who signs for them, until when, and what becomes of it once they are of age.
//!
//! A guardian's key is one of the minor's keys. Below the age, grants need it; from the first second of the day of coming of age
//! on it withdraws and pauses, and nothing else. What it granted goes on for a time of grace and ends unless the customer signs
//! it. Specification: `docs/spec/people.md`.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};
use grantbook_record::day::UnixSeconds;
use grantbook_record::event::{Event, Evidence, GuardianNamed};
use grantbook_record::{DataDay, DenialReason, Jti, Thumbprint};
use serde::{Deserialize, Serialize};

use crate::admission::{Context, Refusal};
use crate::cosigners::Lacking;
use crate::customer::CustomerState;
use crate::protections::{OF_AGE_UNSAID, Protections};

const SECONDS_PER_DAY: u64 = 86_400;

/// A customer for whom a guardian is or was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ward {
    /// Days since 1900-01-01.
    pub birth_day: u32,
    /// The day of coming of age.
    pub until: DataDay,
    /// When the terms of each grant were signed last, of those signed since a guardian was named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signed: BTreeMap<Jti, UnixSeconds>,
}

/// Who stands behind a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Giver {
    /// The customer alone, or together with a guardian who was not needed.
    Customer,
    /// A guardian.
    Guardian,
    /// A minor alone.
    Minor,
}

impl Ward {
    pub(crate) fn new(event: &GuardianNamed) -> Self {
        Self { birth_day: event.birth_day, until: event.until, signed: BTreeMap::new() }
    }

    /// First second in which the customer is of age.
    pub fn of_age_at(&self) -> UnixSeconds {
        first_second(self.until)
    }

    pub(crate) fn giver(&self, grant: &Jti) -> Giver {
        // admission let nothing pass that a guardian had not signed before that day, nor anything that one signed after it
        match self.signed.get(grant) {
            None => Giver::Minor,
            Some(at) if *at < self.of_age_at() => Giver::Guardian,
            Some(_) => Giver::Customer,
        }
    }

    /// Why nobody who may stands behind a grant at `now`, and since when.
    pub(crate) fn objection(
        &self,
        grant: &Jti,
        grace_days: u16,
        now: UnixSeconds,
    ) -> Option<(DenialReason, Option<UnixSeconds>)> {
        match self.giver(grant) {
            Giver::Customer => None,
            Giver::Minor => Some((DenialReason::NoGuardian, None)),
            Giver::Guardian => {
                let grace = u64::from(grace_days) * SECONDS_PER_DAY;
                let ends = UnixSeconds(self.of_age_at().0.saturating_add(grace));
                (now >= ends).then_some((DenialReason::Unconfirmed, Some(ends)))
            }
        }
    }
}

fn first_second(day: DataDay) -> UnixSeconds {
    UnixSeconds(u64::try_from(day.0).unwrap_or(0).saturating_mul(SECONDS_PER_DAY))
}

/// The birthday on which somebody born on a day, in days since 1900-01-01, is so many years old; for those born on 29 February 1
/// March where there is none. `None` beyond the calendar.
pub fn comes_of_age(birth_day: u32, years: u8) -> Option<DataDay> {
    let born = NaiveDate::from_ymd_opt(1900, 1, 1)?.checked_add_days(chrono::Days::new(birth_day.into()))?;
    let year = born.year().checked_add(years.into())?;
    let of_age = NaiveDate::from_ymd_opt(year, born.month(), born.day())
        .or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))?;
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    i32::try_from(of_age.signed_duration_since(epoch).num_days()).ok().map(DataDay)
}

/// Whether somebody born on that day is not that old yet.
fn is_below(birth_day: u32, years: u8, now: UnixSeconds) -> bool {
    comes_of_age(birth_day, years).is_none_or(|day| now < first_second(day))
}

/// Whether a guardian of this customer may be named, and by these signers.
pub(crate) fn check_named(
    event: &GuardianNamed,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let evidence = match event.evidence {
        Evidence::Enterprise => Some(context.parties.enterprise),
        Evidence::OperatorsWord => Some(context.parties.operator),
        Evidence::EnrolledKey => None,
    };
    let expected =
        "the guardian's key, the enterprise or the operator, and one of the minor's keys where there are any";
    let refused = Err(Refusal::Signers { expected });
    let new = event.key.thumbprint();
    let Some(evidence) = evidence else { return refused };
    let others: Vec<&Thumbprint> = signers.iter().filter(|kid| **kid != new && **kid != evidence).collect();
    if !signers.contains(&new) || !signers.contains(&evidence) {
        return refused;
    }
    let no_strangers = match others.as_slice() {
        [] => true,
        [one] => customer.signing_key(one).is_some(),
        _ => false,
    };
    if !no_strangers || lacking_named(&new, signers, customer).is_some() {
        return refused;
    }
    let years = context.tenant.protections().of_age.unwrap_or(OF_AGE_UNSAID);
    let known = customer.ward.as_ref();
    let until = known.map_or_else(|| comes_of_age(event.birth_day, years), |ward| Some(ward.until));
    if until != Some(event.until) || known.is_some_and(|ward| ward.birth_day != event.birth_day) {
        return Err(Refusal::Guardian { expected: "the day on which the minor is as old as the rules ask" });
    }
    if context.now >= first_second(event.until) {
        return Err(Refusal::Guardian { expected: "a customer who is not of age yet" });
    }
    Ok(())
}

/// Who must have signed the naming of a guardian beside the guardian and who gives the evidence: a minor alone names no further
/// guardian, and nobody names one of a customer who has keys and does not sign.
pub(crate) fn lacking_named(
    new: &Thumbprint,
    signers: &[Thumbprint],
    customer: &CustomerState,
) -> Option<Lacking> {
    let by = |signs: &dyn Fn(&Thumbprint) -> bool| signers.iter().any(|kid| kid != new && signs(kid));
    if customer.has_guardian() {
        (!by(&|kid| customer.is_guardians(kid))).then_some(Lacking::Guardian)
    } else {
        let vouched = !customer.has_signing_key() || by(&|kid| customer.is_own(kid));
        (!vouched).then_some(Lacking::OwnKey)
    }
}

/// What an event about a minor, or about somebody who was one, needs beside what it needs anyway.
pub(crate) fn check(
    event: &Event,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let Some(ward) = &customer.ward else {
        return check_without(event, customer, context.tenant.protections(), context.now);
    };
    let by_guardian = signers.iter().any(|kid| customer.is_guardians(kid));
    if context.now >= ward.of_age_at() {
        let still = match event {
            Event::GrantWithdrawn(_) | Event::GrantPaused(_) => true,
            Event::KeyRevoked(event) => signers == [event.key],
            _ => false,
        };
        return if by_guardian && !still { Err(Refusal::CameOfAge) } else { Ok(()) };
    }
    // an agent would go on once the guardian may not
    if matches!(event, Event::MandateGiven(_)) {
        return Err(Refusal::Guardian { expected: "a customer who is of age, for an agent to act for" });
    }
    let stated = stated_birth_day(event);
    if stated.is_some_and(|stated| stated != ward.birth_day) {
        return Err(Refusal::Guardian { expected: "the birth day that the guardian has stated" });
    }
    match lacking(event, signers, customer, context) {
        None => Ok(()),
        Some(Lacking::Guardian) => {
            Err(Refusal::Guardian { expected: "a signature by a guardian of the minor" })
        }
        Some(_) => Err(Refusal::Guardian { expected: "the minor's own signature beside the guardian's" }),
    }
}

/// Whose signature what is done for a minor lacks; `None` for somebody who is none, or is of age.
pub(crate) fn lacking(
    event: &Event,
    signers: &[Thumbprint],
    customer: &CustomerState,
    context: &Context<'_>,
) -> Option<Lacking> {
    let ward = customer.ward.as_ref().filter(|ward| context.now < ward.of_age_at())?;
    let needed = match event {
        Event::KeyRevoked(event) => customer.is_guardians(&event.key),
        other => widens(other),
    };
    if needed && !signers.iter().any(|kid| customer.is_guardians(kid)) {
        return Some(Lacking::Guardian);
    }
    let heard_from = context.tenant.protections().heard_from;
    let heard = heard_from.is_some_and(|age| !is_below(ward.birth_day, age, context.now));
    let agrees = matches!(event, Event::GrantGiven(_) | Event::GrantAmended(_));
    let own = signers.iter().any(|kid| customer.is_own(kid));
    (agrees && heard && !own).then_some(Lacking::OwnKey)
}

/// Of a customer for whom no guardian was named.
fn check_without(
    event: &Event,
    customer: &CustomerState,
    protections: &Protections,
    now: UnixSeconds,
) -> Result<(), Refusal> {
    // who has once said to be younger does not grow older by saying so
    let born = stated_birth_day(event).max(customer.birth_day);
    let minor = protections.of_age.zip(born).is_some_and(|(years, born)| is_below(born, years, now));
    if minor && widens(event) {
        return Err(Refusal::Guardian { expected: "a guardian to be named for the minor, and to sign" });
    }
    Ok(())
}

fn stated_birth_day(event: &Event) -> Option<u32> {
    match event {
        Event::GrantGiven(event) => event.birth_day,
        Event::GrantAmended(event) => event.birth_day,
        _ => None,
    }
}

/// Whether more may be done with the customer's data, or with what was made of it, than before.
fn widens(event: &Event) -> bool {
    matches!(
        event,
        Event::GrantGiven(_)
            | Event::GrantAmended(_)
            | Event::GrantResumed(_)
            | Event::TierAgreed(_)
            | Event::MilestoneConfirmed(_)
            | Event::SignatoriesAgreed(_)
            | Event::AssetTransferred(_)
            | Event::MandateGiven(_)
    )
}

#[cfg(test)]
pub(crate) mod tests;
