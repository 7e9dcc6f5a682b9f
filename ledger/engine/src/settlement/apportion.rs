//! Sharing out a pool by weights with the method of largest remainder: the parts sum to the pool to the last unit.

/// One who has a claim to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// How large the claim is beside the others: the uses of its grant.
    pub weight: u32,
    /// Which claim comes first where remainders are the same: the leaf index of its grant, so earlier grants do.
    pub rank: u64,
}

/// The parts of `pool`, in the order of the claims. Each is the exact part rounded down, or one unit more: the units that
/// rounding leaves over go to the largest remainders. Without any weight there are no parts: `None`.
pub fn apportion(pool: u64, claims: &[Claim]) -> Option<Vec<u64>> {
    let total: u128 = claims.iter().map(|claim| u128::from(claim.weight)).sum();
    if total == 0 {
        return (pool == 0).then(|| vec![0; claims.len()]);
    }
    let mut parts = Vec::with_capacity(claims.len());
    let mut remainders = Vec::with_capacity(claims.len());
    let mut given = 0_u64;
    for (at, claim) in claims.iter().enumerate() {
        // below 2^96
        let exact = u128::from(pool) * u128::from(claim.weight);
        let part = u64::try_from(exact / total).ok()?;
        given = given.checked_add(part)?;
        parts.push(part);
        remainders.push((std::cmp::Reverse(exact % total), claim.rank, at));
    }
    let left = usize::try_from(pool.checked_sub(given)?).ok()?;
    if left > 0 {
        remainders.sort_unstable();
        for (_, _, at) in remainders.into_iter().take(left) {
            *parts.get_mut(at)? += 1;
        }
    }
    Some(parts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claims(weights: &[u32]) -> Vec<Claim> {
        weights.iter().zip(0..).map(|(weight, rank)| Claim { weight: *weight, rank }).collect()
    }

    #[test]
    fn by_hand() {
        for (pool, weights, parts) in [
            (100, &[1, 1, 1][..], &[34, 33, 33][..]),
            (2, &[1, 1, 1], &[1, 1, 0]),
            (10, &[1, 2, 4], &[1, 3, 6]),
            (0, &[5, 5], &[0, 0]),
            (7, &[0, 1], &[0, 7]),
            (u64::MAX, &[u32::MAX, u32::MAX], &[u64::MAX / 2 + 1, u64::MAX / 2]),
        ] {
            assert_eq!(apportion(pool, &claims(weights)).unwrap(), parts, "{pool} among {weights:?}");
        }
        assert_eq!(apportion(1, &[]), None);
        assert_eq!(apportion(0, &claims(&[0])), Some(vec![0]));
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_pool_whatever_the_order(
            pool in 0_u64..1_000_000_000_000, weights in prop::collection::vec(0_u32..1000, 1..60), turn in 0_usize..60
        ) {
            let all = claims(&weights);
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
            let parts = apportion(pool, &all).unwrap();
            prop_assert_eq!(parts.iter().sum::<u64>(), pool);
            for (claim, part) in all.iter().zip(&parts) {
                let down = u128::from(pool) * u128::from(claim.weight) / total;
                prop_assert!(u128::from(*part) == down || u128::from(*part) == down + 1);
            }
            let mut turned = all.clone();
            turned.rotate_left(turn % all.len());
            let mut again = apportion(pool, &turned).unwrap();
            again.rotate_right(turn % all.len());
            prop_assert_eq!(again, parts);
        }

        /// A claim that goes, by refusal or withdrawal before any use, takes nothing from the others.
        #[test]
        fn who_leaves_takes_nothing_from_the_others(
            pool in 0_u64..1_000_000, weights in prop::collection::vec(1_u32..100, 2..20), who in 0_usize..20
        ) {
            let all = claims(&weights);
            let who = who % all.len();
            let before = apportion(pool, &all).unwrap();
            let mut others = all.clone();
            others.remove(who);
            let after = apportion(pool, &others).unwrap();
            let mut kept = before.clone();
            kept.remove(who);
            // a pool is shared among fewer: a part may lose at most the unit that rounding had given it
            prop_assert!(kept.iter().zip(&after).all(|(before, after)| *after + 1 >= *before));
        }
    }
}
