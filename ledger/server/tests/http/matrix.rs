//! Every operation of the interface document, asked by everybody who can ask: the golden table of what each gets.
//!
//! `GRANTBOOK_GOLDEN=write` renews the table. An operation without a row fails the test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use grantbook_engine::Role;
use grantbook_record::audit::Request;
use grantbook_record::complaint::ComplaintText;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::Channel;
use grantbook_record::{GateId, Jti, SubjectId};
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::book::{Book, Customer, Published, evaluation, facts, jti, record, signer};
use crate::client::Call;
use crate::golden;

/// The tenant's customers; what happens to one does not change what is asked about another.
const CUSTOMERS: [&str; 4] = ["cs-00001", "cs-00002", "cs-00003", "cs-00004"];
/// Words of the tenant's that nobody else may read, beside its customers' names.
const LABEL: &str = "label-of-the-tenant";
const REASON: &str = "file-12-of-2026";
const COMPLAINT: &str = "They called me at night.";
const GATE: &str = "gate-of-the-tenant";
const SOURCE: &str = "system-of-the-tenant";

/// Who asks.
const CALLERS: [&str; 6] = ["no token", "unknown", "service", "admin", "operator", "other's admin"];

/// A tenant with something of everything, in a ledger of its own for each caller.
struct Stage {
    book: Book,
    published: Published,
    customers: Vec<Customer>,
    grant: Jti,
    asset: Jti,
    given: u64,
    spare_token: String,
    operator_token: String,
    erasure: u64,
    wish: Jti,
    complaint: Jti,
}

impl Stage {
    async fn set() -> Self {
        let book = Book::open().await;
        let published = book.publish().await;
        let mut customers = Vec::new();
        for (seed, sub) in (1..).zip(CUSTOMERS) {
            customers.push(book.customer(sub, seed).await);
        }
        let grant = book.grant(&customers[0], &published).await;
        let (_, asset) = book.asset(&customers[1], &published).await;
        let given = book.ledger.find_event(book.tenant(), &grant).unwrap().0;
        let (ledger, tenant) = (&book.ledger, book.tenant());
        // registered, so that an erasure waits for it
        ledger.register_gate(tenant, &GateId::parse(GATE).unwrap(), *signer(40).public_key()).unwrap();
        let (spare, _) = ledger.create_token(tenant, Role::Service, LABEL).unwrap();
        let (_, operator_token) = ledger.create_token(tenant, Role::Operator, LABEL).unwrap();
        let sub = |at: usize| SubjectId::parse(CUSTOMERS[at]).unwrap();
        ledger.place_hold(tenant, &sub(1), REASON).unwrap();
        let wish = crate::mirror::mirrored(ledger, tenant, SOURCE, &signer(42), CUSTOMERS[0]);
        let complaint = ledger.complain(tenant, &sub(0), ComplaintText::typed(COMPLAINT).unwrap()).unwrap();
        let erasure = ledger.begin_erasure(tenant, &sub(2), Channel::Mail).unwrap().id;
        Self {
            book,
            published,
            customers,
            grant,
            asset,
            given,
            spare_token: spare.id,
            operator_token,
            erasure,
            wish,
            complaint,
        }
    }

