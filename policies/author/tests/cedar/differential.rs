//! Lowered plans against `cedar-policy`, over the same worlds.

use std::collections::BTreeMap;

use grantbook_author::cedar::{Lowered, ask, lower};
use grantbook_plan::Vocabulary;
use grantbook_plan::rules::{Attribute, Broken, OwnedValue, Values};

use super::worlds::{self, Worlds};
use super::{base, file, folders, lowered, policy};

/// Of each policy, in how many worlds it decided, by Cedar; and in how many the set permitted.
fn agree(lowered: &Lowered, base: Values, seed: u64) -> (BTreeMap<String, u64>, u64) {
    let mut worlds = Worlds::new(&lowered.plan, base, seed);
    let mut decided: BTreeMap<String, u64> = BTreeMap::new();
    let mut permitted = 0;
    for number in 0..worlds::count() {
        let world = worlds.next();
        let cedar = ask(&lowered.policies, &lowered.schema, &world).unwrap();
        let plan = lowered.plan.judge(&world);
        let context = || format!("seed {seed}, world {number}: {world:?}\ncedar: {cedar:?}\nplan: {plan:?}");
        assert_eq!(plan.is_ok(), cedar.permits(), "{}", context());
        match plan {
            Ok(()) => permitted += 1,
            Err(Broken::Forbidden(rule)) => {
                assert!(cedar.decided_by.contains(&rule.id.to_string()), "{}", context());
            }
            Err(Broken::Failed(rule, _)) => {
                assert!(cedar.failed.contains(&rule.id.to_string()), "{}", context());
            }
            Err(Broken::NotPermitted) => {
                assert!(cedar.decided_by.is_empty() && cedar.failed.is_empty(), "{}", context());
            }
        }
        for id in cedar.decided_by.into_iter().chain(cedar.failed) {
            *decided.entry(id).or_default() += 1;
        }
    }
    (decided, permitted)
}

/// A use that every shipped policy lets go on.
fn permitted_by_all() -> Values {
    let word = |word: &str| word.into();
    base()
        .with(Attribute::Safeguards, Some(OwnedValue::Words([word("standard-contract")].into())))
        .and_then(|values| {
            let consents = ["cross-border", "third-party"].map(word);
            values.with(Attribute::GrantConsents, Some(OwnedValue::Words(consents.into())))
        })
        .unwrap()
}

#[test]
fn shipped_policies_decide_as_cedar_does_and_each_decides_some_worlds() {
    let lowered = lowered(&[folders("house"), folders("law")].concat());
    let (decided, permitted) = agree(&lowered, permitted_by_all(), 1);
    let least = worlds::count() / 100;
    for rule in lowered.plan.rules() {
        let times = decided.get(rule.id.as_str()).copied().unwrap_or(0);
        assert!(times >= least, "{} decided {times} worlds, expected at least {least}", rule.id);
    }
    assert!(permitted >= least, "{permitted} worlds were permitted");
}

/// What the shipped policies do not use: arithmetic that leaves 64 bits, `if`, `in`, `is`, nested `has`.
#[test]
fn every_construct_of_a_plan_decides_as_in_cedar() {
    let texts = [
        ("agreed", "permit (principal, action, resource);"),
        (
            "overflow",
            "forbid (principal, action, resource)
             when { context.grant.price == 81 && context.now - context.grant.price * 9223372036854775807 == 7 };",
        ),
        (
            "sum",
            "forbid (principal, action, resource)
             when { context.grant.price + 9223372036854775727 == 9223372036854775806 };",
        ),
        ("requester", "forbid (principal in Requester::\"spy\", action, resource);"),
        ("kind", "forbid (principal is Requester, action in [Action::\"train\", Action::\"share\"], resource);"),
        (
            "conditional",
            "forbid (principal, action, resource)
             when { if context has level then context.level > 3 else context.grant has level && context.grant.level == 0 };",
        ),
        (
            "nested",
            "forbid (principal, action, resource)
             when { context has grant.uses && context.grant.uses <= -1 };",
        ),
        (
            "sets",
            "forbid (principal, action, resource)
             when { context.fields == [Field::\"date\", Field::\"speed\"] ||
                    (context.fields.containsAll([Field::\"location\"]) && !context.onward.isEmpty()) };",
        ),
        (
            "either",
            "forbid (principal, action, resource)
             when { (if context.purpose == Purpose::\"research\" then context.categories else context.grant.categories)
                    .contains(Category::\"contact\") };",
        ),
        (
            "parties",
            "forbid (principal, action, resource)
             when { context.recipient in [Party::\"spy\", Party::\"mole\"] && context.purpose != Purpose::\"research\" };",
        ),
        ("unless", "forbid (principal, action, resource) unless { resource has age && resource.age >= 14 };"),
    ];
    let text: String = texts.iter().map(|(id, text)| policy(id, text)).collect();
    let lowered = lower(&[file(text)], BTreeMap::new(), Vocabulary::builtin()).unwrap();
    let (decided, permitted) = agree(&lowered, base(), 2);
    for (id, _) in texts {
        let times = decided.get(id).copied().unwrap_or(0);
        assert!(times >= worlds::count() / 100, "{id} decided {times} worlds");
    }
    assert!(permitted >= worlds::count() / 100, "{permitted} worlds were permitted");
}
