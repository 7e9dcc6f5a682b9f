//! Data assets: a battery-health report derived from charging records, issued, licensed, sold and paid for.

use grantbook_engine::settlement::{Account, Movement};
use grantbook_engine::{AppendError, Ledger, LedgerConfig, ReadError, Recorded};
use grantbook_plan::{Decision, Refusal};
use grantbook_record::archive::Reader;
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{AssetIssued, AssetTransferred, Channel, Owner, Period, TemplatePublished};
use grantbook_record::uses::UseFacts;
use grantbook_record::{Currency, DenialReason, Envelope, Jti, Kind, Signer, Terms};
use grantbook_tlog::LeafIndex;
use serde_json::{Value, json};

use crate::world::{self, Grant, World};

const REPORT: &[u8] = b"capacity 71.3 kWh of 78.0, health 91 %";
const PRICE: i64 = 250;

struct Garage {
    world: World,
    /// SHA-256 of the envelope of the template for charging records and reports.
    template: Bytes32,
    ann: Signer,
    source: Grant,
}

fn yuan() -> Currency {
    Currency::parse("CNY").unwrap()
}

fn read<T: serde::de::DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

impl Garage {
    /// Ann lets the network use her charging records, and derive reports of them; it has read them once.
    fn new() -> Self {
        let world = World::new();
        let template: TemplatePublished = read(json!({
            "id": "battery",
            "version": 1,
            "text": [{"language": "en", "title": "Your battery", "body": "Charging records and reports of them."}],
            "bounds": {
                "controllers": ["voltway"],
                "recipients": ["voltway", "harbour-insurance"],
                "purposes": ["service-personalisation", "insurance-underwriting"],
                "categories": ["fast-charging", "battery-health"],
                "validity_days_max": 3660,
            },
        }));
        let envelope = world.sign(Kind::TemplatePublished, template, &[&world.enterprise]);
        world.ledger.append(world.tenant, &envelope).unwrap();
        let ann = world.enrol("ann");
        let mut garage = Self {
            template: Bytes32::sha256(&envelope),
            source: world.grant(&ann, "ann", |_| ()),
            world,
            ann,
        };
        let given = json!({
            "to": "derived-asset",
            "sentence": Bytes32::sha256(b"Reports may be made of these records."),
            "given_at": 1000 * u64::from(u32::MAX),
        });
        garage.source = garage.grant(&json!({"consents": [given]}));
        garage
    }

    /// A grant of charging records, with these members changed.
    fn grant(&self, change: &Value) -> Grant {
        self.world.grant(&self.ann, "ann", |terms| self.change(terms, change))
    }

    fn change(&self, terms: &mut Terms, change: &Value) {
        let mut json = serde_json::to_value(&*terms).unwrap();
        let template = json!({"id": "battery", "version": 1, "hash": self.template});
        for (name, value) in [
            ("controller", json!("voltway")),
            ("recipient", json!("voltway")),
            ("scope", json!({"include": [{"category": "fast-charging"}]})),
            ("limits", json!({})),
            ("compensation", json!("none")),
            ("template", template),
        ] {
            json[name] = value;
        }
        json.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        *terms = read(json);
    }

    fn licence_terms(&self, asset: Jti, change: &Value) -> Value {
        let mut terms = json!({
            "recipient": "harbour-insurance",
            "purpose": "insurance-underwriting",
            "scope": {"include": [{"category": "battery-health"}]},
            "compensation": {"per_use": {"currency": "CNY", "minor": PRICE}},
            "licence": {"asset": asset, "ends_with": [self.source.id]},
            "validity": self.source.claims.event.terms.validity, // no later than the asset's licences may end
        });
        terms.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        terms
    }

    fn licence(&self, asset: Jti, change: &Value) -> Result<Jti, AppendError> {
        let mut terms = self.world.terms();
        self.change(&mut terms, &self.licence_terms(asset, change));
        let given = world::given("ann", &terms);
        let envelope = self.world.sign(Kind::GrantGiven, given, &[&self.ann]);
        self.append(&envelope)
    }

