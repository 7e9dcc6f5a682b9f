//! Assertions of passkeys over the first signature of an envelope: a verifier of our own, small and strict.
//!
//! Web Authentication Level 2, section 7.2, for P-256 with SHA-256 alone (COSE algorithm −7). Deviations, all towards
//! refusing: no extension data, no attested credential data, no `tokenBinding`, `topOrigin` or `crossOrigin` other than
//! false, no reserved flag. Whether the signature counter rises is for whoever keeps the last one: an entry of the log is verified
//! without those before it, so readers of the log do not look at it.
//! Specification: `docs/spec/attachment.md`.

use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::FromEncodedPoint as _;
use p256::{EncodedPoint, PublicKey as Point};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::encoding::{Base64Bytes, Bytes32, array_from_base64url, to_base64url};
use crate::jwk::Thumbprint;
use crate::strict_json;

/// Bytes of `clientDataJSON`.
pub const CLIENT_DATA_BYTES_MAX: usize = 1024;
/// Bytes of authenticator data without extensions: hash of the relying party's id, flags, counter.
const AUTHENTICATOR_DATA_BYTES: usize = 37;
/// Bytes of a credential's id (Web Authentication Level 2, section 4).
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1023;
const ATTESTED: u8 = 0x40;
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;

/// Whose page asks for assertions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelyingParty {
    /// Its id: a host name.
    pub id: String,
    /// The one origin of its pages, such as `https://portal.example`.
    pub origin: String,
}

/// A passkey's public key: a point of P-256, as a JWK with exactly `crv`, `kty`, `x` and `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasskeyKey(Point);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Jwk<'a> {
    crv: std::borrow::Cow<'a, str>,
    kty: std::borrow::Cow<'a, str>,
    x: std::borrow::Cow<'a, str>,
    y: std::borrow::Cow<'a, str>,
}

impl PasskeyKey {
    /// From its coordinates; `None` unless they are of a point of the curve.
    pub fn from_coordinates(x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        let point = EncodedPoint::from_affine_coordinates(x.into(), y.into(), false);
        Option::from(Point::from_encoded_point(&point)).map(Self)
    }

    fn coordinates(&self) -> (String, String) {
        use p256::elliptic_curve::sec1::ToEncodedPoint as _;
        let point = self.0.to_encoded_point(false);
        // a public key is never the identity, so both are there
        let text = |part: Option<&p256::FieldBytes>| part.map(|part| to_base64url(part)).unwrap_or_default();
        (text(point.x()), text(point.y()))
    }

    /// RFC 7638: SHA-256 of the JWK's required members in lexical order.
    pub fn thumbprint(&self) -> Thumbprint {
        let (x, y) = self.coordinates();
        Thumbprint(Bytes32::sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes()))
    }
}

impl Serialize for PasskeyKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (x, y) = self.coordinates();
        Jwk { crv: "P-256".into(), kty: "EC".into(), x: x.into(), y: y.into() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PasskeyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let jwk = Jwk::deserialize(deserializer)?;
        if jwk.kty != "EC" || jwk.crv != "P-256" {
            return Err(D::Error::custom("other key type, expected kty EC with crv P-256"));
        }
        let malformed = || D::Error::custom("malformed key, expected a point of P-256");
        let x = array_from_base64url(&jwk.x).ok_or_else(malformed)?;
        let y = array_from_base64url(&jwk.y).ok_or_else(malformed)?;
        Self::from_coordinates(&x, &y).ok_or_else(malformed)
    }
}

/// A passkey's assertion, as the browser handed it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// The passkey's key.
    pub key: PasskeyKey,
    /// `authenticatorData`.
    pub authenticator_data: Base64Bytes,
    /// `clientDataJSON`.
    pub client_data: Base64Bytes,
    /// ECDSA over both, in DER. Either of the two values of s counts: the specification does not choose.
    pub signature: Base64Bytes,
}

/// What an assertion shows that verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The passkey.
    pub passkey: Thumbprint,
    /// Its signature counter; 0 of one that counts nothing, as synchronised ones do.
    pub counter: u32,
}

/// What a registration brings that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The credential's id.
    pub credential: Vec<u8>,
    /// Its key.
    pub key: PasskeyKey,
    /// Its signature counter.
    pub counter: u32,
}

