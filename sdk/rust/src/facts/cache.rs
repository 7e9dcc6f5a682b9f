//! What is known of facts, and which are to be fetched. Pure but for the ends of the channels that flights close.

use std::collections::BTreeMap;
use std::time::Duration;

use grantbook_plan::Fact;
use grantbook_plan::house::{AHEAD_MAX_SECONDS, MaxAge};
use grantbook_record::UnixSeconds;
use tokio::sync::watch;

use super::{FactKey, SourceFault, Standing};
use crate::clock::BootTime;

/// Facts that nobody has asked for so long are fetched no more.
const IDLE: Duration = Duration::from_secs(600);
/// Between two flights for a fact that is there or that nobody waits for.
const GAP_MAX: Duration = Duration::from_secs(1);

/// A bounded table of facts.
pub(super) struct Cache {
    known: BTreeMap<FactKey, Known>,
    capacity: usize,
}

struct Known {
    fact: Option<Fact>,
    fault: Option<SourceFault>,
    /// The strictest age that a use has demanded.
    max_age: MaxAge,
    asked: BootTime,
    tried: Option<BootTime>,
    /// Closed when the last flight has landed.
    flight: Option<watch::Receiver<()>>,
}

/// What a use is to do about a fact.
pub(super) enum Want {
    /// Go on: it is young.
    Nothing,
    /// Go on, and have it fetched meanwhile.
    Refresh(watch::Sender<()>),
    /// Have it fetched, and wait.
    Fetch(watch::Sender<()>, watch::Receiver<()>),
    /// Wait for the flight under way.
    Wait(watch::Receiver<()>),
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { known: BTreeMap::new(), capacity }
    }

    pub(super) fn fact(&self, key: &FactKey) -> Option<&Fact> {
        self.known.get(key)?.fact.as_ref()
    }

    /// Notes that a use at `now` needs the fact no older than this.
    pub(super) fn want(&mut self, key: &FactKey, max_age: MaxAge, now: UnixSeconds, at: BootTime) -> Want {
        if !self.known.contains_key(key) && !self.make_room() {
            return Want::Nothing;
        }
        let known = self.known.entry(key.clone()).or_insert_with(|| Known {
            fact: None,
            fault: None,
            max_age,
            asked: at,
            tried: None,
            flight: None,
        });
        known.asked = at;
        known.max_age = known.max_age.min(max_age);
        let age = known.fact.as_ref().map(|fact| fact.age(now));
        let is_usable = age.is_some_and(|age| age <= max_age.seconds());
        match known.flying() {
            Some(flight) if !is_usable => Want::Wait(flight),
            None if !is_usable => {
                let (landed, flight) = known.fly(at);
                Want::Fetch(landed, flight)
            }
            None if known.is_due(now, at) => Want::Refresh(known.fly(at).0),
            Some(_) | None => Want::Nothing,
        }
    }

    /// Facts that are asked for and will be too old soon, or are missing; each is in flight afterwards.
    pub(super) fn due(&mut self, now: UnixSeconds, at: BootTime) -> Vec<(FactKey, watch::Sender<()>)> {
        let waiting = self.known.iter_mut().filter(|(_, known)| {
            at.since(known.asked) < IDLE && known.flying().is_none() && known.is_due(now, at)
        });
        waiting.map(|(key, known)| (key.clone(), known.fly(at).0)).collect()
    }

    /// Takes in what came of a flight.
    pub(super) fn take(
        &mut self,
        key: &FactKey,
        answer: Result<Option<Fact>, SourceFault>,
        now: UnixSeconds,
    ) {
        let Some(known) = self.known.get_mut(key) else { return };
        match answer {
            Ok(Some(fact)) if fact.at.0 > now.0.saturating_add(AHEAD_MAX_SECONDS) => {
                known.fault = Some(SourceFault::Future { seconds: fact.at.0.saturating_sub(now.0) });
            }
            // an answer that was overtaken by a younger one
            Ok(Some(fact)) if known.fact.as_ref().is_some_and(|known| known.at > fact.at) => {
                known.fault = Some(SourceFault::Older);
            }
            // a source that knows the fact no more takes it back
            Ok(fact) => (known.fact, known.fault) = (fact, None),
            Err(fault) => known.fault = Some(fault),
        }
    }

    pub(super) fn standing(&self) -> Vec<Standing> {
        let all = self.known.iter();
        all.map(|(key, known)| Standing {
            key: key.clone(),
            fact: known.fact.clone(),
            fault: known.fault.clone(),
        })
        .collect()
    }

    /// False if every fact in a full table is in flight.
    fn make_room(&mut self) -> bool {
        if self.known.len() < self.capacity {
            return true;
        }
        let landed = self.known.iter().filter(|(_, known)| known.flying().is_none());
        let Some(oldest) = landed.min_by_key(|(_, known)| known.asked).map(|(key, _)| key.clone()) else {
            return false;
        };
        self.known.remove(&oldest).is_some()
    }
}

impl Known {
    fn flying(&self) -> Option<watch::Receiver<()>> {
        self.flight.clone().filter(|flight| flight.has_changed().is_ok())
    }

    fn fly(&mut self, at: BootTime) -> (watch::Sender<()>, watch::Receiver<()>) {
        let (landed, flight) = watch::channel(());
        self.flight = Some(flight.clone());
        self.tried = Some(at);
        (landed, flight)
    }

    /// Whether more than half of its time is over, and the last try is not just past.
    fn is_due(&self, now: UnixSeconds, at: BootTime) -> bool {
        let gap = Duration::from_secs(self.max_age.seconds()) / 4;
        let is_old =
            self.fact.as_ref().is_none_or(|fact| fact.age(now).saturating_mul(2) > self.max_age.seconds());
        is_old && self.tried.is_none_or(|tried| at.since(tried) >= gap.min(GAP_MAX))
    }
}
