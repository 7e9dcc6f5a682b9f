//! Identifiers, each of its own type and checked when made.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::day::{UnixMillis, UnixSeconds};

/// An identifier that does not have the form its type demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed {what}, expected {expected}")]
pub struct IdError {
    /// Which identifier.
    pub what: &'static str,
    /// The form it must have.
    pub expected: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks the form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { what: $what, expected: $expected })
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(D::Error::custom)
            }
        }
    };
}

fn within(text: &str, max: usize, allowed: fn(u8) -> bool) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(allowed)
}

text_id!(
    /// The enterprise's pseudonym of a data subject. Pairwise: one customer has another at each enterprise.
    SubjectId,
    "data subject",
    "1 to 64 letters, digits, `.`, `_`, `:` or `-`",
    |t| within(t, 64, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
);

text_id!(
    /// A word of the vocabulary: a purpose, category, field, party or action.
    Term,
    "term",
    "1 to 64 lower-case letters, digits, `_` or `-`, beginning with a letter",
    |t| {
        t.starts_with(|c: char| c.is_ascii_lowercase())
            && within(t, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
    }
);

text_id!(
    /// The name of a gate, unique within its tenant.
    GateId,
    "gate",
    "1 to 64 letters, digits, `.`, `_` or `-`",
    |t| within(t, 64, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
);

text_id!(
    /// The name of a system whose records are mirrored, unique within its tenant.
    SourceId,
    "source",
    "1 to 64 letters, digits, `.`, `_` or `-`",
    |t| within(t, 64, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
);

text_id!(
    /// The name of a mirrored record, unique among those of its data subject.
    RecordId,
    "record",
    "1 to 64 letters, digits, `.`, `_`, `:` or `-`",
    |t| within(t, 64, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
);

fn parse_uuid(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    // one spelling only: lower case, hyphenated
    (uuid.hyphenated().to_string() == text).then_some(uuid)
}

/// A tenant's permanent id, the `aud` of all its envelopes. It stays when the tenant moves to another log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TenantId(Uuid);

impl TenantId {
    /// From 16 bytes, such as random ones.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The id under which a log records its public events: the first 16 bytes of SHA-256(`4F` ‖ origin), made a UUIDv8
    /// (RFC 9562, section 5.8).
    pub fn of_log(origin: &str) -> Self {
        let digest: [u8; 32] = Sha256::new().chain_update([0x4F]).chain_update(origin).finalize().into();
        let bytes = digest.first_chunk::<16>().copied().unwrap_or_default();
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The lower-case hyphenated form.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        parse_uuid(text)
            .map(Self)
            .ok_or(IdError { what: "tenant id", expected: "a lower-case hyphenated UUID" })
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl std::fmt::Display for TenantId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl std::str::FromStr for TenantId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// The id of an envelope: a UUIDv7 (RFC 9562 section 5.7) whose time is the envelope's `iat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Jti(Uuid);

impl Jti {
    /// A new id for an envelope issued at `at`, with 10 random bytes.
    pub fn new(at: UnixMillis, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(at.0, &random).into_uuid())
    }

    /// The lower-case hyphenated form of a UUIDv7.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        parse_uuid(text)
            .filter(|uuid| uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122)
            .map(Self)
            .ok_or(IdError { what: "jti", expected: "a lower-case hyphenated UUIDv7" })
    }

    /// From its 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, IdError> {
        Self::parse(&Uuid::from_bytes(bytes).hyphenated().to_string())
    }

    /// The second in which it was made.
    pub fn issued_at(&self) -> UnixSeconds {
        UnixSeconds(self.made_at().0 / 1000)
    }

    /// The millisecond in which it was made.
    pub fn made_at(&self) -> UnixMillis {
        let (high, _) = self.0.as_u64_pair();
        UnixMillis(high >> 16)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl std::fmt::Display for Jti {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl std::str::FromStr for Jti {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Jti {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_strict() {
        for (text, subject, term) in [
            ("cs-00004", true, true),
            ("", false, false),
            ("A.b:c_d-1", true, false),
            ("1abc", true, false),
            ("with space", false, false),
            ("客户", false, false),
        ] {
            assert_eq!(SubjectId::parse(text).is_ok(), subject, "subject {text:?}");
            assert_eq!(Term::parse(text).is_ok(), term, "term {text:?}");
        }
        assert!(SubjectId::parse(&"a".repeat(64)).is_ok());
        assert!(SubjectId::parse(&"a".repeat(65)).is_err());
    }

    #[test]
    fn jti_tells_its_second_and_is_version_7() {
        let jti = Jti::new(UnixMillis(1_795_000_000_123), [7; 10]);
        assert_eq!(jti.issued_at(), UnixSeconds(1_795_000_000));
        assert_eq!(Jti::parse(&jti.to_string()), Ok(jti));
        assert!(Jti::parse(&jti.to_string().to_uppercase()).is_err());
        assert!(Jti::parse("5b9a3f0e-5e1c-4b3a-9a55-3f4d2a6d9b11").is_err(), "version 4");
    }
}
