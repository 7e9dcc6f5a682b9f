//! The breaker against a model, restarts included.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_record::{DenialReason, UnixSeconds};
use grantbook_sdk::breaker::{Breaker, BreakerError};
use proptest::prelude::*;
use proptest::sample::select;

use crate::term;

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
const REQUESTERS: &[&str] = &["pricing", "claims", "marketing"];

#[derive(Debug, Clone, Copy)]
enum Step {
    Denied(&'static str, DenialReason),
    Verified(&'static str),
    Release(&'static str),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    use DenialReason::{Budget, Cap, Certificate, FactMissing, FactStale, MaskingLevel, Withdrawn};
    let reasons = &[Budget, FactMissing, FactStale, Certificate, MaskingLevel, Withdrawn, Cap];
    prop_oneof![
        5 => (select(REQUESTERS), select(&reasons[..])).prop_map(|(who, reason)| Step::Denied(who, reason)),
        2 => select(REQUESTERS).prop_map(Step::Verified),
        1 => select(REQUESTERS).prop_map(Step::Release),
        1 => Just(Step::Restart),
    ]
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn two_failures_in_a_row_stop_a_requester_until_released(steps in proptest::collection::vec(step(), 0..40)) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("breaker.json");
        let mut breaker = Breaker::open(&file).unwrap();
        let mut in_a_row: BTreeMap<&str, u32> = BTreeMap::new();
        let mut stopped: BTreeSet<&str> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Denied(who, reason) => {
                    let is_fact = (DenialReason::FactMissing..=DenialReason::MaskingLevel).contains(&reason)
                        || reason == DenialReason::Budget;
                    if is_fact && !stopped.contains(who) {
                        let count = in_a_row.entry(who).or_default();
                        *count += 1;
                        if *count == 2 {
                            stopped.insert(who);
                        }
                    }
                    let is_stopped = breaker.denied(&term(who), reason, NOW).unwrap();
                    prop_assert_eq!(is_stopped, stopped.contains(who));
                }
                Step::Verified(who) => {
                    in_a_row.remove(who);
                    breaker.verified(&term(who)).unwrap();
                }
                Step::Release(who) => {
                    let was_stopped = stopped.remove(who);
                    if was_stopped {
                        in_a_row.remove(who);
                    }
                    prop_assert_eq!(breaker.release(&term(who)).unwrap(), was_stopped);
                }
                Step::Restart => breaker = Breaker::open(&file).unwrap(),
            }
            for who in REQUESTERS {
                prop_assert_eq!(breaker.is_suspended(&term(who)), stopped.contains(who), "{}", who);
            }
            let listed: BTreeSet<String> =
                breaker.suspended().into_iter().map(|suspension| suspension.requester.to_string()).collect();
            prop_assert_eq!(listed, stopped.iter().map(ToString::to_string).collect());
        }
    }
}

#[test]
fn who_is_stopped_is_shown_with_reason_and_time() {
    let breaker = Breaker::in_memory();
    let pricing = term("pricing");
    assert!(!breaker.denied(&pricing, DenialReason::FactMissing, NOW).unwrap());
    let later = UnixSeconds(NOW.0 + 5);
    assert!(breaker.denied(&pricing, DenialReason::Certificate, later).unwrap());
    // what comes afterwards changes nothing
    assert!(breaker.denied(&pricing, DenialReason::Budget, UnixSeconds(NOW.0 + 9)).unwrap());
    breaker.verified(&pricing).unwrap();
    let [suspension] = breaker.suspended().try_into().unwrap();
    assert_eq!((suspension.reason, suspension.since), (DenialReason::Certificate, later));
}

#[test]
fn a_damaged_file_releases_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("breaker.json");
    let stopped =
        r#"{"version":1,"requesters":{"pricing":{"failures":2,"reason":"budget","at":1795000000}}}"#;
    std::fs::write(&file, stopped).unwrap();
    assert!(Breaker::open(&file).unwrap().is_suspended(&term("pricing")));
    for text in ["", "{}", &stopped[..40], &stopped.replace(":1,", ":2,"), &stopped.replace("budget", "mood")]
    {
        std::fs::write(&file, text).unwrap();
        assert!(
            matches!(Breaker::open(&file), Err(BreakerError::Json(_) | BreakerError::Version { got: 2 })),
            "{text}"
        );
    }
    std::fs::write(&file, " ".repeat(2 << 20)).unwrap();
    assert!(matches!(Breaker::open(&file), Err(BreakerError::Io { .. })));
}

#[test]
fn what_cannot_be_kept_is_an_error_and_releases_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    std::fs::create_dir(&gone).unwrap();
    let breaker = Breaker::open(gone.join("breaker.json")).unwrap();
    let pricing = term("pricing");
    breaker.denied(&pricing, DenialReason::Budget, NOW).unwrap();
    breaker.denied(&pricing, DenialReason::Budget, NOW).unwrap();
    std::fs::remove_dir_all(&gone).unwrap();
    assert!(breaker.release(&pricing).is_err());
    assert!(breaker.is_suspended(&pricing));
    // a failure counts all the same
    let claims = term("claims");
    assert!(breaker.denied(&claims, DenialReason::Budget, NOW).is_err());
    assert!(breaker.denied(&claims, DenialReason::Budget, NOW).is_err());
    assert!(breaker.is_suspended(&claims));
}
