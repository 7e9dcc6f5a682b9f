//! Several people for one customer: what waits for their signatures, and who they are.

use grantbook_record::TenantId;
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::jwk::Thumbprint;

use super::Wording;
use crate::signing::Person;

/// Something that some have signed, and others have not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureCard {
    /// Its id.
    pub id: String,
    /// The enterprise.
    pub company: Wording,
    /// What it is.
    pub what: Signed,
    /// Whose it is, where that is somebody's whose guardian the viewer is.
    pub ward: Option<String>,
    /// How many have signed.
    pub signed: usize,
    /// Whether the viewer has.
    pub by_viewer: bool,
    /// Until when it waits.
    pub expires: UnixSeconds,
}

/// What is signed by several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// A grant to this recipient.
    Grant(Wording),
    /// Other terms of a grant to this recipient.
    Change(Wording),
    /// A grant goes on that was paused.
    Resume,
    /// A standing rule.
    Rule,
    /// Somebody else's key.
    Key,
    /// A guardian's key.
    Guardian,
    /// How many must sign.
    Signatories,
    /// A milestone, or something else.
    Other,
}

/// Those who sign, by enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signers {
    /// One for each enterprise where there is a key.
    pub companies: Vec<SigningFor>,
}

/// Those who sign at one enterprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningFor {
    /// The enterprise's id.
    pub tenant: TenantId,
    /// Its name.
    pub company: Wording,
    /// Whose it is, where the viewer is a guardian.
    pub ward: Option<String>,
    /// The day on which a minor comes of age; such a one has no signatories.
    pub minor_until: Option<UnixSeconds>,
    /// How many must sign; `None` where one is enough.
    pub needed: Option<u8>,
    /// The keys that may sign.
    pub keys: Vec<SigningKey>,
}

impl SigningFor {
    /// Whether others can be asked to sign, too.
    pub fn can_grow(&self) -> bool {
        self.ward.is_none() && self.minor_until.is_none()
    }

    /// Keys among which a rule chooses.
    pub fn has_choice(&self) -> bool {
        self.can_grow() && self.keys.len() > 1
    }
}

/// A key that may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its thumbprint.
    pub key: Thumbprint,
    /// Whether the rule counts it.
    pub counts: bool,
    /// Whether it is a guardian's.
    pub guardian: bool,
    /// Whose it is, as far as the portal knows.
    pub person: Option<Person>,
}

impl SigningKey {
    /// What people compare: see [`number`].
    pub fn number(&self) -> String {
        number(&self.key)
    }
}

/// Thirty digits of a key, in groups of five, for two people to compare: nobody finds another key with the same. The first six
/// times four bytes of the thumbprint, big-endian, each modulo 100,000.
pub fn number(Thumbprint(Bytes32(bytes)): &Thumbprint) -> String {
    let (words, _) = bytes.as_chunks::<4>();
    let groups = words.iter().take(6).map(|word| format!("{:05}", u32::from_be_bytes(*word) % 100_000));
    groups.collect::<Vec<_>>().join(" ")
}
