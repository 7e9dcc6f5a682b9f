//! The judgement as `docs/spec/mandate.md` has it, over JSON: sentence by sentence, with no regard to speed.

use std::collections::BTreeSet;

use serde_json::Value;

/// The verdict, and the first rule that gives it.
pub(crate) fn judge(mandate: &Value, terms: &Value, templates: &[Value]) -> (&'static str, Option<usize>) {
    // 1. words of another version
    let version = |of: &Value| of.get("vocabulary").map_or(1, |version| version.as_u64().unwrap());
    if version(mandate) != version(terms) {
        return ("ask", None);
    }
    // 2. each rule that is about the request
    let mut said: Vec<(usize, &str)> = Vec::new();
    for (at, rule) in list(mandate, "rules").iter().enumerate() {
        if !is_about(rule, terms, templates) {
            continue;
        }
        let accepts = rule.get("accept").is_some_and(|accept| is_within(accept, terms));
        let otherwise = rule.get("otherwise").map_or("ask", |said| said.as_str().unwrap());
        said.push((at, if accepts { "accept" } else { otherwise }));
    }
    let first = |verdict: &str| said.iter().find(|(_, said)| *said == verdict).map(|(at, _)| *at);
    // 3. decline
    if let Some(at) = first("decline") {
        return ("decline", Some(at));
    }
    if said.is_empty() && mandate.get("otherwise").is_some_and(|otherwise| otherwise == "decline") {
        return ("decline", None);
    }
    // 4. ask
    if let Some(at) = first("ask") {
        return ("ask", Some(at));
    }
    let template = template_of(terms, templates);
    let left_to_the_customer = terms.get("licence").is_some()
        || terms.get("supersedes").is_some()
        || template.is_none_or(|template| {
            template.get("audience").is_some_and(|audience| audience == "enterprise")
                || template["bounds"].get("signatures_min").is_some_and(|keys| keys.as_u64().unwrap() > 1)
                || template["bounds"].get("birth_day").is_some_and(|asked| asked == true)
        });
    let begins_late = terms["validity"]["start"].as_u64() >= mandate["until"].as_u64();
    if left_to_the_customer || begins_late {
        return ("ask", None);
    }
    // 5. accept
    first("accept").map_or(("ask", None), |at| ("accept", Some(at)))
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).map_or(&[], |list| list.as_array().unwrap())
}

fn template_of<'a>(terms: &Value, templates: &'a [Value]) -> Option<&'a Value> {
    templates.iter().find(|template| template["id"] == terms["template"]["id"])
}

fn is_about(rule: &Value, terms: &Value, templates: &[Value]) -> bool {
    let when = &rule["when"];
    let kinds = template_of(terms, templates).map_or(&[][..], |template| list(&template["bounds"], "kinds"));
    let kind = kinds.iter().find(|known| known["recipient"] == terms["recipient"]);
    let named = list(when, "recipients").contains(&terms["recipient"]);
    let of_kind = kind.is_some_and(|known| list(when, "kinds").contains(&known["kind"]));
    let recipients_empty = list(when, "recipients").is_empty() && list(when, "kinds").is_empty();
    let purposes = list(when, "purposes");
    let ids = list(when, "templates");
    let categories = list(when, "categories");
    (recipients_empty || named || of_kind)
        && (purposes.is_empty() || purposes.contains(&terms["purpose"]))
        && (ids.is_empty() || ids.contains(&terms["template"]["id"]))
        && (categories.is_empty() || categories.iter().any(|category| asks_category(terms, category)))
}

fn is_empty(clause: &Value, name: &str) -> bool {
    clause.get(name).is_none_or(|value| value.as_array().is_some_and(Vec::is_empty))
}

fn asks_category(terms: &Value, category: &Value) -> bool {
    let scope = &terms["scope"];
    let included = list(scope, "include").iter().any(|clause| clause["category"] == *category);
    let taken_out = list(scope, "exclude").iter().any(|clause| {
        clause["category"] == *category
            && clause.get("fields").is_none()
            && clause.get("period").is_none()
            && is_empty(clause, "filter")
    });
    included && !taken_out
}

