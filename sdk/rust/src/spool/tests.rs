//! The spool over a disk that crashes, fails and fills up, against a model of what was promised.

mod dice;
mod disk;
mod model;

use std::sync::Arc;

use grantbook_record::lease::{OpenLease, Release};
use grantbook_record::list::List;
use grantbook_record::uses::{Outcome, Permitted, UseFacts, UseRecord};
use grantbook_record::{GateId, Jti, TenantId, UnixMillis, UnixSeconds};
use grantbook_tlog::{LogKeys, SignatureKind, SigningKey};
use serde_json::json;

use super::entry::Ending;
use super::log::{self, Log};
use super::state::State;
use super::{Placed, Shared, SpoolError, writer};
use crate::BootTime;
use crate::http::Http;
use crate::seal::Seal;
use crate::tls::Tls;
use disk::SimDisk;

const BYTES_MAX: u64 = 100_000;

fn tenant() -> TenantId {
    TenantId::from_bytes([7; 16])
}

fn gate() -> GateId {
    GateId::parse("till-1").unwrap()
}

fn key(epoch: u64) -> Seal {
    super::seal(&[u8::try_from(epoch).unwrap(); 32], epoch, tenant(), &gate())
}

fn keys() -> LogKeys {
    let key = |name, kind| SigningKey::from_seed(name, kind, &[40; 32]).unwrap().verifier_key().clone();
    let log = key("other.test", SignatureKind::Ed25519);
    LogKeys::new(log, key("other.test/clock", SignatureKind::Cosignature)).unwrap()
}

fn grant() -> Jti {
    Jti::new(UnixMillis(1), [1; 10])
}

fn facts(sub: &str) -> UseFacts {
    serde_json::from_value(json!({
        "data_subject": sub, "requester": "web-shop", "recipient": "recommender",
        "purpose": "service-personalisation", "action": "read", "categories": ["purchases"],
        "fields": ["date"], "data_period": {"from": "2025-01-01", "to": "2025-12-31"},
    }))
    .unwrap()
}

fn record(sub: &str) -> UseRecord {
    let outcome = Outcome::Permitted(Permitted::committed(grant()));
    UseRecord::new(gate(), 0, UnixSeconds(1_795_000_000), facts(sub), outcome)
}

/// A gate's spool without its thread: what the thread would do is done when the test says so.
struct Bench {
    shared: Arc<Shared>,
    log: Log,
}

impl Bench {
    /// Starts on what the disk holds; the ledger has all records before `expected`.
    fn start(disk: &SimDisk, epoch: u64, expected: u64) -> Result<Self, SpoolError> {
        Self::start_with(disk, epoch, expected, |_| {})
    }

    fn start_with(
        disk: &SimDisk,
        epoch: u64,
        expected: u64,
        look: impl FnOnce(&State),
    ) -> Result<Self, SpoolError> {
        let mut read = log::read(&mut disk.clone(), &key(epoch), expected, BYTES_MAX)?;
        look(&read.state);
        read.state.acknowledge(expected);
        let (log, state) = Log::start(Box::new(disk.clone()), key(epoch), read)?;
        let http = Arc::new(Http::new("http://127.0.0.1:1", "token", &Tls::default()).unwrap());
        Ok(Self { shared: Arc::new(Shared::new(gate(), tenant(), keys(), http, state, epoch)), log })
    }

    fn write(&mut self) {
        let (entries, next) = self.shared.lock().state.take_queue();
        writer::write(&self.shared, &mut self.log, entries, next);
    }
}

