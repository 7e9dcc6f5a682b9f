//! Every door, with every kind of input it must refuse: the right problem, and nothing changed.

use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::envelope::ENVELOPE_BYTES_MAX;
use grantbook_record::event::{Claims, GrantPaused, GrantWithdrawn};
use grantbook_record::lease::{LeasesReleased, Release, sign_release};
use grantbook_record::list::List;
use grantbook_record::terms::Terms;
use grantbook_record::uses::BATCH_BYTES_MAX;
use grantbook_record::{Envelope, GateId, Jti, Kind, SubjectId, TenantId};
use hyper::Method;
use serde_json::{Value, json};

use crate::book::{Book, Customer, Published, evaluation, facts, jti, jti_at, now, record, signer};
use crate::client::Call;

const OCTETS: &str = "application/octet-stream";

/// What is sent, and the status and type of the problem that must come back.
struct Case(&'static str, Call, u16, &'static str);

async fn check(book: &Book, cases: Vec<Case>) {
    let before = book.size_root();
    for Case(name, call, status, slug) in cases {
        let answer = book.send(call).await;
        assert_eq!(
            (answer.status.as_u16(), answer.slug().as_str()),
            (status, slug),
            "{name}: {}",
            answer.text()
        );
        let problem = answer.json();
        assert_eq!(problem["status"], json!(status), "{name}");
        assert!(!answer.header("x-request-id").is_empty(), "{name}");
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        assert_eq!(status == 401, answer.headers.contains_key("www-authenticate"), "{name}");
        assert_eq!(status == 405, answer.headers.contains_key("allow"), "{name}");
        let text = answer.text();
        for secret in ["cs-00004", "Zhang San", "gbk_"] {
            let expected_form = secret == "gbk_" && status == 401;
            assert!(expected_form || !text.contains(secret), "{name} tells {secret}: {text}");
        }
        assert_eq!(book.size_root(), before, "{name} changed the log");
    }
}

/// A token that is well-formed and unknown.
const UNKNOWN_TOKEN: &str = "gbk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[tokio::test]
async fn doors_that_need_a_token_are_shut_without_one() {
    let book = Book::open().await;
    let mut cases = Vec::new();
    for (method, path) in [
        (Method::POST, "/v1/uses"),
        (Method::GET, "/v1/uses"),
        (Method::POST, "/v1/leases"),
        (Method::POST, "/v1/leases/releases"),
        (Method::GET, "/v1/budgets"),
        (Method::PUT, "/v1/budgets/a"),
        (Method::GET, "/v1/leases?gate=a"),
        (Method::GET, "/v1/grants"),
        (Method::GET, "/v1/grants/0190163d-8694-7397-8c1f-0d9ef6b5d3a1"),
        (Method::GET, "/v1/assets"),
        (Method::GET, "/v1/assets/0190163d-8694-7397-8c1f-0d9ef6b5d3a1"),
        (Method::GET, "/v1/receipts/0"),
        (Method::GET, "/v1/states/cs-1"),
        (Method::GET, "/v1/feed"),
        (Method::POST, "/v1/heads"),
        (Method::POST, "/access/v1/evaluation"),
        (Method::GET, "/v1/tenant"),
        (Method::PUT, "/v1/gates/a"),
        (Method::GET, "/v1/gates/a"),
        (Method::GET, "/v1/tokens"),
        (Method::POST, "/v1/tokens"),
        (Method::DELETE, "/v1/tokens/a"),
        (Method::POST, "/v1/erasures"),
        (Method::GET, "/v1/erasures"),
        (Method::GET, "/v1/erasures/0"),
        (Method::POST, "/v1/erasures/0/purged"),
        (Method::POST, "/v1/holds"),
        (Method::GET, "/v1/holds"),
        (Method::POST, "/v1/holds/lift"),
    ] {
        let call = || Call::new(method.clone(), path).json(&json!({}));
        cases.push(Case(path, call(), 401, "unauthorized"));
        cases.push(Case(path, call().token(UNKNOWN_TOKEN), 401, "unauthorized"));
        cases.push(Case(path, call().header("authorization", "Basic Z2JrXzpnYms="), 401, "unauthorized"));
        cases.push(Case(path, call().header("authorization", "Bearer"), 401, "unauthorized"));
    }
    for (method, path) in [
        (Method::PUT, "/v1/gates/a"),
        (Method::PUT, "/v1/budgets/a"),
        (Method::GET, "/v1/tokens"),
        (Method::POST, "/v1/tokens"),
        (Method::DELETE, "/v1/tokens/a"),
        (Method::POST, "/v1/erasures"),
        (Method::POST, "/v1/holds"),
        (Method::GET, "/v1/holds"),
        (Method::POST, "/v1/holds/lift"),
    ] {
        let call = Call::new(method, path).token(&book.service_token).json(&json!({}));
        cases.push(Case(path, call, 403, "forbidden"));
    }
    // a token that is wrong is not the same as none
    cases.push(Case(
        "events",
        Call::post("/v1/events").token(UNKNOWN_TOKEN).bytes(OCTETS, "x"),
        401,
        "unauthorized",
    ));
    check(&book, cases).await;
}

