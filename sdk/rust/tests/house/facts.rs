//! Facts from sources that are slow, dead, lying or flapping.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use grantbook_plan::{Fact, HouseRules, Vocabulary};
use grantbook_record::{Currency, DenialReason, Price, Signer, UnixSeconds};
use grantbook_sdk::Tls;
use grantbook_sdk::facts::{
    CAPACITY, FactKey, FactSource, Facts, FactsError, Fetch, FileSource, HttpSource, SourceFault, Statement,
    Trust,
};
use serde_json::json;

use crate::source::{Answer, nobody, serve};
use crate::{term, use_of};

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
/// Long for answers on this machine, short for a test.
const DEADLINE: Duration = Duration::from_millis(400);
const BUDGET: &str = "budget_left_cny";

/// A budget for everybody, and a certificate for who is called `certified`.
fn rules() -> HouseRules {
    let rules = json!({"version": 1, "rules": [
        {"id": "b", "demand": {"budget_left": {"currency": "CNY", "max_age_seconds": 60}}},
        {"id": "c", "when": {"requester": "certified"}, "demand": {"certificate_valid": {"max_age_seconds": 60}}},
    ]});
    HouseRules::parse(rules.to_string().as_bytes(), Vocabulary::builtin()).unwrap()
}

fn statement(fact: &str, requester: &str, value: u64, at: u64) -> Statement {
    let source = term("finance");
    Statement { fact: term(fact), requester: term(requester), value, source, at: UnixSeconds(at) }
}

fn stated(fact: &str, requester: &str, value: u64, at: u64) -> String {
    String::from_utf8(statement(fact, requester, value, at).to_json()).unwrap()
}

/// An answer about whatever the path asks for.
fn about(path: &str, value: u64, at: u64) -> String {
    let (_, query) = path.split_once('?').unwrap();
    let (fact, requester) = query.strip_prefix("fact=").unwrap().split_once("&requester=").unwrap();
    stated(fact, requester, value, at)
}

fn http(address: &str, trust: Trust) -> Arc<dyn FactSource> {
    Arc::new(HttpSource::new(term("finance"), address, &Tls::default(), trust).unwrap())
}

fn start(budget: Arc<dyn FactSource>, certificate: Arc<dyn FactSource>) -> Facts {
    let sources = BTreeMap::from([(term(BUDGET), budget), (term("certificate_valid"), certificate)]);
    Facts::start_with(rules(), sources, DEADLINE, CAPACITY).unwrap()
}

/// What the rules say of a use by this requester that pays 80 fen, by what can be had.
async fn check(facts: &Facts, requester: &str, now: u64) -> Result<usize, DenialReason> {
    let (of_use, now) = (use_of(requester, &["date"]), UnixSeconds(now));
    let payout = Price { currency: Currency::parse("CNY").unwrap(), minor: 80 };
    let gathered = facts.gather(&of_use, now).await;
    let judged = facts.rules().judge(&of_use, payout, &gathered, now);
    judged.map(|relied| relied.len()).map_err(|denial| denial.reason)
}

/// The fault of the last fetch of a budget.
fn fault(facts: &Facts) -> Option<SourceFault> {
    let standing = facts.standing();
    standing
        .into_iter()
        .find(|standing| standing.key.fact == term(BUDGET))
        .and_then(|standing| standing.fault)
}

#[tokio::test]
async fn good_facts_are_fetched_once_and_relied_on() {
    let (address, asked) = serve(|_, path| Answer::Now(200, about(path, 1 << 40, NOW.0)));
    let facts = start(http(&address, Trust::Unsigned), http(&address, Trust::Unsigned));
    assert_eq!(check(&facts, "certified", NOW.0).await, Ok(2));
    assert_eq!(check(&facts, "certified", NOW.0 + 30).await, Ok(2));
    assert_eq!(asked.load(Ordering::SeqCst), 2, "young facts are not fetched again");
    assert_eq!(check(&facts, "pricing", NOW.0).await, Ok(1));
    assert_eq!(asked.load(Ordering::SeqCst), 3, "another requester's facts are others");
}