fn asks_field(terms: &Value, category: &Value, field: &Value) -> bool {
    let has = |clause: &Value| {
        clause["category"] == *category
            && clause.get("fields").is_none_or(|fields| fields.as_array().unwrap().contains(field))
    };
    let scope = &terms["scope"];
    let included = list(scope, "include").iter().any(has);
    let mut whole = list(scope, "exclude")
        .iter()
        .filter(|clause| clause.get("period").is_none() && is_empty(clause, "filter"));
    included && !whole.any(has)
}

fn is_within(accept: &Value, terms: &Value) -> bool {
    let categories = list(accept, "categories");
    if !categories.is_empty() {
        for clause in list(&terms["scope"], "include") {
            if asks_category(terms, &clause["category"]) && !categories.contains(&clause["category"]) {
                return false;
            }
        }
    }
    for data in list(accept, "never") {
        let asked = match data.get("fields") {
            None => asks_category(terms, &data["category"]),
            Some(fields) => {
                fields.as_array().unwrap().iter().any(|field| asks_field(terms, &data["category"], field))
            }
        };
        if asked {
            return false;
        }
    }
    let floors = list(accept, "price_min");
    if !floors.is_empty() && !floors.iter().any(|floor| pays(&terms["compensation"], floor)) {
        return false;
    }
    let validity = &terms["validity"];
    let seconds = validity["end"].as_u64().unwrap() - validity["start"].as_u64().unwrap();
    if let Some(days) = accept.get("validity_days_max")
        && seconds > days.as_u64().unwrap() * 86_400
    {
        return false;
    }
    let limits = &terms["limits"];
    let obliged = list(terms, "obligations").iter().filter_map(|obligation| obligation.get("delete_by"));
    let obliged = obliged.map(|delete| delete["days"].as_u64().unwrap());
    let deleted = obliged.chain(limits.get("retention_days").and_then(Value::as_u64)).min();
    for (bound, value) in [
        ("retention_days_max", deleted),
        ("uses_max", limits.get("uses").and_then(Value::as_u64)),
        ("level_max", limits.get("level").and_then(Value::as_u64)),
    ] {
        if let Some(max) = accept.get(bound).and_then(Value::as_u64)
            && value.is_none_or(|value| value > max)
        {
            return false;
        }
    }
    let named: BTreeSet<&str> =
        list(accept, "consents").iter().map(|consent| consent.as_str().unwrap()).collect();
    consents(terms).iter().all(|consent| named.contains(consent.as_str()))
}

fn pays(compensation: &Value, floor: &Value) -> bool {
    let paid = |way: &str| compensation.get(way);
    let at_least = |paid: &Value, least: &Value, amount: &str| {
        paid["currency"] == least["currency"] && paid[amount].as_u64() >= least[amount].as_u64()
    };
    if let Some(least) = floor.get("per_use") {
        let price = paid("per_use").or(paid("tiered_price"));
        return price.is_some_and(|price| at_least(price, least, "minor"));
    }
    if let Some(least) = floor.get("per_grant") {
        return paid("per_grant").is_some_and(|price| at_least(price, least, "minor"));
    }
    if let Some(least) = floor.get("revenue_share") {
        let tiered = paid("tiered_share").filter(|share| share.get("maximum").is_none());
        let share = paid("revenue_share").or(tiered);
        return share.is_some_and(|share| at_least(share, least, "basis_points"));
    }
    paid("benefit").is_some_and(|benefit| *benefit == floor["benefit"])
}

/// Those that the terms carry, and those that go with how sensitive their data is.
fn consents(terms: &Value) -> BTreeSet<String> {
    let vocabulary: Value = serde_json::from_str(include_str!("../../../vocabulary/core-v1.json")).unwrap();
    let mut needed: BTreeSet<String> =
        list(terms, "consents").iter().map(|consent| consent["to"].as_str().unwrap().to_owned()).collect();
    for (category, of) in vocabulary["categories"].as_object().unwrap() {
        for (field, says) in of["fields"].as_object().unwrap() {
            let sensitivity = says.get("sensitivity").or(of.get("sensitivity"));
            let asked = asks_field(terms, &Value::from(category.as_str()), &Value::from(field.as_str()));
            match sensitivity.and_then(Value::as_str) {
                Some("sensitive") if asked => drop(needed.insert("sensitive".to_owned())),
                Some("special") if asked => drop(needed.insert("special".to_owned())),
                _ => {}
            }
        }
    }
    needed
}
