//! Random uses, crashes and faults; afterwards the ledger must have what was promised.
//!
//! Promised: a permit that was waited for has its record, once and with a number of its own, and the record says what was
//! said of the use or that nobody knows. What was refused is never recorded as used. Numbers have no gaps.

use std::collections::{BTreeMap, HashMap};

use grantbook_record::Salt;
use grantbook_record::uses::{Completion, Outcome};
use proptest::prelude::*;

use super::dice::Dice;
use super::disk::SimDisk;
use super::{Bench, record};
use crate::spool::entry::Ending;
use crate::spool::{Durability, Placed, SpoolError};
use crate::{BootTime, UseId};

/// What was promised to whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Promise {
    seq: u64,
    durability: Durability,
    /// What was said of the use and stands.
    said: Option<Ending>,
}

struct Run {
    disk: SimDisk,
    dice: Dice,
    bench: Option<Bench>,
    /// Salts of permits that are out, or were.
    promises: HashMap<[u8; 32], Promise>,
    refused: Vec<[u8; 32]>,
    out: Vec<([u8; 32], Placed)>,
    waiting: Vec<([u8; 32], Durability, Placed)>,
    ledger: BTreeMap<u64, ([u8; 32], Ending)>,
    kinds: [u32; 6],
}

impl Run {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed ^ 0x5A5A);
        let bench = Some(Bench::start(&disk, 1, 0).unwrap());
        Self {
            disk,
            dice: Dice(seed),
            bench,
            promises: HashMap::new(),
            refused: Vec::new(),
            out: Vec::new(),
            waiting: Vec::new(),
            ledger: BTreeMap::new(),
            kinds: [0; 6],
        }
    }

    fn bench(&mut self) -> &mut Bench {
        self.bench.as_mut().unwrap()
    }

    fn place(&mut self) {
        let durability = if self.dice.below(4) == 0 { Durability::Process } else { Durability::Disk };
        let mut record = record("anna");
        if self.dice.below(8) == 0 {
            let id = format!("use-{}", self.dice.below(1000));
            record.use_id = Some(UseId::try_from(id).unwrap());
        }
        let bench = self.bench();
        if bench.shared.knows(&record) {
            return;
        }
        let long = BootTime(std::time::Duration::MAX);
        let Ok(mut placed) = bench.shared.place(record, long, durability) else { return };
        let Salt(salt) = bench.shared.lock().state.salt(placed.seq).unwrap();
        if durability == Durability::Process {
            placed.hand_out();
            self.promise(salt.0, &placed, durability);
            self.out.push((salt.0, placed));
        } else {
            self.waiting.push((salt.0, durability, placed));
        }
    }

    fn promise(&mut self, salt: [u8; 32], placed: &Placed, durability: Durability) {
        self.promises.insert(salt, Promise { seq: placed.seq, durability, said: None });
    }

    /// The thread writes what there is; then those who wait are told.
    fn write(&mut self) {
        self.bench().write();
        let mut still = Vec::new();
        for (salt, durability, mut placed) in std::mem::take(&mut self.waiting) {
            let told = placed.durable.as_mut().map_or(Ok(true), tokio::sync::oneshot::Receiver::try_recv);
            match told {
                Ok(true) => {
                    placed.durable = None;
                    placed.hand_out();
                    self.promise(salt, &placed, durability);
                    self.out.push((salt, placed));
                    self.kinds[0] += 1;
                }
                Ok(false) => {
                    placed.taken_back = true;
                    self.refused.push(salt);
                    self.kinds[1] += 1;
                }
                Err(_) => still.push((salt, durability, placed)),
            }
        }
        self.waiting = still;
    }

    fn end(&mut self) {
        if self.out.is_empty() {
            return;
        }
        let at = self.dice.index(self.out.len());
        let (salt, placed) = self.out.swap_remove(at);
        let (ending, said) = match self.dice.below(3) {
            0 => (Ending::Committed, placed.end(Ending::Committed)),
            1 => (Ending::Voided, placed.end(Ending::Voided)),
            _ => {
                drop(placed);
                (Ending::Unknown, Some(Ending::Unknown))
            }
        };
        assert_eq!(said, Some(ending), "nobody else has said anything");
        self.promises.get_mut(&salt).unwrap().said = said;
    }

    /// A batch reaches the ledger; sometimes the gate does not hear of it.
    fn send(&mut self) {
        let hears = self.dice.below(4) > 0;
        let bench = self.bench.as_mut().unwrap();
        let (outgoing, first) = {
            let mut guarded = bench.shared.lock();
            let outgoing = guarded.state.outgoing(BootTime::now());
            (outgoing, guarded.state.first())
        };
        let mut next = self.ledger.len() as u64;
        for (seq, outgoing) in (first..).zip(outgoing) {
            let record = outgoing.record().unwrap();
            assert_eq!(record.seq, seq);
            // the batch may be one that arrived before
            if seq == next {
                let ending = match &record.outcome {
                    Outcome::Permitted(permitted) if permitted.completion == Completion::Unknown => {
                        Ending::Unknown
                    }
                    Outcome::Permitted(_) => Ending::Committed,
                    Outcome::Voided(_) => Ending::Voided,
                    Outcome::Denied(_) => panic!("no denials here"),
                };
                self.ledger.insert(seq, (outgoing.salt.0.0, ending));
                next += 1;
            }
        }
        if hears {
            bench.shared.acknowledge(next, Vec::new());
        }
    }

    fn crash(&mut self) {
        // who waits and who has a permit are gone with their process
        for (_, placed) in std::mem::take(&mut self.out) {
            std::mem::forget(placed);
        }
        for (.., placed) in std::mem::take(&mut self.waiting) {
            std::mem::forget(placed);
        }
        drop(self.bench.take());
        // the process may be killed with the system going on
        if self.dice.below(3) > 0 {
            self.disk.restart();
        } else {
            self.disk.go_on();
        }
        self.disk.fail_one_in(None);
        let expected = self.ledger.len() as u64;
        let last = self.ledger.last_key_value().map(|(seq, (salt, _))| (*seq, *salt));
        let look = |state: &super::State| {
            if let Some((seq, salt)) = last
                && state.first() <= seq
            {
                assert_eq!(state.salt(seq).map(|salt| salt.0.0), Some(salt), "record {seq} is the ledger's");
            }
        };
        // what was only enqueued may be lost, and with it what the ledger has heard of nothing
        match Bench::start_with(&self.disk, 1, expected, look) {
            Ok(bench) => self.bench = Some(bench),
            Err(error @ SpoolError::Io { .. }) => panic!("no fault is planned: {error}"),
            Err(error) => panic!("{error}"),
        }
        self.kinds[2] += 1;
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..=7 => self.place(),
            8..=11 => self.write(),
            12..=14 => self.end(),
            15..=16 => self.send(),
            17 => {
                let one_in = (self.dice.below(2) == 0).then(|| 2 + self.dice.below(5));
                self.disk.fail_one_in(one_in);
            }
            18 => {
                self.disk.crash_in(self.dice.index(6));
            }
            _ => {
                let Bench { shared, log } = self.bench();
                let shared = std::sync::Arc::clone(shared);
                crate::spool::writer::write_anew(&shared, log, None);
            }
        }
        if self.disk.is_crashed() {
            self.crash();
        }
    }

    /// In fair weather everything reaches the ledger; then it is compared with what was promised.
    fn finish(&mut self) {
        self.crash();
        self.out.clear();
        for _ in 0..50 {
            self.write();
            self.send();
        }
        let bench = self.bench();
        let left = bench.shared.status().records;
        assert_eq!(left, 0, "everything is sent");
        let next = bench.shared.lock().state.next();
        assert_eq!(self.ledger.len() as u64, next);
        assert!(self.ledger.keys().copied().eq(0..next), "no gaps");
        let mut by_salt = HashMap::new();
        for (seq, (salt, ending)) in &self.ledger {
            assert!(by_salt.insert(*salt, (*seq, *ending)).is_none(), "a record is there twice");
        }
        for (salt, promise) in &self.promises {
            let Some((seq, ending)) = by_salt.get(salt) else {
                assert_eq!(promise.durability, Durability::Process, "a permit without a record: {promise:?}");
                continue;
            };
            assert_eq!(*seq, promise.seq);
            let fits = *ending == Ending::Unknown || promise.said == Some(*ending);
            assert!(fits, "{promise:?} is recorded as {ending:?}");
            self.kinds[3] += 1;
        }
        for salt in &self.refused {
            let ending = by_salt.get(salt).map(|(_, ending)| *ending);
            assert_ne!(ending, Some(Ending::Committed), "what was refused is recorded as used");
            // only where the system crashed while its disk would not even take back what it had written
            if ending == Some(Ending::Unknown) {
                self.kinds[4] += 1;
            }
        }
    }
}

/// `PROPTEST_CASES=2000` for a long run.
fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = std::env::var("PROPTEST_CASES").map_or(48, |_| config.cases);
    ProptestConfig { cases, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_permit_is_without_its_record_whatever_crashes_and_fails(seed in any::<u64>(), steps in 10_usize..300) {
        let mut run = Run::new(seed);
        for _ in 0..steps {
            run.step();
        }
        run.finish();
    }
}

#[test]
fn the_runs_meet_what_they_are_for() {
    let mut met = [0; 6];
    for seed in 0..15 {
        let mut run = Run::new(seed);
        for _ in 0..300 {
            run.step();
        }
        run.finish();
        met.iter_mut().zip(run.kinds).for_each(|(sum, kind)| *sum += kind);
    }
    let [permits, refused, crashes, recorded, ..] = met;
    assert!(permits > 300 && refused > 30 && crashes > 30 && recorded > 300, "{met:?}");
}
