//! A customer is erased whose grant is in a gate's replica and whose uses were in its spool: once the key epoch has rolled,
//! nothing on the gate's disk, nor in a copy of what lay on it before, can be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use grantbook_engine::Erasure;
use grantbook_record::event::Channel;
use grantbook_record::{DenialReason, GateId};
use grantbook_sdk::{
    CheckOptions, ConnectError, Gate, GateConfig, Permit, Pins, Replica, SnapshotError, SpoolConfig,
    SpoolError, StateFolder,
};
use serde_json::json;

use super::opened::Opener;
use super::{BOUND, GATE, PATIENCE, Story, permit};
use crate::client::{Call, JSON};

/// The raw bytes of every file below a folder, and their names.
pub(super) fn bytes_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(bytes_below(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            // a segment may be replaced just now
            all.push((path, bytes));
        }
    }
    all
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for (path, bytes) in bytes_below(from) {
        fs::write(to.join(path.file_name().expect("a name")), bytes).expect("copied");
    }
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Story {
    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    async fn pins(&self) -> Pins {
        let parties = self.world.parties(&self.enterprise);
        Pins { tenant: self.enterprise.id, log_keys: self.world.log_keys().await, parties }
    }

    fn gate_key(&self) -> (u64, [u8; 32]) {
        let name = GateId::parse(GATE).expect("a name");
        let (epoch, key) = self.world.ledger().gate_key(self.enterprise.id, &name).expect("a key");
        (epoch, *key)
    }

    /// Erases the customer as an administrator does it, who asks until it is done. `open` is what the gate holds back.
    async fn erase(&self, open: Permit) {
        let ledger = self.world.ledger().clone();
        let (tenant, sub) = (self.enterprise.id, self.customer.sub.clone());
        let begin = move || ledger.begin_erasure(tenant, &sub, Channel::Mail);
        tokio::task::spawn_blocking(begin).await.expect("no panic").expect("begun");
        let body = json!({"sub": self.customer.sub, "channel": "mail"}).to_string();
        let ask = Call::post("/v1/erasures", JSON, body).token(Some(&self.enterprise.admin));
        let id = self.world.send(ask).await.json()["erasure"].as_u64().expect("a number");
        open.commit();
        until("not erased", || {
            matches!(self.world.ledger().erasure(tenant, id).expect("an erasure"), Erasure::Done(_))
        })
        .await;
    }

    /// A gate that is started on files that were kept: its spool refuses, since its key is gone, or nothing of it is read; and
    /// the snapshot counts for nothing.
    async fn started_on(&self, kept: &Path) {
        let config = self.config().await;
        let spool = config.spool.clone().map(|spool| SpoolConfig { dir: kept.join("spool"), ..spool });
        let config = GateConfig { spool, ..config }.with_state(kept.join("state"));
        match Gate::connect(config).await {
            Ok(gate) => {
                let denial = gate.check(&self.facts()).await.expect_err("erased");
                assert!(matches!(denial.reason, DenialReason::NoGrant | DenialReason::Stale), "{denial:?}");
            }
            Err(ConnectError::Spool(SpoolError::OtherEpoch { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// What a replica makes of a copy of the folder under a key: whether it goes on from the snapshot, and knows the
    /// customer.
    async fn opened(&self, state: &Path, (epoch, key): (u64, [u8; 32])) -> (Option<SnapshotError>, bool) {
        let pins = self.pins().await;
        // opening a folder that cannot be used empties it
        let own = tempfile::tempdir().expect("a temporary folder");
        copy(state, own.path());
        let name = GateId::parse(GATE).expect("a name");
        let folder = StateFolder::open(own.path(), &pins, &name, &key, epoch).expect("a folder");
        let (replica, refused) = Replica::open(pins, BOUND, Arc::new(folder)).expect("a replica");
        let knows = replica.knows(&self.customer.sub);
        (refused, knows)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_erased_customer_nothing_in_snapshot_and_spool_can_be_read() {
    let story = Story::begin().await;
    let (sub, facts) = (story.customer.sub.clone(), story.facts());
    let other = story.world.customer(&story.enterprise, "bert").await;
    story.world.grant(&story.enterprise, &other).await;
    let gate = story.gate().await;
    let once = CheckOptions::default();
    // one use has its receipt; one waits in the spool behind another customer's that is open
    let first = permit(&gate, &facts, &once).await.commit();
    gate.receipt(&first).await.expect("a receipt");
    let open = permit(&gate, &other.facts(), &once).await;
    let waiting = permit(&gate, &facts, &once).await.commit();
    gate.save().await.expect("a snapshot");

    // what is looked for: the pseudonym, the key, the grant, and the signed bytes that the replica holds
    let customer = story.world.ledger().customer(story.enterprise.id, &sub).expect("a customer");
    let grant = customer.grants.first().expect("a grant");
    let key = customer.keys.first().expect("a key").key;
    let marks: Vec<Vec<u8>> = vec![
        sub.as_str().as_bytes().to_vec(),
        key.as_bytes().to_vec(),
        key.thumbprint().0.0.to_vec(),
        grant.id.to_string().into_bytes(),
        grant.id.as_bytes().to_vec(),
    ];
    let among = |bytes: &[u8]| {
        marks.iter().filter(|mark| bytes.windows(mark.len()).any(|window| window == mark.as_slice())).count()
    };
    let found = |folder: &Path| {
        let files = bytes_below(folder);
        assert!(!files.is_empty());
        files.iter().map(|(_, bytes)| among(bytes)).sum::<usize>()
    };
    let pins = story.pins().await;
    let old_key = story.gate_key();
    let kept = story.folder.path().join("kept");
    copy(&story.state(), &kept.join("state"));
    copy(&story.dir(), &kept.join("spool"));
    // neither in the clear nor with its key beside it; with the key the snapshot opens, and the customer is in it
    assert_eq!(found(story.folder.path()), 0);
    let keys_on_disk = |key: &[u8; 32]| {
        let files = bytes_below(story.folder.path());
        files.into_iter().filter(|(_, bytes)| bytes.windows(32).any(|window| window == key)).count()
    };
    assert_eq!(keys_on_disk(&old_key.1), 0, "the key is in memory only");
    let (refused, knows) = story.opened(&kept.join("state"), old_key).await;
    assert!(refused.is_none() && knows, "{refused:?}");
    // key and grant in the replica, pseudonym and grant in the spool
    let with_old = Opener::new(old_key, &pins);
    let (in_state, in_spool) = (with_old.all_in(&kept.join("state")), with_old.all_in(&kept.join("spool")));
    assert!(among(&in_state) >= 2 && among(&in_spool) >= 2, "{} and {}", among(&in_state), among(&in_spool));

    story.erase(open).await;
    // the use that waited had reached the ledger before
    let progress = story.world.ledger().gate_progress(story.enterprise.id, &waiting.gate).expect("progress");
    assert!(progress.next_seq > waiting.seq);
    // even before the roll: what the gate holds now does not have the customer
    gate.save().await.expect("a snapshot");
    let (refused, knows) = story.opened(&story.state(), old_key).await;
    assert!(refused.is_none() && !knows, "{refused:?}");

    let ledger = story.world.ledger().clone();
    tokio::task::spawn_blocking(move || ledger.roll_epoch()).await.expect("no panic").expect("rolled");
    let new_key = story.gate_key();
    assert!(new_key.0 == old_key.0 + 1 && new_key.1 != old_key.1);
    let with_new = Opener::new(new_key, &pins);
    // a use of somebody else, so that the spool has something to seal
    let held = permit(&gate, &other.facts(), &once).await;
    let epoch_of = |path: &Path, at: usize| {
        let bytes = fs::read(path).ok()?;
        Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
    };
    until("snapshot and spool stay sealed for the old epoch", || {
        let snapshot = epoch_of(&story.state().join("snapshot"), b"grantbook-snapshot/v2\n".len());
        let segments = bytes_below(&story.dir());
        let mut segments =
            segments.iter().filter(|(path, _)| path.extension().is_some_and(|of| of == "segment"));
        snapshot == Some(new_key.0) && segments.all(|(path, _)| epoch_of(path, 8) == Some(new_key.0))
    })
    .await;
    assert_eq!(found(story.folder.path()), 0);
    assert_eq!(keys_on_disk(&old_key.1) + keys_on_disk(&new_key.1), 0, "the keys are in memory only");
    let live = with_new.all_in(story.folder.path());
    assert!(!live.is_empty() && among(&live) == 0, "others are there, this one is not");
    until("files of the old epoch stay", || {
        with_old.all_in(&story.state()).is_empty() && with_old.all_in(&story.dir()).is_empty()
    })
    .await;
    assert!(with_new.all_in(&kept).is_empty(), "what was kept does not open under the new key");
    // the live files open under the new key alone, the kept ones under the old one alone, and that is gone
    let (refused, knows) = story.opened(&story.state(), new_key).await;
    assert!(refused.is_none() && !knows, "{refused:?}");
    let (refused, _) = story.opened(&story.state(), old_key).await;
    assert!(matches!(refused, Some(SnapshotError::Epoch { .. })), "{refused:?}");
    let (refused, knows) = story.opened(&kept.join("state"), new_key).await;
    assert!(matches!(refused, Some(SnapshotError::Epoch { .. })) && !knows, "{refused:?}");
    // nor do they where they are passed off as of the new epoch
    let (refused, knows) = story.opened(&kept.join("state"), (old_key.0, new_key.1)).await;
    assert!(matches!(refused, Some(SnapshotError::Seal(_))) && !knows, "{refused:?}");
    let denial = gate.check(&facts).await.expect_err("forgotten");
    assert!(matches!(denial.reason, DenialReason::NoGrant | DenialReason::Stale), "{denial:?}");

    held.commit();
    gate.flush(PATIENCE).await.expect("sent");
    drop(gate);
    story.started_on(&kept).await;
}