    fn append(&self, envelope: &[u8]) -> Result<Jti, AppendError> {
        self.world.ledger.append(self.world.tenant, envelope)?;
        Ok(Envelope::parse(envelope).unwrap().event().unwrap().jti)
    }

    fn asset(&self, change: &Value) -> AssetIssued {
        let mut asset = json!({
            "sub": "ann",
            "category": "battery-health",
            "hash": Bytes32::sha256(REPORT),
            "derived_by": "voltway",
            "derived_from": [self.source.id],
            "purpose": "service-personalisation",
            "owner": "customer",
            "terms": {
                "transferable_to": ["enterprise"],
                "licence": {
                    "price": {"currency": "CNY", "minor": PRICE},
                    "purposes": ["insurance-underwriting"],
                    "until": self.source.claims.event.terms.validity.end(),
                },
            },
        });
        asset.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        read(asset)
    }

    fn issue(&self, change: &Value) -> Result<Jti, AppendError> {
        let world = &self.world;
        self.append(&world.sign(Kind::AssetIssued, self.asset(change), &[&world.enterprise]))
    }

    /// Issued once data was used.
    fn issued(&self) -> Jti {
        permitted(self.ask(&charging()));
        self.issue(&json!({})).unwrap()
    }

    fn transfer(&self, asset: Jti, to: Owner, signers: &[&Signer]) -> Result<LeafIndex, AppendError> {
        let event = AssetTransferred { sub: world::sub("ann"), asset, to };
        self.world.append(Kind::AssetTransferred, event, signers).map(|appended| appended.leaf_index)
    }

    fn ask(&self, facts: &UseFacts) -> Recorded {
        self.world.ledger.decide_and_record(self.world.tenant, facts, None, None).unwrap()
    }

    fn settle(&self) {
        self.world.ledger.settle(self.world.tenant, 0).unwrap();
    }

    /// Balances of Ann, of all customers, and of the enterprise.
    fn balances(&self) -> [i64; 3] {
        let owed = self.world.ledger.owed(self.world.tenant, &world::sub("ann")).unwrap();
        let own = owed.balances.iter().map(|(_, balance)| *balance).sum();
        let accounts = self.world.ledger.books(self.world.tenant).unwrap().accounts;
        assert_eq!(accounts.iter().map(|(.., balance)| balance).sum::<i64>(), 0);
        let [customers, enterprise] =
            [Account::Customers, Account::Enterprise].map(|account| accounts.balance(account, yuan()));
        [own, customers, enterprise]
    }

    /// That nothing comes of it: the log stays as it is.
    fn refuses(&self, what: &str, result: Result<impl std::fmt::Debug, AppendError>, size: u64) {
        let Err(AppendError::Refused(refusal)) = result else { panic!("{result:?}") };
        assert!(refusal.to_string().contains(what), "{refusal}, not: {what}");
        assert_eq!(self.world.ledger.size_root().0.0, size, "{what}");
    }

    fn size(&self) -> u64 {
        self.world.ledger.size_root().0.0
    }
}

fn charging() -> UseFacts {
    read(json!({
        "data_subject": "ann",
        "requester": "battery-lab",
        "recipient": "voltway",
        "purpose": "service-personalisation",
        "action": "profile",
        "categories": ["fast-charging"],
        "fields": ["soc", "energy_kwh"],
        "data_period": {"from": "2025-07-01", "to": "2025-09-30"},
    }))
}

fn report(asset: Jti) -> UseFacts {
    read(json!({
        "data_subject": "ann",
        "requester": "pricing",
        "recipient": "harbour-insurance",
        "purpose": "insurance-underwriting",
        "action": "read",
        "categories": ["battery-health"],
        "fields": ["health_percent"],
        "data_period": {"from": "2025-07-01", "to": "2025-09-30"},
        "rows": {"asset": asset},
    }))
}

