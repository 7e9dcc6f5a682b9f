//! Days proved out of a ledger, one after another: what does not comply is named, what was begun is taken up again, and
//! erasure waits for the proofs.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::{
    Clock, DayRequest, EraseError, Ledger, LedgerConfig, OnProgress, ProofShelf, ProveError, ProvedDay,
    Recorded, date_of,
};
use grantbook_proof::prove::{Violation, Why};
use grantbook_proof::{Chain, ProofError, Report, Statement, StatementPolicy, verify_bundle};
use grantbook_record::day::{Day, UnixMillis};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Channel, Claims, DataDeleted, Event, RecordedUse};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::terms::Compensation;
use grantbook_record::uses::{Outcome, Permitted, UseRecord, sign_batch};
use grantbook_record::{GateId, Jti, Kind, Salt, Signer, UnixSeconds};
use grantbook_tlog::{Demands, LeafIndex};

use crate::world::{self, Grant, World};

const DAY: u64 = 86_400;
/// 2026-03-02, noon.
const NOON: u64 = 1_772_452_800;
const POLICY: &[u8] = include_bytes!("../../../../policies/statements/profiles/sandbox.json");

/// A ledger whose clock is set by the test, and the shelf of its tenant.
struct Days {
    world: World,
    seconds: Arc<AtomicU64>,
    shelf: ProofShelf,
}

fn days() -> Days {
    let seconds = Arc::new(AtomicU64::new(NOON));
    let folder = tempfile::tempdir().unwrap();
    let mut config = LedgerConfig::new(folder.path().join("data"));
    let shown = Arc::clone(&seconds);
    config.clock = Clock::new(move || UnixMillis(shown.load(Ordering::SeqCst) * 1000));
    let world = World::with(folder, config);
    let shelf = ProofShelf::new(&world.config.data_dir.join("proofs"), world.tenant);
    Days { world, seconds, shelf }
}

impl Days {
    fn now(&self) -> UnixSeconds {
        UnixSeconds(self.seconds.load(Ordering::SeqCst))
    }

    fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    fn today(&self) -> Day {
        self.now().day()
    }

    /// The gate's own record of a use, whatever the ledger would have said.
    fn record(&self, name: &str, grant: Jti) -> LeafIndex {
        let (id, signer) = (GateId::parse("till-1").unwrap(), Signer::from_seed(&[77; 32]).unwrap());
        self.world.ledger.register_gate(self.world.tenant, &id, *signer.public_key()).unwrap();
        let seq = self.world.ledger.gate_progress(self.world.tenant, &id).unwrap().next_seq;
        let outcome = Outcome::Permitted(Permitted::committed(grant));
        let record = UseRecord::new(id, seq, self.now(), world::facts(name), outcome);
        let random = [u8::try_from(seq).unwrap() + 100; 10];
        let claims = Claims::new(self.world.tenant, Jti::new(self.world.config.clock.now(), random), ());
        let records = [(record, Salt(Bytes32([u8::try_from(seq).unwrap(); 32])))];
        let batch = serde_json::to_vec(&sign_batch(&claims, &records, &signer).unwrap()).unwrap();
        self.world.ledger.append_uses(self.world.tenant, &batch).unwrap()[0].leaf_index
    }

    fn permitted(&self, name: &str) -> LeafIndex {
        match self.world.ledger.decide_and_record(self.world.tenant, &world::facts(name), None, None).unwrap()
        {
            Recorded::Permit { leaf_index, .. } => leaf_index,
            Recorded::Denial(denial) => panic!("{denial}"),
        }
    }

    fn acknowledge_all(&self) {
        let (endings, _) = self.world.ledger.open_endings(self.world.tenant, None, 100).unwrap();
        for ending in endings {
            let at = self.world.config.clock.now();
            self.world.ledger.acknowledge(self.world.tenant, &ending, 1, at).unwrap();
        }
    }

    fn delete(&self, name: &str, grant: &Grant, seq: u64) {
        let through = RecordedUse { gate: GateId::parse("remote").unwrap(), seq };
        let event = DataDeleted { sub: world::sub(name), grant: grant.id, through, at: self.now() };
        self.world.append(Kind::DataDeleted, event, &[&self.world.enterprise]).unwrap();
    }

