use grantbook_record::DenialReason;
use grantbook_record::encoding::Bytes32;
use serde_json::{Value, json};

use super::*;
use crate::admission::{self, Context, Parties};
use crate::decide::{Decision, decide};
use crate::samples::{
    END, NOW, START, admitted, bounds, consents, facts, given, jti, signer, subject, terms,
};
use crate::{TenantState, UseCount};

const CUSTOMER: u8 = 1;
const ENTERPRISE: u8 = 2;
const OPERATOR: u8 = 3;
/// Two grants that let reports be derived, the asset, and two licences of it.
const SOURCES: [u8; 2] = [10, 11];
const ASSET: u8 = 20;
const LICENCE: u8 = 30;
const OUTLIVING: u8 = 31;

fn event<T: serde::de::DeserializeOwned>(wrap: fn(T) -> Event, members: Value) -> Event {
    wrap(serde_json::from_value(members).unwrap())
}

fn patched(members: Value, patch: Value) -> Value {
    let (Value::Object(mut members), Value::Object(patch)) = (members, patch) else { panic!("no objects") };
    members.extend(patch);
    Value::Object(members)
}

fn source(patch: Value) -> Terms {
    terms(patched(json!({"consents": consents(&["derived-asset"])}), patch))
}

fn members(terms: &Value) -> Value {
    json!({
        "sub": subject(),
        "category": "battery-health",
        "hash": Bytes32::sha256(b"report"),
        "derived_by": "sure-insurance",
        "derived_from": SOURCES.map(jti),
        "purpose": "insurance-underwriting",
        "owner": "customer",
        "terms": terms,
    })
}

fn offered() -> Value {
    json!({
        "transferable_to": ["enterprise"],
        "licence": {
            "price": {"currency": "CNY", "minor": 200},
            "purposes": ["insurance-underwriting"],
            "until": END,
        },
    })
}

fn issued(change: impl FnOnce(&mut Value)) -> Event {
    let mut members = members(&offered());
    change(&mut members);
    event(Event::AssetIssued, members)
}

fn transferred(to: &str) -> Event {
    event(Event::AssetTransferred, json!({"sub": subject(), "asset": jti(ASSET), "to": to}))
}

fn licence(patch: Value) -> Terms {
    let change = json!({
        "scope": {"include": [{"category": "battery-health"}], "exclude": null},
        "compensation": {"per_use": {"currency": "CNY", "minor": 200}},
        "licence": {"asset": jti(ASSET), "ends_with": SOURCES.map(jti)},
    });
    terms(patched(change, patch))
}

struct World {
    tenant: TenantState,
    customer: CustomerState,
    at: u64,
}

impl World {
    /// A customer with two grants that let reports be derived.
    fn new() -> Self {
        let mut world =
            Self { tenant: TenantState::default(), customer: CustomerState::default(), at: 86_400 };
        let text = json!([{"language": "en", "title": "Charging", "body": "What we ask for."}]);
        let wide = json!({"categories": ["fast-charging", "battery-health"]});
        let template = json!({"id": "charging", "version": 1, "text": text, "bounds": bounds(wide)});
        let notice = json!({"id": "notice", "version": 1, "language": "en", "text": "notice"});
        world.tenant.apply(&event(Event::TemplatePublished, template), Bytes32::sha256(b"template"));
        world.tenant.apply(&event(Event::NoticePublished, notice), Bytes32::sha256(b"envelope"));
        let key = signer(CUSTOMER);
        let enrolled = json!({"sub": subject(), "key": key.public_key(), "evidence": "enterprise"});
        world.apply(1, &event(Event::KeyEnrolled, enrolled));
        for n in SOURCES {
            world.apply(n, &given(source(json!({}))));
        }
        world
    }

    /// With the asset that `change` makes of the one offered.
    fn with_asset(change: impl FnOnce(&mut Value)) -> Self {
        let mut world = Self::new();
        world.apply(ASSET, &issued(change));
        world
    }

    fn apply(&mut self, n: u8, event: &Event) {
        self.customer.apply(event, &admitted(n, self.at));
    }

