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

/// How customers are treated. What is absent is as if nothing had been published.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protections {
    /// Below this age, in full years, a guardian signs; absent: only for those for whom a guardian is named, below 18.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_age: Option<u8>,
    /// From this age on the minor signs beside the guardian; absent: the guardian alone is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_from: Option<u8>,
    /// Days after coming of age in which grants by a guardian still permit uses; absent: 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_days: Option<u16>,
    /// Days after a refusal in which the same is not asked again; absent: 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_days: Option<u16>,
    /// Requests that may wait for one customer at a time; absent: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_requests_max: Option<u8>,
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
    grace_days: None,
    rest_days: None,
    open_requests_max: None,
    consents: Vec::new(),
    notices: Vec::new(),
};

fn both<T>(one: Option<T>, other: Option<T>, which: fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(which(one, other)),
        (one, other) => one.or(other),
    }
}

impl Protections {
    /// Both together: of each member the one that protects more.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.of_age = self.of_age.max(other.of_age);
        self.heard_from = both(self.heard_from, other.heard_from, u8::min);
        self.grace_days = both(self.grace_days, other.grace_days, u16::min);
        self.rest_days = both(self.rest_days, other.rest_days, u16::max);
        self.open_requests_max = both(self.open_requests_max, other.open_requests_max, u8::min);
        self.consents.extend(other.consents);
        self.consents.sort();
        self.consents.dedup();
        self.notices.extend(other.notices);
        self.notices.sort();
        self.notices.dedup();
        self
    }

    /// Days after coming of age in which grants by a guardian still permit uses.
    pub fn grace_days(&self) -> u16 {
        self.grace_days.unwrap_or(30)
    }

    /// Days after a refusal in which the same is not asked again.
    pub fn rest_days(&self) -> u16 {
        self.rest_days.unwrap_or(90)
    }

    /// Requests that may wait for one customer at a time.
    pub fn open_requests_max(&self) -> u8 {
        self.open_requests_max.unwrap_or(5)
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
        if self.grace_days() > GRACE_DAYS_MAX {
            return Some(("grace_days", "at most 366"));
        }
        if !REST_DAYS.contains(&self.rest_days()) {
            return Some(("rest_days", "30 to 366"));
        }
        if !(1..=OPEN_REQUESTS_MAX).contains(&self.open_requests_max()) {
            return Some(("open_requests_max", "1 to 64"));
        }
        if self.consents.len() > 16 || self.notices.len() > Law::ALL.len() {
            return Some(("list of consents or notices", "at most 16 and 4"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(members: Value) -> Protections {
        serde_json::from_value(members).unwrap()
    }

    #[test]
    fn of_two_the_one_that_protects_more_holds() {
        let (pipl, house) = (
            said(json!({"of_age": 14, "consents": ["sensitive"], "notices": ["pipl"], "grace_days": 60})),
            said(json!({
                "of_age": 18, "heard_from": 12, "grace_days": 10, "rest_days": 30, "open_requests_max": 9,
                "consents": ["sensitive", "special"], "notices": ["gdpr"],
            })),
        );
        let both = said(json!({
            "of_age": 18, "heard_from": 12, "grace_days": 10, "rest_days": 30, "open_requests_max": 9,
            "consents": ["sensitive", "special"], "notices": ["gdpr", "pipl"],
        }));
        assert_eq!(pipl.clone().and(house.clone()), both);
        assert_eq!(house.and(pipl.clone()), both);
        // what nobody says is as it is anyway
        assert_eq!(pipl.clone().and(Protections::default()), pipl);
        assert_eq!((pipl.grace_days(), pipl.rest_days(), pipl.open_requests_max()), (60, 90, 5));
    }

    #[test]
    fn bounds_are_kept() {
        for (members, holds) in [
            (json!({}), true),
            (json!({"of_age": 6}), false),
            (json!({"of_age": 21}), true),
            (json!({"heard_from": 22}), false),
            (json!({"grace_days": 0}), true),
            (json!({"grace_days": 367}), false),
            (json!({"rest_days": 29}), false),
            (json!({"rest_days": 366}), true),
            (json!({"open_requests_max": 0}), false),
            (json!({"open_requests_max": 65}), false),
            (json!({"notices": ["gdpr", "gdpr", "gdpr", "gdpr", "gdpr"]}), false),
        ] {
            assert_eq!(said(members.clone()).out_of_bounds().is_none(), holds, "{members}");
        }
    }
}
