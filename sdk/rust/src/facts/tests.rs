use std::sync::atomic::{AtomicUsize, Ordering};

use grantbook_plan::Vocabulary;
use serde_json::json;

use super::*;

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

/// Counts fetches; as of the second that it is told.
struct Counting {
    fetched: AtomicUsize,
    at: AtomicUsize,
}

impl FactSource for Counting {
    fn fetch<'a>(&'a self, _: &'a FactKey) -> Fetch<'a> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        let at = UnixSeconds(NOW.0 + self.at.load(Ordering::SeqCst) as u64);
        Box::pin(async move { Ok(Some(Fact { value: 1, source: Term::parse("finance").unwrap(), at })) })
    }
}

fn use_facts() -> UseFacts {
    let facts = json!({
        "data_subject": "cs-00004", "requester": "pricing", "recipient": "sure-insurance",
        "purpose": "research", "action": "read", "categories": ["driving"], "fields": ["date"],
        "data_period": {"from": "2025-07-01", "to": "2025-07-31"},
    });
    serde_json::from_value(facts).unwrap()
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("not within a second");
}

#[tokio::test]
async fn facts_are_fetched_ahead_when_half_of_their_time_is_over() {
    let rules = json!({"version": 1, "rules": [
        {"id": "c", "demand": {"certificate_valid": {"max_age_seconds": 100}}},
    ]});
    let rules = HouseRules::parse(rules.to_string().as_bytes(), Vocabulary::builtin()).unwrap();
    let source = Arc::new(Counting { fetched: AtomicUsize::new(0), at: AtomicUsize::new(0) });
    let sources: BTreeMap<_, Arc<dyn FactSource>> =
        BTreeMap::from([(Term::parse("certificate_valid").unwrap(), Arc::clone(&source) as _)]);
    let facts = Facts::start(rules, sources).unwrap();
    assert_eq!(facts.gather(&use_facts(), NOW).await.len(), 1);
    let began = BootTime::now();
    let later = |seconds| began.after(Duration::from_secs(seconds));

    facts.0.refresh(later(49));
    assert_eq!(source.fetched.load(Ordering::SeqCst), 1, "young");
    source.at.store(60, Ordering::SeqCst);
    facts.0.refresh(later(60));
    until(|| facts.standing().iter().any(|standing| standing.fact.as_ref().unwrap().at.0 == NOW.0 + 60))
        .await;
    assert_eq!(source.fetched.load(Ordering::SeqCst), 2, "half of its time was over");

    // nobody asks any more
    facts.0.refresh(later(1000));
    assert_eq!(source.fetched.load(Ordering::SeqCst), 2);

    // a use of an old fact does not wait, and has it fetched meanwhile
    let use_facts = use_facts();
    let (fact, max_age) = facts.rules().needs(&use_facts).pop_first().unwrap();
    let key = FactKey { fact: fact.clone(), requester: use_facts.requester.clone() };
    assert!(facts.0.want(key, max_age, UnixSeconds(NOW.0 + 130), later(1100)).is_none());
    until(|| source.fetched.load(Ordering::SeqCst) == 3).await;
}