    /// A request of the operation about things of the tenant, that its administrator would be right to make.
    fn request(&self, operation: &str) -> Option<Call> {
        let get = |path: &str| Some(Call::get(path));
        let post = |path: &str, body| Some(Call::post(path).json(&body));
        match operation {
            "get_authzen_configuration" => get("/.well-known/authzen-configuration"),
            "evaluate" => post("/access/v1/evaluation", evaluation(&facts(CUSTOMERS[0], 2), "use-1")),
            "evaluate_several" => post(
                "/access/v1/evaluations",
                json!({"evaluations": [evaluation(&facts(CUSTOMERS[0], 2), "use-2")]}),
            ),
            "search_subjects" => {
                post("/access/v1/search/subject", evaluation(&facts(CUSTOMERS[0], 2), "use-1"))
            }
            "search_resources" => {
                post("/access/v1/search/resource", evaluation(&facts(CUSTOMERS[0], 2), "use-1"))
            }
            "search_actions" => {
                post("/access/v1/search/action", evaluation(&facts(CUSTOMERS[0], 2), "use-1"))
            }
            "get_liveness" => get("/healthz"),
            "get_checkpoint" => get("/log/checkpoint"),
            "get_public_event" => get(&format!("/log/public/{}", self.given)),
            "get_tile" => get("/log/tile/entries/000.p/4"),
            "get_verifier_keys" => get("/log/vkey"),
            "get_metrics" => get("/metrics"),
            "get_readiness" => get("/readyz"),
            "open_audit" => {
                let note = self.book.ledger.publishable().unwrap().note;
                let request = Request::new(&note, Bytes32([1; 32]), 3).unwrap();
                Some(Call::post("/v1/audits").bytes("application/json", request.to_json()))
            }
            "list_erasures" => get("/v1/erasures"),
            "erase" => post("/v1/erasures", json!({"sub": CUSTOMERS[3], "channel": "mail"})),
            "get_erasure" => get(&format!("/v1/erasures/{}", self.erasure)),
            // about an erasure that is none: what another tenant says of this one is noted nowhere
            "purged" => post(&format!("/v1/erasures/{}/purged", self.erasure), json!({"gate": GATE})),
            "append_event" => {
                let terms = self.published.terms(&json!({"uses": 7}));
                let envelope = self.book.grant_event(&self.customers[0], terms);
                Some(Call::post("/v1/events").bytes("application/octet-stream", envelope))
            }
            "follow_feed" => get("/v1/feed"),
            "get_gate_key" => post("/v1/gate-keys", json!({"gate": GATE})),
            "get_use_receipt" => get(&format!("/v1/uses/{GATE}/0/receipt")),
            "get_gate" => get(&format!("/v1/gates/{GATE}")),
            "register_gate" => {
                let key = json!(signer(41).public_key());
                Some(Call::new(hyper::Method::PUT, "/v1/gates/new-gate").json(&key))
            }
            "list_grants" => get("/v1/grants"),
            "get_grant" => get(&format!("/v1/grants/{}", self.grant)),
            "list_mandates" => get(&format!("/v1/mandates?sub={}", CUSTOMERS[0])),
            "list_requests" => get(&format!("/v1/requests?sub={}", CUSTOMERS[0])),
            "simulate_mandate" => {
                post("/v1/mandates/simulate", json!({"sub": CUSTOMERS[0], "draft": crate::mandates::draft()}))
            }
            "get_policy" => get("/v1/policy"),
            "list_assets" => get("/v1/assets"),
            "get_asset" => get(&format!("/v1/assets/{}", self.asset)),
            "get_acknowledgements" => get(&format!("/v1/grants/{}/acknowledgements", self.grant)),
            "list_open_acknowledgements" => get("/v1/acknowledgements"),
            "list_deletions" => get("/v1/deletions"),
            "sign_head" => post("/v1/heads", json!({"nonce": "A".repeat(43)})),
            "list_holds" => get("/v1/holds"),
            "place_hold" => post("/v1/holds", json!({"sub": CUSTOMERS[0], "reason": REASON})),
            "lift_hold" => post("/v1/holds/lift", json!({"sub": CUSTOMERS[1]})),
            "get_receipt" => get(&format!("/v1/receipts/{}", self.given)),
            "get_state_proof" => get(&format!("/v1/states/{}", CUSTOMERS[0])),
            "get_tenant" => get("/v1/tenant"),
            "get_vocabulary" => get("/v1/vocabulary"),
            "get_candidate_policy" => get("/v1/policy/candidate"),
            "simulate_policy" => post("/v1/policy/simulations", json!({"plan": {"version": 1, "rules": []}})),
            "invite" => post("/v1/invitations", json!({"data_subject": "cs-new"})),
            "list_enrolments" => get("/v1/enrolments"),
            "vouch" => Some(Call::post("/v1/enrolments/AAAA").bytes("application/jose", "a.b.c")),
            "set_cosignature" => {
                let rule = json!({"rule": "optional"});
                Some(Call::new(hyper::Method::PUT, "/v1/cosignature").json(&rule))
            }
            "list_tokens" => get("/v1/tokens"),
            "create_token" => post("/v1/tokens", json!({"role": "service", "label": "another"})),
            "revoke_token" => {
                Some(Call::new(hyper::Method::DELETE, format!("/v1/tokens/{}", self.spare_token)))
            }
            "lease" => {
                let of = json!({"grant": {"sub": CUSTOMERS[0], "grant": self.grant}});
                post("/v1/leases", json!({"gate": GATE, "wants": [{"of": of, "least": 1, "most": 1}]}))
            }
            "list_leases" => get(&format!("/v1/leases?gate={GATE}")),
            "release_leases" => post(
                "/v1/leases/releases",
                json!({"release": self.book.release(GATE, &signer(40), jti(), 0)}),
            ),
            "list_uses" => get("/v1/uses"),
            "append_uses" => {
                let first = record(GATE, 0, facts(CUSTOMERS[0], 2), Some(self.grant));
                post("/v1/uses", self.book.batch(&signer(40), first, 1))
            }
            _ => self.request_about_money(operation),
        }
    }

