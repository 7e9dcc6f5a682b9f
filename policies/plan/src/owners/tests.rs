use grantbook_record::day::DataPeriod;
use grantbook_record::event::Event;
use serde_json::{Value, json};

use super::*;
use crate::decide::{Decision, Detail, UseCount, decide};
use crate::samples::{NOW, admitted, customer_with, facts, subject, terms};
use crate::vocabulary::Vocabulary;

fn owned(value: &str, from: &str, to: Option<&str>) -> Event {
    let mut event = json!({
        "sub": subject(), "source": {"attribute": "vehicle", "value": value},
        "categories": ["fast-charging"], "from": from,
    });
    if let Some(to) = to {
        event["to"] = json!(to);
    }
    Event::SourceOwned(serde_json::from_value(event).unwrap())
}

fn customer(events: &[Event]) -> CustomerState {
    let mut customer = customer_with([terms(json!({}))]);
    for (n, event) in (60..).zip(events) {
        customer.apply(event, &admitted(n, 0));
    }
    customer
}

/// The first day that is denied for the owner's sake; `Ok` for a permit.
fn asked(customer: &CustomerState, use_: Value) -> Result<(), String> {
    match decide(Vocabulary::builtin(), Some(customer), |_| UseCount::default(), &facts(use_), NOW) {
        Decision::Permit(_) => Ok(()),
        Decision::Denial(denial) => match denial.detail {
            Some(Detail::Owner { day, .. }) => Err(day.to_string()),
            other => panic!("{other:?}"),
        },
    }
}

#[test]
fn data_that_arose_after_the_transfer_is_not_covered_by_the_former_owners_grants() {
    let sold = customer(&[owned("V-81", "2025-01-01", Some("2025-07-15"))]);
    let july = |from: u8, to: u8| json!({"data_period": {"from": format!("2025-07-{from:02}"), "to": format!("2025-07-{to:02}")}});
    assert_eq!(asked(&sold, july(1, 15)), Ok(()));
    assert_eq!(asked(&sold, july(1, 16)), Err("2025-07-16".to_owned()));
    assert_eq!(asked(&sold, july(20, 25)), Err("2025-07-20".to_owned()));
    let rows = |value: &str| json!({"rows": {"vehicle": value}, "data_period": {"from": "2025-07-20", "to": "2025-07-25"}});
    assert_eq!(asked(&sold, rows("V-81")), Err("2025-07-20".to_owned()));
    assert_eq!(asked(&sold, rows("V-82")), Ok(()), "another vehicle, of which nobody said anything");
    // and the new owner's do not cover what arose before
    let bought = customer(&[owned("V-81", "2025-07-16", None)]);
    assert_eq!(asked(&bought, july(15, 20)), Err("2025-07-15".to_owned()));
    assert_eq!(asked(&bought, july(16, 31)), Ok(()));
}

#[test]
fn periods_that_join_cover_together() {
    let again = customer(&[
        owned("V-81", "2025-01-01", None),
        owned("V-81", "2025-01-01", Some("2025-07-10")),
        owned("V-81", "2025-07-11", Some("2025-07-20")),
        owned("V-81", "2025-07-25", None),
    ]);
    assert_eq!(again.sources[0].periods.len(), 3);
    let july = |from: u8, to: u8| json!({"data_period": {"from": format!("2025-07-{from:02}"), "to": format!("2025-07-{to:02}")}});
    assert_eq!(asked(&again, july(1, 20)), Ok(()));
    assert_eq!(asked(&again, july(1, 31)), Err("2025-07-21".to_owned()));
    assert_eq!(asked(&again, july(25, 31)), Ok(()));
}

#[test]
fn other_categories_are_not_concerned() {
    let sold = customer(&[owned("V-81", "2025-01-01", Some("2025-01-31"))]);
    let driving: Term = "driving".parse().unwrap();
    let day = DataDay::parse("2025-07-01").unwrap();
    let mut use_ = facts(json!({}));
    use_.categories = List::new(vec![driving]).unwrap();
    use_.data_period = DataPeriod::new(day, day).unwrap();
    assert_eq!(owner_gap(&sold.sources, &use_), None);
}

#[test]
fn what_an_event_widens() {
    let known = customer(&[owned("V-81", "2025-01-01", None)]);
    let ended = customer(&[owned("V-81", "2025-01-01", Some("2025-07-15"))]);
    let check = |customer: &CustomerState, event: Event| {
        let Event::SourceOwned(event) = event else { unreachable!() };
        check_owned(&event, customer)
    };
    let refused = |got| assert!(matches!(got, Err(Refusal::OwnerPeriod { .. })), "{got:?}");
    assert_eq!(check(&known, owned("V-82", "2025-01-01", None)), Ok(Widens::Not));
    assert_eq!(check(&known, owned("V-81", "2025-01-01", Some("2025-07-15"))), Ok(Widens::Not));
    refused(check(&known, owned("V-81", "2024-01-01", Some("2025-07-15"))));
    refused(check(&known, owned("V-81", "2025-02-01", None)));
    refused(check(&known, owned("V-82", "2025-02-01", Some("2025-01-31"))));
    assert_eq!(check(&ended, owned("V-81", "2025-07-16", None)), Ok(Widens::ByAPeriod));
    refused(check(&ended, owned("V-81", "2025-07-15", None)));
    refused(check(&ended, owned("V-81", "2025-01-01", Some("2025-12-31"))));
}
