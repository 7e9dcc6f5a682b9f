//! Days proved and verified from the command line.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::{Clock, Ledger, LedgerConfig, Recorded, date_of};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{
    Bounds, Claims, Evidence, GrantGiven, KeyEnrolled, LocalText, NoticePublished, TemplatePublished,
};
use grantbook_record::list::List;
use grantbook_record::terms::Language;
use grantbook_record::uses::{Outcome, Permitted, UseFacts, UseRecord, sign_batch};
use grantbook_record::{
    Day, Envelope, GateId, Jti, Kind, Salt, Signer, SubjectId, TenantId, Term, Terms, UnixMillis,
};
use serde::Serialize;
use serde_json::json;

use super::{Place, Serving};

const DAY: u64 = 86_400_000;
const SUB: &str = "alice-7";

/// A ledger in the folder `data` whose days are over: the first with a grant and a use, the second with a use that no gate
/// should have permitted, the third with another tenant's entries alone.
pub(super) struct Past {
    pub(super) tenant: TenantId,
    pub(super) days: [Day; 3],
    pub(super) rogue: u64,
}

struct Making {
    ledger: Ledger,
    clock: Arc<AtomicU64>,
    tenant: TenantId,
    count: u8,
}

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

fn one<const MIN: usize, const MAX: usize>(item: &str) -> List<Term, MIN, MAX> {
    List::new(vec![term(item)]).unwrap()
}

impl Making {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.load(Ordering::SeqCst))
    }

    fn jti(&mut self) -> Jti {
        self.count += 1;
        Jti::new(self.now(), [self.count; 10])
    }

    fn append(&mut self, kind: Kind, event: impl Serialize, signers: &[&Signer]) -> (Jti, Vec<u8>) {
        let jti = self.jti();
        let envelope = Envelope::sign(kind, &Claims::new(self.tenant, jti, event).to_json(), signers);
        self.ledger.append(self.tenant, &envelope).unwrap();
        (jti, envelope)
    }
}

pub(super) fn past(place: &Place) -> Past {
    let noon = Clock::system().now().0 / DAY * DAY - 4 * DAY + DAY / 2;
    let clock = Arc::new(AtomicU64::new(noon));
    let mut config = LedgerConfig::new(place.path("data"));
    let shown = Arc::clone(&clock);
    config.clock = Clock::new(move || UnixMillis(shown.load(Ordering::SeqCst)));
    let ledger = Ledger::open(&config).unwrap();
    let sandbox = ledger.sandbox().unwrap();
    let (tenant, enterprise) = (sandbox.tenant.id, sandbox.enterprise);
    let mut making = Making { ledger, clock, tenant, count: 0 };
    let first = making.now().seconds().day();

    let text = LocalText { language: Language::English, title: "t".to_owned(), body: "b".to_owned() };
    let bounds = Bounds::new(
        one("record-shop"),
        one("recommender"),
        one("service-personalisation"),
        one("purchases"),
        3660,
    );
    let text = List::new(vec![text]).unwrap();
    let template = TemplatePublished::new(term("service"), 1, text, bounds);
    let (_, template) = making.append(Kind::TemplatePublished, template, &[&enterprise]);
    let (language, text) = (Language::English, "notice".to_owned());
    let notice = NoticePublished::of_text(term("notice"), 1, language, text);
    making.append(Kind::NoticePublished, notice, &[&enterprise]);
    let (alice, sub) = (Signer::from_seed(&[7; 32]).unwrap(), SubjectId::parse(SUB).unwrap());
    let key = *alice.public_key();
    let enrolled = KeyEnrolled { sub: sub.clone(), key, evidence: Evidence::Enterprise, recovery: None };
    making.append(Kind::KeyEnrolled, enrolled, &[&alice, &enterprise]);
    let now = making.now().seconds().0;
    let terms: Terms = serde_json::from_value(json!({
        "controller": "record-shop",
        "recipient": "recommender",
        "purpose": "service-personalisation",
        "scope": { "include": [{ "category": "purchases", "period": { "from": "1997-01-01", "to": "1997-09-30" } }] },
        "validity": { "start": now - 60, "end": now + 365 * 86_400 },
        "compensation": { "per_use": { "currency": "CNY", "minor": 80 } },
        "notice": { "hash": Bytes32::sha256(b"notice"), "language": "en", "shown_at": now - 60 },
        "template": { "id": "service", "version": 1, "hash": Bytes32::sha256(&template) },
    }))
    .unwrap();
    let given = GrantGiven { sub: sub.clone(), terms, request: None, birth_day: None, mandate: None };
    let (grant, _) = making.append(Kind::GrantGiven, given, &[&alice]);
    let facts: UseFacts = serde_json::from_value(json!({
        "data_subject": SUB,
        "requester": "web-shop",
        "recipient": "recommender",
        "purpose": "service-personalisation",
        "action": "profile",
        "categories": ["purchases"],
        "fields": ["date"],
        "data_period": { "from": "1997-02-01", "to": "1997-02-01" },
    }))
    .unwrap();
    let permitted = making.ledger.decide_and_record(tenant, &facts, None, None).unwrap();
    assert!(matches!(permitted, Recorded::Permit { .. }));

    making.clock.fetch_add(DAY, Ordering::SeqCst);
    making.ledger.decide_and_record(tenant, &facts, None, None).unwrap();
    let channel = grantbook_record::event::Channel::Mail;
    making.ledger.withdraw_by_channel(tenant, &sub, grant, channel).unwrap();
    let (endings, _) = making.ledger.open_endings(tenant, None, 1).unwrap();
    making.ledger.acknowledge(tenant, &endings[0], 1, making.now()).unwrap();
    making.clock.fetch_add(60_000, Ordering::SeqCst);
    let (gate, signer) = (GateId::parse("till-1").unwrap(), Signer::from_seed(&[8; 32]).unwrap());
    making.ledger.register_gate(tenant, &gate, *signer.public_key()).unwrap();
    let outcome = Outcome::Permitted(Permitted::committed(grant));
    let record = UseRecord::new(gate, 0, making.now().seconds(), facts, outcome);
    let claims = Claims::new(tenant, making.jti(), ());
    let batch = sign_batch(&claims, &[(record, Salt(Bytes32([1; 32])))], &signer).unwrap();
    let rogue = making.ledger.append_uses(tenant, &serde_json::to_vec(&batch).unwrap()).unwrap();

    making.clock.fetch_add(DAY, Ordering::SeqCst);
    let key = *Signer::from_seed(&[9; 32]).unwrap().public_key();
    making.ledger.create_tenant("Another", key, false).unwrap();
    making.ledger.record_act(grantbook_record::event::Act::TenantCreated, None).unwrap();
    making.ledger.close().unwrap();
    let Making { ledger, .. } = making;
    fs::write(place.path("vkey"), ledger.log_keys().to_string()).unwrap();
    Past { tenant, days: [first, Day(first.0 + 1), Day(first.0 + 2)], rogue: rogue[0].leaf_index.0 }
}

