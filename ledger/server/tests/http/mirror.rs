//! The mirror over HTTP: who sees which records, how old they are, what becomes of a customer's wishes.

use grantbook_engine::Ledger;
use grantbook_record::event::{Claims, Event};
use grantbook_record::list::List;
use grantbook_record::mirror::{
    self, Milestone, MirrorDecided, MirrorPushed, MirroredChange, MirroredField, Outcome, RecordContent,
    RecordKind, RecordNow, Value, WishOutcome,
};
use grantbook_record::{
    DataDay, Jti, PlainText, RecordId, Signer, SourceId, SubjectId, TenantId, Term, UnixMillis, UnixSeconds,
};
use serde_json::{Value as Json, json};

use crate::book::{Book, jti, now, signer};
use crate::client::{Answer, Call};
use crate::person::{Person, signed_by};

/// What a mirrored field holds.
pub(crate) const VALUE: &str = "138 0000 0000";

fn text<const MIN: usize, const MAX: usize>(text: &str) -> PlainText<MIN, MAX> {
    PlainText::new(text).unwrap()
}

fn id(text: &str) -> RecordId {
    RecordId::parse(text).unwrap()
}

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

fn ticket(sub: &str, name: &str, value: &str) -> MirroredChange {
    let field =
        |name: &str, value: &str, editable| MirroredField { name: term(name), value: text(value), editable };
    let content = RecordContent {
        kind: RecordKind::Ticket,
        title: text(&format!("<b>ticket</b> of {sub}")),
        at: UnixSeconds(now().seconds().0 - 3600),
        fields: List::new(vec![field("phone", value, true), field("state", "open", false)]).unwrap(),
        milestones: List::new(vec![Milestone {
            id: id("phase-1"),
            title: text("Phase 1 delivered"),
            reached_on: DataDay::parse("2026-10-30").unwrap(),
        }])
        .unwrap(),
    };
    MirroredChange { sub: SubjectId::parse(sub).unwrap(), id: id(name), now: RecordNow::Says(content) }
}

fn statement(
    tenant: TenantId,
    source: &str,
    key: &Signer,
    sequence: u64,
    as_of: UnixMillis,
    records: Vec<MirroredChange>,
) -> String {
    let (source, mark) = (SourceId::parse(source).unwrap(), text(&format!("mark {sequence}")));
    let as_of = Some(as_of);
    let event = MirrorPushed { source, sequence, as_of, mark, records: List::new(records).unwrap() };
    mirror::sign(&Claims::new(tenant, jti(), event), key)
}

/// A push of one record.
pub(crate) fn pushed(tenant: TenantId, source: &str, key: &Signer, sequence: u64, sub: &str) -> String {
    statement(tenant, source, key, sequence, now(), vec![ticket(sub, "ticket-1", VALUE)])
}

/// A source's word that it has done what was wished.
pub(crate) fn decided(tenant: TenantId, source: &str, key: &Signer, wish: Jti) -> String {
    outcome(tenant, source, key, wish, Outcome::Done)
}

fn outcome(tenant: TenantId, source: &str, key: &Signer, wish: Jti, outcome: Outcome) -> String {
    let source = SourceId::parse(source).unwrap();
    let outcomes = List::new(vec![WishOutcome { wish, outcome }]).unwrap();
    mirror::sign(&Claims::new(tenant, jti(), MirrorDecided { source, outcomes }), key)
}

/// A source whose record of a customer says this wherever it can, and the customer's wish likewise.
pub(crate) fn mirrored_saying(
    ledger: &Ledger,
    tenant: TenantId,
    (source, key): (&str, &Signer),
    sub: &str,
    said: &str,
) {
    let name = SourceId::parse(source).unwrap();
    ledger.register_source(tenant, &name, *key.public_key()).unwrap();
    let mut change = ticket(sub, "ticket-1", said);
    let RecordNow::Says(content) = &mut change.now else { panic!("a ticket") };
    content.title = text(said);
    content.milestones = List::new(vec![Milestone {
        id: id("phase-1"),
        title: text(said),
        reached_on: DataDay::parse("2026-10-30").unwrap(),
    }])
    .unwrap();
    ledger.push_mirror(tenant, &statement(tenant, source, key, 1, now(), vec![change])).unwrap();
    let sub = SubjectId::parse(sub).unwrap();
    let wished = text::<0, 2000>(&format!("wished {said}"));
    ledger.wish(tenant, &sub, &id("ticket-1"), &term("phone"), wished).unwrap();
}

