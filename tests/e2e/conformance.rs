//! The conformance cases: every door gives the answer of the slow reference, on a real ledger.
//!
//! A case is a customer's signed events and uses, a question and its moment. Expected answers come from the reference in
//! `policies/plan/tests/reference`, which shares no code with the decision. The doors are an embedded gate with replica,
//! spool and leases, a remote gate, and questions in bulk. What only a gate's surroundings give (a head that is old, a
//! requester that is suspended, a spool that is full …) is in [`states`]. `tests/vectors/conformance.json` has the cases,
//! for readers in other languages; `GRANTBOOK_GOLDEN=write` writes it.

mod cases;
mod doors;
#[path = "../../policies/plan/tests/reference/slow.rs"]
mod slow;
#[path = "../../policies/plan/tests/reference/slow_house.rs"]
mod slow_house;
mod stage;
mod states;
mod surroundings;
mod tally;
mod vectors;
#[path = "../../policies/plan/tests/reference/world.rs"]
mod world;

use grantbook_record::DenialReason;
use grantbook_sdk::{CheckOptions, Detail, Gate};

use cases::{Worlds, cases};
use doors::{Door, Said, Spoken, check, filter};
use slow::Answer;
use stage::{PATIENCE, Played, Stage, Tenant};
use tally::Tally;

/// Hours in which the cases are asked; in the one after them, gates are brought into their states.
const HOURS: std::ops::Range<u64> = 0..8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_door_gives_the_answer_of_the_reference() {
    let mut worlds = Worlds::new();
    let stage = Stage::open().await;
    let mut tenant = stage.tenant("enterprise", cases(&mut worlds)).await;
    let mut states = stage.tenant("states", states::cases(&mut worlds)).await;
    let config = stage.embedded_config(&tenant, "embedded", stage.world.address()).await;
    let embedded = Gate::connect(config).await.expect("a gate");
    let config = stage.remote_config(&tenant, stage.world.address()).await;
    let remote = Gate::connect(config).await.expect("a gate");
    let mut tally = Tally::default();
    for hour in HOURS.start..=HOURS.end {
        stage.events(&mut tenant, hour).await;
        stage.events(&mut states, hour).await;
        stage.uses(&mut tenant, hour).await;
        stage.uses(&mut states, hour).await;
        stage.strike(&tenant, hour).await;
        stage.arrived(&embedded, hour).await;
        ask(&tenant, hour, &embedded, &remote, &mut tally).await;
    }
    assert_eq!(tally.cases(), tenant.customers.len());
    states::ask(&stage, &mut states, HOURS.end, &mut tally).await;
    tally.check();
}

/// Asks the questions of this hour at all doors.
async fn ask(tenant: &Tenant, hour: u64, embedded: &Gate, remote: &Gate, tally: &mut Tally) {
    let options = CheckOptions::default();
    let now: Vec<&Played> = tenant.customers.iter().filter(|played| played.case.asked_at == hour).collect();
    let mut spoken = Vec::new();
    for (at, played) in now.iter().enumerate() {
        let other = &now[(at + 1) % now.len()].case.sub;
        let in_bulk = filter(embedded, played, other, false);
        agrees(played, Door::Bulk, &in_bulk, played.case.uncounted);
        spoken.push((in_bulk, check(embedded, played, &options, false).await));
    }
    // what was drawn on leases and given back is everybody's again
    embedded.flush(PATIENCE).await.expect("sent");
    for (played, (in_bulk, by_replica)) in now.iter().zip(spoken) {
        let by_ledger = check(remote, played, &options, false).await;
        agrees(played, Door::Embedded, &by_replica, played.case.answer);
        agrees(played, Door::Remote, &by_ledger, played.case.answer);
        assert_eq!(by_replica.obligations, by_ledger.obligations, "{}", played.case.sub);
        assert!(details_agree(&by_replica, &by_ledger), "{}: {by_replica:?} {by_ledger:?}", played.case.sub);
        let is_same = in_bulk.said == by_ledger.said;
        assert_eq!(is_same, played.case.uncounted == played.case.answer, "{}", played.case.sub);
        assert!(!is_same || details_agree(&in_bulk, &by_ledger), "{}: {in_bulk:?}", played.case.sub);
        let reason = played.case.reason();
        tally.case(reason, is_same);
        for (door, reason) in [
            (Door::Embedded, reason),
            (Door::Remote, reason),
            (Door::Bulk, played.case.uncounted.err().map(|(reason, _)| reason)),
        ] {
            tally.answer(door, reason);
        }
    }
}

/// A replica says of a denial what the ledger says, as far as it knows: not when a grant was superseded, since no entry
/// commits to that, nor when a window began in which others made uses, only when it is over for certain.
fn details_agree(by_replica: &Spoken, by_ledger: &Spoken) -> bool {
    match (&by_replica.detail, &by_ledger.detail, by_ledger.said) {
        (None, Some(Detail::Ended(_)), Err((DenialReason::Superseded, _))) => true,
        (
            Some(Detail::Rate { rate, until }),
            Some(Detail::Rate { rate: of_ledger, until: known }),
            Err((DenialReason::Rate, _)),
        ) => rate == of_ledger && until >= known,
        (replicas, ledgers, _) => replicas == ledgers,
    }
}

/// An answer as the reference gives it.
fn position(played: &Played, said: Said) -> Answer {
    match said {
        Ok(grant) => Ok(played.position(&grant)),
        Err((reason, closest)) => Err((reason, closest.map(|grant| played.position(&grant)))),
    }
}

#[track_caller]
fn agrees(played: &Played, door: Door, spoken: &Spoken, expected: Answer) {
    let got = position(played, spoken.said);
    assert_eq!(got, expected, "{door:?}: {spoken:?} about {:#?}", played.case);
}