fn permitted(recorded: Recorded) -> (Jti, u32) {
    match recorded {
        Recorded::Permit { permission, receipt, .. } => {
            assert_eq!(receipt.link.target.leaf_index, permission.given);
            (permission.grant, permission.payout.minor)
        }
        Recorded::Denial(denial) => panic!("{denial}"),
    }
}

fn denied(recorded: Recorded) -> DenialReason {
    match recorded {
        Recorded::Denial(denial) => denial.reason,
        Recorded::Permit { permission, .. } => panic!("{permission:?}"),
    }
}

#[test]
fn a_report_is_issued_licensed_sold_and_paid_to_its_owner() {
    let garage = Garage::new();
    let (world, ann) = (&garage.world, &garage.ann);
    // nobody derives anything from data that was never used, or without consent
    let size = garage.size();
    garage.refuses("expected grants under which uses are recorded", garage.issue(&json!({})), size);
    permitted(garage.ask(&charging()));
    let unconsented = garage.grant(&json!({"recipient": "harbour-insurance"}));
    let size = garage.size();
    let wrong_source = json!({"derived_from": [unconsented.id], "derived_by": "harbour-insurance"});
    let refused = garage.issue(&wrong_source);
    garage.refuses("expected the consent derived-asset", refused, size);
    let by_ann = world.append(Kind::AssetIssued, garage.asset(&json!({})), &[ann]);
    garage.refuses("expected the enterprise's key alone", by_ann, size);
    let asset = garage.issue(&json!({})).unwrap();
    // a use of it needs a licence, and a licence keeps to its terms
    assert_eq!(denied(garage.ask(&report(asset))), DenialReason::NoGrant);
    let size = garage.size();
    let cheap = json!({"compensation": {"per_use": {"currency": "CNY", "minor": PRICE - 1}}});
    garage.refuses("price outside the asset's terms", garage.licence(asset, &cheap), size);
    let licence = garage.licence(asset, &json!({})).unwrap();
    for _ in 0..3 {
        assert_eq!(permitted(garage.ask(&report(asset))), (licence, u32::try_from(PRICE).unwrap()));
    }
    garage.settle();
    assert_eq!(garage.balances(), [3 * PRICE, 3 * PRICE, -3 * PRICE]);
    // sold to the enterprise, which its terms allow, and not back
    let size = garage.size();
    let both = [&world.enterprise, ann];
    let to_ann = garage.transfer(asset, Owner::Customer, &both);
    garage.refuses("expected an owner whom its terms name", to_ann, size);
    let alone = garage.transfer(asset, Owner::Enterprise, &[ann]);
    garage.refuses("expected the enterprise and an enrolled key of the customer", alone, size);
    let sold = garage.transfer(asset, Owner::Enterprise, &both).unwrap();
    let receipt = world.ledger.receipt(world.tenant, sold).unwrap();
    receipt.verify(world.ledger.log_keys()).unwrap();
    let row = world.ledger.asset(world.tenant, &asset).unwrap();
    assert_eq!(receipt.link.target.leaf_index, row.asset.leaf_index());
    let back = garage.transfer(asset, Owner::Customer, &both);
    garage.refuses("expected an owner whom its terms name", back, size + 1);
    // from now on uses pay the enterprise, though the grant is hers
    for _ in 0..2 {
        permitted(garage.ask(&report(asset)));
    }
    garage.settle();
    assert_eq!(garage.balances(), [3 * PRICE, 3 * PRICE, -3 * PRICE]);
    let past = world.ledger.settlements(world.tenant, Some(Period(1)), 1).unwrap().pop().unwrap();
    let line = &past.lines[0];
    assert_eq!((line.committed, line.of_enterprise), (500, 500));
    assert_eq!(line.posted.unwrap().pool, 500, "what the uses committed to");
    let statement = world.ledger.statement(world.tenant, &world::sub("ann"), Period(2)).unwrap();
    let shown = statement.lines.iter().map(|line| match &line.what {
        Movement::Use(used) => (used.paid_to, line.minor),
        other => panic!("{other:?}"),
    });
    assert_eq!(shown.collect::<Vec<_>>(), [(Owner::Enterprise, 0); 2]);
    let hers = world.ledger.statement(world.tenant, &world::sub("ann"), Period(1)).unwrap().lines;
    let reverse = |leaf| world.ledger.reverse_payout(world.tenant, LeafIndex(leaf), world::term("mistake"));
    assert!(reverse(statement.lines[0].leaf_index).is_err(), "she was not paid for it");
    reverse(hers.iter().find(|line| line.minor == PRICE).unwrap().leaf_index).unwrap();
    assert_eq!(garage.balances(), [2 * PRICE, 2 * PRICE, -2 * PRICE]);
}

