//! Compensation that depends on how much was used or earned in a period: tiers, minimums and maximums. Specification:
//! `docs/spec/settlement.md`.

use serde::{Deserialize, Serialize};

use crate::id::Term;
use crate::list::List;
use crate::money::Currency;
use crate::terms::BasisPoints;

/// Revenue of one group and period, minor units: so that ten thousand times as much stays below 2⁶⁴.
pub const REVENUE_MAX: u64 = (1 << 50) - 1;
/// Tiers of one price or share.
pub const TIERS_MAX: usize = 8;

/// A price for each use that rises with the uses of a period.
///
/// Every use commits to `minor`; what a period comes to beyond that accrues at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTieredPrice")]
pub struct TieredPrice {
    /// Currency of the amounts.
    pub currency: Currency,
    /// What each use pays at least, minor units.
    pub minor: u32,
    /// From which use of a period on each one is worth more.
    #[serde(skip_serializing_if = "is_empty")]
    pub tiers: List<UseTier, 0, TIERS_MAX>,
    /// What a period with at least one use pays at least, minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<u32>,
    /// What a period pays at most, minor units; what uses have committed to is never taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<u32>,
}

/// Something other than money, such as a better rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benefit {
    /// What the customer gets.
    pub what: Term,
}

/// The worth of a use from some number on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseTier {
    /// Number of the first such use within the period, from 1.
    pub from: u32,
    /// What each is worth, minor units.
    pub minor: u32,
}

/// A share of declared revenue that rises with the revenue of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTieredShare")]
pub struct TieredShare {
    /// Currency of the revenue.
    pub currency: Currency,
    /// The share of the first part of the revenue.
    pub basis_points: BasisPoints,
    /// The share of what lies above.
    #[serde(skip_serializing_if = "is_empty")]
    pub tiers: List<ShareTier, 0, TIERS_MAX>,
    /// The least pool of a period with a use, minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<u32>,
    /// The largest pool of a period, minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<u32>,
}

/// The share of the revenue above an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareTier {
    /// Revenue above which it holds, minor units.
    pub above: u64,
    /// The share of what lies above.
    pub basis_points: BasisPoints,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTieredPrice {
    currency: Currency,
    minor: u32,
    #[serde(default)]
    tiers: List<UseTier, 0, TIERS_MAX>,
    #[serde(default)]
    minimum: Option<u32>,
    #[serde(default)]
    maximum: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTieredShare {
    currency: Currency,
    basis_points: BasisPoints,
    #[serde(default)]
    tiers: List<ShareTier, 0, TIERS_MAX>,
    #[serde(default)]
    minimum: Option<u32>,
    #[serde(default)]
    maximum: Option<u32>,
}

impl TryFrom<RawTieredPrice> for TieredPrice {
    type Error = &'static str;
    fn try_from(raw: RawTieredPrice) -> Result<Self, Self::Error> {
        let RawTieredPrice { currency, minor, tiers, minimum, maximum } = raw;
        let rises = |from: u32, minor: u32, tier: &UseTier| tier.from > from && tier.minor >= minor;
        let mut last = (1, minor);
        for tier in tiers.iter() {
            if !rises(last.0, last.1, tier) {
                return Err(
                    "malformed tiers, expected each to begin later than the one before and to be worth no less",
                );
            }
            last = (tier.from, tier.minor);
        }
        check_bounds(minimum, maximum)?;
        Ok(Self { currency, minor, tiers, minimum, maximum })
    }
}

impl TryFrom<RawTieredShare> for TieredShare {
    type Error = &'static str;
    fn try_from(raw: RawTieredShare) -> Result<Self, Self::Error> {
        let RawTieredShare { currency, basis_points, tiers, minimum, maximum } = raw;
        let above = tiers.iter().map(|tier| tier.above);
        let rising = std::iter::once(0).chain(above.clone()).zip(above).all(|(before, after)| before < after);
        if !rising || tiers.iter().any(|tier| tier.above > REVENUE_MAX) {
            return Err("malformed tiers, expected each to begin above the one before, below 2^50");
        }
        check_bounds(minimum, maximum)?;
        Ok(Self { currency, basis_points, tiers, minimum, maximum })
    }
}

fn check_bounds(minimum: Option<u32>, maximum: Option<u32>) -> Result<(), &'static str> {
    match (minimum, maximum) {
        (Some(minimum), Some(maximum)) if minimum > maximum => {
            Err("malformed bounds, expected a minimum up to the maximum")
        }
        _ => Ok(()),
    }
}

fn is_empty<T>(list: &List<T, 0, TIERS_MAX>) -> bool {
    list.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict_json;

    #[test]
    fn tiers_rise_and_bounds_are_in_order() {
        let price = |rest: &str| {
            strict_json::parse::<TieredPrice>(format!(r#"{{"currency":"CNY","minor":80{rest}}}"#).as_bytes())
        };
        for good in
            ["", r#","tiers":[{"from":2,"minor":80},{"from":10,"minor":90}]"#, r#","minimum":5,"maximum":5"#]
        {
            let parsed = price(good).unwrap();
            let json = serde_json::to_vec(&parsed).unwrap();
            assert_eq!(strict_json::parse::<TieredPrice>(&json).unwrap(), parsed);
        }
        for bad in [
            r#","tiers":[{"from":1,"minor":90}]"#,
            r#","tiers":[{"from":5,"minor":79}]"#,
            r#","tiers":[{"from":5,"minor":90},{"from":5,"minor":95}]"#,
            r#","minimum":6,"maximum":5"#,
            r#","minimum":-1"#,
            r#","tax":1"#,
        ] {
            assert!(price(bad).is_err(), "{bad}");
        }
        let share = |rest: &str| {
            let json = format!(r#"{{"currency":"CNY","basis_points":500{rest}}}"#);
            strict_json::parse::<TieredShare>(json.as_bytes())
        };
        assert!(share(r#","tiers":[{"above":100,"basis_points":200}]"#).is_ok());
        for bad in [
            r#","tiers":[{"above":0,"basis_points":200}]"#,
            r#","tiers":[{"above":9,"basis_points":1},{"above":9,"basis_points":2}]"#,
            r#","tiers":[{"above":1125899906842624,"basis_points":2}]"#,
        ] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
