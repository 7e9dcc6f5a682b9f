//! The formats of the gate: house rules, facts from outside, and what a snapshot holds of customers.

use grantbook_plan::HouseRules;
use grantbook_plan::compact::CompactPlan;
use grantbook_plan::vocabulary::Vocabulary;
use grantbook_sdk::facts::Statement;

/// House rules.
pub fn house_rules(data: &[u8]) {
    let parse = |data| HouseRules::parse(data, Vocabulary::builtin());
    if let Ok(rules) = parse(data) {
        assert_eq!(parse(data), Ok(rules));
    }
}

/// Facts as their sources state them, signed or not.
pub fn fact_statement(data: &[u8]) {
    if let Ok(statement) = Statement::parse(data) {
        assert_eq!(Statement::parse(&statement.to_json()).ok(), Some(statement));
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(statement) = Statement::parse_signed(text)
    {
        assert_eq!(Statement::parse(&statement.to_json()).ok(), Some(statement));
    }
}

/// What a snapshot holds once it is opened: customers with their grants.
pub fn compact_plan(data: &[u8]) {
    if let Ok(plan) = CompactPlan::from_bytes(data) {
        let written = plan.to_bytes();
        let again = CompactPlan::from_bytes(&written)
            .map(|again| (again.customers(), again.terms(), again.to_bytes().len()));
        assert_eq!(again, Ok((plan.customers(), plan.terms(), written.len())));
        for (key, _) in plan.places() {
            assert!(plan.known(key).is_some(), "a customer who is listed is not found");
        }
    }
}