#[tokio::test]
async fn nothing_of_a_tenant_is_seen_by_another() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;
    let stranger = |path: &str| Call::get(path).token(&book.stranger_token);
    let cases = vec![
        Case("grant", stranger(&format!("/v1/grants/{grant}")), 404, "not-found"),
        Case("receipt", stranger("/v1/receipts/0"), 404, "not-found"),
        Case("gate", stranger("/v1/gates/a"), 404, "not-found"),
        Case("a gate's leases", stranger("/v1/leases?gate=a"), 403, "bad-signature"),
        Case(
            "event of another tenant",
            Call::post("/v1/events")
                .token(&book.stranger_token)
                .bytes(OCTETS, book.withdrawal(&customer, grant)),
            422,
            "wrong-audience",
        ),
    ];
    check(&book, cases).await;
    for (path, expected) in
        [("/v1/grants", json!({"grants": []})), ("/v1/grants?sub=cs-00004", json!({"grants": []}))]
    {
        assert_eq!(book.send(stranger(path)).await.expect(200).json(), expected);
    }
    assert_eq!(book.send(stranger("/v1/uses")).await.expect(200).json()["uses"], json!([]));
    let ask = evaluation(&facts("cs-00004", 2), "use-1");
    let call = Call::post("/access/v1/evaluation").token(&book.stranger_token).json(&ask);
    assert_eq!(book.send(call).await.expect(200).json()["context"]["reason"], json!("no_grant"));
}

/// A payload of this tenant with its members replaced.
fn payload(book: &Book, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let event = GrantPaused { sub: SubjectId::parse("cs-00004").unwrap(), grant: jti() };
    let claims = Claims::new(book.tenant(), jti(), event);
    let mut value: Value = serde_json::from_slice(&claims.to_json()).unwrap();
    change(&mut value);
    value.to_string().into_bytes()
}

