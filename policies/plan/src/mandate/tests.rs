//! Who may give, hand on, use and end mandates; what the judgement turns on.
#![allow(clippy::needless_pass_by_value, reason = "JSON is written where it is passed")]

use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{
    Event, MandateGiven, MandateWithdrawn, RequestDeclined, TemplatePublished, VocabularyPublished,
};
use grantbook_record::{PublicKey, Terms, Thumbprint};
use serde_json::{Value, json};

use super::*;
use crate::admission::{Context, Parties, Refusal, check};
use crate::customer::CustomerState;
use crate::samples::{NOW, START, admitted, bounds, consents, jti, signer, subject, terms};
use crate::tenant::TenantState;

const CUSTOMER: u8 = 1;
const ENTERPRISE: u8 = 2;
const OPERATOR: u8 = 3;
const AGENT: u8 = 4;
const SUB_AGENT: u8 = 5;
const STRANGER: u8 = 6;
/// Numbers of the events that give the mandates.
const MANDATE: u8 = 60;
const CHILD: u8 = 61;

struct World {
    tenant: TenantState,
    customer: CustomerState,
    now: UnixSeconds,
}

fn thumbprint(n: u8) -> Thumbprint {
    signer(n).thumbprint()
}

fn key(n: u8) -> PublicKey {
    *signer(n).public_key()
}

fn template(bounds_patch: Value) -> Event {
    let text = json!([{"language": "en", "title": "Charging", "body": "What we ask for."}]);
    let members = json!({"id": "charging", "version": 1, "text": text, "bounds": bounds(bounds_patch)});
    Event::TemplatePublished(serde_json::from_value::<TemplatePublished>(members).unwrap())
}

/// "Insurers may ask, at least 0.80 CNY, at most 30 days, never my work orders."
fn mandate(patch: Value) -> MandateGiven {
    let rule = json!({
        "when": {"kinds": ["insurer"]},
        "accept": {
            "never": [{"category": "fast-charging", "fields": ["work_order"]}],
            "price_min": [{"per_use": {"currency": "CNY", "minor": 80}}],
            "validity_days_max": 30,
            "consents": ["sensitive"],
        },
        "otherwise": "decline",
    });
    let mut members = json!({
        "sub": subject(),
        "from": {"key": thumbprint(CUSTOMER)},
        "agent": key(AGENT),
        "until": START.0 + 60 * 86_400,
        "depth": 2,
        "rules": [rule],
    });
    for (name, value) in patch.as_object().unwrap() {
        members[name] = value.clone();
    }
    serde_json::from_value(members).unwrap()
}

/// The rule with these members of `accept` in the place of its own.
fn rule(accept: Value) -> Value {
    let mut rule = serde_json::to_value(&mandate(json!({})).rules[0]).unwrap();
    for (name, value) in accept.as_object().unwrap() {
        rule["accept"][name] = value.clone();
    }
    rule
}

/// What the enterprise asks for: within the mandate.
fn asked(patch: Value) -> Terms {
    let mut asked = serde_json::to_value(terms(json!({"validity": {"end": START.0 + 30 * 86_400}}))).unwrap();
    for (name, value) in patch.as_object().unwrap() {
        asked[name] = value.clone();
    }
    serde_json::from_value(asked).unwrap()
}

fn by_agent_of(number: u8, patch: Value) -> Event {
    let members = json!({"sub": subject(), "terms": asked(patch), "mandate": jti(number)});
    Event::GrantGiven(serde_json::from_value(members).unwrap())
}

fn child(patch: Value) -> MandateGiven {
    let mut members = json!({"from": {"mandate": jti(MANDATE)}, "agent": key(SUB_AGENT), "depth": 1});
    members.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    mandate(members)
}

fn withdrawn(number: u8) -> Event {
    Event::MandateWithdrawn(MandateWithdrawn { sub: subject(), mandate: jti(number), channel: None })
}

impl World {
    fn new() -> Self {
        Self::under(json!({"kinds": [{"recipient": "sure-insurance", "kind": "insurer"}]}))
    }

