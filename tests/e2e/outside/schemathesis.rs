//! schemathesis from PyPI reads `/openapi.json` and asks the server what that allows, forbids and leaves open, logged in
//! as each role. Its configuration is `tests/outside/schemathesis`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use grantbook_record::Receipt;
use grantbook_record::receipt::Content;
use serde_json::{Value, json};

use crate::replay::program::{Done, Place, Served, outside_tools, skip, workspace};

/// Requests that are made up for each operation and phase, where the environment does not say otherwise.
const EXAMPLES: &str = "6";
const EXAMPLES_VARIABLE: &str = "GRANTBOOK_SCHEMATHESIS_EXAMPLES";
/// Of a hundred operations, how many must have been answered by 2xx at least once.
const ANSWERED_PERCENT: usize = 80;
/// A feed has no end, so it is not asked for.
const FEED: &str = "GET /v1/feed";
/// The gate that is registered and asked about.
const GATE: &str = "schemathesis";

/// Another gate, which has its key.
const REGISTERED_GATE: &str = "registered";

/// The file with an envelope that may be sent again.
const ENVELOPE: &str = "envelope";
/// The file with requests about what there is, by operation.
const REQUESTS: &str = "requests.json";

/// Something of everything that requests may be about, made with the sandbox's token.
struct World {
    served: Served,
    admin: String,
    service: String,
    /// The configuration's `[parameters]`.
    parameters: String,
}

fn world(place: &Place) -> World {
    let fixture = workspace().join("ledger/server/fixtures/authzen-certification.json");
    let mut command = place.command("serve --listen 127.0.0.1:0 --data-dir data --json --fixture");
    command.arg(fixture);
    let served = Served::start(command);
    let sandbox = &served.sandbox;
    // those whom the document's examples speak of
    let granted = format!("grant --sandbox={sandbox} --save grant.json --json");
    let grant = place.run(&granted).ok().json();
    let receipt = std::fs::read(place.path("grant.json")).expect("the receipt's file");
    let receipt = Receipt::parse(&receipt).expect("a receipt");
    let Content::Event(event) = receipt.content else { panic!("{grant} is no event") };
    place.write(ENVELOPE, event.envelope.0);
    place.run("keygen --out former.key.json").ok();
    let former = format!("grant --sandbox={sandbox} --key former.key.json --sub former-customer --json");
    place.run(&former).ok();
    let settings = std::fs::read(place.path(sandbox).join("sandbox.json")).expect("the sandbox's file");
    let settings: Value = serde_json::from_slice(&settings).expect("JSON");
    let admin = settings["token"].as_str().expect("a token").to_owned();
    let call = |method: &str, path: &str, body: &Value| -> Value {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", served.url));
        let request = request.header("authorization", format!("Bearer {admin}"));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let mut answer = ureq::run(request.expect("a request")).expect(path);
        serde_json::from_slice(&answer.body_mut().read_to_vec().expect("a body")).unwrap_or_default()
    };
    let ask = |path: &str, body: &Value| call("POST", path, body);
    let token = |label: &str| ask("/v1/tokens", &json!({"role": "service", "label": label}));
    let service = token("service")["secret"].as_str().expect("a secret").to_owned();
    // a use that was paid for
    let used = place.run(&format!("check --sandbox={sandbox} --json")).ok().json();
    ask("/v1/settlements", &json!({}));
    let file = grant["grant"].clone(); // any UUIDv7
    let payee = json!({"sub": "sandbox-customer", "country": "CN"});
    let threshold = json!({"currency": "CNY", "minor": 1});
    let payouts = json!({"file": file, "day": "2026-11-30", "payees": [payee], "thresholds": [threshold]});
    let ordered = ask("/v1/payouts", &payouts);
    let key = place.run("keygen --out gate.key.json --json").ok().json();
    call("PUT", &format!("/v1/gates/{REGISTERED_GATE}"), &key["public_key"]);
    // rules, and others that are tried beside them
    let agreed = workspace().join("policies/house/agreed");
    for stage in ["", " --shadow"] {
        place.run(&format!("policy publish {} --sandbox={sandbox}{stage}", agreed.display())).ok();
    }
    let rule = json!({"when": {}, "accept": {"validity_days_max": 30}});
    let requests = json!({
        "POST /v1/policy/simulations": {"plan": {"version": 1, "rules": []}},
        "POST /v1/mandates/simulate": {"sub": "sandbox-customer", "draft": {"rules": [rule]}},
        "POST /v1/reversals": {"leaf_index": used["leaf_index"], "reason": "mistake"},
        "POST /v1/gate-keys": {"gate": REGISTERED_GATE},
    });
    place.write(REQUESTS, requests.to_string());
    let parameters = format!(
        "\"path.jti\" = {}\n\"path.leaf_index\" = {}\n\"path.sub\" = \"sandbox-customer\"\n\
         \"path.path\" = \"entries/000.p/1\"\n\"path.gate\" = \"{GATE}\"\n\"path.period\" = \"1\"\n\"path.order\" = {}\n",
        grant["grant"], grant["leaf_index"], ordered["payouts"][0]["order"]["order"]
    );
    World { served, admin, service, parameters }
}

