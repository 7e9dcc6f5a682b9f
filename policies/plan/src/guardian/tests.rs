#![allow(clippy::needless_pass_by_value, reason = "`json!` values and results read better unborrowed")]

use grantbook_record::encoding::Bytes32;
use serde_json::{Value, json};

use super::*;
use crate::admission::tests::{
    CUSTOMER, ENTERPRISE, NEW, OPERATOR, World, amended, enrolled, event, key, on_grant,
};
use crate::compact::{CompactPlan, CustomerKey, Record};
use crate::decide::{Basis, Decision, UseCount, decide};
use crate::rules::PolicyPlan;
use crate::samples::{admitted, facts, given, signer, terms};
use crate::vocabulary::Vocabulary;

pub(crate) const GUARDIAN: u8 = 6;
const DAY: u64 = 86_400;
/// 2012-03-03, in days since 1900-01-01; 14 on 2026-03-03.
const BORN: u32 = 40_969;

fn of_age() -> UnixSeconds {
    first_second(DataDay::parse("2026-03-03").unwrap())
}

fn days_after(days: u64) -> UnixSeconds {
    UnixSeconds(of_age().0 + days * DAY)
}

fn before() -> UnixSeconds {
    UnixSeconds(of_age().0 - 1)
}

/// Rules that permit all uses, and say this of how customers are treated.
fn rules(protections: Value) -> PolicyPlan {
    let plan = json!({"version": 1, "protections": protections, "rules": [{
        "id": "all", "effect": "permit", "text": {"en": "Anything.", "zh-CN": "任意。"}, "when": {"bool": true}}]});
    PolicyPlan::from_value(&plan).unwrap()
}

pub(crate) fn publish(world: &mut World, protections: Value) {
    let plan = serde_json::to_value(rules(protections)).unwrap();
    let members = json!({"version": 1, "from": 0, "sources": Bytes32::sha256(b""), "plan": plan});
    let published = crate::admission::tests::tenant_event(Event::PolicyPublished, members);
    world.tenant.apply(&published, Bytes32::sha256(b"policy"));
}

fn named(n: u8, patch: Value) -> Event {
    let mut members =
        json!({"key": key(n), "evidence": "enterprise", "birth_day": BORN, "until": "2026-03-03"});
    members.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    event(Event::GuardianNamed, members)
}

/// The customer is a minor of 13 with a key and a guardian, under rules that say 14.
pub(crate) fn world() -> World {
    let mut world = World { now: before(), ..World::new() };
    publish(&mut world, json!({"of_age": 14}));
    world.customer.apply(&named(GUARDIAN, json!({})), &admitted(80, 0));
    world
}

fn at(world: &World, now: UnixSeconds) -> World {
    World { now, tenant: world.tenant.clone(), customer: world.customer.clone() }
}

/// The terms of the sample, long enough to outlive the day of coming of age.
fn long() -> Value {
    json!({"validity": {"start": crate::samples::START, "end": crate::samples::END}})
}

fn needs_guardian(got: &Result<(), Refusal>) -> bool {
    matches!(got, Err(Refusal::Guardian { .. }))
}

/// Both forms of the decision, which must agree.
fn decided(world: &World, now: UnixSeconds) -> Decision {
    let mut compact = CompactPlan::default();
    let key = CustomerKey::from(7);
    let record = Record { state: world.customer.clone(), ..Record::default() };
    let mut kept = Vec::new();
    let keep = |bytes: &[u8]| {
        kept = bytes.to_vec();
        Ok::<u64, ()>(1)
    };
    compact.put(key, &record, keep).unwrap();
    assert_eq!(compact.record(&kept).unwrap(), record);
    let compact = CompactPlan::from_bytes(&compact.to_bytes()).unwrap();
    let (facts, none) = (facts(json!({})), |_: &Jti| UseCount::default());
    let full = decide(world.tenant.basis(), Some(&world.customer), none, &facts, now);
    let packed = compact.known(key).unwrap().decide(world.tenant.basis(), none, &facts, now);
    assert_eq!(full, packed);
    full
}

fn reason(decision: Decision) -> Option<DenialReason> {
    match decision {
        Decision::Permit(_) => None,
        Decision::Denial(denial) => Some(denial.reason),
    }
}

