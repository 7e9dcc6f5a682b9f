//! No is an answer: what was refused, or left unanswered twice, is not asked again for a time. Specification: `docs/spec/people.md`.

use grantbook_record::day::UnixSeconds;
use grantbook_record::event::{RequestDeclined, RequestMade, Wish};
use grantbook_record::terms::Compensation;
use grantbook_record::{Jti, Price, Term, Terms};
use serde::{Deserialize, Serialize};

use crate::admission::{Context, Refusal};
use crate::customer::{CustomerState, OpenRequest};
use crate::protections::REST_DAYS;

/// Requests of one customer that came to nothing and are remembered. While there are so many, nothing is asked.
pub const PAST_REQUESTS_MAX: usize = 64;
/// How often the same may be asked without an answer.
const UNANSWERED_MAX: usize = 2;

const SECONDS_PER_DAY: u64 = 86_400;

/// What a request is about: who would receive which data what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aim {
    /// Who would receive it.
    pub recipient: Term,
    /// What for.
    pub purpose: Term,
    /// Which data.
    pub categories: Vec<Term>,
}

/// A request that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastRequest {
    /// What it was about.
    pub aim: Aim,
    /// When it was declined, or could be answered no more.
    pub ended: UnixSeconds,
    /// What the customer said.
    pub answer: Answer,
}

/// What a customer said to a request that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Nothing.
    None,
    /// No.
    Declined,
    /// Not unless it is narrower.
    Unless(Wish),
}

impl Aim {
    pub(crate) fn of(terms: &Terms) -> Self {
        let mut categories: Vec<Term> =
            terms.scope.include.iter().map(|clause| clause.category.clone()).collect();
        categories.sort();
        categories.dedup();
        Self { recipient: terms.recipient.clone(), purpose: terms.purpose.clone(), categories }
    }

    fn meets(&self, other: &Self) -> bool {
        self.recipient == other.recipient
            && self.purpose == other.purpose
            && self.categories.iter().any(|category| other.categories.contains(category))
    }
}

impl PastRequest {
    fn unanswered(request: &OpenRequest) -> Self {
        Self { aim: request.aim.clone(), ended: request.expires, answer: Answer::None }
    }

    /// First second in which it is forgotten, after so many days.
    fn rests_until(&self, days: u16) -> UnixSeconds {
        UnixSeconds(self.ended.0.saturating_add(u64::from(days) * SECONDS_PER_DAY))
    }
}

/// Whether terms are as narrow as the customer wished.
fn grants_wish(wish: &Wish, refused: &Aim, terms: &Terms) -> bool {
    let aim = Aim::of(terms);
    let seconds = terms.validity.end().0 - terms.validity.start().0;
    let price = match &terms.compensation {
        Compensation::PerGrant(price) | Compensation::PerUse(price) => Some(*price),
        Compensation::TieredPrice(price) => Some(Price { currency: price.currency, minor: price.minor }),
        _ => None,
    };
    let pays =
        |min: Price| price.is_some_and(|price| price.currency == min.currency && price.minor >= min.minor);
    *wish != Wish::default()
        && aim.categories.iter().all(|category| refused.categories.contains(category))
        && !aim.categories.iter().any(|category| wish.without.contains(category))
        && wish.validity_days_max.is_none_or(|max| seconds <= u64::from(max) * SECONDS_PER_DAY)
        && wish
            .retention_days_max
            .is_none_or(|max| terms.deletion_days().is_some_and(|days| days <= max.get()))
        && wish.uses_max.is_none_or(|max| terms.limits.uses.is_some_and(|uses| uses <= max))
        && wish.price_min.is_none_or(pays)
}

/// Whether the customer may be asked this now.
pub(crate) fn check(
    event: &RequestMade,
    customer: &CustomerState,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let protections = context.tenant.protections();
    let now = context.now;
    let (open, expired): (Vec<_>, Vec<_>) =
        customer.requests.iter().partition(|request| request.expires > now);
    let limit = usize::from(protections.open_requests_max());
    if open.len() >= limit {
        return Err(Refusal::TooMany { what: "open requests", limit });
    }
    let expired = expired.into_iter().map(PastRequest::unanswered);
    let past = customer.past_requests.iter().cloned().chain(expired);
    let past: Vec<PastRequest> =
        past.filter(|past| now < past.rests_until(protections.rest_days())).collect();
    if past.len() >= PAST_REQUESTS_MAX {
        return Err(Refusal::TooMany { what: "requests that came to nothing", limit: PAST_REQUESTS_MAX });
    }
    let aim = Aim::of(&event.terms);
    let mut rests = Vec::new();
    let mut unanswered = Vec::new();
    for past in past.iter().filter(|past| past.aim.meets(&aim)) {
        let until = past.rests_until(protections.rest_days());
        match &past.answer {
            Answer::None => unanswered.push(until),
            Answer::Unless(wish) if grants_wish(wish, &past.aim, &event.terms) => {}
            Answer::Declined | Answer::Unless(_) => rests.push(until),
        }
    }
    unanswered.sort();
    // until fewer than two are left
    rests.extend(unanswered.len().checked_sub(UNANSWERED_MAX).and_then(|at| unanswered.get(at)));
    rests.into_iter().max().map_or(Ok(()), |until| Err(Refusal::AskedAgain { until }))
}

/// Takes in a request that was admitted.
pub(crate) fn made(customer: &mut CustomerState, (id, at): (Jti, UnixSeconds), event: &RequestMade) {
    let (open, expired) = std::mem::take(&mut customer.requests)
        .into_iter()
        .partition::<Vec<_>, _>(|request| request.expires > at);
    customer.requests = open;
    customer.past_requests.extend(expired.iter().map(PastRequest::unanswered));
    forget(&mut customer.past_requests, at);
    customer.requests.push(OpenRequest { id, expires: event.expires, aim: Aim::of(&event.terms) });
}

/// Takes in a refusal that was admitted.
pub(crate) fn declined(customer: &mut CustomerState, at: UnixSeconds, event: &RequestDeclined) {
    let Some(place) = customer.requests.iter().position(|request| request.id == event.request) else {
        return;
    };
    let aim = customer.requests.remove(place).aim;
    let answer = event.unless.clone().map_or(Answer::Declined, Answer::Unless);
    forget(&mut customer.past_requests, at);
    customer.past_requests.push(PastRequest { aim, ended: at, answer });
}

fn forget(past: &mut Vec<PastRequest>, at: UnixSeconds) {
    past.retain(|past| at < past.rests_until(*REST_DAYS.end()));
}

#[cfg(test)]
mod tests;
