//! House rules asked through a whole gate, their facts from sources that answer over HTTP, late, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use grantbook_plan::{HouseRules, Vocabulary};
use grantbook_record::DenialReason;
use grantbook_record::uses::UseFacts;
use grantbook_sdk::breaker::Breaker;
use grantbook_sdk::facts::{DEADLINE, FactSource, Facts, HttpSource, Statement, Trust};
use grantbook_sdk::{Detail, Gate, GateConfig, House, Source, Tls};
use serde_json::{Value, json};

use super::source::{Answer, serve};
use super::{LONG_BOUND, SLACK, Story, connect, denial, once, permit};
use crate::world::term;

const BUDGET: &str = "budget_left_cny";
const CERTIFICATE: &str = "certificate_valid";
const MASKING: &str = "masking_level";
/// Longer than the deadline of facts, so that no two of them fit into it either.
const SLOW: Duration = Duration::from_secs(3);

fn now() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_1970.expect("after 1970").as_secs()
}

/// A good answer to whatever the path asks for.
fn good(path: &str) -> String {
    let (_, query) = path.split_once('?').expect("a query");
    let (fact, requester) =
        query.strip_prefix("fact=").and_then(|rest| rest.split_once("&requester=")).expect("a question");
    let (source, at) = (term("registry"), grantbook_record::UnixSeconds(now()));
    // a time far off, money enough, and a level
    let value = if fact == MASKING { 7 } else { 1 << 40 };
    let statement = Statement { fact: term(fact), requester: term(requester), value, source, at };
    String::from_utf8(statement.to_json()).expect("JSON")
}

/// Rules about these facts, each from a source of its own that asks `answer` what to do.
fn house(
    rules: &Value,
    facts: &[&str],
    breaker: Arc<Breaker>,
    answer: impl Fn(&str) -> Answer + Clone + Send + Sync + 'static,
) -> House {
    let json = json!({"version": 1, "rules": rules}).to_string();
    let rules = HouseRules::parse(json.as_bytes(), Vocabulary::builtin()).expect("rules");
    let source = |fact: &&str| {
        let answer = answer.clone();
        let (address, _) = serve(move |_, path| answer(path));
        let source = HttpSource::new(term("registry"), &address, &Tls::default(), Trust::Unsigned);
        (term(fact), Arc::new(source.expect("an address")) as Arc<dyn FactSource>)
    };
    let sources: BTreeMap<_, _> = facts.iter().map(source).collect();
    House::new(Facts::start(rules, sources).expect("facts"), breaker)
}

fn certificate(max_age_seconds: u32) -> Value {
    json!([{"id": "certified", "demand": {"certificate_valid": {"max_age_seconds": max_age_seconds}}}])
}

