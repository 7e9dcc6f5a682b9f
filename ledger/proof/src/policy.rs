//! The statement policy: the numbers against which a regulator has a day proved.

use std::collections::BTreeSet;

use grantbook_record::Currency;
use grantbook_record::encoding::Bytes32;
use grantbook_record::strict_json::{self, JsonError};
use serde::{Deserialize, Serialize};

/// Bytes of a policy.
pub const POLICY_BYTES_MAX: usize = 65_536;
/// Version of the format.
pub const VERSION: u8 = 1;
const FLOORS_MAX: usize = 64;

/// A policy that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementPolicyError {
    /// Too long.
    #[error("statement policy of {got} bytes, expected at most {POLICY_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused statement policy: {0}")]
    Schema(#[from] JsonError),
    /// A member is outside its bounds.
    #[error("statement policy: `{member}` out of range, expected {expected}")]
    OutOfRange {
        /// Which.
        member: &'static str,
        /// Its bounds.
        expected: &'static str,
    },
}

/// What is asked of an enterprise's entries, with its thresholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementPolicy {
    /// Its name.
    pub id: String,
    /// Seconds within which the end of a grant takes effect.
    pub bound_seconds: u32,
    /// Seconds by which a use may arrive after it happened.
    pub late_seconds: u32,
    /// Least payout per use, by currency.
    pub payout_floor: Vec<Floor>,
    /// Seconds within which a recipient acknowledges an end; absent: not asked.
    pub acknowledged_within_seconds: Option<u32>,
    /// Least age of a customer whose birth day is committed; absent: not asked.
    pub age_years: Option<u8>,
    /// How far apart cohorts may be paid; absent: not asked.
    pub fair_pay: Option<FairPay>,
    hash: Bytes32,
}

/// The least payout of a use in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The currency.
    pub currency: Currency,
    /// Minor units.
    pub minor: u32,
}

/// One cohort's mean payout per use is at most `of`/`per` of another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FairPay {
    /// Uses that a cohort must have to be compared.
    pub cohort_min: u32,
    /// Numerator.
    pub of: u16,
    /// Denominator.
    pub per: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    v: u8,
    id: String,
    bound_seconds: u32,
    late_seconds: u32,
    #[serde(default)]
    payout_floor: Vec<Floor>,
    #[serde(default)]
    acknowledged_within_seconds: Option<u32>,
    #[serde(default)]
    age_years: Option<u8>,
    #[serde(default)]
    fair_pay: Option<FairPay>,
}

impl StatementPolicy {
    /// Parses a policy; implies no trust in whoever wrote it.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementPolicyError> {
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(StatementPolicyError::TooLarge { got: bytes.len() });
        }
        let raw: Raw = strict_json::parse(bytes)?;
        raw.check()?;
        Ok(Self {
            id: raw.id,
            bound_seconds: raw.bound_seconds,
            late_seconds: raw.late_seconds,
            payout_floor: raw.payout_floor,
            acknowledged_within_seconds: raw.acknowledged_within_seconds,
            age_years: raw.age_years,
            fair_pay: raw.fair_pay,
            hash: Bytes32::sha256(bytes),
        })
    }

    /// SHA-256 of the bytes that were parsed.
    pub fn hash(&self) -> [u8; 32] {
        self.hash.0
    }

    /// The least payout per use; 0 where the policy names none.
    pub fn floor(&self, currency: Currency) -> u32 {
        self.payout_floor.iter().find(|floor| floor.currency == currency).map_or(0, |floor| floor.minor)
    }
}

impl Raw {
    fn check(&self) -> Result<(), StatementPolicyError> {
        let currencies: BTreeSet<Currency> = self.payout_floor.iter().map(|floor| floor.currency).collect();
        let name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let rules = [
            (self.v == VERSION, "v", "1"),
            (
                (1..=64).contains(&self.id.len()) && self.id.bytes().all(name),
                "id",
                "1 to 64 of a to z, 0 to 9 and -",
            ),
            (self.bound_seconds <= 86_400, "bound_seconds", "at most 86400"),
            (self.late_seconds <= 31_536_000, "late_seconds", "at most 31536000"),
            (
                self.payout_floor.len() <= FLOORS_MAX && currencies.len() == self.payout_floor.len(),
                "payout_floor",
                "at most 64 currencies, each once",
            ),
            (
                self.acknowledged_within_seconds.is_none_or(|within| within <= 31_536_000),
                "acknowledged_within_seconds",
                "at most 31536000",
            ),
            (self.age_years.is_none_or(|years| (1..=100).contains(&years)), "age_years", "1 to 100"),
            (
                self.fair_pay.is_none_or(|fair| {
                    let ratio = 1..=1000;
                    fair.cohort_min >= 2 && ratio.contains(&fair.of) && ratio.contains(&fair.per)
                }),
                "fair_pay",
                "cohort_min of 2 or more, of and per of 1 to 1000",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, member, expected)) => Err(StatementPolicyError::OutOfRange { member, expected }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{"v":1,"id":"sandbox","bound_seconds":5,"late_seconds":86400,"payout_floor":[{"currency":"CNY","minor":50}],"acknowledged_within_seconds":86400,"age_years":14,"fair_pay":{"cohort_min":20,"of":3,"per":2}}"#;

    #[test]
    fn the_page_has_a_policy() {
        let page = include_str!("../../../docs/spec/compliance-proof.md");
        let example = page.split("example=statement-policy\n").nth(1).unwrap().split("```").next().unwrap();
        let (page, full) = (example.as_bytes(), FULL.as_bytes());
        let [page, full] = [page, full].map(|json| StatementPolicy::parse(json).unwrap());
        assert_eq!(StatementPolicy { hash: full.hash, ..page }, full);
    }

    #[test]
    fn bounds_are_kept() {
        let policy = StatementPolicy::parse(FULL.as_bytes()).unwrap();
        assert_eq!(policy.hash(), Bytes32::sha256(FULL.as_bytes()).0);
        assert_eq!(policy.floor(Currency::parse("CNY").unwrap()), 50);
        assert_eq!(policy.floor(Currency::parse("EUR").unwrap()), 0);
        for (from, to) in [
            ("\"v\":1", "\"v\":2"),
            ("sandbox", "Sandbox"),
            ("sandbox", ""),
            ("\"bound_seconds\":5", "\"bound_seconds\":86401"),
            ("\"late_seconds\":86400", "\"late_seconds\":31536001"),
            ("[{\"currency\"", "[{\"currency\":\"CNY\",\"minor\":1},{\"currency\""),
            ("\"age_years\":14", "\"age_years\":0"),
            ("\"age_years\":14", "\"age_years\":101"),
            ("\"cohort_min\":20", "\"cohort_min\":1"),
            ("\"of\":3", "\"of\":0"),
            ("\"per\":2", "\"per\":1001"),
            ("{\"v\"", "{\"x\":1,\"v\""),
            ("\"minor\":50", "\"minor\":4294967296"),
        ] {
            assert!(FULL.contains(from), "{from}");
            assert!(StatementPolicy::parse(FULL.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
        }
        let least = r#"{"v":1,"id":"a","bound_seconds":0,"late_seconds":0}"#;
        assert!(StatementPolicy::parse(least.as_bytes()).is_ok());
        let long = format!("{least}{}", " ".repeat(POLICY_BYTES_MAX));
        assert!(matches!(
            StatementPolicy::parse(long.as_bytes()),
            Err(StatementPolicyError::TooLarge { .. })
        ));
    }
}
