use serde_json::json;

use super::*;
use crate::samples::terms;

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

fn days(duties: &Duties, terms: &Terms) -> Option<u64> {
    duties.deletion_due(terms).map(|due| (due.0 - Day(0).begins().seconds().0) / SECONDS_PER_DAY)
}

#[test]
fn data_is_due_by_its_oldest_day_until_that_is_covered() {
    let terms = terms(json!({}));
    let mut duties = Duties::default();
    assert_eq!(days(&duties, &terms), None);
    // the last one arrives late
    for (day, leaf) in [(10, 1), (10, 4), (12, 5), (13, 8), (11, 9)] {
        duties.used(&[], &terms, Day(day), leaf);
    }
    assert_eq!(days(&duties, &terms), Some(40));
    duties.check_deletion(1).unwrap();
    duties.deleted(1);
    assert_eq!(days(&duties, &terms), Some(40), "a use of the same day is left");
    assert_eq!(duties.check_deletion(1), Err(Refusal::DeletedAlready));
    duties.deleted(5);
    assert_eq!(days(&duties, &terms), Some(41), "what came late is not covered by what came before");
    duties.deleted(8);
    assert_eq!(days(&duties, &terms), Some(41));
    duties.deleted(9);
    assert_eq!((days(&duties, &terms), duties.deleted_through()), (None, Some(9)));
    assert_eq!(duties.check_deletion(7), Err(Refusal::DeletedAlready));
}

#[test]
fn the_shorter_of_two_periods_counts_and_none_is_none() {
    let delete_by = json!([{"delete_by": {"days": 7}}, {"mask": {"fields": ["station"]}}]);
    assert_eq!(terms(json!({"obligations": delete_by})).deletion_days(), Some(7));
    assert_eq!(terms(json!({})).deletion_days(), Some(30));
    let unlimited = terms(json!({"limits": {"retention_days": null}}));
    assert_eq!(unlimited.deletion_days(), None);
    let mut duties = Duties::default();
    duties.used(&[], &unlimited, Day(10), 1);
    assert!(duties.is_empty());
}

#[test]
fn what_is_kept_stays_small_and_is_never_due_too_late() {
    let terms = terms(json!({}));
    let mut duties = Duties::default();
    for day in 0..1000 {
        duties.used(&[], &terms, Day(day), day.into());
    }
    assert_eq!((duties.kept.len(), days(&duties, &terms)), (KEPT_DAYS_MAX, Some(30)));
    duties.deleted(599);
    assert_eq!(days(&duties, &terms), Some(30), "the day that stands for many has a use that is left");
    duties.deleted(600);
    assert_eq!(days(&duties, &terms), Some(631));
    let names: Vec<Term> = (0..100).map(|n| term(&format!("r{n}"))).collect();
    duties.used(&names, &terms, Day(1000), 1000);
    assert_eq!(duties.onward.len(), ONWARD_MAX);
}

#[test]
fn every_recipient_acknowledges_the_end_once() {
    let terms = terms(json!({}));
    let mut duties = Duties::default();
    duties.used(&[term("broker"), term("sure-insurance")], &terms, Day(1), 1);
    assert!(!duties.is_open(&terms), "it has not ended");
    duties.ended(FeedPosition(7));
    assert!(duties.is_open(&terms));
    let names = |duties: &Duties| -> Vec<(String, bool, Option<u64>)> {
        let all = duties.recipients(&terms);
        all.map(|one| (one.recipient.as_str().to_owned(), one.onward, one.acknowledged)).collect()
    };
    assert_eq!(
        names(&duties),
        [("sure-insurance".to_owned(), false, None), ("broker".to_owned(), true, None)]
    );
    assert_eq!(duties.check_acknowledgement(&term("nobody"), &terms), Err(Refusal::NotARecipient));
    for (leaf, recipient) in [(8, "sure-insurance"), (9, "broker")] {
        assert!(duties.is_open(&terms));
        duties.check_acknowledgement(&term(recipient), &terms).unwrap();
        duties.acknowledged(&term(recipient), leaf);
        assert_eq!(duties.check_acknowledgement(&term(recipient), &terms), Err(Refusal::AlreadyAcknowledged));
    }
    assert!(!duties.is_open(&terms));
    // a use that was recorded late names one more
    duties.used(&[term("reseller")], &terms, Day(2), 10);
    assert!(duties.is_open(&terms));
    let json = serde_json::to_string(&duties).unwrap();
    assert_eq!(serde_json::from_str::<Duties>(&json).unwrap(), duties);
}
