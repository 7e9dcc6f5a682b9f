//! The manifest: every other file of a kit by name, size and SHA-256, under the operator's signature.

use std::collections::BTreeSet;

use grantbook_record::encoding::{Bytes32, from_base64url};
use grantbook_record::jws::{self, Jws, JwsError};
use grantbook_record::strict_json::{self, JsonError};
use grantbook_record::{PublicKey, Signer, TenantId, Thumbprint, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::tables::Period;

/// Media type of the signed payload.
pub const TYP: &str = "grantbook-kit+jwt";
/// Bytes of the signed manifest.
pub const MANIFEST_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 64;

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Larger than [`MANIFEST_BYTES_MAX`].
    #[error("manifest of {got} bytes, expected at most {MANIFEST_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// Not a signature in the ledger's profile.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// Signed as something else.
    #[error("wrong typ, expected {TYP}")]
    Typ,
    /// The payload is no base64url.
    #[error("malformed payload, expected base64url")]
    Encoding,
    /// The payload's JSON departs from the schema.
    #[error("refused manifest: {0}")]
    Schema(#[from] JsonError),
    /// Another version of the format.
    #[error("manifest of version {got}, expected {}", super::VERSION)]
    Version {
        /// As came.
        got: u8,
    },
    /// Names that no file of a kit has, or that are not in order.
    #[error("malformed names, expected those of a kit's files, each once and in order")]
    Names,
    /// The signature is not by this key.
    #[error("bad signature, expected one by the operator's key")]
    Signature,
}

/// What a kit holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format.
    pub v: u8,
    /// Origin line of the log.
    pub origin: String,
    /// The enterprise.
    pub tenant: TenantId,
    /// The days.
    pub period: Period,
    /// When it was made.
    pub made_at: UnixSeconds,
    /// Its files but for the manifest and the receipt that names it, by name.
    pub files: Vec<KitFile>,
}

/// A file of a kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitFile {
    /// Its path within the kit, with `/` between its parts.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: Bytes32,
}

impl KitFile {
    /// A file of these bytes.
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), size: bytes.len() as u64, sha256: Bytes32::sha256(bytes) }
    }
}

/// Who claims to have signed a manifest, and what it says: nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The thumbprint of the signer's key.
    pub signer: Thumbprint,
    /// What is signed.
    pub manifest: Manifest,
}

impl Manifest {
    /// Signs it as the operator: the bytes of the manifest's file.
    pub fn sign(&self, operator: &Signer) -> String {
        // numbers, strings and lists always serialise
        let payload = serde_json::to_vec(self).unwrap_or_default();
        jws::sign(TYP, &payload, operator)
    }

    /// Parses a manifest's file; implies no trust.
    pub fn parse(text: &str) -> Result<Parsed, ManifestError> {
        let jws = read(text)?;
        let payload = from_base64url(jws.payload_segment).ok_or(ManifestError::Encoding)?;
        let manifest: Self = strict_json::parse(&payload)?;
        if manifest.v != super::VERSION {
            return Err(ManifestError::Version { got: manifest.v });
        }
        let in_order = manifest.files.is_sorted_by(|one, next| one.name < next.name);
        if !in_order || !manifest.files.iter().all(|file| is_name(&file.name)) {
            return Err(ManifestError::Names);
        }
        Ok(Parsed { signer: jws.kid, manifest })
    }

    /// Parses a manifest's file that this key has signed.
    pub fn verify(text: &str, operator: &PublicKey) -> Result<Self, ManifestError> {
        let parsed = Self::parse(text)?;
        if read(text)?.verify(operator) { Ok(parsed.manifest) } else { Err(ManifestError::Signature) }
    }

    /// Names of its files.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.files.iter().map(|file| file.name.as_str()).collect()
    }
}

fn read(text: &str) -> Result<Jws<'_>, ManifestError> {
    if text.len() > MANIFEST_BYTES_MAX {
        return Err(ManifestError::TooLarge { got: text.len() });
    }
    let jws = Jws::parse(text)?;
    if jws.typ == TYP { Ok(jws) } else { Err(ManifestError::Typ) }
}

/// Whether a kit may have a file of this name: one or two parts of lower-case letters, digits, dots and hyphens, none of
/// which begins with a dot.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
    };
    name.len() <= NAME_BYTES_MAX
        && name.split('/').count() <= 2
        && name.split('/').all(is_part)
        && ![super::MANIFEST, super::ISSUED].contains(&name)
}
