use grantbook_record::DenialReason as Reason;
use serde_json::{Value, json};

use super::*;
use crate::samples::{NOW, facts};

fn parse(rules: &Value) -> Result<HouseRules, HouseError> {
    HouseRules::parse(rules.to_string().as_bytes(), Vocabulary::builtin())
}

#[allow(clippy::needless_pass_by_value, reason = "`json!` values read better unborrowed")]
fn rule(id: &str, when: Value, demand: Value) -> Value {
    json!({"id": id, "when": when, "demand": demand})
}

#[allow(clippy::needless_pass_by_value, reason = "`json!` values read better unborrowed")]
fn rules(rules: Value) -> HouseRules {
    parse(&json!({"version": 1, "rules": rules})).unwrap()
}

fn budget(max_age: u64) -> Value {
    json!({"budget_left": {"currency": "CNY", "max_age_seconds": max_age}})
}

fn certificate() -> Value {
    json!({"certificate_valid": {"max_age_seconds": 3600}})
}

fn masking(least: u64) -> Value {
    json!({"masking_level": {"least": least, "max_age_seconds": 300}})
}

/// Facts by name: value and age in seconds, younger than now where negative.
fn supplied(facts: &[(&str, u64, i64)]) -> BTreeMap<Term, Fact> {
    let fact = |value, age: i64| Fact {
        value,
        source: Term::parse("finance").unwrap(),
        at: UnixSeconds(NOW.0.saturating_add_signed(-age)),
    };
    facts.iter().map(|(name, value, age)| (Term::parse(name).unwrap(), fact(*value, *age))).collect()
}

fn cny(minor: u32) -> Price {
    Price { currency: Currency::parse("CNY").unwrap(), minor }
}

/// The reason and the rule's id, or how many facts were relied on.
fn judge(rules: &HouseRules, known: &[(&str, u64, i64)], payout: Price) -> Result<usize, (Reason, String)> {
    let relied = rules.judge(&facts(json!({})), payout, &supplied(known), NOW);
    relied.map(|relied| relied.len()).map_err(|denial| match denial.detail {
        Some(Detail::Fact { rule, .. }) => (denial.reason, rule.to_string()),
        other => panic!("{} with {other:?}", denial.reason),
    })
}

#[test]
fn each_demand_at_its_bound() {
    let denied = |reason, by: &str| Err((reason, by.to_owned()));
    let budget = rules(json!([rule("b", json!({}), budget(60))]));
    for (known, payout, expected) in [
        (&[("budget_left_cny", 80, 0)][..], cny(80), Ok(1)),
        (&[("budget_left_cny", 79, 0)], cny(80), denied(Reason::Budget, "b")),
        (&[("budget_left_cny", 80, 60)], cny(80), Ok(1)),
        (&[("budget_left_cny", 80, 61)], cny(80), denied(Reason::FactStale, "b")),
        (&[("budget_left_cny", 0, 0)], cny(0), Ok(1)),
        (&[], cny(0), denied(Reason::FactMissing, "b")),
        (&[("budget_left_eur", 80, 0)], cny(80), denied(Reason::FactMissing, "b")),
        // a source whose clock is ahead, and one from the future
        (&[("budget_left_cny", 80, -60)], cny(80), Ok(1)),
        (&[("budget_left_cny", 80, -61)], cny(80), denied(Reason::FactMissing, "b")),
    ] {
        assert_eq!(judge(&budget, known, payout), expected, "{known:?}");
    }
    let euros = Price { currency: Currency::parse("EUR").unwrap(), minor: 1 };
    assert_eq!(judge(&budget, &[("budget_left_cny", 999, 0)], euros), denied(Reason::Budget, "b"));

    let certificate = rules(json!([rule("c", json!({}), certificate())]));
    for (until, expected) in [(NOW.0 + 1, Ok(1)), (NOW.0, denied(Reason::Certificate, "c"))] {
        assert_eq!(judge(&certificate, &[("certificate_valid", until, 0)], cny(0)), expected, "{until}");
    }
    let masking = rules(json!([rule("m", json!({}), masking(3))]));
    for (level, expected) in [(3, Ok(1)), (2, denied(Reason::MaskingLevel, "m"))] {
        assert_eq!(judge(&masking, &[("masking_level", level, 0)], cny(0)), expected, "{level}");
    }
}