#[test]
fn a_damaged_byte_anywhere_is_named_and_nothing_is_skipped() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::start(&disk, 1, 5).unwrap();
    for _ in 0..4 {
        let until = BootTime::now();
        let _placed = bench.shared.place(record("anna"), until, crate::Durability::Disk).unwrap();
        bench.write();
    }
    let whole = disk.files();
    let (number, segment) = whole.iter().next().unwrap();
    for at in 0..segment.len() {
        let mut changed = whole.clone();
        changed.get_mut(number).unwrap()[at] ^= 0x10;
        disk.put(changed);
        let refused = log::read(&mut disk.clone(), &key(1), 5, BYTES_MAX).map(|_| ());
        match refused {
            Err(SpoolError::Damaged { segment: named, at: found }) => {
                assert!(named.contains(&number.to_string()) && found <= at as u64, "byte {at}: {found}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
    disk.put(whole);
    assert_eq!(log::read(&mut disk.clone(), &key(1), 5, BYTES_MAX).unwrap().state.next(), 9);
    let stranger = super::seal(&[1; 32], 1, tenant(), &GateId::parse("till-2").unwrap());
    let foreign = log::read(&mut disk.clone(), &stranger, 5, BYTES_MAX);
    assert!(matches!(foreign, Err(SpoolError::Damaged { .. })), "another gate's spool");
}

#[test]
fn a_spool_that_does_not_go_with_the_ledger_is_refused() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::start(&disk, 1, 5).unwrap();
    let placed: Vec<_> = (0..3)
        .map(|_| bench.shared.place(record("anna"), BootTime::now(), crate::Durability::Disk).unwrap())
        .collect();
    bench.write();
    drop(placed);
    let read = |epoch, expected| {
        log::read(&mut disk.clone(), &key(epoch), expected, BYTES_MAX).map(|read| read.state.next())
    };
    for expected in 5..=8 {
        assert_eq!(read(1, expected).unwrap(), 8);
    }
    for expected in [0, 4, 9, 100] {
        let refused = read(1, expected);
        assert!(matches!(refused, Err(SpoolError::Sequence { first: 5, next: 8, .. })), "{refused:?}");
    }
    // its epoch's key is gone: nothing is lost where the ledger has everything
    assert!(matches!(read(2, 6), Err(SpoolError::OtherEpoch { records: 2, spool: 1, ledger: 2, .. })));
    assert_eq!(read(2, 8).unwrap(), 8);
    assert_eq!(read(2, 11).unwrap(), 11);
}

#[test]
fn nothing_of_a_customer_can_be_read_and_a_new_key_leaves_nothing_to_the_old_one() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::start(&disk, 1, 0).unwrap();
    let placed = bench.shared.place(record("anna-of-shop"), BootTime::now(), crate::Durability::Disk);
    bench.write();
    let held = |needle: &[u8], hay: &[u8]| hay.windows(needle.len()).any(|window| window == needle);
    // it is in the record
    let outgoing = {
        drop(placed);
        bench.write();
        bench.shared.lock().state.outgoing(BootTime::now())
    };
    assert!(held(b"anna-of-shop", &outgoing[0].json));
    let raw = || disk.files().into_values().flatten().collect::<Vec<_>>();
    assert!(!held(b"anna-of-shop", &raw()) && !held(b"web-shop", &raw()));

    assert!(writer::write_anew(&bench.shared, &mut bench.log, Some(key(2))));
    assert_eq!(disk.files().len(), 1);
    let read = |epoch| log::read(&mut disk.clone(), &key(epoch), 0, BYTES_MAX);
    assert!(matches!(read(1), Err(SpoolError::OtherEpoch { records: 1, .. })));
    assert_eq!(read(2).unwrap().state.next(), 1);
    // what was sent is not written anew
    bench.shared.acknowledge(1, Vec::new());
    let with = raw().len();
    assert!(writer::write_anew(&bench.shared, &mut bench.log, None));
    assert!(raw().len() + 300 < with, "{} of {with} bytes", raw().len());
}

#[test]
fn at_its_bound_and_on_a_full_disk_permits_are_refused_and_resume_by_themselves() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::start(&disk, 1, 0).unwrap();
    let place = |bench: &Bench| bench.shared.place(record("anna"), BootTime::now(), crate::Durability::Disk);
    let mut held = Vec::new();
    while let Ok(placed) = place(&bench) {
        held.push(placed);
    }
    assert!(held.len() > 100 && bench.shared.status().bytes <= BYTES_MAX);
    bench.write();
    let count = held.len() as u64;
    drop(held);
    bench.write();
    assert_eq!(bench.shared.lock().state.outgoing(BootTime::now()).len() as u64, count);
    bench.shared.acknowledge(count, Vec::new());
    bench.write();
    drop(place(&bench).unwrap());
    bench.write();

    // no room at all, not even for what is left: what is drained makes some
    disk.set_capacity(0);
    let refused = place(&bench).unwrap();
    bench.write();
    assert!(bench.shared.status().is_full && place(&bench).is_err());
    drop(refused);
    assert_eq!(bench.shared.lock().state.outgoing(BootTime::now()).len(), 1);
    bench.shared.acknowledge(count + 1, Vec::new());
    disk.set_capacity(1000);
    bench.write();
    assert!(!bench.shared.status().is_full);
    let placed = place(&bench).unwrap();
    assert_eq!(placed.seq, count + 1, "the number of what was refused is free");
}

