//! Ed25519 public keys as JSON Web Keys (RFC 8037) and their thumbprints (RFC 7638).

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::encoding::{Bytes32, array_from_base64url, to_base64url};

/// SHA-256 thumbprint of a key, the `kid` of what it signs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thumbprint(pub Bytes32);

impl Thumbprint {
    /// Reads 43 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        array_from_base64url(text).map(|bytes| Self(Bytes32(bytes)))
    }
}

impl std::fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&to_base64url(&self.0.0))
    }
}

impl std::fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A key that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no point of the curve.
    #[error("malformed key, expected the 32 bytes of an Ed25519 public key")]
    NotAKey,
    /// A point of small order, under which anybody can sign.
    #[error("weak key, expected an Ed25519 public key that is not of small order")]
    Weak,
}

/// An Ed25519 public key, decoded and known not to be weak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Jwk<'a> {
    crv: std::borrow::Cow<'a, str>,
    kty: std::borrow::Cow<'a, str>,
    x: std::borrow::Cow<'a, str>,
}

impl PublicKey {
    /// Decodes 32 bytes; about 4 µs, so keep the result.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAKey)?;
        if key.is_weak() { Err(KeyError::Weak) } else { Ok(Self(key)) }
    }

    /// Reads a JWK with exactly the members `crv`, `kty` and `x`.
    pub fn parse_jwk(json: &[u8]) -> Result<Self, crate::strict_json::JsonError> {
        crate::strict_json::parse(json)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// RFC 7638: SHA-256 of the JWK's required members in lexical order.
    pub fn thumbprint(&self) -> Thumbprint {
        let mut hash = Sha256::new();
        hash.update(br#"{"crv":"Ed25519","kty":"OKP","x":""#);
        hash.update(to_base64url(self.as_bytes()));
        hash.update(br#""}"#);
        Thumbprint(Bytes32(hash.finalize().into()))
    }

    /// Strict verification (no malleable or small-order components) of a signature over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.thumbprint())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let x = to_base64url(self.as_bytes()).into();
        Jwk { crv: "Ed25519".into(), kty: "OKP".into(), x }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let jwk = Jwk::deserialize(deserializer)?;
        if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
            return Err(D::Error::custom("other key type, expected kty OKP with crv Ed25519"));
        }
        let bytes = array_from_base64url(&jwk.x).ok_or_else(|| D::Error::custom(KeyError::NotAKey))?;
        Self::from_bytes(&bytes).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_rfc_8037_has_its_thumbprint() {
        // RFC 8037 appendix A.2 and A.3
        let jwk = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let key = PublicKey::parse_jwk(jwk).unwrap();
        assert_eq!(key.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn weak_and_foreign_keys_are_refused() {
        // the identity and a point of order 8, both valid encodings
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(&identity), Err(KeyError::Weak));
        assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::Weak));
        for json in [
            r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AA"}"#,
        ] {
            assert!(PublicKey::parse_jwk(json.as_bytes()).is_err(), "{json}");
        }
    }
}
