//! A small story with fixed keys, salts and times: one of each event, a batch of uses, and the log they are on.
//! The examples of the specification and the frozen vectors are made of it.

#[path = "story/log.rs"]
mod log;
#[path = "story/money.rs"]
mod money;

use grantbook_record::day::{DataDay, DataPeriod, UnixMillis};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{
    Acknowledger, Act, AssetIssued, AssetTerms, AssetTransferred, Basis, Bounds, Claims, ClientPublished,
    ConsentSentence, DataDeleted, DataSource, Evidence, GrantAmended, GrantGiven, GrantPaused, GrantResumed,
    GrantRevoked, GrantWithdrawn, GuardianNamed, KeyEnrolled, KeyRevoked, KeyRotated, Law, LicenceOffer,
    LocalText, MandateGiven, MandateWithdrawn, MilestoneConfirmed, NoticeContents, NoticePublished, OfPool,
    OperatorActed, Owner, PayoutAccrued, PayoutFailed, PayoutOrdered, PayoutPaid, PayoutReversed, Period,
    PolicyPublished, ProofPublished, RecipientAcknowledged, RecordedUse, RequestDeclined, RequestMade,
    Revenue, RevenueDeclared, ReversedEntry, Revoker, SettlementClosed, SettlementPosted, SignatoriesAgreed,
    SourceOwned, StateRoot, SubjectErased, TemplatePublished, Tier, TierAgreed, Wish, about_tenant,
};
use grantbook_record::lease::{LeasesReleased, Release};
use grantbook_record::list::List;
use grantbook_record::scope::{Clause, Condition};
use grantbook_record::state_proof::GrantStatus;
use grantbook_record::terms::{
    Compensation, Consent, Fields, Language, Licence, Limits, NoticeShown, Obligation, Rate, RetentionDays,
    TemplateRef, UseCap, Validity, WindowSeconds,
};
use grantbook_record::uses::{Denied, Outcome, Permitted, UseFacts, UseId, UseRecord, WireBatch, sign_batch};
use grantbook_record::vocabulary::VocabularyPublished;
use grantbook_record::webauthn::RelyingParty;
use grantbook_record::{
    CountryCode, Currency, DenialReason, Envelope, GateId, Jti, Kind, PlainText, Price, RecordId, Salt,
    Scope, Signer, SubjectId, TenantId, Term, Terms, UnixSeconds,
};
use serde::Serialize;
use serde_json::json;

use crate::map;

pub(crate) const ORIGIN: &str = "grantbook.example/sandbox";
/// 2026-11-18, the ledger's clock.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
pub(crate) const NOTICE: &str = "Voltway Charging, Nanjing Road 1, Shanghai; privacy@voltway.example. With your consent \
    Harbour Insurance uses your charging records of the third quarter of 2025 to price your insurance. They are deleted \
    30 days after each use. You can see, correct and delete them under My data. You can withdraw there at any time, with \
    one action. You can complain to the Cyberspace Administration.";
/// By which sentence the consent to the recipient is asked.
pub(crate) const PASSING_ON: &str = "Harbour Insurance may have these charging records.";

/// What the notice says, part by part.
fn notice_contents() -> NoticeContents {
    let part = |text: &str| Some(text.to_owned());
    NoticeContents {
        laws: List::new(vec![Law::Pipl]).unwrap(),
        controller: term("voltway"),
        identity: "Voltway Charging, Nanjing Road 1, Shanghai".to_owned(),
        contact: part("privacy@voltway.example"),
        purposes: terms_list(&["insurance-underwriting"]),
        legal_basis: part("With your consent"),
        categories: terms_list(&["fast-charging"]),
        recipients: terms_list(&["harbour-insurance"]),
        retention: part("They are deleted 30 days after each use."),
        rights: part("You can see, correct and delete them under My data."),
        withdrawal: part("You can withdraw there at any time, with one action."),
        complaint: part("You can complain to the Cyberspace Administration."),
        cross_border: List::default(),
        sensitive: None,
        automated: None,
        consents: List::new(vec![ConsentSentence {
            to: term("third-party"),
            sentence: PASSING_ON.to_owned(),
        }])
        .unwrap(),
    }
}

