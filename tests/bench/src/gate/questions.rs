//! What every engine is asked, and the grants that answer it: one of each customer, for one of so many recipients.

use grantbook_record::encoding::Bytes32;
use grantbook_record::uses::UseFacts;
use grantbook_record::{Term, Terms};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use crate::Failure;
use crate::world::{facts, grant_terms};

/// Recipients; in the peers each has a policy of its own.
pub(super) const RECIPIENTS: usize = 20;
/// May this recipient have these fields of the customer's purchases of that day?
#[derive(Clone)]
pub(super) struct Question {
    pub(super) customer: String,
    pub(super) recipient: String,
    pub(super) fields: [&'static str; 2],
    pub(super) day: &'static str,
}

impl Question {
    /// What customer `number` has granted.
    pub(super) fn granted(number: usize) -> Self {
        let (customer, recipient) = (customer(number), recipient(number));
        Self { customer, recipient, fields: ["date", "quantity"], day: "1997-02-01" }
    }

    pub(super) fn facts(&self) -> Result<UseFacts, Failure> {
        let mut facts = facts(&self.customer)?;
        facts.recipient = Term::parse(&self.recipient)?;
        facts.fields = serde_json::from_value(serde_json::json!(self.fields))?;
        facts.data_period = serde_json::from_value(serde_json::json!({"from": self.day, "to": self.day}))?;
        Ok(facts)
    }
}

/// The customer's name.
pub(super) fn customer(number: usize) -> String {
    format!("cs-{number:08}")
}

/// Whom a customer's grant is for.
pub(super) fn recipient(number: usize) -> String {
    format!("recipient-{:02}", number % RECIPIENTS)
}

/// The terms of customers' grants, by their recipient.
pub(super) fn all_terms() -> Result<Vec<Terms>, Failure> {
    let of = |number| {
        let mut terms = grant_terms(&Bytes32([0; 32]))?;
        terms.recipient = Term::parse(&recipient(number))?;
        Ok(terms)
    };
    (0..RECIPIENTS).map(of).collect()
}

/// A date as a number, in the order of time.
#[cfg(feature = "peers")]
pub(super) fn day_number(day: &str) -> Result<i64, Failure> {
    Ok(day.replace('-', "").parse()?)
}

/// So many of what customers below `customers` have granted, in no order, so that the processor's caches do not hold them.
pub(super) fn granted(count: usize, customers: usize) -> Result<Vec<Question>, Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    (0..count).map(|_| Ok(Question::granted(usize::try_from(rng.next_u32())? % customers))).collect()
}

/// The same, and every other one is to be denied, each fourth of these for another reason.
#[cfg(feature = "peers")]
pub(super) fn mixed(count: usize, customers: usize) -> Result<Vec<Question>, Failure> {
    let mut questions = granted(count, customers)?;
    for (at, question) in questions.iter_mut().enumerate() {
        match at % 8 {
            1 => question.fields = ["date", granted_terms::EXCLUDED],
            3 => question.recipient = recipient(at),
            5 => question.day = "1997-12-24",
            7 => question.customer = customer(customers + at),
            _ => {}
        }
    }
    Ok(questions)
}

/// What every grant covers, and the field that it excludes: [`grant_terms`], in the peers' words.
#[cfg(feature = "peers")]
pub(super) mod granted_terms {
    pub(in crate::gate) const PURPOSE: &str = "service-personalisation";
    pub(in crate::gate) const CATEGORY: &str = "purchases";
    pub(in crate::gate) const PERIOD: (&str, &str) = ("1997-01-01", "1997-09-30");
    pub(in crate::gate) const EXCLUDED: &str = "dollars";
}