    fn under(bounds_patch: Value) -> Self {
        let mut tenant = TenantState::default();
        let mut customer = CustomerState::default();
        tenant.apply(&template(bounds_patch), Bytes32::sha256(b"template"));
        let notice = json!({"id": "notice", "version": 1, "language": "en", "text": "notice"});
        tenant.apply(&Event::NoticePublished(serde_json::from_value(notice).unwrap()), Bytes32::sha256(b""));
        let enrolled = json!({"sub": subject(), "key": key(CUSTOMER), "evidence": "enterprise"});
        customer.apply(&Event::KeyEnrolled(serde_json::from_value(enrolled).unwrap()), &admitted(40, 0));
        let mut world = Self { tenant, customer, now: NOW };
        world.apply(MANDATE, &Event::MandateGiven(mandate(json!({}))));
        world
    }

    fn apply(&mut self, number: u8, event: &Event) {
        self.tenant.apply(event, Bytes32::sha256(&[number]));
        self.customer.apply(event, &admitted(number, 0));
    }

    fn check(&self, event: &Event, signers: &[u8]) -> Result<(), Refusal> {
        let parties = Parties { enterprise: thumbprint(ENTERPRISE), operator: thumbprint(OPERATOR) };
        let context = Context { tenant: &self.tenant, parties: &parties, jti: jti(99), now: self.now };
        let signers: Vec<Thumbprint> = signers.iter().map(|n| thumbprint(*n)).collect();
        check(event, &signers, &self.customer, &context)
    }

    fn judge(&self, mandate: &MandateGiven, terms: &Terms) -> Judgement {
        judge(mandate, &Request::new(terms, &self.tenant))
    }
}

fn outside(got: &Result<(), Refusal>, part: &str) -> bool {
    matches!(got, Err(Refusal::Mandate(MandateError::Outside { what, .. })) if *what == part)
}

#[test]
fn an_agent_signs_under_its_mandate_and_not_without() {
    let world = World::new();
    let under = by_agent_of(MANDATE, json!({}));
    assert_eq!(world.check(&under, &[AGENT]), Ok(()));
    let signers = [CUSTOMER, ENTERPRISE, OPERATOR, AGENT, SUB_AGENT];
    for other in signers.iter().filter(|signer| **signer != AGENT) {
        assert!(matches!(world.check(&under, &[*other]), Err(Refusal::Signers { .. })), "{other}");
        assert!(matches!(world.check(&under, &[AGENT, *other]), Err(Refusal::Signers { .. })), "{other} too");
    }
    let without = Event::GrantGiven(
        serde_json::from_value(json!({"sub": subject(), "terms": asked(json!({}))})).unwrap(),
    );
    assert!(matches!(world.check(&without, &[AGENT]), Err(Refusal::Signers { .. })), "an agent's key alone");
    assert!(matches!(world.check(&without, &[CUSTOMER, AGENT]), Err(Refusal::Signers { .. })));
    assert_eq!(world.check(&without, &[CUSTOMER]), Ok(()));
    assert_eq!(
        world.check(&by_agent_of(CHILD, json!({})), &[AGENT]),
        Err(MandateError::NoSuchMandate.into())
    );
    // the birth day is the customer's to state: no template that this mandate reaches asks for it
    let mut stated = serde_json::to_value(asked(json!({}))).unwrap();
    stated = json!({"sub": subject(), "terms": stated, "mandate": jti(MANDATE), "birth_day": 38_044});
    let stated = Event::GrantGiven(serde_json::from_value(stated).unwrap());
    assert!(matches!(world.check(&stated, &[AGENT]), Err(Refusal::OutsideTemplate { .. })));
}