#[test]
fn a_use_that_several_have_permits_for_is_given_back_by_none_of_them() {
    let disk = SimDisk::new(1);
    let mut bench = Bench::start(&disk, 1, 0).unwrap();
    let mut record = record("anna");
    record.use_id = Some(crate::UseId::try_from("order-7".to_owned()).unwrap());
    let until = BootTime(std::time::Duration::MAX);
    let place = |bench: &mut Bench| {
        let placed = bench.shared.place(record.clone(), until, crate::Durability::Disk).unwrap();
        bench.write();
        placed
    };
    let mut first = place(&mut bench);
    first.hand_out();
    // asked for again, and nothing comes of it
    drop(place(&mut bench));
    assert!(bench.shared.lock().state.outgoing(BootTime::now()).is_empty(), "the first is out");
    let mut again = place(&mut bench);
    assert_eq!(again.seq, first.seq);
    again.hand_out();
    assert_eq!(again.end(Ending::Voided), Some(Ending::Unknown));
    assert_eq!(first.end(Ending::Committed), Some(Ending::Committed));
    assert_eq!(bench.shared.lock().state.outgoing(BootTime::now()).len(), 1);
}

#[test]
fn a_restarted_gate_gives_back_what_its_spool_accounts_for_and_nothing_else() {
    use crate::Durability::{Disk, Process};
    let lease = |number| Jti::new(UnixMillis(9), [number; 10]);
    let [process, disk, voided, untouched] = [1, 2, 3, 4].map(lease);
    let open = [(process, 1), (disk, 1), (voided, 0), (untouched, 2)].map(|(id, arrived)| OpenLease {
        id,
        units: 5,
        arrived,
        expires: UnixMillis(99),
    });
    let drawing = |lease| UseRecord { leases: List::new(vec![lease]).unwrap(), ..record("anna") };
    let sim = SimDisk::new(1);
    let mut bench = Bench::start(&sim, 1, 0).unwrap();
    let place = |bench: &Bench, lease, durability| {
        let mut placed =
            bench.shared.place(drawing(lease), BootTime(std::time::Duration::MAX), durability).unwrap();
        placed.hand_out();
        placed
    };
    let mut first = place(&bench, process, Process);
    let mut second = place(&bench, process, Process);
    let waits = |placed: &mut Placed| placed.durable.as_mut().is_some_and(|wait| wait.try_recv().is_err());
    assert!(waits(&mut first) && waits(&mut second), "until the disk knows that their lease may lose uses");
    let placed = [place(&bench, disk, Disk), place(&bench, voided, Disk)];
    bench.write();
    assert!(!waits(&mut first), "it is written");
    let third = place(&bench, process, Process);
    assert!(third.durable.is_none(), "the disk knows");
    let [on_disk, given_back] = placed;
    given_back.end(Ending::Voided);
    bench.write();
    // the process ends here
    std::mem::forget((first, second, third, on_disk));
    drop(bench);

    // killed again and again before it could give anything back
    for _ in 0..3 {
        let mut read = log::read(&mut sim.clone(), &key(1), 1, BYTES_MAX).unwrap();
        read.state.acknowledge(1);
        let left = read.state.left_behind(&open, read.is_whole);
        let spent = |lease, spent| Release { lease, spent };
        assert_eq!(left.at_once, [spent(voided, 0), spent(untouched, 2)]);
        assert_eq!(left.later.into_iter().collect::<Vec<_>>(), [disk]);
        Log::start(Box::new(sim.clone()), key(1), read).unwrap();
    }
    // of a spool that is gone nobody knows what it held, then and at every later start
    let gone = SimDisk::new(2);
    for _ in 0..3 {
        let mut read = log::read(&mut gone.clone(), &key(1), 1, BYTES_MAX).unwrap();
        let left = read.state.left_behind(&open, read.is_whole);
        assert!(left.at_once.is_empty() && left.later.is_empty(), "{left:?}");
        Log::start(Box::new(gone.clone()), key(1), read).unwrap();
    }
    // what is open no more needs no mark
    let mut read = log::read(&mut gone.clone(), &key(1), 1, BYTES_MAX).unwrap();
    read.state.left_behind(&[], read.is_whole);
    assert_eq!(read.state.left_behind(&open, read.is_whole).at_once.len(), 4);
}
