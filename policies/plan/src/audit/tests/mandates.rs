//! Audits of what agents have signed.

use grantbook_record::event::{GrantGiven, MandateGiven, RequestDeclined};
use serde_json::json;

use super::*;

const MANDATE: u64 = 11;
const AGENTS: u64 = 12;
const HANDED_ON: u64 = 13;
const DECLINED: u64 = 14;

fn mandate(patch: &Value) -> MandateGiven {
    let rule = json!({
        "when": {"kinds": ["insurer"]},
        "accept": {"price_min": [{"per_use": {"currency": "CNY", "minor": 80}}], "consents": ["sensitive"]},
    });
    let mut members = json!({
        "sub": subject(), "from": {"key": signer(1).thumbprint()}, "agent": signer(5).public_key(),
        "until": AT + 86_400, "depth": 1, "rules": [rule],
    });
    members.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    serde_json::from_value(members).unwrap()
}

fn agents_grant(patch: Value) -> GrantGiven {
    let (terms, mandate) = (terms(patch), Some(jti(11)));
    GrantGiven { sub: subject(), terms, request: None, birth_day: None, mandate }
}

fn handed_on(patch: &Value) -> MandateGiven {
    let mut members = json!({"from": {"mandate": jti(11)}, "agent": signer(6).public_key(), "depth": 0});
    members.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    mandate(&members)
}

/// The honest log, and after it what agents did; `cheats` with the last four.
fn log(cheats: impl Fn(u64, &mut Draft)) -> Log {
    let declined = RequestDeclined { sub: subject(), request: jti(30), unless: None, mandate: Some(jti(11)) };
    let more = [
        event(1, Kind::MandateGiven, 11, mandate(&json!({})), &signer(1)),
        event(1, Kind::GrantGiven, 12, agents_grant(json!({})), &signer(5)),
        event(1, Kind::MandateGiven, 13, handed_on(&json!({})), &signer(5)),
        event(1, Kind::RequestDeclined, 14, declined, &signer(5)),
    ];
    let more = more.into_iter().zip(MANDATE..).map(|(mut draft, at)| {
        cheats(at, &mut draft);
        draft
    });
    Log::of((0..).map_while(draft).chain(more))
}

fn answers(log: &Log) -> Vec<Answer> {
    let mut answers = log.answers();
    for answer in answers.iter_mut().filter(|answer| answer.index > MANDATE) {
        answer.under = Some(log.text(MANDATE));
    }
    answers
}

/// A ledger that took something in from an agent that it should not have.
#[track_caller]
fn found(at: u64, cheats: impl Fn(&mut Draft)) {
    let log = log(|entry, draft| {
        if entry == at {
            cheats(draft);
        }
    });
    let report = log.audit(&answers(&log));
    assert_eq!(checks(&report), [(Some(at), Check::Mandate)], "{report}");
}

#[test]
fn what_agents_did_within_their_mandate_is_no_finding() {
    let log = log(|_, _| {});
    let report = log.audit(&answers(&log));
    assert_eq!(report.findings, [], "{report}");
    assert_eq!(report.opened, 15);
}

#[test]
fn what_agents_did_outside_their_mandate_is_found() {
    let signed = |kind, n, given: GrantGiven, by: u8| event(1, kind, n, given, &signer(by));
    let cheap = json!({"compensation": {"per_use": {"minor": 79}}});
    found(AGENTS, |draft| {
        let other = signed(Kind::GrantGiven, 12, agents_grant(cheap.clone()), 5);
        (draft.values, draft.said) = (other.values.clone(), other.said.clone());
        reuse(draft, other);
    });
    // by the customer's own key, or a stranger's: the mandate names another
    for by in [1, 6] {
        let other = || signed(Kind::GrantGiven, 12, agents_grant(json!({})), by);
        found(AGENTS, |draft| reuse(draft, other()));
    }
    let wider = json!({"rules": [{"accept": {}}]});
    found(HANDED_ON, |draft| {
        reuse(draft, event(1, Kind::MandateGiven, 13, handed_on(&wider), &signer(5)));
    });
    found(HANDED_ON, |draft| {
        reuse(draft, event(1, Kind::MandateGiven, 13, handed_on(&json!({})), &signer(1)));
    });
    let declined = RequestDeclined { sub: subject(), request: jti(30), unless: None, mandate: Some(jti(11)) };
    found(DECLINED, |draft| {
        reuse(draft, event(1, Kind::RequestDeclined, 14, declined.clone(), &signer(6)));
    });
}

#[test]
fn a_mandate_that_is_not_the_one_named_is_found() {
    let log = log(|_, _| {});
    let honest = answers(&log);
    let at = honest.iter().position(|answer| answer.index == AGENTS).unwrap();
    for under in [None, Some(log.text(GRANT)), Some(log.text(HANDED_ON))] {
        let mut answers = honest.clone();
        answers[at].under = under;
        assert_eq!(checks(&log.audit(&answers)), [(Some(AGENTS), Check::Mandate)]);
    }
    // one that is over: its time was up the day before
    let ended = self::log(|entry, draft| {
        if entry == MANDATE {
            let over = mandate(&json!({"until": AT - 86_400}));
            reuse(draft, event(1, Kind::MandateGiven, 11, over, &signer(1)));
        }
    });
    let found = checks(&ended.audit(&answers(&ended)));
    assert!(found.contains(&(Some(AGENTS), Check::Mandate)), "{found:?}");
}