#[test]
fn the_first_reason_in_order_of_precedence_wins_not_the_first_rule() {
    let all = rules(json!([
        rule("m", json!({}), masking(3)),
        rule("c", json!({}), certificate()),
        rule("b", json!({}), budget(60)),
        rule("b-again", json!({}), budget(10)),
    ]));
    let (good, bad) = (("certificate_valid", NOW.0 + 9, 0), ("certificate_valid", NOW.0, 0));
    for (known, reason, by) in [
        (&[("budget_left_cny", 1, 0), ("masking_level", 0, 0)][..], Reason::Budget, "b"),
        (&[("budget_left_cny", 90, 0), ("masking_level", 0, 999)], Reason::FactMissing, "c"),
        (&[("budget_left_cny", 90, 0), bad, ("masking_level", 3, 999)], Reason::FactStale, "m"),
        (&[("budget_left_cny", 90, 30), bad, ("masking_level", 3, 0)], Reason::FactStale, "b-again"),
        (&[("budget_left_cny", 90, 0), bad, ("masking_level", 0, 0)], Reason::Certificate, "c"),
        (&[("budget_left_cny", 90, 0), good, ("masking_level", 0, 0)], Reason::MaskingLevel, "m"),
    ] {
        assert_eq!(judge(&all, known, cny(80)), Err((reason, by.to_owned())), "{known:?}");
    }
    let known = [("budget_left_cny", 90, 0), good, ("masking_level", 3, 0)];
    assert_eq!(judge(&all, &known, cny(80)), Ok(3), "each fact once");
}

#[test]
fn a_denial_names_rule_fact_source_and_age() {
    let rules = rules(json!([rule("b", json!({}), budget(60))]));
    let denial = |known: &[_]| {
        let denial = rules.judge(&facts(json!({})), cny(80), &supplied(known), NOW).unwrap_err();
        serde_json::to_value(denial).unwrap()
    };
    let named = |more: Value| {
        let mut fact = json!({"rule": "b", "fact": "budget_left_cny"});
        fact.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"fact": fact})
    };
    assert_eq!(denial(&[]), json!({"reason": "fact_missing", "detail": named(json!({}))}));
    let detail = named(json!({"source": "finance", "age_seconds": 61}));
    assert_eq!(denial(&[("budget_left_cny", 9, 61)]), json!({"reason": "fact_stale", "detail": detail}));
}

#[test]
fn conditions_are_met_part_by_part() {
    for (when, applies) in [
        (json!({}), true),
        (json!({"requester": "pricing"}), true),
        (json!({"requester": "claims"}), false),
        (json!({"recipient": "safe-insurance"}), false),
        (json!({"purpose": "research"}), false),
        (json!({"action": "train"}), false),
        (json!({"categories": ["driving"]}), false),
        (json!({"categories": ["driving", "fast-charging"]}), true),
        (json!({"requester": "pricing", "recipient": "sure-insurance", "action": "read"}), true),
        (json!({"requester": "pricing", "recipient": "sure-insurance", "action": "share"}), false),
    ] {
        let rules = rules(json!([rule("c", when.clone(), certificate())]));
        assert_eq!(rules.needs(&facts(json!({}))).len(), usize::from(applies), "{when}");
        let permitted = judge(&rules, &[], cny(0)).is_ok();
        assert_eq!(permitted, !applies, "{when}");
    }
}

