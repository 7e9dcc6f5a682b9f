use DenialReason as Reason;
use grantbook_record::Currency;
use serde_json::{Value, json};

use super::*;
use crate::samples::{END, NOW, START, customer_with, facts, jti, terms};

/// What a case varies; by default the sample's use under the sample's terms, which is permitted.
struct Setup {
    terms: Value,
    facts: Value,
    status: Status,
    count: UseCount,
    now: UnixSeconds,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            terms: json!({}),
            facts: json!({}),
            status: Status::Active,
            count: UseCount::default(),
            now: NOW,
        }
    }
}

impl Setup {
    fn customer(&self) -> CustomerState {
        let mut customer = customer_with([terms(self.terms.clone())]);
        customer.grants[0].status = self.status;
        customer
    }

    fn decide(&self) -> Decision {
        let facts = facts(self.facts.clone());
        decide(Vocabulary::builtin(), Some(&self.customer()), |_| self.count, &facts, self.now)
    }
}

fn denial(decision: Decision) -> Denial {
    match decision {
        Decision::Denial(denial) => denial,
        Decision::Permit(permission) => panic!("permitted under {}", permission.grant),
    }
}

/// Each setup is denied for `reason`, with `details` in turn, by `decide` and by `judge_grant` alike.
fn check(reason: Reason, cases: impl IntoIterator<Item = (Setup, Value)>) {
    for (at, (setup, detail)) in cases.into_iter().enumerate() {
        let got = denial(setup.decide());
        let names_grant = reason != Reason::UnknownTerm && reason != Reason::NoGrant;
        let mut expected = json!({"reason": reason});
        if names_grant {
            expected["grant"] = json!(jti(0));
        }
        if !detail.is_null() {
            expected["detail"] = detail;
        }
        assert_eq!(serde_json::to_value(&got).unwrap(), expected, "{reason} {at}");

        let customer = setup.customer();
        let facts = facts(setup.facts);
        let alone = judge_grant(Vocabulary::builtin(), &customer.grants[0], setup.count, &facts, setup.now);
        assert_eq!(alone, Err(got), "{reason} {at}");
    }
}

fn with_facts(facts: Value) -> Setup {
    Setup { facts, ..Setup::default() }
}

#[allow(clippy::needless_pass_by_value, reason = "`json!` values read better unborrowed")]
fn with_scope(scope: Value, facts: Value) -> Setup {
    Setup { terms: json!({"scope": scope}), facts, ..Setup::default() }
}

#[test]
fn permits_say_what_to_do_and_what_to_pay() {
    let expected = Permission {
        grant: jti(0),
        given: 0,
        obligations: terms(json!({})).obligations.to_vec(),
        payout: Price { currency: Currency::parse("CNY").unwrap(), minor: 80 },
        retention_days: Some(30),
        limited: true,
    };
    assert_eq!(Setup::default().decide(), Decision::Permit(expected.clone()));

    let free = json!({"compensation": "none", "obligations": null, "limits": null});
    let free = Setup { terms: free, ..Setup::default() };
    let payout = Price { currency: Currency::NONE, minor: 0 };
    let expected =
        Permission { obligations: vec![], payout, retention_days: None, limited: false, ..expected };
    assert_eq!(free.decide(), Decision::Permit(expected.clone()));

    // a price per grant is not paid again for each use
    let once = json!({"compensation": {"per_use": null, "per_grant": {"currency": "CNY", "minor": 900}},
        "obligations": null, "limits": null});
    let payout = Price { currency: Currency::parse("CNY").unwrap(), minor: 0 };
    let expected = Permission { payout, ..expected };
    assert_eq!(Setup { terms: once, ..Setup::default() }.decide(), Decision::Permit(expected));
}

