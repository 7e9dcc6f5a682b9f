//! Facts from outside: where house rules get what they judge by.
//!
//! [`Facts`] knows the rules and the source of each fact. What a use needs is fetched ahead: facts that were asked for
//! once are fetched again when half of their time is over. What is not there yet is fetched at once, all of it under
//! one deadline. Sources run in tasks of their own, so that one which is slow, lies or panics denies only what needs
//! it. The judgement is [`grantbook_plan::house`]'s, which does no I/O; formats are in `docs/spec/facts.md`.

mod cache;
mod document;
mod file;
mod http;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use grantbook_plan::{Fact, HouseRules};
use grantbook_record::jws::JwsError;
use grantbook_record::strict_json::JsonError;
use grantbook_record::uses::UseFacts;
use grantbook_record::{Term, UnixSeconds};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::BootTime;
use crate::http::ClientError;
use cache::{Cache, Want};

pub use document::{FACT_TYP, Statement, Trust};
pub use file::{FILE_BYTES_MAX, FileSource};
pub use http::{ANSWER_BYTES_MAX, HttpSource};

/// The time that all facts of a use have together.
pub const DEADLINE: Duration = Duration::from_secs(2);
/// Facts that are kept.
pub const CAPACITY: usize = 1024;

/// A fact about a requester.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactKey {
    /// The fact's name.
    pub fact: Term,
    /// About whom.
    pub requester: Term,
}

/// What a fetch comes to: the fact, or `None` where the source knows of none.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Option<Fact>, SourceFault>> + Send + 'a>>;

/// Somebody who states facts. What is given back is believed, so a source verifies what it can.
pub trait FactSource: Send + Sync {
    /// Fetches one fact. Runs in a task of its own, which is dropped at the deadline; it must not block its thread.
    fn fetch<'a>(&'a self, wanted: &'a FactKey) -> Fetch<'a>;
}

/// Why a source gave no fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceFault {
    /// No connection, or it broke.
    #[error("source unreachable, expected an answer over HTTP")]
    Unreachable,
    /// Not in time.
    #[error("no answer by the source within its deadline")]
    Deadline,
    /// An HTTP status other than success and 404.
    #[error("answer with status {got}, expected 200 or 404")]
    Status {
        /// As came.
        got: u16,
    },
    /// More than [`ANSWER_BYTES_MAX`].
    #[error("answer too large, expected at most {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
    /// The file cannot be read, or has more than [`FILE_BYTES_MAX`].
    #[error("file unreadable ({0}), expected one of at most {FILE_BYTES_MAX} bytes")]
    File(std::io::ErrorKind),
    /// A file of a version that is not known.
    #[error("file of version {got}, expected 1")]
    Version {
        /// As written.
        got: u8,
    },
    /// A file with one fact twice.
    #[error("one fact twice in a file, expected it once")]
    Repeated,
    /// JSON that departs from the schema.
    #[error("malformed fact: {0}")]
    Malformed(#[source] JsonError),
    /// No JWS of the profile.
    #[error(transparent)]
    Jws(JwsError),
    /// A JWS of another type.
    #[error("wrong typ, expected {FACT_TYP}")]
    Typ,
    /// A signature that does not verify under the pinned key.
    #[error("bad signature, expected one by the key that is pinned for the source")]
    Signature,
    /// Another fact than was asked for.
    #[error("another fact, expected the name, requester and source that were asked for")]
    Other,
    /// A fact from the future.
    #[error("fact from {seconds} s ahead, expected at most {} s", grantbook_plan::house::AHEAD_MAX_SECONDS)]
    Future {
        /// How far ahead of the gate's clock.
        seconds: u64,
    },
    /// A fact older than one that the source gave before.
    #[error("fact older than the one before, expected none to go back")]
    Older,
    /// The source's code panicked.
    #[error("source panicked, expected an answer")]
    Panicked,
}

/// Why there are no facts to be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// A rule needs a fact that no source states: it would deny every use.
    #[error("no source of {fact}, expected one for each fact that the rules need")]
    NoSource {
        /// The fact's name.
        fact: Term,
    },
    /// An address, token or certificate that cannot be used.
    #[error("{0}")]
    Config(String),
}

impl From<ClientError> for FactsError {
    fn from(error: ClientError) -> Self {
        Self::Config(error.to_string())
    }
}

/// What is known of one fact, for whoever looks after the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which one.
    pub key: FactKey,
    /// What was stated last.
    pub fact: Option<Fact>,
    /// What was wrong with the last fetch.
    pub fault: Option<SourceFault>,
}

/// The rules with the sources of their facts; clones are the same.
#[derive(Clone)]
pub struct Facts(Arc<Inner>);

struct Inner {
    rules: HouseRules,
    /// By the fact's name.
    sources: BTreeMap<Term, Arc<dyn FactSource>>,
    deadline: Duration,
    cache: Mutex<Cache>,
    /// The second of the last question, and when it was asked.
    time: Mutex<Option<(UnixSeconds, BootTime)>>,
}

impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sources = self.0.sources.keys();
        f.debug_struct("Facts").field("facts", &sources.collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

impl Facts {
    /// Rules, and the source of each fact by the fact's name. Must be called within a Tokio runtime.
    pub fn start(
        rules: HouseRules,
        sources: BTreeMap<Term, Arc<dyn FactSource>>,
    ) -> Result<Self, FactsError> {
        Self::start_with(rules, sources, DEADLINE, CAPACITY)
    }

    /// The same with another deadline and another number of facts that are kept.
    pub fn start_with(
        rules: HouseRules,
        sources: BTreeMap<Term, Arc<dyn FactSource>>,
        deadline: Duration,
        capacity: usize,
    ) -> Result<Self, FactsError> {
        if let Some(rule) = rules.rules().iter().find(|rule| !sources.contains_key(rule.fact())) {
            return Err(FactsError::NoSource { fact: rule.fact().clone() });
        }
        let strictest = rules.rules().iter().map(|rule| rule.demand().max_age().seconds()).min();
        let cache = Mutex::new(Cache::new(capacity));
        let facts = Self(Arc::new(Inner { rules, sources, deadline, cache, time: Mutex::new(None) }));
        if let Some(strictest) = strictest {
            tokio::spawn(keep_young(Arc::downgrade(&facts.0), Duration::from_secs(strictest)));
        }
        Ok(facts)
    }

    /// The rules.
    pub fn rules(&self) -> &HouseRules {
        &self.0.rules
    }

    /// The facts that the rules need for a use at `now`, by name, as far as they can be had within the deadline. Some
    /// may be too old: the rules judge that.
    pub async fn gather(&self, facts: &UseFacts, now: UnixSeconds) -> BTreeMap<Term, Fact> {
        let at = BootTime::now();
        *lock(&self.0.time) = Some((now, at));
        let needs = self.0.rules.needs(facts);
        let key = |fact: &Term| FactKey { fact: fact.clone(), requester: facts.requester.clone() };
        let gathered = async {
            // one that began before this question may end with nothing a moment later; one that begins now has all the time
            // that there is
            for _ in 0..2 {
                let flights = needs.iter().filter_map(|(fact, age)| self.0.want(key(fact), *age, now, at));
                let mut joined = false;
                for mut flight in flights.collect::<Vec<_>>() {
                    joined |= flight.joined;
                    // an error says that the sender is gone: the flight has landed
                    while flight.landing.changed().await.is_ok() {}
                }
                if !joined {
                    return;
                }
            }
        };
        // what has not come until then is missing, or as old as it was
        let _ = timeout(self.0.deadline, gathered).await;
        let cache = lock(&self.0.cache);
        let known = needs.keys().filter_map(|fact| Some(((*fact).clone(), cache.fact(&key(fact))?.clone())));
        known.collect()
    }

    /// What is known of each fact, for metrics and for whoever looks after the sources.
    pub fn standing(&self) -> Vec<Standing> {
        lock(&self.0.cache).standing()
    }
}

/// A fetch that a use waits for.
struct Flight {
    /// Closed when it has landed.
    landing: watch::Receiver<()>,
    /// It had begun before.
    joined: bool,
}

impl Inner {
    /// Sees to it that a fact is had; gives the flight to wait for.
    fn want(
        self: &Arc<Self>,
        key: FactKey,
        max_age: grantbook_plan::house::MaxAge,
        now: UnixSeconds,
        at: BootTime,
    ) -> Option<Flight> {
        let want = lock(&self.cache).want(&key, max_age, now, at);
        match want {
            Want::Nothing => None,
            Want::Wait(landing) => Some(Flight { landing, joined: true }),
            Want::Refresh(landed) => {
                self.fly(key, landed);
                None
            }
            Want::Fetch(landed, landing) => {
                self.fly(key, landed);
                Some(Flight { landing, joined: false })
            }
        }
    }

    /// Fetches a fact in a task, and in one within it what is not ours: a panic there ends only that.
    fn fly(self: &Arc<Self>, key: FactKey, landed: watch::Sender<()>) {
        let Some(source) = self.sources.get(&key.fact).cloned() else { return };
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            let wanted = key.clone();
            let mut fetch = tokio::spawn(async move { source.fetch(&wanted).await });
            let answer = match timeout(inner.deadline, &mut fetch).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(SourceFault::Panicked),
                Err(_) => {
                    fetch.abort();
                    Err(SourceFault::Deadline)
                }
            };
            let now = inner.now(BootTime::now());
            lock(&inner.cache).take(&key, answer, now);
            drop(landed);
        });
    }

    /// The second of the last question plus what has passed since.
    fn now(&self, at: BootTime) -> UnixSeconds {
        let asked = *lock(&self.time);
        let (now, then) = asked.unwrap_or((UnixSeconds(0), at));
        UnixSeconds(now.0.saturating_add(at.since(then).as_secs()))
    }

    fn refresh(self: &Arc<Self>, at: BootTime) {
        let due = lock(&self.cache).due(self.now(at), at);
        for (key, landed) in due {
            self.fly(key, landed);
        }
    }
}

/// Fetches ahead until nobody has the facts any more.
async fn keep_young(facts: Weak<Inner>, strictest: Duration) {
    let mut ticks = interval((strictest / 4).min(Duration::from_secs(30)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let Some(facts) = facts.upgrade() else { return };
        facts.refresh(BootTime::now());
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // nothing that is held here panics midway; and an old fact is judged by its age
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
