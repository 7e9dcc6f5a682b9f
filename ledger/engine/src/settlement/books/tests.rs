#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use grantbook_record::event::Revenue;
use proptest::prelude::*;

use super::*;

fn yuan() -> Currency {
    Currency::parse("CNY").unwrap()
}

/// Group 1 is paid for each use, group 2 a share of revenue.
fn groups() -> Vec<GroupTerms> {
    vec![
        GroupTerms { mode: CompensationMode::PerUse, basis_points: 0, tiers: None },
        GroupTerms { mode: CompensationMode::RevenueShare, basis_points: 250, tiers: None },
    ]
}

fn posted(books: &Books, line: &Line) -> SettlementPosted {
    let terms = groups();
    let pool = line.pool(&terms[usize::from(line.group) - 1]).unwrap();
    let fee = part_of(pool, books.closed.unwrap().fee_basis_points).unwrap();
    let Line { period, group, currency, revenue, .. } = *line;
    SettlementPosted { period, group, currency, revenue, pool, fee }
}

#[test]
fn a_period_opens_closes_is_posted_and_then_stays() {
    let groups = groups();
    let mut books = Books::default();
    let close = |period| SettlementClosed { period: Period(period), fee_basis_points: 1000 };
    assert!(books.check_closed(&close(1), &groups).is_err(), "nothing is due");
    books.used(1, yuan(), 80).unwrap();
    assert!(books.check_closed(&close(2), &groups).is_err(), "not the open one");
    books.check_closed(&close(1), &groups).unwrap();
    books.close(&close(1), 10).unwrap();
    books.used(1, yuan(), 80).unwrap();
    assert!(books.check_closed(&close(2), &groups).is_err(), "the one before is not posted");
    assert_eq!(books.posted_through(), Period(0));
    let line = books.line(Period(1), 1, yuan()).unwrap().clone();
    assert_eq!(line.committed, 80, "a use after the end belongs to the next");
    let post = posted(&books, &line);
    for wrong in [
        SettlementPosted { pool: 81, ..post.clone() },
        SettlementPosted { fee: 9, ..post.clone() },
        SettlementPosted { revenue: Some(0), ..post.clone() },
        SettlementPosted { period: Period(2), ..post.clone() },
        SettlementPosted { group: 2, ..post.clone() },
    ] {
        assert!(books.check_posted(&wrong, &groups).is_err(), "{wrong:?}");
    }
    books.check_posted(&post, &groups).unwrap();
    let ended = books.post(&post, 12).unwrap().unwrap();
    assert_eq!((ended.posted_at, ended.lines.len()), (12, 1));
    assert!(books.check_posted(&post, &groups).is_err(), "posted once");
    assert_eq!(books.posted_through(), Period(1));
    assert_eq!(books.accounts.balance(Account::Enterprise, yuan()), -88);
}

#[test]
fn a_share_waits_for_its_revenue_and_for_all_its_parts() {
    let groups = groups();
    let mut books = Books::default();
    books.used(2, yuan(), 0).unwrap();
    let close = SettlementClosed { period: Period(1), fee_basis_points: 0 };
    assert!(books.check_closed(&close, &groups).is_err());
    let revenue = |group| RevenueDeclared {
        period: Period(1),
        group,
        currency: yuan(),
        minor: Revenue::new(10_000).unwrap(),
    };
    assert!(books.check_declared(&revenue(1), &groups).is_err(), "paid for each use");
    books.check_declared(&revenue(2), &groups).unwrap();
    books.declared(&revenue(2)).unwrap();
    assert!(books.check_declared(&revenue(2), &groups).is_err(), "declared once");
    books.check_closed(&close, &groups).unwrap();
    books.close(&close, 5).unwrap();
    let line = books.lines[0].clone();
    assert!(books.check_posted(&posted(&books, &line), &groups).is_err(), "nothing has accrued");
}

proptest! {
    /// Whatever is used and in whatever order, what is posted for each use comes to what uses committed to, and accounts
    /// sum to zero.
    #[test]
    fn pools_are_what_uses_committed_to(
        steps in prop::collection::vec((prop::option::weighted(0.9, 0_u32..500), any::<bool>()), 1..60)
    ) {
        let groups = groups();
        let mut books = Books::default();
        let (mut committed, mut pools, mut leaf) = (0, 0, 0);
        for (payout, euro) in steps {
            leaf += 1;
            let currency = if euro { Currency::parse("EUR").unwrap() } else { yuan() };
            if let Some(payout) = payout {
                books.used(1, currency, payout).unwrap();
                committed += u64::from(payout);
                continue;
            }
            let close = SettlementClosed { period: books.open, fee_basis_points: 123 };
            if books.check_closed(&close, &groups).is_ok() {
                books.close(&close, leaf).unwrap();
                for line in books.lines.clone().iter().filter(|line| line.period == close.period) {
                    let post = posted(&books, line);
                    books.check_posted(&post, &groups).unwrap();
                    pools += post.pool;
                    books.post(&post, leaf).unwrap();
                }
                prop_assert_eq!(pools, committed);
                prop_assert!(books.closed.is_none());
            }
            prop_assert_eq!(books.accounts.iter().map(|(.., balance)| balance).sum::<i64>(), 0);
        }
    }
}
