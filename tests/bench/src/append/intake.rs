//! Callers that append, each as soon as the receipt of its last append is there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use grantbook_engine::Stats;
use grantbook_plan::Decision;
use grantbook_record::{GateId, Signer};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use super::{Options, WINDOW, per_commit};
use crate::Failure;
use crate::measure::{Run, Samples, callers};
use crate::world::{Customer, World, facts};

pub(super) struct Intake<'o> {
    pub(super) world: World,
    pub(super) options: &'o Options,
    /// Customers with a grant in the log.
    pub(super) granted: Vec<Customer>,
    /// Customers with an enrolled key and no grant.
    enrolled: Vec<Customer>,
    /// Customers made so far, numbered from 0.
    pub(super) made: usize,
    gates: Vec<Gate>,
    /// Its number; a log has had gates of other numbers before.
    first_gate: usize,
    rng: ChaCha8Rng,
    /// Bytes of envelopes and use records appended: what any store would have to keep.
    pub(super) content_bytes: usize,
}

struct Gate {
    id: (GateId, Signer),
    next: u64,
}

/// Appends under way together, and how many entries shared one commit.
pub(super) struct Measured {
    pub(super) run: Run,
    pub(super) batch: f64,
    /// Share of the time in which the one writer waited for the journal's `fdatasync`.
    pub(super) disk_share: f64,
}

impl Measured {
    fn new(run: Run, entries: usize, before: &Stats, after: &Stats) -> Self {
        let disk = Duration::from_nanos(after.commit_ns - before.commit_ns);
        let batch = per_commit(entries, after.batches - before.batches);
        Self { disk_share: disk.as_secs_f64() / run.wall.as_secs_f64(), batch, run }
    }
}

/// The cost of a grant at a size of the log.
pub(super) struct Window {
    pub(super) leaves: u64,
    pub(super) run: Run,
}

/// How long withdrawals took.
pub(super) struct Withdrawn {
    /// From the call to the first denial that another caller gets.
    pub(super) denied_ms: Samples,
    /// From the call to its receipt.
    pub(super) answered_ms: Samples,
}

impl<'o> Intake<'o> {
    /// With customers from number `made` on.
    pub(super) fn new(world: World, options: &'o Options, made: usize) -> Self {
        Self {
            world,
            options,
            granted: Vec::new(),
            enrolled: Vec::new(),
            made,
            gates: Vec::new(),
            first_gate: made,
            rng: ChaCha8Rng::seed_from_u64(1),
            content_bytes: 0,
        }
    }

    pub(super) fn leaves(&self) -> u64 {
        self.world.ledger.size_root().0.0
    }

    fn append_all(&self, envelopes: &[Vec<u8>], per_second: Option<f64>) -> Result<Run, Failure> {
        let World { ledger, tenant, .. } = &self.world;
        callers(self.options.callers, envelopes.len(), per_second, |at| {
            let envelope = envelopes.get(at).ok_or("a call too many")?;
            ledger.append(*tenant, envelope)?;
            Ok(())
        })
    }

    fn note(&mut self, messages: &[Vec<u8>]) {
        self.content_bytes += messages.iter().map(Vec::len).sum::<usize>();
    }

    /// Enrols new customers.
    pub(super) fn enrol(&mut self, count: usize) -> Result<Run, Failure> {
        let customers =
            (self.made..self.made + count).map(Customer::new).collect::<Result<Vec<_>, Failure>>()?;
        let envelopes: Vec<_> = customers.iter().map(|customer| self.world.enrolment(customer)).collect();
        let run = self.append_all(&envelopes, None)?;
        self.note(&envelopes);
        self.made += count;
        self.enrolled.extend(customers);
        Ok(run)
    }

    /// Enrols as many as take about so long, in two parts: the first one tells the rate.
    pub(super) fn enrol_for(&mut self, seconds: u64) -> Result<Run, Failure> {
        let rate = self.enrol(WINDOW)?.per_second();
        self.enrol(times(rate, seconds).max(2 * WINDOW))
    }

    fn grants_of(&mut self, count: usize, per_second: Option<f64>) -> Result<Run, Failure> {
        let rest = self.enrolled.len().saturating_sub(count);
        let mut customers = self.enrolled.split_off(rest);
        let envelopes: Vec<_> = customers.iter_mut().map(|customer| self.world.grant(customer)).collect();
        let run = self.append_all(&envelopes, per_second)?;
        self.note(&envelopes);
        self.granted.append(&mut customers);
        Ok(run)
    }

    /// Grants of two thirds of the customers who wait, as fast as they go.
    pub(super) fn grants(&mut self) -> Result<Measured, Failure> {
        let before = self.world.ledger.stats();
        let run = self.grants_of(self.enrolled.len() * 2 / 3, None)?;
        let entries = run.calls;
        Ok(Measured::new(run, entries, &before, &self.world.ledger.stats()))
    }

    /// Grants of the rest, at a fixed rate.
    pub(super) fn paced(&mut self, per_second: f64) -> Result<Run, Failure> {
        self.grants_of(self.enrolled.len(), Some(per_second))
    }

