//! A ledger in a temporary folder, with an enterprise, its template and notice, and customers with keys.

use std::path::Path;

use grantbook_engine::{Clock, Ledger, LedgerConfig};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::Salt;
use grantbook_record::event::{
    Bounds, Claims, Evidence, GrantGiven, GrantWithdrawn, KeyEnrolled, LocalText, NoticePublished,
    PolicyPublished, TemplatePublished,
};
use grantbook_record::list::List;
use grantbook_record::terms::Language;
use grantbook_record::uses::{Outcome, Permitted, UseFacts, UseRecord, sign_batch};
use grantbook_record::{Envelope, GateId, Jti, Kind, Signer, SubjectId, TenantId, Term, Terms};
use grantbook_sdk::Parties;
use rand_core::{OsRng, RngCore as _};
use serde::Serialize;

use crate::Failure;

const NOTICE: &str = "We use your purchases to recommend records.";

pub(crate) struct World {
    /// Holds data folder, keyring and anchor; removed at the end. `None` where another process does that.
    pub(crate) folder: Option<tempfile::TempDir>,
    pub(crate) config: LedgerConfig,
    pub(crate) ledger: Ledger,
    pub(crate) tenant: TenantId,
    pub(crate) token: String,
    pub(crate) terms: Terms,
    enterprise: Signer,
}

/// A customer and, once it is signed, their grant.
pub(crate) struct Customer {
    pub(crate) sub: SubjectId,
    pub(crate) signer: Signer,
    pub(crate) grant: Option<Jti>,
}

impl Customer {
    pub(crate) fn new(number: usize) -> Result<Self, Failure> {
        let name = format!("cs-{number:08}");
        let seed = Bytes32::sha256(name.as_bytes()).0;
        let signer = Signer::from_seed(&seed).ok_or("a seed gives a weak key")?;
        Ok(Self { sub: SubjectId::parse(&name)?, signer, grant: None })
    }
}

pub(crate) fn new_jti() -> Jti {
    let mut random = [0; 10];
    OsRng.fill_bytes(&mut random);
    Jti::new(Clock::system().now(), random)
}