#[test]
fn unknown_term() {
    let unknown =
        |facts, part: &str, term: &str| (with_facts(facts), json!({"term": {"part": part, "term": term}}));
    check(
        Reason::UnknownTerm,
        [
            unknown(json!({"purpose": "world-peace"}), "purpose", "world-peace"),
            unknown(json!({"categories": ["fast-charging", "dreams"]}), "category", "dreams"),
            unknown(json!({"fields": ["date", "colour"]}), "field", "colour"),
            // a field of another category
            unknown(json!({"fields": ["speed"]}), "field", "speed"),
            unknown(json!({"action": "sell"}), "action", "sell"),
            // the first in the order purpose, categories, fields, action
            unknown(json!({"action": "sell", "fields": ["speed"]}), "field", "speed"),
        ],
    );
}

#[test]
fn no_grant() {
    check(
        Reason::NoGrant,
        [
            (with_facts(json!({"recipient": "safe-insurance"})), Value::Null),
            (with_facts(json!({"purpose": "marketing"})), Value::Null),
            (with_facts(json!({"categories": ["driving"], "fields": ["date"]})), Value::Null),
            // one of two categories is not in the grant
            (with_facts(json!({"categories": ["fast-charging", "driving"]})), Value::Null),
        ],
    );
    let facts = facts(json!({}));
    for nobody in [None, Some(&CustomerState::default())] {
        let decision = decide(Vocabulary::builtin(), nobody, |_| UseCount::default(), &facts, NOW);
        assert_eq!(decision, Decision::Denial(Denial::of(Reason::NoGrant)));
    }
}

#[test]
fn ended_and_paused() {
    for (status, reason) in [
        (Status::Withdrawn, Reason::Withdrawn),
        (Status::Revoked, Reason::Revoked),
        (Status::Superseded, Reason::Superseded),
        (Status::Paused, Reason::Paused),
    ] {
        // before, within and after the validity: what the customer did comes before what the calendar says
        let at = |now| (Setup { status, now, ..Setup::default() }, Value::Null);
        check(reason, [at(UnixSeconds(START.0 - 1)), at(NOW), at(END)]);
    }
}

#[test]
fn denials_say_since_when_a_grant_has_ended() {
    let mut customer = Setup::default().customer();
    customer.grants[0].status = Status::Withdrawn;
    customer.grants[0].ended_at = Some(NOW);
    let facts = facts(json!({}));
    let got = denial(decide(Vocabulary::builtin(), Some(&customer), |_| UseCount::default(), &facts, NOW));
    assert_eq!(got.detail, Some(Detail::Ended(NOW)));
}

#[test]
fn not_started() {
    let at = |now| (Setup { now, ..Setup::default() }, json!({"starts": START}));
    check(
        Reason::NotStarted,
        [at(UnixSeconds(0)), at(UnixSeconds(START.0 - 86_400)), at(UnixSeconds(START.0 - 1))],
    );
    assert!(matches!(Setup { now: START, ..Setup::default() }.decide(), Decision::Permit(_)));
}

#[test]
fn expired() {
    let at = |now| (Setup { now, ..Setup::default() }, json!({"ended": END}));
    check(Reason::Expired, [at(END), at(UnixSeconds(END.0 + 1)), at(UnixSeconds(u64::MAX))]);
    let last = UnixSeconds(END.0 - 1);
    assert!(matches!(Setup { now: last, ..Setup::default() }.decide(), Decision::Permit(_)));
}

fn days(from: &str, to: &str) -> Value {
    json!({"from": from, "to": to})
}

#[test]
fn period() {
    let quarter = days("2025-07-01", "2025-09-30");
    let misses = |from: &str, to: &str, day: &str| {
        let detail = json!({"period": {"category": "fast-charging", "day": day, "granted": [quarter]}});
        (with_facts(json!({"data_period": days(from, to)})), detail)
    };
    check(
        Reason::Period,
        [
            misses("2025-10-01", "2025-10-01", "2025-10-01"),
            misses("2025-06-30", "2025-07-02", "2025-06-30"),
            misses("2025-09-30", "2025-10-01", "2025-10-01"),
            misses("1997-01-01", "2097-01-01", "1997-01-01"),
        ],
    );

    let (july, september) = (days("2025-07-01", "2025-07-31"), days("2025-09-01", "2025-09-30"));
    let clause = |period: &Value| json!({"category": "fast-charging", "period": period});
    let gap =
        with_scope(json!({"include": [clause(&september), clause(&july)]}), json!({"data_period": quarter}));
    let august = days("2025-08-10", "2025-08-20");
    let cut = with_scope(
        json!({"include": [clause(&quarter)], "exclude": [clause(&august)]}),
        json!({"data_period": days("2025-08-20", "2025-09-01")}),
    );
    let nothing_left = with_scope(json!({"exclude": [{"category": "fast-charging"}]}), json!({}));
    let detail =
        |day, granted| json!({"period": {"category": "fast-charging", "day": day, "granted": granted}});
    check(
        Reason::Period,
        [
            (gap, detail("2025-08-01", json!([september, july]))),
            (cut, detail("2025-08-20", json!([quarter]))),
            (nothing_left, detail("2025-07-01", json!([quarter]))),
        ],
    );
}