/// Why an assertion was refused, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// `clientDataJSON` is too long, no JSON object, or has a member twice.
    #[error("malformed client data, expected a JSON object of at most {CLIENT_DATA_BYTES_MAX} bytes")]
    ClientData,
    /// Made for something else: a registration, a payment.
    #[error("assertion of another type, expected webauthn.get")]
    Type,
    /// Made for another message, or replayed.
    #[error("assertion over something else, expected the SHA-256 of the envelope's first JWS")]
    Challenge,
    /// Made on another page.
    #[error("assertion of another origin, expected the portal's")]
    Origin,
    /// Made in a frame of another page.
    #[error("assertion in a frame of another origin, expected crossOrigin false")]
    CrossOrigin,
    /// Bytes are missing, or follow.
    #[error(
        "authenticator data of {got} bytes, expected {AUTHENTICATOR_DATA_BYTES}: no extension, no credential"
    )]
    AuthenticatorData {
        /// As came.
        got: usize,
    },
    /// Made for another relying party.
    #[error("assertion for another relying party, expected the portal's id")]
    RelyingParty,
    /// A flag that assertions do not have, or a backup of what cannot be backed up.
    #[error("unexpected flags, expected presence, verification and those of backups alone")]
    Flags,
    /// Nobody touched the authenticator.
    #[error("user not present, expected the flag UP")]
    NotPresent,
    /// The authenticator did not ask who touched it.
    #[error("user not verified, expected the flag UV")]
    NotVerified,
    /// No credential where there must be one, or of another form than those of P-256.
    #[error("malformed credential, expected an id of 1 to {CREDENTIAL_ID_BYTES_MAX} bytes and an ES256 key")]
    Credential,
    /// The signature is not DER of two numbers, or does not verify.
    #[error("bad signature of the passkey, expected strict DER by the key that the assertion names")]
    Signature,
}

/// The members that are looked at; browsers add others, now and then on purpose.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<String>,
    #[serde(default)]
    token_binding: Option<serde_json::Value>,
}

/// What a passkey has to sign for an envelope: the SHA-256 of its first JWS, as text.
pub fn challenge(first_jws: &str) -> Bytes32 {
    Bytes32(Sha256::digest(first_jws.as_bytes()).into())
}

impl Assertion {
    /// Checks that the passkey signed `first_jws` on a page of the relying party, for a user whom it verified; gives its
    /// thumbprint. Whether the passkey is the customer's, the log says.
    pub fn verify(
        &self,
        first_jws: &str,
        relying_party: &RelyingParty,
    ) -> Result<Thumbprint, AssertionError> {
        self.verify_challenge(&challenge(first_jws), relying_party).map(|shown| shown.passkey)
    }

    /// The same over a challenge of another kind, as for logging in.
    pub fn verify_challenge(
        &self,
        challenge: &Bytes32,
        relying_party: &RelyingParty,
    ) -> Result<Shown, AssertionError> {
        let Self { key, authenticator_data, client_data, signature } = self;
        check_client_data(&client_data.0, "webauthn.get", challenge, relying_party)?;
        if authenticator_data.0.len() != AUTHENTICATOR_DATA_BYTES {
            return Err(AssertionError::AuthenticatorData { got: authenticator_data.0.len() });
        }
        let data = check_authenticator_data(&authenticator_data.0, relying_party)?;
        if data.attested != 0 {
            return Err(AssertionError::Flags);
        }
        let signature = Signature::from_der(&signature.0).map_err(|_| AssertionError::Signature)?;
        let signed = [authenticator_data.0.as_slice(), &Sha256::digest(&client_data.0)].concat();
        let verifies = VerifyingKey::from(&key.0).verify(&signed, &signature).is_ok();
        let shown = Shown { passkey: key.thumbprint(), counter: data.counter };
        if verifies { Ok(shown) } else { Err(AssertionError::Signature) }
    }
}

/// A new passkey, as the browser handed it out. No attestation is asked for, so nothing says what kind of device holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// `authenticatorData`, with the credential in it.
    pub authenticator_data: Base64Bytes,
    /// `clientDataJSON`.
    pub client_data: Base64Bytes,
}

