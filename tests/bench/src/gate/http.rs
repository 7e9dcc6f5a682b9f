//! AuthZEN over keep-alive loopback connections, against a bare JSON echo under the same load in the same run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grantbook_server::{Flags, Server, ServerConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::{Options, load};
use crate::Failure;
use crate::measure::{Run, Samples, callers, median};
use crate::report::{Beside, Report};
use crate::world::{Customer, World};

/// Customers with a grant, who are asked about in turn.
const CUSTOMERS: usize = 2000;
/// Customers whose withdrawal is timed.
const WITHDRAWALS: usize = 100;
/// Each kind of request is measured so many times, turn by turn.
const ROUNDS: u32 = 3;
/// Bytes of a use's record, about.
const RECORD_BYTES: usize = 600;
const PATH: &str = "/access/v1/evaluation";

pub(super) fn measure(report: &mut Report, options: &Options) -> Result<(), Failure> {
    let (world, mut customers) = ledger(World::new(&options.dir)?)?;
    let withdrawing = customers.split_off(CUSTOMERS);
    super::feed::measure(report, &world)?;
    let servers = Builder::new_multi_thread().enable_all().build()?;
    let clients = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let serving = Serving::start(&servers, &world)?;
    let echo = start_echo(&servers)?;

    let requests = |fields: &[&str]| -> Result<Arc<Vec<Vec<u8>>>, Failure> {
        let all = customers.iter().map(|customer| evaluation(&world.token, customer, fields));
        Ok(Arc::new(all.collect::<Result<_, Failure>>()?))
    };
    let echoed = Arc::new(
        customers
            .iter()
            .map(|customer| Ok(load::post("/", &world.token, &question(customer, &["dollars"])?)))
            .collect::<Result<Vec<_>, Failure>>()?,
    );
    // the grants exclude this field
    let (denials, permits) = (requests(&["dollars"])?, requests(&["date", "quantity"])?);

    let time = Duration::from_secs(u64::from(options.seconds)) / ROUNDS;
    let mut runs = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let kinds = [
            (echo, &echoed, r#""action""#),
            (serving.address, &denials, r#""decision":false"#),
            (serving.address, &permits, r#""decision":true"#),
        ];
        for ((address, requests, expected), runs) in kinds.into_iter().zip(&mut runs) {
            runs.push(clients.block_on(load::run(address, options.connections, requests, expected, time))?);
        }
    }
    let [echo, denial, permit] = runs;
    let bare = show(report, "http.echo", &echo, None);
    let denied = show(report, "http.denials", &denial, Some(0.6 * bare));
    let permitted = show(report, "http.permits", &permit, Some(0.3 * bare));
    let cpu = |runs: &[Run]| median(runs.iter().map(Run::cpu_us));
    let parts = crate::append::of_a_permit(RECORD_BYTES);
    for (name, seconds) in &parts {
        report.figure(format!("http.permit.part.{name}"), seconds * 1e6, "µs");
    }
    let least = cpu(&echo) + parts.iter().map(|(_, seconds)| seconds * 1e6).sum::<f64>();
    report.figure("http.permit_bound_by_parts", cpu(&echo) / least, "1");
    report.at_least("http.authzen_vs_echo", denied / bare, 0.6);
    report.at_least("http.authzen_cpu_vs_echo", cpu(&echo) / cpu(&denial), 0.6);
    report.at_least("http.permit_vs_echo", permitted / bare, 0.3);
    report.at_least("http.permit_cpu_vs_echo", cpu(&echo) / cpu(&permit), 0.3);

    let waits = clients.block_on(withdrawals(serving.address, &world, &withdrawing))?;
    report.figure("http.withdrawal_to_denial.p50", waits.median(), "ms");
    let p99 = waits.percentile(0.99);
    report.figure_beside("http.withdrawal_to_denial.p99", p99, "ms", Beside::DownTo(500.0));
    serving.stop(&servers)
}

/// A ledger whose customers have granted.
pub(super) fn ledger(world: World) -> Result<(World, Vec<Customer>), Failure> {
    let mut customers =
        (0..CUSTOMERS + WITHDRAWALS).map(Customer::new).collect::<Result<Vec<_>, Failure>>()?;
    let enrolments: Vec<_> = customers.iter().map(|customer| world.enrolment(customer)).collect();
    let grants: Vec<_> = customers.iter_mut().map(|customer| world.grant(customer)).collect();
    for envelopes in [enrolments, grants] {
        callers(64, envelopes.len(), None, |at| {
            world.ledger.append(world.tenant, envelopes.get(at).ok_or("a call too many")?)?;
            Ok(())
        })?;
    }
    Ok((world, customers))
}

fn question(customer: &Customer, fields: &[&str]) -> Result<Vec<u8>, Failure> {
    Ok(serde_json::to_vec(&serde_json::json!({
        "subject": {"type": "service", "id": "web-shop"},
        "action": {"name": "profile"},
        "resource": {"type": "customer_data", "id": customer.sub,
            "properties": {"categories": ["purchases"], "fields": fields}},
        "context": {"recipient": "recommender", "purpose": "service-personalisation",
            "data_period": {"from": "1997-02-01", "to": "1997-02-01"}},
    }))?)
}

fn evaluation(token: &str, customer: &Customer, fields: &[&str]) -> Result<Vec<u8>, Failure> {
    Ok(load::post(PATH, token, &question(customer, fields)?))
}

pub(super) struct Serving {
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), grantbook_server::ServeError>>,
}

impl Serving {
    pub(super) fn start(runtime: &Runtime, world: &World) -> Result<Self, Failure> {
        let mut config = ServerConfig::load(None, &Flags::default())?;
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        // one tenant makes all the load
        config.limits.tenant_requests_max = u32::MAX;
        config.limits.tenant_events_per_second = u32::MAX;
        config.limits.feed_subscribers_max = 1024;
        config.limits.tenant_feed_subscribers_max = 1024;
        config.limits.requests_max = 1024;
        let server = runtime.block_on(Server::bind(world.ledger.clone(), config))?;
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(server.run(async {
            // a dropped sender stops it as well
            let _ = stopped.await;
        }));
        Ok(Self { address, stop, task })
    }

    pub(super) fn stop(self, runtime: &Runtime) -> Result<(), Failure> {
        let _ = self.stop.send(());
        Ok(runtime.block_on(self.task)??)
    }
}

/// The least that a server of this kind does: read JSON, write JSON.
fn start_echo(runtime: &Runtime) -> Result<SocketAddr, Failure> {
    use axum::routing::post;
    let echo = |axum::Json(value): axum::Json<serde_json::Value>| async { axum::Json(value) };
    let router = axum::Router::new().route("/", post(echo));
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    // ends with the runtime
    runtime.spawn(axum::serve(listener, router).into_future());
    Ok(address)
}

/// The median rate of the rounds, shown beside its goal.
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

/// Milliseconds from sending a withdrawal until a check on another connection has denied. A check that is sent after the
/// withdrawal was answered must deny.
async fn withdrawals(address: SocketAddr, world: &World, customers: &[Customer]) -> Result<Samples, Failure> {
    let mut writer = load::Connection::open(address).await?;
    let mut asker = load::Connection::open(address).await?;
    let mut waits = Vec::new();
    for customer in customers {
        let body = world.withdrawal(customer)?;
        let tenant = world.tenant;
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ngrantbook-tenant: {tenant}\r\n\
             content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), &body].concat();
        let check = evaluation(&world.token, customer, &["date"])?;
        let begun = Instant::now();
        writer.ask(&request).await?;
        let answer = asker.ask(&check).await?;
        if !answer.windows(11).any(|window| window == b"\"withdrawn\"") {
            return Err("a permit after the withdrawal was answered".into());
        }
        waits.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Samples::new(waits))
}
