//! What an enterprise's rules say of how customers are treated, beside which uses are permitted: from what age people sign for
//! themselves, how often they are asked, what they must consent to separately and what notices must say.
//!
//! A member of the policy plan. Specification: `docs/spec/people.md`.

use grantbook_record::Term;
use grantbook_record::event::Law;
use serde::{Deserialize, Serialize};

/// Days in which requests are not repeated, at the least and at the most.
pub const REST_DAYS: std::ops::RangeInclusive<u16> = 30..=366;
/// Days in which somebody who has come of age confirms what a guardian granted, at the most.
pub const GRACE_DAYS_MAX: u16 = 366;
/// From what age people may be said to come of age, and by when.
pub const AGES: std::ops::RangeInclusive<u8> = 7..=21;
/// Open requests of one customer that an enterprise may allow itself.
pub const OPEN_REQUESTS_MAX: u8 = 64;
/// The age where a guardian is named and no rule says one: no law's is higher.
pub const OF_AGE_UNSAID: u8 = 18;

/// How customers are treated. The default holds where nothing was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protections {
    /// Below this age, in full years, a guardian signs; absent: only for those for whom a guardian is named, below 18.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_age: Option<u8>,
    /// From this age on the minor signs beside the guardian; absent: the guardian alone is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_from: Option<u8>,
    /// Days after coming of age in which grants by a guardian still permit uses.
    #[serde(default = "thirty", skip_serializing_if = "is_thirty")]
    pub grace_days: u16,
    /// Days after a refusal in which the same is not asked again.
    #[serde(default = "ninety", skip_serializing_if = "is_ninety")]
    pub rest_days: u16,
    /// Requests that may wait for one customer at a time.
    #[serde(default = "five", skip_serializing_if = "is_five")]
    pub open_requests_max: u8,
    /// Consents without which there is no grant, where its terms show that they are needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<Term>,
    /// Laws whose demands the notice of a grant must meet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Law>,
}

pub(crate) static UNSAID: Protections = Protections {
    of_age: None,
    heard_from: None,
    grace_days: 30,
    rest_days: 90,
    open_requests_max: 5,
    consents: Vec::new(),
    notices: Vec::new(),
};

impl Default for Protections {
    fn default() -> Self {
        UNSAID.clone()
    }
}

impl Protections {
    /// Both together: of each member the one that protects more.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.of_age = self.of_age.max(other.of_age);
        self.heard_from = [self.heard_from, other.heard_from].into_iter().flatten().min();
        self.grace_days = self.grace_days.min(other.grace_days);
        self.rest_days = self.rest_days.max(other.rest_days);
        self.open_requests_max = self.open_requests_max.min(other.open_requests_max);
        self.consents.extend(other.consents);
        self.consents.sort();
        self.consents.dedup();
        self.notices.extend(other.notices);
        self.notices.sort();
        self.notices.dedup();
        self
    }

    /// Whether nothing is said beyond what holds anyway.
    pub fn are_unsaid(&self) -> bool {
        *self == UNSAID
    }

    /// The member that is out of its bounds, and what was expected.
    pub(crate) fn out_of_bounds(&self) -> Option<(&'static str, &'static str)> {
        let ages = [self.of_age, self.heard_from];
        if ages.into_iter().flatten().any(|age| !AGES.contains(&age)) {
            return Some(("age", "7 to 21"));
        }
        if self.grace_days > GRACE_DAYS_MAX {
            return Some(("grace_days", "at most 366"));
        }
        if !REST_DAYS.contains(&self.rest_days) {
            return Some(("rest_days", "30 to 366"));
        }
        if !(1..=OPEN_REQUESTS_MAX).contains(&self.open_requests_max) {
            return Some(("open_requests_max", "1 to 64"));
        }
        if self.consents.len() > 16 || self.notices.len() > Law::ALL.len() {
            return Some(("list of consents or notices", "at most 16 and 4"));
        }
        None
    }
}

fn thirty() -> u16 {
    UNSAID.grace_days
}

fn is_thirty(days: &u16) -> bool {
    *days == UNSAID.grace_days
}

fn ninety() -> u16 {
    UNSAID.rest_days
}

fn is_ninety(days: &u16) -> bool {
    *days == UNSAID.rest_days
}

fn five() -> u8 {
    UNSAID.open_requests_max
}

fn is_five(requests: &u8) -> bool {
    *requests == UNSAID.open_requests_max
}