#[test]
fn periods_that_join_cover_what_none_covers_alone() {
    let clause = |from, to| json!({"category": "fast-charging", "period": days(from, to)});
    let joined = [
        clause("2025-08-01", "2025-09-30"),
        clause("2025-07-01", "2025-07-31"),
        clause("2025-07-15", "2025-08-15"),
    ];
    let setup =
        with_scope(json!({"include": joined}), json!({"data_period": days("2025-07-01", "2025-09-30")}));
    assert!(matches!(setup.decide(), Decision::Permit(_)));
}

#[test]
fn field() {
    let misses = |category: &str, field: &str, day: &str| json!({"field": {"category": category, "field": field, "day": day}});
    let excluded = with_facts(json!({"fields": ["date", "work_order"]}));
    let listed = json!({"include": [{"category": "fast-charging", "fields": ["date", "soc"]}]});
    let not_listed = with_scope(listed, json!({}));
    // `date` for the whole month, `energy_kwh` for its first half
    let later = json!({"include": [
        {"category": "fast-charging", "fields": ["date"]},
        {"category": "fast-charging", "fields": ["energy_kwh"], "period": days("2025-07-01", "2025-07-15")},
    ]});
    let later = with_scope(later, json!({}));
    // the one field that both categories have is granted in one of them
    let one_category = json!({"include": [
        {"category": "fast-charging"}, {"category": "driving", "fields": ["speed"]},
    ]});
    let one_category = with_scope(one_category, json!({"categories": ["fast-charging", "driving"]}));
    check(
        Reason::Field,
        [
            (excluded, misses("fast-charging", "work_order", "2025-07-01")),
            (not_listed, misses("fast-charging", "energy_kwh", "2025-07-01")),
            (later, misses("fast-charging", "energy_kwh", "2025-07-16")),
            (one_category, misses("driving", "date", "2025-07-01")),
        ],
    );
}

#[test]
fn filter() {
    let detail =
        |field: &str| json!({"field": {"category": "fast-charging", "field": field, "day": "2025-07-01"}});
    let is = |attribute: &str, values: &[&str]| json!({"attribute": attribute, "any_of": values});
    let only_shanghai = || {
        let clause = json!({"category": "fast-charging", "filter": [is("city", &["shanghai", "suzhou"])]});
        json!({"include": [clause]})
    };
    let without_home = || {
        let clause =
            json!({"category": "fast-charging", "fields": ["energy_kwh"], "filter": [is("site", &["home"])]});
        json!({"exclude": [clause]})
    };
    let both = || {
        let filter = [is("city", &["shanghai"]), is("site", &["public"])];
        json!({"include": [{"category": "fast-charging", "filter": filter}]})
    };
    check(
        Reason::Filter,
        [
            (with_scope(only_shanghai(), json!({})), detail("date")),
            (with_scope(only_shanghai(), json!({"rows": {"city": "wuxi"}})), detail("date")),
            (with_scope(only_shanghai(), json!({"rows": {"site": "public"}})), detail("date")),
            (with_scope(without_home(), json!({})), detail("energy_kwh")),
            (with_scope(without_home(), json!({"rows": {"site": "home"}})), detail("energy_kwh")),
            (with_scope(both(), json!({"rows": {"city": "shanghai"}})), detail("date")),
        ],
    );
    for (scope, rows) in [
        (only_shanghai(), json!({"city": "suzhou"})),
        (without_home(), json!({"site": "public"})),
        (both(), json!({"city": "shanghai", "site": "public", "model": "a"})),
    ] {
        let decision = with_scope(scope, json!({"rows": rows})).decide();
        assert!(matches!(decision, Decision::Permit(_)), "{rows}");
    }
}

