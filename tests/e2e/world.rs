//! A ledger in a folder of its own behind real HTTP, enterprises on it, and customers with keys of their own at each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use grantbook_engine::{Clock, Ledger, OpenError, Role};
use grantbook_record::encoding::{Bytes32, array_from_base64url};
use grantbook_record::event::{
    Claims, Evidence, GrantGiven, GrantWithdrawn, KeyEnrolled, NoticePublished, TemplatePublished,
};
use grantbook_record::terms::{Language, TemplateRef};
use grantbook_record::uses::UseFacts;
use grantbook_record::{
    Envelope, Jti, Kind, Receipt, Signer, SubjectId, TagKey, TenantId, Term, Terms, UnixMillis,
};
use grantbook_sdk::{GateConfig, LeafIndex, LogKeys, Parties, Token};
use grantbook_server::{Flags, Server, ServerConfig};
use grantbook_tlog::{Hash, TreeSize};
use rand_core::{OsRng, RngCore as _};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Answer, Call, OCTETS};

/// The data that grants of these tests cover arose within these days.
pub(crate) const FIRST_DAY: &str = "1997-01-01";
pub(crate) const LAST_DAY: &str = "1997-09-30";
pub(crate) const ORIGIN: &str = "ledger.test/log";

/// A ledger, served until it is stopped.
pub(crate) struct World {
    _folder: tempfile::TempDir,
    config: ServerConfig,
    /// How far the ledger's clock is ahead of the machine's, in milliseconds.
    ahead_ms: Arc<AtomicI64>,
    /// Where the ledger's clock stands still, in Unix milliseconds; 0 where it runs.
    stopped_ms: Arc<AtomicU64>,
    running: Option<Running>,
}

struct Running {
    ledger: Ledger,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// An enterprise with a published template and notice.
pub(crate) struct Enterprise {
    pub(crate) id: TenantId,
    pub(crate) name: String,
    pub(crate) signer: Signer,
    /// Bearer token of a service.
    pub(crate) service: String,
    /// Bearer token of an administrator.
    pub(crate) admin: String,
    pub(crate) template: TemplateRef,
    pub(crate) notice: Bytes32,
}

/// A customer of one enterprise.
pub(crate) struct Customer {
    pub(crate) sub: SubjectId,
    pub(crate) key: Signer,
}

/// A grant that was given.
pub(crate) struct Grant {
    pub(crate) id: Jti,
    pub(crate) leaf_index: LeafIndex,
    pub(crate) envelope: Vec<u8>,
}

impl World {
    /// `bound`: how long a withdrawal may take to reach every gate.
    pub(crate) async fn open(bound: Duration) -> Self {
        Self::open_with(bound, |_| ()).await
    }

    /// The same, configured otherwise.
    pub(crate) async fn open_with(bound: Duration, change: impl FnOnce(&mut ServerConfig)) -> Self {
        let (folder, mut config) = Self::prepare(bound);
        change(&mut config);
        Self::begin(folder, config, 0).await
    }

    fn prepare(bound: Duration) -> (tempfile::TempDir, ServerConfig) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let flags = Flags {
            listen: Some("127.0.0.1:0".parse().expect("an address")),
            data_dir: Some(folder.path().join("data")),
            origin: Some(ORIGIN.to_owned()),
            ..Flags::default()
        };
        // a file of our own, so that none of this machine's is read
        let file = folder.path().join("grantbook.toml");
        std::fs::write(&file, "").expect("a file");
        let mut config = ServerConfig::load(Some(&file), &flags).expect("a configuration");
        config.freshness_bound_ms = u64::try_from(bound.as_millis()).expect("a short time");
        (folder, config)
    }

    /// With a clock that stands still at this time until it is set, configured otherwise.
    pub(crate) async fn stopped_at(
        at: UnixMillis,
        bound: Duration,
        change: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        let (folder, mut config) = Self::prepare(bound);
        change(&mut config);
        Self::begin(folder, config, at.0).await
    }

