//! A software authenticator: passkeys made of seeds, and what they hand out.

use grantbook_record::attachment::Attachments;
use grantbook_record::encoding::{Base64Bytes, Bytes32, to_base64url};
use grantbook_record::list::List;
use grantbook_record::webauthn::{Assertion, PasskeyKey, RelyingParty, challenge};
use grantbook_record::{Envelope, Kind};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};

use crate::story::sample;

pub(crate) fn relying_party() -> RelyingParty {
    RelyingParty { id: "portal.example".into(), origin: "https://portal.example".into() }
}

/// The envelope of the story that gives the grant.
pub(crate) fn envelope() -> Envelope {
    Envelope::parse(&sample(Kind::GrantGiven).envelope()).unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn public(key: &SigningKey) -> PasskeyKey {
    let point = key.verifying_key().to_encoded_point(false);
    PasskeyKey::from_coordinates(point.x().unwrap().as_ref(), point.y().unwrap().as_ref()).unwrap()
}

pub(crate) fn client_data(first_jws: &str) -> String {
    let challenge = to_base64url(&challenge(first_jws).0);
    format!(
        r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"https://portal.example","crossOrigin":false}}"#
    )
}

pub(crate) fn authenticator_data(relying_party: &str, flags: u8) -> Vec<u8> {
    [&Bytes32::sha256(relying_party.as_bytes()).0[..], &[flags, 0, 0, 0, 7]].concat()
}

/// What the passkey of `seed` signs, whatever it is.
pub(crate) fn assertion(seed: u8, client_data: &str, authenticator_data: &[u8]) -> Assertion {
    let key = key(seed);
    let signed = [authenticator_data, &Bytes32::sha256(client_data.as_bytes()).0].concat();
    let signature: Signature = key.sign(&signed);
    Assertion {
        key: public(&key),
        authenticator_data: Base64Bytes(authenticator_data.to_vec()),
        client_data: Base64Bytes(client_data.as_bytes().to_vec()),
        signature: Base64Bytes(signature.to_der().as_bytes().to_vec()),
    }
}

/// The other signature that holds: with the order of the curve less s in the place of s.
pub(crate) fn with_other_s(assertion: &Assertion) -> Assertion {
    let signature = Signature::from_der(&assertion.signature.0).unwrap();
    let (r, s) = signature.split_scalars();
    let other = Signature::from_scalars(r, -*s).unwrap();
    Assertion { signature: Base64Bytes(other.to_der().as_bytes().to_vec()), ..assertion.clone() }
}

/// The story's passkey asserts the story's grant.
pub(crate) fn first() -> Assertion {
    assertion(5, &client_data(envelope().first_jws()), &authenticator_data("portal.example", 0x1d))
}

pub(crate) fn attachments(assertions: &[Assertion]) -> Attachments {
    Attachments { v: 1, assertions: List::new(assertions.to_vec()).unwrap() }
}
