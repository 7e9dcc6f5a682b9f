//! A ledger in a folder that vanishes with the test, its server on a free port, and signers for all parties.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use grantbook_engine::{Clock, Ledger, LedgerConfig, SandboxTenant};
use grantbook_record::day::{DataPeriod, UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{
    AssetIssued, Bounds, Claims, Evidence, GrantGiven, GrantWithdrawn, KeyEnrolled, NoticePublished,
    TemplatePublished,
};
use grantbook_record::lease::{LeasesReleased, Release, sign_release};
use grantbook_record::list::List;
use grantbook_record::terms::{Compensation, Consent, Language, TemplateRef, Terms};
use grantbook_record::uses::{self, Denied, Outcome, Permitted, UseFacts, UseRecord};
use grantbook_record::{
    DataDay, DenialReason, Envelope, GateId, Jti, Kind, Salt, Signer, SubjectId, TenantId, Term,
};
use grantbook_server::{Flags, Server, ServerConfig};
use grantbook_tlog::{Hash, TreeSize};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Answer, Call};

/// Some 27 years: data periods of the tests lie in 1997, validities around now.
const YEAR: u64 = 365 * 86_400;

/// A running server.
pub(crate) struct Book {
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Ledger,
    pub(crate) sandbox: SandboxTenant,
    pub(crate) service_token: String,
    /// Of another tenant of the same ledger.
    pub(crate) stranger_token: String,
    /// How many seconds the ledger's clock is ahead of the machine's.
    pub(crate) ahead: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    config: ServerConfig,
    folder: tempfile::TempDir,
}

/// A customer with an enrolled key.
pub(crate) struct Customer {
    pub(crate) sub: SubjectId,
    pub(crate) signer: Signer,
}

