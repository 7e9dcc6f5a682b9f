//! The simulation beside gates that ask the same again under other rules.

use grantbook_record::event::{GrantAmended, GrantWithdrawn};
use grantbook_record::uses::{Denied, UseFacts};
use grantbook_record::{GateId, Terms};
use serde_json::{Value, json};

use super::*;
use crate::Vocabulary;
use crate::samples::{NOW, START, admitted, customer_with, facts, given, jti, subject, terms};

/// Forbids where `when` holds; permits all else under a grant in force.
fn rules(name: &str, when: &Value) -> PolicyPlan {
    let text = json!({"en": "ask", "zh-CN": "请求"});
    let plan = json!({"version": 1, "rules": [
        {"id": "agreed", "effect": "permit", "text": text, "when": {"bool": true}},
        {"id": name, "effect": "forbid", "text": text, "when": when},
    ]});
    PolicyPlan::from_value(&plan).unwrap()
}

fn by_requester(name: &str) -> PolicyPlan {
    rules(&format!("no-{name}"), &json!({"equal": [{"attribute": "requester"}, {"word": name}]}))
}

fn asked(requester: &str) -> UseFacts {
    facts(json!({"requester": requester}))
}

fn record(seq: u64, at: u64, facts: UseFacts, outcome: Outcome) -> UseRecord {
    UseRecord::new(GateId::parse("gate").unwrap(), seq, UnixSeconds(NOW.0 + at), facts, outcome)
}

fn outcome(verdict: &Verdict) -> Outcome {
    match verdict {
        Verdict::Permitted { grant } => Outcome::Permitted(Permitted::committed(*grant)),
        Verdict::Denied { reason, .. } => Outcome::Denied(Denied { reason: *reason, grant: None }),
    }
}

/// What a gate says to one use after the other, with the customer's grants as they are.
fn live(rules: Option<&PolicyPlan>, customer: &CustomerState, asks: &[(u64, UseFacts)]) -> Vec<Verdict> {
    let mut counts: BTreeMap<Jti, UseCount> = BTreeMap::new();
    let vocabulary = Vocabulary::default();
    let answer = |(at, facts): &(u64, UseFacts)| {
        let at = UnixSeconds(NOW.0 + at);
        let count_of = |grant: &Jti| counts.get(grant).copied().unwrap_or_default();
        let verdict =
            Verdict::from(decide(Basis::new(&vocabulary, rules), Some(customer), count_of, facts, at));
        if let Some(grant) = verdict.grant() {
            let rate = customer.grant(&grant).unwrap().terms.limits.rate;
            counts.entry(grant).or_default().count(rate.as_ref(), at);
        }
        verdict
    };
    asks.iter().map(answer).collect()
}

fn simulation<'r>(
    in_force: Option<&'r PolicyPlan>,
    candidate: &'r PolicyPlan,
    granted: &[Terms],
) -> Simulation<'r> {
    let mut simulation = Simulation::new(Compared { in_force, candidate }, Window::ALL, 3600);
    for (n, terms) in (0..).zip(granted) {
        simulation.event(&given(terms.clone()), &admitted(n, 0));
    }
    simulation
}

/// Records what the first rules say and judges it by the second; gives what these would have said.
fn simulated(
    in_force: Option<&PolicyPlan>,
    candidate: &PolicyPlan,
    granted: &[Terms],
    asks: &[(u64, UseFacts)],
) -> (Vec<Verdict>, Report) {
    let mut simulation = simulation(in_force, candidate, granted);
    let recorded = live(in_force, &customer_with(granted.to_vec()), asks);
    let mut then = Vec::new();
    for (seq, ((at, facts), verdict)) in (0..).zip(asks.iter().zip(&recorded)) {
        let record = record(seq, *at, facts.clone(), outcome(verdict));
        let judged = simulation.record(&record, AsOf::Now).unwrap();
        assert_eq!(judged.now, *verdict, "the rules in force say what they said");
        then.push(judged.then);
    }
    (then, simulation.finish())
}

fn permitted(n: u8) -> Verdict {
    Verdict::Permitted { grant: jti(n) }
}

fn denied(reason: DenialReason, rule: Option<&str>) -> Verdict {
    Verdict::Denied { reason, rule: rule.map(|rule| Term::parse(rule).unwrap()) }
}

