//! A ledger in a folder of its own, with an enterprise, its template and notice, and customers with real keys.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use grantbook_engine::{AppendError, Appended, Ledger, LedgerConfig};
use grantbook_plan::Decision;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{
    Bounds, Claims, Evidence, GrantGiven, GrantWithdrawn, KeyEnrolled, LocalText, NoticePublished,
    TemplatePublished,
};
use grantbook_record::list::List;
use grantbook_record::terms::{Language, TemplateRef};
use grantbook_record::uses::UseFacts;
use grantbook_record::{Envelope, Jti, Kind, Signer, SubjectId, TenantId, Term, Terms};
use grantbook_tlog::LeafIndex;
use serde::Serialize;

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: LedgerConfig,
    pub(crate) ledger: Ledger,
    pub(crate) tenant: TenantId,
    pub(crate) enterprise: Signer,
    template: TemplateRef,
    notice: Bytes32,
}

pub(crate) struct Grant {
    pub(crate) id: Jti,
    pub leaf_index: LeafIndex,
    pub(crate) envelope: Vec<u8>,
    pub(crate) claims: Claims<GrantGiven>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = LedgerConfig::new(folder.path().join("data"));
        Self::with(folder, config)
    }

    pub(crate) fn with(folder: tempfile::TempDir, config: LedgerConfig) -> Self {
        let ledger = Ledger::open(&config).unwrap();
        let sandbox = ledger.sandbox().unwrap();
        let mut world = Self {
            folder,
            config,
            ledger,
            tenant: sandbox.tenant.id,
            enterprise: sandbox.enterprise,
            template: TemplateRef { id: term("service"), version: 1, hash: Bytes32([0; 32]) },
            notice: Bytes32::sha256(b"We use your purchases to recommend records."),
        };
        let template = TemplatePublished::new(
            term("service"),
            1,
            List::new(vec![LocalText {
                language: Language::English,
                title: "Recommendations".to_owned(),
                body: "Purchases, to recommend records.".to_owned(),
            }])
            .unwrap(),
            Bounds::new(
                list(&["record-shop"]),
                list(&["recommender"]),
                list(&["service-personalisation"]),
                list(&["purchases"]),
                3660,
            ),
        );
        let envelope = world.sign(Kind::TemplatePublished, template, &[&world.enterprise]);
        world.template.hash = Bytes32::sha256(&envelope);
        world.ledger.append(world.tenant, &envelope).unwrap();
        let notice = NoticePublished {
            id: term("notice"),
            version: 1,
            language: Language::English,
            text: "We use your purchases to recommend records.".to_owned(),
            contents: None,
        };
        world.append(Kind::NoticePublished, notice, &[&world.enterprise]).unwrap();
        world
    }

    /// Closes the ledger, lets `change` touch its files, and opens it again.
    pub(crate) fn reopen(self, change: impl FnOnce(&LedgerConfig)) -> Self {
        self.ledger.close().unwrap();
        let Self { folder, config, ledger, tenant, enterprise, template, notice } = self;
        drop(ledger);
        change(&config);
        let ledger = Ledger::open(&config).unwrap();
        Self { folder, config, ledger, tenant, enterprise, template, notice }
    }

    pub(crate) fn sign<T: Serialize>(&self, kind: Kind, event: T, signers: &[&Signer]) -> Vec<u8> {
        static COUNTER: AtomicU8 = AtomicU8::new(0);
        let mut random = [COUNTER.fetch_add(1, Ordering::Relaxed); 10];
        random[..8].copy_from_slice(&std::time::Instant::now().elapsed().as_nanos().to_be_bytes()[8..]);
        let random = uuid_random(random);
        let jti = Jti::new(self.config.clock.now(), random);
        Envelope::sign(kind, &Claims::new(self.tenant, jti, event).to_json(), signers)
    }

    pub(crate) fn append<T: Serialize>(
        &self,
        kind: Kind,
        event: T,
        signers: &[&Signer],
    ) -> Result<Appended, AppendError> {
        self.ledger.append(self.tenant, &self.sign(kind, event, signers))
    }

    pub(crate) fn enrol(&self, name: &str) -> Signer {
        let signer = Signer::from_seed(&Bytes32::sha256(name.as_bytes()).0).unwrap();
        let event = KeyEnrolled {
            sub: sub(name),
            key: *signer.public_key(),
            evidence: Evidence::Enterprise,
            recovery: None,
        };
        self.append(Kind::KeyEnrolled, event, &[&signer, &self.enterprise]).unwrap();
        signer
    }

    pub(crate) fn terms(&self) -> Terms {
        let now = self.config.clock.now().seconds().0;
        let hash = |bytes: Bytes32| serde_json::to_value(bytes).unwrap();
        let terms = serde_json::json!({
            "controller": "record-shop",
            "recipient": "recommender",
            "purpose": "service-personalisation",
            "scope": {
                "include": [{"category": "purchases", "period": {"from": "1997-01-01", "to": "1997-09-30"}}],
                "exclude": [{"category": "purchases", "fields": ["dollars"]}],
            },
            "validity": {"start": now - 60, "end": now + 365 * 86_400},
            "limits": {"uses": 10},
            "compensation": {"per_use": {"currency": "CNY", "minor": 80}},
            "notice": {"hash": hash(self.notice), "language": "en", "shown_at": now - 60},
            "template": {"id": "service", "version": 1, "hash": hash(self.template.hash)},
        });
        serde_json::from_value(terms).unwrap()
    }

    pub(crate) fn grant(&self, customer: &Signer, name: &str, change: impl FnOnce(&mut Terms)) -> Grant {
        let mut terms = self.terms();
        change(&mut terms);
        let envelope = self.sign(Kind::GrantGiven, given(name, &terms), &[customer]);
        let appended = self.ledger.append(self.tenant, &envelope).unwrap();
        let payload = Envelope::parse(&envelope).unwrap();
        let claims: Claims<GrantGiven> = serde_json::from_slice(payload.payload()).unwrap();
        Grant { id: claims.jti, leaf_index: appended.leaf_index, envelope, claims }
    }

    pub(crate) fn withdraw(&self, customer: &Signer, name: &str, grant: Jti) -> Appended {
        let event = GrantWithdrawn { sub: sub(name), grant, channel: None };
        self.append(Kind::GrantWithdrawn, event, &[customer]).unwrap()
    }

    pub(crate) fn decide(&self, facts: &UseFacts) -> Decision {
        self.ledger.decide(self.tenant, facts, None)
    }
}

