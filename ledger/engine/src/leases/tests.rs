//! The book against gates that draw, die, lie and send again, and against a slow account of all that ever happened.

use grantbook_plan::UseCount;
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::lease::{Lease, Leased, Unlimited};
use grantbook_record::terms::{Rate, UseCap, WindowSeconds};
use grantbook_record::{Currency, DenialReason, GateId, Jti, MinorUnits, Term};
use proptest::prelude::*;

use super::{Ask, Charged, GrantLimits, LeaseBook, LeaseRules, LimitKey, Taken};

const GATES: [&str; 3] = ["north", "south", "west"];
const RULES: LeaseRules = LeaseRules { ttl_ms: 20_000, late_after_ms: 60_000 };
const BEGIN: u64 = 1_800_000_000_000;

fn gate(number: usize) -> GateId {
    GateId::parse(GATES[number % GATES.len()]).unwrap()
}

fn id(number: u64) -> Jti {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Jti::new(UnixMillis(BEGIN), random)
}

fn grant_key() -> LimitKey {
    LimitKey::Grant { tenant: 0, customer: [7; 16], grant: id(0) }
}

fn project_key() -> LimitKey {
    LimitKey::Budget { tenant: 0, project: Term::parse("pricing").unwrap() }
}

#[derive(Debug, Clone)]
enum Step {
    Ask {
        gate: usize,
        least: u64,
        more: u64,
    },
    Draw {
        gate: usize,
    },
    /// A record reaches the ledger: which of those that wait.
    Arrive {
        which: usize,
    },
    /// A gate's word for one of its leases, `lie` units too few.
    Release {
        which: usize,
        lie: u64,
    },
    /// A gate is killed: it knows none of its leases any more.
    Kill {
        gate: usize,
    },
    /// A use that the ledger itself permits.
    Direct,
    /// The ledger starts again.
    Restart,
    Wait {
        ms: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_usize, 1..4_u64, 0..8_u64).prop_map(|(gate, least, more)| Step::Ask { gate, least, more }),
        6 => (0..3_usize).prop_map(|gate| Step::Draw { gate }),
        5 => any::<usize>().prop_map(|which| Step::Arrive { which }),
        2 => (any::<usize>(), prop_oneof![4 => Just(0_u64), 1 => 1..3_u64])
            .prop_map(|(which, lie)| Step::Release { which, lie }),
        1 => (0..3_usize).prop_map(|gate| Step::Kill { gate }),
        2 => Just(Step::Direct),
        1 => Just(Step::Restart),
        3 => prop_oneof![4 => 1..3_000_u64, 2 => 3_000..25_000_u64, 1 => 25_000..120_000_u64]
            .prop_map(|ms| Step::Wait { ms }),
    ]
}

/// A lease as the gate that holds it and the slow account know it.
#[derive(Debug, Clone)]
struct Held {
    lease: Lease,
    gate: usize,
    drawn: u64,
    /// Arrived and covered.
    arrived: u64,
    said: Option<u64>,
    /// The gate may still draw on it.
    alive: bool,
}

#[derive(Debug, Clone)]
struct Record {
    lease: Jti,
    gate: usize,
    at: UnixSeconds,
}

struct World {
    book: LeaseBook,
    limits: GrantLimits,
    now: UnixMillis,
    held: Vec<Held>,
    waiting: Vec<Record>,
    /// Seconds of all uses that were permitted, whether they are recorded or not.
    uses: Vec<UnixSeconds>,
    flagged: u64,
    has_lied: bool,
    next: u64,
}

impl World {
    fn new(cap: Option<u64>, rate: Option<Rate>) -> Self {
        Self {
            book: LeaseBook::default(),
            limits: GrantLimits { cap, rate, count: UseCount::default() },
            now: UnixMillis(BEGIN),
            held: Vec::new(),
            waiting: Vec::new(),
            uses: Vec::new(),
            flagged: 0,
            has_lied: false,
            next: 1,
        }
    }

    fn count(&self, now: UnixMillis) -> UseCount {
        self.book.count(&grant_key(), self.limits.count, self.limits.rate.as_ref(), now)
    }

