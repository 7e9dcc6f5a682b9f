//! From sending a withdrawal to the last of many gates denying; and to the denial of gates that are cut off or delayed.
//!
//! The server is a process of its own. The gates are embedded ones in this process, each with a replica and connections
//! of its own, and a name under which it reports how far it is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use grantbook_plan::Decision;
use grantbook_record::TenantId;
use grantbook_record::uses::UseFacts;
use grantbook_sdk::{DenialReason, Gate, GateConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::Options;
use super::line::{Line, Weather};
use super::load::Connection;
use super::served::Process;
use crate::Failure;
use crate::measure::{Samples, float};
use crate::report::{Beside, Report};
use crate::world::facts;

/// Milliseconds that the p99 may have, and the bound that gates have by default, which is never to be passed.
const GOAL_MS: f64 = 500.0;
const BOUND_MS: f64 = 5000.0;
/// Between two looks at all gates.
const LOOK: Duration = Duration::from_micros(200);
/// Between two withdrawals, so that one does not carry another.
const PAUSE: Duration = Duration::from_millis(50);
/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Gates behind each line that is disturbed. They ask for heads at different times.
const BEHIND: usize = 4;
/// Frames between two gates' first questions for a head.
const STAGGER: Duration = Duration::from_millis(400);
const DISTURBED: [(&str, Weather); 3] =
    [("cut_off", Weather::Cut), ("feed_held", Weather::FeedHeld), ("all_held", Weather::AllHeld)];

/// A line with the gates behind it.
struct Behind {
    weather: Weather,
    line: Line,
    gates: Vec<Gate>,
    waits_ms: Vec<f64>,
}

/// A customer of whom gates are asked, and how they withdraw.
struct Withdrawing {
    facts: UseFacts,
    request: Vec<u8>,
}

pub(super) fn measure(report: &mut Report, options: &Options) -> Result<(), Failure> {
    let Options { gates, withdrawals, rounds, .. } = *options;
    let served = Process::start(&options.dir, withdrawals + rounds + 1, gates + BEHIND * DISTURBED.len())?;
    let mut customers = served
        .withdrawals()
        .iter()
        .map(|(sub, envelope)| {
            let request = withdrawal(served.tenant(), envelope);
            Ok(Withdrawing { facts: facts(sub.as_str())?, request })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    // never withdraws: by them it shows whether a gate is at work again
    let staying = customers.pop().ok_or("no customer")?;
    let disturbed = customers.split_off(withdrawals);
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let connected = runtime.block_on(connect((0..gates).map(|at| served.gate(at, served.address()))))?;

    let (mut all, mut last) = (Vec::new(), Vec::new());
    for withdrawing in &customers {
        let waits = withdraw(&runtime, served.address(), withdrawing, &connected)?;
        last.push(waits.iter().copied().fold(0.0, f64::max));
        all.extend(waits);
        std::thread::sleep(PAUSE);
    }
    let (all, last) = (Samples::new(all), Samples::new(last));

    let mut behind = Vec::new();
    for (at, (_, weather)) in DISTURBED.into_iter().enumerate() {
        let line = runtime.block_on(Line::to(served.address()))?;
        let mut own = Vec::new();
        for number in 0..BEHIND {
            let gate = served.gate(gates + BEHIND * at + number, line.address)?;
            own.extend(runtime.block_on(connect([Ok(gate)]))?);
            std::thread::sleep(STAGGER);
        }
        behind.push(Behind { weather, line, gates: own, waits_ms: Vec::new() });
    }
    for withdrawing in &disturbed {
        withdraw_disturbed(&runtime, served.address(), withdrawing, &mut behind)?;
        for each in &behind {
            each.line.set(Weather::Fair);
        }
        let at_work = |gate: &Gate| matches!(gate.decide(&staying.facts), Decision::Permit(_));
        wait_for(|| behind.iter().flat_map(|each| &each.gates).all(at_work))?;
    }

    report.figure(format!("withdrawal.to_one_of_{gates}.p50"), all.median(), "ms");
    report.figure(format!("withdrawal.to_one_of_{gates}.p99"), all.percentile(0.99), "ms");
    let named = |what: &str| format!("withdrawal.to_last_of_{gates}.{what}");
    report.figure(named("p50"), last.median(), "ms");
    report.figure(named("p90"), last.percentile(0.9), "ms");
    report.figure_beside(named("p99"), last.percentile(0.99), "ms", Beside::DownTo(GOAL_MS));
    report.figure(named("max"), last.percentile(1.0), "ms");
    report.histogram(named("ms"), &last);
    for ((name, _), each) in DISTURBED.iter().zip(&behind) {
        let waits = Samples::new(each.waits_ms.clone());
        report.figure(format!("withdrawal.{name}.p50"), waits.median(), "ms");
        report.figure_beside(
            format!("withdrawal.{name}.max"),
            waits.percentile(1.0),
            "ms",
            Beside::DownTo(BOUND_MS),
        );
    }
    let longest = |delayed: bool| {
        let of = behind.iter().filter(|each| (each.weather != Weather::Cut) == delayed);
        of.flat_map(|each| &each.waits_ms).copied().fold(0.0, f64::max)
    };
    // 500 ms are a tenth of the bound
    report.at_most("withdrawal.p99_vs_bound", last.percentile(0.99) / BOUND_MS, GOAL_MS / BOUND_MS);
    report.at_most("withdrawal.cut_off_max_vs_bound", longest(false) / BOUND_MS, 1.0);
    report.at_most("withdrawal.delayed_max_vs_bound", longest(true) / BOUND_MS, 1.0);
    drop((connected, behind));
    served.stop()
}

async fn connect(gates: impl IntoIterator<Item = Result<GateConfig, Failure>>) -> Result<Vec<Gate>, Failure> {
    let connecting: Vec<JoinHandle<_>> = gates
        .into_iter()
        .map(|config| Ok(tokio::spawn(Gate::connect(config?))))
        .collect::<Result<_, Failure>>()?;
    let mut gates = Vec::new();
    for gate in connecting {
        gates.push(gate.await??);
    }
    Ok(gates)
}

/// The request that withdraws; no token is needed where the customer signs.
fn withdrawal(tenant: TenantId, envelope: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ngrantbook-tenant: {tenant}\r\n\
         content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        envelope.len()
    );
    [head.as_bytes(), envelope].concat()
}

/// Milliseconds from sending it until each gate denies.
fn withdraw(
    runtime: &Runtime,
    address: SocketAddr,
    withdrawing: &Withdrawing,
    gates: &[Gate],
) -> Result<Vec<f64>, Failure> {
    wait_for(|| gates.iter().all(|gate| matches!(gate.decide(&withdrawing.facts), Decision::Permit(_))))?;
    let (begun, sending) = send(runtime, address, &withdrawing.request)?;
    let mut permitting: Vec<&Gate> = gates.iter().collect();
    let mut waits = Vec::new();
    while !permitting.is_empty() {
        permitting.retain(|gate| match gate.decide(&withdrawing.facts) {
            Decision::Permit(_) => true,
            Decision::Denial(_) => {
                waits.push(begun.elapsed().as_secs_f64() * 1e3);
                false
            }
        });
        if begun.elapsed() > PATIENCE {
            return Err(format!("{} gates go on permitting", permitting.len()).into());
        }
        std::thread::sleep(LOOK);
    }
    // each denies for this reason, and not because it has become stale
    let reason = |gate: &Gate| match gate.decide(&withdrawing.facts) {
        Decision::Denial(denial) => Some(denial.reason),
        Decision::Permit(_) => None,
    };
    if !gates.iter().all(|gate| reason(gate) == Some(DenialReason::Withdrawn)) {
        return Err("a gate denies, and not because the grant is withdrawn".into());
    }
    runtime.block_on(sending)??;
    Ok(waits)
}

/// Milliseconds from sending it until each gate permitted for the last time, where the gates are disturbed from right before
/// on; they deny because they are stale.
fn withdraw_disturbed(
    runtime: &Runtime,
    address: SocketAddr,
    withdrawing: &Withdrawing,
    behind: &mut [Behind],
) -> Result<(), Failure> {
    let permits = |gate: &Gate| matches!(gate.decide(&withdrawing.facts), Decision::Permit(_));
    wait_for(|| behind.iter().flat_map(|each| &each.gates).all(permits))?;
    for each in behind.iter() {
        each.line.set(each.weather);
    }
    let (begun, sending) = send(runtime, address, &withdrawing.request)?;
    let mut gates: Vec<_> =
        behind.iter().flat_map(|each| &each.gates).map(|gate| (gate, true, 0.0)).collect();
    while gates.iter().any(|(_, permitting, _)| *permitting) {
        for (gate, permitting, last_ms) in gates.iter_mut().filter(|(_, permitting, _)| *permitting) {
            *permitting = permits(gate);
            if *permitting {
                *last_ms = begun.elapsed().as_secs_f64() * 1e3;
            }
        }
        if begun.elapsed() > PATIENCE {
            return Err("a gate that is disturbed goes on permitting".into());
        }
        std::thread::sleep(LOOK);
    }
    let last_ms: Vec<f64> = gates.into_iter().map(|(_, _, last_ms)| last_ms).collect();
    for (each, last_ms) in behind.iter_mut().zip(last_ms.chunks(BEHIND)) {
        each.waits_ms.extend(last_ms);
    }
    runtime.block_on(sending)??;
    Ok(())
}

/// Sends it on a connection that is there already; when it left, and what waits for the answer.
fn send(
    runtime: &Runtime,
    address: SocketAddr,
    request: &[u8],
) -> Result<(Instant, JoinHandle<Result<(), Failure>>), Failure> {
    let mut connection = runtime.block_on(Connection::open(address))?;
    let (begun, request) = (Instant::now(), request.to_vec());
    let sending = runtime.spawn(async move { connection.ask(&request).await.map(drop) });
    Ok((begun, sending))
}

fn wait_for(what: impl Fn() -> bool) -> Result<(), Failure> {
    let begun = Instant::now();
    while !what() {
        if begun.elapsed() > PATIENCE {
            return Err(format!("a gate is not at work after {} s", float(60)).into());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