/// The minor's only grant, given by `signers` while a minor.
fn with_grant(signers: &[u8]) -> World {
    let mut world = world();
    world.customer.grants.clear();
    let grant = given(terms(long()));
    assert_eq!(world.check(&grant, signers), Ok(()));
    let seconds = before().0 - crate::samples::START.0;
    world.customer.apply(&grant, &admitted(81, seconds));
    world
}

#[test]
fn birthdays_are_those_of_the_calendar() {
    for (birth_day, years, expected) in [
        (BORN, 14, "2026-03-03"),
        // born on 2004-02-29
        (38_044, 14, "2018-03-01"),
        (38_044, 16, "2020-02-29"),
        (0, 18, "1918-01-01"),
    ] {
        assert_eq!(comes_of_age(birth_day, years).unwrap().to_string(), expected);
    }
    assert_eq!(comes_of_age(u32::MAX, 18), None);
}

#[test]
fn below_the_age_a_guardian_signs() {
    let mut world = world();
    let grant = given(terms(json!({})));
    assert!(needs_guardian(&world.check(&grant, &[CUSTOMER])), "a minor alone");
    for signers in [&[GUARDIAN][..], &[GUARDIAN, CUSTOMER]] {
        assert_eq!(world.check(&grant, signers), Ok(()));
        assert_eq!(world.check(&amended(0, json!({})), signers), Ok(()));
        assert_eq!(world.check(&on_grant(Event::GrantResumed, 1), signers), Ok(()));
    }
    assert!(needs_guardian(&world.check(&amended(0, json!({})), &[CUSTOMER])));
    assert!(needs_guardian(&world.check(&on_grant(Event::GrantResumed, 1), &[CUSTOMER])));
    // where the law has the minor heard, both sign
    publish(&mut world, json!({"of_age": 14, "heard_from": 12}));
    assert!(needs_guardian(&world.check(&grant, &[GUARDIAN])));
    assert_eq!(world.check(&grant, &[GUARDIAN, CUSTOMER]), Ok(()));
    publish(&mut world, json!({"of_age": 14, "heard_from": 14}));
    assert_eq!(world.check(&grant, &[GUARDIAN]), Ok(()));
}

#[test]
fn either_ends_what_was_granted_at_any_time() {
    for now in [before(), of_age(), days_after(400)] {
        let world = at(&world(), now);
        for signer in [CUSTOMER, GUARDIAN] {
            assert_eq!(world.check(&on_grant(Event::GrantWithdrawn, 0), &[signer]), Ok(()), "{now:?}");
            assert_eq!(world.check(&on_grant(Event::GrantPaused, 0), &[signer]), Ok(()), "{now:?}");
        }
    }
}

#[test]
fn from_the_day_of_coming_of_age_a_guardian_grants_nothing_more() {
    let world = world();
    let grant = given(terms(long()));
    assert_eq!(at(&world, before()).check(&grant, &[GUARDIAN]), Ok(()));
    let of_age = at(&world, of_age());
    for signers in [&[GUARDIAN][..], &[GUARDIAN, CUSTOMER]] {
        assert_eq!(of_age.check(&grant, signers), Err(Refusal::CameOfAge));
        assert_eq!(of_age.check(&amended(0, long()), signers), Err(Refusal::CameOfAge));
        assert_eq!(of_age.check(&on_grant(Event::GrantResumed, 1), signers), Err(Refusal::CameOfAge));
    }
    assert_eq!(of_age.check(&grant, &[CUSTOMER]), Ok(()));
    let end_of = |n: u8| event(Event::KeyRevoked, json!({"key": signer(n).thumbprint()}));
    assert_eq!(of_age.check(&end_of(CUSTOMER), &[GUARDIAN]), Err(Refusal::CameOfAge));
    assert_eq!(of_age.check(&end_of(GUARDIAN), &[GUARDIAN]), Ok(()));
    assert_eq!(of_age.check(&end_of(GUARDIAN), &[CUSTOMER]), Ok(()));
}