    fn prove_with(
        &self,
        day: Day,
        exceptions: &BTreeSet<(u64, Statement)>,
        progress: &OnProgress<'_>,
    ) -> Result<ProvedDay, ProveError> {
        let threads = NonZeroUsize::new(2).unwrap();
        let request = DayRequest { tenant: self.world.tenant, day, policy: POLICY, exceptions, threads };
        self.world.ledger.prove_day(&self.shelf, &request, progress)
    }

    fn prove(&self, day: Day) -> Result<ProvedDay, ProveError> {
        self.prove_with(day, &BTreeSet::new(), &|_, _| true)
    }

    /// Verifies everything on the shelf as a chain, knowing the log's keys and the policy alone.
    fn verify(&self) -> Vec<Report> {
        let policy = StatementPolicy::parse(POLICY).unwrap();
        let mut chain = Chain::new();
        let shelved = self.shelf.days().unwrap();
        let verify = |bundle: Vec<u8>| {
            verify_bundle(&bundle, self.world.ledger.log_keys(), &Demands::default(), &policy, &mut chain)
                .unwrap()
        };
        shelved.iter().map(|shelved| std::fs::read(&shelved.bundle).unwrap()).map(verify).collect()
    }
}

/// Two customers, of whom one withdraws on the second day; the third day is another's.
fn story() -> (Days, [(Signer, Grant); 2]) {
    let days = days();
    let customers = ["anna", "bert"].map(|name| {
        let customer = days.world.enrol(name);
        let grant = days.world.grant(&customer, name, |_| ());
        days.pass(1);
        days.permitted(name);
        (customer, grant)
    });
    days.pass(DAY);
    days.permitted("bert");
    (days, customers)
}

fn excepted(violations: &[Violation]) -> BTreeSet<(u64, Statement)> {
    violations.iter().map(|found| (found.leaf, found.statement)).collect()
}

#[test]
fn days_are_proved_one_after_another_and_verify_as_a_chain() {
    let (days, [(anna, grant), _]) = story();
    let (first, second) = (Day(days.today().0 - 1), days.today());
    days.world.withdraw(&anna, "anna", grant.id);
    days.pass(60);
    let late = days.record("anna", grant.id);
    days.acknowledge_all();
    assert!(matches!(days.prove(second), Err(ProveError::NotOver(day)) if day == second));
    days.pass(DAY);
    let order = days.prove(second).unwrap_err();
    assert!(matches!(order, ProveError::Order { expected, .. } if expected == first), "{order}");

    assert_eq!(days.world.ledger.next_day_to_prove(&days.shelf, days.world.tenant).unwrap(), Some(first));
    let proved = days.prove(first).unwrap();
    assert_eq!(proved.report.day, date_of(first));
    assert_eq!(Bytes32::sha256(&days.shelf.bundle(first).unwrap().unwrap()), proved.bundle_sha256);
    let receipt = days.world.ledger.public_receipt(proved.leaf_index).unwrap();
    let verified = receipt.verify(days.world.ledger.log_keys()).unwrap();
    let VerifiedContent::Event { claims, .. } = verified.content else { panic!("a use") };
    let Event::ProofPublished(published) = claims.event else { panic!("{:?}", claims.event) };
    assert_eq!((published.day, published.bundle_sha256), (first, proved.bundle_sha256));
    assert_eq!(published.size, proved.report.end.size);

    // the use that no gate should have permitted is named, and neither value nor customer with it
    let refused = days.prove(second).unwrap_err();
    let named = Violation { leaf: late.0, statement: Statement::UseBeforeEnd, why: Why::OutOfRange };
    assert_eq!(refused.violations(), [named]);
    let elsewhere = BTreeSet::from([(late.0, Statement::PayoutFloor), (late.0, Statement::UseBeforeEnd)]);
    let elsewhere = days.prove_with(second, &elsewhere, &|_, _| true).unwrap();
    assert_eq!(elsewhere.report.exceptions.len(), 2, "who excepts too much opens too much");

    let reports = days.verify();
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[1].from_size, reports[0].start.size);
    assert_eq!(reports[0].own_entries + reports[1].own_entries, days.own_entries_before(reports[1].end.size));
    assert!(days.world.ledger.fsck(&mut |_, _| ()).findings.is_empty());
}

impl Days {
    /// Size of the tree where a proved day ends.
    fn shelf_end(&self, day: Day) -> u64 {
        let report: Report = serde_json::from_slice(&self.shelf.report(day).unwrap().unwrap()).unwrap();
        report.end.size
    }