#[test]
fn an_agents_grant_lies_within_the_rules() {
    let world = World::new();
    let got = |patch: Value| world.check(&by_agent_of(MANDATE, patch), &[AGENT]);
    let cny = |minor: u32| json!({"per_use": {"currency": "CNY", "minor": minor}});
    let until = |days: u64| json!({"start": START.0, "end": START.0 + days * 86_400});
    assert_eq!(got(json!({"compensation": cny(80), "validity": until(30)})), Ok(()));
    assert!(outside(&got(json!({"compensation": cny(79)})), "price"));
    assert!(outside(&got(json!({"validity": until(31)})), "validity"));
    assert!(outside(&got(json!({"recipient": "safe-insurance"})), "request"), "of no kind that is known");
    assert!(outside(&got(json!({"consents": consents(&["third-party"])})), "consents"));
    let whole = json!({"include": [{"category": "fast-charging"}]});
    assert!(outside(&got(json!({"scope": whole})), "data"));
    // leaving the field out for a time, or of some rows, leaves it in for others
    let for_a_time = json!({"category": "fast-charging", "fields": ["work_order"],
        "period": {"from": "2025-07-01", "to": "2025-07-31"}});
    let whole = json!({"include": [{"category": "fast-charging"}], "exclude": [for_a_time]});
    assert!(outside(&got(json!({"scope": whole})), "data"));
    let without = json!({"include": [{"category": "fast-charging", "fields": ["date", "energy_kwh"]}]});
    assert_eq!(got(json!({"scope": without})), Ok(()));
    assert!(outside(&got(json!({"supersedes": jti(0)})), "earlier grant"));
}

/// A rule that declines counts, whatever other rules accept.
#[test]
fn declining_beats_accepting() {
    let world = World::new();
    let accepts = rule(json!({}));
    let declines = json!({"when": {"purposes": ["insurance-underwriting"]}, "otherwise": "decline"});
    let asks = json!({"when": {"purposes": ["insurance-underwriting"]}});
    for rules in [json!([accepts, declines]), json!([declines, accepts]), json!([asks, accepts, declines])] {
        let mandate = mandate(json!({"rules": rules}));
        let judgement = world.judge(&mandate, &asked(json!({})));
        assert!(matches!(judgement, Judgement::Decline { .. }), "{judgement:?}");
        assert!(narrows(&mandate, &Request::new(&asked(json!({})), &world.tenant)).is_err());
    }
    for rules in [json!([accepts, asks]), json!([asks, accepts])] {
        let judgement = world.judge(&mandate(json!({"rules": rules})), &asked(json!({})));
        assert!(matches!(judgement, Judgement::Ask { rule: Some(_), .. }), "{judgement:?}");
    }
    let judgement = world.judge(&mandate(json!({})), &asked(json!({})));
    assert_eq!(judgement, Judgement::Accept { rule: 0 });
}

#[test]
fn what_no_rule_is_about_is_asked_unless_the_mandate_says_otherwise() {
    let world = World::new();
    let other = asked(json!({"recipient": "safe-insurance"}));
    assert!(matches!(world.judge(&mandate(json!({})), &other), Judgement::Ask { rule: None, .. }));
    let declining = mandate(json!({"otherwise": "decline"}));
    assert!(matches!(world.judge(&declining, &other), Judgement::Decline { rule: None, .. }));
}

/// The law wants these consents from the person: a rule gives those alone that the customer has named.
#[test]
fn no_separate_consent_is_given_that_is_not_named() {
    let world = World::new();
    // a charging station is a whereabout, and so sensitive, whether the enterprise asks for that consent or not
    let unnamed = mandate(json!({"rules": [rule(json!({"consents": []}))]}));
    assert!(matches!(world.judge(&unnamed, &asked(json!({}))), Judgement::Decline { .. }));
    let ordinary = json!({"include": [{"category": "fast-charging", "fields": ["date", "energy_kwh"]}]});
    let ordinary = asked(json!({"scope": ordinary}));
    assert!(matches!(world.judge(&unnamed, &ordinary), Judgement::Accept { .. }));
    let left_out = json!({"scope": {"include": [{"category": "fast-charging"}],
        "exclude": [{"category": "fast-charging", "fields": ["station", "work_order"]}]}});
    let accepted = world.judge(&unnamed, &asked(left_out.clone()));
    assert!(matches!(accepted, Judgement::Accept { .. }), "{accepted:?}");
    let mut in_part = left_out;
    in_part["scope"]["exclude"][0]["period"] = json!({"from": "2025-07-01", "to": "2025-07-31"});
    assert!(matches!(world.judge(&unnamed, &asked(in_part)), Judgement::Decline { .. }));
    for consent in ["guardian", "third-party", "cross-border", "special", "public-disclosure", "anything"] {
        let carried = asked(json!({"consents": consents(&[consent])}));
        let named = mandate(json!({"rules": [rule(json!({"consents": ["sensitive", consent]}))]}));
        assert!(matches!(world.judge(&mandate(json!({})), &carried), Judgement::Decline { .. }), "{consent}");
        assert!(matches!(world.judge(&named, &carried), Judgement::Accept { .. }), "{consent}");
    }
}