#[test]
fn denied_uses_leave_room_under_a_cap_and_a_rate() {
    let candidate = by_requester("b");
    let [a, b] = ["a", "b"].map(asked);
    let no_b = denied(DenialReason::Policy, Some("no-b"));
    let capped = [terms(json!({"limits": {"uses": 2}}))];
    let asks = [&a, &b, &a, &a].map(|facts| (0, facts.clone()));
    let cap = denied(DenialReason::Cap, None);
    let (then, report) = simulated(None, &candidate, &capped, &asks);
    assert_eq!(then, [permitted(0), no_b.clone(), permitted(0), cap.clone()]);
    assert_eq!(report.would_deny, Sum { uses: 1, customers: 1 });
    assert_eq!(report.would_permit, Sum { uses: 1, customers: 1 });
    assert_eq!(report.judged, Sum { uses: 4, customers: 1 });

    let rated = [terms(json!({"limits": {"uses": null, "rate": {"uses": 1, "seconds": 100}}}))];
    let asks = [(0, b), (1, a.clone()), (50, a.clone()), (101, a)];
    let rate = denied(DenialReason::Rate, None);
    let now = live(None, &customer_with(rated.to_vec()), &asks);
    assert_eq!(now, [permitted(0), rate.clone(), rate.clone(), permitted(0)]);
    let (then, _) = simulated(None, &candidate, &rated, &asks);
    assert_eq!(then, [no_b, permitted(0), rate, permitted(0)]);
}

/// Random uses under random limits, of two grants of which either may permit.
#[test]
fn whatever_was_asked_is_judged_as_a_gate_would_have_under_the_candidate() {
    let mut seen = [0; 4];
    for seed in 1..200_u64 {
        let mut state = seed;
        let mut below = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let limits =
            |uses, seconds| json!({"limits": {"uses": uses, "rate": {"uses": 2, "seconds": seconds}}});
        let granted =
            [terms(limits(1 + below(9), 1 + below(60))), terms(limits(1 + below(9), 1 + below(60)))];
        let mut at = 0;
        let mut ask = || {
            at += below(30);
            (at, asked(["a", "b", "c"][usize::try_from(below(3)).unwrap()]))
        };
        let asks: Vec<_> = (0..30).map(|_| ask()).collect();
        let (one, other) = (by_requester("a"), by_requester("b"));
        let in_force = [None, Some(&one)][usize::try_from(seed % 2).unwrap()];
        let (then, report) = simulated(in_force, &other, &granted, &asks);
        let customer = customer_with(granted.to_vec());
        assert_eq!(then, live(Some(&other), &customer, &asks), "seed {seed}");
        let now = live(in_force, &customer, &asks);
        let differing = now.iter().zip(&then).filter(|(now, then)| now != then).count() as u64;
        assert_eq!(report.differences.iter().map(|one| one.sum.uses).sum::<u64>(), differing, "seed {seed}");
        for (seen, sum) in seen.iter_mut().zip([report.would_deny, report.would_permit]) {
            *seen += sum.uses;
        }
        let another = report.differences.iter().filter(|one| one.then == Word::PermittedByAnother);
        seen[2] += another.map(|one| one.sum.uses).sum::<u64>();
        let of_counts = report.differences.iter().filter(|one| one.now == Word::Denied(DenialReason::Rate));
        seen[3] += of_counts.map(|one| one.sum.uses).sum::<u64>();
    }
    assert!(seen.iter().all(|seen| *seen > 50), "{seen:?}");
}

#[test]
fn the_rules_in_force_differ_in_nothing_from_themselves() {
    let rules = by_requester("a");
    let asks: Vec<_> = (0..20).map(|n| (n, asked(["a", "b"][usize::try_from(n % 2).unwrap()]))).collect();
    let (_, report) = simulated(Some(&rules), &rules, &[terms(json!({}))], &asks);
    assert_eq!(report.differences, []);
    assert_eq!((report.would_deny, report.would_permit), (Sum::default(), Sum::default()));
}

