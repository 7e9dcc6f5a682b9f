//! Reasons that no grant gives but a gate's surroundings: each gate is brought into its state, and is asked about customers
//! whose grants permit and deny, so that the order of the reasons shows.
//!
//! The order is that of `docs/spec/denials.md`. Where a gate denies by itself, it does not ask the ledger: of the reasons
//! that it knows and of those that only the ledger knows, the first in order is given of each.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use grantbook_record::uses::UseId;
use grantbook_record::{DenialReason, UnixSeconds};
use grantbook_sdk::obligations::Means;
use grantbook_sdk::{CheckOptions, Durability, Gate, GateConfig, LeafIndex, Parties};
use serde_json::json;

use super::cases::{Case, Worlds, moment};
use super::doors::{Door, Said, Spoken, check, filter};
use super::stage::{BOUND, PATIENCE, Played, Stage, Tenant};
use super::surroundings::{Surroundings, house};
use super::tally::Tally;
use super::world::EPOCH;
use crate::proxy::{Proxy, Weather};
use crate::world::{signer, term};

/// The hour in which all of them are asked.
const HOUR: u64 = 8;
const LATE_SECONDS: u64 = 25 * 3600;

/// Which gates a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Demands facts from outside and carries few obligations out; its requesters may be suspended and have budgets.
    Strict,
    /// Cut off from the ledger, with a head that is young.
    Unleased,
    /// The same, once its head is old.
    Stale,
    /// Takes somebody else for the enterprise, so that the customers' first keys are nobody's word.
    Distrusting,
    /// Has no room for records.
    Full,
    /// Asked about one use twice, and another one the second time.
    Conflict,
    /// Records uses that nobody hears of for a day.
    Late,
}

impl State {
    fn prefix(self) -> String {
        format!("{self:?}-").to_lowercase()
    }

    /// How many cases, and how many of them the grants permit.
    fn counts(self) -> (usize, usize) {
        match self {
            Self::Strict => (160, 110),
            Self::Unleased => (6, 6),
            Self::Stale | Self::Distrusting | Self::Full => (16, 8),
            Self::Conflict | Self::Late => (4, 4),
        }
    }

    /// Whether a permitted case shows what it is for.
    fn shows(self, case: &Case) -> bool {
        let Ok(at) = case.answer else { return true };
        let limits = &case.world.grants[at].terms.limits;
        let is_limited = limits.uses.is_some() || limits.rate.is_some();
        match self {
            // what was used so far it could only hear from the ledger
            Self::Unleased => is_limited && case.uncounted == case.answer,
            Self::Conflict => !is_limited && case.uncounted == case.answer,
            _ => true,
        }
    }

    async fn ask(self, tenant: &Tenant, tally: &mut Tally, door: Door, gate: &Gate) {
        for played in self.of(tenant) {
            let spoken = match door {
                Door::Bulk => filter(gate, played, &played.case.sub, true),
                _ => check(gate, played, &CheckOptions::default(), self == Self::Stale).await,
            };
            let others: &[DenialReason] = match self {
                Self::Stale => &[DenialReason::Stale],
                Self::Distrusting => &[DenialReason::Blocked],
                Self::Full => &[DenialReason::SpoolFull],
                Self::Strict | Self::Unleased | Self::Conflict | Self::Late => &[],
            };
            // a remote gate knows nothing that comes before its ledger's silence
            let own = if door == Door::Remote { others } else { &[] };
            let expected = first(played, own, others.iter().copied());
            agrees(played, door, &spoken, expected, tally);
        }
    }

    fn of(self, tenant: &Tenant) -> impl Iterator<Item = &Played> {
        tenant.customers.iter().filter(move |played| played.case.sub.as_str().starts_with(&self.prefix()))
    }
}

/// Cases of every state.
pub(super) fn cases(worlds: &mut Worlds) -> Vec<Case> {
    use State::{Conflict, Distrusting, Full, Late, Stale, Strict, Unleased};
    let mut cases = Vec::new();
    for state in [Strict, Unleased, Stale, Distrusting, Full, Conflict, Late] {
        let (count, permits) = state.counts();
        let (mut taken, mut permitted) = (0, 0);
        while taken < count {
            let mut raw = worlds.next();
            raw.now = UnixSeconds(EPOCH + HOUR);
            let mut case = Case::of(&format!("{}{taken}", state.prefix()), raw, false);
            if state == Strict {
                let surroundings = Surroundings::of(taken);
                case.world.facts.requester = surroundings.requester.clone();
                case = case.with_terms(|terms| surroundings.change(terms));
            }
            let is_permit = case.answer.is_ok();
            let is_wanted = if is_permit { permitted < permits } else { taken - permitted < count - permits };
            if is_wanted && state.shows(&case) {
                taken += 1;
                permitted += usize::from(is_permit);
                cases.push(case);
            }
        }
    }
    cases
}

