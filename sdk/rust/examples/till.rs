//! Gates with spools: permits that are given from this machine alone, while the records of their uses go to the ledger
//! behind them.
//!
//! `cargo run -p grantbook-sdk --example till -- till.json`
//!
//! `till.json` says where the ledger is, whom to believe, and what to ask; see [`Till`]. Each permit is a line `permit N
//! F`, followed by what became of it: `committed N F`, `voided N F`, or nothing. F names the use. It goes on until its input
//! ends; then it waits until the ledger has everything and says `drained`, once for each gate. A denial is a line `denied
//! REASON`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use grantbook_sdk::{
    CheckOptions, Durability, Gate, GateConfig, GateId, LogKeys, Parties, Signer, SpoolConfig, TenantId,
    Token, UseFacts, UseId, Voided,
};
use serde::Deserialize;

/// The file's members.
#[derive(Deserialize)]
struct Till {
    server: String,
    token: String,
    tenant: TenantId,
    /// Text of `/log/vkey`.
    vkey: String,
    /// Whom the replica believes.
    enterprise: String,
    operator: String,
    gates: Vec<One>,
    max_bytes: u64,
    bound_ms: u64,
    facts: UseFacts,
    /// First part of the ids of its uses.
    run: String,
    /// Questions that each gate is asked side by side.
    callers: u32,
    /// Whether permits are given once their records are on their way to the disk.
    #[serde(default)]
    process: bool,
}

/// One of the gates.
#[derive(Deserialize)]
struct One {
    name: GateId,
    /// Of its key.
    seed: [u8; 32],
    dir: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("expected a file")?;
    let till: Till = serde_json::from_slice(&std::fs::read(file)?)?;
    let thumbprint = |text: &str| grantbook_sdk::Thumbprint::parse(text).ok_or("expected a thumbprint");
    let parties =
        Parties { enterprise: thumbprint(&till.enterprise)?, operator: thumbprint(&till.operator)? };
    let log_keys = LogKeys::parse(&till.vkey)?;
    let till = Arc::new(till);
    let (mut gates, mut callers) = (Vec::new(), Vec::new());
    let (ended, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    for One { name, seed, dir } in &till.gates {
        let signer = Signer::from_seed(seed).ok_or("expected another seed")?;
        let spool = SpoolConfig { max_bytes: till.max_bytes, ..SpoolConfig::new(dir.clone(), signer) };
        let token = Token::new(till.token.clone());
        let config = GateConfig::new(till.server.clone(), token, till.tenant, log_keys.clone())
            .named(name.clone())
            .embedded(parties)
            .spooled(spool);
        let bound = Duration::from_millis(till.bound_ms);
        let gate =
            Gate::connect(GateConfig { bound, connect_within: Duration::from_secs(60), ..config }).await?;
        for _ in 0..till.callers {
            let (gate, till) = (gate.clone(), Arc::clone(&till));
            let (ended, next) = (Arc::clone(&ended), Arc::clone(&next));
            callers.push(tokio::spawn(async move {
                while !ended.load(Ordering::SeqCst) {
                    ask(&gate, &till, next.fetch_add(1, Ordering::SeqCst)).await;
                }
            }));
        }
        gates.push(gate);
    }
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    ended.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await?;
    }
    for gate in gates {
        gate.flush(Duration::from_secs(60)).await?;
        println!("drained");
    }
    Ok(())
}

async fn ask(gate: &Gate, till: &Till, number: u64) {
    let name = format!("{}-{number}", till.run);
    let use_id = UseId::try_from(name.clone()).ok();
    let durability = till.process.then_some(Durability::Process);
    match gate.check_with(&till.facts, &CheckOptions { use_id, durability, ..CheckOptions::default() }).await
    {
        Ok(permit) => {
            let seq = permit.use_ref().seq;
            println!("permit {seq} {name}");
            match number % 3 {
                0 => {
                    permit.commit();
                    println!("committed {seq} {name}");
                }
                1 => {
                    if permit.void() == Voided::GivenBack {
                        println!("voided {seq} {name}");
                    }
                }
                _ => drop(permit),
            }
        }
        Err(denial) => {
            println!("denied {}", denial.reason);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