    /// As the decision asks.
    fn permits(&self, at: UnixSeconds) -> bool {
        let count = self.count(UnixMillis(at.0 * 1000));
        let within_cap = self.limits.cap.is_none_or(|cap| count.uses < cap);
        let within_rate = self.limits.rate.is_none_or(|rate| {
            let end = count.window_start.0 + u64::from(rate.seconds.get());
            count.window_uses < rate.uses.get() || at.0 >= end
        });
        within_cap && within_rate
    }

    fn record(&mut self, gate: &GateId, leases: &[Jti], at: UnixSeconds) -> bool {
        let used = Taken { gate, leases, at };
        let is_covered = self.book.covered(&grant_key(), &used, 1) == 1;
        let is_fine = is_covered || self.permits(at);
        self.flagged += u64::from(!is_fine);
        self.limits.count.count(self.limits.rate.as_ref(), at);
        self.book.take_use(&grant_key(), &used);
        is_covered
    }

    /// Units that are charged and not recorded, added up from everything that ever happened.
    fn charged(&self) -> u64 {
        let charged =
            |held: &Held| held.said.map_or(held.lease.units, |said| said.max(held.arrived)) - held.arrived;
        self.held.iter().map(charged).sum()
    }

    fn take(&mut self, step: &Step) {
        let seconds = self.now.seconds();
        match *step {
            Step::Ask { gate: number, least, more } => {
                let name = gate(number);
                let ask = Ask { gate: &name, id: id(self.next), least, most: least + more, now: self.now };
                self.next += 1;
                let left =
                    self.limits.cap.map(|cap| cap.saturating_sub(self.limits.count.uses + self.charged()));
                match self.book.lease_grant(&grant_key(), &self.limits, &ask, &RULES) {
                    Leased::Lease(lease) => {
                        assert!((least..=least + more).contains(&lease.units));
                        assert!(lease.expires > self.now && lease.expires.0 <= self.now.0 + RULES.ttl_ms);
                        if let Some(left) = left {
                            assert!(
                                least <= left && lease.units <= least.max(left.div_ceil(2)),
                                "{left} left"
                            );
                        }
                        self.held.push(Held {
                            lease,
                            gate: number,
                            drawn: 0,
                            arrived: 0,
                            said: None,
                            alive: true,
                        });
                    }
                    Leased::Refused(DenialReason::Cap) => assert!(left.unwrap() < least, "{left:?} left"),
                    Leased::Refused(reason) => assert_eq!(reason, DenialReason::Rate),
                    Leased::Unlimited(_) => panic!("a grant with limits"),
                }
            }
            Step::Draw { gate } => {
                let now = self.now;
                let can = |held: &&mut Held| {
                    held.gate == gate
                        && held.alive
                        && now < held.lease.expires
                        && held.drawn < held.lease.units
                };
                if let Some(held) = self.held.iter_mut().find(can) {
                    held.drawn += 1;
                    self.uses.push(seconds);
                    self.waiting.push(Record { lease: held.lease.id, gate, at: seconds });
                }
            }
            Step::Arrive { which } => {
                if self.waiting.is_empty() {
                    return;
                }
                let Record { lease, gate: number, at } = self.waiting.remove(which % self.waiting.len());
                let is_covered = self.record(&gate(number), &[lease], at);
                let held = self.held.iter_mut().find(|held| held.lease.id == lease).unwrap();
                held.arrived += u64::from(is_covered);
                // without a cap nothing is kept of what nobody accounted for in time
                let is_kept = self.limits.cap.is_some() && !self.has_lied;
                assert!(is_covered || !is_kept, "a record that drew on a lease is charged to it");
            }
            Step::Release { which, lie } => {
                if self.held.is_empty() {
                    return;
                }
                let at = which % self.held.len();
                let held = &mut self.held[at];
                held.alive = false;
                let spent = held.drawn.saturating_sub(lie);
                self.has_lied |= spent < held.drawn;
                if held.said.is_none() {
                    held.said = Some(spent);
                }
                let (id, owner) = (held.lease.id, gate(held.gate));
                // another gate's word, or another tenant's, changes nothing
                self.book.release(0, &gate(held.gate + 1), &id, 0);
                self.book.release(1, &owner, &id, 0);
                self.book.release(0, &owner, &id, spent);
            }
            Step::Kill { gate } => {
                self.held.iter_mut().filter(|held| held.gate == gate).for_each(|held| held.alive = false);
            }
            Step::Direct => {
                if self.permits(seconds) {
                    self.uses.push(seconds);
                    let remote = GateId::parse("remote").unwrap();
                    assert!(!self.record(&remote, &[], seconds));
                }
            }
            Step::Restart => {
                let mut again = LeaseBook::default();
                again.put(self.book.take_all()).unwrap();
                assert_eq!(again, self.book);
                self.book = again;
            }
            Step::Wait { ms } => self.now.0 += ms,
        }
    }
}