    /// Entries of the tenant below a leaf index, by what the ledger says of owners.
    fn own_entries_before(&self, end: u64) -> u64 {
        let is_own = |leaf: &u64| self.world.ledger.receipt(self.world.tenant, LeafIndex(*leaf)).is_ok();
        (0..end).filter(is_own).count() as u64
    }
}

#[test]
fn an_exception_of_an_unknown_entry_is_refused() {
    let (days, _) = story();
    let first = Day(days.today().0 - 1);
    let unknown = BTreeSet::from([(0, Statement::UseBeforeEnd)]);
    let refused = days.prove_with(first, &unknown, &|_, _| true);
    assert!(matches!(refused, Err(ProveError::Exception { leaf: 0, .. })), "{refused:?}");
    // of a later day: not this one's matter
    let later = BTreeSet::from([(10_000, Statement::UseBeforeEnd)]);
    days.prove_with(first, &later, &|_, _| true).unwrap();
    // of an earlier one: done with, but for what is kept
    let last = days.today();
    days.pass(DAY);
    let earlier = BTreeSet::from([(days.shelf_end(first) - 1, Statement::PayoutFloor)]);
    days.prove_with(last, &earlier, &|_, _| true).unwrap();
    assert_eq!(days.verify()[1].exceptions, []);
}

#[test]
fn what_was_begun_is_taken_up_again() {
    let (days, _) = story();
    let first = Day(days.today().0 - 1);
    let stopped = days.prove_with(first, &BTreeSet::new(), &|done, _| done == 0);
    assert!(matches!(stopped, Err(ProveError::Stopped)), "{stopped:?}");
    let parts = || -> Vec<_> {
        let folder = days.world.config.data_dir.join("proofs").join(days.world.tenant.to_string());
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|extension| extension == "part")).collect()
    };
    assert!(!parts().is_empty());
    assert_eq!(days.shelf.days().unwrap(), []);
    // one of them is damaged: it is made again
    let damaged = parts().remove(0);
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let whole = parts().len();
    let begun = AtomicU64::new(u64::MAX);
    days.prove_with(first, &BTreeSet::new(), &|done, _| {
        begun.fetch_min(done, Ordering::SeqCst);
        true
    })
    .unwrap();
    assert!(whole == 1 || begun.load(Ordering::SeqCst) > 0, "nothing was taken again");
    assert_eq!(parts(), Vec::<std::path::PathBuf>::new());
    days.verify();
}

#[test]
fn a_crash_between_files_changes_nothing() {
    let (mut days, _) = story();
    let first = Day(days.today().0 - 1);
    days.prove(first).unwrap();
    days.pass(DAY);
    let folder = days.world.config.data_dir.join("proofs").join(days.world.tenant.to_string());
    let chain = std::fs::read(folder.join("chain.json")).unwrap();
    days.prove(Day(first.0 + 1)).unwrap();
    // the chain of the day before, as a crash leaves it
    std::fs::write(folder.join("chain.json"), chain).unwrap();
    days.permitted("bert");
    days.pass(DAY);
    days.prove(Day(first.0 + 2)).unwrap();
    // none at all, and another key epoch
    std::fs::remove_file(folder.join("chain.json")).unwrap();
    days.world.ledger.roll_epoch().unwrap();
    days.world = days.world.reopen(|_| ());
    days.permitted("bert");
    days.pass(DAY);
    days.prove(Day(first.0 + 3)).unwrap();
    assert_eq!(days.verify().len(), 4);
    assert!(matches!(days.prove(Day(first.0 + 3)), Err(ProveError::Order { .. } | ProveError::NotOver(_))));
    // a bundle that is gone cannot be gone round
    std::fs::remove_file(folder.join("chain.json")).unwrap();
    std::fs::remove_file(folder.join(format!("{}.bundle", date_of(first)))).unwrap();
    assert!(matches!(days.prove(Day(first.0 + 4)), Err(ProveError::NotOver(_) | ProveError::Store(_))));
    assert!(days.world.ledger.next_day_to_prove(&days.shelf, days.world.tenant).is_err());
}