#[tokio::test]
async fn events_are_refused_for_their_form() {
    let book = Book::open().await;
    book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let key = &customer.signer;
    let send = |envelope: Vec<u8>| Call::post("/v1/events").bytes(OCTETS, envelope);
    let signed = |change: &dyn Fn(&mut Value)| {
        send(Envelope::sign(Kind::GrantPaused, &payload(&book, change), &[key]))
    };
    let cases = vec![
        Case("empty", send(vec![]), 400, "malformed-envelope"),
        Case("no frame", send(b"\xff\xff\xff\xffabc".to_vec()), 400, "malformed-envelope"),
        Case("no JWS", send(b"\x00\x00\x00\x03abc".to_vec()), 400, "malformed-envelope"),
        Case("oversize", send(vec![0; ENVELOPE_BYTES_MAX + 1]), 413, "too-large"),
        Case(
            "oversize JWS",
            Call::post("/v1/events").bytes("application/jose", vec![b'a'; ENVELOPE_BYTES_MAX]),
            413,
            "too-large",
        ),
        Case("no content type", Call::post("/v1/events"), 415, "unsupported-content-type"),
        Case("text", Call::post("/v1/events").bytes("text/plain", "{}"), 415, "unsupported-content-type"),
        Case("JSON without an envelope", Call::post("/v1/events").json(&json!({})), 400, "malformed-request"),
        Case(
            "attachments without a portal",
            Call::post("/v1/events").json(&json!({"envelope": "", "attachment": ""})),
            400,
            "malformed-envelope",
        ),
        Case("method", Call::get("/v1/events"), 405, "method-not-allowed"),
        Case("unknown member", signed(&|v| v["event"]["Zhang San"] = json!(1)), 400, "malformed-envelope"),
        Case(
            "missing member",
            signed(&|v| drop(v.as_object_mut().unwrap().remove("event"))),
            400,
            "malformed-envelope",
        ),
        Case("version", signed(&|v| v["v"] = json!(2)), 400, "malformed-envelope"),
        Case("jti of another time", signed(&|v| v["iat"] = json!(1_700_000_000)), 400, "malformed-envelope"),
        Case(
            "unknown tenant",
            signed(&|v| v["aud"] = json!(TenantId::from_bytes([5; 16]))),
            404,
            "unknown-tenant",
        ),
        Case("signed ahead of time", signed(&|v| at(v, now().0 + 2 * 86_400_000)), 422, "wrong-time"),
        Case("signed too long ago", signed(&|v| at(v, now().0 - 2 * 86_400_000)), 422, "wrong-time"),
        Case(
            "expired",
            signed(&|v| {
                v["exp"] = json!(now().0 / 1000 - 1);
            }),
            422,
            "wrong-time",
        ),
    ];
    check(&book, cases).await;
}