/// What would have to be narrower.
fn wish() -> Wish {
    Wish {
        validity_days_max: Some(30),
        retention_days_max: RetentionDays::new(7),
        price_min: Some(Price { currency: Currency::parse("CNY").unwrap(), minor: 150 }),
        ..Wish::default()
    }
}

/// The guardian of a minor.
pub(crate) fn guardian() -> Signer {
    signer(5)
}

pub(crate) fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).unwrap()
}

pub(crate) fn customer() -> Signer {
    signer(1)
}

pub(crate) fn second_key() -> Signer {
    signer(2)
}

pub(crate) fn operator() -> Signer {
    Signer::from_seed(&[31; 32]).unwrap()
}

pub(crate) fn enterprise() -> Signer {
    signer(3)
}

pub(crate) fn gate() -> Signer {
    signer(4)
}

/// The program that answers for the customer.
pub(crate) fn agent() -> Signer {
    signer(5)
}

pub(crate) fn tenant() -> TenantId {
    TenantId::from_bytes([7; 16])
}

pub(crate) fn subject() -> SubjectId {
    SubjectId::parse("cs-00004").unwrap()
}

pub(crate) fn jti(number: u8) -> Jti {
    Jti::new(UnixMillis(NOW.0 * 1000 + u64::from(number)), [number; 10])
}

/// The `jti` of the grant.
pub(crate) fn grant() -> Jti {
    jti(8)
}

pub(crate) fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

fn terms_list<const MIN: usize, const MAX: usize>(words: &[&str]) -> List<Term, MIN, MAX> {
    List::new(words.iter().map(|word| term(word)).collect()).unwrap()
}

fn day(text: &str) -> DataDay {
    DataDay::parse(text).unwrap()
}

pub(crate) fn third_quarter() -> DataPeriod {
    DataPeriod::new(day("2025-07-01"), day("2025-09-30")).unwrap()
}

/// A salt that follows from its name.
pub(crate) fn salt(name: &str) -> Salt {
    Salt(Bytes32::sha256(name.as_bytes()))
}

/// "2025 Q3 fast-charging records, for insurance underwriting, without work-order details".
pub(crate) fn terms() -> Terms {
    let charging = Clause {
        category: term("fast-charging"),
        period: Some(third_quarter()),
        fields: None,
        filter: List::default(),
    };
    let work_orders = Clause {
        category: term("fast-charging"),
        period: None,
        fields: Some(terms_list(&["work_order"])),
        filter: List::default(),
    };
    let depots = Clause {
        category: term("fast-charging"),
        period: None,
        fields: None,
        filter: List::new(vec![Condition {
            attribute: term("site"),
            any_of: List::new(vec!["depot".to_owned().try_into().unwrap()]).unwrap(),
        }])
        .unwrap(),
    };
    Terms {
        controller: term("voltway"),
        recipient: term("harbour-insurance"),
        purpose: term("insurance-underwriting"),
        scope: Scope {
            include: List::new(vec![charging]).unwrap(),
            exclude: List::new(vec![work_orders, depots]).unwrap(),
        },
        validity: Validity::new(NOW, UnixSeconds(NOW.0 + 90 * 86_400)).unwrap(),
        limits: Limits {
            uses: UseCap::new(10),
            rate: Some(Rate { uses: UseCap::new(3).unwrap(), seconds: WindowSeconds::new(86_400).unwrap() }),
            retention_days: RetentionDays::new(30),
            level: None,
        },
        compensation: Compensation::PerUse(Price { currency: Currency::parse("CNY").unwrap(), minor: 80 }),
        obligations: List::new(vec![Obligation::Mask(Fields { fields: terms_list(&["station"]) })]).unwrap(),
        notice: NoticeShown {
            hash: Bytes32::sha256(NOTICE.as_bytes()),
            language: Language::English,
            shown_at: UnixSeconds(NOW.0 - 60),
        },
        template: TemplateRef {
            id: term("charging-for-insurance"),
            version: 1,
            hash: sample(Kind::TemplatePublished).sha256(),
        },
        consents: List::new(vec![
            Consent::asked(term("third-party"), PASSING_ON).given(UnixMillis(NOW.0 * 1000 - 2250)),
        ])
        .unwrap(),
        supersedes: None,
        licence: None,
        vocabulary: grantbook_record::VocabularyVersion::FIRST,
    }
}