#[test]
fn erasure_waits_for_the_proofs_and_leaves_them_whole() {
    let (days, [(_, grant), _]) = story();
    let (ledger, tenant) = (&days.world.ledger, days.world.tenant);
    let first = Day(days.today().0 - 1);
    days.prove(first).unwrap();
    let anna = world::sub("anna");
    let pending = ledger.begin_erasure(tenant, &anna, Channel::Mail).unwrap();
    let finish = || ledger.finish_erasure(tenant, pending.id, &[]);
    assert!(
        matches!(finish(), Err(EraseError::Unproved { .. })),
        "the withdrawal is of a day that is not proved"
    );
    days.pass(DAY);
    days.prove(Day(first.0 + 1)).unwrap();
    let open = finish();
    assert!(matches!(open, Err(EraseError::Open { uses: 1, ends: 1 })), "{open:?}");
    days.acknowledge_all();
    days.delete("anna", &grant, 0);
    assert!(matches!(finish(), Err(EraseError::Unproved { .. })));
    days.pass(DAY);
    days.prove(Day(first.0 + 2)).unwrap();
    finish().unwrap();

    // the next day knows of the erased one's grant, and needs nothing of it any more
    days.permitted("bert");
    days.pass(DAY);
    days.prove(Day(first.0 + 3)).unwrap();
    days.permitted("bert");
    let after = days.record("anna", grant.id);
    days.pass(DAY);
    let unknown = days.prove(Day(first.0 + 4)).unwrap_err();
    let named = Violation { leaf: after.0, statement: Statement::UseHasGrant, why: Why::NamesNothing };
    assert_eq!(unknown.violations(), [named]);
    days.prove_with(Day(first.0 + 4), &excepted(unknown.violations()), &|_, _| true).unwrap();
    assert_eq!(days.verify().len(), 5);
    assert!(ledger.fsck(&mut |_, _| ()).findings.is_empty());
}

#[test]
fn shredding_waits_for_the_proofs() {
    let days = days();
    let ledger = &days.world.ledger;
    let customer = days.world.enrol("carl");
    let grant = days.world.grant(&customer, "carl", |terms| terms.compensation = Compensation::None);
    days.permitted("carl");
    let first = days.today();
    days.world.withdraw(&customer, "carl", grant.id);
    days.pass(DAY);
    days.prove(first).unwrap();
    let shred = || ledger.shred_ended(days.now()).unwrap();
    assert_eq!(shred(), 0, "its use is kept and its end open");
    days.acknowledge_all();
    assert_eq!(shred(), 0, "the day of that is not proved");
    days.pass(DAY);
    days.prove(Day(first.0 + 1)).unwrap();
    assert_eq!(shred(), 0, "its use is kept");
    days.delete("carl", &grant, 0);
    days.pass(DAY);
    days.prove(Day(first.0 + 2)).unwrap();
    assert_eq!(shred(), 1);
    days.pass(DAY);
    days.prove(Day(first.0 + 3)).unwrap();
    assert_eq!(days.verify().len(), 4);
}

#[test]
fn an_erasure_without_a_proof_policy_waits_for_nothing() {
    let (days, _) = story();
    let (ledger, tenant) = (&days.world.ledger, days.world.tenant);
    let pending = ledger.begin_erasure(tenant, &world::sub("anna"), Channel::Mail).unwrap();
    ledger.finish_erasure(tenant, pending.id, &[]).unwrap();
    // then, what lies under the destroyed key can be in no proof
    let refused = days.prove(Day(days.today().0 - 1)).unwrap_err();
    assert!(refused.to_string().contains("expected the opening"), "{refused}");
}

#[test]
fn a_bundle_is_of_one_policy_and_one_log() {
    let (days, _) = story();
    let first = Day(days.today().0 - 1);
    days.prove(first).unwrap();
    let bundle = days.shelf.bundle(first).unwrap().unwrap();
    let verify = |ledger: &Ledger, policy: &[u8]| {
        let policy = StatementPolicy::parse(policy).unwrap();
        verify_bundle(&bundle, ledger.log_keys(), &Demands::default(), &policy, &mut Chain::new())
    };
    let other = include_bytes!("../../../../policies/statements/profiles/gdpr.json");
    assert!(matches!(verify(&days.world.ledger, other), Err(ProofError::Field { field: "policy", .. })));
    verify(&days.world.ledger, POLICY).unwrap();
    verify(&World::new().ledger, POLICY).unwrap_err();
}