#[test]
fn days_are_proved_and_verified() {
    let place = Place::new();
    let Past { tenant, days, rogue } = past(&place);
    let [first, second, third] = days.map(date_of);
    let prove = |rest: &str| {
        place.run(&format!("prove --policy sandbox --tenant {tenant} --data-dir data --json{rest}"))
    };

    // what can be proved is; then the first entry that does not comply stops it, and is named
    let refused = prove("").is(1);
    let refused = refused.json();
    assert_eq!(refused["days"][0]["day"], json!(first));
    let entries = json!([{ "leaf_index": rogue, "statement": "use-before-end", "why": "out-of-range" }]);
    assert_eq!(refused["refused"], json!({ "day": second, "entries": entries }));
    let text = place.run(&format!("prove --policy sandbox --tenant {tenant} --data-dir data")).is(1);
    assert!(text.out.contains(&format!("entry {rogue}: use-before-end")), "{}", text.out);
    assert!(!text.out.contains(SUB) && !text.err.contains(SUB));

    let proved = prove(&format!(" --except {rogue}:6")).ok().json();
    let list: Vec<_> = proved["days"].as_array().unwrap().iter().map(|day| day["day"].clone()).collect();
    assert_eq!(list, [json!(second), json!(third)]);
    assert_eq!((&proved["days"][0]["exceptions"], &proved["days"][1]["own_entries"]), (&json!(1), &json!(0)));
    assert_eq!(prove("").ok().json()["days"], json!([]));

    let folder = format!("data/proofs/{tenant}");
    let [one, two, three] = [&first, &second, &third].map(|day| format!("{folder}/{day}.bundle"));
    let verify = |rest: &str| place.run(&format!("verify bundle --policy sandbox --json {rest}"));
    let verified = verify(&format!("{one} {two} {three} --log-keys vkey --html report.html")).ok().json();
    assert_eq!(verified["proved"], json!(true));
    assert_eq!(verified["reports"][1]["exceptions"][0]["leaf"], json!(rogue));
    let html = fs::read_to_string(place.path(&format!("report.{second}.html"))).unwrap();
    assert!(html.contains(&rogue.to_string()) && html.contains(&second), "{html}");
    verify(&format!("{one} --vkey vkey --html one.html --lang zh")).ok();
    assert!(fs::read_to_string(place.path("one.html")).unwrap().contains("合规证明"));

    // day by day, with what was kept in between
    verify(&format!("{one} --vkey vkey --save-chain chain.json")).ok();
    verify(&format!("{two} --vkey vkey --chain chain.json --save-chain chain.json")).ok();
    let nothing = verify(&format!("{three} --vkey vkey --chain chain.json")).is(1).json();
    assert_eq!((&nothing["valid"], &nothing["proved"]), (&json!(true), &json!(false)));
    for (line, code) in [
        (format!("{two} --vkey vkey"), "chain"),
        (format!("{one} {one} --vkey vkey"), "chain"),
        (format!("{one} {three} --vkey vkey"), "chain"),
    ] {
        let refused = verify(&line).is(1).json();
        assert_eq!((&refused["valid"], &refused["code"]), (&json!(false), &json!(code)), "{line}");
    }
    let other = place.run(&format!("verify bundle {one} --vkey vkey --policy gdpr --json")).is(1).json();
    assert_eq!(other["code"], json!("field"));
    place.run(&format!("verify bundle {one} --vkey vkey --policy nowhere")).is(2);
    place.run(&format!("verify bundle {one} --policy gdpr")).is(2);

    // a bundle with a byte changed
    let mut bytes = fs::read(place.path(&one)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    place.write("changed", bytes);
    verify("changed --vkey vkey").is(1);
}

#[test]
fn what_is_asked_for_must_make_sense() {
    let place = Place::new();
    let Past { tenant, days, .. } = past(&place);
    let prove = |rest: &str| place.run(&format!("prove --tenant {tenant} --data-dir data {rest}"));
    let second = date_of(days[1]);
    for (rest, status, message) in [
        ("--policy sandbox --day 2026-3-2", 2, "expected a day such as"),
        ("--policy sandbox --except 1", 2, "expected a leaf index and a statement"),
        ("--policy sandbox --except 1:tea", 2, "expected a leaf index and a statement"),
        ("--policy vkey", 2, "refused statement policy"),
        ("--policy nowhere", 2, "nowhere"),
        (&format!("--policy sandbox --day {second}"), 1, "is not the next day, expected"),
        ("--policy sandbox --day 2100-01-01", 1, "is not over yet"),
        ("--policy sandbox --except 0:6", 1, "cannot be excepted"),
    ] {
        let done = prove(rest).is(status);
        assert!(done.err.contains(message), "{rest}: {}", done.err);
    }
    assert!(!place.path("data/proofs").join(tenant.to_string()).join("chain.json").exists());
}

#[test]
fn a_server_proves_for_the_enterprises_administrators() {
    let place = Place::new();
    let Past { tenant, days, rogue } = past(&place);
    let [first, second, third] = days.map(date_of);
    let token = |role: &str| {
        let line = format!("token create --role {role} --label r --tenant {tenant} --data-dir data --json");
        place.run(&line).ok().json()["secret"].as_str().unwrap().to_owned()
    };
    let (admin, service) = (token("admin"), token("service"));
    let (serving, said) = Serving::start(&place, "serve --listen 127.0.0.1:0 --data-dir data --json");
    let url = said["url"].as_str().unwrap().to_owned();
    let prove = |token: &str, rest: &str| {
        place.run(&format!("prove --policy sandbox --server {url} --token {token} --json{rest}"))
    };
    prove(&service, "").is(1);
    let refused = prove(&admin, "").is(1).json();
    assert_eq!(refused["days"][0]["day"], json!(first));
    assert_eq!(refused["refused"]["entries"][0]["leaf_index"], json!(rogue));
    let proved = prove(&admin, &format!(" --except {rogue}:use-before-end")).ok().json();
    assert_eq!(proved["days"].as_array().unwrap().len(), 2);
    assert_eq!((&proved["days"][0]["day"], &proved["days"][1]["day"]), (&json!(second), &json!(third)));
    assert_eq!(prove(&admin, "").ok().json()["days"], json!([]));
    drop(serving);
    let verified = place.run(&format!(
        "verify bundle data/proofs/{tenant}/{first}.bundle data/proofs/{tenant}/{second}.bundle \
         --policy sandbox --vkey vkey --json"
    ));
    assert_eq!(verified.ok().json()["reports"][1]["exceptions"][0]["leaf"], json!(rogue));
}