/// The same as they are asked for: nothing is given yet.
pub(crate) fn asked() -> Terms {
    let consents = List::new(vec![Consent::asked(term("third-party"), PASSING_ON)]).unwrap();
    Terms { consents, ..terms() }
}

/// One event of the story.
pub(crate) struct Sample {
    pub(crate) kind: Kind,
    /// The payload as signed.
    pub(crate) payload: Vec<u8>,
    /// The same, for reading.
    pub(crate) pretty: String,
    pub(crate) signers: Vec<Signer>,
}

impl Sample {
    pub(crate) fn new<T: Serialize>(kind: Kind, number: u8, event: T, signers: Vec<Signer>) -> Self {
        let audience = if kind.is_public() { TenantId::of_log(ORIGIN) } else { tenant() };
        let claims = Claims::new(audience, jti(number), event);
        let pretty = serde_json::to_string_pretty(&claims).unwrap();
        Self { kind, payload: claims.to_json(), pretty, signers }
    }

    pub(crate) fn envelope(&self) -> Vec<u8> {
        Envelope::sign(self.kind, &self.payload, &self.signers.iter().collect::<Vec<_>>())
    }

    fn sha256(&self) -> Bytes32 {
        Bytes32::sha256(&self.envelope())
    }
}

/// The kinds of which there is a sample: all that an envelope may carry now.
pub(crate) const SAMPLES: [Kind; 39] = [
    Kind::KeyEnrolled,
    Kind::KeyRotated,
    Kind::KeyRevoked,
    Kind::GuardianNamed,
    Kind::SignatoriesAgreed,
    Kind::VocabularyPublished,
    Kind::TemplatePublished,
    Kind::NoticePublished,
    Kind::PolicyPublished,
    Kind::RequestMade,
    Kind::RequestDeclined,
    Kind::GrantGiven,
    Kind::GrantAmended,
    Kind::GrantPaused,
    Kind::GrantResumed,
    Kind::GrantWithdrawn,
    Kind::GrantRevoked,
    Kind::MandateGiven,
    Kind::MandateWithdrawn,
    Kind::TierAgreed,
    Kind::MilestoneConfirmed,
    Kind::SourceOwned,
    Kind::DataDeleted,
    Kind::RecipientAcknowledged,
    Kind::SubjectErased,
    Kind::OperatorActed,
    Kind::StateRoot,
    Kind::ProofPublished,
    Kind::ClientPublished,
    Kind::RevenueDeclared,
    Kind::SettlementClosed,
    Kind::PayoutAccrued,
    Kind::SettlementPosted,
    Kind::PayoutOrdered,
    Kind::PayoutPaid,
    Kind::PayoutFailed,
    Kind::PayoutReversed,
    Kind::AssetIssued,
    Kind::AssetTransferred,
];

fn policy() -> PolicyPublished {
    // members in the order of their names: whether an object keeps its order is up to whoever else is built
    let plan = serde_json::json!({
        "parties": {"harbour-insurance": {"country": "cn"}},
        "rules": [{
            "effect": "permit",
            "id": "agreed",
            "text": {"en": "Ask only for what a grant in force covers.", "zh-CN": "只能在有效授权的范围内使用。"},
            "when": {"equal": [{"attribute": "grant.status"}, {"word": "active"}]},
        }],
        "version": 1,
    });
    let sources = Bytes32::sha256(b"the Cedar sources");
    PolicyPublished { version: 1, from: NOW, sources, plan, stage: None }
}