#[tokio::test]
async fn leases_and_budgets_are_refused_for_their_form() {
    let book = Book::open().await;
    let (gate, key) = (GateId::parse("north").unwrap(), signer(40));
    book.ledger.register_gate(book.tenant(), &gate, *key.public_key()).unwrap();
    let post = |path: &str, body: &Value| Call::post(path).token(&book.service_token).json(body);
    let wants = |wants: Value| post("/v1/leases", &json!({"gate": "north", "wants": wants}));
    let want = |least: Value, most: Value| json!({"of": {"budget": {"project": "pricing"}}, "least": least, "most": most});
    let release = |text: &str| post("/v1/leases/releases", &json!({"release": text}));
    let good = book.release("north", &key, jti(), 0);
    let other = book.release("north", &key, jti(), 1);
    let forged = [good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1].join(".");
    let of = |tenant: TenantId, at: u64| {
        let releases = List::new(vec![Release { lease: jti(), spent: 0 }]).unwrap();
        let word = LeasesReleased { gate: gate.clone(), releases };
        release(&sign_release(&Claims::new(tenant, jti_at(UnixMillis(at)), word), &key))
    };
    let set = |project: &str, body: &Value| {
        Call::new(Method::PUT, format!("/v1/budgets/{project}")).token(&book.sandbox.token).json(body)
    };
    let unknown = json!({"gate": "nobody", "wants": [want(json!(1), json!(1))]});
    let foreign = json!({"gate": "north", "wants": [want(json!(1), json!(1))]});
    let cases = vec![
        Case("no want", wants(json!([])), 400, "malformed-request"),
        Case("too many", wants(json!(vec![want(json!(1), json!(1)); 257])), 400, "malformed-request"),
        Case("nothing wanted", wants(json!([want(json!(0), json!(1))])), 400, "malformed-request"),
        Case("least above most", wants(json!([want(json!(2), json!(1))])), 400, "malformed-request"),
        Case("negative", wants(json!([want(json!(-1), json!(1))])), 400, "malformed-request"),
        Case("a fraction", wants(json!([want(json!(0.5), json!(1))])), 400, "malformed-request"),
        Case(
            "unknown member",
            wants(json!([{"of": {"x": 1}, "least": 1, "most": 1}])),
            400,
            "malformed-request",
        ),
        Case("unknown gate", post("/v1/leases", &unknown), 403, "bad-signature"),
        Case(
            "gate of another tenant",
            Call::post("/v1/leases").token(&book.stranger_token).json(&foreign),
            403,
            "bad-signature",
        ),
        Case(
            "no JSON",
            Call::post("/v1/leases").token(&book.service_token).bytes(OCTETS, "x"),
            415,
            "unsupported-content-type",
        ),
        Case(
            "oversize",
            Call::post("/v1/leases")
                .token(&book.service_token)
                .bytes("application/json", vec![b' '; 65 * 1024]),
            413,
            "too-large",
        ),
        Case(
            "method",
            Call::new(Method::DELETE, "/v1/leases").token(&book.service_token),
            405,
            "method-not-allowed",
        ),
        Case("release: no JWS", release("Zhang San"), 400, "malformed-request"),
        Case("release: no member", post("/v1/leases/releases", &json!({})), 400, "malformed-request"),
        Case(
            "release: by another key",
            release(&book.release("north", &signer(41), jti(), 0)),
            403,
            "bad-signature",
        ),
        Case("release: unknown gate", release(&book.release("nobody", &key, jti(), 0)), 403, "bad-signature"),
        Case("release: another's signature", release(&forged), 403, "bad-signature"),
        Case("release: of another tenant", of(TenantId::from_bytes([5; 16]), now().0), 422, "wrong-audience"),
        Case("release: signed too long ago", of(book.tenant(), now().0 - 2 * 86_400_000), 422, "wrong-time"),
        Case(
            "budget: no currency",
            set("pricing", &json!({"currency": "", "minor": 1})),
            400,
            "malformed-request",
        ),
        Case(
            "budget: negative",
            set("pricing", &json!({"currency": "CNY", "minor": -1})),
            400,
            "malformed-request",
        ),
        Case(
            "budget: no project",
            set("Zhang%20San", &json!({"currency": "CNY", "minor": 1})),
            400,
            "malformed-request",
        ),
    ];
    check(&book, cases).await;
}

#[tokio::test]
async fn a_gate_leases_draws_and_gives_back() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;
    let (gate, key) = (GateId::parse("north").unwrap(), signer(40));
    book.ledger.register_gate(book.tenant(), &gate, *key.public_key()).unwrap();
    let budget = json!({"currency": "CNY", "minor": 500});
    let set = Call::new(Method::PUT, "/v1/budgets/recommender").token(&book.sandbox.token);
    book.send(set.json(&budget)).await.expect(204);
    let limit = json!({"grant": {"sub": "cs-00004", "grant": grant}});
    let wants = json!([
        {"of": limit, "least": 3, "most": 3},
        {"of": {"budget": {"project": "recommender"}}, "least": 160, "most": 160},
        {"of": limit, "least": 1, "most": 1},
    ]);
    let leases = book.post("/v1/leases", &json!({"gate": "north", "wants": wants})).await.expect(200).json();
    let leases = &leases["leases"];
    assert_eq!((&leases[0]["lease"]["units"], &leases[1]["lease"]["units"]), (&json!(3), &json!(160)));
    assert_eq!(leases[2], json!({"refused": "cap"}));
    let ask = evaluation(&facts("cs-00004", 2), "use-1");
    let denied = book.post("/access/v1/evaluation", &ask).await.expect(200).json();
    assert_eq!(denied["context"]["reason"], json!("cap"));
    let ids: Vec<Jti> =
        [0, 1].map(|at| serde_json::from_value(leases[at]["lease"]["id"].clone()).unwrap()).to_vec();
    let mut used = record("north", 0, facts("cs-00004", 2), Some(grant));
    used.leases = List::new(ids.clone()).unwrap();
    let appended = book.post("/v1/uses", &book.batch(&key, used, 1)).await.expect(201).json();
    assert_eq!(appended["uses"][0].get("flag"), None);
    let answer = book.get("/metrics").await.expect(200);
    let figures = answer.text();
    assert!(figures.contains("grantbook_leased_units{limit=\"grant\"} 2"), "{figures}");
    assert!(figures.contains("grantbook_leases{limit=\"budget\"} 1"), "{figures}");
    for (lease, spent) in [(ids[0], 1), (ids[1], 80), (ids[0], 1)] {
        let body = json!({"release": book.release("north", &key, lease, spent)});
        book.post("/v1/leases/releases", &body).await.expect(204);
    }
    let budgets = book.get("/v1/budgets").await.expect(200).json();
    let shown = json!([{"project": "recommender", "currency": "CNY", "minor": 500, "spent": 80,
        "outstanding": 0, "written_off": 0}]);
    assert_eq!(budgets["budgets"], shown);
    assert_eq!(book.post("/access/v1/evaluation", &ask).await.expect(200).json()["decision"], json!(true));
    let other = Call::new(Method::PUT, "/v1/budgets/recommender").token(&book.sandbox.token);
    let other = book.send(other.json(&json!({"currency": "EUR", "minor": 500}))).await;
    assert_eq!((other.status.as_u16(), other.slug().as_str()), (422, "refused"));
}