#[test]
fn some_things_are_always_left_to_the_customer() {
    let kinds = json!([{"recipient": "sure-insurance", "kind": "insurer"}]);
    let asks = |world: &World, patch: Value| {
        let judgement = world.judge(&mandate(json!({})), &asked(patch));
        assert!(matches!(judgement, Judgement::Ask { .. }), "{judgement:?}");
    };
    asks(&World::under(json!({"kinds": kinds, "signatures_min": 2})), json!({}));
    asks(&World::under(json!({"kinds": kinds, "birth_day": true})), json!({}));
    asks(&World::new(), json!({"licence": {"asset": jti(9)}}));
    let late = json!({"start": START.0 + 60 * 86_400, "end": START.0 + 61 * 86_400});
    asks(&World::new(), json!({"validity": late}));
    let template = json!({"id": "charging", "version": 2, "hash": Bytes32::sha256(b"template")});
    asks(&World::new(), json!({"template": template, "recipient": "safe-insurance"}));
    // words that mean something else in a later version are not what the rules are in
    let mut world = World::new();
    let next: VocabularyPublished = serde_json::from_value(json!({"version": 2})).unwrap();
    world.apply(70, &Event::VocabularyPublished(next));
    asks(&world, json!({"vocabulary": 2}));
}

#[test]
fn a_mandate_is_given_by_the_key_that_it_names() {
    let mut world = World::new();
    let given = |patch: Value| Event::MandateGiven(mandate(patch));
    assert_eq!(world.check(&given(json!({})), &[CUSTOMER]), Ok(()));
    for signers in
        [&[ENTERPRISE][..], &[OPERATOR], &[AGENT], &[CUSTOMER, AGENT], &[CUSTOMER, ENTERPRISE], &[]]
    {
        assert!(
            matches!(world.check(&given(json!({})), signers), Err(Refusal::Signers { .. })),
            "{signers:?}"
        );
    }
    for agent in [CUSTOMER, ENTERPRISE, OPERATOR] {
        let got = world.check(&given(json!({"agent": key(agent)})), &[CUSTOMER]);
        assert_eq!(got, Err(MandateError::NotAnAgentsKey.into()), "{agent}");
    }
    assert_eq!(world.check(&given(json!({"until": NOW.0})), &[CUSTOMER]), Err(Refusal::AlreadyExpired));
    for (patch, what) in [
        (json!({"when": {"purposes": ["gossip"]}}), "purpose"),
        (json!({"when": {"kinds": ["sure-insurance"]}}), "kind of recipient"),
        (json!({"when": {"categories": ["dreams"]}}), "category"),
        (json!({"accept": {"never": [{"category": "driving", "fields": ["work_order"]}]}}), "field"),
    ] {
        let got = world.check(&given(json!({"rules": [patch]})), &[CUSTOMER]);
        assert_eq!(got, Err(Refusal::UnknownTerm { what }));
    }
    // an agent's key is not made the customer's in passing
    let enrolled = json!({"sub": subject(), "key": key(AGENT), "evidence": "enrolled_key"});
    let enrolled = Event::KeyEnrolled(serde_json::from_value(enrolled).unwrap());
    assert_eq!(world.check(&enrolled, &[AGENT, CUSTOMER]), Err(Refusal::KeyKnown));
    for number in 0..u8::try_from(MANDATES_MAX).unwrap() - 1 {
        world.apply(100 + number, &given(json!({})));
    }
    let full = Err(Refusal::TooMany { what: "mandates", limit: MANDATES_MAX });
    assert_eq!(world.check(&given(json!({})), &[CUSTOMER]), full);
    world.apply(99, &withdrawn(MANDATE));
    assert_eq!(world.check(&given(json!({})), &[CUSTOMER]), Ok(()));
}

