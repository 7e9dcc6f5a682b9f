//! Leases through the ledger: what is charged, what survives, what a restored book does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantbook_engine::leases::Charged;
use grantbook_engine::{
    AppendError, AppendedUse, Clock, EraseError, Ledger, LedgerConfig, OpenError, Recorded, backup, fsck,
    restore,
};
use grantbook_plan::Decision;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Channel, Claims, GrantPaused};
use grantbook_record::lease::{
    GrantLimit, Lease, LeaseRequest, Leased, LeasesReleased, Limit, ProjectBudget, Release, Want,
    sign_release,
};
use grantbook_record::list::List;
use grantbook_record::terms::{Rate, UseCap, WindowSeconds};
use grantbook_record::uses::{Outcome, Permitted, UseRecord, sign_batch};
use grantbook_record::{Currency, DenialReason, GateId, Jti, Kind, MinorUnits, Salt, Signer};

use crate::world::{self, Grant, World};

const CUSTOMER: &str = "cs-1";

/// A ledger with a gate, a customer and a grant of ten uses, and a clock that can be set forward.
struct Shop {
    world: World,
    customer: Signer,
    grant: Grant,
    gate: Signer,
    ahead: Arc<AtomicU64>,
    next_seq: u64,
}

fn clock(ahead: &Arc<AtomicU64>) -> Clock {
    let ahead = Arc::clone(ahead);
    Clock::new(move || {
        let mut now = Clock::system().now();
        now.0 += ahead.load(Ordering::SeqCst);
        now
    })
}

fn gate_id() -> GateId {
    GateId::parse("north").unwrap()
}

fn random() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut random = [9; 10];
    random[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    random
}

impl Shop {
    fn open(change: impl FnOnce(&mut grantbook_record::Terms)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ahead = Arc::new(AtomicU64::new(0));
        let mut config = LedgerConfig::new(folder.path().join("data"));
        config.clock = clock(&ahead);
        config.late_after = Duration::from_secs(3600);
        let world = World::with(folder, config);
        let customer = world.enrol(CUSTOMER);
        let grant = world.grant(&customer, CUSTOMER, change);
        let gate = Signer::from_seed(&[33; 32]).unwrap();
        world.ledger.register_gate(world.tenant, &gate_id(), *gate.public_key()).unwrap();
        Self { world, customer, grant, gate, ahead, next_seq: 0 }
    }

    fn reopen(self, change: impl FnOnce(&LedgerConfig)) -> Self {
        Self { world: self.world.reopen(change), ..self }
    }

