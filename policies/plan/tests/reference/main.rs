//! The decision against a second one, written from the specification and slow on purpose, on random small worlds; and
//! invariants by name.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod compact;
mod folded;
mod house;
mod slow;
mod slow_house;
mod world;

use std::collections::BTreeMap;

use grantbook_plan::{Decision, Vocabulary, decide, judge_grant};
use grantbook_record::list::List;
use grantbook_record::scope::Clause;
use grantbook_record::{DataDay, DataPeriod, DenialReason, Term};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use folded::id;
use world::{CATEGORIES, FIELDS, Grant, World, world};

fn answer(vocabulary: &Vocabulary, world: &World) -> slow::Answer {
    let at = |jti| (0..world.grants.len()).find(|&at| id(at) == jti).unwrap();
    let customer = world.customer();
    match decide(vocabulary, Some(&customer), |grant| world.count(grant), &world.facts, world.now) {
        Decision::Permit(permission) => Ok(at(permission.grant)),
        Decision::Denial(denial) => Err((denial.reason, denial.grant.map(at))),
    }
}

/// How many worlds each comparison of decisions looks at; a million of them take a while.
fn worlds() -> u32 {
    std::env::var("GRANTBOOK_WORLDS").ok().and_then(|worlds| worlds.parse().ok()).unwrap_or(10_000)
}

fn config(cases: u32) -> Config {
    Config { cases, max_global_rejects: cases, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config(worlds()))]

    #[test]
    fn agrees_with_the_slow_reference(world in world()) {
        let vocabulary = folded::vocabulary();
        prop_assert_eq!(answer(&vocabulary, &world), slow::decide(&vocabulary, &world));
    }
}

proptest! {
    #![proptest_config(config(4_000))]

    /// Deny beats allow: an excluded clause more never turns a denial into a permit.
    #[test]
    fn excluding_more_permits_no_more(before in world(), clause in world::clause(), which in any::<prop::sample::Index>()) {
        prop_assume!(!before.grants.is_empty());
        let vocabulary = folded::vocabulary();
        let mut after = before.clone();
        let Grant { terms, .. } = &mut after.grants[which.index(before.grants.len())];
        let mut exclude: Vec<Clause> = terms.scope.exclude.to_vec();
        exclude.push(clause);
        terms.scope.exclude = List::new(exclude).unwrap();
        if answer(&vocabulary, &before).is_err() {
            prop_assert!(answer(&vocabulary, &after).is_err());
        }
    }

    /// A use of more data never turns a denial into a permit. (A field that no category of the use has is a mistake,
    /// which a further category may mend; so unknown words are set aside.)
    #[test]
    fn widening_the_use_permits_no_more(before in world(), widening in 0..6_u8) {
        let vocabulary = folded::vocabulary();
        let reason = answer(&vocabulary, &before).err().map(|(reason, _)| reason);
        prop_assume!(reason.is_some_and(|reason| reason != DenialReason::UnknownTerm));
        let mut after = before.clone();
        let facts = &mut after.facts;
        let (from, to) = (facts.data_period.from(), facts.data_period.to());
        let all = |words: &[&str]| words.iter().map(|word| Term::parse(word).unwrap()).collect();
        match widening {
            0 => facts.data_period = DataPeriod::new(DataDay(from.0 - 1), to).unwrap(),
            1 => facts.data_period = DataPeriod::new(from, DataDay(to.0 + 1)).unwrap(),
            2 => facts.fields = List::new(all(FIELDS)).unwrap(),
            3 => facts.categories = List::new(all(CATEGORIES)).unwrap(),
            4 => facts.rows = BTreeMap::new(),
            _ => { facts.rows.pop_first(); }
        }
        prop_assert!(answer(&vocabulary, &after).is_err());
    }

    /// One grant judged alone is the decision for a customer who has no other.
    #[test]
    fn judging_one_grant_is_deciding_by_it_alone(mut world in world()) {
        world.grants.truncate(1);
        prop_assume!(!world.grants.is_empty());
        let vocabulary = folded::vocabulary();
        let customer = world.customer();
        let grant = &customer.grants[0];
        let alone = judge_grant(&vocabulary, grant, world.count(&grant.id), &world.facts, world.now);
        match decide(&vocabulary, Some(&customer), |id| world.count(id), &world.facts, world.now) {
            Decision::Permit(_) => prop_assert_eq!(alone, Ok(())),
            Decision::Denial(denial) => prop_assert_eq!(alone, Err(denial)),
        }
    }

    /// A further grant takes no permit away, and does not change which grant a use falls under.
    #[test]
    fn a_further_grant_takes_no_permit_away(before in world(), other in world()) {
        let vocabulary = folded::vocabulary();
        let mut after = before.clone();
        after.grants.extend(other.grants);
        if let Ok(grant) = answer(&vocabulary, &before) {
            prop_assert_eq!(answer(&vocabulary, &after), Ok(grant));
        }
    }
}

/// Otherwise the agreement above would say little.
#[test]
fn random_worlds_reach_every_answer() {
    let vocabulary = folded::vocabulary();
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<Option<DenialReason>, u32> = BTreeMap::new();
    for _ in 0..20_000 {
        let world = world().new_tree(&mut runner).unwrap().current();
        *seen.entry(slow::decide(&vocabulary, &world).err().map(|(reason, _)| reason)).or_default() += 1;
    }
    let of_decide = DenialReason::ALL.iter().filter(|reason| {
        matches!(reason, DenialReason::UnknownTerm | DenialReason::NoGrant)
            || (DenialReason::Withdrawn..=DenialReason::Rate).contains(reason)
                // without published rules nothing is denied for them, and nobody here is or was a minor
                && !matches!(
                    reason,
                    DenialReason::Policy
                        | DenialReason::PolicyError
                        | DenialReason::NoGuardian
                        | DenialReason::Unconfirmed
                )
    });
    for answer in of_decide.map(|reason| Some(*reason)).chain([None]) {
        assert!(seen.get(&answer).is_some_and(|times| *times >= 100), "{answer:?} in {seen:?}");
    }
}