/// A source with a record of a customer's who wishes it to be another.
pub(crate) fn mirrored(ledger: &Ledger, tenant: TenantId, source: &str, key: &Signer, sub: &str) -> Jti {
    let name = SourceId::parse(source).unwrap();
    ledger.register_source(tenant, &name, *key.public_key()).unwrap();
    ledger.push_mirror(tenant, &pushed(tenant, source, key, 1, sub)).unwrap();
    let sub = SubjectId::parse(sub).unwrap();
    ledger.wish(tenant, &sub, &id("ticket-1"), &term("phone"), text::<0, 2000>("139")).unwrap()
}

struct Stage {
    book: Book,
    key: Signer,
}

impl Stage {
    async fn set() -> Self {
        let (book, key) = (Book::open().await, signer(42));
        let admin = Call::new(hyper::Method::PUT, "/v1/mirror/sources/crm").token(&book.sandbox.token);
        admin.json(&json!(key.public_key())).send(book.address).await.expect(204);
        Self { book, key }
    }

    fn sign(&self, sequence: u64, as_of: UnixMillis, records: Vec<MirroredChange>) -> String {
        statement(self.book.tenant(), "crm", &self.key, sequence, as_of, records)
    }

    async fn push(&self, statement: &str) -> Answer {
        let call = Call::post("/v1/mirror").token(&self.book.service_token);
        call.json(&json!({"pushed": statement})).send(self.book.address).await
    }

    async fn ask(&self, path: &str) -> Json {
        Call::get(path).token(&self.book.service_token).send(self.book.address).await.expect(200).json()
    }

    fn page(&self, id: &str) -> String {
        format!("/my/space/{}/{id}?lang=en", self.book.tenant())
    }
}