/// A rule that permits under a notice that meets the demands of a law, judged with the notices that were published by then.
#[test]
fn a_notice_counts_from_its_publication_on() {
    let text = json!({"en": "tell first", "zh-CN": "请先告知"});
    let rule = json!({"version": 1, "rules": [{"id": "told", "effect": "permit", "text": text,
        "when": {"contains": [{"attribute": "grant.notice"}, {"word": "pipl"}]}}]});
    let candidate = PolicyPlan::from_value(&rule).unwrap();
    let notice = Event::NoticePublished(
        serde_json::from_value(json!({"id": "notice", "version": 1, "language": "en", "text": "notice",
            "contents": {"laws": ["pipl"], "controller": "voltway", "identity": "notice",
                "purposes": ["insurance-underwriting"], "categories": ["fast-charging"],
                "recipients": ["sure-insurance"]}}))
        .unwrap(),
    );
    let mut simulation = simulation(None, &candidate, &[terms(json!({}))]);
    simulation.event(&notice, &admitted(1, NOW.0 - START.0 + 10));
    let untold = denied(DenialReason::Policy, None);
    for (at, as_of, then) in [
        (5, AsOf::Time(UnixSeconds(NOW.0 + 5)), &untold),
        (10, AsOf::Time(UnixSeconds(NOW.0 + 10)), &permitted(0)),
        // a gate that has not had it yet
        (15, AsOf::Position(1), &untold),
        (15, AsOf::Position(2), &permitted(0)),
        (15, AsOf::Now, &permitted(0)),
    ] {
        let outcome = Outcome::Permitted(Permitted::committed(jti(0)));
        let judged = simulation.record(&record(0, at, asked("a"), outcome), as_of).unwrap();
        assert_eq!(judged, Judged { now: permitted(0), then: then.clone() }, "{at} {as_of:?}");
    }
    assert_eq!(simulation.finish().would_deny, Sum { uses: 2, customers: 1 });
}

/// What was recorded in the second of the publication, and before it.
#[test]
fn a_shadow_begins_with_its_publication() {
    let candidate = Candidate {
        from: NOW,
        until: UnixSeconds(NOW.0 + 3600),
        sources: Bytes32::sha256(b"sources"),
        plan: by_requester("a"),
    };
    let published = |sources: Bytes32| {
        let event = json!({"version": 1, "from": NOW, "sources": sources, "plan": {}, "stage": {"shadow": {"hours": 1}}});
        Event::PolicyPublished(serde_json::from_value(event).unwrap())
    };
    let compared = Compared { in_force: None, candidate: &candidate.plan };
    let window = Window { since: candidate.from, until: candidate.until };
    let mut simulation = Simulation::new(compared, window, 3600).after(&candidate);
    simulation.event(&given(terms(json!({"limits": {"uses": 2}}))), &admitted(0, 0));
    let used = |seq| record(seq, 0, asked("a"), Outcome::Permitted(Permitted::committed(jti(0))));
    assert_eq!(simulation.record(&used(0), AsOf::Now), None);
    simulation.event(&published(Bytes32::sha256(b"others")), &admitted(1, 0));
    assert_eq!(simulation.record(&used(1), AsOf::Now), None);
    simulation.erased(Kind::UseRecorded, NOW.day());
    simulation.event(&published(candidate.sources), &admitted(2, 0));
    // what was permitted before counts
    let judged = simulation.record(&used(2), AsOf::Now).unwrap();
    assert_eq!(judged.now, denied(DenialReason::Cap, None));
    let report = simulation.finish();
    assert_eq!((report.judged.uses, report.unreadable), (1, 0));
}

/// A record that arrives after a withdrawal or an amendment, made by a gate that did not know of it.
#[test]
fn a_record_is_judged_by_what_its_gate_knew() {
    let candidate = by_requester("b");
    let wide = json!({"scope": {"include": [{"category": "fast-charging"}]}});
    let amended = Event::GrantAmended(GrantAmended {
        sub: subject(),
        grant: jti(0),
        terms: terms(wide),
        birth_day: None,
    });
    let withdrawn = Event::GrantWithdrawn(GrantWithdrawn { sub: subject(), grant: jti(0), channel: None });
    let early = facts(json!({"requester": "b", "data_period": {"from": "2025-01-01", "to": "2025-01-31"}}));
    let used = |at, facts: &UseFacts, position| {
        let outcome = Outcome::Permitted(Permitted::committed(jti(0)));
        UseRecord { position, ..record(0, at, facts.clone(), outcome) }
    };
    let mut simulation = simulation(None, &candidate, &[terms(json!({}))]);
    // 86,400: the samples' time of admission counts from the start of the validity
    simulation.event(&amended, &admitted(1, NOW.0 - START.0 + 10));
    simulation.event(&withdrawn, &admitted(2, NOW.0 - START.0 + 20));
    let period = denied(DenialReason::Period, None);
    let (gone, no_b) = (denied(DenialReason::Withdrawn, None), denied(DenialReason::Policy, Some("no-b")));
    for (at, position, now, then) in [
        (5, None, &period, &period),
        (15, None, &permitted(0), &no_b),
        (20, None, &gone, &gone),
        // its clock is behind, and it has said how far it had come
        (25, Some(2), &permitted(0), &no_b),
        (25, Some(1), &period, &period),
        (15, Some(3), &gone, &gone),
    ] {
        let record = used(at, &early, position.map(FeedPosition));
        let judged = simulation.record(&record, AsOf::from(&record)).unwrap();
        assert_eq!((&judged.now, &judged.then), (now, then), "at {at}, {position:?}");
    }
}