pub(crate) fn sample(kind: Kind) -> Sample {
    let (sub, grant) = (subject(), grant());
    let by_customer = || vec![customer()];
    match kind {
        Kind::KeyEnrolled => {
            let key = *customer().public_key();
            let event = KeyEnrolled { sub, key, evidence: Evidence::Enterprise, recovery: None };
            Sample::new(kind, 1, event, vec![customer(), enterprise()])
        }
        Kind::KeyRotated => {
            let event = KeyRotated {
                sub,
                old: customer().thumbprint(),
                new: *second_key().public_key(),
                recovery: None,
            };
            Sample::new(kind, 2, event, vec![customer(), second_key()])
        }
        Kind::KeyRevoked => {
            Sample::new(kind, 3, KeyRevoked { sub, key: second_key().thumbprint() }, by_customer())
        }
        Kind::VocabularyPublished
        | Kind::TemplatePublished
        | Kind::NoticePublished
        | Kind::PolicyPublished => sample_of_published(kind),
        Kind::RequestMade => {
            let event = RequestMade { sub, terms: asked(), expires: UnixSeconds(NOW.0 + 7 * 86_400) };
            Sample::new(kind, 6, event, vec![enterprise()])
        }
        Kind::RequestDeclined => {
            let event = RequestDeclined { sub, request: jti(6), unless: Some(wish()), mandate: None };
            Sample::new(kind, 7, event, by_customer())
        }
        Kind::GrantGiven => {
            let event =
                GrantGiven { sub, terms: terms(), request: Some(jti(6)), birth_day: None, mandate: None };
            Sample::new(kind, 8, event, by_customer())
        }
        Kind::GrantAmended => {
            let limits = Limits { uses: UseCap::new(20), ..terms().limits };
            let event = GrantAmended { sub, grant, terms: Terms { limits, ..terms() }, birth_day: None };
            Sample::new(kind, 9, event, by_customer())
        }
        Kind::GrantPaused => Sample::new(kind, 10, GrantPaused { sub, grant }, by_customer()),
        Kind::GrantResumed => Sample::new(kind, 11, GrantResumed { sub, grant }, by_customer()),
        Kind::GrantWithdrawn => {
            Sample::new(kind, 12, GrantWithdrawn { sub, grant, channel: None }, by_customer())
        }
        Kind::GrantRevoked => {
            let event = GrantRevoked { sub, grant, by: Revoker::Enterprise, reason: term("product-ended") };
            Sample::new(kind, 13, event, vec![enterprise()])
        }
        Kind::DataDeleted => {
            let through = RecordedUse { gate: GateId::parse("underwriting-1").unwrap(), seq: FIRST + 1 };
            let event = DataDeleted { sub, grant, through, at: UnixSeconds(NOW.0 + 660) };
            Sample::new(kind, 20, event, vec![enterprise()])
        }
        Kind::RecipientAcknowledged => {
            let event = RecipientAcknowledged {
                sub,
                grant,
                ended: jti(12),
                recipient: term("harbour-insurance"),
                by: Acknowledger::Gates(3),
                at: UnixMillis(NOW.0 * 1000 + 700_118),
            };
            Sample::new(kind, 21, event, vec![operator()])
        }
        Kind::SubjectErased => {
            Sample::new(kind, 14, SubjectErased { data_key: 17, given: None }, vec![operator()])
        }
        Kind::OperatorActed => {
            let event =
                OperatorActed { act: Act::GateRegistered, about: Some(about_tenant(&jti(15), tenant())) };
            Sample::new(kind, 15, event, vec![operator()])
        }
        Kind::StateRoot | Kind::ProofPublished | Kind::ClientPublished => log::sample_of_the_operator(kind),
        Kind::GuardianNamed
        | Kind::SignatoriesAgreed
        | Kind::MandateGiven
        | Kind::MandateWithdrawn
        | Kind::TierAgreed
        | Kind::MilestoneConfirmed
        | Kind::SourceOwned => sample_of_people(kind),
        Kind::AssetIssued | Kind::AssetTransferred => money::sample_of_assets(kind),
        other => money::sample_of_money(other),
    }
}

