//! Permits with a record on the gate's own disk, beside what one sync of that disk takes; and by the other classes.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use grantbook_record::terms::Compensation;
use grantbook_record::uses::UseFacts;
use grantbook_sdk::{CheckOptions, Durability, Gate, GateConfig, SpoolConfig, Token};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::Options;
use super::http::{Serving, ledger};
use crate::Failure;
use crate::measure::{Run, Samples, float, median, process_cpu};
use crate::report::{Beside, Report};
use crate::world::{World, facts};

const CALLERS: usize = 64;
/// Permits that callers get together in a round; the records of all rounds fit in memory.
const PERMITS: usize = 20_000;
const ROUNDS: usize = 5;
/// Permits that one caller gets in a round, and syncs beside them.
const SINGLE: usize = 60;
/// Bytes of a record, about.
const RECORD_BYTES: usize = 1024;
/// Bytes that the spool may take.
const SPOOL_BYTES: u64 = 2 << 30;
/// Records that wait for the ledger, beyond which callers wait where the pace is to be the ledger's.
const WAITING_MAX: u64 = 16 * 1024;
/// A permit that is out holds up what comes after it for so long at most.
const BOUND: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(300);
const GOAL_PER_SECOND: f64 = 200_000.0;

/// A gate, what it is asked, and where its tasks run.
struct Asking {
    runtime: Runtime,
    gate: Gate,
    asked: Arc<Vec<UseFacts>>,
}

