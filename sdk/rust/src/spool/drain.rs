//! Sends the spool to the ledger in signed batches, each until it has arrived.
//!
//! A batch that was sent goes out again unchanged until the ledger answers. After a crash the ledger's own count says what
//! had arrived, so nothing about sending is kept on the disk, and a disk that is full can be drained.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::Claims;
use grantbook_record::receipt::{Content, Logged};
use grantbook_record::uses::{UseRecord, WireBatch, sign_batch};
use grantbook_record::{Entry, Jti, Receipt, Salt, Signer, SubjectId, TenantId, UnixMillis, entry};
use grantbook_tlog::{Hash, LogKeys, TlogProof, TreeSize, leaf_hash, verify_inclusion};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::{Shared, SpoolError, confirm, progress};
use crate::clock::BootTime;
use crate::denial::LinkFault;
use crate::gate::random;

const USES: &str = "/v1/uses";
/// How long records gather before the first of them is sent.
const GATHER: Duration = Duration::from_millis(10);
/// How often it looks whether a permit that nobody completes has run out.
const TICK: Duration = Duration::from_millis(250);
/// A batch may be large, and the ledger's disk slow.
const DEADLINE: Duration = Duration::from_secs(30);
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Bytes of the answer to one batch: a receipt for each record.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The ledger's time.
pub(crate) type Time = Box<dyn Fn() -> UnixMillis + Send + Sync>;

#[derive(Deserialize)]
struct Appended {
    uses: Vec<AppendedUse>,
}

#[derive(Deserialize)]
struct AppendedUse {
    receipt: Receipt,
}

/// Records in order, with their salts.
type Records = Vec<(UseRecord, Salt)>;

/// Goes on for ever.
pub(crate) async fn run(shared: Arc<Shared>, signer: Signer, time: Time) {
    let signer = Arc::new(signer);
    loop {
        let outgoing = shared.lock().state.outgoing(BootTime::now());
        let records: Option<Records> =
            outgoing.iter().map(|outgoing| Some((outgoing.record()?, outgoing.salt))).collect();
        match records {
            Some(records) if !records.is_empty() => send(&shared, records, &signer, &time).await,
            _ => {
                let _ = timeout(TICK, shared.work.notified()).await;
                sleep(GATHER).await;
            }
        }
    }
}

/// Sends a batch until the ledger has it.
async fn send(shared: &Shared, records: Records, signer: &Arc<Signer>, time: &Time) {
    let Some(first) = records.first().map(|(record, _)| record.seq) else { return };
    let records = Arc::new(records);
    let mut backoff = BACKOFF_MIN;
    let mut batch: Option<Vec<u8>> = None;
    loop {
        let body = match batch.clone() {
            Some(body) => body,
            None => match sign(&records, shared.tenant, signer, time()).await {
                Some(body) => batch.insert(body).clone(),
                None => Vec::new(),
            },
        };
        let answer = timeout(DEADLINE, shared.http.post_json::<Appended>(USES, body, ANSWER_BYTES_MAX)).await;
        match answer.unwrap_or(Err(LinkFault::Deadline { deadline: DEADLINE })) {
            Ok(Appended { uses }) => {
                let receipts = uses.into_iter().map(|one| one.receipt).collect();
                if let Some(receipts) = verify(shared, Arc::clone(&records), receipts).await {
                    return shared.acknowledge(first + records.len() as u64, receipts);
                }
            }
            // signed too long ago: it has not arrived before, as what has is known again at any age
            Err(LinkFault::Status { got: 422 }) => batch = None,
            // what was sent before a crash has arrived after all, or another gate has the name
            Err(LinkFault::Status { got: 409 }) => match arrived(shared).await {
                Ok(below) if below > first => return shared.acknowledge(below, Vec::new()),
                Err(SpoolError::OtherGate { .. } | SpoolError::Sequence { .. }) => {
                    shared.halted.store(true, Ordering::SeqCst);
                }
                Ok(_) | Err(_) => {}
            },
            Err(_) => {}
        }
        sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

/// How far the ledger has come, if what it has is ours.
async fn arrived(shared: &Shared) -> Result<u64, SpoolError> {
    let expected = progress(&shared.http, &shared.gate).await?;
    let (first, next, salt) = {
        let guarded = shared.lock();
        let last = expected.saturating_sub(1);
        (guarded.state.first(), guarded.state.durable(), guarded.state.salt(last))
    };
    if expected < first || expected > next {
        return Err(SpoolError::Sequence { expected, first, next });
    }
    if expected > first {
        confirm(&shared.http, &shared.log_keys, &shared.gate, expected - 1, salt).await?;
    }
    Ok(expected)
}

/// A signed batch as it travels; `None` where the operating system gives no random bytes.
async fn sign(
    records: &Arc<Records>,
    tenant: TenantId,
    signer: &Arc<Signer>,
    now: UnixMillis,
) -> Option<Vec<u8>> {
    let claims = Claims::new(tenant, Jti::new(now, random().ok()?), ());
    let (records, signer) = (Arc::clone(records), Arc::clone(signer));
    let batch = tokio::task::spawn_blocking(move || {
        let batch: WireBatch = sign_batch(&claims, &records, &signer)?;
        serde_json::to_vec(&batch).ok()
    });
    batch.await.ok()?
}

/// Sees that each record is in the log: `None` where one is not. Who asks for a receipt gets it verified whole.
async fn verify(
    shared: &Shared,
    records: Arc<Records>,
    receipts: Vec<Receipt>,
) -> Option<Vec<(u64, SubjectId, Receipt)>> {
    let keys = shared.log_keys.clone();
    let verified = tokio::task::spawn_blocking(move || {
        if receipts.len() != records.len() {
            return None;
        }
        let mut under: Option<Under> = None;
        let mut verified = Vec::with_capacity(receipts.len());
        for (receipt, (record, salt)) in receipts.into_iter().zip(records.iter()) {
            is_logged(&receipt, record, *salt, &keys, &mut under)?;
            if receipt.content != Content::Erased {
                verified.push((record.seq, record.facts.data_subject.clone(), receipt));
            }
        }
        Some(verified)
    });
    verified.await.ok()?
}

/// A checkpoint whose signatures were verified; most receipts of a batch have the same.
struct Under {
    checkpoint: String,
    size: TreeSize,
    root: Hash,
}

fn is_logged(
    receipt: &Receipt,
    record: &UseRecord,
    salt: Salt,
    keys: &LogKeys,
    under: &mut Option<Under>,
) -> Option<()> {
    let proof = TlogProof::parse(receipt.proof.as_bytes()).ok()?;
    match under {
        Some(under) if under.checkpoint == proof.checkpoint() => {
            let leaf = leaf_hash(&receipt.entry.0);
            verify_inclusion(&leaf, proof.index(), under.size, proof.hashes(), &under.root).ok()?;
        }
        _ => {
            let Logged { tree_size: size, root, .. } = receipt.verify_logged(keys).ok()?;
            *under = Some(Under { checkpoint: proof.checkpoint().to_owned(), size, root });
        }
    }
    let entry = Entry::parse(&receipt.entry.0).ok()?;
    let digest = entry::digest(&salt, &Bytes32::sha256(&record.to_json()), None);
    (entry.digest == digest && entry.kind == record.kind()).then_some(())
}
