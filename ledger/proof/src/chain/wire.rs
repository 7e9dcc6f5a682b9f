//! How bytes stand in the JSON of a chain: base64url.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use grantbook_compliance::Commitment;
use grantbook_record::encoding::Bytes32;
use grantbook_tlog::Hash;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

macro_rules! as_bytes32 {
    ($module:ident, $type:ty, $to:expr, $from:expr) => {
        pub(super) mod $module {
            #[allow(clippy::wildcard_imports, reason = "the types are the macro's arguments")]
            use super::*;

            pub(crate) fn serialize<S: Serializer>(value: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                let to: fn(&$type) -> [u8; 32] = $to;
                Bytes32(to(value)).serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let from: fn([u8; 32]) -> Option<$type> = $from;
                from(Bytes32::deserialize(deserializer)?.0)
                    .ok_or_else(|| D::Error::custom("expected a point"))
            }
        }
    };
}

as_bytes32!(bytes, [u8; 32], |bytes| *bytes, Some);
as_bytes32!(hash, Hash, |hash| hash.0, |bytes| Some(Hash(bytes)));
as_bytes32!(commitment, Commitment, |commitment| commitment.0, |bytes| Some(Commitment(bytes)));
as_bytes32!(point, RistrettoPoint, |point| point.compress().to_bytes(), |bytes| CompressedRistretto(bytes)
    .decompress());

pub(super) mod commitments {
    use super::{Bytes32, Commitment, Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        commitments: &[Commitment],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(commitments.iter().map(|commitment| Bytes32(commitment.0)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Commitment>, D::Error> {
        let all: Vec<Bytes32> = Vec::deserialize(deserializer)?;
        Ok(all.into_iter().map(|bytes| Commitment(bytes.0)).collect())
    }
}