    fn check(&self, event: &Event, signers: &[u8]) -> Result<(), Refusal> {
        let parties =
            Parties { enterprise: signer(ENTERPRISE).thumbprint(), operator: signer(OPERATOR).thumbprint() };
        let context = Context { tenant: &self.tenant, parties: &parties, jti: jti(99), now: NOW };
        let signers: Vec<_> = signers.iter().map(|n| signer(*n).thumbprint()).collect();
        admission::check(event, &signers, &self.customer, &context)?;
        check_licence(event, &self.customer, NOW)
    }

    fn decide(&self, use_: Value) -> Result<Jti, DenialReason> {
        let count = |_: &Jti| UseCount::default();
        match decide(Vocabulary::builtin(), Some(&self.customer), count, &facts(use_), NOW) {
            Decision::Permit(permission) => Ok(permission.grant),
            Decision::Denial(denial) => Err(denial.reason),
        }
    }
}

/// A use of an asset.
fn use_of(asset: u8) -> Value {
    json!({
        "categories": ["battery-health"],
        "fields": ["health_percent"],
        "rows": {"asset": jti(asset)},
    })
}

#[test]
fn a_report_is_issued_only_as_the_grants_allow() {
    let world = World::new();
    assert_eq!(world.check(&issued(|_| ()), &[ENTERPRISE]), Ok(()));
    assert_eq!(world.check(&issued(|event| event["derived_by"] = json!("voltway")), &[ENTERPRISE]), Ok(()));
    for signers in [&[CUSTOMER][..], &[OPERATOR], &[ENTERPRISE, CUSTOMER], &[]] {
        let refused = world.check(&issued(|_| ()), signers);
        assert!(matches!(refused, Err(Refusal::Signers { .. })), "{signers:?}: {refused:?}");
    }
    let not_derivable = |expected| Refusal::NotDerivable { expected };
    let unknown = |what| Refusal::UnknownTerm { what };
    for (member, value, refusal) in [
        ("category", json!("dreams"), unknown("category")),
        ("purpose", json!("palmistry"), unknown("purpose")),
        ("purpose", json!("research"), not_derivable("the purpose of each grant")),
        (
            "derived_by",
            json!("data-broker"),
            not_derivable("the recipient or controller of each grant to have derived it"),
        ),
        ("derived_from", json!([jti(10), jti(99)]), Refusal::NoSuchGrant),
        ("derived_from", json!([jti(10), jti(10)]), not_derivable("each grant once")),
    ] {
        let refused = world.check(&issued(|event| event[member] = value.clone()), &[ENTERPRISE]);
        assert_eq!(refused, Err(refusal), "{member}: {value}");
    }
    let palmistry = |event: &mut Value| event["terms"]["licence"]["purposes"] = json!(["palmistry"]);
    assert_eq!(world.check(&issued(palmistry), &[ENTERPRISE]), Err(unknown("purpose")));
}

#[test]
fn without_the_consent_to_derive_there_is_no_asset() {
    let consent = "the consent derived-asset in each grant";
    let in_force = "grants that are in force";
    for (patch, expected) in [
        (json!({"consents": consents(&["third-party"])}), consent),
        (json!({"consents": []}), consent),
        (json!({"validity": {"start": START, "end": NOW}}), in_force),
        (json!({"validity": {"start": NOW.0 + 1, "end": END}}), in_force),
        (json!({"licence": {"asset": jti(ASSET)}}), "grants that are no licences"),
    ] {
        let mut world = World::new();
        world.apply(12, &given(source(patch.clone())));
        let from_it = issued(|event| event["derived_from"] = json!([jti(10), jti(12)]));
        let refused = world.check(&from_it, &[ENTERPRISE]);
        assert_eq!(refused, Err(Refusal::NotDerivable { expected }), "{patch}");
    }
    for wrap in
        [|members| event(Event::GrantPaused, members), |members| event(Event::GrantWithdrawn, members)]
    {
        let mut world = World::new();
        world.apply(40, &wrap(json!({"sub": subject(), "grant": jti(11)})));
        let refused = world.check(&issued(|_| ()), &[ENTERPRISE]);
        assert_eq!(refused, Err(Refusal::NotDerivable { expected: in_force }));
    }
}