/// The denial that comes once the last fact has grown old.
async fn denied_at_last(gate: &Gate, facts: &UseFacts) -> grantbook_sdk::Denial {
    let started = Instant::now();
    loop {
        match gate.check(facts).await {
            Err(denial) if denial.reason != DenialReason::Stale => return denial,
            Ok(permit) => drop(permit.commit()),
            Err(_) => {}
        }
        assert!(started.elapsed() < super::PATIENCE, "a fact never grows old");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_whose_facts_fail_twice_is_stopped_at_the_gate_until_released() {
    let story = Story::begin(LONG_BOUND).await;
    let at = story.world.address();
    let facts = story.customer.facts();
    for (config, spooled) in [(story.remote(at).await, false), (story.spooled("till-1", at).await, true)] {
        let knows = Arc::new(AtomicBool::new(true));
        let answer = {
            let knows = Arc::clone(&knows);
            move |path: &str| {
                if knows.load(Ordering::SeqCst) {
                    Answer::Now(200, good(path))
                } else {
                    Answer::Now(404, String::new())
                }
            }
        };
        let house = house(&certificate(1), &[CERTIFICATE], Arc::new(Breaker::in_memory()), answer);
        let gate = connect(config.with_house(house.clone())).await;
        permit(&gate, &facts, &once(), &[DenialReason::Stale]).await.commit();

        knows.store(false, Ordering::SeqCst);
        let first = denied_at_last(&gate, &facts).await;
        assert_eq!((first.reason, &first.source), (DenialReason::FactMissing, &Source::Gate));
        let Some(Detail::Fact { rule, fact, .. }) = &first.detail else { panic!("{first:?}") };
        assert_eq!((rule, fact), (&term("certified"), &term(CERTIFICATE)));
        assert!(!house.is_suspended(&facts.requester));
        let (second, _) = denial(&gate, &facts, &once()).await;
        assert_eq!((second.reason, second.source), (DenialReason::FactMissing, Source::Gate));

        // stopped, also when the source is there again
        knows.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            let (stopped, _) = denial(&gate, &facts, &once()).await;
            assert_eq!((stopped.reason, stopped.source), (DenialReason::Suspended, Source::Gate));
        }
        assert!(house.is_suspended(&facts.requester));
        // others are not
        let other = UseFacts { requester: term("newsletter"), ..facts.clone() };
        permit(&gate, &other, &once(), &[DenialReason::Stale]).await.commit();
        assert!(house.release(&facts.requester).expect("nothing to write"));
        permit(&gate, &facts, &once(), &[DenialReason::Stale]).await.commit();
        gate.flush(super::PATIENCE).await.expect("sent");
        if spooled {
            let recorded = story.permitted(&story.customer);
            let own = recorded.iter().filter(|record| record.gate.as_str() == "till-1");
            assert!(own.clone().count() >= 3);
            for record in own {
                let [relied] = record.relied_on.as_ref() else { panic!("{record:?}") };
                assert_eq!((relied.fact.as_str(), relied.source.as_str()), (CERTIFICATE, "registry"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_slow_sources_have_one_deadline_together() {
    let story = Story::begin(LONG_BOUND).await;
    let rules = json!([
        {"id": "paid", "demand": {"budget_left": {"currency": "CNY", "max_age_seconds": 60}}},
        {"id": "certified", "demand": {"certificate_valid": {"max_age_seconds": 60}}},
        {"id": "masked", "demand": {"masking_level": {"least": 2, "max_age_seconds": 60}}},
    ]);
    let slow = Arc::new(AtomicBool::new(true));
    let answer = {
        let slow = Arc::clone(&slow);
        move |path: &str| {
            if slow.load(Ordering::SeqCst) {
                Answer::After(SLOW, 200, good(path))
            } else {
                Answer::Now(200, good(path))
            }
        }
    };
    let house = house(&rules, &[BUDGET, CERTIFICATE, MASKING], Arc::new(Breaker::in_memory()), answer);
    let config = story.spooled("till-1", story.world.address()).await;
    let gate = connect(config.with_house(house)).await;
    let facts = story.customer.facts();
    let (denial, took) = denial(&gate, &facts, &once()).await;
    assert_eq!((denial.reason, &denial.source), (DenialReason::FactMissing, &Source::Gate));
    assert!(matches!(denial.detail, Some(Detail::Fact { .. })), "{denial:?}");
    assert!(took >= DEADLINE && took < DEADLINE + SLACK.min(DEADLINE), "{took:?}");
    slow.store(false, Ordering::SeqCst);
    permit(&gate, &facts, &once(), &[DenialReason::Stale]).await.commit();
    gate.flush(super::PATIENCE).await.expect("sent");
    let [record] = &story.permitted(&story.customer)[..] else { panic!("one use") };
    let relied: Vec<_> = record.relied_on.iter().map(|relied| relied.fact.as_str()).collect();
    assert_eq!(relied, [BUDGET, CERTIFICATE, MASKING]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_that_cannot_be_kept_deny_until_they_can() {
    let story = Story::begin(LONG_BOUND).await;
    let kept = story.folder.path().join("breaker");
    std::fs::create_dir(&kept).expect("a folder of ours");
    let knows = Arc::new(AtomicBool::new(false));
    let answer = {
        let knows = Arc::clone(&knows);
        move |path: &str| {
            if knows.load(Ordering::SeqCst) { Answer::Now(200, good(path)) } else { Answer::HangUp }
        }
    };
    let breaker = Arc::new(Breaker::open(kept.join("breaker.json")).expect("a breaker"));
    let house = house(&certificate(60), &[CERTIFICATE], breaker, answer);
    let config: GateConfig = story.spooled("till-1", story.world.address()).await;
    let gate = connect(config.with_house(house)).await;
    let facts = story.customer.facts();
    let (first, _) = denial(&gate, &facts, &once()).await;
    assert_eq!(first.reason, DenialReason::FactMissing);
    // the fact is good now, but that this is so cannot be noted
    knows.store(true, Ordering::SeqCst);
    std::fs::remove_dir_all(&kept).expect("a folder of ours");
    let (denial, _) = denial(&gate, &facts, &once()).await;
    assert_eq!((denial.reason, denial.source), (DenialReason::EvaluationError, Source::Gate));
    std::fs::create_dir(&kept).expect("a folder of ours");
    permit(&gate, &facts, &once(), &[DenialReason::Stale]).await.commit();
}