#[test]
fn what_was_denied_for_something_else_stays_denied() {
    let candidate = by_requester("b");
    let granted = [terms(json!({"limits": {"uses": 1}}))];
    let (policy, no_b) = (DenialReason::Policy, denied(DenialReason::Policy, Some("no-b")));
    for (requester, reason, now, then) in [
        // before the grants are looked at, and after
        ("b", DenialReason::Stale, denied(DenialReason::Stale, None), denied(DenialReason::Stale, None)),
        ("a", DenialReason::Budget, denied(DenialReason::Budget, None), denied(DenialReason::Budget, None)),
        ("b", DenialReason::Budget, denied(DenialReason::Budget, None), no_b.clone()),
        // another gate held the last slice
        ("a", DenialReason::Cap, denied(DenialReason::Cap, None), denied(DenialReason::Cap, None)),
        // by rules that are no longer in force
        ("b", policy, permitted(0), no_b.clone()),
    ] {
        let mut simulation = simulation(None, &candidate, &granted);
        let outcome = Outcome::Denied(Denied { reason, grant: None });
        let judged = simulation.record(&record(0, 0, asked(requester), outcome), AsOf::Now).unwrap();
        assert_eq!(judged, Judged { now, then }, "{requester}, {reason}");
    }
}

#[test]
fn outside_the_window_nothing_is_judged_and_everything_counts() {
    let candidate = by_requester("b");
    let compared = Compared { in_force: None, candidate: &candidate };
    let window = Window { since: UnixSeconds(NOW.0 + 10), until: UnixSeconds(NOW.0 + 20) };
    let mut simulation = Simulation::new(compared, window, 3600);
    simulation.event(&given(terms(json!({"limits": {"uses": 2}}))), &admitted(0, 0));
    let used = |seq, at, requester| {
        record(seq, at, asked(requester), Outcome::Permitted(Permitted::committed(jti(0))))
    };
    assert_eq!(simulation.record(&used(0, 9, "b"), AsOf::Now), None);
    let judged = simulation.record(&used(1, 10, "b"), AsOf::Now).unwrap();
    assert_eq!(judged, Judged { now: permitted(0), then: denied(DenialReason::Policy, Some("no-b")) });
    let judged = simulation.record(&used(2, 19, "a"), AsOf::Now).unwrap();
    assert_eq!(judged, Judged { now: denied(DenialReason::Cap, None), then: permitted(0) });
    assert_eq!(simulation.record(&used(3, 20, "b"), AsOf::Now), None);
    // a grant that was erased, and an entry of which nothing is left
    let lost = Outcome::Permitted(Permitted::committed(jti(7)));
    assert_eq!(simulation.record(&record(4, 15, asked("a"), lost), AsOf::Now), None);
    simulation.erased(Kind::UseRecorded, NOW.day());
    simulation.erased(Kind::UseRecorded, Day(NOW.day().0 + 1));
    simulation.erased(Kind::GrantGiven, NOW.day());
    let report = simulation.finish();
    assert_eq!(report.unreadable, 2);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        json["differences"],
        json!([
            {"now": "permitted", "then": "policy", "rule": "no-b", "uses": 1, "customers": 1},
            {"now": "cap", "then": "permitted", "uses": 1, "customers": 1},
        ])
    );
    assert_eq!(json["by_rule"], json!({"no-b": {"uses": 1, "customers": 1}}));
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
}