/// What is handed on accepts nothing that the mandate above does not.
#[test]
fn a_wider_mandate_is_not_handed_on() {
    let world = World::new();
    let got = |patch: Value| world.check(&Event::MandateGiven(child(patch)), &[AGENT]);
    assert_eq!(got(json!({})), Ok(()));
    assert_eq!(got(json!({"rules": [rule(json!({"validity_days_max": 7, "uses_max": 3}))]})), Ok(()));
    let wider = |got: Result<(), Refusal>| matches!(got, Err(Refusal::Mandate(MandateError::Wider { .. })));
    let cny = |minor: u32| json!([{"per_use": {"currency": "CNY", "minor": minor}}]);
    for accept in [
        json!({"validity_days_max": 31}),
        json!({"price_min": cny(79)}),
        json!({"price_min": []}),
        json!({"price_min": [{"per_use": {"currency": "EUR", "minor": 80}}]}),
        json!({"never": []}),
        json!({"never": [{"category": "fast-charging", "fields": ["date"]}]}),
        json!({"consents": ["sensitive", "third-party"]}),
    ] {
        assert!(wider(got(json!({"rules": [rule(accept.clone())]}))), "{accept}");
    }
    assert!(wider(got(json!({"rules": [rule(json!({})), {"accept": {}}]}))), "accepts from anybody");
    assert!(wider(got(json!({"until": START.0 + 61 * 86_400}))));
    assert!(wider(got(json!({"depth": 2}))));
    assert!(matches!(
        world.check(&Event::MandateGiven(child(json!({}))), &[CUSTOMER]),
        Err(Refusal::Signers { .. })
    ));
    // a rule that declines may be left out where nothing that is accepted is what it is about
    let mut guarded = World::new();
    let declines = json!({"when": {"purposes": ["research"]}, "otherwise": "decline"});
    let above = mandate(json!({"rules": [rule(json!({})), declines], "agent": key(AGENT)}));
    guarded.apply(62, &Event::MandateGiven(above));
    let handed = |rules: Value| {
        let patch = json!({"from": {"mandate": jti(62)}, "rules": rules});
        guarded.check(&Event::MandateGiven(child(patch)), &[AGENT])
    };
    assert!(wider(handed(json!([rule(json!({}))]))));
    assert_eq!(handed(json!([rule(json!({})), declines])), Ok(()));
    let mut for_underwriting = rule(json!({}));
    for_underwriting["when"]["purposes"] = json!(["insurance-underwriting"]);
    assert_eq!(handed(json!([for_underwriting])), Ok(()));
}

