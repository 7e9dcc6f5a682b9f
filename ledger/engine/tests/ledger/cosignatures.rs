//! Passkeys beside signing keys: when they are asked for, who sees what they made, and what outlives a restart.

use grantbook_engine::{AppendError, Appended, Cosignature, CosignatureError, Ledger, ReadError};
use grantbook_plan::guardian::comes_of_age;
use grantbook_record::attachment::{AttachmentError, Attachments};
use grantbook_record::encoding::{Base64Bytes, Bytes32, to_base64url};
use grantbook_record::event::{
    ClientPublished, Evidence, GrantAmended, GrantGiven, GrantPaused, GuardianNamed, KeyEnrolled, KeyRotated,
    MandateGiven, Recovery,
};
use grantbook_record::feed::FeedPosition;
use grantbook_record::list::List;
use grantbook_record::receipt::{Attached, Content};
use grantbook_record::webauthn::{Assertion, AssertionError, PasskeyKey, RelyingParty, challenge};
use grantbook_record::{Envelope, Kind, Signer};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};

use crate::world::{World, given, sub};

const ORIGIN: &str = "https://portal.example";

pub(crate) fn publish(ledger: &Ledger) {
    let relying_party = RelyingParty { id: "portal.example".into(), origin: ORIGIN.into() };
    ledger.publish_client(&ClientPublished { files_sha256: Bytes32([1; 32]), relying_party }).unwrap();
}

/// An assertion of the passkey made of `seed` over an envelope.
fn assertion(seed: u8, envelope: &[u8], origin: &str, flags: u8) -> Assertion {
    let key = SigningKey::from_slice(&[seed; 32]).unwrap();
    let challenge = to_base64url(&challenge(Envelope::parse(envelope).unwrap().first_jws()).0);
    let client_data = format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{origin}"}}"#);
    let authenticator_data = [&Bytes32::sha256(b"portal.example").0[..], &[flags, 0, 0, 0, 0]].concat();
    let signed = [authenticator_data.as_slice(), &Bytes32::sha256(client_data.as_bytes()).0].concat();
    let signature: Signature = key.sign(&signed);
    let point = key.verifying_key().to_encoded_point(false);
    let key = PasskeyKey::from_coordinates(point.x().unwrap().as_ref(), point.y().unwrap().as_ref()).unwrap();
    Assertion {
        key,
        authenticator_data: Base64Bytes(authenticator_data),
        client_data: Base64Bytes(client_data.into_bytes()),
        signature: Base64Bytes(signature.to_der().as_bytes().to_vec()),
    }
}

fn attach(assertions: Vec<Assertion>) -> Vec<u8> {
    Attachments { v: 1, assertions: List::new(assertions).unwrap() }.to_json()
}

fn by(seed: u8, envelope: &[u8]) -> Vec<u8> {
    attach(vec![assertion(seed, envelope, ORIGIN, 0x05)])
}

fn send(world: &World, envelope: &[u8], seeds: &[u8]) -> Result<Appended, AppendError> {
    if seeds.is_empty() {
        return world.ledger.append(world.tenant, envelope);
    }
    let assertions = seeds.iter().map(|seed| assertion(*seed, envelope, ORIGIN, 0x05)).collect();
    world.ledger.append_with(world.tenant, envelope, Some(&attach(assertions)))
}

fn enrolment(world: &World, name: &str, key: &Signer, voucher: &Signer, evidence: Evidence) -> Vec<u8> {
    let recovery = Signer::from_seed(&[200; 32]).unwrap().thumbprint();
    let recovery = (evidence == Evidence::Enterprise).then_some(recovery);
    let event = KeyEnrolled { sub: sub(name), key: *key.public_key(), evidence, recovery };
    world.sign(Kind::KeyEnrolled, event, &[key, voucher])
}

/// The recovery key of [`enrolment`] puts a new key in the place of all.
fn recovered(world: &World, name: &str, new: &Signer) -> Vec<u8> {
    let recovery = Signer::from_seed(&[200; 32]).unwrap();
    let event = KeyRotated {
        sub: sub(name),
        old: recovery.thumbprint(),
        new: *new.public_key(),
        recovery: Some(Recovery {
            key: *recovery.public_key(),
            next: Signer::from_seed(&[201; 32]).unwrap().thumbprint(),
        }),
    };
    world.sign(Kind::KeyRotated, event, &[new, &recovery])
}