/// What it said and which operations were answered by which statuses.
struct Report {
    done: Done,
    statuses: BTreeMap<String, BTreeSet<u64>>,
}

fn run(place: &Place, world: &World, role: &str, token: Option<&str>) -> Report {
    let program = outside_tools().join("python/bin/schemathesis");
    let settings = workspace().join("tests/outside/schemathesis/schemathesis.toml");
    let settings = std::fs::read_to_string(settings).expect("its configuration");
    let config = format!("[parameters]\n{}\n{settings}", world.parameters);
    let config = place.write(&format!("{role}.toml"), config);
    let report = place.path(&format!("{role}.ndjson"));
    let mut command = Command::new(program);
    place.settle(&mut command);
    command.arg("--config-file").arg(config).args(["run", &format!("{}/openapi.json", world.served.url)]);
    command.args(["--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure", "--seed", "1"]);
    let examples = std::env::var(EXAMPLES_VARIABLE).unwrap_or_else(|_| EXAMPLES.to_owned());
    command.args(["--max-examples", &examples, "--exclude-path", "/v1/feed", "--report", "ndjson"]);
    command.arg("--report-ndjson-path").arg(&report);
    command.env("SCHEMATHESIS_HOOKS", workspace().join("tests/outside/schemathesis/hooks.py"));
    command.env("ENVELOPE", place.path(ENVELOPE)).env("REQUESTS", place.path(REQUESTS));
    if let Some(token) = token {
        command.arg("-H").arg(format!("Authorization: Bearer {token}"));
    }
    let done = Done::of(command.output().expect("schemathesis starts"));
    Report { done, statuses: statuses(&report) }
}

/// The statuses of every answer, by operation.
fn statuses(report: &Path) -> BTreeMap<String, BTreeSet<u64>> {
    let text = std::fs::read_to_string(report).expect("a report");
    let mut statuses: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).expect("a line of JSON");
        let recorder = &event["ScenarioFinished"]["recorder"];
        for (case, interaction) in recorder["interactions"].as_object().into_iter().flatten() {
            let case = &recorder["cases"][case]["value"];
            let Some(status) = interaction["response"]["status_code"].as_u64() else { continue };
            let (Some(method), Some(path)) = (case["method"].as_str(), case["path"].as_str()) else {
                continue;
            };
            statuses.entry(format!("{method} {path}")).or_default().insert(status);
        }
    }
    statuses
}

/// Every operation of the document.
fn operations(served: &Served) -> BTreeSet<String> {
    let document: Value = serde_json::from_slice(&served.get("/openapi.json")).expect("JSON");
    let items = document["paths"].as_object().expect("paths").iter();
    let of_item = |(path, item): (&String, &Value)| -> Vec<String> {
        let methods = item.as_object().expect("methods").keys();
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    items.flat_map(of_item).collect()
}

#[test]
fn schemathesis_finds_no_failure_as_any_role() {
    let program = outside_tools().join("python/bin/schemathesis");
    if !Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success()) {
        let why = "schemathesis is not installed, ./check does so";
        return skip("schemathesis_finds_no_failure_as_any_role", why);
    }
    let place = Place::new();
    let world = world(&place);
    let operations = operations(&world.served);
    let mut answered: BTreeSet<String> = BTreeSet::new();
    for (role, token) in [("admin", Some(&world.admin)), ("service", Some(&world.service)), ("nobody", None)]
    {
        let Report { done, statuses } = run(&place, &world, role, token.map(String::as_str));
        assert_eq!(done.status, Some(0), "{role}: {}\n{}", done.out, done.err);
        let asked = statuses.keys().filter(|operation| operations.contains(*operation)).count();
        assert!(
            asked + 1 >= operations.len(),
            "{role}: {asked} of {} operations were asked",
            operations.len()
        );
        let succeeded = |found: &BTreeSet<u64>| found.iter().any(|status| (200..300).contains(status));
        answered.extend(statuses.into_iter().filter(|(_, found)| succeeded(found)).map(|(name, _)| name));
        if role == "nobody" {
            assert!(!answered.is_empty());
        }
    }
    let without: Vec<_> = operations.iter().filter(|operation| !answered.contains(*operation)).collect();
    println!("never answered by 2xx: {without:?}");
    assert!(without.iter().any(|operation| *operation == FEED), "{FEED} was asked for");
    let share = 100 * (operations.len() - without.len()) / operations.len();
    assert!(share >= ANSWERED_PERCENT, "{share} % of the operations were answered by 2xx: not {without:?}");
}
