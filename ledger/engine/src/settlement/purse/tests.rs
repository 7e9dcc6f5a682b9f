#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use grantbook_record::UnixMillis;
use grantbook_record::event::OfPool;
use proptest::prelude::*;

use super::*;

fn yuan() -> Currency {
    Currency::parse("CNY").unwrap()
}

fn jti(number: u64) -> Jti {
    Jti::new(UnixMillis(1_795_000_000_000 + number), [0; 10])
}

fn ordered(gross: u64) -> PayoutOrdered {
    PayoutOrdered {
        sub: grantbook_record::SubjectId::parse("cs-1").unwrap(),
        file: jti(0),
        currency: yuan(),
        gross,
        withheld: 0,
        country: CountryCode::parse("CN").unwrap(),
    }
}

#[test]
fn a_balance_below_the_threshold_is_carried_forward_until_it_is_reached() {
    let mut purse = Purse::default();
    let mut earned = Vec::new();
    let mut paid = Vec::new();
    for period in 1..=4 {
        earned.push(Earned {
            grant: jti(1),
            period: Period(period),
            group: 1,
            currency: yuan(),
            uses: 4,
            committed: 320,
            due: 0,
            accrued: Some(30),
        });
        assert_eq!(purse.collect(&mut earned, Period(period)), Some(true));
        if let Some(gross) = payable(purse.balance(yuan()), 1000) {
            purse.check_ordered(&ordered(gross)).unwrap();
            purse.ordered(jti(period.into()), &ordered(gross)).unwrap();
            paid.push((period, gross));
        }
    }
    assert_eq!(paid, [(3, 1050)]);
    assert_eq!(purse.balance(yuan()), 350);
    assert_eq!(payable(0, 0), None);
    assert_eq!(payable(-5, 0), None);
}

#[test]
fn what_has_accrued_does_not_accrue_again() {
    let terms = GroupTerms { mode: CompensationMode::PerGrant, basis_points: 0, tiers: None };
    let mut earned = Earned {
        grant: jti(1),
        period: Period(1),
        group: 1,
        currency: yuan(),
        uses: 0,
        committed: 0,
        due: 1500,
        accrued: None,
    };
    let accrued = |minor, basis| PayoutAccrued {
        sub: ordered(1).sub,
        grant: jti(1),
        period: Period(1),
        group: 1,
        currency: yuan(),
        minor,
        basis,
    };
    earned.check_accrued(&accrued(1500, Basis::PerGrant), &terms).unwrap();
    assert!(earned.check_accrued(&accrued(1501, Basis::PerGrant), &terms).is_err());
    let part = OfPool { uses: 0, of_uses: 1, pool: 1500 };
    assert!(earned.check_accrued(&accrued(1500, Basis::Share(part)), &terms).is_err());
    earned.accrued = Some(1500);
    assert!(earned.check_accrued(&accrued(1500, Basis::PerGrant), &terms).is_err());
}

proptest! {
    /// Whatever is ordered, fails and is paid, what was paid never comes to more than what was earned.
    #[test]
    fn nothing_is_paid_twice(steps in prop::collection::vec((0_u8..4, 0_u64..3000, 0_usize..8), 1..80)) {
        let mut purse = Purse::default();
        let (mut total, mut paid) = (0_u64, 0_u64);
        for (number, (what, amount, which)) in (1..).zip(steps) {
            let id = purse.orders.get(which).map(|order| order.id);
            match (what, id) {
                (0, _) => {
                    purse.add(yuan(), i64::try_from(amount).unwrap()).unwrap();
                    total += amount;
                }
                (1, _) if purse.check_ordered(&ordered(amount)).is_ok() => {
                    purse.ordered(jti(number), &ordered(amount)).unwrap();
                }
                (2, Some(id)) => {
                    paid += purse.ended(&id, OrderState::Paid).map_or(0, |order| order.gross);
                }
                (3, Some(id)) => {
                    purse.ended(&id, OrderState::Failed);
                }
                _ => {}
            }
            let sent: u64 = purse.orders.iter().filter(|order| order.state == OrderState::Sent).map(|o| o.gross).sum();
            prop_assert_eq!(u64::try_from(purse.balance(yuan())).unwrap() + sent + paid, total);
        }
    }
}