/// What an enterprise publishes.
fn sample_of_published(kind: Kind) -> Sample {
    match kind {
        Kind::VocabularyPublished => Sample::new(kind, 36, vocabulary(), vec![enterprise()]),
        Kind::TemplatePublished => Sample::new(kind, 4, template(), vec![enterprise()]),
        Kind::NoticePublished => {
            let (id, text) = (term("charging-for-insurance"), NOTICE.to_owned());
            let event = NoticePublished {
                id,
                version: 1,
                language: Language::English,
                text,
                contents: Some(Box::new(notice_contents())),
            };
            Sample::new(kind, 5, event, vec![enterprise()])
        }
        _ => Sample::new(kind, 35, policy(), vec![enterprise()]),
    }
}

/// Who signs for a customer, and by what right.
fn sample_of_people(kind: Kind) -> Sample {
    let sub = subject();
    let by_customer = || vec![customer()];
    match kind {
        Kind::GuardianNamed => {
            let key = *guardian().public_key();
            let (birth_day, until) = (40_907, day("2030-01-01"));
            let event = GuardianNamed { sub, key, evidence: Evidence::Enterprise, birth_day, until };
            Sample::new(kind, 39, event, vec![guardian(), enterprise(), customer()])
        }
        Kind::SignatoriesAgreed => {
            let keys = List::new(vec![customer().thumbprint(), second_key().thumbprint()]).unwrap();
            Sample::new(kind, 40, SignatoriesAgreed { sub, keys, needed: 2 }, by_customer())
        }
        Kind::MandateGiven => Sample::new(kind, 45, mandate(&sub), by_customer()),
        Kind::TierAgreed => Sample::new(kind, 37, TierAgreed { sub, tier: Tier::Growth }, by_customer()),
        Kind::MilestoneConfirmed => Sample::new(kind, 90, milestone(sub), by_customer()),
        Kind::SourceOwned => Sample::new(kind, 38, sold(sub), vec![enterprise()]),
        _ => Sample::new(kind, 46, MandateWithdrawn { sub, mandate: jti(45), channel: None }, by_customer()),
    }
}

/// The pilot's first step, of a contract that the customer has with the enterprise.
fn milestone(sub: SubjectId) -> MilestoneConfirmed {
    let id = |id: &str| RecordId::parse(id).unwrap();
    let title =
        PlainText::new("Phase 1 delivered: charging data of twelve vehicles, checked together").unwrap();
    let reached_on = DataDay::parse("2026-10-30").unwrap();
    MilestoneConfirmed { sub, record: id("contract-12"), milestone: id("phase-1"), title, reached_on }
}

/// What makes a grant a licence of the story's asset.
pub(crate) fn licence() -> Licence {
    Licence { asset: jti(31), ends_with: List::new(vec![jti(30)]).unwrap() }
}

/// A root of the map of grant states, signed by the operator.
pub(crate) fn state_root(number: u8, size: u64, root: Bytes32) -> Sample {
    Sample::new(Kind::StateRoot, number, StateRoot { size, root }, vec![operator()])
}

/// A purpose and a category more, a purpose less, and a column that holds a field.
fn vocabulary() -> VocabularyPublished {
    let word = |en: &str, zh: &str| json!({"en": en, "zh-CN": zh});
    let label = json!({"en": "Repairs", "zh-CN": "维修", "iri": "https://w3id.org/dpv#RepairImpairments"});
    let charging = json!({"en": "Tyres", "zh-CN": "轮胎", "iri": "https://w3id.org/dpv/pd#Vehicle"});
    let pressure = json!({"en": "Pressure", "zh-CN": "胎压", "unit": "kpa", "range": {"min": 0, "max": 600}});
    let fields = json!({"date": word("Date", "日期"), "pressure": pressure});
    let column = |column: &str| json!({"system": "telematics", "table": "tyres", "column": column});
    let mapping = json!({
        "source": column("P_kPa"), "category": "tyres", "field": "pressure", "unit": "kpa",
        "range": {"min": 0, "max": 600},
    });
    let event = json!({
        "version": 2,
        "put": {
            "purposes": {"repair": label},
            "categories": {"tyres": {"label": charging, "fields": fields}},
        },
        "drop": {"purposes": ["marketing"]},
        "map": [mapping],
    });
    serde_json::from_value(event).unwrap()
}