impl Book {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        Self::open_prepared(change, |_, _| {}).await
    }

    /// `prepare` is called before the server answers.
    pub(crate) async fn open_prepared(
        change: impl FnOnce(&mut ServerConfig),
        prepare: impl FnOnce(&Ledger, &Server),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags = Flags {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            data_dir: Some(folder.path().join("data")),
            origin: Some("ledger.test/log".to_owned()),
            ..Flags::default()
        };
        let file = folder.path().join("grantbook.toml");
        std::fs::write(&file, "").unwrap();
        let mut config = ServerConfig::load(Some(&file), &flags).unwrap();
        change(&mut config);
        Self::start(folder, config, prepare).await
    }

    async fn start(
        folder: tempfile::TempDir,
        config: ServerConfig,
        prepare: impl FnOnce(&Ledger, &Server),
    ) -> Self {
        let ahead = Arc::new(AtomicU64::new(0));
        let seconds = Arc::clone(&ahead);
        let clock =
            Clock::new(move || UnixMillis(Clock::system().now().0 + 1000 * seconds.load(Ordering::SeqCst)));
        let ledger = Ledger::open(&LedgerConfig { clock, ..config.ledger() }).unwrap();
        let server = Server::bind(ledger.clone(), config.clone()).await.unwrap();
        prepare(&ledger, &server);
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            server.run(async move { drop(stopped.await) }).await.unwrap();
        });
        let sandbox = ledger.sandbox().unwrap();
        let (_, service_token) =
            ledger.create_token(sandbox.tenant.id, grantbook_engine::Role::Service, "tests").unwrap();
        let known = ledger.tenants().into_iter().find(|tenant| tenant.name == "stranger");
        let stranger = known
            .unwrap_or_else(|| ledger.create_tenant("stranger", *signer(250).public_key(), false).unwrap());
        let (_, stranger_token) =
            ledger.create_token(stranger.id, grantbook_engine::Role::Admin, "tests").unwrap();
        let (stop, running) = (Some(stop), Some(running));
        Self { address, ledger, sandbox, service_token, stranger_token, ahead, stop, running, config, folder }
    }

    /// Tells the server to stop and waits until it has.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            running.await.unwrap();
        }
    }

    /// The same ledger in a new server.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|_| {}).await
    }

    /// The same after whoever has its files has done this to them.
    pub(crate) async fn restart_after(mut self, rewrite: impl FnOnce(&LedgerConfig)) -> Self {
        self.stop().await;
        let Self { ledger, config, folder, .. } = self;
        drop(ledger);
        rewrite(&config.ledger());
        Self::start(folder, config, |_, _| {}).await
    }

    /// Stops the server; gives the folder that its ledger is in.
    pub(crate) async fn into_folder(mut self) -> tempfile::TempDir {
        self.stop().await;
        self.folder
    }

    /// Waits until every end of a grant is acknowledged, so that nothing comes to the log by itself.
    pub(crate) async fn all_acknowledged(&self) {
        for grant in self.get("/v1/grants").await.expect(200).json()["grants"].as_array().unwrap() {
            let path = format!("/v1/grants/{}/acknowledgements", grant["grant"].as_str().unwrap());
            let shown = async || self.get(&path).await.expect(200).json();
            // one that is shown is published
            while shown().await.get("ended").is_some()
                && shown().await["recipients"][0].get("acknowledged").is_none()
            {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    }

    /// Tells the server to stop.
    pub(crate) fn begin_to_stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.sandbox.tenant.id
    }

    pub(crate) fn size_root(&self) -> (TreeSize, Hash) {
        self.ledger.size_root()
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        call.send(self.address).await
    }

    /// With the service's token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Call::get(path).token(&self.service_token)).await
    }

    /// With the service's token.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Call::post(path).token(&self.service_token).json(body)).await
    }

    pub(crate) async fn append(&self, envelope: Vec<u8>) -> Answer {
        self.send(Call::post("/v1/events").bytes("application/octet-stream", envelope)).await
    }

    /// An envelope of this tenant, signed now.
    pub(crate) fn envelope<T: Serialize>(&self, kind: Kind, event: T, signers: &[&Signer]) -> Vec<u8> {
        Envelope::sign(kind, &Claims::new(self.tenant(), jti(), event).to_json(), signers)
    }

    /// Publishes a template and a notice, and gives what grants need of them.
    pub(crate) async fn publish(&self) -> Published {
        let text = "We use your purchases to recommend records.";
        let notice = NoticePublished {
            id: term("notice"),
            version: 1,
            language: Language::English,
            text: text.to_owned(),
            contents: None,
        };
        let notice = self.envelope(Kind::NoticePublished, notice, &[&self.sandbox.enterprise]);
        self.append(notice).await.expect(201);
        let bounds: Bounds = serde_json::from_value(json!({
            "controllers": ["record-shop"], "recipients": ["recommender"], "purposes": ["service-personalisation"],
            "categories": ["purchases"], "validity_days_max": 400
        }))
        .unwrap();
        let text_of_template = json!([{"language": "en", "title": "Recommendations", "body": text}]);
        let template = TemplatePublished::new(
            term("recommendations"),
            1,
            serde_json::from_value(text_of_template).unwrap(),
            bounds,
        );
        let envelope = self.envelope(Kind::TemplatePublished, template, &[&self.sandbox.enterprise]);
        let hash = Bytes32::sha256(&envelope);
        self.append(envelope).await.expect(201);
        let template = TemplateRef { id: term("recommendations"), version: 1, hash };
        Published { template, notice: Bytes32::sha256(text.as_bytes()) }
    }

    pub(crate) fn enrolment(&self, customer: &Customer) -> Vec<u8> {
        let event = KeyEnrolled {
            sub: customer.sub.clone(),
            key: *customer.signer.public_key(),
            evidence: Evidence::Enterprise,
            recovery: None,
        };
        self.envelope(Kind::KeyEnrolled, event, &[&customer.signer, &self.sandbox.enterprise])
    }

    /// Enrols a customer.
    pub(crate) async fn customer(&self, sub: &str, seed: u8) -> Customer {
        let customer = Customer { sub: SubjectId::parse(sub).unwrap(), signer: signer(seed) };
        self.append(self.enrolment(&customer)).await.expect(201);
        customer
    }

    pub(crate) fn grant_event(&self, customer: &Customer, terms: Terms) -> Vec<u8> {
        let event =
            GrantGiven { sub: customer.sub.clone(), terms, request: None, birth_day: None, mandate: None };
        self.envelope(Kind::GrantGiven, event, &[&customer.signer])
    }

    /// A grant of at most three uses.
    pub(crate) async fn grant(&self, customer: &Customer, published: &Published) -> Jti {
        let envelope = self.grant_event(customer, published.terms(&json!({"uses": 3})));
        let jti = Envelope::parse(&envelope).unwrap().event().unwrap().jti;
        self.append(envelope).await.expect(201);
        jti
    }

    pub(crate) fn withdrawal(&self, customer: &Customer, grant: Jti) -> Vec<u8> {
        let event = GrantWithdrawn { sub: customer.sub.clone(), grant, channel: None };
        self.envelope(Kind::GrantWithdrawn, event, &[&customer.signer])
    }

    /// A grant under which reports may be derived, which is used once, and the asset derived under it; and their ids.
    pub(crate) async fn asset(&self, customer: &Customer, published: &Published) -> (Jti, Jti) {
        let mut terms = published.terms(&json!({"uses": 4}));
        let consent = Consent::asked(term("derived-asset"), "Reports may be made of these records.");
        let given = UnixMillis(terms.notice.shown_at.0 * 1000);
        terms.consents = List::new(vec![consent.given(given)]).unwrap();
        terms.compensation = Compensation::None;
        let grant = self.appended(self.grant_event(customer, terms)).await;
        let used = facts(customer.sub.as_str(), 2);
        self.ledger.decide_and_record(self.tenant(), &used, None, None).unwrap();
        let asset = asset_event(customer, grant, &json!({}));
        (grant, self.appended(self.envelope(Kind::AssetIssued, asset, &[&self.sandbox.enterprise])).await)
    }

    async fn appended(&self, envelope: Vec<u8>) -> Jti {
        let jti = Envelope::parse(&envelope).unwrap().event().unwrap().jti;
        self.append(envelope).await.expect(201);
        jti
    }

    /// A gate's word for one lease.
    pub(crate) fn release(&self, gate: &str, signer: &Signer, lease: Jti, spent: u64) -> String {
        let releases = List::new(vec![Release { lease, spent }]).unwrap();
        let word = LeasesReleased { gate: GateId::parse(gate).unwrap(), releases };
        sign_release(&Claims::new(self.tenant(), jti(), word), signer)
    }

    /// A batch of one record by a gate.
    pub(crate) fn batch(&self, gate: &Signer, record: UseRecord, salt: u8) -> Value {
        let claims = Claims::new(self.tenant(), jti(), ());
        let records = [(record, Salt(Bytes32([salt; 32])))];
        serde_json::to_value(uses::sign_batch(&claims, &records, gate).unwrap()).unwrap()
    }
}