fn minutes_ago(minutes: u64) -> UnixMillis {
    UnixMillis(now().0 - minutes * 60_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_customer_sees_their_own_records_and_how_old_they_are() {
    let stage = Stage::set().await;
    let one = Person::enrolled(&stage.book, "cs-00001", 1).await;
    let two = Person::enrolled(&stage.book, "cs-00002", 2).await;
    let records = vec![ticket("cs-00001", "ticket-1", VALUE), ticket("cs-00003", "ticket-3", VALUE)];
    let answer = stage.push(&stage.sign(1, minutes_ago(7), records)).await.expect(200).json();
    assert_eq!(answer, json!({"sequence": 1, "skipped": [{"record": 1, "why": "unknown_customer"}]}));

    let list = one.get("/my/space?lang=en").await.expect(200).text().to_owned();
    assert!(list.contains("&#60;b&#62;ticket&#60;/b&#62; of cs-00001") && !list.contains("<b>"), "{list}");
    assert!(
        list.contains("7 minutes behind.") && list.contains("At most 15 minutes are promised."),
        "{list}"
    );
    assert!(!list.contains("Some of this may have changed since."));
    let page = one.get(&stage.page("ticket-1")).await.expect(200).text().to_owned();
    assert!(page.contains(VALUE) && page.contains("Phase 1 delivered"), "{page}");

    let list = two.get("/my/space?lang=en").await.expect(200).text().to_owned();
    assert!(!list.contains("cs-00001") && list.contains("No records"), "{list}");
    two.get(&stage.page("ticket-1")).await.expect(404);
    let nobody = Call::get(stage.page("ticket-1")).send(stage.book.address).await.expect(401);
    assert!(!nobody.text().contains(VALUE));

    // a system that was read long ago is behind, whenever its records come
    let late = Stage::set().await;
    let person = Person::enrolled(&late.book, "cs-00001", 1).await;
    let records = vec![ticket("cs-00001", "ticket-1", VALUE)];
    late.push(&late.sign(1, minutes_ago(95), records)).await.expect(200);
    let list = person.get("/my/space?lang=en").await.expect(200).text().to_owned();
    assert!(list.contains("95 minutes behind.") && list.contains("Some of this may have changed"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_are_taken_once_in_their_order_and_by_the_sources_key_alone() {
    let stage = Stage::set().await;
    let one = Person::enrolled(&stage.book, "cs-00001", 1).await;
    let first = stage.sign(1, minutes_ago(2), vec![ticket("cs-00001", "ticket-1", VALUE)]);
    let answer = stage.push(&first).await.expect(200).json();
    assert_eq!(stage.push(&first).await.expect(200).json(), answer, "the last one again");
    let other = stage.sign(1, minutes_ago(2), vec![ticket("cs-00001", "ticket-1", "other")]);
    assert_eq!(stage.push(&other).await.expect(409).slug(), "sequence-conflict");
    let third = stage.sign(3, minutes_ago(1), Vec::new());
    assert_eq!(stage.push(&third).await.expect(409).slug(), "sequence-conflict");
    assert_eq!(stage.ask("/v1/mirror/sources/crm").await["sequence"], 1);
    assert_eq!(stage.ask("/v1/mirror/sources/crm").await["mark"], "mark 1");

    let tenant = stage.book.tenant();
    for (forged, status, slug) in [
        (pushed(tenant, "crm", &signer(66), 2, "cs-00001"), 403, "bad-signature"),
        (pushed(tenant, "erp", &stage.key, 2, "cs-00001"), 403, "bad-signature"),
        (pushed(TenantId::of_log("other"), "crm", &stage.key, 2, "cs-00001"), 422, "wrong-audience"),
        (stage.sign(2, UnixMillis(now().0 + 3_600_000), Vec::new()), 422, "wrong-time"),
        ("a.b".to_owned(), 400, "malformed-request"),
    ] {
        assert_eq!(stage.push(&forged).await.expect(status).slug(), slug);
    }
    let call = Call::post("/v1/mirror").token(&stage.book.stranger_token);
    let next = stage.sign(2, now(), Vec::new());
    let stranger = call.json(&json!({"pushed": next})).send(stage.book.address).await;
    assert_eq!(stranger.expect(403).slug(), "bad-signature");

    let gone = MirroredChange { now: RecordNow::Removed, ..ticket("cs-00001", "ticket-1", VALUE) };
    stage.push(&stage.sign(2, now(), vec![gone])).await.expect(200);
    one.get(&stage.page("ticket-1")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_goes_to_the_system_and_comes_back_decided() {
    let stage = Stage::set().await;
    let one = Person::enrolled(&stage.book, "cs-00001", 1).await;
    let two = Person::enrolled(&stage.book, "cs-00002", 2).await;
    let records = vec![ticket("cs-00001", "ticket-1", VALUE)];
    stage.push(&stage.sign(1, now(), records)).await.expect(200);
    let path = format!("/my/space/{}/ticket-1/wish", stage.book.tenant());
    let token = one.form_token().await;
    two.form(&path, &two.form_token().await, "&field=phone&value=1").await.expect(404);
    one.form(&path, "of-another-session", "&field=phone&value=1").await.expect(403);
    one.form(&path, &token, "&field=state&value=closed").await.expect(409);
    one.form(&path, &token, "&field=phone&value=%E2%80%AE1").await.expect(400);
    one.form(&path, &token, "&field=phone&value=139").await.expect(303);
    one.form(&path, &token, "&field=phone&value=140").await.expect(409);
    let page = one.get(&stage.page("ticket-1")).await.expect(200).text().to_owned();
    assert!(page.contains("<ins>139</ins>") && page.contains("Waiting"), "{page}");

    let waiting = stage.ask("/v1/mirror/wishes?source=crm").await["wishes"].clone();
    let wish = &waiting[0];
    assert_eq!(
        (&wish["sub"], &wish["was"], &wish["value"]),
        (&json!("cs-00001"), &json!(VALUE), &json!("139"))
    );
    let id = Jti::parse(wish["id"].as_str().unwrap()).unwrap();
    let decide = async |statement: String| {
        let call = Call::post("/v1/mirror/wishes").token(&stage.book.service_token);
        call.json(&json!({"decided": statement})).send(stage.book.address).await
    };
    let tenant = stage.book.tenant();
    let refused = || Outcome::Refused(text("A digit is missing."));
    let forged = outcome(tenant, "crm", &signer(66), id, refused());
    assert_eq!(decide(forged).await.expect(403).slug(), "bad-signature");
    for _ in 0..2 {
        decide(outcome(tenant, "crm", &stage.key, id, refused())).await.expect(204);
    }
    assert_eq!(stage.ask("/v1/mirror/wishes?source=crm").await["wishes"], json!([]));
    let page = one.get(&stage.page("ticket-1")).await.expect(200).text().to_owned();
    assert!(page.contains("Not made") && page.contains("A digit is missing."), "{page}");

    one.form(&path, &token, "&field=phone&value=13900000001").await.expect(303);
    let wish = stage.ask("/v1/mirror/wishes?source=crm").await["wishes"][0]["id"].clone();
    let id = Jti::parse(wish.as_str().unwrap()).unwrap();
    decide(outcome(tenant, "crm", &stage.key, id, Outcome::Done)).await.expect(204);
    let page = one.get(&stage.page("ticket-1")).await.expect(200).text().to_owned();
    assert!(page.contains("Done"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_milestone_is_confirmed_by_the_customers_signature() {
    let stage = Stage::set().await;
    let one = Person::enrolled(&stage.book, "cs-00001", 1).await;
    let two = Person::enrolled(&stage.book, "cs-00002", 2).await;
    let records = vec![ticket("cs-00001", "ticket-1", VALUE)];
    stage.push(&stage.sign(1, now(), records)).await.expect(200);
    let path = format!("/my/space/{}/ticket-1/confirm", stage.book.tenant());
    two.form(&path, &two.form_token().await, "&milestone=phase-1").await.expect(404);
    one.form(&path, &one.form_token().await, "&milestone=phase-2").await.expect(404);
    let (_, prepared) = one.prepared(&path, "&milestone=phase-1").await;
    assert_eq!(prepared["kind"], "milestone.confirmed");
    let envelope = signed_by(&prepared, &two.signer);
    assert_eq!(one.send(&envelope, None).await.expect(403).slug(), "bad-signature");
    let before = one.get(&stage.page("ticket-1")).await.expect(200).text().to_owned();
    assert!(before.contains("/confirm\"") && !before.contains("Confirmed "), "{before}");
    let envelope = signed_by(&prepared, &one.signer);
    let event = grantbook_record::Envelope::parse(&envelope).unwrap().event().unwrap().event;
    let Event::MilestoneConfirmed(event) = event else { panic!("a milestone") };
    assert_eq!(event.title.as_str(), "Phase 1 delivered");
    one.send(&envelope, None).await.expect(201);
    let after = one.get(&stage.page("ticket-1")).await.expect(200).text().to_owned();
    assert!(after.contains("Confirmed ") && !after.contains("/confirm\""), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mirrored_outlives_restarts_and_is_erased_with_its_customer() {
    let stage = Stage::set().await;
    let (tenant, sub) = (stage.book.tenant(), SubjectId::parse("cs-00001").unwrap());
    let customer = stage.book.customer("cs-00001", 1).await;
    stage.push(&stage.sign(1, now(), vec![ticket("cs-00001", "ticket-1", VALUE)])).await.expect(200);
    let value: Value = text("139");
    stage.book.ledger.wish(tenant, &sub, &id("ticket-1"), &term("phone"), value).unwrap();
    let Stage { book, key } = stage;
    let stage = Stage { book: book.restart().await, key };
    let ledger = &stage.book.ledger;
    let before = ledger.mirrored(tenant, &sub).unwrap();
    assert_eq!((before.records.len(), before.records[0].wishes.len()), (1, 1));

    let channel = grantbook_record::event::Channel::Mail;
    let erasure = ledger.begin_erasure(tenant, &sub, channel).unwrap().id;
    ledger.finish_erasure(tenant, erasure, &[]).unwrap();
    assert!(ledger.mirrored(tenant, &sub).unwrap().records.is_empty());
    assert!(ledger.waiting_wishes(tenant, &SourceId::parse("crm").unwrap(), None).unwrap().wishes.is_empty());
    // whoever is known by that name next has nothing of theirs
    stage.book.append(stage.book.enrolment(&customer)).await.expect(201);
    assert!(ledger.mirrored(tenant, &sub).unwrap().records.is_empty());
}