fn at(claims: &mut Value, millis: u64) {
    let jti = jti_at(UnixMillis(millis));
    claims["jti"] = json!(jti);
    claims["iat"] = json!(jti.issued_at());
}

#[tokio::test]
async fn events_are_refused_for_what_they_say() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;
    let enterprise = &book.sandbox.enterprise;
    let foreign = Customer { sub: customer.sub.clone(), signer: signer(9) };
    let send = |envelope: Vec<u8>| Call::post("/v1/events").bytes(OCTETS, envelope);
    let grant_with =
        |change: &dyn Fn(&mut Value)| send(book.grant_event(&customer, terms(&published, change)));
    let withdrawal =
        |sub: &str, grant: Jti| GrantWithdrawn { sub: SubjectId::parse(sub).unwrap(), grant, channel: None };
    let mut altered = book.withdrawal(&customer, grant);
    let last = altered.len() - 10;
    altered[last] = if altered[last] == b'A' { b'B' } else { b'A' };
    let now_s = now().0 / 1000;
    let cases = vec![
        Case("altered", send(altered), 403, "bad-signature"),
        Case("another's key", send(book.withdrawal(&foreign, grant)), 403, "bad-signature"),
        Case(
            "the enterprise for the customer",
            send(book.envelope(Kind::GrantWithdrawn, withdrawal("cs-00004", grant), &[enterprise])),
            403,
            "bad-signature",
        ),
        Case(
            "grant forged by the enterprise",
            send(book.envelope(
                Kind::GrantGiven,
                json!({"sub": "cs-00004", "terms": published.terms(&json!({}))}),
                &[enterprise],
            )),
            403,
            "bad-signature",
        ),
        Case("enrolled twice", send(book.enrolment(&customer)), 409, "state-conflict"),
        Case("enrolled over another", send(book.enrolment(&foreign)), 409, "state-conflict"),
        Case("no such grant", send(book.withdrawal(&customer, jti())), 422, "refused"),
        Case("other recipient", grant_with(&|t| t["recipient"] = json!("somebody")), 422, "refused"),
        Case("unknown purpose", grant_with(&|t| t["purpose"] = json!("world-peace")), 422, "refused"),
        Case(
            "over already",
            grant_with(&|t| t["validity"] = json!({"start": now_s - 100, "end": now_s - 10})),
            422,
            "refused",
        ),
        Case("no such template", grant_with(&|t| t["template"]["version"] = json!(2)), 422, "refused"),
        Case("resumed without a pause", send(resumption(&book, &customer, grant)), 409, "state-conflict"),
    ];
    check(&book, cases).await;

    // the same jti with other bytes: a conflict, and neither is a second event
    let id = jti();
    let claims = |grant| {
        let claims = Claims::new(book.tenant(), id, withdrawal("cs-00004", grant));
        send(Envelope::sign(Kind::GrantWithdrawn, &claims.to_json(), &[&customer.signer]))
    };
    book.send(claims(grant)).await.expect(201);
    book.all_acknowledged().await;
    let cases = vec![
        Case("jti again", claims(jti()), 409, "jti-conflict"),
        Case("withdrawn twice", send(book.withdrawal(&customer, grant)), 409, "state-conflict"),
    ];
    check(&book, cases).await;
}

