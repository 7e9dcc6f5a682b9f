//! Leases over the failing store: what a gate was told of is charged after whatever comes, and one cap is never passed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::{AppendError, Clock, Ledger, LedgerConfig, Recorded};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Claims, Evidence, GrantGiven, KeyEnrolled};
use grantbook_record::lease::{
    GrantLimit, LeaseRequest, Leased, LeasesReleased, Limit, Release, Want, sign_release,
};
use grantbook_record::list::List;
use grantbook_record::uses::{Outcome, Permitted, UseId, UseRecord, sign_batch};
use grantbook_record::{Jti, Kind, Salt, UnixMillis};

use crate::dice::Dice;
use crate::disk::Machine;
use crate::failure::{How, Op, Planned};
use crate::site::{BEGIN_MS, Shop, Site, facts, notice, sign, template, terms};

const SEEDS: u64 = 150;
const STEPS: u64 = 60;
const CAP: u64 = 30;
/// Where a fault may strike.
const OPS: [Op; 7] =
    [Op::Commit, Op::PutLeases, Op::SetMark, Op::Apply, Op::SetAnchor, Op::PutNext, Op::FinishEpoch];

/// A lease that the gate was told of.
struct Told {
    units: u64,
    drawn: u64,
    /// Recorded, and acknowledged.
    recorded: u64,
    /// What the ledger has acknowledged of its release.
    released: bool,
}

struct Run<'s> {
    shop: &'s Shop,
    dice: Dice,
    machine: Machine,
    config: LedgerConfig,
    ledger: Ledger,
    grant: Jti,
    told: BTreeMap<Jti, Told>,
    /// The batch that the gate has signed and nobody has acknowledged, and the lease that it drew on.
    pending: Option<(Vec<u8>, Jti)>,
    next_seq: u64,
    remote: u64,
    faults: u64,
}

/// What the ledger does not say for sure.
fn is_unknown(error: &AppendError) -> bool {
    matches!(error, AppendError::Stopped | AppendError::Store(_) | AppendError::Busy)
}

impl<'s> Run<'s> {
    fn begin(site: &'s Site, seed: u64) -> Self {
        let machine = Machine::new(&site.secrets, seed);
        let now = Arc::new(AtomicU64::new(BEGIN_MS));
        let config = Site::config(Clock::new(move || UnixMillis(now.fetch_add(7, Ordering::SeqCst))), 256);
        let ledger = machine.open(&config).unwrap();
        let (shop, mut dice) = (&site.shops[0], Dice::new(seed));
        let mut jti = || Jti::new(UnixMillis(BEGIN_MS), dice.bytes());
        let envelope = sign(shop, Kind::NoticePublished, jti(), notice(), &[&shop.enterprise]);
        ledger.append(shop.id, &envelope).unwrap();
        let envelope = sign(shop, Kind::TemplatePublished, jti(), template(), &[&shop.enterprise]);
        ledger.append(shop.id, &envelope).unwrap();
        let hash = Bytes32::sha256(&envelope);
        let (sub, key) = (shop.customers[0].sub.clone(), &shop.customers[0].keys[0]);
        let enrolled = KeyEnrolled {
            sub: sub.clone(),
            key: *key.public_key(),
            evidence: Evidence::Enterprise,
            recovery: None,
        };
        let envelope = sign(shop, Kind::KeyEnrolled, jti(), enrolled, &[key, &shop.enterprise]);
        ledger.append(shop.id, &envelope).unwrap();
        let grant = jti();
        let terms = terms(hash, BEGIN_MS / 1000, Some(CAP), false, 80);
        let given = GrantGiven { sub, terms, request: None, birth_day: None, mandate: None };
        ledger.append(shop.id, &sign(shop, Kind::GrantGiven, grant, given, &[key])).unwrap();
        let (told, pending) = (BTreeMap::new(), None);
        Self { shop, dice, machine, config, ledger, grant, told, pending, next_seq: 0, remote: 0, faults: 0 }
    }

    fn limit(&self) -> Limit {
        Limit::Grant(GrantLimit { sub: self.shop.customers[0].sub.clone(), grant: self.grant })
    }

    fn jti(&mut self) -> Jti {
        Jti::new(self.config.clock.now(), self.dice.bytes())
    }

    fn step(&mut self) {
        if self.dice.once_in(3) {
            let only = Some(OPS[self.dice.place(OPS.len())]);
            let how = How::ALL[self.dice.place(How::ALL.len() - 1)];
            self.machine.plan(Some(Planned { at: 1, how, only }));
        }
        let answered = match self.dice.below(9) {
            0..3 => self.lease(),
            3..6 => self.record(),
            6 => self.release(),
            7 => self.remote(),
            _ => self.ledger.roll_epoch().map(|_| ()),
        };
        self.machine.plan(None);
        let struck = !self.machine.take_struck().is_empty();
        self.faults += u64::from(struck);
        match answered {
            Err(error) if is_unknown(&error) => self.restart(),
            Err(error) => panic!("{error}"),
            Ok(()) if struck || self.dice.once_in(10) => self.restart(),
            Ok(()) => {}
        }
        self.check();
    }