/// What is listed, without the state's cache.
fn listed(ledger: &Ledger, garage: &World) -> Vec<String> {
    let rows = ledger.assets(garage.tenant, None, 10).unwrap();
    assert_eq!(rows.next, None);
    rows.assets.iter().map(|row| format!("{row:?}")).collect()
}

#[test]
fn assets_are_found_again_and_their_grants_are_kept() {
    let garage = Garage::new();
    let first = garage.issued();
    let licence = garage.licence(first, &json!({})).unwrap();
    let second = garage.issue(&json!({"hash": Bytes32::sha256(b"another"), "owner": "enterprise"})).unwrap();
    let both = [&garage.world.enterprise, &garage.ann];
    garage.transfer(first, Owner::Enterprise, &both).unwrap();
    let mut world = garage.world;
    let one_page = world.ledger.assets(world.tenant, None, 1).unwrap();
    assert_eq!(one_page.assets[0].asset.id, first);
    let rest = world.ledger.assets(world.tenant, one_page.next, 1).unwrap();
    assert_eq!(rest.assets[0].asset.id, second);
    assert_eq!(rest.assets[0].asset.owner(), Owner::Enterprise);
    assert!(world.ledger.assets(world.tenant, rest.next, 1).unwrap().assets.is_empty());
    assert!(rest.assets[0].licensable);
    // the consent stays as long as there is an asset of it, and so does whom its licences paid
    world.withdraw(&garage.ann, "ann", garage.source.id);
    let shown = listed(&world.ledger, &world);
    assert!(shown.iter().all(|row| row.contains("licensable: false")), "{shown:?}");
    assert_eq!(world.ledger.shred_ended(UnixSeconds(u64::MAX)).unwrap(), 0);
    for kept in [garage.source.id, licence] {
        assert!(world.ledger.grant(world.tenant, &kept).is_ok());
    }
    for epoch in [1, 2] {
        world = world.reopen(|config| {
            std::fs::remove_dir_all(config.data_dir.join(format!("epochs/{epoch}/state"))).unwrap();
        });
        assert_eq!(listed(&world.ledger, &world), shown);
        let report = world.ledger.fsck(&mut |_, _| ());
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        world.ledger.roll_epoch().unwrap();
        assert_eq!(listed(&world.ledger, &world), shown);
    }
}