    /// One point of the growth.
    pub(super) fn window(&mut self) -> Result<Window, Failure> {
        if self.enrolled.len() < WINDOW {
            self.enrol(WINDOW - self.enrolled.len())?;
        }
        let leaves = self.leaves();
        Ok(Window { leaves, run: self.grants_of(WINDOW, None)? })
    }

    /// Uses in signed batches, each gate one batch after another.
    pub(super) fn uses(&mut self, seconds: u64) -> Result<Measured, Failure> {
        for number in self.gates.len()..self.options.gates {
            self.gates.push(Gate { id: self.world.gate(self.first_gate + number)?, next: 0 });
        }
        let rate = self.use_rounds(2)?.run.per_second();
        self.use_rounds((times(rate, seconds) / self.options.gates).max(4))
    }

    /// One use batch of the usual size, by a gate of its own, not appended.
    pub(super) fn sample_batch(&self, first: u64) -> Result<(Vec<u8>, (GateId, Signer)), Failure> {
        let gate = self.world.gate(9999)?;
        let customers = self.granted.iter().cycle().take(usize::from(self.options.batch));
        Ok((self.world.use_batch(&gate, first, customers)?, gate))
    }

    fn use_rounds(&mut self, rounds: usize) -> Result<Measured, Failure> {
        let size = usize::from(self.options.batch);
        let mut batches = Vec::new();
        for gate in &mut self.gates {
            let mut own = Vec::with_capacity(rounds);
            for _ in 0..rounds {
                let customers = (0..size).filter_map(|_| {
                    let at = usize::try_from(self.rng.next_u32()).unwrap_or(0) % self.granted.len().max(1);
                    self.granted.get(at)
                });
                own.push(self.world.use_batch(&gate.id, gate.next, customers)?);
                gate.next += size as u64;
            }
            batches.push(own);
        }
        let before = self.world.ledger.stats();
        let World { ledger, tenant, .. } = &self.world;
        let latencies = Mutex::new(Vec::new());
        let run = callers(batches.len(), batches.len(), None, |gate| {
            for batch in batches.get(gate).into_iter().flatten() {
                let begun = Instant::now();
                ledger.append_uses(*tenant, batch)?;
                let took = begun.elapsed().as_secs_f64() * 1e3;
                latencies.lock().map_err(|_| "a caller panicked")?.push(took);
            }
            Ok(())
        })?;
        let latencies = latencies.into_inner().unwrap_or_default();
        let run = Run { calls: latencies.len(), latency_ms: Samples::new(latencies), ..run };
        let after = self.world.ledger.stats();
        self.content_bytes += batches.iter().flatten().map(Vec::len).sum::<usize>();
        let entries = run.calls * size;
        Ok(Measured::new(run, entries, &before, &after))
    }

    /// Grows the log to `leaves`: a tenth enrolments, a tenth grants, the rest uses.
    pub(super) fn grow(&mut self, leaves: u64) -> Result<(), Failure> {
        while self.leaves() < leaves {
            let missing = usize::try_from(leaves - self.leaves()).unwrap_or(usize::MAX);
            let customers = (missing / 10).clamp(64, 20_000);
            self.enrol(customers)?;
            self.grants_of(customers, None)?;
            let per_round = self.options.gates * usize::from(self.options.batch);
            self.use_rounds((8 * customers).div_ceil(per_round))?;
        }
        Ok(())
    }

    /// Withdrawals one by one, while another caller asks without pause.
    pub(super) fn withdrawals(&mut self, count: usize) -> Result<Withdrawn, Failure> {
        let World { ledger, tenant, .. } = &self.world;
        let rest = self.granted.len().saturating_sub(count);
        let (mut denied, mut answered) = (Vec::new(), Vec::new());
        for customer in self.granted.split_off(rest) {
            let envelope = self.world.withdrawal(&customer)?;
            let facts = facts(customer.sub.as_str())?;
            let begun = Instant::now();
            let done = AtomicBool::new(false);
            let denied_after = std::thread::scope(|scope| -> Result<Option<Duration>, Failure> {
                let asker = scope.spawn(|| {
                    loop {
                        // read before asking: an answer after the receipt must be a denial
                        let acknowledged = done.load(Ordering::SeqCst);
                        match ledger.decide(*tenant, &facts, None) {
                            Decision::Denial(_) => return Some(begun.elapsed()),
                            Decision::Permit(_) if acknowledged => return None,
                            Decision::Permit(_) => std::thread::yield_now(),
                        }
                    }
                });
                let appended = ledger.append(*tenant, &envelope);
                done.store(true, Ordering::SeqCst);
                answered.push(begun.elapsed().as_secs_f64() * 1e3);
                appended?;
                asker.join().map_err(|_| "the asker panicked".into())
            })?;
            let after = denied_after.ok_or("a permit after the withdrawal was acknowledged")?;
            denied.push(after.as_secs_f64() * 1e3);
        }
        Ok(Withdrawn { denied_ms: Samples::new(denied), answered_ms: Samples::new(answered) })
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a number of calls, rounded"
)]
fn times(rate: f64, seconds: u64) -> usize {
    (rate * seconds as f64) as usize
}
