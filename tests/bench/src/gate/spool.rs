//! Permits with a record on the gate's own disk, beside what one sync of that disk takes.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use grantbook_record::uses::UseFacts;
use grantbook_sdk::{Gate, GateConfig, Parties, SpoolConfig, Token};
use tokio::runtime::Builder;

use super::Options;
use super::http::{Serving, ledger};
use crate::Failure;
use crate::measure::{Samples, alone, float};
use crate::report::{Beside, Report};
use crate::world::{World, facts};

const CALLERS: usize = 64;
/// Permits that callers get together; the records of all fit in memory.
const PERMITS: usize = 100_000;
/// Permits that one caller gets.
const SINGLE: usize = 500;
/// Bytes of a record, about.
const RECORD_BYTES: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) fn measure(report: &mut Report, options: &Options) -> Result<(), Failure> {
    let mut world = World::new(&options.dir)?;
    // units of a limit are leased, which is another measurement
    world.terms.limits.uses = None;
    let (world, customers) = ledger(world)?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let serving = Serving::start(&runtime, &world)?;
    let folder = tempfile::Builder::new().prefix("grantbook-bench-").tempdir_in(&options.dir)?;
    let mut file = File::create(folder.path().join("synced"))?;
    let (_, synced) = alone(501, |_| {
        file.write_all(&[7; RECORD_BYTES])?;
        Ok(file.sync_data()?)
    })?;

    let gate = runtime.block_on(connect(&world, serving.address, folder.path()))?;
    let asked: Vec<UseFacts> =
        customers.iter().map(|customer| facts(customer.sub.as_str())).collect::<Result<_, _>>()?;
    let single = runtime.block_on(permits(&gate, &Arc::new(asked.clone()), 1, SINGLE))?.0;
    runtime.block_on(gate.flush(PATIENCE))?;
    // nothing is sent while one that came before is open, so that the spool alone is measured
    let first = asked.first().ok_or("no customers")?;
    let open = runtime.block_on(gate.check(first))?;
    let (together, wall) = runtime.block_on(permits(&gate, &Arc::new(asked), CALLERS, PERMITS))?;
    open.commit();
    let begun = Instant::now();
    runtime.block_on(gate.flush(PATIENCE))?;
    let drained = float(PERMITS) / begun.elapsed().as_secs_f64();
    drop(gate);
    serving.stop(&runtime)?;

    let rate = float(PERMITS) / wall.as_secs_f64();
    report.figure("spool.one_fdatasync.p50", synced * 1e3, "ms");
    report.figure_beside("spool.permits_of_64", rate, "1/s", Beside::UpTo(200_000.0));
    report.figure("spool.permits_of_64.p50", together.median(), "ms");
    report.figure("spool.permits_of_64.p99", together.percentile(0.99), "ms");
    report.figure("spool.permits_of_1.p50", single.median(), "ms");
    report.figure("spool.drained", drained, "1/s");
    report.at_most("gate.durable_vs_fdatasync", together.median() / (synced * 1e3), 3.0);
    Ok(())
}

async fn connect(
    world: &World,
    address: std::net::SocketAddr,
    dir: &std::path::Path,
) -> Result<Gate, Failure> {
    let (name, signer) = world.gate(0)?;
    let enterprise = world.ledger.tenant(world.tenant).ok_or("no tenant")?.enterprise_key.thumbprint();
    let parties = Parties { enterprise, operator: world.ledger.operator_key().thumbprint() };
    let token = Token::new(&world.token);
    let keys = world.ledger.log_keys().clone();
    let config = GateConfig::new(format!("http://{address}"), token, world.tenant, keys);
    let spool = SpoolConfig::new(dir.join("spool"), signer);
    Ok(Gate::connect(config.named(name).embedded(parties).spooled(spool)).await?)
}

/// Milliseconds that each permit took, and all of them together.
async fn permits(
    gate: &Gate,
    asked: &Arc<Vec<UseFacts>>,
    callers: usize,
    count: usize,
) -> Result<(Samples, Duration), Failure> {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (gate, asked, next) = (gate.clone(), Arc::clone(asked), Arc::clone(&next));
            tokio::spawn(async move {
                let mut waits = Vec::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(facts) = asked.get(at % asked.len()).filter(|_| at < count) else {
                        return Ok::<_, grantbook_sdk::DenialReason>(waits);
                    };
                    let sent = Instant::now();
                    let permit = gate.check(facts).await.map_err(|denial| denial.reason)?;
                    waits.push(sent.elapsed().as_secs_f64() * 1e3);
                    permit.commit();
                }
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.append(&mut task.await?.map_err(|reason| format!("denied: {reason}"))?);
    }
    Ok((Samples::new(waits), begun.elapsed()))
}