fn resumption(book: &Book, customer: &Customer, grant: Jti) -> Vec<u8> {
    let event = grantbook_record::event::GrantResumed { sub: customer.sub.clone(), grant };
    book.envelope(Kind::GrantResumed, event, &[&customer.signer])
}

fn terms(published: &Published, change: &dyn Fn(&mut Value)) -> Terms {
    let mut value = serde_json::to_value(published.terms(&json!({}))).unwrap();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn batches_are_refused_whole() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;
    let gate = signer(40);
    let id = grantbook_record::GateId::parse("gate").unwrap();
    book.ledger.register_gate(book.tenant(), &id, *gate.public_key()).unwrap();
    let use_at = |seq| record("gate", seq, facts("cs-00004", 2), Some(grant));
    let send = |body: &Value| Call::post("/v1/uses").token(&book.service_token).json(body);
    let good = book.batch(&gate, use_at(0), 1);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut batch = good.clone();
        change(&mut batch);
        send(&batch)
    };
    let oversize = Call::post("/v1/uses")
        .token(&book.service_token)
        .bytes("application/json", vec![b' '; BATCH_BYTES_MAX + 1]);
    let text = Call::post("/v1/uses").token(&book.service_token).bytes("text/plain", "{}");
    let stale = Claims {
        iat: UnixSeconds(1_700_000_000),
        ..Claims::new(book.tenant(), jti_at(UnixMillis(1_700_000_000_000)), ())
    };
    let salt = grantbook_record::Salt(grantbook_record::encoding::Bytes32([3; 32]));
    let stale = grantbook_record::uses::sign_batch(&stale, &[(use_at(0), salt)], &gate).unwrap();
    let cases = vec![
        Case(
            "not JSON",
            Call::post("/v1/uses").token(&book.service_token).bytes("application/json", "{"),
            400,
            "malformed-batch",
        ),
        Case("no batch", send(&json!({})), 400, "malformed-batch"),
        Case("no records", with(&|b| b["records"] = json!([])), 400, "malformed-batch"),
        Case("unknown member", with(&|b| b["Zhang San"] = json!(1)), 400, "malformed-batch"),
        Case(
            "another salt",
            with(&|b| b["records"][0]["salt"] = json!("A".repeat(43))),
            400,
            "malformed-batch",
        ),
        Case("another record", with(&|b| b["records"][0]["record"] = json!("{}")), 400, "malformed-batch"),
        Case("oversize", oversize, 413, "too-large"),
        Case("content type", text, 415, "unsupported-content-type"),
        Case(
            "method",
            Call::new(Method::PUT, "/v1/uses").token(&book.service_token),
            405,
            "method-not-allowed",
        ),
        Case("another key", send(&book.batch(&signer(41), use_at(0), 1)), 403, "bad-signature"),
        Case(
            "unknown gate",
            send(&book.batch(&gate, record("other", 0, facts("cs-00004", 2), Some(grant)), 1)),
            403,
            "bad-signature",
        ),
        Case("out of sequence", send(&book.batch(&gate, use_at(7), 1)), 409, "sequence-conflict"),
        Case("long ago", send(&serde_json::to_value(stale).unwrap()), 422, "wrong-time"),
        Case(
            "another tenant's",
            Call::post("/v1/uses").token(&book.stranger_token).json(&good),
            403,
            "bad-signature",
        ),
    ];
    check(&book, cases).await;
    book.send(send(&good)).await.expect(201);
}