#[test]
fn an_asset_goes_only_where_its_terms_let_it() {
    let mut world = World::with_asset(|_| ());
    let to_enterprise = transferred("enterprise");
    assert_eq!(world.check(&to_enterprise, &[CUSTOMER, ENTERPRISE]), Ok(()));
    assert_eq!(world.check(&to_enterprise, &[ENTERPRISE, CUSTOMER]), Ok(()));
    for signers in [&[CUSTOMER][..], &[ENTERPRISE], &[OPERATOR, ENTERPRISE], &[CUSTOMER, OPERATOR]] {
        let refused = world.check(&to_enterprise, signers);
        assert!(matches!(refused, Err(Refusal::Signers { .. })), "{signers:?}: {refused:?}");
    }
    let both = [CUSTOMER, ENTERPRISE];
    let named = Err(Refusal::NotTransferable { expected: "an owner whom its terms name" });
    assert_eq!(world.check(&transferred("customer"), &both), named);
    let bound = World::with_asset(|event| event["terms"]["transferable_to"] = json!([]));
    assert_eq!(bound.check(&to_enterprise, &both), named);
    assert_eq!(World::new().check(&to_enterprise, &both), Err(Refusal::NoSuchAsset));
    let first = world.customer.link_target(&to_enterprise).unwrap().0.leaf_index;
    assert_eq!(first, u64::from(ASSET));
    world.apply(41, &to_enterprise);
    let owned = Err(Refusal::NotTransferable { expected: "another owner than the present one" });
    assert_eq!(world.check(&to_enterprise, &both), owned);
    assert_eq!(world.check(&transferred("customer"), &both), named, "not back, either");
    let asset = world.customer.asset(&jti(ASSET)).unwrap();
    assert_eq!(asset.owner(), Owner::Enterprise);
    assert_eq!([20, 40, 41, 42].map(|leaf| asset.owner_at(leaf)), {
        use Owner::{Customer, Enterprise};
        [Customer, Customer, Enterprise, Enterprise]
    });
    assert_eq!(world.customer.link_target(&transferred("customer")).unwrap().0.leaf_index, 41);
}

#[test]
fn a_licence_keeps_to_what_its_asset_offers() {
    let world = World::with_asset(|_| ());
    assert_eq!(world.check(&given(licence(json!({}))), &[CUSTOMER]), Ok(()));
    let request = json!({"sub": subject(), "terms": licence(json!({})), "expires": END});
    assert_eq!(world.check(&event(Event::RequestMade, request), &[ENTERPRISE]), Ok(()));
    let priced = |minor: u32| json!({"compensation": {"per_use": {"currency": "CNY", "minor": minor}}});
    assert_eq!(world.check(&given(licence(priced(201))), &[CUSTOMER]), Ok(()), "more than asked");
    for (patch, what) in [
        (priced(199), "price"),
        (
            json!({"compensation": {"per_use": null, "per_grant": {"currency": "CNY", "minor": 2000}}}),
            "price",
        ),
        (json!({"compensation": {"per_use": {"currency": "EUR", "minor": 200}}}), "price"),
        (json!({"purpose": "research"}), "purpose"),
        (json!({"scope": {"include": [{"category": "fast-charging"}]}}), "category"),
        (json!({"validity": {"start": START.0 + 1, "end": END.0 + 1}}), "validity"),
        (json!({"consents": consents(&["third-party"])}), "passing on"),
        (json!({"licence": {"asset": jti(ASSET), "ends_with": [jti(10)]}}), "ends_with"),
        (json!({"licence": {"asset": jti(ASSET)}}), "ends_with"),
    ] {
        let refused = check_licence(&given(licence(patch.clone())), &world.customer, NOW);
        let Err(Refusal::OutsideLicence { what: got, .. }) = refused else { panic!("{patch}: {refused:?}") };
        assert_eq!(got, what, "{patch}");
        let request = json!({"sub": subject(), "terms": licence(patch), "expires": END});
        let request = event(Event::RequestMade, request);
        assert_eq!(check_licence(&request, &world.customer, NOW), refused, "nor may it be asked for");
    }
    let resale = World::with_asset(|event| event["terms"]["licence"]["resale"] = json!(true));
    assert_eq!(
        check_licence(
            &given(licence(json!({"consents": consents(&["third-party"])}))),
            &resale.customer,
            NOW
        ),
        Ok(())
    );
    let unlicensed = World::with_asset(|event| event["terms"] = json!({}));
    let refused = unlicensed.check(&given(licence(json!({}))), &[CUSTOMER]);
    assert!(matches!(refused, Err(Refusal::OutsideLicence { what: "licence", .. })), "{refused:?}");
    assert_eq!(World::new().check(&given(licence(json!({}))), &[CUSTOMER]), Err(Refusal::NoSuchAsset));
}

