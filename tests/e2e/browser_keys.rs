//! A customer's keys in a real browser: invited, enrolled, agreed, recovered on another device, stopped.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use grantbook_plan::Status;
use grantbook_record::encoding::from_base64url;
use grantbook_record::event::RequestMade;
use grantbook_record::receipt::{Attached, Content};
use grantbook_record::{Envelope, Jti, Kind, SubjectId, UnixSeconds};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::client::Call;
use crate::world::{Enterprise, World};

const SUB: &str = "cs-00004";

/// The driver, and what it says.
pub(crate) struct Browser {
    pub(crate) child: Child,
    says: Lines<BufReader<ChildStdout>>,
    told: ChildStdin,
}

impl Browser {
    /// A script of `tests/browser`; `None`, said, where it cannot run.
    pub(crate) fn start(script: &str, arguments: &[&str]) -> Option<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let installed = root.join("target/outside/browser/node_modules/playwright-core");
        let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
        if !installed.is_dir() || !chromium.iter().any(|path| PathBuf::from(path).exists()) {
            println!("skipped: Chromium, and playwright-core in target/outside/browser");
            return None;
        }
        let mut child = Command::new("node")
            .arg(root.join("tests/browser").join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node");
        let says = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let told = child.stdin.take().expect("a pipe");
        Some(Self { child, says, told })
    }

    pub(crate) async fn until(&mut self, said: &str) {
        let line = tokio::time::timeout(Duration::from_secs(120), self.says.next_line()).await;
        let line = line.expect("an answer in time").expect("a line").expect("more to come");
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value[said], true, "{line}");
    }

    pub(crate) async fn tell(&mut self, what: &Value) {
        self.told.write_all(format!("{what}\n").as_bytes()).await.expect("a reader");
    }
}

/// A request of the enterprise to the customer.
pub(crate) async fn ask(world: &World, enterprise: &Enterprise) -> Jti {
    let sub = SubjectId::parse(SUB).unwrap();
    let expires = UnixSeconds(world.now().seconds().0 + 86_400);
    let event = RequestMade { sub, terms: world.terms(enterprise, |_| ()), expires };
    let envelope = world.envelope(enterprise, Kind::RequestMade, event, &[&enterprise.signer]);
    world.append(&envelope).await.expect(201);
    Envelope::parse(&envelope).unwrap().event().unwrap().jti
}

/// A link by which somebody becomes the enterprise's customer.
pub(crate) async fn invite(world: &World, enterprise: &Enterprise, sub: &str) -> String {
    let invitation = json!({"data_subject": sub, "return_url": "https://voltway.example/app"}).to_string();
    let made = Call::post("/v1/invitations", "application/json", invitation).token(Some(&enterprise.admin));
    let made = world.send(made).await.expect(201).json();
    made["url"].as_str().unwrap().to_owned()
}

/// The enterprise vouches for the customer who waits for it.
pub(crate) async fn vouch(world: &World, enterprise: &Enterprise) {
    let waiting = world.get("/v1/enrolments", &enterprise.service).await.expect(200).json();
    let waiting = &waiting["enrolments"][0];
    let payload = from_base64url(waiting["payload"].as_str().unwrap()).unwrap();
    let kind = Kind::parse(waiting["kind"].as_str().unwrap()).unwrap();
    let voucher = Envelope::sign(kind, &payload, &[&enterprise.signer]);
    let path = format!("/v1/enrolments/{}", waiting["id"].as_str().unwrap());
    let call = Call::post(&path, "application/jose", voucher[4..].to_vec()).token(Some(&enterprise.service));
    world.send(call).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_a_browser_from_the_invitation_to_the_end() {
    let world = World::open(Duration::from_secs(5)).await;
    let voltway = world.enterprise("voltway").await;
    let origin = format!("http://localhost:{}", world.address().port());
    let link = &invite(&world, &voltway, SUB).await;
    let Some(mut browser) = Browser::start("keys.mjs", &[&origin, link]) else { return };

    browser.until("enrolled").await;
    vouch(&world, &voltway).await;
    let sub = SubjectId::parse(SUB).unwrap();
    let customer = || world.ledger().customer(voltway.id, &sub).unwrap();
    assert!(customer().recovery.is_some());
    let first_key = customer().keys[0].key;
    let first_passkeys = world.ledger().passkeys(voltway.id, &sub).unwrap();
    assert_eq!(first_passkeys.len(), 1);

    let request = ask(&world, &voltway).await;
    browser.tell(&json!({"request": request})).await;
    browser.until("agreed").await;
    let grant = customer().grants[0].clone();
    assert_eq!(grant.terms.limits.uses.unwrap().get(), 3);
    // Chromium's assertion is one that every reader of the specification takes
    let leaf = world.ledger().find_event(voltway.id, &grant.id).unwrap();
    let receipt = world.ledger().customers_receipt(voltway.id, &sub, leaf).unwrap();
    receipt.verify(world.ledger().log_keys()).unwrap();
    let Content::Event(content) = &receipt.content else { panic!("an event") };
    assert!(matches!(content.attached, Some(Attached::Shown(_))));
    browser.tell(&json!({"grant": grant.id})).await;

    browser.until("recovered").await;
    let known = customer();
    assert!(known.signing_key(&first_key.thumbprint()).is_none(), "the lost key has ended");
    assert_ne!(world.ledger().passkeys(voltway.id, &sub).unwrap(), first_passkeys);
    let request = ask(&world, &voltway).await;
    browser.tell(&json!({"request": request})).await;
    browser.until("stopped").await;
    let known = customer();
    let status = |id: &Jti| known.grant(id).unwrap().status;
    assert_eq!(status(&grant.id), Status::Withdrawn);
    assert_eq!(known.grants.iter().filter(|grant| grant.status == Status::Active).count(), 1);
    assert!(browser.child.wait().await.unwrap().success());
}