#[tokio::test]
async fn all_facts_share_one_deadline_and_a_silent_source_is_fact_missing() {
    let (address, _) = serve(|_, _| Answer::Silence);
    let facts = start(http(&address, Trust::Unsigned), http(&address, Trust::Unsigned));
    let began = Instant::now();
    assert_eq!(check(&facts, "certified", NOW.0).await, Err(DenialReason::FactMissing));
    let took = began.elapsed();
    assert!(took >= DEADLINE && took < DEADLINE * 2, "{took:?}");
}

#[tokio::test]
async fn a_slow_answer_denies_this_use_and_serves_a_later_one() {
    let late = |_, path: &str| Answer::After(DEADLINE / 2, 200, about(path, 90, NOW.0));
    let (address, _) = serve(late);
    let sources = |deadline| {
        let sources: BTreeMap<_, Arc<dyn FactSource>> = BTreeMap::from([
            (term(BUDGET), http(&address, Trust::Unsigned)),
            (term("certificate_valid"), http(&address, Trust::Unsigned)),
        ]);
        Facts::start_with(rules(), sources, deadline, CAPACITY).unwrap()
    };
    assert_eq!(check(&sources(DEADLINE / 8), "pricing", NOW.0).await, Err(DenialReason::FactMissing));
    assert_eq!(check(&sources(DEADLINE * 2), "pricing", NOW.0).await, Ok(1));
}