/// The largest number of uses that one window, as the decision counts them, holds.
fn fullest_window(uses: &[UnixSeconds], rate: Rate) -> u32 {
    let mut sorted = uses.to_vec();
    sorted.sort_unstable();
    let mut count = UseCount::default();
    let counted = sorted.into_iter().map(|at| {
        count.count(Some(&rate), at);
        count.window_uses
    });
    counted.max().unwrap_or(0)
}

fn rate(uses: u32, seconds: u32) -> Rate {
    Rate { uses: UseCap::new(uses).unwrap(), seconds: WindowSeconds::new(seconds).unwrap() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_cap_is_never_passed(cap in 1..25_u64, steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new(Some(cap), None);
        for step in steps {
            world.take(&step);
            let recorded = world.limits.count.uses;
            let Charged { outstanding, written_off } = world.book.charged(&grant_key(), world.now, &RULES);
            prop_assert_eq!(outstanding + written_off, world.charged());
            prop_assert!(recorded - world.flagged + outstanding + written_off <= cap);
            if !world.has_lied {
                prop_assert_eq!(world.flagged, 0);
                prop_assert!(world.uses.len() as u64 <= cap);
            }
        }
        // every gate says what it drew, and every record arrives: nothing is lost
        for which in 0..world.held.len() {
            world.take(&Step::Release { which, lie: 0 });
        }
        while !world.waiting.is_empty() {
            world.take(&Step::Arrive { which: 0 });
        }
        if !world.has_lied {
            prop_assert_eq!(world.book.charged(&grant_key(), world.now, &RULES), Charged::default());
            prop_assert_eq!(world.limits.count.uses, world.uses.len() as u64);
            world.book.tidy(world.now, &RULES);
            prop_assert!(world.book.is_empty());
        }
    }

    #[test]
    fn no_window_holds_more_than_the_rate(
        uses in 1..6_u32,
        seconds in 1..40_u32,
        cap in prop_oneof![Just(None), (5..40_u64).prop_map(Some)],
        offset in 0..1000_u64,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let rate = rate(uses, seconds);
        let mut world = World::new(cap, Some(rate));
        world.now.0 += offset;
        for step in steps {
            if matches!(step, Step::Release { lie: 1.., .. }) {
                continue;
            }
            world.take(&step);
            prop_assert!(fullest_window(&world.uses, rate) <= uses, "{:?}", world.uses);
            if let Some(cap) = cap {
                prop_assert!(world.uses.len() as u64 <= cap);
            }
        }
    }

    #[test]
    fn a_budget_is_never_passed(minor in 1..200_u64, steps in prop::collection::vec((step(), 1..30_u64), 1..100)) {
        let mut book = LeaseBook::default();
        let key = project_key();
        let cny = Currency::parse("CNY").unwrap();
        prop_assert!(book.set_budget(&key, cny, MinorUnits(minor)));
        let (mut now, mut next, mut spent, mut leases) = (UnixMillis(BEGIN), 1, 0, Vec::<(usize, Lease, u64)>::new());
        for (step, payout) in steps {
            match step {
                Step::Ask { gate: number, least, more } => {
                    let name = gate(number);
                    let ask = Ask { gate: &name, id: id(next), least: least * 5, most: (least + more) * 5, now };
                    next += 1;
                    if let Leased::Lease(lease) = book.lease_budget(&key, &ask, &RULES) {
                        leases.push((number, lease, 0));
                    }
                }
                Step::Draw { gate: number } => {
                    let can = |held: &&mut (usize, Lease, u64)| {
                        held.0 == number && held.1.units - held.2 >= payout && now < held.1.expires
                    };
                    if let Some((_, lease, drawn)) = leases.iter_mut().find(can) {
                        *drawn += payout;
                        let (name, named) = (gate(number), [lease.id]);
                        let used = Taken { gate: &name, leases: &named, at: now.seconds() };
                        prop_assert_eq!(book.covered(&key, &used, payout), payout);
                        prop_assert!(book.pays(&key, cny, payout, payout));
                        book.take_payout(&key, &used, cny, payout);
                        spent += payout;
                    }
                }
                Step::Direct => {
                    if book.pays(&key, cny, payout, 0) {
                        let remote = GateId::parse("remote").unwrap();
                        book.take_payout(&key, &Taken { gate: &remote, leases: &[], at: now.seconds() }, cny, payout);
                        spent += payout;
                    }
                }
                Step::Release { which, .. } if !leases.is_empty() => {
                    let (number, lease, drawn) = leases.swap_remove(which % leases.len());
                    book.release(0, &gate(number), &lease.id, drawn);
                }
                Step::Restart => {
                    let mut again = LeaseBook::default();
                    again.put(book.take_all()).unwrap();
                    prop_assert_eq!(&again, &book);
                    book = again;
                }
                Step::Wait { ms } => now.0 += ms,
                Step::Arrive { .. } | Step::Kill { .. } | Step::Release { .. } => {}
            }
            let shown = book.budgets(0, now, &RULES).remove(0);
            prop_assert_eq!(shown.spent, MinorUnits(spent));
            let Charged { outstanding, written_off } = shown.charged;
            prop_assert!(spent + outstanding + written_off <= minor);
        }
    }
}

fn ask(book: &mut LeaseBook, limits: &GrantLimits, number: u64, now: u64, least: u64, most: u64) -> Leased {
    let ask = Ask { gate: &gate(0), id: id(number), least, most, now: UnixMillis(BEGIN + now) };
    book.lease_grant(&grant_key(), limits, &ask, &RULES)
}

fn units(leased: &Leased) -> u64 {
    match leased {
        Leased::Lease(lease) => lease.units,
        other => panic!("{other:?}"),
    }
}

#[test]
fn many_gates_share_what_is_left() {
    let mut book = LeaseBook::default();
    let limits = GrantLimits { cap: Some(100), rate: None, count: UseCount::default() };
    let given: Vec<u64> = (1..8).map(|number| units(&ask(&mut book, &limits, number, 0, 1, 1000))).collect();
    assert_eq!(given, [50, 25, 13, 6, 3, 2, 1]);
    assert_eq!(ask(&mut book, &limits, 9, 0, 1, 1000), Leased::Refused(DenialReason::Cap));
}

#[test]
fn what_is_needed_now_goes_before_fairness() {
    let mut book = LeaseBook::default();
    let limits = GrantLimits { cap: Some(10), rate: None, count: UseCount::default() };
    assert_eq!(units(&ask(&mut book, &limits, 1, 0, 9, 9)), 9);
}

#[test]
fn a_lease_nobody_accounts_for_is_written_off() {
    let mut book = LeaseBook::default();
    let limits = GrantLimits { cap: Some(4), rate: None, count: UseCount::default() };
    assert_eq!(units(&ask(&mut book, &limits, 1, 0, 4, 4)), 4);
    let after = |ms| UnixMillis(BEGIN + ms);
    let outstanding = Charged { outstanding: 4, written_off: 0 };
    assert_eq!(book.charged(&grant_key(), after(80_000), &RULES), outstanding);
    assert_eq!(ask(&mut book, &limits, 2, 79_000, 1, 1), Leased::Refused(DenialReason::Cap));
    let written_off = Charged { outstanding: 0, written_off: 4 };
    assert_eq!(book.charged(&grant_key(), after(80_001), &RULES), written_off);
    book.tidy(after(1_000_000), &RULES);
    assert_eq!(ask(&mut book, &limits, 3, 1_000_000, 1, 1), Leased::Refused(DenialReason::Cap));
    // late, and still its own
    let used = Taken { gate: &gate(0), leases: &[id(1)], at: after(10_000).seconds() };
    assert_eq!(book.covered(&grant_key(), &used, 1), 1);
    book.take_use(&grant_key(), &used);
    let written_off = Charged { outstanding: 0, written_off: 3 };
    assert_eq!(book.charged(&grant_key(), after(1_000_000), &RULES), written_off);
}

#[test]
fn a_window_that_is_given_back_whole_frees_its_start() {
    let limits = GrantLimits { cap: None, rate: Some(rate(2, 60)), count: UseCount::default() };
    for (spent, then) in [(0, Ok(2)), (1, Ok(1)), (2, Err(DenialReason::Rate))] {
        let mut book = LeaseBook::default();
        assert_eq!(units(&ask(&mut book, &limits, 1, 0, 2, 2)), 2);
        assert_eq!(ask(&mut book, &limits, 2, 100, 1, 1), Leased::Refused(DenialReason::Rate));
        book.release(0, &gate(0), &id(1), spent);
        match ask(&mut book, &limits, 3, 200, then.unwrap_or(1), 2) {
            Leased::Lease(lease) => assert_eq!(Ok(lease.units), then),
            Leased::Refused(reason) => assert_eq!(Err(reason), then),
            Leased::Unlimited(_) => panic!("a grant with a rate"),
        }
    }
}

#[test]
fn the_next_window_waits_for_the_last_moment_of_a_first_use() {
    let limits = GrantLimits { cap: None, rate: Some(rate(2, 60)), count: UseCount::default() };
    let mut book = LeaseBook::default();
    assert_eq!(units(&ask(&mut book, &limits, 1, 0, 1, 1)), 1);
    // the second lease may be the first to be used, until 60 s
    let Leased::Lease(second) = ask(&mut book, &limits, 2, 50_000, 1, 1) else { panic!("leased") };
    assert_eq!(second.expires, UnixMillis(BEGIN + 60_000));
    for at in [61_000, 119_999] {
        assert_eq!(ask(&mut book, &limits, 3, at, 1, 1), Leased::Refused(DenialReason::Rate));
    }
    assert_eq!(units(&ask(&mut book, &limits, 4, 120_000, 2, 2)), 2);
    // a record says when the first use was
    let mut book = LeaseBook::default();
    assert_eq!(units(&ask(&mut book, &limits, 1, 0, 2, 2)), 2);
    let used = Taken { gate: &gate(0), leases: &[id(1)], at: UnixMillis(BEGIN + 3_000).seconds() };
    book.take_use(&grant_key(), &used);
    assert_eq!(ask(&mut book, &limits, 2, 62_999, 1, 1), Leased::Refused(DenialReason::Rate));
    assert_eq!(units(&ask(&mut book, &limits, 3, 63_000, 2, 2)), 2);
}

#[test]
fn a_currency_stays_once_something_is_spent() {
    let mut book = LeaseBook::default();
    let key = project_key();
    let [cny, eur] = ["CNY", "EUR"].map(|code| Currency::parse(code).unwrap());
    assert!(book.set_budget(&key, cny, MinorUnits(100)) && book.set_budget(&key, eur, MinorUnits(100)));
    let used = Taken { gate: &gate(0), leases: &[], at: UnixSeconds(1) };
    book.take_payout(&key, &used, cny, 30);
    assert_eq!(book.budgets(0, UnixMillis(0), &RULES)[0].spent, MinorUnits(0), "another currency");
    book.take_payout(&key, &used, eur, 30);
    assert!(!book.set_budget(&key, cny, MinorUnits(100)));
    assert!(book.set_budget(&key, eur, MinorUnits(40)));
    assert!(book.pays(&key, eur, 10, 0) && !book.pays(&key, eur, 11, 0) && !book.pays(&key, cny, 1, 0));
    assert!(book.pays(&key, cny, 0, 0), "what pays nothing needs no budget");
}

#[test]
fn a_project_without_a_budget_needs_no_lease_until_it_has_one() {
    let mut book = LeaseBook::default();
    let key = project_key();
    let north = gate(0);
    let ask = |now| Ask { gate: &north, id: id(now), least: 5, most: 500, now: UnixMillis(BEGIN + now) };
    let free = Leased::Unlimited(Unlimited { expires: UnixMillis(BEGIN + RULES.ttl_ms) });
    assert_eq!(book.lease_budget(&key, &ask(0), &RULES), free);
    assert!(book.is_empty(), "nothing is charged");
    let cny = Currency::parse("CNY").unwrap();
    assert!(book.pays(&key, cny, 1_000_000, 0));
    assert!(book.set_budget(&key, cny, MinorUnits(600)));
    let Leased::Lease(lease) = book.lease_budget(&key, &ask(1), &RULES) else { panic!("a lease expected") };
    assert_eq!((lease.units, lease.currency), (300, Some(cny)));
    // what was used meanwhile without one competes for what is left
    assert!(book.pays(&key, cny, 300, 0) && !book.pays(&key, cny, 301, 0));
}
