//! cedar-policy: a policy for each rule, its request made beforehand.

use std::fmt::Write as _;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};

use super::{Ask, recipient};
use crate::Failure;

pub(super) fn ask(rules: usize) -> Result<Ask, Failure> {
    let mut text = String::new();
    for number in 1..=rules {
        writeln!(
            text,
            r#"permit (principal == Recipient::"{}", action == Action::"profile", resource == Customer::"cs-1")
            when {{
                context.purpose == "service-personalisation" && context.category == "purchases" &&
                context.from >= 19970101 && context.to <= 19970930 &&
                !context.fields.contains("dollars") && context.now < 4102444800
            }};"#,
            recipient(number, rules)
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
    Ok(Box::new(move || {
        authorizer.is_authorized(&request, &policies, &entities).decision() == Decision::Allow
    }))
}