/// What was published.
pub(crate) struct Published {
    pub(crate) template: TemplateRef,
    pub(crate) notice: Bytes32,
}

impl Published {
    pub(crate) fn terms(&self, limits: &Value) -> Terms {
        let now = now().seconds().0;
        serde_json::from_value(json!({
            "controller": "record-shop", "recipient": "recommender", "purpose": "service-personalisation",
            "scope": {"include": [{"category": "purchases",
                "period": {"from": "1997-01-01", "to": "1997-09-30"}, "fields": ["date", "quantity"]}]},
            "validity": {"start": now - 86_400, "end": now + YEAR},
            "limits": limits,
            "compensation": {"per_use": {"currency": "CNY", "minor": 80}},
            "notice": {"hash": self.notice, "language": "en", "shown_at": now},
            "template": self.template,
        }))
        .unwrap()
    }
}

/// A summary of purchases that its owner may sell, with these members changed.
pub(crate) fn asset_event(customer: &Customer, grant: Jti, change: &Value) -> AssetIssued {
    let mut asset = json!({
        "sub": customer.sub,
        "category": "purchases",
        "hash": Bytes32::sha256(b"1 purchase in February"),
        "derived_by": "recommender",
        "derived_from": [grant],
        "purpose": "service-personalisation",
        "owner": "customer",
        "terms": {
            "transferable_to": ["enterprise"],
            "licence": {
                "price": {"currency": "CNY", "minor": 120},
                "purposes": ["service-personalisation"],
                "until": now().seconds().0 + YEAR,
            },
        },
    });
    asset.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    serde_json::from_value(asset).unwrap()
}

pub(crate) fn facts(sub: &str, month: u8) -> UseFacts {
    let day = |day: &str| DataDay::parse(&format!("1997-{month:02}-{day}")).unwrap();
    UseFacts {
        data_subject: SubjectId::parse(sub).unwrap(),
        requester: term("recommender"),
        recipient: term("recommender"),
        purpose: term("service-personalisation"),
        action: term("read"),
        categories: serde_json::from_value(json!(["purchases"])).unwrap(),
        fields: serde_json::from_value(json!(["date", "quantity"])).unwrap(),
        data_period: DataPeriod::new(day("01"), day("28")).unwrap(),
        rows: std::collections::BTreeMap::new(),
        level: None,
        onward: grantbook_record::list::List::default(),
    }
}

pub(crate) fn record(gate: &str, seq: u64, facts: UseFacts, grant: Option<Jti>) -> UseRecord {
    let outcome = match grant {
        Some(grant) => Outcome::Permitted(Permitted::committed(grant)),
        None => Outcome::Denied(Denied { reason: DenialReason::NoGrant, grant: None }),
    };
    let at = UnixSeconds(now().0 / 1000);
    UseRecord::new(GateId::parse(gate).unwrap(), seq, at, facts, outcome)
}

pub(crate) fn evaluation(facts: &UseFacts, use_id: &str) -> Value {
    json!({
        "subject": {"type": "service", "id": facts.requester},
        "action": {"name": facts.action},
        "resource": {"type": "customer_data", "id": facts.data_subject,
            "properties": {"categories": facts.categories, "fields": facts.fields}},
        "context": {"recipient": facts.recipient, "purpose": facts.purpose, "data_period": facts.data_period,
            "use_id": use_id}
    })
}

pub(crate) fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

pub(crate) fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).unwrap()
}

pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis(u64::try_from(since.as_millis()).unwrap())
}

/// A new id; the tests' randomness is a counter.
pub(crate) fn jti() -> Jti {
    jti_at(now())
}

pub(crate) fn jti_at(at: UnixMillis) -> Jti {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut random = [7; 10];
    random[6..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Jti::new(at, random)
}