#[test]
fn a_licence_and_no_other_grant_permits_uses_of_its_asset() {
    let mut world = World::with_asset(|_| ());
    let no_grant = Err(DenialReason::NoGrant);
    world.apply(29, &given(licence(json!({"licence": null}))));
    assert_eq!(world.decide(use_of(ASSET)), no_grant, "a grant of the category is no licence");
    world.apply(LICENCE, &given(licence(json!({}))));
    assert_eq!(world.decide(use_of(ASSET)), Ok(jti(LICENCE)));
    assert_eq!(world.decide(use_of(21)), no_grant, "of another asset");
    let mut other = use_of(ASSET);
    other["rows"] = json!({"asset": "the-report"});
    assert_eq!(world.decide(other), no_grant, "a name that is none");
    let mut whole_category = use_of(ASSET);
    whole_category["rows"] = json!({});
    assert_eq!(world.decide(whole_category), Ok(jti(29)), "of no asset");
    let amended =
        json!({"sub": subject(), "grant": jti(LICENCE), "terms": licence(json!({"licence": null}))});
    let refused = world.check(&event(Event::GrantAmended, amended), &[CUSTOMER]);
    assert_eq!(refused, Err(Refusal::AmendmentChanges { what: "licence" }));
}

#[test]
fn a_licence_ends_with_the_grants_its_asset_was_derived_from() {
    let on = |n: u8| json!({"sub": subject(), "grant": jti(n)});
    let withdrawn = |n| event(Event::GrantWithdrawn, on(n));
    let revoked = json!({"sub": subject(), "grant": jti(11), "by": "enterprise", "reason": "fraud"});
    for (end, reason) in [
        (withdrawn(10), DenialReason::Withdrawn),
        (withdrawn(11), DenialReason::Withdrawn),
        (event(Event::GrantRevoked, revoked), DenialReason::Revoked),
        (given(source(json!({"supersedes": jti(10)}))), DenialReason::Superseded),
    ] {
        let mut world = World::with_asset(|_| ());
        world.apply(LICENCE, &given(licence(json!({}))));
        assert!(world.customer.asset(&jti(ASSET)).unwrap().is_licensable(&world.customer, NOW));
        world.apply(40, &end);
        assert_eq!(world.decide(use_of(ASSET)), Err(reason));
        let ended = world.customer.grant(&jti(LICENCE)).unwrap();
        assert_eq!((ended.status_entry, ended.ended_at), (40, Some(NOW)));
        assert!(!world.customer.asset(&jti(ASSET)).unwrap().is_licensable(&world.customer, NOW));
        assert_eq!(world.check(&given(licence(json!({}))), &[CUSTOMER]), Err(Refusal::GrantEnded));
    }
    // a licence that ended before keeps its own end
    let mut world = World::with_asset(|_| ());
    world.apply(LICENCE, &given(licence(json!({}))));
    world.apply(40, &withdrawn(LICENCE));
    world.at += 60;
    world.apply(41, &withdrawn(10));
    assert_eq!(world.customer.grant(&jti(LICENCE)).unwrap().status_entry, 40);
}

#[test]
fn where_the_terms_say_so_licences_go_on() {
    let mut world = World::with_asset(|event| event["terms"]["outlives_grants"] = json!(true));
    let alone = json!({"licence": {"asset": jti(ASSET)}});
    assert_eq!(world.check(&given(licence(alone.clone())), &[CUSTOMER]), Ok(()));
    world.apply(OUTLIVING, &given(licence(alone.clone())));
    for n in SOURCES {
        world.apply(40 + n, &event(Event::GrantWithdrawn, json!({"sub": subject(), "grant": jti(n)})));
    }
    assert_eq!(world.decide(use_of(ASSET)), Ok(jti(OUTLIVING)));
    assert_eq!(world.check(&given(licence(alone)), &[CUSTOMER]), Ok(()), "and new ones may be given");
}