    fn restart(&mut self) {
        self.machine.cut_power();
        drop(self.ledger.close());
        self.machine.start();
        self.ledger = self.machine.open(&self.config).unwrap();
        if let Some((json, lease)) = self.pending.take() {
            self.send(json, lease).unwrap();
        }
    }

    fn lease(&mut self) -> Result<(), AppendError> {
        let (least, more) = (1 + self.dice.below(3), self.dice.below(6));
        let wants = List::new(vec![Want { of: self.limit(), least, most: least + more }]).unwrap();
        let request = LeaseRequest { gate: self.shop.gate.clone(), wants };
        if let Leased::Lease(lease) = &self.ledger.lease(self.shop.id, request)?.leases[0] {
            let told = Told { units: lease.units, drawn: 0, recorded: 0, released: false };
            self.told.insert(lease.id, told);
        }
        Ok(())
    }

    fn record(&mut self) -> Result<(), AppendError> {
        let open = self.told.iter_mut().find(|(_, told)| !told.released && told.drawn < told.units);
        let Some((lease, told)) = open else { return Ok(()) };
        told.drawn += 1;
        let lease = *lease;
        let outcome = Outcome::Permitted(Permitted::committed(self.grant));
        let facts = facts(&self.shop.customers[0].sub);
        let at = self.config.clock.now().seconds();
        let record = UseRecord {
            leases: List::new(vec![lease]).unwrap(),
            ..UseRecord::new(self.shop.gate.clone(), self.next_seq, at, facts, outcome)
        };
        self.next_seq += 1;
        let claims = Claims::new(self.shop.id, self.jti(), ());
        let batch = sign_batch(&claims, &[(record, Salt(Bytes32([3; 32])))], &self.shop.gate_key).unwrap();
        self.send(serde_json::to_vec(&batch).unwrap(), lease)
    }

    fn send(&mut self, json: Vec<u8>, lease: Jti) -> Result<(), AppendError> {
        let sent = self.ledger.append_uses(self.shop.id, &json);
        self.pending = Some((json, lease));
        for used in sent? {
            assert_eq!(used.flag, None, "a use that drew on a lease is not over the cap");
        }
        self.pending = None;
        self.told.get_mut(&lease).unwrap().recorded += 1;
        Ok(())
    }

    fn release(&mut self) -> Result<(), AppendError> {
        let open: Vec<Jti> = self.told.iter().filter(|(_, told)| !told.released).map(|(id, _)| *id).collect();
        let Some(lease) = self.dice.pick(&open).copied() else { return Ok(()) };
        let told = self.told.get_mut(&lease).unwrap();
        // from here on the gate draws on it no more, whatever becomes of its word
        told.units = told.drawn;
        let releases = List::new(vec![Release { lease, spent: told.drawn }]).unwrap();
        let word = LeasesReleased { gate: self.shop.gate.clone(), releases };
        let claims = Claims::new(self.shop.id, self.jti(), word);
        self.ledger.release_leases(self.shop.id, &sign_release(&claims, &self.shop.gate_key))?;
        self.told.get_mut(&lease).unwrap().released = true;
        Ok(())
    }

    fn remote(&mut self) -> Result<(), AppendError> {
        let facts = facts(&self.shop.customers[0].sub);
        let id = UseId::try_from(self.jti().to_string()).unwrap();
        for attempt in 0..2 {
            match self.ledger.decide_and_record(self.shop.id, &facts, Some(id.clone()), None) {
                Ok(Recorded::Permit { .. }) => self.remote += 1,
                Ok(Recorded::Denial(_)) => {}
                Err(error) if is_unknown(&error) && attempt == 0 => {
                    self.restart();
                    continue;
                }
                Err(error) => return Err(error),
            }
            break;
        }
        Ok(())
    }

    fn check(&self) {
        let uses = self.ledger.use_count(self.shop.id, &self.shop.customers[0].sub, &self.grant).uses;
        let charged = self.ledger.charged(self.shop.id, &self.limit()).unwrap();
        let charged = charged.outstanding + charged.written_off;
        assert!(uses + charged <= CAP, "{uses} recorded, {charged} charged");
        let recorded: u64 = self.told.values().map(|told| told.recorded).sum();
        assert_eq!(uses, recorded + self.remote, "every use counts once");
        let held: u64 = self.told.values().map(|told| told.units - told.recorded).sum();
        assert!(held <= charged, "gates hold {held}, {charged} are charged");
    }
}

#[test]
fn leases_outlive_every_fault_and_never_pass_the_cap() {
    let site = Site::new();
    let (mut faults, mut leases, mut uses) = (0, 0, 0);
    for seed in 0..SEEDS {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut run = Run::begin(&site, seed);
            (0..STEPS).for_each(|_| run.step());
            (run.faults, run.told.len(), run.next_seq)
        }));
        let (struck, told, drawn) = ran.unwrap_or_else(|_| panic!("seed {seed}"));
        (faults, leases, uses) = (faults + struck, leases + told, uses + drawn);
    }
    println!("{faults} faults, {leases} leases, {uses} uses drawn on them");
    assert!(faults > SEEDS && leases > 500 && uses > 500, "{faults} {leases} {uses}");
}
