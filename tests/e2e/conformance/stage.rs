//! Cases on a real ledger: every customer with a key of their own, every event signed and admitted, every use so far in a
//! gate's signed batch; hour by hour, by a clock that stands still in between.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{
    Claims, Evidence, GrantAmended, GrantGiven, GrantPaused, GrantResumed, GrantRevoked, GrantWithdrawn,
    KeyEnrolled, Revoker, TemplatePublished,
};
use grantbook_record::terms::NoticeShown;
use grantbook_record::uses::{Outcome, Permitted, UseFacts, UseRecord, sign_batch};
use grantbook_record::{
    Envelope, GateId, Jti, Kind, Salt, Signer, SubjectId, Term, Terms, UnixMillis, UnixSeconds,
};
use grantbook_sdk::{Decision, Gate, GateConfig, SpoolConfig};
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::cases::{Case, Step, What, events_at, moment};
use crate::client::{Call, JSON, OCTETS};
use crate::world::{Enterprise, World, random, signer, term};

/// Short enough to wait for, long enough for a busy machine.
pub(super) const BOUND: Duration = Duration::from_secs(3);
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Customers that send at the same time.
const LANES: usize = 16;
const RECORDS_MAX: usize = 200;
const RECORDER: &str = "recorder";

/// A customer of a case, as it went.
pub(super) struct Played {
    pub(super) case: Case,
    key: Signer,
    /// By position; those that are not given yet are missing.
    pub(super) grants: Vec<Jti>,
}

impl Played {
    pub(super) fn facts(&self) -> &UseFacts {
        &self.case.world.facts
    }

    /// The position of a grant.
    pub(super) fn position(&self, grant: &Jti) -> usize {
        self.grants.iter().position(|known| known == grant).expect("a grant of this customer")
    }
}

/// An enterprise with the customers of its cases.
pub(super) struct Tenant {
    pub(super) enterprise: Enterprise,
    pub(super) customers: Vec<Played>,
    folder: tempfile::TempDir,
    /// Uses that the recorder has sent.
    recorded: u64,
    /// The customer by whose grants a gate is seen to have come as far as the ledger.
    clock: Signer,
}

pub(super) struct Stage {
    pub(super) world: World,
}

fn millis(at: UnixSeconds) -> UnixMillis {
    UnixMillis(at.0 * 1000)
}

fn clock_sub() -> SubjectId {
    SubjectId::parse("clock").expect("a pseudonym")
}

impl Stage {
    pub(super) async fn open() -> Self {
        let world = World::stopped_at(millis(events_at(0)), BOUND, |config| {
            config.limits.events_per_second = 1_000_000;
            config.limits.tenant_events_per_second = 1_000_000;
        });
        Self { world: world.await }
    }

    /// An enterprise with a template for all that grants of the cases say, and its customers, enrolled.
    pub(super) async fn tenant(&self, name: &str, cases: Vec<Case>) -> Tenant {
        let mut enterprise = self.world.enterprise(name).await;
        let template = json!({
            "id": "cases", "version": 1,
            "text": [{"language": "en", "title": "Cases", "body": "All that is granted in the cases."}],
            "bounds": {"controllers": ["enterprise"], "recipients": ["partner", "stranger"],
                "purposes": ["research", "marketing"], "categories": ["driving", "purchases"],
                "validity_days_max": 400}
        });
        let template: TemplatePublished = serde_json::from_value(template).expect("a template");
        enterprise.template.id = template.id.clone();
        let envelope =
            self.world.envelope(&enterprise, Kind::TemplatePublished, template, &[&enterprise.signer]);
        enterprise.template.hash = Bytes32::sha256(&envelope);
        self.world.append(&envelope).await.expect(201);
        let id = GateId::parse(RECORDER).expect("a name");
        let recorder = recorder();
        self.world.ledger().register_gate(enterprise.id, &id, *recorder.public_key()).expect("registered");
        let customers = cases.into_iter().map(|case| {
            let key = signer(&format!("{} at {name}", case.sub));
            Played { case, key, grants: Vec::new() }
        });
        let customers = customers.collect();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = signer(&format!("clock at {name}"));
        let tenant = Tenant { enterprise, customers, folder, recorded: 0, clock };
        let keys = tenant.customers.iter().map(|played| (&played.case.sub, &played.key));
        let clock = clock_sub();
        let enrolments = keys.chain([(&clock, &tenant.clock)]).map(|(sub, key)| {
            let event = KeyEnrolled {
                sub: sub.clone(),
                key: *key.public_key(),
                evidence: Evidence::Enterprise,
                recovery: None,
            };
            let signers = [key, &tenant.enterprise.signer];
            vec![self.world.envelope(&tenant.enterprise, Kind::KeyEnrolled, event, &signers)]
        });
        self.send(enrolments.collect()).await;
        tenant
    }

