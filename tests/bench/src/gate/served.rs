//! A ledger behind HTTP in a process of its own, as gates meet it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use clap::Args;
use grantbook_record::{GateId, SubjectId, TenantId};
use grantbook_sdk::{GateConfig, LogKeys, Parties, Thumbprint, Token};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use super::http::Serving;
use crate::Failure;
use crate::measure::callers;
use crate::world::{Customer, World};

/// The command that the bench runs itself with. It ends when its standard input does.
#[derive(Args)]
pub(crate) struct Served {
    /// Folder whose disk it uses
    dir: PathBuf,
    /// Customers with one grant each
    customers: usize,
    /// Gates that are registered
    gates: usize,
}

/// What it says when it answers.
#[derive(Serialize, Deserialize)]
struct Told {
    address: SocketAddr,
    tenant: TenantId,
    token: String,
    log_keys: String,
    enterprise: Thumbprint,
    operator: Thumbprint,
    /// Each customer, and the envelope by which they withdraw.
    withdrawals: Vec<(SubjectId, Vec<u8>)>,
}

/// The process.
pub(super) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    told: Told,
}

impl Process {
    /// Starts it and waits until it answers.
    pub(super) fn start(dir: &Path, customers: usize, gates: usize) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("served").arg(dir).arg(customers.to_string()).arg(gates.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().ok_or("a process without output")?);
        output.read_line(&mut line)?;
        let told = serde_json::from_str(&line).map_err(|_| "the server's process says nothing of itself")?;
        Ok(Self { input: child.stdin.take(), child, told })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.told.address
    }

    pub(super) fn tenant(&self) -> TenantId {
        self.told.tenant
    }

    pub(super) fn withdrawals(&self) -> &[(SubjectId, Vec<u8>)] {
        &self.told.withdrawals
    }

    /// An embedded gate that reaches it by `address`.
    pub(super) fn gate(&self, number: usize, address: SocketAddr) -> Result<GateConfig, Failure> {
        let Told { tenant, token, log_keys, enterprise, operator, .. } = &self.told;
        let parties = Parties { enterprise: *enterprise, operator: *operator };
        let config = GateConfig::new(
            format!("http://{address}"),
            Token::new(token),
            *tenant,
            LogKeys::parse(log_keys)?,
        );
        Ok(config.named(GateId::parse(&format!("gate-{number}"))?).embedded(parties))
    }

    pub(super) fn stop(mut self) -> Result<(), Failure> {
        drop(self.input.take());
        if self.child.wait()?.success() { Ok(()) } else { Err("the server's process failed".into()) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        // it has ended, or does now
        let _ = self.child.wait();
    }
}

/// What that process does.
pub(crate) fn run(arguments: &Served) -> Result<(), Failure> {
    let world = World::new(&arguments.dir)?;
    let mut customers = (0..arguments.customers).map(Customer::new).collect::<Result<Vec<_>, _>>()?;
    let enrolments: Vec<_> = customers.iter().map(|customer| world.enrolment(customer)).collect();
    let grants: Vec<_> = customers.iter_mut().map(|customer| world.grant(customer)).collect();
    for envelopes in [enrolments, grants] {
        callers(64, envelopes.len(), None, |at| {
            world.ledger.append(world.tenant, envelopes.get(at).ok_or("a call too many")?)?;
            Ok(())
        })?;
    }
    for number in 0..arguments.gates {
        world.gate(number)?;
    }
    let withdrawals = customers
        .iter()
        .map(|customer| Ok((customer.sub.clone(), world.withdrawal(customer)?)))
        .collect::<Result<_, Failure>>()?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let serving = Serving::start(&runtime, &world)?;
    let Parties { enterprise, operator } = world.parties()?;
    let told = Told {
        address: serving.address,
        tenant: world.tenant,
        token: world.token.clone(),
        log_keys: world.ledger.log_keys().to_string(),
        enterprise,
        operator,
        withdrawals,
    };
    println!("{}", serde_json::to_string(&told)?);
    // until whoever started it ends
    std::io::stdin().read_to_end(&mut Vec::new())?;
    serving.stop(&runtime)
}