fn used(uses: u64) -> UseCount {
    UseCount { uses, ..UseCount::default() }
}

#[test]
fn cap() {
    let after = |uses| (Setup { count: used(uses), ..Setup::default() }, json!({"cap": 10}));
    check(Reason::Cap, [after(10), after(11), after(u64::MAX)]);
    assert!(matches!(Setup { count: used(9), ..Setup::default() }.decide(), Decision::Permit(_)));
}

#[test]
fn rate() {
    let rate = json!({"uses": 2, "seconds": 3600});
    let until = UnixSeconds(NOW.0 + 3600);
    let at = |offset: u64, window_uses| Setup {
        terms: json!({"limits": {"rate": rate}}),
        count: UseCount { uses: 2, window_start: NOW, window_uses },
        now: UnixSeconds(NOW.0 + offset),
        ..Setup::default()
    };
    let detail = json!({"rate": {"rate": rate, "until": until}});
    check(Reason::Rate, [(at(0, 2), detail.clone()), (at(3599, 2), detail.clone()), (at(60, 7), detail)]);
    assert!(matches!(at(0, 1).decide(), Decision::Permit(_)));
    assert!(matches!(at(3600, 2).decide(), Decision::Permit(_)));
}

#[test]
fn a_window_begins_with_the_first_use_after_the_last_one_ended() {
    let rate: Rate = serde_json::from_value(json!({"uses": 2, "seconds": 60})).unwrap();
    let mut count = UseCount::default();
    for (at, window_start, window_uses) in
        [(100, 100, 1), (159, 100, 2), (160, 160, 1), (90, 160, 2), (1000, 1000, 1)]
    {
        count.count(Some(&rate), UnixSeconds(at));
        assert_eq!((count.window_start.0, count.window_uses), (window_start, window_uses), "at {at}");
    }
    count.count(None, UnixSeconds(5000));
    assert_eq!(count, UseCount { uses: 6, window_start: UnixSeconds(1000), window_uses: 1 });
}

/// Makes one reason hold of a grant that would permit the sample's use, and touches no other.
fn spoil(grant: &mut GrantState, count: &mut UseCount, reason: Reason) {
    let mut narrow = |key: &str, value: Value| {
        let mut scope = serde_json::to_value(&grant.terms.scope).unwrap();
        scope[key].as_array_mut().unwrap().push(value);
        grant.terms.scope = serde_json::from_value(scope).unwrap();
    };
    match reason {
        Reason::Withdrawn => grant.status = Status::Withdrawn,
        Reason::Revoked => grant.status = Status::Revoked,
        Reason::Superseded => grant.status = Status::Superseded,
        Reason::Paused => grant.status = Status::Paused,
        Reason::NotStarted => grant.starts = UnixSeconds(NOW.0 + 1),
        Reason::Expired => {
            grant.terms.validity = serde_json::from_value(json!({"start": START, "end": NOW})).unwrap();
        }
        Reason::Period => {
            narrow(
                "exclude",
                json!({"category": "fast-charging", "period": days("2025-07-31", "2025-07-31")}),
            );
        }
        Reason::Field => narrow("exclude", json!({"category": "fast-charging", "fields": ["date"]})),
        Reason::Filter => {
            let filter = json!([{"attribute": "site", "any_of": ["home"]}]);
            narrow("exclude", json!({"category": "fast-charging", "filter": filter}));
        }
        Reason::Cap => count.uses = 10,
        Reason::Rate => {
            let rate = json!({"uses": 1, "seconds": 60});
            grant.terms.limits.rate = Some(serde_json::from_value(rate).unwrap());
            (count.window_start, count.window_uses) = (NOW, 1);
        }
        other => panic!("{other} is no reason of one grant"),
    }
}