#[test]
fn withdrawing_the_source_ends_the_licence_and_erasing_the_customer_the_asset() {
    let garage = Garage::new();
    let asset = garage.issued();
    let licence = garage.licence(asset, &json!({})).unwrap();
    let world = &garage.world;
    let outliving = json!({"terms": {
        "outlives_grants": true,
        "licence": garage.asset(&json!({})).terms.licence,
    }});
    let lasting = garage.issue(&outliving).unwrap();
    let alone = json!({"licence": {"asset": lasting}});
    let goes_on = garage.licence(lasting, &alone).unwrap();
    permitted(garage.ask(&report(asset)));
    world.withdraw(&garage.ann, "ann", garage.source.id);
    assert_eq!(denied(garage.ask(&report(asset))), DenialReason::Withdrawn);
    let Decision::Denial(denial) = world.decide(&report(asset)) else { panic!("permitted") };
    assert_eq!(denial.grant, Some(licence));
    assert_eq!(permitted(garage.ask(&report(lasting))).0, goes_on);
    let refused = garage.licence(asset, &json!({}));
    assert!(matches!(refused, Err(AppendError::Refused(Refusal::GrantEnded))), "{refused:?}");
    let leaf = world.ledger.find_event(world.tenant, &asset).unwrap();
    world.ledger.receipt(world.tenant, leaf).unwrap();
    let sub = world::sub("ann");
    let pending = world.ledger.begin_erasure(world.tenant, &sub, Channel::Mail).unwrap();
    world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
    assert!(matches!(world.ledger.receipt(world.tenant, leaf), Err(ReadError::Erased)));
    assert!(matches!(world.ledger.asset(world.tenant, &asset), Err(ReadError::Erased)));
    assert!(world.ledger.assets(world.tenant, None, 10).unwrap().assets.is_empty());
    assert!(world.ledger.assets_of(world.tenant, &sub).unwrap().is_empty());
}

#[test]
fn what_an_erased_customers_asset_earned_stays_its_owners() {
    let garage = Garage::new();
    let asset = garage.issued();
    garage.licence(asset, &json!({})).unwrap();
    permitted(garage.ask(&report(asset)));
    garage.transfer(asset, Owner::Enterprise, &[&garage.world.enterprise, &garage.ann]).unwrap();
    permitted(garage.ask(&report(asset)));
    let world = &garage.world;
    let pending = world.ledger.begin_erasure(world.tenant, &world::sub("ann"), Channel::Mail).unwrap();
    world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
    garage.settle();
    let accounts = world.ledger.books(world.tenant).unwrap().accounts;
    let balance = |account| accounts.balance(account, yuan());
    assert_eq!(
        [Account::Customers, Account::Unclaimed, Account::Enterprise].map(balance),
        [0, PRICE, -PRICE]
    );
}

#[test]
fn assets_move_with_their_tenant() {
    let garage = Garage::new();
    let asset = garage.issued();
    garage.licence(asset, &json!({})).unwrap();
    permitted(garage.ask(&report(asset)));
    garage.transfer(asset, Owner::Enterprise, &[&garage.world.enterprise, &garage.ann]).unwrap();
    garage.world.withdraw(&garage.ann, "ann", garage.source.id);
    let world = &garage.world;
    let mut lines = Vec::new();
    let mut write = |line: &[u8]| {
        lines.push(line.to_vec());
        Ok::<_, ReadError>(())
    };
    world.ledger.export(world.tenant, None, &mut write, &mut |_, _| ()).unwrap();
    let mut config = LedgerConfig::new(world.folder.path().join("second"));
    config.origin = Some("second.example/log".to_owned());
    let second = Ledger::open(&config).unwrap();
    let mut reader = Reader::begin(&lines[0], Some(world.ledger.log_keys())).unwrap();
    let tenant = second.adopt(&reader).unwrap();
    for line in &lines[1..] {
        if let Some(record) = reader.line(line).unwrap() {
            second.import(tenant, &record).unwrap();
        }
    }
    reader.finish().unwrap();
    let row = second.asset(tenant, &asset).unwrap();
    assert_eq!(row.asset.owner(), Owner::Enterprise);
    assert_eq!(row.asset.issued, garage.asset(&json!({})));
    let Decision::Denial(denial) = second.decide(tenant, &report(asset), None) else { panic!("permitted") };
    assert_eq!(denial.reason, DenialReason::Withdrawn);
    assert_eq!(second.books(tenant).unwrap().lines, [], "settled in the log before");
}