    fn request_about_money(&self, operation: &str) -> Option<Call> {
        let get = |path: &str| Some(Call::get(path));
        let post = |path: &str, body| Some(Call::post(path).json(&body));
        match operation {
            "register_source" => {
                let key = json!(signer(43).public_key());
                Some(Call::new(hyper::Method::PUT, "/v1/mirror/sources/new-source").json(&key))
            }
            "get_source" => get(&format!("/v1/mirror/sources/{SOURCE}")),
            "push_mirror" => {
                let pushed = crate::mirror::pushed(self.book.tenant(), SOURCE, &signer(42), 2, CUSTOMERS[0]);
                post("/v1/mirror", json!({"pushed": pushed}))
            }
            "list_wishes" => get(&format!("/v1/mirror/wishes?source={SOURCE}")),
            "decide_wishes" => {
                let decided = crate::mirror::decided(self.book.tenant(), SOURCE, &signer(42), self.wish);
                post("/v1/mirror/wishes", json!({"decided": decided}))
            }
            "list_complaints" => get("/v1/complaints"),
            "answer_complaint" => {
                post(&format!("/v1/complaints/{}/answer", self.complaint), json!({"text": "We are sorry."}))
            }
            "list_budgets" => get("/v1/budgets"),
            "set_budget" => {
                let budget = json!({"currency": "CNY", "minor": 500_000});
                Some(Call::new(hyper::Method::PUT, "/v1/budgets/recommender").json(&budget))
            }
            "list_settlements" => get("/v1/settlements"),
            // something is due: the grant is paid for each use, and one was recorded before
            "settle" => post("/v1/settlements", json!({"fee_basis_points": 100})),
            "get_settlement" => get("/v1/settlements/1"),
            "get_statement" => get(&format!("/v1/settlements/1/statements/{}", CUSTOMERS[0])),
            "order_payouts" => {
                let payees = json!([{"sub": CUSTOMERS[0], "country": "CN"}]);
                post("/v1/payouts", json!({"file": jti(), "payees": payees, "day": "2026-11-30"}))
            }
            "end_payout" => post(&format!("/v1/payouts/{}", self.grant), json!({})),
            "reverse_payout" => post("/v1/reversals", json!({"leaf_index": self.given, "reason": "mistake"})),
            "list_proofs" => get("/v1/proofs"),
            // every day that is over is proved: the tenant was made today
            "prove" => post("/v1/proofs", json!({"policy": "sandbox"})),
            "get_proof" => get("/v1/proofs/2026-03-02"),
            "get_proof_report" => get("/v1/proofs/2026-03-02/report"),
            // a day before the tenant's first
            "make_kit" => post("/v1/kits", json!({"from": "2026-01-01", "to": "2026-01-02"})),
            _ => None,
        }
    }

