//! What is published: every signature of the log's, and the witnessed checkpoint, which receipts are made under.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::{Clock, Ledger, LedgerConfig, OpenError, WitnessedError};
use grantbook_record::{UnixMillis, UnixSeconds};
use grantbook_tlog::Demands;

use crate::world::World;

/// Another handle would keep the folder held.
fn end(ledger: Ledger) {
    ledger.close().unwrap();
    drop(ledger);
}

/// Demands of a reader for whom the date has come.
fn both() -> Demands {
    Demands { policy: None, post_quantum: true }
}

#[test]
fn published_checkpoints_bear_both_signatures_and_batches_one() {
    let world = World::new();
    let keys = world.ledger.log_keys().clone();
    let published = world.ledger.publishable().unwrap();
    assert!(both().verify(&keys, published.note.as_bytes()).unwrap().post_quantum);
    assert_eq!(world.ledger.publishable().unwrap().note, published.note, "signed once");
    let plain = world.ledger.checkpoint();
    assert!(both().verify(&keys, plain.as_bytes()).is_err());
    assert!(plain.len() < 1000 && published.note.len() < 4500, "{} bytes", published.note.len());
    let receipt = world.ledger.receipt(world.tenant, grantbook_tlog::LeafIndex(0)).unwrap();
    assert!(receipt.verify_under(&keys, &both()).is_err());

    // from the date on receipts bear both as well; the keys are those of the first start
    let World { mut config, ledger, tenant, folder: _folder, .. } = world;
    end(ledger);
    config.post_quantum_from = Some(UnixSeconds(0));
    let ledger = Ledger::open(&config).unwrap();
    assert_eq!(*ledger.log_keys(), keys);
    let receipt = ledger.receipt(tenant, grantbook_tlog::LeafIndex(0)).unwrap();
    receipt.verify_under(&keys, &both()).unwrap();
}

/// Quiet can be told from silence.
#[test]
fn a_tree_that_does_not_grow_is_signed_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = LedgerConfig::new(folder.path().join("data"));
    let seconds = Arc::new(AtomicU64::new(1_800_000_000));
    let reading = Arc::clone(&seconds);
    config.clock = Clock::new(move || UnixMillis(reading.load(Ordering::SeqCst) * 1000));
    let ledger = Ledger::open(&config).unwrap();
    let keys = ledger.log_keys().clone();
    let published = || both().verify(&keys, ledger.publishable().unwrap().note.as_bytes()).unwrap();
    let (first, plain) = (published(), ledger.checkpoint());
    seconds.fetch_add(59, Ordering::SeqCst);
    assert_eq!(published(), first);
    seconds.fetch_add(1, Ordering::SeqCst);
    let second = published();
    assert_eq!((second.checkpoint.clone(), second.time.0), (first.checkpoint, first.time.0 + 60));
    assert_eq!(ledger.checkpoint(), plain, "what the anchor holds stays");
}

#[test]
fn a_witnessed_checkpoint_is_of_this_history_and_stays() {
    let world = World::new();
    let elsewhere = World::new();
    let early = world.ledger.publishable().unwrap();
    world.enrol("anna");
    let later = world.ledger.publishable().unwrap();
    assert!(later.size > early.size);
    let refused = world.ledger.set_witnessed(&elsewhere.ledger.publishable().unwrap().note);
    assert!(matches!(refused, Err(WitnessedError::Checkpoint(_))), "{refused:?}");
    assert!(world.ledger.witnessed().is_none());
    world.ledger.set_witnessed(&early.note).unwrap();
    let size_of = |ledger: &Ledger, leaf: u64| {
        let receipt = ledger.receipt(world.tenant, grantbook_tlog::LeafIndex(leaf)).unwrap();
        receipt.verify(ledger.log_keys()).unwrap().tree_size
    };
    // what the witnessed checkpoint covers is proved under it, the rest under the latest
    assert_eq!(size_of(&world.ledger, 0), early.size);
    assert_eq!(size_of(&world.ledger, early.size.0), later.size);
    world.ledger.set_witnessed(&later.note).unwrap();
    assert_eq!(size_of(&world.ledger, 0), later.size);
    let older = world.ledger.set_witnessed(&early.note);
    assert!(matches!(older, Err(WitnessedError::Older { .. })), "{older:?}");

    let World { config, ledger, folder, .. } = world;
    end(ledger);
    let witnessed = config.data_dir.join("witnessed");
    let kept = std::fs::read(&witnessed).unwrap();
    let again = |config: &LedgerConfig| {
        let ledger = Ledger::open(config)?;
        let witnessed = ledger.witnessed().map(|witnessed| witnessed.note.to_string());
        end(ledger);
        Ok::<_, OpenError>(witnessed)
    };
    assert_eq!(again(&config).unwrap().as_deref(), Some(&*later.note));
    // words that nobody signed are no reason to stop
    std::fs::write(&witnessed, &kept[..kept.len() / 2]).unwrap();
    assert_eq!(again(&config).unwrap(), None);

    // the same keys, another history: its checkpoint is signed as it should be, and refused
    let mut forked = config.clone();
    forked.data_dir = folder.path().join("forked");
    forked.anchor = folder.path().join("forked.anchor");
    assert_eq!(again(&forked).unwrap(), None);
    std::fs::write(forked.data_dir.join("witnessed"), kept).unwrap();
    let refused = again(&forked);
    assert!(matches!(refused, Err(OpenError::Root(_))), "{refused:?}");
}