impl World {
    /// Makes it under `dir`, whose disk is then what is measured.
    pub(crate) fn new(dir: &Path) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("grantbook-bench-").tempdir_in(dir)?;
        let config = LedgerConfig::new(folder.path().join("data"));
        let ledger = Ledger::open(&config)?;
        let sandbox = ledger.sandbox()?;
        let (tenant, enterprise) = (sandbox.tenant.id, sandbox.enterprise);
        let template = TemplatePublished::new(
            Term::parse("service")?,
            1,
            List::new(vec![LocalText {
                language: Language::English,
                title: "Recommendations".to_owned(),
                body: "Purchases, to recommend records.".to_owned(),
            }])
            .ok_or("no text")?,
            Bounds::new(
                terms(&["record-shop"])?,
                terms(&["recommender"])?,
                terms(&["service-personalisation"])?,
                terms(&["purchases"])?,
                3660,
            ),
        );
        let template = sign(tenant, Kind::TemplatePublished, new_jti(), template, &[&enterprise]);
        ledger.append(tenant, &template)?;
        let notice = NoticePublished {
            id: Term::parse("notice")?,
            version: 1,
            language: Language::English,
            text: NOTICE.to_owned(),
            contents: None,
        };
        ledger.append(tenant, &sign(tenant, Kind::NoticePublished, new_jti(), notice, &[&enterprise]))?;
        let terms = grant_terms(&Bytes32::sha256(&template))?;
        Ok(Self { folder: Some(folder), config, ledger, tenant, token: sandbox.token, terms, enterprise })
    }

    /// Opens one that another process has made and closed, whose grants are on `terms`.
    pub(crate) fn reopen(data_dir: &Path, terms: Terms) -> Result<Self, Failure> {
        let config = LedgerConfig::new(data_dir);
        let ledger = Ledger::open(&config)?;
        let sandbox = ledger.sandbox()?;
        let (tenant, enterprise) = (sandbox.tenant.id, sandbox.enterprise);
        Ok(Self { folder: None, config, ledger, tenant, token: sandbox.token, terms, enterprise })
    }

    /// Publishes rules, and returns when they hold.
    pub(crate) fn publish_policy(&self, event: PolicyPublished) -> Result<(), Failure> {
        let envelope = sign(self.tenant, Kind::PolicyPublished, new_jti(), event, &[&self.enterprise]);
        self.ledger.append(self.tenant, &envelope)?;
        Ok(())
    }

    /// The envelope that enrols a customer's key.
    pub(crate) fn enrolment(&self, customer: &Customer) -> Vec<u8> {
        let event = KeyEnrolled {
            sub: customer.sub.clone(),
            key: *customer.signer.public_key(),
            evidence: Evidence::Enterprise,
            recovery: None,
        };
        sign(self.tenant, Kind::KeyEnrolled, new_jti(), event, &[&customer.signer, &self.enterprise])
    }

    /// The envelope of a customer's grant.
    pub(crate) fn grant(&self, customer: &mut Customer) -> Vec<u8> {
        let event = GrantGiven {
            sub: customer.sub.clone(),
            terms: self.terms.clone(),
            request: None,
            birth_day: None,
            mandate: None,
        };
        let jti = new_jti();
        customer.grant = Some(jti);
        sign(self.tenant, Kind::GrantGiven, jti, event, &[&customer.signer])
    }

    /// The envelope that withdraws a customer's grant.
    pub(crate) fn withdrawal(&self, customer: &Customer) -> Result<Vec<u8>, Failure> {
        let grant = customer.grant.ok_or("a customer without a grant withdraws")?;
        let event = GrantWithdrawn { sub: customer.sub.clone(), grant, channel: None };
        Ok(sign(self.tenant, Kind::GrantWithdrawn, new_jti(), event, &[&customer.signer]))
    }

    /// A gate's signed batch of permitted uses, as JSON, from sequence number `first` on.
    pub(crate) fn use_batch<'c>(
        &self,
        gate: &(GateId, Signer),
        first: u64,
        customers: impl Iterator<Item = &'c Customer>,
    ) -> Result<Vec<u8>, Failure> {
        let at = Clock::system().now().seconds();
        let records = (first..)
            .zip(customers)
            .map(|(seq, customer)| {
                let grant = customer.grant.ok_or("a use of a customer without a grant")?;
                let record = UseRecord::new(
                    gate.0.clone(),
                    seq,
                    at,
                    facts(customer.sub.as_str())?,
                    Outcome::Permitted(Permitted::committed(grant)),
                );
                Ok((record, Salt::random(&mut OsRng)))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let claims = Claims::new(self.tenant, new_jti(), ());
        let batch = sign_batch(&claims, &records, &gate.1).ok_or("a batch without records")?;
        Ok(serde_json::to_vec(&batch)?)
    }

    /// Whose signatures a gate believes.
    pub(crate) fn parties(&self) -> Result<Parties, Failure> {
        let tenant = self.ledger.tenant(self.tenant).ok_or("a ledger without its tenant")?;
        let enterprise = tenant.enterprise_key.thumbprint();
        Ok(Parties { enterprise, operator: self.ledger.operator_key().thumbprint() })
    }

    /// A gate that may sign batches.
    pub(crate) fn gate(&self, number: usize) -> Result<(GateId, Signer), Failure> {
        let name = format!("gate-{number}");
        let id = GateId::parse(&name)?;
        let signer =
            Signer::from_seed(&Bytes32::sha256(name.as_bytes()).0).ok_or("a seed gives a weak key")?;
        self.ledger.register_gate(self.tenant, &id, *signer.public_key())?;
        Ok((id, signer))
    }
}

fn sign<T: Serialize>(tenant: TenantId, kind: Kind, jti: Jti, event: T, signers: &[&Signer]) -> Vec<u8> {
    Envelope::sign(kind, &Claims::new(tenant, jti, event).to_json(), signers)
}

fn terms<const MIN: usize, const MAX: usize>(names: &[&str]) -> Result<List<Term, MIN, MAX>, Failure> {
    let list = names.iter().map(|name| Term::parse(name)).collect::<Result<_, _>>()?;
    Ok(List::new(list).ok_or("too few or too many terms")?)
}

/// Terms like those of the demonstration: a year, a clause taken out, a price per use.
pub(crate) fn grant_terms(template: &Bytes32) -> Result<Terms, Failure> {
    let now = Clock::system().now().seconds().0;
    Ok(serde_json::from_value(serde_json::json!({
        "controller": "record-shop",
        "recipient": "recommender",
        "purpose": "service-personalisation",
        "scope": {
            "include": [{"category": "purchases", "period": {"from": "1997-01-01", "to": "1997-09-30"}}],
            "exclude": [{"category": "purchases", "fields": ["dollars"]}],
        },
        "validity": {"start": now - 60, "end": now + 365 * 86_400},
        "limits": {"uses": 1_000_000},
        "compensation": {"per_use": {"currency": "CNY", "minor": 80}},
        "notice": {"hash": Bytes32::sha256(NOTICE.as_bytes()), "language": "en", "shown_at": now - 60},
        "template": {"id": "service", "version": 1, "hash": template},
    }))?)
}

/// A use that a grant of [`World::grant`] permits.
pub(crate) fn facts(sub: &str) -> Result<UseFacts, Failure> {
    Ok(serde_json::from_value(serde_json::json!({
        "data_subject": sub,
        "requester": "web-shop",
        "recipient": "recommender",
        "purpose": "service-personalisation",
        "action": "profile",
        "categories": ["purchases"],
        "fields": ["date", "quantity"],
        "data_period": {"from": "1997-02-01", "to": "1997-02-01"},
    }))?)
}