    fn token(&self, caller: &str) -> Option<&str> {
        match caller {
            "no token" => None,
            "unknown" => Some("gbk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            "service" => Some(&self.book.service_token),
            "admin" => Some(&self.book.sandbox.token),
            "operator" => Some(&self.operator_token),
            _ => Some(&self.book.stranger_token),
        }
    }

    /// What only the tenant's own tokens may read.
    fn words(&self) -> Vec<String> {
        let own = [LABEL, REASON, COMPLAINT, GATE, SOURCE, crate::mirror::VALUE]
            .into_iter()
            .chain(CUSTOMERS)
            .map(str::to_owned);
        own.chain([
            self.asset.to_string(),
            self.grant.to_string(),
            self.book.tenant().to_string(),
            self.spare_token.clone(),
        ])
        .collect()
    }
}

/// Name, method and path of every operation, in the document's order.
fn operations() -> Vec<(String, String)> {
    let document = serde_json::to_value(grantbook_server::http::openapi_document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            operations.push((name, format!("{} {path}", method.to_uppercase())));
        }
    }
    operations
}

#[tokio::test]
async fn everybody_gets_what_the_matrix_says_and_nothing_of_another_tenant() {
    let operations = operations();
    let mut statuses: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
    for caller in CALLERS {
        let stage = Stage::set().await;
        let words = stage.words();
        for (operation, request) in &operations {
            let call = stage.request(operation);
            let mut call = call.unwrap_or_else(|| panic!("{operation} has no row: write what it is asked"));
            if let Some(token) = stage.token(caller) {
                call = call.token(token);
            }
            let (parts, mut body) = call.open(stage.book.address).await.into_parts();
            let mut bytes = Vec::new();
            // a feed does not end by itself
            while let Ok(Some(Ok(frame))) =
                tokio::time::timeout(Duration::from_millis(500), body.frame()).await
            {
                bytes.extend(frame.into_data().unwrap_or_default());
            }
            let status = parts.status.as_u16();
            statuses.entry(operation).or_default().push(status);
            let text = String::from_utf8_lossy(&bytes);
            let own = matches!(caller, "service" | "admin" | "operator");
            let sends_its_own = caller == "no token" && operation == "append_event";
            if !(own || sends_its_own) {
                for word in &words {
                    assert!(!text.contains(word), "{request} tells {word} to {caller}: {text}");
                }
            }
        }
        if caller == "other's admin" {
            untouched(&stage).await;
        }
    }
    let mut table = format!("{:<27} {:<40}", "operation", "request");
    for caller in CALLERS {
        write!(table, " {caller:>13}").unwrap();
    }
    table.push('\n');
    for (operation, request) in &operations {
        write!(table, "{operation:<27} {request:<40}").unwrap();
        for status in &statuses[operation.as_str()] {
            write!(table, " {status:>13}").unwrap();
        }
        table.push('\n');
    }
    golden::check("matrix.txt", &table);
}

/// All that another tenant's administrator has asked has changed nothing of this tenant.
async fn untouched(stage: &Stage) {
    let book = &stage.book;
    let admin =
        async |path: &str| book.send(Call::get(path).token(&book.sandbox.token)).await.expect(200).json();
    let erasures = admin("/v1/erasures").await;
    assert_eq!(erasures["erasures"].as_array().unwrap().len(), 1);
    assert_eq!(erasures["erasures"][0]["waiting_for"], json!([GATE]));
    assert_eq!(admin("/v1/holds").await["holds"].as_array().unwrap().len(), 1);
    assert!(admin("/v1/tokens").await.to_string().contains(&stage.spare_token));
    assert_eq!(admin("/v1/budgets").await["budgets"], json!([]));
    assert_eq!(book.ledger.stats().leased_grants.leases, 0);
    assert_eq!(admin("/v1/uses").await["uses"].as_array().unwrap().len(), 1);
    assert_eq!(admin("/v1/assets").await["assets"].as_array().unwrap().len(), 1);
    let money = admin("/v1/settlements").await;
    assert_eq!((&money["settlements"], &money["pending"]), (&json!([]), &json!([])));
    let source = admin(&format!("/v1/mirror/sources/{SOURCE}")).await;
    assert_eq!(source["sequence"], 1);
    let wishes = admin(&format!("/v1/mirror/wishes?source={SOURCE}")).await;
    assert_eq!(wishes["wishes"].as_array().unwrap().len(), 1);
    assert_eq!(admin("/v1/grants").await["grants"].as_array().unwrap().len(), 2);
    assert_eq!(admin("/v1/tenant").await["gates"].as_array().unwrap().len(), 1);
}
