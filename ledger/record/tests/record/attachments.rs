//! Assertions under every change of a byte, and receipts with and without what is attached.

use grantbook_record::encoding::{Base64Bytes, Bytes32, from_base64url, to_base64url};
use grantbook_record::entry::{self, Salt};
use grantbook_record::receipt::{Attached, Content, ShownAttachments};
use grantbook_record::webauthn::{Assertion, AssertionError, Registration};
use grantbook_record::{Entry, Envelope, Kind, Receipt};

use crate::passkey::{
    assertion, attachments, authenticator_data, client_data, envelope, first, relying_party,
};
use crate::story::sample;

fn verify(assertion: &Assertion) -> Result<(), AssertionError> {
    assertion.verify(envelope().first_jws(), &relying_party()).map(drop)
}

#[test]
fn no_bit_of_an_assertion_may_change() {
    let good = first();
    verify(&good).unwrap();
    let parts: [fn(&mut Assertion) -> &mut Vec<u8>; 3] =
        [|a| &mut a.authenticator_data.0, |a| &mut a.client_data.0, |a| &mut a.signature.0];
    for part in parts {
        let length = part(&mut good.clone()).len();
        for bit in 0..8 * length {
            let mut changed = good.clone();
            part(&mut changed)[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&changed).is_err(), "bit {bit}");
        }
        for length in 0..length {
            let mut cut = good.clone();
            part(&mut cut).truncate(length);
            assert!(verify(&cut).is_err(), "cut to {length}");
        }
    }
}

#[test]
fn an_assertion_is_of_one_envelope_alone() {
    let good = first();
    for kind in [Kind::RequestMade, Kind::GrantAmended, Kind::GrantWithdrawn] {
        let other = Envelope::parse(&sample(kind).envelope()).unwrap();
        assert_eq!(
            good.verify(other.first_jws(), &relying_party()),
            Err(AssertionError::Challenge),
            "{kind}"
        );
    }
    let data = client_data(envelope().first_jws());
    let elsewhere = assertion(5, &data, &authenticator_data("other.example", 0x05));
    assert_eq!(verify(&elsewhere), Err(AssertionError::RelyingParty));
}

/// A receipt of the story's grant whose digest covers attachments.
fn attached() -> (Receipt, Attached) {
    let log = crate::ledger::Ledger::story();
    let mut receipt = log.receipt(crate::ledger::GRANT_AT);
    let shown = Attached::Shown(ShownAttachments {
        salt: Salt(Bytes32([9; 32])),
        bytes: Base64Bytes(attachments(&[first()]).to_json()),
    });
    let Content::Event(content) = &mut receipt.content else { panic!("a grant is an event") };
    content.attached = Some(shown.clone());
    let mut entry = Entry::parse(&receipt.entry.0).unwrap();
    let envelope = Bytes32::sha256(&content.envelope.0);
    entry.digest = entry::digest(&receipt.salt, &envelope, Some(shown.a32()));
    receipt.entry = Base64Bytes(entry.to_bytes());
    (receipt, shown)
}

#[test]
fn a_receipt_covers_its_attachments_shown_or_hidden() {
    let (receipt, shown) = attached();
    let digest = Entry::parse(&receipt.entry.0).unwrap().digest;
    let of = |attached: Option<&Attached>| {
        let Content::Event(content) = &receipt.content else { panic!("a grant is an event") };
        let envelope = Bytes32::sha256(&content.envelope.0);
        entry::digest(&receipt.salt, &envelope, attached.map(Attached::a32))
    };
    assert_eq!(of(Some(&shown)), digest);
    assert_ne!(of(None), digest, "left out");
    let hidden = receipt.clone().without_attachments();
    let json = String::from_utf8(hidden.to_json()).unwrap();
    assert!(json.contains("hidden") && !json.contains("shown") && !json.contains("assertions"), "{json}");
    let Content::Event(content) = &hidden.content else { panic!("a grant is an event") };
    assert_eq!(of(content.attached.as_ref()), digest);
    assert_eq!(content.attached.as_ref().unwrap().shown(), None);
    assert_eq!(Receipt::parse(&hidden.to_json()).unwrap(), hidden);
    assert_eq!(Receipt::parse(&receipt.to_json()).unwrap(), receipt);
    let Attached::Shown(ShownAttachments { salt, mut bytes }) = shown else { panic!("shown") };
    bytes.0[0] ^= 1;
    assert_ne!(of(Some(&Attached::Shown(ShownAttachments { salt, bytes }))), digest, "another byte");
}

/// Authenticator data of a new passkey, with this key and id.
fn registered(id: &[u8], flags: u8, tail: &[u8]) -> Vec<u8> {
    let mut bytes = authenticator_data("portal.example", flags);
    bytes.extend([0; 16]);
    bytes.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
    bytes.extend(id);
    let key = serde_json::to_value(first().key).unwrap();
    let part = |name: &str| from_base64url(key[name].as_str().unwrap()).unwrap();
    bytes.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
    bytes.extend(part("x"));
    bytes.extend([0x22, 0x58, 0x20]);
    bytes.extend(part("y"));
    bytes.extend(tail);
    bytes
}

#[test]
fn a_registration_is_read_in_its_one_form() {
    let challenge = Bytes32([3; 32]);
    let data = |kind: &str| {
        let challenge = to_base64url(&challenge.0);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"https://portal.example"}}"#)
    };
    let check = |data: &str, authenticator_data: Vec<u8>| {
        let client_data = Base64Bytes(data.as_bytes().to_vec());
        let authenticator_data = Base64Bytes(authenticator_data);
        Registration { authenticator_data, client_data }.verify(&challenge, &relying_party())
    };
    let made = check(&data("webauthn.create"), registered(&[9; 16], 0x45, &[])).unwrap();
    assert_eq!((made.credential, made.key), (vec![9; 16], first().key));
    for (name, data, bytes, error) in [
        ("an assertion's data", data("webauthn.get"), registered(&[9], 0x45, &[]), AssertionError::Type),
        ("no credential", data("webauthn.create"), registered(&[9], 0x05, &[]), AssertionError::Flags),
        ("not verified", data("webauthn.create"), registered(&[9], 0x41, &[]), AssertionError::NotVerified),
        ("extensions", data("webauthn.create"), registered(&[9], 0xc5, &[0xa0]), AssertionError::Flags),
        ("no id", data("webauthn.create"), registered(&[], 0x45, &[]), AssertionError::Credential),
        ("long id", data("webauthn.create"), registered(&[9; 1024], 0x45, &[]), AssertionError::Credential),
        ("a tail", data("webauthn.create"), registered(&[9], 0x45, &[0]), AssertionError::Credential),
    ] {
        assert_eq!(check(&data, bytes), Err(error), "{name}");
    }
    let good = registered(&[9; 4], 0x45, &[]);
    for length in 0..good.len() {
        assert!(check(&data("webauthn.create"), good[..length].to_vec()).is_err(), "cut to {length}");
    }
    // the form, byte by byte: neither id nor AAGUID nor counter nor coordinates are fixed
    for at in (37 + 16..37 + 18).chain(37 + 22..37 + 32) {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert!(check(&data("webauthn.create"), changed).is_err(), "byte {at}");
    }
}