/// Brings the gates into their states and asks.
pub(super) async fn ask(stage: &Stage, tenant: &mut Tenant, hour: u64, tally: &mut Tally) {
    assert_eq!(hour, HOUR);
    stage.strike(tenant, hour).await;
    strict(stage, tenant, tally).await;
    full(stage, tenant, tally).await;
    distrusting(stage, tenant, tally).await;
    conflict(stage, tenant, tally).await;
    cut_off(stage, tenant, tally).await;
    late(stage, tenant, tally).await;
}

/// The first of the reasons, those of the decision among them; without one the grant of the reference.
fn first(
    played: &Played,
    before: &[DenialReason],
    others: impl Iterator<Item = DenialReason>,
) -> Result<usize, DenialReason> {
    if let Some(reason) = before.iter().min() {
        return Err(*reason);
    }
    others.chain(played.case.reason()).min().map_or(played.case.answer.map_err(|(reason, _)| reason), Err)
}

#[track_caller]
fn agrees(
    played: &Played,
    door: Door,
    spoken: &Spoken,
    expected: Result<usize, DenialReason>,
    tally: &mut Tally,
) {
    let Spoken { said, .. } = spoken;
    let got: Result<usize, DenialReason> = match said {
        Said::Ok(grant) => Ok(played.position(grant)),
        Said::Err((reason, _)) => Err(*reason),
    };
    assert_eq!(got, expected, "{door:?}: {spoken:?} about {:#?}", played.case);
    // who denies for what the customer said names the grant that it was said of
    if let (Some((reason, closest)), Said::Err((_, named))) = (played.case.answer.err(), said)
        && got == Err(reason)
        && door != Door::Bulk
    {
        assert_eq!(named.map(|grant| played.position(&grant)), closest, "{door:?}: {:#?}", played.case);
    }
    tally.answer(door, expected.err());
}

async fn strict(stage: &Stage, tenant: &Tenant, tally: &mut Tally) {
    let all: Vec<Surroundings> = (0..State::Strict.counts().0).map(Surroundings::of).collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    // a remote gate goes by its machine's clock
    let (ledgers, machines) = (moment(HOUR), UnixSeconds(since_1970.as_secs()));
    let with = |config: GateConfig, name, now| {
        let means = Some(Arc::new(Means::default()));
        GateConfig { means, ..config.with_house(house(folder.path(), name, now, &all)) }
    };
    let config = stage.embedded_config(tenant, "strict", stage.world.address()).await;
    let embedded = Gate::connect(with(config, "embedded.json", ledgers)).await.expect("a gate");
    let config = stage.remote_config(tenant, stage.world.address()).await;
    let remote = Gate::connect(with(config, "remote.json", machines)).await.expect("a gate");
    for surroundings in &all {
        if let Some(left) = surroundings.budget {
            let budget = json!({"currency": "CNY", "minor": left});
            stage.budget(tenant, &surroundings.requester, &budget).await;
        }
    }
    stage.arrived(&embedded, HOUR).await;
    for (door, gate, now) in [(Door::Embedded, &embedded, ledgers), (Door::Remote, &remote, machines)] {
        for (played, surroundings) in State::Strict.of(tenant).zip(&all) {
            let at_least =
                surroundings.holds.contains(&DenialReason::Behind).then_some(LeafIndex(u64::MAX >> 12));
            let options = CheckOptions { at_least, ..CheckOptions::default() };
            let spoken = check(gate, played, &options, false).await;
            let (own, asked) = surroundings.reasons(played, door, now);
            agrees(played, door, &spoken, first(played, &own, asked.into_iter()), tally);
        }
        // nothing stays leased
        gate.flush(PATIENCE).await.expect("sent");
    }
}

async fn full(stage: &Stage, tenant: &Tenant, tally: &mut Tally) {
    let mut config = stage.embedded_config(tenant, "full", stage.world.address()).await;
    let spool = config.spool.take().map(|spool| grantbook_sdk::SpoolConfig { max_bytes: 1, ..spool });
    let gate = Gate::connect(GateConfig { spool, ..config.clone() }).await.expect("a gate");
    stage.arrived(&gate, HOUR).await;
    State::Full.ask(tenant, tally, Door::Embedded, &gate).await;
    drop(gate);
    // no spool at all, where one is demanded
    let gate = Gate::connect(config).await.expect("a gate");
    stage.arrived(&gate, HOUR).await;
    for played in State::Full.of(tenant) {
        let options = CheckOptions { durability: Some(Durability::Disk), ..CheckOptions::default() };
        let spoken = check(&gate, played, &options, false).await;
        let own: Vec<_> = played.case.uncounted.err().map(|(reason, _)| reason).into_iter().collect();
        let own = if own.is_empty() { vec![DenialReason::SpoolFull] } else { own };
        agrees(played, Door::Embedded, &spoken, first(played, &own, std::iter::empty()), tally);
    }
}