    /// Sends each customer's envelopes in their order, those of several customers at once.
    async fn send(&self, envelopes: Vec<Vec<Vec<u8>>>) {
        let mut lanes: Vec<Vec<Vec<u8>>> = vec![Vec::new(); LANES];
        for (at, of_one) in envelopes.into_iter().enumerate() {
            lanes[at % LANES].extend(of_one);
        }
        let address = self.world.address();
        let mut sending = JoinSet::new();
        for lane in lanes {
            sending.spawn(async move {
                for envelope in lane {
                    Call::post("/v1/events", OCTETS, envelope).send(address).await.expect(201);
                }
            });
        }
        sending.join_all().await;
    }

    /// The events of this hour.
    pub(super) async fn events(&self, tenant: &mut Tenant, hour: u64) {
        self.world.set_stopped(millis(events_at(hour)));
        let Tenant { enterprise, customers, .. } = tenant;
        let envelopes = customers.iter_mut().map(|played| {
            let steps: Vec<Step> =
                played.case.steps.iter().filter(|step| step.hour == hour).cloned().collect();
            steps.into_iter().map(|step| self.envelope(enterprise, played, step)).collect()
        });
        let envelopes = envelopes.collect();
        self.send(envelopes).await;
    }

    fn envelope(&self, enterprise: &Enterprise, played: &mut Played, step: Step) -> Vec<u8> {
        let id = self.world.jti();
        let sub = played.case.sub.clone();
        if let What::Given(..) = step.what {
            assert_eq!(played.grants.len(), step.grant, "given in order");
            played.grants.push(id);
        }
        let grant = played.grants[step.grant];
        let terms = |terms: Terms, supersedes: Option<usize>| Terms {
            notice: NoticeShown { hash: enterprise.notice, ..terms.notice },
            template: enterprise.template.clone(),
            supersedes: supersedes.map(|at| played.grants[at]),
            ..terms
        };
        let (kind, event, signer) = match step.what {
            What::Given(given, supersedes) => {
                let terms = terms(*given, supersedes);
                let event = GrantGiven { sub, terms, request: None, birth_day: None, mandate: None };
                (Kind::GrantGiven, serde_json::to_value(event), &played.key)
            }
            What::Amended(amended) => {
                let event = GrantAmended { sub, grant, terms: terms(*amended, None), birth_day: None };
                (Kind::GrantAmended, serde_json::to_value(event), &played.key)
            }
            What::Paused => {
                (Kind::GrantPaused, serde_json::to_value(GrantPaused { sub, grant }), &played.key)
            }
            What::Resumed => {
                (Kind::GrantResumed, serde_json::to_value(GrantResumed { sub, grant }), &played.key)
            }
            What::Withdrawn => {
                let event = GrantWithdrawn { sub, grant, channel: None };
                (Kind::GrantWithdrawn, serde_json::to_value(event), &played.key)
            }
            What::Revoked => {
                let event = GrantRevoked { sub, grant, by: Revoker::Enterprise, reason: term("fraud") };
                (Kind::GrantRevoked, serde_json::to_value(event), &enterprise.signer)
            }
        };
        let claims = Claims::new(enterprise.id, id, event.expect("an event"));
        Envelope::sign(kind, &claims.to_json(), &[signer])
    }

    /// The uses of this hour, and the hour itself; gives what each of them is flagged with.
    pub(super) async fn uses(&self, tenant: &mut Tenant, hour: u64) -> Vec<Value> {
        self.world.set_stopped(millis(moment(hour)));
        let uses = tenant.customers.iter().flat_map(|played| {
            let grants = played.case.world.grants.iter().zip(&played.grants);
            grants.flat_map(|(grant, id)| {
                let now = grant.past.iter().filter(|at| **at == moment(hour));
                now.map(|at| (*at, played.facts().clone(), *id))
            })
        });
        let uses: Vec<_> = uses.collect();
        self.record(tenant, uses).await
    }