#[test]
fn a_mandate_ends_with_the_one_above_it_and_grants_stay() {
    let mut world = World::new();
    world.apply(CHILD, &Event::MandateGiven(child(json!({}))));
    let grandchild = child(json!({"from": {"mandate": jti(CHILD)}, "agent": key(STRANGER), "depth": 0}));
    world.apply(62, &Event::MandateGiven(grandchild));
    for (number, agent) in [(MANDATE, AGENT), (CHILD, SUB_AGENT), (62, STRANGER)] {
        assert_eq!(world.check(&by_agent_of(number, json!({})), &[agent]), Ok(()));
        world.apply(80 + agent, &by_agent_of(number, json!({})));
    }
    assert_eq!(world.customer.given_under(&jti(MANDATE)).len(), 3);
    assert_eq!(world.customer.given_under(&jti(CHILD)).len(), 2);
    // the customer, the operator by a channel, and agents from the mandate upwards
    for (number, signers, may) in [
        (CHILD, vec![CUSTOMER], true),
        (CHILD, vec![AGENT], true),
        (CHILD, vec![SUB_AGENT], true),
        (CHILD, vec![STRANGER], false),
        (MANDATE, vec![SUB_AGENT], false),
        (CHILD, vec![ENTERPRISE], false),
        (CHILD, vec![OPERATOR], false),
        (CHILD, vec![], false),
    ] {
        assert_eq!(world.check(&withdrawn(number), &signers).is_ok(), may, "{number} by {signers:?}");
    }
    let by_phone: MandateWithdrawn =
        serde_json::from_value(json!({"sub": subject(), "mandate": jti(CHILD), "channel": "phone"})).unwrap();
    assert_eq!(world.check(&Event::MandateWithdrawn(by_phone.clone()), &[OPERATOR]), Ok(()));
    assert!(world.check(&Event::MandateWithdrawn(by_phone), &[CUSTOMER]).is_err());
    world.apply(90, &withdrawn(CHILD));
    for (number, agent, may) in [(MANDATE, AGENT, true), (CHILD, SUB_AGENT, false), (62, STRANGER, false)] {
        assert_eq!(world.check(&by_agent_of(number, json!({})), &[agent]).is_ok(), may, "{number}");
    }
    assert_eq!(world.check(&withdrawn(CHILD), &[CUSTOMER]), Err(MandateError::NoSuchMandate.into()));
    assert_eq!(world.check(&withdrawn(62), &[CUSTOMER]), Err(MandateError::NoSuchMandate.into()));
    assert!(world.customer.grants.iter().all(|grant| !grant.status.is_ended()), "grants stay");
    assert_eq!(world.customer.given_under(&jti(CHILD)).len(), 2);
    world.now = UnixSeconds(START.0 + 60 * 86_400);
    assert_eq!(
        world.check(&by_agent_of(MANDATE, json!({})), &[AGENT]),
        Err(MandateError::NoSuchMandate.into())
    );
}

#[test]
fn a_mandate_ends_with_the_key_that_gave_it() {
    let ended = |events: &[(u8, Value)]| {
        let mut world = World::new();
        world.apply(CHILD, &Event::MandateGiven(child(json!({}))));
        for (number, event) in events {
            let (kind, mut members) = (event["kind"].as_str().unwrap(), event["event"].clone());
            members["sub"] = json!(subject());
            let event = match kind {
                "rotated" => Event::KeyRotated(serde_json::from_value(members).unwrap()),
                "enrolled" => Event::KeyEnrolled(serde_json::from_value(members).unwrap()),
                _ => Event::KeyRevoked(serde_json::from_value(members).unwrap()),
            };
            world.apply(*number, &event);
        }
        world.customer.mandates.iter().filter(|mandate| mandate.ended).count()
    };
    let revoked = |n: u8| json!({"kind": "revoked", "event": {"key": thumbprint(n)}});
    let enrolled = json!({"kind": "enrolled", "event": {"key": key(7), "evidence": "enrolled_key"}});
    let rotated = json!({"kind": "rotated", "event": {"old": thumbprint(CUSTOMER), "new": key(8)}});
    let recovery = json!({"key": key(9), "next": thumbprint(10)});
    let recovered =
        json!({"kind": "rotated", "event": {"old": thumbprint(9), "new": key(8), "recovery": recovery}});
    assert_eq!(ended(&[(70, revoked(CUSTOMER))]), 2);
    assert_eq!(ended(&[(70, enrolled.clone()), (71, revoked(7))]), 0);
    assert_eq!(ended(&[(70, rotated.clone())]), 0);
    assert_eq!(ended(&[(70, rotated.clone()), (71, revoked(CUSTOMER))]), 0);
    assert_eq!(ended(&[(70, rotated), (71, revoked(8))]), 2);
    assert_eq!(ended(&[(70, recovered)]), 2);
}