    fn wait(&self, seconds: u64) {
        self.ahead.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    fn limit(&self) -> Limit {
        Limit::Grant(GrantLimit { sub: world::sub(CUSTOMER), grant: self.grant.id })
    }

    fn ask(&self, of: Limit, least: u64, most: u64) -> Leased {
        let wants = List::new(vec![Want { of, least, most }]).unwrap();
        let request = LeaseRequest { gate: gate_id(), wants };
        self.world.ledger.lease(self.world.tenant, request).unwrap().leases[0].clone()
    }

    fn lease(&self, units: u64) -> Lease {
        match self.ask(self.limit(), units, units) {
            Leased::Lease(lease) => lease,
            other => panic!("{other:?}"),
        }
    }

    fn release(&self, lease: Jti, spent: u64, signer: &Signer) -> Result<(), AppendError> {
        let releases = List::new(vec![Release { lease, spent }]).unwrap();
        let word = LeasesReleased { gate: gate_id(), releases };
        let claims = Claims::new(self.world.tenant, Jti::new(self.world.config.clock.now(), random()), word);
        self.world.ledger.release_leases(self.world.tenant, &sign_release(&claims, signer))
    }

    /// Records uses that drew on leases, in one batch.
    fn record(&mut self, leases: &[&[Jti]]) -> Vec<AppendedUse> {
        let now = self.world.config.clock.now();
        let records: Vec<_> = leases
            .iter()
            .map(|leases| {
                let outcome = Outcome::Permitted(Permitted::committed(self.grant.id));
                let facts = world::facts(CUSTOMER);
                let record = UseRecord {
                    leases: List::new(leases.to_vec()).unwrap(),
                    ..UseRecord::new(gate_id(), self.next_seq, now.seconds(), facts, outcome)
                };
                self.next_seq += 1;
                (record, Salt(Bytes32([5; 32])))
            })
            .collect();
        let claims = Claims::new(self.world.tenant, Jti::new(now, random()), ());
        let wire = sign_batch(&claims, &records, &self.gate).unwrap();
        let json = serde_json::to_vec(&wire).unwrap();
        self.world.ledger.append_uses(self.world.tenant, &json).unwrap()
    }

    fn flags(&mut self, leases: &[&[Jti]]) -> Vec<Option<DenialReason>> {
        self.record(leases).into_iter().map(|used| used.flag).collect()
    }

    fn charged(&self) -> Charged {
        self.world.ledger.charged(self.world.tenant, &self.limit()).unwrap()
    }

    fn uses(&self) -> u64 {
        self.world.ledger.use_count(self.world.tenant, &world::sub(CUSTOMER), &self.grant.id).uses
    }

    /// What the ledger's own gate says.
    fn remote(&self) -> Option<DenialReason> {
        let facts = world::facts(CUSTOMER);
        let before = match self.world.decide(&facts) {
            Decision::Permit(_) => None,
            Decision::Denial(denial) => Some(denial.reason),
        };
        let answer = match self.world.ledger.decide_and_record(self.world.tenant, &facts, None, None).unwrap()
        {
            Recorded::Permit { .. } => None,
            Recorded::Denial(denial) => Some(denial.reason),
        };
        assert_eq!(before, answer);
        answer
    }

    fn leases_log(&self) -> std::path::PathBuf {
        self.world.config.data_dir.join("epochs/1/leases.log")
    }
}

/// Leases two uses of a customer's first grant to a gate of the world's.
pub(crate) fn lease(world: &World, customer: &str) {
    let signer = Signer::from_seed(&[33; 32]).unwrap();
    world.ledger.register_gate(world.tenant, &gate_id(), *signer.public_key()).unwrap();
    let grants = world.ledger.grants(world.tenant, None, 1000).unwrap();
    let grant = grants.iter().find(|row| row.sub == world::sub(customer)).unwrap();
    let of = Limit::Grant(GrantLimit { sub: world::sub(customer), grant: grant.grant.id });
    let wants = List::new(vec![Want { of, least: 2, most: 2 }]).unwrap();
    let answer = world.ledger.lease(world.tenant, LeaseRequest { gate: gate_id(), wants }).unwrap();
    assert!(matches!(answer.leases[0], Leased::Lease(_)));
}

fn outstanding(units: u64) -> Charged {
    Charged { outstanding: units, written_off: 0 }
}

#[test]
fn leased_units_are_used_up_for_everybody_else() {
    let mut shop = Shop::open(|_| ());
    let lease = shop.lease(8);
    assert_eq!(shop.charged(), outstanding(8));
    assert_eq!((shop.remote(), shop.remote()), (None, None));
    assert_eq!(shop.remote(), Some(DenialReason::Cap));
    assert_eq!(shop.ask(shop.limit(), 1, 1), Leased::Refused(DenialReason::Cap));
    // without its lease a record competes for what is left, and nothing is
    assert_eq!(shop.flags(&[&[], &[lease.id]]), [Some(DenialReason::Cap), None]);
    assert_eq!((shop.charged(), shop.uses()), (outstanding(7), 4));
    shop.release(lease.id, 5, &shop.gate).unwrap();
    shop.release(lease.id, 0, &shop.gate).unwrap();
    assert_eq!((shop.charged(), shop.remote()), (outstanding(4), None));
    let covered: &[Jti] = &[lease.id];
    // four that were told of, and one that was not
    assert_eq!(shop.flags(&[covered; 5]), [None, None, None, None, None]);
    assert_eq!((shop.charged(), shop.uses()), (outstanding(0), 10));
    assert_eq!(shop.flags(&[covered]), [Some(DenialReason::Cap)]);
}

#[test]
fn only_the_gate_itself_gives_back() {
    let shop = Shop::open(|_| ());
    let lease = shop.lease(4);
    let stranger = Signer::from_seed(&[77; 32]).unwrap();
    assert!(matches!(shop.release(lease.id, 0, &stranger), Err(AppendError::UnknownGate)));
    assert_eq!(shop.charged(), outstanding(4));
    let request = LeaseRequest {
        gate: GateId::parse("nobody").unwrap(),
        wants: List::new(vec![Want { of: shop.limit(), least: 1, most: 1 }]).unwrap(),
    };
    let refused = shop.world.ledger.lease(shop.world.tenant, request);
    assert!(matches!(refused, Err(AppendError::UnknownGate)));
    for (least, most) in [(0, 1), (2, 1)] {
        let wants = List::new(vec![Want { of: shop.limit(), least, most }]).unwrap();
        let refused = shop.world.ledger.lease(shop.world.tenant, LeaseRequest { gate: gate_id(), wants });
        assert!(matches!(refused, Err(AppendError::Want)));
    }
}

#[test]
fn a_grant_that_permits_nothing_leases_nothing() {
    let shop = Shop::open(|_| ());
    let (sub, id) = (world::sub(CUSTOMER), shop.grant.id);
    let unknown = Limit::Grant(GrantLimit { sub: world::sub("cs-9"), grant: id });
    assert_eq!(shop.ask(unknown, 1, 1), Leased::Refused(DenialReason::NoGrant));
    let paused = GrantPaused { sub, grant: id };
    shop.world.append(Kind::GrantPaused, paused, &[&shop.customer]).unwrap();
    assert_eq!(shop.ask(shop.limit(), 1, 1), Leased::Refused(DenialReason::Paused));
    shop.world.withdraw(&shop.customer, CUSTOMER, id);
    assert_eq!(shop.ask(shop.limit(), 1, 1), Leased::Refused(DenialReason::Withdrawn));
    let later = Shop::open(|terms| {
        let start = terms.validity.start();
        let end = grantbook_record::UnixSeconds(start.0 + 600);
        terms.validity = grantbook_record::terms::Validity::new(start, end).unwrap();
    });
    later.wait(1000);
    assert_eq!(later.ask(later.limit(), 1, 1), Leased::Refused(DenialReason::Expired));
}

#[test]
fn leases_and_what_was_drawn_on_them_outlive_restarts() {
    let mut shop = Shop::open(|_| ());
    let lease = shop.lease(6);
    // recorded after the last frame of the leases
    assert_eq!(shop.flags(&[&[lease.id], &[lease.id]]), [None, None]);
    for lose_state in [false, true, false] {
        shop = shop.reopen(|config| {
            if lose_state {
                std::fs::remove_dir_all(config.data_dir.join("epochs/1/state")).unwrap();
            }
        });
        assert_eq!((shop.charged(), shop.uses()), (outstanding(4), 2));
    }
    assert_eq!(shop.flags(&[&[lease.id]]), [None]);
    assert_eq!(shop.charged(), outstanding(3));
    shop.world.ledger.roll_epoch().unwrap();
    assert_eq!(shop.charged(), outstanding(3));
    shop = shop.reopen(|config| assert!(!config.data_dir.join("epochs/1").exists()));
    assert_eq!((shop.charged(), shop.uses()), (outstanding(3), 3));
    shop.release(lease.id, 4, &shop.gate).unwrap();
    shop = shop.reopen(|_| ());
    assert_eq!(shop.charged(), outstanding(1));
    let report = shop.world.ledger.fsck(&mut |_, _| ());
    assert!(report.findings.is_empty(), "{report:?}");
    // nobody accounts for the last one
    shop.wait(3600 + 61);
    assert_eq!(shop.charged(), Charged { outstanding: 0, written_off: 1 });
    let left = (0..20).take_while(|_| shop.remote().is_none()).count();
    assert_eq!(left, 6, "3 recorded, 1 written off");
}

#[test]
fn what_a_crash_leaves_of_a_frame_is_dropped_and_damage_is_not() {
    let shop = Shop::open(|_| ());
    let first = shop.lease(2);
    let whole = std::fs::read(shop.leases_log()).unwrap();
    shop.lease(3);
    let mark = std::fs::read(shop.world.config.anchor.with_file_name("data.anchor.leases")).unwrap();
    let both = std::fs::read(shop.leases_log()).unwrap();
    let (log, mark_file) = (shop.leases_log(), shop.world.config.anchor.with_file_name("data.anchor.leases"));

    // torn, and nobody had been told of it: as if the mark had not been set yet
    let shop = shop.reopen(|_| {
        std::fs::write(&log, [whole.as_slice(), &both[whole.len()..both.len() - 3]].concat()).unwrap();
        std::fs::remove_file(&mark_file).unwrap();
    });
    assert_eq!(shop.charged(), outstanding(2));
    let third = shop.lease(4);
    assert_eq!(shop.charged(), outstanding(6));
    let shop = shop.reopen(|_| ());
    assert_eq!(shop.charged(), outstanding(6));
    assert_ne!(first.id, third.id);

    // the same bytes, and somebody had
    let World { config, ledger, folder, .. } = shop.world;
    ledger.close().unwrap();
    drop(ledger);
    std::fs::write(&mark_file, &mark).unwrap();
    for damaged in [
        [whole.as_slice(), &both[whole.len()..both.len() - 3]].concat(),
        flipped(&both, whole.len() + 40),
        flipped(&both, 40),
        both[whole.len() / 2..].to_vec(),
    ] {
        std::fs::write(&log, damaged).unwrap();
        assert!(matches!(Ledger::open(&config), Err(OpenError::Store(_))));
        let found = fsck(&config, false, &mut |_, _| ()).unwrap().findings;
        assert!(found.iter().any(|finding| finding.contains("leases.log")), "{found:?}");
    }
    std::fs::write(&log, &both).unwrap();
    assert!(Ledger::open(&config).is_ok());
    drop(folder);
}

#[test]
fn a_torn_frame_ends_with_its_epoch() {
    let shop = Shop::open(|_| ());
    shop.lease(2);
    let (log, whole) = (shop.leases_log(), std::fs::read(shop.leases_log()).unwrap());
    let shop = shop
        .reopen(|_| std::fs::write(&log, [whole.as_slice(), &whole[..whole.len() - 3]].concat()).unwrap());
    shop.world.ledger.roll_epoch().unwrap();
    shop.lease(3);
    let shop = shop.reopen(|_| ());
    assert_eq!(shop.charged(), outstanding(5));
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1;
    flipped
}

#[test]
fn a_book_out_of_an_old_backup_leases_nothing_until_what_it_lacks_is_settled() {
    let mut shop = Shop::open(|_| ());
    let known = shop.lease(2);
    let to = shop.world.folder.path().join("backups");
    backup(&shop.world.config, &to, None, &mut |_, _| ()).unwrap();
    // no entry of the log tells that there is this one
    let unknown = shop.lease(8);
    let keys = shop.world.ledger.log_keys().clone();
    shop = shop.reopen(|config| {
        std::fs::remove_dir_all(&config.data_dir).unwrap();
        restore(&to, None, config, &keys, false, &mut |_, _| ()).unwrap();
        let report = fsck(config, false, &mut |_, _| ()).unwrap();
        assert!(report.findings.is_empty(), "{report:?}");
        assert!(
            report.notes.iter().any(|note| note.contains("leases.log: older than its mark")),
            "{report:?}"
        );
    });
    assert_eq!(shop.charged(), outstanding(2));
    assert_eq!(shop.ask(shop.limit(), 1, 1), Leased::Refused(DenialReason::Unleased));
    assert_eq!(shop.remote(), Some(DenialReason::Unleased));
    assert_eq!(shop.flags(&[&[unknown.id], &[known.id]]), [None, None]);
    // a change of the book does not make it forget that
    shop.release(known.id, 1, &shop.gate).unwrap();
    shop = shop.reopen(|_| ());
    assert_eq!(shop.ask(shop.limit(), 1, 1), Leased::Refused(DenialReason::Unleased));
    shop.wait(3600 + 61);
    assert_eq!((shop.remote(), shop.uses()), (None, 3));
    assert_eq!(shop.lease(7).units, 7);
}

#[test]
fn a_backup_with_all_leases_goes_on_where_it_was() {
    let mut shop = Shop::open(|_| ());
    shop.lease(2);
    let to = shop.world.folder.path().join("backups");
    backup(&shop.world.config, &to, None, &mut |_, _| ()).unwrap();
    let keys = shop.world.ledger.log_keys().clone();
    shop = shop.reopen(|config| {
        std::fs::remove_dir_all(&config.data_dir).unwrap();
        restore(&to, None, config, &keys, false, &mut |_, _| ()).unwrap();
    });
    assert_eq!(shop.lease(8).units, 8);
    assert_eq!(shop.charged(), outstanding(10));
}

#[test]
fn an_erased_customers_leases_are_gone_from_every_byte() {
    let shop = Shop::open(|_| ());
    let lease = shop.lease(2);
    assert_eq!(shop.world.ledger.stats().leased_grants.leases, 1);
    let pending = shop.world.ledger.begin_erasure(shop.world.tenant, &world::sub(CUSTOMER), Channel::Mail);
    let pending = pending.unwrap();
    let waiting = shop.world.ledger.finish_erasure(shop.world.tenant, pending.id, &[gate_id()]);
    assert!(matches!(waiting, Err(EraseError::Waiting(_))));
    let before = std::fs::read(shop.leases_log()).unwrap();
    shop.world.ledger.finish_erasure(shop.world.tenant, pending.id, &[]).unwrap();
    assert_eq!(shop.world.ledger.stats().leased_grants.leases, 0);
    let after = std::fs::read(shop.leases_log()).unwrap();
    assert!(after.len() < before.len() && !after.windows(64).any(|window| window == &before[100..164]));
    let shop = shop.reopen(|_| ());
    assert_eq!(shop.world.ledger.stats().leased_grants.leases, 0);
    shop.release(lease.id, 0, &shop.gate).unwrap();
}

#[test]
fn a_rate_is_leased_window_by_window() {
    let mut shop = Shop::open(|terms| {
        terms.limits.uses = None;
        terms.limits.rate =
            Some(Rate { uses: UseCap::new(4).unwrap(), seconds: WindowSeconds::new(300).unwrap() });
    });
    assert_eq!(shop.remote(), None);
    let lease = shop.lease(2);
    assert_eq!(shop.remote(), None);
    assert_eq!(shop.remote(), Some(DenialReason::Rate));
    assert_eq!(shop.ask(shop.limit(), 1, 1), Leased::Refused(DenialReason::Rate));
    assert_eq!(shop.flags(&[&[lease.id], &[lease.id], &[]]), [None, None, Some(DenialReason::Rate)]);
    shop.wait(301);
    assert_eq!(shop.lease(3).units, 3);
    assert_eq!((shop.remote(), shop.remote()), (None, Some(DenialReason::Rate)));
}

#[test]
fn a_project_spends_no_more_than_its_budget() {
    let mut shop = Shop::open(|_| ());
    let (ledger, tenant) = (shop.world.ledger.clone(), shop.world.tenant);
    let [cny, eur] = ["CNY", "EUR"].map(|code| Currency::parse(code).unwrap());
    let project = world::term("web-shop");
    let set = |currency, minor| ledger.set_budget(tenant, project.clone(), currency, MinorUnits(minor));
    assert!(matches!(set(Currency::NONE, 1), Err(AppendError::Budget(_))));
    set(eur, 1_000_000).unwrap();
    assert_eq!(shop.remote(), Some(DenialReason::Budget), "paid in another currency");
    set(cny, 400).unwrap();
    assert_eq!(shop.remote(), None);
    assert!(matches!(set(eur, 400), Err(AppendError::Budget(_))));
    let budget = Limit::Budget(ProjectBudget { project: project.clone() });
    let Leased::Lease(lease) = shop.ask(budget.clone(), 160, 160) else { panic!("leased") };
    assert_eq!(lease.currency, Some(cny));
    assert_eq!((shop.remote(), shop.remote()), (None, None));
    assert_eq!(shop.remote(), Some(DenialReason::Budget));
    assert_eq!(shop.ask(budget.clone(), 1, 1), Leased::Refused(DenialReason::Budget));
    // 240 spent, 160 leased: one use without its lease is too much
    assert_eq!(shop.flags(&[&[lease.id], &[], &[lease.id]]), [None, Some(DenialReason::Budget), None]);
    drop(ledger);
    for _ in 0..2 {
        shop = shop.reopen(|_| ());
        let budgets = shop.world.ledger.budgets(tenant).unwrap();
        assert_eq!(budgets.len(), 1);
        assert_eq!((budgets[0].minor, budgets[0].spent), (MinorUnits(400), MinorUnits(480)));
        assert_eq!(budgets[0].charged, Charged::default());
    }
    assert_eq!(shop.remote(), Some(DenialReason::Budget));
    shop.world.ledger.set_budget(tenant, project, cny, MinorUnits(560)).unwrap();
    assert_eq!((shop.remote(), shop.remote()), (None, Some(DenialReason::Budget)));
    let other = Limit::Budget(ProjectBudget { project: world::term("unlimited") });
    assert!(matches!(shop.ask(other, 5, 50), Leased::Unlimited(_)));
}

#[test]
fn many_gates_at_once_never_lease_more_than_there_is() {
    let shop = Shop::open(|terms| terms.limits.uses = UseCap::new(1000));
    let leased: u64 = std::thread::scope(|scope| {
        let ask = || {
            let asks = (0..40).map(|_| match shop.ask(shop.limit(), 1, 100) {
                Leased::Lease(lease) => lease.units,
                Leased::Refused(_) | Leased::Unlimited(_) => 0,
            });
            asks.sum::<u64>()
        };
        let remote = || (0..40).filter(|_| shop.remote_raced()).count() as u64;
        let gates: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        let remote = scope.spawn(remote);
        gates.into_iter().map(|gate| gate.join().unwrap()).sum::<u64>() + remote.join().unwrap()
    });
    assert_eq!(leased, 1000);
    assert_eq!(shop.charged().outstanding + shop.uses(), 1000);
}

impl Shop {
    fn remote_raced(&self) -> bool {
        let answer = self
            .world
            .ledger
            .decide_and_record(self.world.tenant, &world::facts(CUSTOMER), None, None)
            .unwrap();
        matches!(answer, Recorded::Permit { .. })
    }
}

#[test]
fn a_gate_is_told_what_it_may_still_give_back() {
    let mut shop = Shop::open(|_| ());
    let open = |shop: &Shop, after| {
        let page = shop.world.ledger.open_leases(shop.world.tenant, &gate_id(), after).unwrap();
        page.leases.iter().map(|lease| (lease.id, lease.units, lease.arrived)).collect::<Vec<_>>()
    };
    let stranger = GateId::parse("south").unwrap();
    let refused = shop.world.ledger.open_leases(shop.world.tenant, &stranger, None);
    assert!(matches!(refused, Err(AppendError::UnknownGate)), "{refused:?}");
    assert_eq!(open(&shop, None), []);
    let (one, two, three) = (shop.lease(2), shop.lease(3), shop.lease(1));
    let mut expected = vec![(one.id, 2, 0), (two.id, 3, 1), (three.id, 1, 0)];
    expected.sort();
    shop.record(&[&[two.id]]);
    assert_eq!(open(&shop, None), expected);
    assert_eq!(open(&shop, Some(expected[0].0)), expected[1..]);
    let other = Signer::from_seed(&[34; 32]).unwrap();
    shop.world.ledger.register_gate(shop.world.tenant, &stranger, *other.public_key()).unwrap();
    let others = shop.world.ledger.open_leases(shop.world.tenant, &stranger, None).unwrap();
    assert_eq!(others.leases.len(), 0);
    // given back, and used up by what arrived
    shop.release(one.id, 2, &shop.gate).unwrap();
    shop.record(&[&[three.id]]);
    assert_eq!(open(&shop, None), [(two.id, 3, 1)]);
    let shop = shop.reopen(|_| ());
    assert_eq!(open(&shop, None), [(two.id, 3, 1)]);
    shop.release(two.id, 1, &shop.gate).unwrap();
    assert_eq!((open(&shop, None), shop.charged()), (vec![], outstanding(2)));
    // whatever can arrive in time no more is written off
    let last = shop.lease(4);
    assert_eq!(open(&shop, None), [(last.id, 4, 0)]);
    shop.wait(24 * 3600);
    assert_eq!(open(&shop, None), []);
}