impl Registration {
    /// Checks that the passkey was made for `challenge` on a page of the relying party, for a user whom it verified;
    /// gives what was made. Web Authentication Level 2, section 7.1, for ES256 without attestation.
    pub fn verify(
        &self,
        challenge: &Bytes32,
        relying_party: &RelyingParty,
    ) -> Result<Registered, AssertionError> {
        check_client_data(&self.client_data.0, "webauthn.create", challenge, relying_party)?;
        let data = check_authenticator_data(&self.authenticator_data.0, relying_party)?;
        if data.attested != ATTESTED {
            return Err(AssertionError::Flags);
        }
        let (credential, key) = parse_credential(data.rest).ok_or(AssertionError::Credential)?;
        Ok(Registered { credential, key, counter: data.counter })
    }
}

/// AAGUID, length of the id, id, and the key in the one CBOR form that CTAP2 allows: `{1: 2, 3: -7, -1: 1, -2: x, -3: y}`.
fn parse_credential(bytes: &[u8]) -> Option<(Vec<u8>, PasskeyKey)> {
    const KTY_ALG_CRV_X: [u8; 10] = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
    const Y: [u8; 3] = [0x22, 0x58, 0x20];
    let (_aaguid, rest) = bytes.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length == 0 || length > CREDENTIAL_ID_BYTES_MAX {
        return None;
    }
    let (id, rest) = rest.split_at_checked(length)?;
    let (x, rest) = rest.strip_prefix(KTY_ALG_CRV_X.as_slice())?.split_first_chunk::<32>()?;
    let (y, rest) = rest.strip_prefix(Y.as_slice())?.split_first_chunk::<32>()?;
    let key = PasskeyKey::from_coordinates(x, y)?;
    rest.is_empty().then(|| (id.to_vec(), key))
}

fn check_client_data(
    bytes: &[u8],
    expected_type: &str,
    challenge: &Bytes32,
    relying_party: &RelyingParty,
) -> Result<(), AssertionError> {
    if bytes.len() > CLIENT_DATA_BYTES_MAX {
        return Err(AssertionError::ClientData);
    }
    let seen: ClientData = strict_json::parse(bytes).map_err(|_| AssertionError::ClientData)?;
    if seen.r#type != expected_type {
        return Err(AssertionError::Type);
    }
    if array_from_base64url(&seen.challenge).map(Bytes32) != Some(*challenge) {
        return Err(AssertionError::Challenge);
    }
    if seen.origin != relying_party.origin {
        return Err(AssertionError::Origin);
    }
    if seen.cross_origin == Some(true) || seen.top_origin.is_some() || seen.token_binding.is_some() {
        return Err(AssertionError::CrossOrigin);
    }
    Ok(())
}

/// Authenticator data that is the relying party's, of a user who was verified.
struct AuthenticatorData<'a> {
    /// The flag of a credential, where it is set.
    attested: u8,
    counter: u32,
    /// What follows the counter.
    rest: &'a [u8],
}

fn check_authenticator_data<'a>(
    bytes: &'a [u8],
    relying_party: &RelyingParty,
) -> Result<AuthenticatorData<'a>, AssertionError> {
    let length = AssertionError::AuthenticatorData { got: bytes.len() };
    let (head, rest) = bytes.split_first_chunk::<AUTHENTICATOR_DATA_BYTES>().ok_or(length)?;
    let (id_sha256, flags) = head.split_first_chunk::<32>().ok_or(length)?;
    let [flags, counter @ ..] = flags else { return Err(length) };
    let counter = u32::from_be_bytes(counter.try_into().map_err(|_| length)?);
    if *id_sha256 != <[u8; 32]>::from(Sha256::digest(relying_party.id.as_bytes())) {
        return Err(AssertionError::RelyingParty);
    }
    let known = USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE | BACKED_UP | ATTESTED;
    let backed_up_only = flags & BACKED_UP != 0 && flags & BACKUP_ELIGIBLE == 0;
    if flags & !known != 0 || backed_up_only {
        return Err(AssertionError::Flags);
    }
    if flags & USER_PRESENT == 0 {
        return Err(AssertionError::NotPresent);
    }
    if flags & USER_VERIFIED == 0 {
        return Err(AssertionError::NotVerified);
    }
    Ok(AuthenticatorData { attested: flags & ATTESTED, counter, rest })
}