    async fn begin(folder: tempfile::TempDir, config: ServerConfig, stopped_ms: u64) -> Self {
        let stopped_ms = Arc::new(AtomicU64::new(stopped_ms));
        let mut world = Self { _folder: folder, config, ahead_ms: Arc::default(), stopped_ms, running: None };
        world.start().await;
        world
    }

    /// Opens the ledger and serves it, on a port that need not be the last one.
    pub(crate) async fn start(&mut self) {
        let mut config = self.config.ledger();
        let (ahead_ms, stopped_ms) = (Arc::clone(&self.ahead_ms), Arc::clone(&self.stopped_ms));
        config.clock = Clock::new(move || time(&ahead_ms, &stopped_ms));
        let started = Instant::now();
        let ledger = loop {
            match Ledger::open(&config) {
                // connections of the last server that are still closing
                Err(OpenError::Held(_)) if started.elapsed() < Duration::from_secs(10) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                opened => break opened.expect("a ledger"),
            }
        };
        let server = Server::bind(ledger.clone(), self.config.clone()).await.expect("a server");
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            server.run(async move { drop(stopped.await) }).await.expect("an orderly end");
        });
        self.running = Some(Running { ledger, address, stop, task });
    }

    /// Tells the server to stop and waits until it has.
    pub(crate) async fn stop(&mut self) {
        let Running { ledger, stop, task, .. } = self.running.take().expect("a server that runs");
        drop((ledger, stop));
        task.await.expect("a server that ends");
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("a server that runs")
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.running().ledger
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running().address
    }

    pub(crate) fn size_root(&self) -> (TreeSize, Hash) {
        self.ledger().size_root()
    }

    /// Sets the ledger's clock and these tests'.
    pub(crate) fn set_ahead(&self, ahead: Duration) {
        self.ahead_ms.store(i64::try_from(ahead.as_millis()).expect("a short time"), Ordering::SeqCst);
    }

    /// Sets a clock that stands still.
    pub(crate) fn set_stopped(&self, at: UnixMillis) {
        self.stopped_ms.store(at.0, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> UnixMillis {
        time(&self.ahead_ms, &self.stopped_ms)
    }

    pub(crate) fn jti(&self) -> Jti {
        Jti::new(self.now(), random())
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        call.send(self.address()).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Call::get(path).token(Some(token))).await
    }

    /// Sends an envelope, without a token.
    pub(crate) async fn append(&self, envelope: &[u8]) -> Answer {
        self.send(Call::post("/v1/events", OCTETS, envelope.to_vec())).await
    }

    /// Signs an event and appends it; gives its receipt and where it stands.
    pub(crate) async fn record<T: Serialize>(
        &self,
        enterprise: &Enterprise,
        kind: Kind,
        event: T,
        signers: &[&Signer],
    ) -> (LeafIndex, Receipt) {
        let answer = self.append(&self.envelope(enterprise, kind, event, signers)).await.expect(201).json();
        let receipt = serde_json::from_value(answer["receipt"].clone()).expect("a receipt");
        (LeafIndex(answer["leaf_index"].as_u64().expect("a leaf index")), receipt)
    }

    /// An envelope for this enterprise, signed now.
    pub(crate) fn envelope<T: Serialize>(
        &self,
        enterprise: &Enterprise,
        kind: Kind,
        event: T,
        signers: &[&Signer],
    ) -> Vec<u8> {
        Envelope::sign(kind, &Claims::new(enterprise.id, self.jti(), event).to_json(), signers)
    }

    /// A new enterprise; its texts are its own.
    pub(crate) async fn enterprise(&self, name: &str) -> Enterprise {
        let signer = signer(&format!("enterprise {name}"));
        let tenant = self.ledger().create_tenant(name, *signer.public_key(), false).expect("a tenant");
        let token = |role| self.ledger().create_token(tenant.id, role, "tests").expect("a token").1;
        let text = format!("{name} uses your purchases to recommend records.");
        let mut enterprise = Enterprise {
            id: tenant.id,
            name: name.to_owned(),
            signer,
            service: token(Role::Service),
            admin: token(Role::Admin),
            template: TemplateRef {
                id: term(&format!("template-{name}")),
                version: 1,
                hash: Bytes32([0; 32]),
            },
            notice: Bytes32::sha256(text.as_bytes()),
        };
        let notice = NoticePublished {
            id: term(&format!("notice-{name}")),
            version: 1,
            language: Language::English,
            text: text.clone(),
            contents: None,
        };
        self.record(&enterprise, Kind::NoticePublished, notice, &[&enterprise.signer]).await;
        let template = json!({
            "id": enterprise.template.id, "version": 1,
            "text": [{"language": "en", "title": format!("Records by {name}"), "body": text}],
            "bounds": {"controllers": [name], "recipients": ["recommender"], "purposes": ["service-personalisation"],
                "categories": ["purchases"], "validity_days_max": 400}
        });
        let template: TemplatePublished = serde_json::from_value(template).expect("a template");
        let envelope = self.envelope(&enterprise, Kind::TemplatePublished, template, &[&enterprise.signer]);
        enterprise.template.hash = Bytes32::sha256(&envelope);
        self.append(&envelope).await.expect(201);
        enterprise
    }

    /// Enrols a customer, for whose key the enterprise vouches.
    pub(crate) async fn customer(&self, enterprise: &Enterprise, name: &str) -> Customer {
        let customer = Customer::new(enterprise, name);
        let event = customer.enrolment(Evidence::Enterprise);
        self.record(enterprise, Kind::KeyEnrolled, event, &[&customer.key, &enterprise.signer]).await;
        customer
    }

    /// Terms within the template, changed.
    pub(crate) fn terms(&self, enterprise: &Enterprise, change: impl FnOnce(&mut Value)) -> Terms {
        let now = self.now().seconds().0;
        let mut terms = json!({
            "controller": enterprise.name, "recipient": "recommender", "purpose": "service-personalisation",
            "scope": {"include": [{"category": "purchases", "period": {"from": FIRST_DAY, "to": LAST_DAY}}]},
            "validity": {"start": now - 86_400, "end": now + 365 * 86_400},
            "compensation": {"per_use": {"currency": "CNY", "minor": 80}},
            "notice": {"hash": enterprise.notice, "language": "en", "shown_at": now},
            "template": enterprise.template,
        });
        change(&mut terms);
        serde_json::from_value(terms).expect("terms")
    }

    pub(crate) async fn grant_with(
        &self,
        enterprise: &Enterprise,
        customer: &Customer,
        change: impl FnOnce(&mut Value),
    ) -> Grant {
        let event = customer.given(self.terms(enterprise, change));
        let envelope = self.envelope(enterprise, Kind::GrantGiven, event, &[&customer.key]);
        let answer = self.append(&envelope).await.expect(201).json();
        Grant {
            id: Envelope::parse(&envelope).expect("an envelope").event().expect("an event").jti,
            leaf_index: LeafIndex(answer["leaf_index"].as_u64().expect("a leaf index")),
            envelope,
        }
    }

    pub(crate) async fn grant(&self, enterprise: &Enterprise, customer: &Customer) -> Grant {
        self.grant_with(enterprise, customer, |_| ()).await
    }

    /// Withdraws by the customer's key; gives where the withdrawal stands.
    pub(crate) async fn withdraw(
        &self,
        enterprise: &Enterprise,
        customer: &Customer,
        grant: &Grant,
    ) -> LeafIndex {
        let event = GrantWithdrawn { sub: customer.sub.clone(), grant: grant.id, channel: None };
        self.record(enterprise, Kind::GrantWithdrawn, event, &[&customer.key]).await.0
    }

    /// Waits until every end of a grant is acknowledged, so that nothing comes to the log by itself.
    pub(crate) async fn all_acknowledged(&self, enterprise: &Enterprise) {
        let get = async |path: &str| self.get(path, &enterprise.service).await.expect(200).json();
        for grant in get("/v1/grants").await["grants"].as_array().expect("grants") {
            let path = format!("/v1/grants/{}/acknowledgements", grant["grant"].as_str().expect("an id"));
            // one that is shown is published
            while get(&path).await.get("ended").is_some()
                && get(&path).await["recipients"][0].get("acknowledged").is_none()
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// The keys that readers pin.
    pub(crate) async fn log_keys(&self) -> LogKeys {
        LogKeys::parse(self.send(Call::get("/log/vkey")).await.expect(200).text()).expect("keys")
    }

    /// For a remote gate that reaches the server at `address`.
    pub(crate) async fn gate(&self, enterprise: &Enterprise, address: SocketAddr) -> GateConfig {
        let token = Token::new(&enterprise.service);
        let server = format!("http://{address}");
        let bound = Duration::from_millis(self.config.freshness_bound_ms);
        GateConfig { bound, ..GateConfig::new(server, token, enterprise.id, self.log_keys().await) }
    }

    /// Whose events an embedded gate believes.
    pub(crate) fn parties(&self, enterprise: &Enterprise) -> Parties {
        let operator = self.ledger().operator_key().thumbprint();
        Parties { enterprise: enterprise.signer.thumbprint(), operator }
    }

    /// The keyring as it lies on the operator's disk.
    fn keyring(&self) -> Value {
        let path = self.config.ledger().keyring_dir.join("keyring.json");
        let text = std::fs::read_to_string(path).expect("a keyring");
        // the last line is a checksum
        let (json, _) = text.trim_end().rsplit_once('\n').expect("a last line");
        serde_json::from_str(json).expect("JSON")
    }

    /// The operator's own key.
    pub(crate) fn operator(&self) -> Signer {
        Signer::from_seed(&bytes_of(&self.keyring()["operator_seed"])).expect("a key")
    }

    /// The key that finds an enterprise's entries.
    pub(crate) fn tag_key(&self, enterprise: &Enterprise) -> TagKey {
        let keyring = self.keyring();
        let tenants = keyring["tenants"].as_array().expect("tenants");
        let tenant = tenants.iter().find(|tenant| tenant["id"] == json!(enterprise.id)).expect("the tenant");
        TagKey::from_bytes(bytes_of(&tenant["tag_key"]))
    }
}

impl Customer {
    /// A person's key and pseudonym at one enterprise, which nobody else is told.
    pub(crate) fn new(enterprise: &Enterprise, name: &str) -> Self {
        let sub = SubjectId::parse(&format!("{name}-of-{}", enterprise.name)).expect("a pseudonym");
        Self { sub, key: signer(&format!("{name} at {}", enterprise.name)) }
    }

    /// The first key joins, vouched for in this way.
    pub(crate) fn enrolment(&self, evidence: Evidence) -> KeyEnrolled {
        KeyEnrolled { sub: self.sub.clone(), key: *self.key.public_key(), evidence, recovery: None }
    }

    /// Their consent to these terms.
    pub(crate) fn given(&self, terms: Terms) -> GrantGiven {
        GrantGiven { sub: self.sub.clone(), terms, request: None, birth_day: None, mandate: None }
    }

    /// A use that their grant permits.
    pub(crate) fn facts(&self) -> UseFacts {
        facts(&self.sub)
    }
}

pub(crate) fn facts(sub: &SubjectId) -> UseFacts {
    let facts = json!({
        "data_subject": sub, "requester": "web-shop", "recipient": "recommender",
        "purpose": "service-personalisation", "action": "read", "categories": ["purchases"],
        "fields": ["date", "quantity"], "data_period": {"from": FIRST_DAY, "to": LAST_DAY},
    });
    serde_json::from_value(facts).expect("facts")
}

pub(crate) fn signer(name: &str) -> Signer {
    Signer::from_seed(&Bytes32::sha256(name.as_bytes()).0).expect("a key")
}

pub(crate) fn term(text: &str) -> Term {
    Term::parse(text).expect("a term")
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

fn time(ahead_ms: &AtomicI64, stopped_ms: &AtomicU64) -> UnixMillis {
    match stopped_ms.load(Ordering::SeqCst) {
        0 => UnixMillis(Clock::system().now().0.saturating_add_signed(ahead_ms.load(Ordering::SeqCst))),
        stopped => UnixMillis(stopped),
    }
}

fn bytes_of(value: &Value) -> [u8; 32] {
    value.as_str().and_then(array_from_base64url).expect("32 bytes")
}