    /// Sends uses in a gate's batches; gives what each of them is flagged with.
    pub(super) async fn record(
        &self,
        tenant: &mut Tenant,
        uses: Vec<(UnixSeconds, UseFacts, Jti)>,
    ) -> Vec<Value> {
        let gate = GateId::parse(RECORDER).expect("a name");
        let mut flags = Vec::new();
        for some in uses.chunks(RECORDS_MAX) {
            let records = some.iter().map(|(at, facts, grant)| {
                let outcome = Outcome::Permitted(Permitted::committed(*grant));
                let record = UseRecord::new(gate.clone(), tenant.recorded, *at, facts.clone(), outcome);
                tenant.recorded += 1;
                (record, Salt(Bytes32(random())))
            });
            let records: Vec<_> = records.collect();
            let claims = Claims::new(tenant.enterprise.id, self.world.jti(), ());
            let batch = sign_batch(&claims, &records, &recorder()).expect("a batch");
            let body = serde_json::to_vec(&batch).expect("JSON");
            let call = Call::post("/v1/uses", JSON, body).token(Some(&tenant.enterprise.service));
            let answer = self.world.send(call).await.expect(201).json();
            let uses = answer["uses"].as_array().expect("uses").iter();
            flags.extend(uses.map(|used| used.get("flag").cloned().unwrap_or_default()));
        }
        flags
    }

    /// Sets what a project may spend.
    pub(super) async fn budget(&self, tenant: &Tenant, project: &Term, budget: &Value) {
        let body = serde_json::to_vec(budget).expect("JSON");
        let call = Call::new(Method::PUT, format!("/v1/budgets/{project}")).body(JSON, body);
        self.world.send(call.token(Some(&tenant.enterprise.admin))).await.expect(204);
    }

    /// Gives a grant by which [`Self::arrived`] sees how far a gate has come.
    pub(super) async fn strike(&self, tenant: &Tenant, hour: u64) {
        let facts = hour_facts(hour);
        let now = self.world.now().seconds().0;
        let terms = json!({
            "controller": "enterprise", "recipient": "partner", "purpose": "research",
            "scope": {"include": [{"category": "driving", "period": facts.data_period}]},
            "validity": {"start": now, "end": now + 86_400}, "compensation": "none",
            "notice": {"hash": tenant.enterprise.notice, "language": "en", "shown_at": now},
            "template": tenant.enterprise.template,
        });
        let terms: Terms = serde_json::from_value(terms).expect("terms");
        let sub = clock_sub();
        let event = GrantGiven { sub, terms, request: None, birth_day: None, mandate: None };
        self.world.record(&tenant.enterprise, Kind::GrantGiven, event, &[&tenant.clock]).await;
    }

    /// Waits until a gate has everything up to the strike of this hour, and a head that was signed after it.
    pub(super) async fn arrived(&self, gate: &Gate, hour: u64) {
        let started = Instant::now();
        while !matches!(gate.decide(&hour_facts(hour)), Decision::Permit(_)) {
            assert!(started.elapsed() < PATIENCE, "hour {hour} does not arrive");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn remote_config(&self, tenant: &Tenant, address: SocketAddr) -> GateConfig {
        let config = self.world.gate(&tenant.enterprise, address).await;
        // a busy machine gives the same answers, only later
        GateConfig { connect_within: PATIENCE, deadline: PATIENCE, ..config }
    }

    /// With a spool, under a name that is new.
    pub(super) async fn embedded_config(
        &self,
        tenant: &Tenant,
        name: &str,
        address: SocketAddr,
    ) -> GateConfig {
        let id = GateId::parse(name).expect("a name");
        let key = signer(name);
        self.world.ledger().register_gate(tenant.enterprise.id, &id, *key.public_key()).expect("registered");
        let spool = SpoolConfig::new(tenant.folder.path().join(name), key);
        let config = self.remote_config(tenant, address).await;
        config.named(id).embedded(self.world.parties(&tenant.enterprise)).spooled(spool)
    }
}

fn recorder() -> Signer {
    signer(RECORDER)
}

/// A use that the strike of this hour permits, and no earlier one.
fn hour_facts(hour: u64) -> UseFacts {
    let day = format!("2025-01-{:02}", hour + 1);
    let facts = json!({
        "data_subject": clock_sub(), "requester": "service", "recipient": "partner", "purpose": "research",
        "action": "read", "categories": ["driving"], "fields": ["date"],
        "data_period": {"from": day, "to": day},
    });
    serde_json::from_value(facts).expect("facts")
}