#[test]
fn what_a_guardian_granted_ends_after_the_grace_unless_confirmed() {
    let mut world = with_grant(&[GUARDIAN]);
    assert_eq!(reason(decided(&world, before())), None);
    assert_eq!(reason(decided(&world, UnixSeconds(days_after(30).0 - 1))), None);
    let Decision::Denial(denial) = decided(&world, days_after(30)) else { panic!("permitted") };
    assert_eq!(denial.reason, DenialReason::Unconfirmed);
    assert_eq!(denial.detail, Some(crate::decide::Detail::Ended(days_after(30))));
    // an amendment in the same words confirms it, at any time after the day
    let confirmed = amended(81, long());
    let late = at(&world, days_after(40));
    assert_eq!(late.check(&confirmed, &[GUARDIAN]), Err(Refusal::CameOfAge));
    assert_eq!(late.check(&confirmed, &[CUSTOMER]), Ok(()));
    let seconds = days_after(40).0 - crate::samples::START.0;
    world.customer.apply(&confirmed, &admitted(82, seconds));
    assert_eq!(reason(decided(&world, days_after(41))), None);
    // the grace is the enterprise's to shorten
    let mut strict = with_grant(&[GUARDIAN]);
    publish(&mut strict, json!({"of_age": 14, "grace_days": 0}));
    assert_eq!(reason(decided(&strict, before())), None);
    assert_eq!(reason(decided(&strict, of_age())), Some(DenialReason::Unconfirmed));
}

/// A minor who signed before anybody named a guardian.
#[test]
fn what_a_minor_granted_alone_waits_for_a_guardian() {
    let mut world = World { now: before(), ..World::new() };
    publish(&mut world, json!({"of_age": 14}));
    world.customer.grants.truncate(1);
    assert_eq!(reason(decided(&world, before())), None, "nobody knows of any minor");
    world.customer.apply(&named(GUARDIAN, json!({})), &admitted(80, 0));
    assert_eq!(reason(decided(&world, before())), Some(DenialReason::NoGuardian));
    world.customer.apply(&amended(0, json!({})), &admitted(81, 0));
    assert_eq!(reason(decided(&world, before())), None);
}

#[test]
fn who_states_to_be_a_minor_needs_a_guardian() {
    let mut world = World { now: before(), ..World::new() };
    let stated = |birth_day: u32| {
        let reference = json!({"id": "born", "version": 1, "hash": Bytes32::sha256(b"born")});
        event(
            Event::GrantGiven,
            json!({"terms": terms(json!({"template": reference})), "birth_day": birth_day}),
        )
    };
    let asks = crate::admission::tests::template("born", 1, json!({"birth_day": true}));
    world.tenant.apply(&asks, Bytes32::sha256(b"born"));
    assert_eq!(world.check(&stated(BORN), &[CUSTOMER]), Ok(()), "no rule says from what age");
    publish(&mut world, json!({"of_age": 14}));
    assert!(needs_guardian(&world.check(&stated(BORN), &[CUSTOMER])));
    assert_eq!(at(&world, of_age()).check(&stated(BORN), &[CUSTOMER]), Ok(()));
    assert_eq!(world.check(&stated(BORN - 1), &[CUSTOMER]), Ok(()), "of age a day earlier");
    // nobody grows older by saying so
    world.customer.birth_day = Some(BORN);
    assert!(needs_guardian(&world.check(&stated(BORN - 400), &[CUSTOMER])));
    world.customer.apply(&named(GUARDIAN, json!({})), &admitted(80, 0));
    assert!(
        needs_guardian(&world.check(&stated(BORN - 400), &[GUARDIAN])),
        "another day than the guardian's"
    );
    assert_eq!(world.check(&stated(BORN), &[GUARDIAN]), Ok(()));
}