async fn distrusting(stage: &Stage, tenant: &Tenant, tally: &mut Tally) {
    let parties = stage.world.parties(&tenant.enterprise);
    let others = Parties { enterprise: signer("somebody else").thumbprint(), ..parties };
    let config = stage.remote_config(tenant, stage.world.address()).await.embedded(others);
    let gate = Gate::connect(config).await.expect("a gate");
    State::Distrusting.ask(tenant, tally, Door::Embedded, &gate).await;
    State::Distrusting.ask(tenant, tally, Door::Bulk, &gate).await;
}

async fn conflict(stage: &Stage, tenant: &Tenant, tally: &mut Tally) {
    let config = stage.embedded_config(tenant, "twice", stage.world.address()).await;
    let embedded = Gate::connect(config).await.expect("a gate");
    let config = stage.remote_config(tenant, stage.world.address()).await;
    let remote = Gate::connect(config).await.expect("a gate");
    stage.arrived(&embedded, HOUR).await;
    for (door, gate) in [(Door::Embedded, &embedded), (Door::Remote, &remote)] {
        for played in State::Conflict.of(tenant) {
            let use_id = UseId::try_from(format!("{door:?}-{}", played.case.sub)).expect("an id");
            let options = CheckOptions { use_id: Some(use_id), ..CheckOptions::default() };
            let mut facts = played.facts().clone();
            let permit = gate.check_with(&facts, &options).await.expect("permitted");
            assert_eq!(played.position(&permit.grant()), played.case.answer.expect("permitted"));
            drop(permit);
            facts.requester = term("another");
            let denial = gate.check_with(&facts, &options).await.expect_err("another use");
            assert_eq!(denial.reason, DenialReason::EvaluationError, "{door:?}: {denial:?}");
            tally.answer(door, Some(denial.reason));
        }
    }
}

/// Gates that lose their ledger: first they cannot lease, then they are stale.
async fn cut_off(stage: &Stage, tenant: &Tenant, tally: &mut Tally) {
    let proxy = Proxy::before(stage.world.address()).await;
    let config = stage.embedded_config(tenant, "cut-off", proxy.address).await;
    let deadline = Duration::from_millis(200);
    let embedded = Gate::connect(GateConfig { deadline, ..config }).await.expect("a gate");
    let config = stage.remote_config(tenant, proxy.address).await;
    let remote = Gate::connect(GateConfig { deadline, ..config }).await.expect("a gate");
    let started = Instant::now();
    let unleased = loop {
        proxy.set(Weather::Fair);
        stage.arrived(&embedded, HOUR).await;
        proxy.set(Weather::Cut);
        let mut all = Vec::new();
        for played in State::Unleased.of(tenant) {
            all.push((played, check(&embedded, played, &CheckOptions::default(), true).await));
        }
        // on a machine that is busy the last head may be old before all were asked
        if all.iter().all(|(_, spoken)| !spoken.is(DenialReason::Stale)) {
            break all;
        }
        assert!(started.elapsed() < PATIENCE, "stale again and again");
    };
    for (played, spoken) in unleased {
        agrees(played, Door::Embedded, &spoken, Err(DenialReason::Unleased), tally);
    }
    tokio::time::sleep(BOUND).await;
    State::Stale.ask(tenant, tally, Door::Embedded, &embedded).await;
    State::Stale.ask(tenant, tally, Door::Bulk, &embedded).await;
    State::Stale.ask(tenant, tally, Door::Remote, &remote).await;
}

async fn late(stage: &Stage, tenant: &mut Tenant, tally: &mut Tally) {
    let uses = State::Late.of(tenant).map(|played| {
        let grant = played.grants[played.case.answer.expect("permitted")];
        (UnixSeconds(moment(HOUR).0 - LATE_SECONDS), played.facts().clone(), grant)
    });
    let uses: Vec<_> = uses.collect();
    for flag in stage.record(tenant, uses).await {
        assert_eq!(flag, json!(DenialReason::Late));
        tally.answer(Door::Admission, Some(DenialReason::Late));
    }
}
