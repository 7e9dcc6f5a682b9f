//! Both doors against a ledger over HTTP, in fair weather and in foul.

use std::time::{Duration, Instant};

use grantbook_record::DenialReason;
use grantbook_sdk::{CheckOptions, ConnectError, Decision, Gate, Jti, LinkFault, Obligation, Source, UseId};

use crate::book::{Book, facts, signer};
use crate::ledger::{Ledger, Trouble};

async fn ledger_with_grant() -> (Ledger, Jti) {
    let mut book = Book::new();
    book.enrol("anna", &signer(20));
    let grant = book.grant("anna", &signer(20));
    let ledger = Ledger::serve(book).await;
    ledger.permit_under(grant);
    (ledger, grant)
}

async fn remote(ledger: &Ledger) -> Gate {
    Gate::connect(ledger.config()).await.unwrap()
}

async fn embedded(ledger: &Ledger) -> Gate {
    let parties = ledger.book(|book| book.pins().parties);
    Gate::connect(ledger.config().embedded(parties)).await.unwrap()
}

/// Waits until the replica's answer is what is expected.
async fn eventually(gate: &Gate, expected: impl Fn(&Decision) -> bool) {
    let started = Instant::now();
    loop {
        let decision = gate.decide(&facts("anna"));
        if expected(&decision) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{decision:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn denied_as(reason: DenialReason) -> impl Fn(&Decision) -> bool {
    move |decision| matches!(decision, Decision::Denial(denial) if denial.reason == reason)
}

fn permitted(decision: &Decision) -> bool {
    matches!(decision, Decision::Permit(_))
}

#[tokio::test]
async fn a_permit_holds_a_verified_receipt_and_obligations() {
    let (ledger, grant) = ledger_with_grant().await;
    for gate in [remote(&ledger).await, embedded(&ledger).await] {
        let permit = gate.check(&facts("anna")).await.unwrap();
        assert_eq!(permit.grant(), grant);
        assert!(matches!(permit.obligations(), [Obligation::DeleteBy(_)]));
        assert!(permit.is_live());
        assert_eq!(permit.leaf_index().unwrap().0 + 1, ledger.book(|book| book.size()));
        permit.receipt().unwrap().verify(&ledger.book(|book| book.log_keys())).unwrap();
    }
    assert_eq!(ledger.recorded(), 2);
}

#[tokio::test]
async fn a_retry_is_the_same_use() {
    let (ledger, _) = ledger_with_grant().await;
    let gate = remote(&ledger).await;
    ledger.trouble(Trouble::Busy(2));
    let first = gate.check(&facts("anna")).await.unwrap();
    assert_eq!(ledger.recorded(), 1);

    let use_id = Some(UseId::try_from("order-7".to_owned()).unwrap());
    let options = CheckOptions { use_id, ..CheckOptions::default() };
    let one = {
        // from another task, so that the question must be `Send`
        let (gate, options) = (gate.clone(), options.clone());
        tokio::spawn(async move { gate.check_with(&facts("anna"), &options).await.unwrap() }).await.unwrap()
    };
    let same = gate.check_with(&facts("anna"), &options).await.unwrap();
    assert_eq!(one.leaf_index(), same.leaf_index());
    assert_ne!(one.leaf_index(), first.leaf_index());
    assert_eq!(ledger.recorded(), 2);
}

#[tokio::test]
async fn whatever_goes_wrong_is_a_denial() {
    let (ledger, _) = ledger_with_grant().await;
    let gate = remote(&ledger).await;
    let deadline = ledger.config().deadline;
    for (trouble, reason, source) in [
        (Trouble::Hangs, DenialReason::Stale, LinkFault::Deadline { deadline }),
        (Trouble::Busy(u32::MAX), DenialReason::Stale, LinkFault::Deadline { deadline }),
        (Trouble::Forbidden, DenialReason::EvaluationError, LinkFault::Status { got: 403 }),
        (
            Trouble::OtherUse,
            DenialReason::EvaluationError,
            LinkFault::Receipt { expected: "that of the use which was asked about" },
        ),
    ] {
        ledger.trouble(trouble);
        let denial = gate.check(&facts("anna")).await.unwrap_err();
        assert_eq!((denial.reason, denial.source), (reason, Source::Link(source)), "{trouble:?}");
    }
    ledger.trouble(Trouble::OddObligation);
    let denial = gate.check(&facts("anna")).await.unwrap_err();
    assert_eq!(denial.reason, DenialReason::UnknownObligation);
    ledger.trouble(Trouble::Denies);
    for gate in [gate, embedded(&ledger).await] {
        let denial = gate.check(&facts("anna")).await.unwrap_err();
        assert_eq!((denial.reason, denial.source), (DenialReason::Cap, Source::Ledger));
    }
}

#[tokio::test]
async fn the_replica_denies_by_itself_and_records_nothing() {
    let (ledger, grant) = ledger_with_grant().await;
    let gate = embedded(&ledger).await;
    let denial = gate.check(&facts("bert")).await.unwrap_err();
    assert_eq!(denial.reason, DenialReason::NoGrant);
    assert!(matches!(denial.source, Source::Replica { head_age: Some(_) }));

    assert!(permitted(&gate.decide(&facts("anna"))));
    ledger.book(|book| book.withdraw("anna", grant, &signer(20)));
    eventually(&gate, denied_as(DenialReason::Withdrawn)).await;
    // the ledger would permit, but denying beats allowing
    assert_eq!(gate.check(&facts("anna")).await.unwrap_err().reason, DenialReason::Withdrawn);
    assert_eq!(ledger.recorded(), 0);
    assert_eq!(gate.position(), 5);
}

#[tokio::test]
async fn a_use_recorded_under_a_grant_that_the_replica_denies_is_denied() {
    let (ledger, _) = ledger_with_grant().await;
    let gate = embedded(&ledger).await;
    let other = ledger.book(Book::jti);
    ledger.permit_under(other);
    let denial = gate.check(&facts("anna")).await.unwrap_err();
    assert_eq!((denial.reason, denial.grant), (DenialReason::Behind, Some(other)));
}

#[tokio::test]
async fn without_heads_the_replica_goes_stale_and_recovers() {
    let (ledger, _) = ledger_with_grant().await;
    let gate = embedded(&ledger).await;
    ledger.trouble(Trouble::NoHeads);
    eventually(&gate, denied_as(DenialReason::Stale)).await;
    let denial = gate.check(&facts("anna")).await.unwrap_err();
    assert!(matches!(denial.source, Source::Replica { head_age: Some(age) } if age >= ledger.config().bound));
    ledger.trouble(Trouble::None);
    eventually(&gate, permitted).await;
}

#[tokio::test]
async fn a_dropped_frame_empties_the_replica_which_is_fed_again() {
    let (ledger, _) = ledger_with_grant().await;
    let gate = embedded(&ledger).await;
    assert_eq!(ledger.streams(), 1);
    ledger.trouble(Trouble::Drops(4));
    ledger.book(|book| book.enrol("bert", &signer(21)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    ledger.book(|book| book.enrol("carl", &signer(22)));
    eventually(&gate, denied_as(DenialReason::Stale)).await;
    ledger.trouble(Trouble::None);
    eventually(&gate, permitted).await;
    assert_eq!(gate.position(), 6);
    assert!(ledger.streams() > 1);
}

#[tokio::test]
async fn connecting_needs_the_pinned_log_and_a_fed_replica() {
    let (ledger, _) = ledger_with_grant().await;
    let mut config = ledger.config();
    config.server = "ftp://127.0.0.1".to_owned();
    assert!(matches!(Gate::connect(config).await, Err(ConnectError::Config(_))));
    // no TLS there, and perhaps no roots here: no gate either way
    let mut config = ledger.config();
    config.server = config.server.replace("http:", "https:");
    let refused = Gate::connect(config).await;
    assert!(matches!(refused, Err(ConnectError::Link(LinkFault::Unreachable) | ConnectError::Config(_))));
    let mut config = ledger.config();
    config.bound = Duration::ZERO;
    assert!(matches!(Gate::connect(config).await, Err(ConnectError::Bound { .. })));

    let mut config = ledger.config();
    let (log, clock) = (config.log_keys.log().to_string(), config.log_keys.clock().to_string());
    let swapped = log.replace("grantbook.test", "grantbook.best");
    assert!(grantbook_sdk::LogKeys::parse(&format!("{swapped}\n{clock}\n")).is_err());
    config.log_keys = other_log();
    assert!(matches!(Gate::connect(config).await, Err(ConnectError::OtherLog)));

    ledger.trouble(Trouble::NoHeads);
    let parties = ledger.book(|book| book.pins().parties);
    let mut config = ledger.config().embedded(parties);
    config.connect_within = Duration::from_millis(300);
    assert!(matches!(Gate::connect(config).await, Err(ConnectError::NotReady { .. })));
}

fn other_log() -> grantbook_sdk::LogKeys {
    use grantbook_tlog::{SignatureKind, SigningKey};
    let key = |name, kind| SigningKey::from_seed(name, kind, &[40; 32]).unwrap().verifier_key().clone();
    let log = key("other.test", SignatureKind::Ed25519);
    grantbook_sdk::LogKeys::new(log, key("other.test/clock", SignatureKind::Cosignature)).unwrap()
}
