//! What uses and revenue are worth. Pure; amounts are minor units of one currency, and every result is exact.

use grantbook_plan::tenant::{CompensationMode, GroupTerms, Tiers};
use grantbook_record::compensation::{TieredPrice, TieredShare};

/// What one hundred percent is in basis points.
const WHOLE: u128 = 10_000;

/// What the uses of one grant in one period are worth, when they have committed to `committed` already; never less than
/// that. `None` on overflow.
pub fn worth_of_uses(price: &TieredPrice, uses: u64, committed: u64) -> Option<u64> {
    if uses == 0 {
        return Some(committed);
    }
    let mut worth = u64::from(price.minor).checked_mul(uses)?;
    let mut before = price.minor;
    for tier in price.tiers.iter() {
        let reached = uses.saturating_sub(u64::from(tier.from).saturating_sub(1));
        worth = worth.checked_add(u64::from(tier.minor.checked_sub(before)?).checked_mul(reached)?)?;
        before = tier.minor;
    }
    let worth = worth.max(price.minimum.map_or(0, u64::from));
    let worth = worth.min(price.maximum.map_or(u64::MAX, u64::from));
    Some(worth.max(committed))
}

/// What a group of terms is paid of declared revenue: rounded down to the minor unit. `None` on overflow, and for groups
/// that are paid otherwise.
pub fn pool_of(group: &GroupTerms, revenue: u64) -> Option<u64> {
    match (group.mode, &group.tiers) {
        (CompensationMode::RevenueShare, None) => {
            u64::try_from(u128::from(revenue) * u128::from(group.basis_points) / WHOLE).ok()
        }
        (CompensationMode::RevenueShare, Some(Tiers::Share(share))) => tiered_pool(share, revenue),
        _ => None,
    }
}

fn tiered_pool(share: &TieredShare, revenue: u64) -> Option<u64> {
    // each tier's rate holds for the part of the revenue from its beginning to the next one's
    let begins = std::iter::once((0, share.basis_points));
    let begins = begins.chain(share.tiers.iter().map(|tier| (tier.above, tier.basis_points)));
    let ends = share.tiers.iter().map(|tier| tier.above).chain(std::iter::once(u64::MAX));
    let mut parts = 0_u128;
    for ((begin, rate), end) in begins.zip(ends) {
        let part = revenue.min(end).saturating_sub(begin);
        parts = parts.checked_add(u128::from(part) * u128::from(rate.get()))?;
    }
    let pool = u64::try_from(parts / WHOLE).ok()?;
    let pool = pool.max(share.minimum.map_or(0, u64::from));
    Some(pool.min(share.maximum.map_or(u64::MAX, u64::from)))
}

/// A part of an amount in basis points, rounded half up to the minor unit: fees and tax.
pub fn part_of(amount: u64, basis_points: u16) -> Option<u64> {
    u64::try_from((u128::from(amount) * u128::from(basis_points) + WHOLE / 2) / WHOLE).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(json: &str) -> TieredPrice {
        grantbook_record::strict_json::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn tiers_minimum_and_maximum_by_hand() {
        let tiered = price(
            r#"{"currency":"CNY","minor":80,"tiers":[{"from":3,"minor":100},{"from":5,"minor":150}],"minimum":200,"maximum":600}"#,
        );
        for (uses, worth) in
            [(0, 0), (1, 200), (2, 200), (3, 260), (4, 360), (5, 510), (6, 600), (7, 600), (8, 640)]
        {
            assert_eq!(worth_of_uses(&tiered, uses, 80 * uses), Some(worth), "{uses} uses");
        }
    }

    #[test]
    fn shares_by_hand() {
        let plain =
            |basis_points| GroupTerms { mode: CompensationMode::RevenueShare, basis_points, tiers: None };
        for (revenue, basis_points, pool) in
            [(0, 500, 0), (1, 9_999, 0), (10_000, 1, 1), (9_999, 1, 0), (1_234_567, 250, 30_864)]
        {
            assert_eq!(pool_of(&plain(basis_points), revenue), Some(pool));
        }
        let share: TieredShare = grantbook_record::strict_json::parse(
            br#"{"currency":"CNY","basis_points":1000,"tiers":[{"above":1000,"basis_points":500},{"above":3000,"basis_points":100}],"minimum":50,"maximum":220}"#,
        )
        .unwrap();
        let group = GroupTerms {
            mode: CompensationMode::RevenueShare,
            basis_points: 1000,
            tiers: Some(Tiers::Share(share)),
        };
        for (revenue, pool) in
            [(0, 50), (400, 50), (1000, 100), (2000, 150), (3000, 200), (4000, 210), (9000, 220)]
        {
            assert_eq!(pool_of(&group, revenue), Some(pool), "revenue {revenue}");
        }
        let per_use = GroupTerms { mode: CompensationMode::PerUse, basis_points: 0, tiers: None };
        assert_eq!(pool_of(&per_use, 5), None);
    }

    #[test]
    fn parts_are_rounded_half_up() {
        for (amount, basis_points, part) in [
            (80, 2000, 16),
            (83, 2000, 17),
            (82, 2000, 16),
            (1, 5000, 1),
            (1, 4999, 0),
            (u64::MAX, 10_000, u64::MAX),
        ] {
            assert_eq!(part_of(amount, basis_points), Some(part), "{basis_points} of {amount}");
        }
    }

    proptest! {
        #[test]
        fn a_period_is_never_worth_less_than_its_uses_committed_to_and_grows_with_them(
            minor in 0_u32..1000, step in 1_u32..50, more in 0_u32..500, minimum in 0_u32..5000, room in 0_u32..5000, uses in 0_u64..200
        ) {
            let tiered = price(&format!(
                r#"{{"currency":"CNY","minor":{minor},"tiers":[{{"from":{},"minor":{}}}],"minimum":{minimum},"maximum":{}}}"#,
                step + 1, minor + more, minimum + room
            ));
            let committed = u64::from(minor) * uses;
            let worth = worth_of_uses(&tiered, uses, committed).unwrap();
            prop_assert!(worth >= committed);
            prop_assert!(worth <= committed.max(u64::from(minimum + room)));
            prop_assert!(worth <= worth_of_uses(&tiered, uses + 1, committed + u64::from(minor)).unwrap());
        }
    }
}