#[test]
fn nobody_becomes_a_guardian_by_the_minors_word_or_without_it() {
    let mut world = World { now: before(), ..World::new() };
    publish(&mut world, json!({"of_age": 14}));
    let refused = |got| matches!(got, Err(Refusal::Signers { .. }));
    let first = named(GUARDIAN, json!({}));
    assert_eq!(world.check(&first, &[GUARDIAN, ENTERPRISE, CUSTOMER]), Ok(()));
    for signers in [
        &[GUARDIAN, ENTERPRISE][..],
        &[GUARDIAN, CUSTOMER],
        &[ENTERPRISE, CUSTOMER],
        &[GUARDIAN, OPERATOR, CUSTOMER],
        &[GUARDIAN, ENTERPRISE, NEW],
        &[GUARDIAN, ENTERPRISE, CUSTOMER, NEW],
    ] {
        assert!(refused(world.check(&first, signers)), "{signers:?}");
    }
    let by_word = named(GUARDIAN, json!({"evidence": "enrolled_key"}));
    assert!(refused(world.check(&by_word, &[GUARDIAN, CUSTOMER])));
    // of a customer without any key the guardian's is the first
    let nobody = World { customer: CustomerState::default(), now: before(), tenant: world.tenant.clone() };
    assert_eq!(nobody.check(&first, &[GUARDIAN, ENTERPRISE]), Ok(()));
    let operators = named(GUARDIAN, json!({"evidence": "operators_word"}));
    assert_eq!(nobody.check(&operators, &[OPERATOR, GUARDIAN]), Ok(()));
    // the day must be the right one, and must not have come
    for patch in [json!({"until": "2026-03-04"}), json!({"birth_day": BORN - 1})] {
        assert!(needs_guardian(&world.check(&named(GUARDIAN, patch), &[GUARDIAN, ENTERPRISE, CUSTOMER])));
    }
    let late = at(&world, of_age());
    assert!(needs_guardian(&late.check(&first, &[GUARDIAN, ENTERPRISE, CUSTOMER])));
    // a second guardian comes with the first one's word
    world.customer.apply(&first, &admitted(80, 0));
    let second = named(NEW, json!({}));
    assert!(refused(world.check(&second, &[NEW, ENTERPRISE, CUSTOMER])));
    assert_eq!(world.check(&second, &[NEW, ENTERPRISE, GUARDIAN]), Ok(()));
}

/// A key that a guardian could pass off as the minor's would go on granting.
#[test]
fn a_guardians_key_makes_no_key_of_the_minors() {
    let mut world = world();
    let of_device = enrolled(NEW, "enrolled_key");
    assert!(matches!(world.check(&of_device, &[NEW, GUARDIAN]), Err(Refusal::Signers { .. })));
    assert_eq!(world.check(&of_device, &[NEW, CUSTOMER]), Ok(()));
    // what takes a guardian's key's place is a guardian's
    let rotated = json!({"old": signer(GUARDIAN).thumbprint(), "new": key(NEW)});
    let rotated = event(Event::KeyRotated, rotated);
    assert_eq!(world.check(&rotated, &[NEW, GUARDIAN]), Ok(()));
    world.customer.apply(&rotated, &admitted(90, 0));
    assert!(world.customer.is_guardians(&signer(NEW).thumbprint()));
    let grant = given(terms(long()));
    assert_eq!(at(&world, of_age()).check(&grant, &[NEW]), Err(Refusal::CameOfAge));
    // a minor does not shake off the guardian
    let end = event(Event::KeyRevoked, json!({"key": signer(NEW).thumbprint()}));
    assert!(needs_guardian(&world.check(&end, &[CUSTOMER])));
    assert_eq!(world.check(&end, &[NEW]), Ok(()));
    // of one whose keys are all a guardian's, the enterprise vouches for the first own key
    let mut without = world;
    without.customer.keys.retain(|known| known.guardian);
    assert_eq!(without.check(&enrolled(CUSTOMER, "enterprise"), &[CUSTOMER, ENTERPRISE]), Ok(()));
}

#[test]
fn rules_read_who_stands_behind_a_grant() {
    use crate::rules::{Attribute, Source as _, Value};
    let world = with_grant(&[GUARDIAN]);
    let plan = rules(json!({}));
    let basis = Basis::new(Vocabulary::builtin(), Some(&plan)).of(&world.customer);
    let (grant, facts) = (&world.customer.grants[0], facts(json!({})));
    let words = Vocabulary::builtin().latest();
    let grant = &grant.into();
    let asked = crate::rules::Asked::new((&plan, words), grant, &facts, &basis, before());
    assert_eq!(asked.read(Attribute::GrantGiver), Some(Value::Word("guardian")));
    assert_eq!(asked.read(Attribute::Age), Some(Value::Long(13)));
    let nobodys = Basis { ward: None, ..basis };
    let asked = crate::rules::Asked::new((&plan, words), grant, &facts, &nobodys, before());
    assert_eq!(asked.read(Attribute::GrantGiver), Some(Value::Word("customer")));
}