fn uuid_random(seed: [u8; 10]) -> [u8; 10] {
    use std::hash::{BuildHasher as _, Hasher as _};
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write(&seed);
    let mut random = seed;
    random[..8].copy_from_slice(&hasher.finish().to_be_bytes());
    random
}

pub(crate) fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

pub(crate) fn sub(text: &str) -> SubjectId {
    SubjectId::parse(text).unwrap()
}

pub(crate) fn list<const MIN: usize, const MAX: usize>(items: &[&str]) -> List<Term, MIN, MAX> {
    List::new(items.iter().map(|item| term(item)).collect()).unwrap()
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy_folder(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).unwrap();
        }
    }
}

pub(crate) fn given(name: &str, terms: &Terms) -> GrantGiven {
    GrantGiven { sub: sub(name), terms: terms.clone(), request: None, birth_day: None, mandate: None }
}

pub(crate) fn facts(name: &str) -> UseFacts {
    let facts = serde_json::json!({
        "data_subject": name,
        "requester": "web-shop",
        "recipient": "recommender",
        "purpose": "service-personalisation",
        "action": "profile",
        "categories": ["purchases"],
        "fields": ["date", "quantity"],
        "data_period": {"from": "1997-02-01", "to": "1997-02-01"},
    });
    serde_json::from_value(facts).unwrap()
}