#[tokio::test]
async fn whatever_is_wrong_with_an_answer_is_fact_missing_and_named() {
    let bodies: Vec<(Answer, SourceFault)> = vec![
        (Answer::HangUp, SourceFault::Unreachable),
        (Answer::Drip, SourceFault::Deadline),
        (Answer::Now(500, String::new()), SourceFault::Status { got: 500 }),
        (Answer::Now(302, String::new()), SourceFault::Status { got: 302 }),
        (Answer::Now(200, " ".repeat(20_000)), SourceFault::TooLarge),
        // another fact, another requester
        (Answer::Now(200, stated("certificate_valid", "pricing", 90, NOW.0)), SourceFault::Other),
        (Answer::Now(200, stated(BUDGET, "claims", 90, NOW.0)), SourceFault::Other),
        // a fact that would never grow old
        (
            Answer::Now(200, stated(BUDGET, "pricing", 90, NOW.0 + 3600)),
            SourceFault::Future { seconds: 3600 },
        ),
    ];
    for (answer, expected) in bodies {
        let (address, _) = serve(move |_, _| answer.clone());
        let facts = start(http(&address, Trust::Unsigned), http(&address, Trust::Unsigned));
        assert_eq!(check(&facts, "pricing", NOW.0).await, Err(DenialReason::FactMissing), "{expected}");
        // the use and the fetch give up at the same moment
        for _ in 0..500 {
            if fault(&facts).is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(fault(&facts), Some(expected));
    }
    for body in ["", "{}", "[]", "null", r#"{"fact":"budget_left_cny","requester":"pricing","value":-1}"#] {
        let (address, _) = serve(move |_, _| Answer::Now(200, body.to_owned()));
        let facts = start(http(&address, Trust::Unsigned), http(&address, Trust::Unsigned));
        assert_eq!(check(&facts, "pricing", NOW.0).await, Err(DenialReason::FactMissing), "{body}");
        assert!(matches!(fault(&facts), Some(SourceFault::Malformed(_))), "{body}");
    }
    let facts = start(http(&nobody(), Trust::Unsigned), http(&nobody(), Trust::Unsigned));
    assert_eq!(check(&facts, "pricing", NOW.0).await, Err(DenialReason::FactMissing));
    assert_eq!(fault(&facts), Some(SourceFault::Unreachable));
}

#[tokio::test]
async fn a_pinned_key_admits_nothing_that_it_has_not_signed() {
    let signer = Signer::from_seed(&[7; 32]).unwrap();
    let trust = Trust::Signed(*signer.public_key());
    let good = statement(BUDGET, "pricing", 90, NOW.0);
    let mut tampered = good.sign(&signer);
    tampered.truncate(tampered.len() - 4);
    tampered.push_str("AAAA");
    let other_source = Statement { source: term("elsewhere"), ..good.clone() };
    let other_typ = grantbook_record::jws::sign("grantbook-event+jwt", &good.to_json(), &signer);
    for (answer, expected) in [
        (good.sign(&signer), None),
        (good.sign(&Signer::from_seed(&[8; 32]).unwrap()), Some("bad signature")),
        (tampered, Some("bad signature")),
        (String::from_utf8(good.to_json()).unwrap(), Some("malformed signature")),
        (other_source.sign(&signer), Some("another fact")),
        (other_typ, Some("wrong typ")),
    ] {
        let (address, _) = serve(move |_, _| Answer::Now(200, answer.clone()));
        let facts = start(http(&address, trust), http(&address, trust));
        let reason = check(&facts, "pricing", NOW.0).await;
        assert_eq!(reason, if expected.is_none() { Ok(1) } else { Err(DenialReason::FactMissing) });
        let fault = fault(&facts).map(|fault| fault.to_string());
        assert!(
            fault.as_deref().unwrap_or_default().starts_with(expected.unwrap_or_default()),
            "{fault:?}, expected {expected:?}"
        );
    }
}

#[tokio::test]
async fn a_dead_source_goes_from_good_to_stale_and_never_stays_good() {
    // answers once, then never again
    let (address, _) = serve(|number, path| match number {
        0 => Answer::Now(200, about(path, 90, NOW.0)),
        _ => Answer::HangUp,
    });
    let facts = start(http(&address, Trust::Unsigned), http(&address, Trust::Unsigned));
    assert_eq!(check(&facts, "pricing", NOW.0).await, Ok(1));
    assert_eq!(check(&facts, "pricing", NOW.0 + 60).await, Ok(1));
    assert_eq!(check(&facts, "pricing", NOW.0 + 61).await, Err(DenialReason::FactStale));
    assert_eq!(check(&facts, "pricing", NOW.0 + 3600).await, Err(DenialReason::FactStale));
}

#[tokio::test]
async fn a_flapping_source_is_believed_as_far_as_it_answers() {
    // every second answer is an error; times go on by 100 s, so that each use needs a new fact
    let (address, _) = serve(|number, path| match number % 2 {
        0 => Answer::Now(200, about(path, 90, NOW.0 + 100 * (number as u64))),
        _ => Answer::Now(503, String::new()),
    });
    let facts = start(http(&address, Trust::Unsigned), http(&address, Trust::Unsigned));
    for round in 0..6 {
        let expected = if round % 2 == 0 { Ok(1) } else { Err(DenialReason::FactStale) };
        assert_eq!(check(&facts, "pricing", NOW.0 + 100 * round).await, expected, "round {round}");
    }
}

#[tokio::test]
async fn what_a_source_takes_back_is_gone_and_older_answers_do_not_undo_newer_ones() {
    let (address, _) = serve(|number, path| match number {
        0 => Answer::Now(200, about(path, 90, NOW.0)),
        // older, and richer
        1 => Answer::Now(200, about(path, 900, NOW.0 - 50)),
        _ => Answer::Now(404, String::new()),
    });
    let facts = start(http(&address, Trust::Unsigned), http(&address, Trust::Unsigned));
    assert_eq!(check(&facts, "pricing", NOW.0).await, Ok(1));
    assert_eq!(check(&facts, "pricing", NOW.0 + 61).await, Err(DenialReason::FactStale));
    assert_eq!(fault(&facts), Some(SourceFault::Older));
    assert_eq!(check(&facts, "pricing", NOW.0 + 61).await, Err(DenialReason::FactMissing));
}

/// A source of ours that is written badly.
struct Panicking;

impl FactSource for Panicking {
    fn fetch<'a>(&'a self, _: &'a FactKey) -> Fetch<'a> {
        panic!("a fault in a source")
    }
}

/// One that is written well.
struct Steady(u64);

impl FactSource for Steady {
    fn fetch<'a>(&'a self, _: &'a FactKey) -> Fetch<'a> {
        let fact = Fact { value: self.0, source: term("finance"), at: NOW };
        Box::pin(async { Ok(Some(fact)) })
    }
}

#[tokio::test]
async fn a_panic_in_one_source_denies_only_what_needs_it() {
    let facts = start(Arc::new(Steady(90)), Arc::new(Panicking));
    assert_eq!(check(&facts, "certified", NOW.0).await, Err(DenialReason::FactMissing));
    assert_eq!(check(&facts, "pricing", NOW.0).await, Ok(1));
    let standing = facts.standing();
    let certificate =
        standing.iter().find(|standing| standing.key.fact == term("certificate_valid")).unwrap();
    assert_eq!(certificate.fault, Some(SourceFault::Panicked));
}

#[tokio::test]
async fn a_slow_source_delays_only_what_needs_it() {
    let (silent, _) = serve(|_, _| Answer::Silence);
    let facts = start(Arc::new(Steady(90)), http(&silent, Trust::Unsigned));
    let began = Instant::now();
    assert_eq!(check(&facts, "pricing", NOW.0).await, Ok(1));
    assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
    assert_eq!(check(&facts, "certified", NOW.0).await, Err(DenialReason::FactMissing));
}

#[tokio::test]
async fn uses_at_one_time_share_one_fetch() {
    let (address, asked) =
        serve(|_, path| Answer::After(Duration::from_millis(100), 200, about(path, 90, NOW.0)));
    let facts = start(http(&address, Trust::Unsigned), http(&address, Trust::Unsigned));
    let mut uses = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let facts = facts.clone();
        uses.spawn(async move { check(&facts, "pricing", NOW.0).await });
    }
    while let Some(answer) = uses.join_next().await {
        assert_eq!(answer.unwrap(), Ok(1));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_use_that_joins_a_fetch_which_comes_to_nothing_has_one_of_its_own() {
    let (address, asked) = serve(|number, path| match number {
        0 => Answer::Silence,
        _ => Answer::Now(200, about(path, 90, NOW.0)),
    });
    let facts = start(http(&address, Trust::Unsigned), http(&address, Trust::Unsigned));
    let first = tokio::spawn({
        let facts = facts.clone();
        async move { check(&facts, "pricing", NOW.0).await }
    });
    tokio::time::sleep(DEADLINE * 3 / 4).await;
    assert_eq!(check(&facts, "pricing", NOW.0).await, Ok(1));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // which may have seen the second one's answer in its last moment
    let _ = first.await.unwrap();
}

#[tokio::test]
async fn the_cache_is_bounded_and_full_of_flights_it_denies() {
    let sources = |budget: Arc<dyn FactSource>| -> BTreeMap<_, Arc<dyn FactSource>> {
        BTreeMap::from([(term(BUDGET), budget), (term("certificate_valid"), Arc::new(Steady(1)) as _)])
    };
    let facts = Facts::start_with(rules(), sources(Arc::new(Steady(90))), DEADLINE, 4).unwrap();
    for n in 0..20 {
        assert_eq!(check(&facts, &format!("project-{n}"), NOW.0).await, Ok(1));
        assert!(facts.standing().len() <= 4);
    }
    let (silent, _) = serve(|_, _| Answer::Silence);
    let facts = Facts::start_with(rules(), sources(http(&silent, Trust::Unsigned)), DEADLINE, 4).unwrap();
    let mut uses = tokio::task::JoinSet::new();
    for n in 0..20 {
        let facts = facts.clone();
        uses.spawn(async move { check(&facts, &format!("project-{n}"), NOW.0).await });
    }
    while let Some(answer) = uses.join_next().await {
        assert_eq!(answer.unwrap(), Err(DenialReason::FactMissing));
    }
    assert!(facts.standing().len() <= 4);
}

#[tokio::test]
async fn a_rule_without_a_source_is_refused() {
    let sources: BTreeMap<_, Arc<dyn FactSource>> =
        BTreeMap::from([(term(BUDGET), Arc::new(Steady(1)) as _)]);
    let error = Facts::start(rules(), sources).unwrap_err();
    assert_eq!(error, FactsError::NoSource { fact: term("certificate_valid") });
    for address in ["finance", "ftp://finance", "http://finance/facts?fact=x", "https://"] {
        let source = HttpSource::new(term("finance"), address, &Tls::default(), Trust::Unsigned);
        assert!(matches!(source, Err(FactsError::Config(_))), "{address}");
    }
}

#[tokio::test]
async fn a_file_is_read_again_when_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.json");
    let write = |facts: serde_json::Value| std::fs::write(&path, facts.to_string()).unwrap();
    let one = |value: u64, at: u64| json!({"version": 1, "facts": [statement(BUDGET, "pricing", value, at)]});
    let source = || Arc::new(FileSource::new(term("finance"), &path, Trust::Unsigned));
    let facts = start(source(), source());
    assert_eq!(check(&facts, "pricing", NOW.0).await, Err(DenialReason::FactMissing));
    write(one(90, NOW.0));
    assert_eq!(check(&facts, "pricing", NOW.0).await, Ok(1));
    // as long as before, at once afterwards
    write(one(70, NOW.0 + 100));
    assert_eq!(check(&facts, "pricing", NOW.0 + 100).await, Err(DenialReason::Budget));
    write(json!({"version": 1, "facts": []}));
    assert_eq!(check(&facts, "pricing", NOW.0 + 200).await, Err(DenialReason::FactMissing));

    let twice = [statement(BUDGET, "pricing", 1, NOW.0), statement(BUDGET, "pricing", 2, NOW.0)];
    for (text, expected) in [
        (json!({"version": 2, "facts": []}).to_string(), "file of version 2"),
        (json!({"version": 1, "facts": twice}).to_string(), "one fact twice"),
        (json!({"version": 1, "facts": ["a.b.c"]}).to_string(), "malformed fact"),
        (" ".repeat(1_048_577), "file unreadable (file too large)"),
        ("{".to_owned(), "malformed fact"),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(check(&facts, "pricing", NOW.0 + 300).await, Err(DenialReason::FactMissing));
        let fault = fault(&facts).unwrap().to_string();
        assert!(fault.starts_with(expected), "{fault}, expected {expected}");
    }
}

#[tokio::test]
async fn a_file_of_signed_facts_needs_each_signature() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.json");
    let (ours, theirs) = (Signer::from_seed(&[1; 32]).unwrap(), Signer::from_seed(&[2; 32]).unwrap());
    let signed = |requester: &str, by: &Signer| statement(BUDGET, requester, 90, NOW.0).sign(by);
    let listed = json!({"version": 1, "facts": [signed("pricing", &ours), signed("claims", &theirs)]});
    std::fs::write(&path, listed.to_string()).unwrap();
    let source = || Arc::new(FileSource::new(term("finance"), &path, Trust::Signed(*ours.public_key())));
    let facts = start(source(), source());
    assert_eq!(check(&facts, "pricing", NOW.0).await, Ok(1));
    assert_eq!(check(&facts, "claims", NOW.0).await, Err(DenialReason::FactMissing));
}