#[test]
fn an_agent_declines_open_requests() {
    let mut world = World::new();
    let request = json!({"sub": subject(), "terms": asked(json!({})), "expires": NOW.0 + 60});
    world.apply(50, &Event::RequestMade(serde_json::from_value(request).unwrap()));
    let declined = |mandate: Option<u8>| {
        Event::RequestDeclined(RequestDeclined {
            sub: subject(),
            request: jti(50),
            unless: None,
            mandate: mandate.map(jti),
        })
    };
    assert_eq!(world.check(&declined(Some(MANDATE)), &[AGENT]), Ok(()));
    assert!(matches!(world.check(&declined(None), &[AGENT]), Err(Refusal::Signers { .. })));
    assert!(matches!(world.check(&declined(Some(MANDATE)), &[CUSTOMER]), Err(Refusal::Signers { .. })));
    assert_eq!(world.check(&declined(Some(CHILD)), &[AGENT]), Err(MandateError::NoSuchMandate.into()));
    world.apply(51, &declined(Some(MANDATE)));
    assert_eq!(world.customer.closed_requests, [jti(50)]);
    assert_eq!(world.check(&declined(Some(MANDATE)), &[AGENT]), Err(Refusal::NoSuchRequest));
}

#[test]
fn a_template_is_tried_by_the_widest_request_that_it_allows() {
    let world = World::under(json!({
        "kinds": [{"recipient": "sure-insurance", "kind": "insurer"}],
        "price_min": {"currency": "CNY", "minor": 80}, "validity_days_max": 30,
        "recipients": ["sure-insurance", "safe-insurance"], "purposes": ["research"],
    }));
    let verdicts = |mandate: &MandateGiven| {
        let simulated = simulate_templates(mandate, &world.tenant, NOW);
        simulated.iter().map(|one| (one.recipient.to_string(), one.answer.verdict)).collect::<Vec<_>>()
    };
    let named =
        |first, second| vec![("sure-insurance".to_owned(), first), ("safe-insurance".to_owned(), second)];
    // all of fast charging, work orders among it
    assert_eq!(verdicts(&mandate(json!({}))), named("decline", "ask"));
    let without_never = mandate(json!({"rules": [rule(json!({"never": []}))]}));
    assert_eq!(verdicts(&without_never), named("accept", "ask"));
}

#[test]
fn nobody_gets_round_other_signatures_by_a_mandate() {
    const SECOND: u8 = 31;
    let event = |members: Value| {
        let mut members = members;
        members["sub"] = json!(subject());
        members
    };
    let mut world = World::new();
    let second = event(json!({"key": key(SECOND), "evidence": "enrolled_key"}));
    world.apply(70, &Event::KeyEnrolled(serde_json::from_value(second).unwrap()));
    let rule = event(json!({"keys": [thumbprint(CUSTOMER), thumbprint(SECOND)], "needed": 2}));
    world.apply(71, &Event::SignatoriesAgreed(serde_json::from_value(rule).unwrap()));
    // one signature was enough for it, and two are needed now
    assert_eq!(
        world.check(&by_agent_of(MANDATE, json!({})), &[AGENT]),
        Err(MandateError::NoSuchMandate.into())
    );
    let again = Event::MandateGiven(mandate(json!({})));
    assert!(matches!(world.check(&again, &[CUSTOMER]), Err(Refusal::Signatories { .. })));
    assert_eq!(world.check(&again, &[CUSTOMER, SECOND]), Ok(()));
    assert!(matches!(world.check(&again, &[SECOND]), Err(Refusal::Signers { .. })));
    world.apply(72, &again);
    assert_eq!(world.check(&by_agent_of(72, json!({})), &[AGENT]), Ok(()));

    // nobody's agent acts for a minor
    let mut world = World::new();
    let ward = event(
        json!({"key": key(SECOND), "evidence": "enterprise", "birth_day": 43_000, "until": "2031-09-23"}),
    );
    world.apply(70, &Event::GuardianNamed(serde_json::from_value(ward).unwrap()));
    assert!(world.check(&by_agent_of(MANDATE, json!({})), &[AGENT]).is_err());
    for signers in [&[CUSTOMER][..], &[SECOND], &[CUSTOMER, SECOND]] {
        assert!(matches!(
            world.check(&again, signers),
            Err(Refusal::Guardian { .. } | Refusal::Signers { .. })
        ));
    }
}
