//! Money: what accrues, is posted, ordered and paid, to the unit and once.

use std::collections::BTreeMap;

use grantbook_engine::settlement::{
    Account, Movement, OrderState, Ordered, PayoutRules, SettleError, Statement, Withholding,
};
use grantbook_engine::{AppendError, Ledger, LedgerConfig, ReadError, Recorded};
use grantbook_record::event::{Channel, Event, GrantAmended, Money, Period, Revenue, RevenueDeclared};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::terms::Compensation;
use grantbook_record::{CountryCode, Currency, DataDay, Jti, Kind, Quantity, Signer, Terms};
use grantbook_tlog::LeafIndex;

use crate::transfers;
use crate::world::{self, Grant, World};

fn yuan() -> Currency {
    Currency::parse("CNY").unwrap()
}

fn paid_by(json: &str) -> impl Fn(&mut Terms) {
    let compensation: Compensation = serde_json::from_str(json).unwrap();
    move |terms| {
        terms.limits.uses = None;
        terms.compensation = compensation.clone();
    }
}

pub(crate) const PER_USE: &str = r#"{"per_use":{"currency":"CNY","minor":80}}"#;
pub(crate) const PER_GRANT: &str = r#"{"per_grant":{"currency":"CNY","minor":1500}}"#;
pub(crate) const SHARE: &str = r#"{"revenue_share":{"currency":"CNY","basis_points":333}}"#;

pub(crate) fn customer(world: &World, name: &str, compensation: &str) -> (Signer, Grant) {
    let signer = world.enrol(name);
    let grant = world.grant(&signer, name, paid_by(compensation));
    (signer, grant)
}

pub(crate) fn use_of(world: &World, name: &str, times: usize) -> Vec<LeafIndex> {
    let ask = || world.ledger.decide_and_record(world.tenant, &world::facts(name), None, None).unwrap();
    let leaf = |recorded| match recorded {
        Recorded::Permit { leaf_index, .. } => leaf_index,
        Recorded::Denial(denial) => panic!("{denial}"),
    };
    (0..times).map(|_| leaf(ask())).collect()
}

pub(crate) fn declare(world: &World, period: u32, group: u16, minor: u64) -> Result<(), AppendError> {
    let minor = Revenue::new(minor).unwrap();
    let event = RevenueDeclared { period: Period(period), group, currency: yuan(), minor };
    world.append(Kind::RevenueDeclared, event, &[&world.enterprise]).map(|_| ())
}

/// Posts the open period; gives pools and fees by group.
pub(crate) fn settle(world: &World) -> BTreeMap<u16, (u64, u64)> {
    let settled = world.ledger.settle(world.tenant, 500).unwrap();
    let lines = settled.period.map(|past| past.lines).unwrap_or_default();
    lines
        .iter()
        .map(|line| (line.group, line.posted.map(|posted| (posted.pool, posted.fee)).unwrap()))
        .collect()
}

fn balance(world: &World, name: &str) -> i64 {
    let owed = world.ledger.owed(world.tenant, &world::sub(name)).unwrap();
    owed.balances.iter().map(|(_, balance)| *balance).sum()
}

fn statement(world: &World, name: &str, period: u32) -> Statement {
    world.ledger.statement(world.tenant, &world::sub(name), Period(period)).unwrap()
}