pub(super) fn measure(report: &mut Report, options: &Options) -> Result<(), Failure> {
    let mut world = World::new(&options.dir)?;
    // what is limited or paid draws on leases, which is another measurement
    world.terms.limits.uses = None;
    world.terms.compensation = Compensation::None;
    let (world, customers) = ledger(world)?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let serving = Serving::start(&runtime, &world)?;
    let folder = tempfile::Builder::new().prefix("grantbook-bench-").tempdir_in(&options.dir)?;
    let asked =
        customers.iter().map(|customer| facts(customer.sub.as_str())).collect::<Result<Vec<_>, _>>()?;
    let asked = Arc::new(asked);
    let connect = |number: usize| -> Result<Asking, Failure> {
        let (name, signer) = world.gate(number)?;
        let (keys, token) = (world.ledger.log_keys().clone(), Token::new(&world.token));
        let config = GateConfig::new(format!("http://{}", serving.address), token, world.tenant, keys);
        let dir = folder.path().join(format!("spool-{number}"));
        let spool = SpoolConfig { max_bytes: SPOOL_BYTES, ..SpoolConfig::new(dir, signer) };
        let config = GateConfig { bound: BOUND, ..config };
        let config = config.named(name).embedded(world.parties()?).spooled(spool);
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let gate = runtime.block_on(Gate::connect(config))?;
        Ok(Asking { runtime, gate, asked: Arc::clone(&asked) })
    };

    let mut file = File::create(folder.path().join("synced"))?;
    let asking = connect(0)?;
    // nothing is sent while a permit that came before is out, so that the spool alone is measured; what is in it then is
    // left there
    let open = asking.one()?;
    let (mut synced, mut single) = (Vec::new(), Vec::new());
    let (mut disk, mut process) = (Vec::new(), Vec::new());
    // turn by turn, so that a busy neighbour slows all
    for _ in 0..ROUNDS {
        for _ in 0..SINGLE {
            let begun = Instant::now();
            file.write_all(&[7; RECORD_BYTES])?;
            file.sync_data()?;
            synced.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        single.push(asking.permits(Durability::Disk, 1, SINGLE)?.latency_ms.median());
        disk.push(asking.permits(Durability::Disk, CALLERS, PERMITS)?);
        process.push(asking.permits(Durability::Process, CALLERS, PERMITS)?);
    }
    drop(asking);
    drop(open);
    let asking = connect(1)?;
    let time = Duration::from_secs(u64::from(options.seconds));
    let sustained = asking.sustained(time)?;
    let by_ledger = asking.permits(Durability::Ledger, CALLERS, 20 * CALLERS)?;
    let by_ledger = asking.permits(
        Durability::Ledger,
        CALLERS,
        // about as many as the first ones say
        crate::measure::whole(by_ledger.per_second() * time.as_secs_f64() / 2.0),
    )?;
    asking.runtime.block_on(asking.gate.flush(PATIENCE))?;
    drop(asking);
    serving.stop(&runtime)?;

    let (synced, single) = (Samples::new(synced).median(), median(single));
    report.figure("durable.one_fdatasync.p50", synced, "ms");
    report.figure_beside("durable.disk.1_caller.p50", single, "ms", Beside::DownTo(3.0 * synced));
    let rate = show(report, &format!("durable.disk.{CALLERS}_callers"), &disk, Some(GOAL_PER_SECOND));
    show(report, &format!("durable.process.{CALLERS}_callers"), &process, None);
    show(report, &format!("durable.ledger.{CALLERS}_callers"), &[by_ledger], None);
    report.figure("durable.disk.sustained", sustained, "1/s");
    report.at_most("gate.durable_vs_fdatasync", single / synced, 3.0);
    report.at_least("gate.durable_vs_200k", rate / GOAL_PER_SECOND, 1.0);
    Ok(())
}

/// The median rate of the rounds, with what a permit costs and takes.
fn show(report: &mut Report, name: &str, runs: &[Run], goal: Option<f64>) -> f64 {
    let rate = median(runs.iter().map(Run::per_second));
    match goal {
        Some(goal) => report.figure_beside(name, rate, "1/s", Beside::UpTo(goal)),
        None => report.figure(name, rate, "1/s"),
    }
    report.figure(format!("{name}.cpu"), median(runs.iter().map(Run::cpu_us)), "µs");
    report.figure(format!("{name}.share_of_machine"), median(runs.iter().map(Run::share_of_machine)), "1");
    report.figure(format!("{name}.p50"), median(runs.iter().map(|run| run.latency_ms.median())), "ms");
    let p99 = median(runs.iter().map(|run| run.latency_ms.percentile(0.99)));
    report.figure(format!("{name}.p99"), p99, "ms");
    rate
}

impl Asking {
    fn one(&self) -> Result<grantbook_sdk::Permit, Failure> {
        let first = self.asked.first().ok_or("no customers")?;
        self.runtime.block_on(self.gate.check(first)).map_err(|denial| denial.to_string().into())
    }

    /// So many permits by callers, each as soon as its last one is there.
    fn permits(&self, durability: Durability, callers: usize, count: usize) -> Result<Run, Failure> {
        let next = Arc::new(AtomicUsize::new(0));
        let (begun_cpu, begun) = (process_cpu(), Instant::now());
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (gate, asked, next) = (self.gate.clone(), Arc::clone(&self.asked), Arc::clone(&next));
                let options = CheckOptions { durability: Some(durability), ..CheckOptions::default() };
                self.runtime.spawn(async move {
                    let mut waits = Vec::new();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(facts) = asked.get(at % asked.len()).filter(|_| at < count) else {
                            return Ok::<_, grantbook_sdk::DenialReason>(waits);
                        };
                        let sent = Instant::now();
                        let permit =
                            gate.check_with(facts, &options).await.map_err(|denial| denial.reason)?;
                        waits.push(sent.elapsed().as_secs_f64() * 1e3);
                        permit.commit();
                    }
                })
            })
            .collect();
        let mut waits = Vec::new();
        for task in tasks {
            let own = self.runtime.block_on(task)?;
            waits.append(&mut own.map_err(|reason| format!("denied: {reason}"))?);
        }
        let (wall, cpu) = (begun.elapsed(), process_cpu().saturating_sub(begun_cpu));
        Ok(Run { calls: waits.len(), wall, cpu, latency_ms: Samples::new(waits) })
    }

    /// Permits a second while everything is sent, and callers wait where too much waits for the ledger.
    fn sustained(&self, time: Duration) -> Result<f64, Failure> {
        let begun = Instant::now();
        let tasks: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (gate, asked) = (self.gate.clone(), Arc::clone(&self.asked));
                self.runtime.spawn(async move {
                    let mut permits = 0;
                    for facts in asked.iter().cycle().skip(caller * asked.len() / CALLERS) {
                        if begun.elapsed() >= time {
                            break;
                        }
                        if gate.spool().is_some_and(|spool| spool.records > WAITING_MAX) {
                            sleep(Duration::from_millis(1)).await;
                            continue;
                        }
                        gate.check(facts).await.map_err(|denial| denial.reason)?.commit();
                        permits += 1;
                    }
                    Ok::<usize, grantbook_sdk::DenialReason>(permits)
                })
            })
            .collect();
        let mut permits = 0;
        for task in tasks {
            permits += self.runtime.block_on(task)?.map_err(|reason| format!("denied: {reason}"))?;
        }
        // what waits still is not counted as sustained
        self.runtime.block_on(self.gate.flush(PATIENCE))?;
        Ok(float(permits) / begun.elapsed().as_secs_f64())
    }
}
