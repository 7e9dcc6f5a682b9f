//! The peer: cedar-policy on the same decision, with its request made beforehand.

use std::fmt::Write as _;

use cedar_policy::{Authorizer, Context, Decision as CedarDecision, Entities, EntityUid, PolicySet, Request};
use grantbook_plan::{Decision, UseCount, Vocabulary, decide};

use super::embedded::one_of_many;
use crate::Failure;
use crate::measure::{alone, float, median};
use crate::report::Report;

/// Policies here, grants of one customer there; the last one permits.
const POLICIES: usize = 20;
const BATCH: usize = 200;

pub(super) fn measure(report: &mut Report) -> Result<(), Failure> {
    let mut text = String::new();
    for number in 1..=POLICIES {
        let recipient =
            if number < POLICIES { format!("recipient-{number}") } else { "recommender".to_owned() };
        writeln!(
            text,
            r#"permit (principal == Recipient::"{recipient}", action == Action::"profile", resource == Customer::"cs-1")
            when {{
                context.purpose == "service-personalisation" && context.category == "purchases" &&
                context.from >= 19970101 && context.to <= 19970930 &&
                !context.fields.contains("dollars") && context.now < 4102444800
            }};"#
        )?;
    }
    let policies: PolicySet = text.parse()?;
    let uid = |text: &str| text.parse::<EntityUid>().map_err(Failure::from);
    let context = Context::from_json_value(
        serde_json::json!({
            "purpose": "service-personalisation", "category": "purchases", "fields": ["date", "quantity"],
            "from": 19_970_201, "to": 19_970_201, "now": 1_800_000_000,
        }),
        None,
    )?;
    let request = Request::new(
        uid(r#"Recipient::"recommender""#)?,
        uid(r#"Action::"profile""#)?,
        uid(r#"Customer::"cs-1""#)?,
        context,
        None,
    )?;
    let (authorizer, entities) = (Authorizer::new(), Entities::empty());
    let (customer, facts, now) = one_of_many(POLICIES)?;

    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        theirs.push(batched(|| {
            authorizer.is_authorized(&request, &policies, &entities).decision() == CedarDecision::Allow
        })?);
        ours.push(batched(|| {
            let decision =
                decide(Vocabulary::builtin(), Some(&customer), |_| UseCount::default(), &facts, now);
            matches!(decision, Decision::Permit(_))
        })?);
    }
    let (theirs, ours) = (median(theirs), median(ours));
    report.figure("decision, cedar-policy, 20 policies", theirs * 1e6, "µs");
    report.figure("decision, 20 grants of one customer", ours * 1e6, "µs");
    report.at_least("gate.vs_cedar", theirs / ours, 20.0);
    Ok(())
}

/// Processor time of one permit, seconds.
fn batched(permits: impl Fn() -> bool) -> Result<f64, Failure> {
    let (cpu, _) = alone(51, |_| {
        if (0..BATCH).all(|_| permits()) {
            Ok(())
        } else {
            Err("a denial where a permit was expected".into())
        }
    })?;
    Ok(cpu / float(BATCH))
}