/// "Insurers may ask, at least 0.80 CNY, at most 30 days, never my work orders."
fn mandate(sub: &SubjectId) -> MandateGiven {
    let rule = serde_json::json!({
        "when": {"kinds": ["insurer"]},
        "accept": {
            "never": [{"category": "fast-charging", "fields": ["work_order"]}],
            "price_min": [{"per_use": {"currency": "CNY", "minor": 80}}],
            "validity_days_max": 30,
            "consents": ["sensitive", "third-party"],
        },
        "otherwise": "decline",
    });
    let event = serde_json::json!({
        "sub": sub,
        "from": {"key": customer().thumbprint()},
        "agent": agent().public_key(),
        "until": UnixSeconds(NOW.0 + 365 * 86_400),
        "rules": [rule],
    });
    serde_json::from_value(event).unwrap()
}

/// A vehicle that was the customer's until it was sold.
fn sold(sub: SubjectId) -> SourceOwned {
    let source = DataSource { attribute: term("vehicle"), value: "V-81".to_owned().try_into().unwrap() };
    let categories = terms_list(&["driving", "fast-charging"]);
    let (from, to) = (day("2024-03-01"), Some(day("2025-09-30")));
    SourceOwned { sub, source, categories, from, to, joint: None }
}

fn template() -> TemplatePublished {
    let text = LocalText {
        language: Language::English,
        title: "Charging records for your insurance".to_owned(),
        body: "Your insurer prices your policy by how you charge.".to_owned(),
    };
    TemplatePublished::new(
        term("charging-for-insurance"),
        1,
        List::new(vec![text]).unwrap(),
        Bounds {
            uses_max: UseCap::new(100),
            retention_days_max: Some(90),
            price_min: Some(Price { currency: Currency::parse("CNY").unwrap(), minor: 50 }),
            ..Bounds::new(
                terms_list(&["voltway"]),
                terms_list(&["harbour-insurance"]),
                terms_list(&["insurance-underwriting"]),
                terms_list(&["fast-charging"]),
                365,
            )
        },
    )
}

/// Sequence number of the batch's first record.
pub(crate) const FIRST: u64 = 41;

pub(crate) fn record(seq: u64) -> UseRecord {
    let denied = seq == FIRST + 2;
    let fields: &[&str] = if denied { &["date", "work_order"] } else { &["date", "energy_kwh"] };
    let outcome = if denied {
        Outcome::Denied(Denied { reason: DenialReason::Field, grant: Some(grant()) })
    } else {
        Outcome::Permitted(Permitted::committed(grant()))
    };
    UseRecord {
        use_id: (seq == FIRST).then(|| UseId::try_from(format!("quote-{seq}")).unwrap()),
        ..UseRecord::new(
            GateId::parse("underwriting-1").unwrap(),
            seq,
            UnixSeconds(NOW.0 + 600 + seq),
            UseFacts {
                data_subject: subject(),
                requester: term("pricing-service"),
                recipient: term("harbour-insurance"),
                purpose: term("insurance-underwriting"),
                action: term("read"),
                categories: terms_list(&["fast-charging"]),
                fields: terms_list(fields),
                data_period: DataPeriod::new(day("2025-07-01"), day("2025-07-31")).unwrap(),
                rows: [(term("site"), "public".to_owned().try_into().unwrap())].into(),
                level: None,
                onward: grantbook_record::list::List::default(),
            },
            outcome,
        )
    }
}

/// The gate's word for two leases.
pub(crate) fn release() -> Claims<LeasesReleased> {
    let releases = [(50, 3), (51, 0)].map(|(number, spent)| Release { lease: jti(number), spent });
    let gate = GateId::parse("underwriting-1").unwrap();
    Claims::new(tenant(), jti(42), LeasesReleased { gate, releases: List::new(releases.to_vec()).unwrap() })
}

/// Two permitted uses and a denied one, signed by the gate.
pub(crate) fn batch() -> WireBatch {
    let records: Vec<_> = (FIRST..FIRST + 3).map(|seq| (record(seq), salt(&format!("use {seq}")))).collect();
    let claims = Claims::new(tenant(), jti(40), ());
    sign_batch(&claims, &records, &gate()).unwrap()
}