#[tokio::test]
async fn reads_are_refused_for_their_parameters() {
    let book = Book::open().await;
    book.publish().await;
    let get = |path: &str| Call::get(path).token(&book.service_token);
    let heads = |body: Value| Call::post("/v1/heads").token(&book.service_token).json(&body);
    let admin = |method: Method, path: &str, body: Value| {
        Call::new(method, path).token(&book.sandbox.token).json(&body)
    };
    let cases = vec![
        Case("limit 0", get("/v1/grants?limit=0"), 400, "malformed-request"),
        Case("limit too large", get("/v1/grants?limit=501"), 400, "malformed-request"),
        Case("limit no number", get("/v1/uses?limit=all"), 400, "malformed-request"),
        Case("cursor", get("/v1/uses?cursor=x"), 400, "malformed-request"),
        Case("cursor's spelling", get("/v1/grants?cursor=01"), 400, "malformed-request"),
        Case("sub", get("/v1/grants?sub=Zhang%20San"), 400, "malformed-request"),
        Case("sub twice", get("/v1/grants?sub=a&sub=b"), 400, "malformed-request"),
        Case("jti", get("/v1/grants/x"), 404, "not-found"),
        Case("another event's jti", get(&format!("/v1/grants/{}", jti())), 404, "not-found"),
        Case("beyond the log", get("/v1/receipts/2"), 404, "not-found"),
        Case("no index", get("/v1/receipts/x"), 404, "not-found"),
        Case("index's spelling", get("/v1/receipts/00"), 404, "not-found"),
        Case("feed from", get("/v1/feed?from=x"), 400, "malformed-request"),
        Case("feed ahead", get("/v1/feed?from=3"), 409, "feed-ahead"),
        Case("last event", get("/v1/feed").header("last-event-id", "-1"), 400, "malformed-request"),
        Case("last event ahead", get("/v1/feed").header("last-event-id", "2"), 409, "feed-ahead"),
        Case(
            "last event of all",
            get("/v1/feed").header("last-event-id", u64::MAX.to_string()),
            400,
            "malformed-request",
        ),
        Case("nonce missing", heads(json!({})), 400, "malformed-request"),
        Case("nonce short", heads(json!({"nonce": "AA"})), 400, "malformed-request"),
        Case(
            "nonce and more",
            heads(json!({"nonce": "A".repeat(43), "Zhang San": 1})),
            400,
            "malformed-request",
        ),
        Case(
            "heads' type",
            Call::post("/v1/heads").token(&book.service_token).bytes("text/plain", "{}"),
            415,
            "unsupported-content-type",
        ),
        Case("heads oversize", heads(json!({"nonce": "A".repeat(70_000)})), 413, "too-large"),
        Case("heads by GET", get("/v1/heads"), 405, "method-not-allowed"),
        Case("leases of no gate", get("/v1/leases"), 400, "malformed-request"),
        Case("leases after nothing", get("/v1/leases?gate=a&cursor=1"), 400, "malformed-request"),
        Case("gate's name", admin(Method::PUT, "/v1/gates/Zhang%20San", json!({})), 400, "malformed-request"),
        Case(
            "gate's key",
            admin(Method::PUT, "/v1/gates/a", json!({"kty": "OKP"})),
            400,
            "malformed-request",
        ),
        Case(
            "token's role",
            admin(Method::POST, "/v1/tokens", json!({"role": "root", "label": "a"})),
            400,
            "malformed-request",
        ),
        Case(
            "token's label",
            admin(Method::POST, "/v1/tokens", json!({"role": "admin", "label": ""})),
            422,
            "refused",
        ),
        Case("unknown path", Call::get("/v2/grants"), 404, "not-found"),
        Case("delete the log", Call::new(Method::DELETE, "/log/checkpoint"), 405, "method-not-allowed"),
        Case("post to the portal", Call::post("/"), 405, "method-not-allowed"),
    ];
    check(&book, cases).await;
}