/// Accounts sum to zero, customers' own balances to their account, and the state is what the log leads to.
fn check(world: &World, names: &[&str]) {
    let books = world.ledger.books(world.tenant).unwrap();
    assert_eq!(books.accounts.iter().map(|(.., balance)| balance).sum::<i64>(), 0);
    let own: i64 = names
        .iter()
        .map(|name| {
            let owed = world.ledger.owed(world.tenant, &world::sub(name)).unwrap();
            let sent = owed.orders.iter().filter(|order| order.state == OrderState::Sent);
            owed.balances.iter().map(|(_, balance)| *balance).sum::<i64>()
                + sent.map(|order| i64::try_from(order.gross).unwrap()).sum::<i64>()
        })
        .sum();
    assert_eq!(books.accounts.balance(Account::Customers, yuan()), own);
    let report = world.ledger.fsck(&mut |_, _| ());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

fn rules() -> PayoutRules {
    let table = "country,from,basis_points,source\nCN,2019-01-01,2000,law\n";
    PayoutRules {
        thresholds: BTreeMap::new(),
        withholding: Withholding::parse(table).unwrap(),
        day: DataDay::parse("2026-11-22").unwrap(),
    }
}

fn new_file(byte: u8) -> Jti {
    Jti::new(grantbook_engine::Clock::system().now(), [byte; 10])
}

fn order(world: &World, file: Jti, names: &[&str]) -> Vec<Ordered> {
    let china = CountryCode::parse("CN").unwrap();
    let payees: Vec<_> = names.iter().map(|name| (world::sub(name), china)).collect();
    let ordered = world.ledger.order_payouts(world.tenant, file, &payees, &rules()).unwrap();
    ordered.into_iter().map(|(_, ordered)| ordered).collect()
}

#[test]
fn uses_are_paid_once_to_the_unit_and_a_second_run_pays_nothing() {
    let mut world = World::new();
    let names = ["ann", "bob", "cyn"];
    for (name, times) in names.into_iter().zip([3, 20, 0]) {
        customer(&world, name, PER_USE);
        use_of(&world, name, times);
    }
    assert_eq!(settle(&world), BTreeMap::from([(1, (23 * 80, 92))]));
    assert_eq!(names.map(|name| balance(&world, name)), [240, 1600, 0]);
    let size = world.ledger.size_root();
    assert_eq!(settle(&world), BTreeMap::new(), "nothing is due");
    assert_eq!(world.ledger.size_root(), size, "nothing was appended");
    let shown = statement(&world, "ann", 1);
    assert!(shown.posted);
    assert_eq!(shown.lines.iter().map(|line| line.minor).collect::<Vec<_>>(), [80, 80, 80]);
    assert!(matches!(&shown.lines[0].what, Movement::Use(used) if used.requester == world::term("web-shop")));
    // what comes later belongs to the next period, and adds to what is owed
    use_of(&world, "ann", 2);
    assert_eq!(balance(&world, "ann"), 240);
    assert_eq!(settle(&world), BTreeMap::from([(1, (160, 8))]));
    assert_eq!(balance(&world, "ann"), 400);
    assert_eq!(statement(&world, "ann", 1).lines.len(), 3, "a posted period does not change");
    check(&world, &names);
    // a lost state and a new key epoch change nothing
    let books = world.ledger.books(world.tenant).unwrap();
    for epoch in [1, 2] {
        world = world.reopen(|config| {
            std::fs::remove_dir_all(config.data_dir.join(format!("epochs/{epoch}/state"))).unwrap();
        });
        assert_eq!(world.ledger.books(world.tenant).unwrap(), books);
        assert_eq!(names.map(|name| balance(&world, name)), [400, 1600, 0]);
        assert_eq!(world.ledger.settlements(world.tenant, None, 10).unwrap().len(), 2);
        world.ledger.roll_epoch().unwrap();
    }
    assert_eq!(statement(&world, "bob", 1).lines.len(), 20);
    check(&world, &names);
}

#[test]
fn a_share_is_apportioned_to_the_last_unit_and_its_entries_commit_to_it() {
    let world = World::new();
    let names = ["ann", "bob", "cyn"];
    let grants = names.map(|name| customer(&world, name, SHARE).1);
    for (name, times) in names.into_iter().zip([1, 1, 2]) {
        use_of(&world, name, times);
    }
    let undeclared = world.ledger.settle(world.tenant, 0).unwrap_err();
    assert!(matches!(undeclared, SettleError::RevenueNotDeclared { group: 1, .. }), "{undeclared}");
    assert!(matches!(declare(&world, 2, 1, 5), Err(AppendError::NotDue { .. })), "not the open period");
    assert!(matches!(declare(&world, 1, 2, 5), Err(AppendError::NotDue { .. })), "no such group");
    // 333 basis points of 300.05 yuan are 9.99 yuan and a rest
    declare(&world, 1, 1, 30_005).unwrap();
    assert!(matches!(declare(&world, 1, 1, 1), Err(AppendError::NotDue { .. })), "declared once");
    assert_eq!(settle(&world), BTreeMap::from([(1, (999, 50))]));
    assert_eq!(names.map(|name| balance(&world, name)), [250, 250, 499]);
    let mut accrued = 0;
    for (name, grant) in names.iter().zip(&grants) {
        let line = statement(&world, name, 1).lines.pop().unwrap();
        let receipt = world.ledger.receipt(world.tenant, LeafIndex(line.leaf_index)).unwrap();
        let verified = receipt.verify(world.ledger.log_keys()).unwrap();
        assert_eq!(verified.quantities.len(), 1);
        assert_eq!(verified.quantities[0].0, Quantity::Amount);
        assert_eq!(i64::try_from(verified.quantities[0].1).unwrap(), line.minor);
        assert_eq!((receipt.link.group, receipt.link.target.leaf_index), (1, grant.leaf_index.0));
        assert_eq!(verified.entry.currency, yuan());
        accrued += verified.quantities[0].1;
    }
    assert_eq!(accrued, 999);
    let past = world.ledger.settlements(world.tenant, None, 10).unwrap().pop().unwrap();
    let receipt = world.ledger.receipt(world.tenant, LeafIndex(past.posted_at)).unwrap();
    let posted = receipt.verify(world.ledger.log_keys()).unwrap();
    assert_eq!(posted.quantities, [(Quantity::Revenue, 30_005), (Quantity::Pool, 999)]);
    assert_eq!(receipt.link.group, 1);
    let VerifiedContent::Event { claims, .. } = posted.content else { panic!("an event") };
    assert!(matches!(claims.event, Event::Money(Money::SettlementPosted(_))));
    check(&world, &names);
}

#[test]
fn prices_per_grant_accrue_once_and_tiers_add_to_what_uses_committed_to() {
    let world = World::new();
    let (ann, first) = customer(&world, "ann", PER_GRANT);
    let tiers =
        r#"{"tiered_price":{"currency":"CNY","minor":80,"tiers":[{"from":3,"minor":100}],"minimum":200}}"#;
    customer(&world, "bob", tiers);
    customer(&world, "cyn", tiers);
    customer(&world, "dan", r#"{"benefit":{"what":"better-rate"}}"#);
    for (name, times) in [("ann", 4), ("bob", 5), ("cyn", 1), ("dan", 2)] {
        use_of(&world, name, times);
    }
    // an amendment of the price does not make it due again
    let mut terms = first.claims.event.terms.clone();
    terms.compensation = serde_json::from_str(r#"{"per_grant":{"currency":"CNY","minor":9000}}"#).unwrap();
    let amended = GrantAmended { sub: world::sub("ann"), grant: first.id, terms, birth_day: None };
    world.append(Kind::GrantAmended, amended, &[&ann]).unwrap();
    settle(&world);
    assert_eq!(["ann", "bob", "cyn", "dan"].map(|name| balance(&world, name)), [1500, 460, 200, 0]);
    let minors = |name| statement(&world, name, 1).lines.iter().map(|line| line.minor).collect::<Vec<_>>();
    assert_eq!(minors("bob"), [80, 80, 80, 80, 80, 60]);
    assert_eq!(minors("cyn"), [80, 120]);
    let benefits = statement(&world, "dan", 1).benefits;
    assert_eq!((benefits.len(), benefits[0].uses), (1, 2));
    use_of(&world, "ann", 1);
    assert_eq!(settle(&world), BTreeMap::new(), "the price of a grant is paid once");
    check(&world, &["ann", "bob", "cyn", "dan"]);
}

#[test]
fn a_settlement_cut_off_anywhere_is_finished_by_the_next_with_the_same_amounts() {
    let amounts = |cut: Option<u64>| {
        let mut world = World::new();
        let names: Vec<String> = (0..40).map(|number| format!("cs-{number}")).collect();
        for (number, name) in names.iter().enumerate() {
            let signer = world.enrol(name);
            world.grant(&signer, name, paid_by(if number % 2 == 0 { SHARE } else { PER_USE }));
            use_of(&world, name, 1 + number % 3);
        }
        declare(&world, 1, 1, 1_000_003).unwrap();
        if let Some(micros) = cut {
            let (ledger, tenant) = (world.ledger.clone(), world.tenant);
            let run = std::thread::spawn(move || ledger.settle(tenant, 0).is_ok());
            std::thread::sleep(std::time::Duration::from_micros(micros));
            world = world.reopen(|_| ());
            run.join().unwrap();
        }
        world.ledger.settle(world.tenant, 0).unwrap();
        let past = world.ledger.settlements(world.tenant, None, 10).unwrap();
        assert_eq!(past.len(), 1);
        assert_eq!(settle(&world), BTreeMap::new());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        check(&world, &names);
        names.iter().map(|name| balance(&world, name)).collect::<Vec<_>>()
    };
    let expected = amounts(None);
    assert_eq!(expected.iter().step_by(2).sum::<i64>(), 33_300);
    for micros in [0, 300, 1_000, 2_000, 4_000, 8_000, 16_000] {
        assert_eq!(amounts(Some(micros)), expected, "cut off after {micros} µs");
    }
}

#[test]
fn payments_wait_for_the_threshold_and_failed_ones_are_retried_without_paying_twice() {
    let world = World::new();
    customer(&world, "ann", PER_USE);
    use_of(&world, "ann", 10);
    settle(&world);
    // 8 yuan are carried forward
    assert_eq!(order(&world, new_file(1), &["ann"]), [Ordered::Carried { currency: yuan(), balance: 800 }]);
    use_of(&world, "ann", 5);
    settle(&world);
    let file = new_file(2);
    let [Ordered::Order(first)] = order(&world, file, &["ann", "nobody"])[..] else { panic!("an order") };
    assert_eq!((first.gross, first.withheld, first.state), (1200, 240, OrderState::Sent));
    // the same file again is the same order; whether the bank has it is not known, so another file has nothing of it
    assert_eq!(order(&world, file, &["ann"]), [Ordered::Order(first)]);
    assert_eq!(order(&world, new_file(3), &["ann"]), []);
    check(&world, &["ann"]);
    assert!(world.ledger.payment_ended(world.tenant, first.id, Some(world::term("ac04"))).unwrap());
    assert!(!world.ledger.payment_ended(world.tenant, first.id, Some(world::term("ac04"))).unwrap());
    let [Ordered::Order(second)] = order(&world, new_file(4), &["ann"])[..] else { panic!("an order") };
    assert_ne!(second.id, first.id);
    assert_eq!(second.gross, 1200);
    // the bank contradicts itself: for a person to look into
    let paid_after_all = world.ledger.payment_ended(world.tenant, first.id, None);
    assert!(matches!(paid_after_all, Err(SettleError::Append(AppendError::NotDue { .. }))));
    let sub = world::sub("ann");
    let withdrawn = world.ledger.begin_erasure(world.tenant, &sub, Channel::Mail).unwrap();
    assert!(world.ledger.finish_erasure(world.tenant, withdrawn.id, &[]).is_err(), "a payment is under way");
    assert!(world.ledger.payment_ended(world.tenant, second.id, None).unwrap());
    assert!(!world.ledger.payment_ended(world.tenant, second.id, None).unwrap());
    assert_eq!(order(&world, new_file(5), &["ann"]), []);
    let books = world.ledger.books(world.tenant).unwrap();
    let tax = Account::Tax(CountryCode::parse("CN").unwrap());
    assert_eq!(books.accounts.balance(tax, yuan()), 240);
    assert_eq!(books.accounts.balance(Account::Platform, yuan()), 60);
    assert_eq!(books.accounts.balance(Account::Enterprise, yuan()), -300);
    assert!(matches!(
        world.ledger.payment_ended(world.tenant, new_file(9), None),
        Err(SettleError::Read(ReadError::NotFound))
    ));
    check(&world, &["ann"]);
}

#[test]
fn a_correction_is_a_reversal_in_a_later_period_and_edits_nothing() {
    let world = World::new();
    customer(&world, "ann", PER_USE);
    customer(&world, "bob", SHARE);
    use_of(&world, "ann", 3);
    use_of(&world, "bob", 1);
    let reverse =
        |leaf: u64| world.ledger.reverse_payout(world.tenant, LeafIndex(leaf), world::term("mistake"));
    let used = statement(&world, "ann", 1).lines[1].leaf_index;
    assert!(reverse(used).is_err(), "its period is not posted");
    declare(&world, 1, 2, 100_000).unwrap();
    settle(&world);
    let before = world.ledger.settlements(world.tenant, None, 10).unwrap();
    let leaf = reverse(used).unwrap().leaf_index;
    let receipt = world.ledger.receipt(world.tenant, leaf).unwrap();
    receipt.verify(world.ledger.log_keys()).unwrap();
    assert_eq!(receipt.link.target.leaf_index, used);
    assert!(reverse(used).is_err(), "taken back once");
    assert!(reverse(leaf.0).is_err(), "a reversal pays nothing that could be taken back");
    let accrual = statement(&world, "bob", 1).lines.pop().unwrap();
    assert_eq!(accrual.minor, 3330);
    reverse(accrual.leaf_index).unwrap();
    assert_eq!(["ann", "bob"].map(|name| balance(&world, name)), [160, 0]);
    assert_eq!(world.ledger.settlements(world.tenant, None, 10).unwrap(), before, "what is posted stays");
    assert_eq!(statement(&world, "ann", 1).lines.iter().map(|line| line.minor).sum::<i64>(), 240);
    assert_eq!(statement(&world, "ann", 2).lines.iter().map(|line| line.minor).sum::<i64>(), -80);
    check(&world, &["ann", "bob"]);
}

#[test]
fn what_was_earned_before_an_erasure_still_counts_in_the_pool() {
    let mut world = World::new();
    for name in ["ann", "bob"] {
        customer(&world, name, PER_USE);
        use_of(&world, name, 2);
    }
    settle(&world);
    use_of(&world, "ann", 5);
    use_of(&world, "bob", 1);
    let pending = world.ledger.begin_erasure(world.tenant, &world::sub("ann"), Channel::Mail).unwrap();
    world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
    assert_eq!(settle(&world), BTreeMap::from([(1, (480, 24))]));
    for epoch in [1, 2] {
        let books = world.ledger.books(world.tenant).unwrap();
        assert_eq!(books.accounts.balance(Account::Unclaimed, yuan()), 160 + 400);
        assert_eq!(books.accounts.balance(Account::Customers, yuan()), 160 + 80);
        check(&world, &["bob"]);
        world = world.reopen(|config| {
            std::fs::remove_dir_all(config.data_dir.join(format!("epochs/{epoch}/state"))).unwrap();
        });
        assert_eq!(world.ledger.books(world.tenant).unwrap(), books);
        world.ledger.roll_epoch().unwrap();
    }
}

#[test]
fn what_was_settled_elsewhere_comes_as_records_and_is_due_to_nobody_here() {
    let world = World::new();
    customer(&world, "ann", PER_USE);
    customer(&world, "bob", SHARE);
    use_of(&world, "ann", 30);
    use_of(&world, "bob", 2);
    declare(&world, 1, 2, 100_000).unwrap();
    settle(&world);
    order(&world, new_file(1), &["ann", "bob"]);
    let accrual = statement(&world, "bob", 1).lines.last().unwrap().leaf_index;
    world.ledger.reverse_payout(world.tenant, LeafIndex(accrual), world::term("mistake")).unwrap();
    let lines = transfers::export(&world.ledger, world.tenant, None);
    let folder = tempfile::tempdir().unwrap();
    let other = Ledger::open(&LedgerConfig::new(folder.path().join("data"))).unwrap();
    let imported = transfers::import(&other, &lines, world.ledger.log_keys()).unwrap();
    assert_eq!(imported.records, lines.len() as u64 - 2);
    let books = other.books(world.tenant).unwrap();
    assert_eq!((books.lines.len(), books.accounts.iter().count()), (0, 0));
    assert!(other.settle(world.tenant, 0).unwrap().period.is_none());
    for leaf in 0..other.size_root().0.0 {
        match other.receipt(world.tenant, LeafIndex(leaf)) {
            Ok(receipt) => drop(receipt.verify(other.log_keys()).unwrap()),
            // the operator's own
            Err(ReadError::NotFound) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(other.fsck(&mut |_, _| ()).findings.is_empty());
}

#[test]
fn refusing_and_withdrawing_change_nobody_elses_price() {
    let amounts = |leaves: bool| {
        let world = World::new();
        let mut first = None;
        for name in ["ann", "bob", "cyn"] {
            let given = customer(&world, name, if name == "cyn" { SHARE } else { PER_USE });
            first.get_or_insert(given);
        }
        if leaves {
            // one withdraws, and another never agrees
            let (ann, grant) = first.unwrap();
            world.withdraw(&ann, "ann", grant.id);
            world.enrol("dan");
        } else {
            use_of(&world, "ann", 4);
            customer(&world, "dan", PER_USE);
        }
        use_of(&world, "bob", 3);
        use_of(&world, "cyn", 2);
        declare(&world, 1, 2, 50_000).unwrap();
        settle(&world);
        let prices = ["bob", "cyn"].map(|name| {
            let grants = world.ledger.grants_of(world.tenant, &world::sub(name)).unwrap();
            serde_json::to_string(&grants[0].grant.terms.compensation).unwrap()
        });
        (["bob", "cyn"].map(|name| balance(&world, name)), prices)
    };
    assert_eq!(amounts(true), amounts(false));
    assert_eq!(amounts(true).0, [240, 1665]);
}
