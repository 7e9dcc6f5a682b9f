//! House rules once more, from `docs/spec/facts.md`: every rule is read from its JSON each time, every reason is
//! listed, and the first in order of precedence is looked for at the end.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_plan::Fact;
use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, Price, Term};
use serde_json::{Value, json};

/// Rules, a use, and what its requester's sources say.
#[derive(Debug, Clone)]
pub(crate) struct House {
    pub(crate) rules: Vec<Value>,
    pub(crate) facts: UseFacts,
    pub(crate) payout: Price,
    pub(crate) supplied: BTreeMap<Term, Fact>,
    /// The second of the decision.
    pub(crate) now: u64,
}

/// The names of the facts relied on, or the reason.
pub(crate) type Answer = Result<BTreeSet<String>, DenialReason>;

pub(crate) fn slow(house: &House) -> Answer {
    let names = ["budget", "fact_missing", "fact_stale", "certificate", "masking_level"];
    let mut relied = BTreeSet::new();
    let mut reasons = BTreeSet::new();
    let used = serde_json::to_value(&house.facts).unwrap();
    for rule in &house.rules {
        let when = rule["when"].as_object().unwrap();
        let same = |part: &str| when.get(part).is_none_or(|wanted| *wanted == used[part]);
        let wanted = when.get("categories").map(|c| c.as_array().unwrap().clone());
        let touches = wanted.is_none_or(|any| {
            let of_the_use = used["categories"].as_array().unwrap();
            of_the_use.iter().any(|category| any.contains(category))
        });
        if !(["requester", "recipient", "purpose", "action"].into_iter().all(same) && touches) {
            continue;
        }
        let (kind, demand) = rule["demand"].as_object().unwrap().iter().next().unwrap();
        let name = match demand.get("currency") {
            Some(currency) => format!("{kind}_{}", currency.as_str().unwrap().to_lowercase()),
            None => kind.clone(),
        };
        let known =
            house.supplied.iter().find(|(known, fact)| known.as_str() == name && fact.at.0 <= house.now + 60);
        let Some((_, fact)) = known else {
            reasons.insert("fact_missing");
            continue;
        };
        if fact.at.0 + demand["max_age_seconds"].as_u64().unwrap() < house.now {
            reasons.insert("fact_stale");
            continue;
        }
        let Price { currency, minor } = house.payout;
        let unpaid = minor > 0
            && (demand.get("currency").is_some_and(|of| of.as_str() != Some(currency.code()))
                || fact.value < minor.into());
        match kind.as_str() {
            "budget_left" if unpaid => reasons.insert("budget"),
            "certificate_valid" if fact.value <= house.now => reasons.insert("certificate"),
            "masking_level" if fact.value < demand["least"].as_u64().unwrap() => {
                reasons.insert("masking_level")
            }
            _ => relied.insert(name),
        };
    }
    match names.into_iter().find(|name| reasons.contains(name)) {
        Some(name) => Err(serde_json::from_value(json!(name)).unwrap()),
        None => Ok(relied),
    }
}