const OF_ONE_GRANT: [Reason; 11] = [
    Reason::Withdrawn,
    Reason::Revoked,
    Reason::Superseded,
    Reason::Paused,
    Reason::NotStarted,
    Reason::Expired,
    Reason::Period,
    Reason::Field,
    Reason::Filter,
    Reason::Cap,
    Reason::Rate,
];

fn sample_grants(count: usize) -> (CustomerState, Vec<UseCount>) {
    let customer = customer_with((0..count).map(|_| terms(json!({}))));
    (customer, vec![UseCount::default(); count])
}

fn decide_with(customer: &CustomerState, counts: &[UseCount], patch: Value) -> Decision {
    let count_of = |id: &Jti| {
        let at = customer.grants.iter().position(|grant| grant.id == *id).unwrap();
        counts[at]
    };
    decide(Vocabulary::builtin(), Some(customer), count_of, &facts(patch), NOW)
}

#[test]
fn of_two_reasons_for_one_grant_the_earlier_is_given() {
    for (at, &first) in OF_ONE_GRANT.iter().enumerate() {
        for &second in &OF_ONE_GRANT[at + 1..] {
            let (mut customer, mut counts) = sample_grants(1);
            // the later one first: a status is overwritten by the earlier reason's
            spoil(&mut customer.grants[0], &mut counts[0], second);
            spoil(&mut customer.grants[0], &mut counts[0], first);
            assert_eq!(
                denial(decide_with(&customer, &counts, json!({}))).reason,
                first,
                "{first} and {second}"
            );
            for (patch, reason) in [
                (json!({"recipient": "safe-insurance"}), Reason::NoGrant),
                (json!({"recipient": "safe-insurance", "action": "sell"}), Reason::UnknownTerm),
            ] {
                assert_eq!(denial(decide_with(&customer, &counts, patch)).reason, reason, "{first}");
            }
        }
    }
}

#[test]
fn of_two_grants_the_one_closer_to_a_permit_is_named() {
    for (i, &a) in OF_ONE_GRANT.iter().enumerate() {
        for (j, &b) in OF_ONE_GRANT.iter().enumerate() {
            let (mut customer, mut counts) = sample_grants(2);
            spoil(&mut customer.grants[0], &mut counts[0], a);
            spoil(&mut customer.grants[1], &mut counts[1], b);
            let got = denial(decide_with(&customer, &counts, json!({})));
            // of equals the one given first
            let closest = if j > i { (b, jti(1)) } else { (a, jti(0)) };
            assert_eq!((got.reason, got.grant), (closest.0, Some(closest.1)), "{a} and {b}");
        }
    }
}

#[test]
fn the_first_grant_that_permits_is_used() {
    let (customer, counts) = sample_grants(3);
    let granted = |decision| match decision {
        Decision::Permit(permission) => (permission.grant, permission.given),
        Decision::Denial(denial) => panic!("{denial}"),
    };
    assert_eq!(granted(decide_with(&customer, &counts, json!({}))), (jti(0), 0));
    for &reason in &OF_ONE_GRANT {
        let (mut customer, mut counts) = sample_grants(3);
        spoil(&mut customer.grants[0], &mut counts[0], reason);
        assert_eq!(granted(decide_with(&customer, &counts, json!({}))), (jti(1), 1), "{reason}");
    }
    // a grant that another purpose has is passed over
    let other = terms(json!({"purpose": "research"}));
    let customer = customer_with([other, terms(json!({}))]);
    assert_eq!(granted(decide_with(&customer, &counts, json!({}))), (jti(1), 1));
}

#[test]
fn denials_read_back_what_they_write() {
    for &reason in &OF_ONE_GRANT {
        let (mut customer, mut counts) = sample_grants(1);
        spoil(&mut customer.grants[0], &mut counts[0], reason);
        let got = denial(decide_with(&customer, &counts, json!({})));
        let json = serde_json::to_string(&got).unwrap();
        assert_eq!(serde_json::from_str::<Denial>(&json).unwrap(), got);
        assert_eq!(got.to_string(), reason.what());
    }
}