/// A customer with a signing key and the passkey of seed 1.
fn with_passkey(world: &World, name: &str) -> Signer {
    let key = Signer::from_seed(&Bytes32::sha256(name.as_bytes()).0).unwrap();
    let envelope = enrolment(world, name, &key, &world.enterprise, Evidence::Enterprise);
    send(world, &envelope, &[1]).unwrap();
    key
}

fn refused(result: Result<Appended, AppendError>) -> CosignatureError {
    match result {
        Err(AppendError::Cosignature(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_guardians_passkey_counts_for_the_minor_and_outlives_the_minors_own() {
    let world = World::new();
    publish(&world.ledger);
    let (child, mother) = (with_passkey(&world, "cs-1"), Signer::from_seed(&[77; 32]).unwrap());
    let event = GuardianNamed {
        sub: sub("cs-1"),
        key: *mother.public_key(),
        evidence: Evidence::Enterprise,
        birth_day: 49_000,
        until: comes_of_age(49_000, 18).unwrap(),
    };
    let named = world.sign(Kind::GuardianNamed, event, &[&mother, &child, &world.enterprise]);
    send(&world, &named, &[3]).unwrap();
    assert_eq!(world.ledger.passkeys(world.tenant, &sub("cs-1")).unwrap().len(), 2);
    let grants = || world.sign(Kind::GrantGiven, given("cs-1", &world.terms()), &[&mother]);
    assert_eq!(refused(send(&world, &grants(), &[])), CosignatureError::Missing);
    assert_eq!(refused(send(&world, &grants(), &[4])), CosignatureError::UnknownPasskey);
    send(&world, &grants(), &[3]).unwrap();
    // it vouches for no key of the minor's own, and a lost device of the minor's does not take it away
    let second = Signer::from_seed(&[78; 32]).unwrap();
    let vouched = enrolment(&world, "cs-1", &second, &child, Evidence::EnrolledKey);
    assert_eq!(refused(send(&world, &vouched, &[3])), CosignatureError::UnknownPasskey);
    send(&world, &recovered(&world, "cs-1", &second), &[5]).unwrap();
    assert_eq!(refused(send(&world, &grants(), &[1])), CosignatureError::UnknownPasskey);
    let world = world.reopen(|_| ());
    publish(&world.ledger);
    send(&world, &world.sign(Kind::GrantGiven, given("cs-1", &world.terms()), &[&mother]), &[3]).unwrap();
}

#[test]
fn a_mandate_needs_the_customers_passkey_and_what_its_agent_answers_needs_none() {
    let world = World::new();
    publish(&world.ledger);
    let key = with_passkey(&world, "cs-1");
    let agent = Signer::from_seed(&[201; 32]).unwrap();
    let mandate = || {
        let event: MandateGiven = serde_json::from_value(serde_json::json!({
            "sub": "cs-1", "from": {"key": key.thumbprint()}, "agent": agent.public_key(),
            "until": world.terms().validity.end(), "rules": [{"accept": {}}],
        }))
        .unwrap();
        world.sign(Kind::MandateGiven, event, &[&key])
    };
    assert_eq!(refused(send(&world, &mandate(), &[])), CosignatureError::Missing);
    assert_eq!(refused(send(&world, &mandate(), &[2])), CosignatureError::UnknownPasskey);
    let envelope = mandate();
    send(&world, &envelope, &[1]).unwrap();

    let mandate = Envelope::parse(&envelope).unwrap().event().unwrap().jti;
    let answer = |signer: &Signer| {
        let event = GrantGiven { mandate: Some(mandate), ..given("cs-1", &world.terms()) };
        send(&world, &world.sign(Kind::GrantGiven, event, &[signer]), &[])
    };
    answer(&agent).unwrap();
    assert!(answer(&key).is_err(), "the customer's own key is no way around the passkey");
}

#[test]
fn a_grant_needs_the_customers_passkey_once_there_is_one() {
    let world = World::new();
    publish(&world.ledger);
    let key = with_passkey(&world, "cs-1");
    let grant = || world.sign(Kind::GrantGiven, given("cs-1", &world.terms()), &[&key]);
    assert_eq!(refused(send(&world, &grant(), &[])), CosignatureError::Missing);
    assert_eq!(refused(send(&world, &grant(), &[2])), CosignatureError::UnknownPasskey);
    assert_eq!(refused(send(&world, &grant(), &[1, 2])), CosignatureError::UnknownPasskey);
    let envelope = grant();
    send(&world, &envelope, &[1]).unwrap();

    let id = Envelope::parse(&envelope).unwrap().event().unwrap().jti;
    let amend = |change: &dyn Fn(&mut grantbook_record::Terms), seeds: &[u8]| {
        let mut terms = world.terms();
        change(&mut terms);
        let event = GrantAmended { sub: sub("cs-1"), grant: id, terms, birth_day: None };
        send(&world, &world.sign(Kind::GrantAmended, event, &[&key]), seeds)
    };
    let uses = |uses: u32| {
        move |terms: &mut grantbook_record::Terms| {
            terms.limits.uses = grantbook_record::terms::UseCap::new(uses);
        }
    };
    assert_eq!(refused(amend(&uses(11), &[])), CosignatureError::Missing);
    amend(&uses(11), &[1]).unwrap();
    let paused = world.sign(Kind::GrantPaused, GrantPaused { sub: sub("cs-1"), grant: id }, &[&key]);
    assert_eq!(
        refused(send(&world, &paused, &[1])),
        CosignatureError::NotAttachable { kind: Kind::GrantPaused }
    );
    // neither a pause nor the end of it all ever asks for one
    send(&world, &paused, &[]).unwrap();
    world.withdraw(&key, "cs-1", id);

    world.ledger.set_cosignature(world.tenant, Cosignature::Optional).unwrap();
    send(&world, &grant(), &[]).unwrap();
    assert_eq!(refused(send(&world, &grant(), &[2])), CosignatureError::UnknownPasskey);
}

#[test]
fn a_narrower_amendment_needs_no_passkey() {
    let world = World::new();
    publish(&world.ledger);
    let key = with_passkey(&world, "cs-1");
    let mut terms = world.terms();
    let envelope = world.sign(Kind::GrantGiven, given("cs-1", &terms), &[&key]);
    send(&world, &envelope, &[1]).unwrap();
    let grant = Envelope::parse(&envelope).unwrap().event().unwrap().jti;
    terms.limits.uses = grantbook_record::terms::UseCap::new(9);
    let event = GrantAmended { sub: sub("cs-1"), grant, terms, birth_day: None };
    send(&world, &world.sign(Kind::GrantAmended, event, &[&key]), &[]).unwrap();
}

#[test]
fn a_replayed_or_foreign_assertion_is_none() {
    let world = World::new();
    let key = Signer::from_seed(&[7; 32]).unwrap();
    let first = enrolment(&world, "cs-1", &key, &world.enterprise, Evidence::Enterprise);
    let before = world.ledger.append_with(world.tenant, &first, Some(&by(1, &first)));
    assert!(matches!(before, Err(AppendError::NoPortal)), "{before:?}");
    publish(&world.ledger);
    send(&world, &first, &[1]).unwrap();
    let (old, new) = {
        let grant = || world.sign(Kind::GrantGiven, given("cs-1", &world.terms()), &[&key]);
        (grant(), grant())
    };
    send(&world, &old, &[1]).unwrap();
    let check = |attachments: Vec<u8>, expected: AssertionError| match world.ledger.append_with(
        world.tenant,
        &new,
        Some(&attachments),
    ) {
        Err(AppendError::Attachment(AttachmentError::Assertion(error))) => assert_eq!(error, expected),
        other => panic!("{other:?}"),
    };
    check(by(1, &old), AssertionError::Challenge);
    check(attach(vec![assertion(1, &new, "https://portal.example.evil", 0x05)]), AssertionError::Origin);
    check(attach(vec![assertion(1, &new, ORIGIN, 0x01)]), AssertionError::NotVerified);
    check(attach(vec![assertion(1, &new, ORIGIN, 0x04)]), AssertionError::NotPresent);
    send(&world, &new, &[1]).unwrap();
}

#[test]
fn a_passkey_is_vouched_for_by_another_and_replaced_by_recovery() {
    let world = World::new();
    publish(&world.ledger);
    let key = with_passkey(&world, "cs-1");
    let second = Signer::from_seed(&[8; 32]).unwrap();
    let enrol = || enrolment(&world, "cs-1", &second, &key, Evidence::EnrolledKey);
    assert_eq!(refused(send(&world, &enrol(), &[2])), CosignatureError::UnknownPasskey);
    send(&world, &enrol(), &[2, 1]).unwrap();
    let grant = |seeds: &[u8], key: &Signer| {
        send(&world, &world.sign(Kind::GrantGiven, given("cs-1", &world.terms()), &[key]), seeds)
    };
    grant(&[2], &second).unwrap();

    let new = Signer::from_seed(&[9; 32]).unwrap();
    let envelope = recovered(&world, "cs-1", &new);
    send(&world, &envelope, &[3]).unwrap();
    assert_eq!(refused(grant(&[1], &new)), CosignatureError::UnknownPasskey);
    grant(&[3], &new).unwrap();
}

#[test]
fn attachments_go_to_the_customer_and_to_no_enterprise() {
    let world = World::new();
    publish(&world.ledger);
    let key = with_passkey(&world, "cs-1");
    world.enrol("cs-2");
    let envelope = world.sign(Kind::GrantGiven, given("cs-1", &world.terms()), &[&key]);
    let attachments = by(1, &envelope);
    let appended = world.ledger.append_with(world.tenant, &envelope, Some(&attachments)).unwrap();
    let keys = world.ledger.log_keys();
    let attached = |receipt: &grantbook_record::Receipt| {
        receipt.verify(keys).unwrap();
        let Content::Event(content) = &receipt.content else { panic!("an event") };
        content.attached.clone().unwrap()
    };
    let again = world.ledger.append_with(world.tenant, &envelope, Some(&by(2, &envelope))).unwrap();
    assert!(again.duplicate);
    let enterprises = world.ledger.receipt(world.tenant, appended.leaf_index).unwrap();
    let frames = world.ledger.feed(world.tenant, FeedPosition(0), 100).unwrap();
    let frame = frames.into_iter().find(|frame| {
        frame.receipt.verify(keys).is_ok_and(|receipt| receipt.leaf_index == appended.leaf_index)
    });
    for receipt in [&appended.receipt, &again.receipt, &enterprises, &frame.unwrap().receipt] {
        assert!(matches!(attached(receipt), Attached::Hidden(_)));
    }
    let of = |name| world.ledger.customers_receipt(world.tenant, &sub(name), appended.leaf_index);
    assert_eq!(attached(&of("cs-1").unwrap()).shown(), Some(attachments.as_slice()));
    assert!(matches!(of("cs-2"), Err(ReadError::NotFound)));
    let mut archive = Vec::new();
    world
        .ledger
        .export(
            world.tenant,
            None,
            &mut |line| {
                archive.extend_from_slice(line);
                Ok::<_, ReadError>(())
            },
            &mut |_, _| (),
        )
        .unwrap();
    assert!(String::from_utf8(archive).unwrap().contains("\"shown\""), "another ledger takes them in");
}

#[test]
fn passkeys_outlive_a_lost_state_and_a_rolled_epoch() {
    let world = World::new();
    publish(&world.ledger);
    let key = with_passkey(&world, "cs-1");
    let world = world.reopen(|config| {
        std::fs::remove_dir_all(config.data_dir.join("epochs/1/state")).unwrap();
    });
    let published = world.ledger.publish_client(&ClientPublished {
        files_sha256: Bytes32([1; 32]),
        relying_party: RelyingParty { id: "portal.example".into(), origin: ORIGIN.into() },
    });
    assert_eq!(published.unwrap(), None, "published once");
    let grant = |world: &World, seeds: &[u8]| {
        send(world, &world.sign(Kind::GrantGiven, given("cs-1", &world.terms()), &[&key]), seeds)
    };
    assert_eq!(refused(grant(&world, &[])), CosignatureError::Missing);
    world.ledger.roll_epoch().unwrap();
    assert_eq!(refused(grant(&world, &[])), CosignatureError::Missing);
    let world = world.reopen(|config| {
        let report = grantbook_engine::fsck(config, false, &mut |_, _| ()).unwrap();
        assert_eq!(report.findings, Vec::<String>::new());
    });
    publish(&world.ledger);
    assert_eq!(refused(grant(&world, &[])), CosignatureError::Missing);
    grant(&world, &[1]).unwrap();
    assert_eq!(world.ledger.fsck(&mut |_, _| ()).findings, Vec::<String>::new());
}