#[test]
fn needs_name_the_strictest_age_of_each_fact() {
    let rules = rules(json!([
        rule("b", json!({}), budget(60)),
        rule("b-again", json!({}), budget(10)),
        rule("other", json!({"requester": "claims"}), budget(1)),
        rule("c", json!({}), certificate()),
    ]));
    let use_facts = facts(json!({}));
    let needs: Vec<_> =
        rules.needs(&use_facts).into_iter().map(|(name, age)| (name.as_str(), age.seconds())).collect();
    assert_eq!(needs, [("budget_left_cny", 10), ("certificate_valid", 3600)]);
}

#[test]
fn rules_are_refused_whole() {
    let one = |rule: Value| json!({"version": 1, "rules": [rule]});
    let any = || json!({});
    let mut eight = vec![rule("c", any(), certificate()), rule("m", any(), masking(1))];
    for currency in ["CNY", "EUR", "USD", "GBP", "JPY", "CHF"] {
        let demand = json!({"budget_left": {"currency": currency, "max_age_seconds": 60}});
        eight.push(rule(&currency.to_lowercase(), any(), demand));
    }
    assert_eq!(parse(&json!({"version": 1, "rules": eight})).unwrap().rules().len(), 8);
    let hkd = json!({"budget_left": {"currency": "HKD", "max_age_seconds": 60}});
    eight.push(rule("hkd", any(), hkd));
    let many: Vec<Value> = (0..257).map(|n| rule(&format!("r{n}"), any(), certificate())).collect();
    for (text, expected) in [
        (json!({"version": 2, "rules": []}), "house rules of version 2, expected 1"),
        (json!({"version": 1}), "refused house rules: missing field `rules` at"),
        (json!({"version": 1, "rules": [], "more": 1}), "refused house rules: unknown field `more` at"),
        (json!({"version": 1, "rules": eight}), "rules about 9 facts, expected at most 8"),
        (json!({"version": 1, "rules": many}), "refused house rules: expected 0 to 256 items at"),
        (
            json!({"version": 1, "rules": [rule("c", any(), certificate()), rule("c", any(), masking(1))]}),
            "two rules c, expected each id once",
        ),
        (
            one(rule("c", json!({"purpose": "world-peace"}), certificate())),
            "rule c turns on an unknown purpose,",
        ),
        (
            one(rule("c", json!({"categories": ["dreams"]}), certificate())),
            "rule c turns on an unknown category,",
        ),
        (one(rule("c", json!({"action": "sell"}), certificate())), "rule c turns on an unknown action,"),
        (
            one(rule("c", json!({"categories": []}), certificate())),
            "refused house rules: expected 1 to 16 items at",
        ),
        (
            one(rule("c", json!({"project": "a"}), certificate())),
            "refused house rules: unknown field `project` at",
        ),
        (
            one(rule("c", any(), json!({"moon_full": {"max_age_seconds": 60}}))),
            "refused house rules: expected",
        ),
        (one(rule("c", any(), json!({}))), "refused house rules: expected an object of one member at"),
        (one(rule("c", any(), masking(0))), "refused house rules: expected a nonzero u8 at"),
        (one(rule("c", any(), masking(256))), "refused house rules: expected"),
        (one(rule("c", any(), budget(0))), "refused house rules: expected 1 to 31622400 at"),
        (one(rule("c", any(), budget(31_622_401))), "refused house rules: expected 1 to 31622400 at"),
        (one(rule("C", any(), certificate())), "refused house rules: expected 1 to 64 lower-case"),
        (json!([]), "refused house rules: expected an object at"),
    ] {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}, expected {expected}");
    }
    let padded = format!("{}{}", json!({"version": 1, "rules": []}), " ".repeat(RULES_BYTES_MAX));
    let error = HouseRules::parse(padded.as_bytes(), Vocabulary::builtin()).unwrap_err();
    assert_eq!(error, HouseError::TooLarge { got: padded.len() });
}

#[test]
fn without_rules_nothing_is_demanded() {
    assert_eq!(judge(&rules(json!([])), &[], cny(80)), Ok(0));
    assert_eq!(judge(&HouseRules::default(), &[], cny(80)), Ok(0));
}
