//! What all runs share: a keyring with two enterprises, their gates, and customers' keys.

use std::collections::BTreeMap;

use grantbook_engine::{Archiving, Clock, LedgerConfig};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Claims, NoticePublished, TemplatePublished};
use grantbook_record::terms::Language;
use grantbook_record::uses::UseFacts;
use grantbook_record::{Envelope, GateId, Jti, Kind, Signer, SubjectId, TenantId, Term, Terms, UnixMillis};
use grantbook_tlog::LogKeys;
use serde::Serialize;
use serde_json::json;

use crate::disk::{Content, Machine};
use crate::model::Owner;

/// 2026-01-05, noon.
pub(crate) const BEGIN_MS: u64 = 1_767_614_400_000;
/// Customers of each enterprise.
pub(crate) const CUSTOMERS: usize = 5;
/// Keys that a customer may come to have.
pub(crate) const KEYS: usize = 3;
const NOTICE: &str = "We use your purchases to recommend records.";

pub(crate) struct Shop {
    pub(crate) id: TenantId,
    pub(crate) enterprise: Signer,
    pub(crate) gate: GateId,
    pub(crate) gate_key: Signer,
    pub(crate) customers: Vec<Customer>,
}

pub(crate) struct Customer {
    pub(crate) sub: SubjectId,
    pub(crate) keys: Vec<Signer>,
}

pub(crate) struct Site {
    /// The keyring as each run begins with it.
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
    pub(crate) shops: Vec<Shop>,
    pub(crate) keys: LogKeys,
    pub(crate) origin: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        let machine = Machine::of(Content::default(), 0);
        let config = Self::config(Clock::new(|| UnixMillis(BEGIN_MS)), 256);
        let ledger = machine.open(&config).expect("an empty ledger");
        let shops = ["north", "south"].map(|name| {
            let enterprise = signer(&format!("enterprise {name}"));
            let tenant = ledger.create_tenant(name, *enterprise.public_key(), false).expect("a tenant");
            let gate = GateId::parse("till").expect("a name");
            let gate_key = signer(&format!("gate {name}"));
            ledger.register_gate(tenant.id, &gate, *gate_key.public_key()).expect("a gate");
            let customers = (0..CUSTOMERS).map(|number| Customer {
                sub: SubjectId::parse(&format!("{name}-{number}")).expect("a pseudonym"),
                keys: (0..KEYS).map(|key| signer(&format!("{name} {number} {key}"))).collect(),
            });
            Shop { id: tenant.id, enterprise, gate, gate_key, customers: customers.collect() }
        });
        let (keys, origin) = (ledger.log_keys().clone(), ledger.origin().to_owned());
        ledger.close().expect("an orderly end");
        Self { secrets: machine.content().secrets, shops: shops.into(), keys, origin }
    }

    pub(crate) fn customer(&self, (shop, customer): Owner) -> (TenantId, &SubjectId) {
        let of = &self.shops[shop];
        (of.id, &of.customers[customer].sub)
    }

    pub(crate) fn owner(&self, tenant: TenantId, sub: &SubjectId) -> Option<Owner> {
        let shop = self.shops.iter().position(|shop| shop.id == tenant)?;
        let customer = self.shops[shop].customers.iter().position(|customer| customer.sub == *sub)?;
        Some((shop, customer))
    }

    /// How a run opens its ledger.
    pub(crate) fn config(clock: Clock, trim_every_entries: u64) -> LedgerConfig {
        let nowhere = LedgerConfig::new("nowhere/data");
        LedgerConfig { clock, archiving: Archiving::Between, trim_every_entries, ..nowhere }
    }
}

fn signer(name: &str) -> Signer {
    Signer::from_seed(&Bytes32::sha256(name.as_bytes()).0).expect("a key")
}

pub(crate) fn sign<T: Serialize>(
    shop: &Shop,
    kind: Kind,
    jti: Jti,
    event: T,
    signers: &[&Signer],
) -> Vec<u8> {
    Envelope::sign(kind, &Claims::new(shop.id, jti, event).to_json(), signers)
}

pub(crate) fn notice() -> NoticePublished {
    let id = Term::parse("notice").expect("a term");
    NoticePublished::of_text(id, 1, Language::English, NOTICE.to_owned())
}

pub(crate) fn template() -> TemplatePublished {
    let template = json!({
        "id": "service", "version": 1,
        "text": [{"language": "en", "title": "Recommendations", "body": "Purchases, to recommend records."}],
        "bounds": {"controllers": ["shop"], "recipients": ["recommender"], "purposes": ["service-personalisation"],
            "categories": ["purchases"], "validity_days_max": 3660}
    });
    serde_json::from_value(template).expect("a template")
}

/// Terms from now on: with a cap, a rate, a price, as far as given.
pub(crate) fn terms(template: Bytes32, now: u64, cap: Option<u64>, rate: bool, price: u64) -> Terms {
    let mut terms = json!({
        "controller": "shop", "recipient": "recommender", "purpose": "service-personalisation",
        "scope": {"include": [{"category": "purchases", "period": {"from": "1997-01-01", "to": "1997-09-30"}}]},
        "validity": {"start": now.saturating_sub(60), "end": now + 400 * 86_400},
        "limits": {},
        "compensation": {"per_use": {"currency": "CNY", "minor": price}},
        "notice": {"hash": Bytes32::sha256(NOTICE.as_bytes()), "language": "en", "shown_at": now.saturating_sub(60)},
        "template": {"id": "service", "version": 1, "hash": template},
    });
    if let Some(cap) = cap {
        terms["limits"]["uses"] = json!(cap);
    }
    if rate {
        terms["limits"]["rate"] = json!({"uses": 2, "seconds": 3600});
    }
    serde_json::from_value(terms).expect("terms")
}

pub(crate) fn facts(sub: &SubjectId) -> UseFacts {
    let facts = json!({
        "data_subject": sub, "requester": "web-shop", "recipient": "recommender",
        "purpose": "service-personalisation", "action": "read", "categories": ["purchases"],
        "fields": ["date", "quantity"], "data_period": {"from": "1997-02-01", "to": "1997-02-01"},
    });
    serde_json::from_value(facts).expect("facts")
}
