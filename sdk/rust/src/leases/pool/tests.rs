//! Pools against a book that is as simple as the specification.

use std::collections::BTreeMap;

use grantbook_record::SubjectId;
use grantbook_record::lease::{GrantLimit, ProjectBudget};
use proptest::prelude::*;

use super::*;

const TTL: u64 = 60_000;

fn limit(number: u8) -> Limit {
    let id = Jti::new(UnixMillis(u64::from(number)), [number; 10]);
    Limit::Grant(GrantLimit { sub: SubjectId::parse("cs-1").unwrap(), grant: id })
}

fn budget() -> Limit {
    Limit::Budget(ProjectBudget { project: grantbook_record::Term::parse("pricing").unwrap() })
}

fn lease(number: u64, units: u64, expires: u64) -> Lease {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Lease { id: Jti::new(UnixMillis(1), random), units, expires: UnixMillis(expires), currency: None }
}

fn at(ms: u64) -> UnixMillis {
    UnixMillis(ms)
}

fn pool() -> LeasePool<u32> {
    LeasePool::new(PoolRules::default())
}

/// Who was served, with how many units or why not.
fn outcome(served: Vec<Served<u32>>) -> Vec<(u32, Result<u64, DenialReason>)> {
    served.into_iter().map(|one| (one.waiter, one.drawn.map(|drawn| drawn.units))).collect()
}

#[test]
fn one_request_serves_everybody_who_waits() {
    let mut pool = pool();
    assert_eq!(pool.draw(&limit(1), 1, at(0)).unwrap_err().want, Want { of: limit(1), least: 1, most: 1 });
    for waiter in 0..3 {
        pool.wait(&limit(1), 1, waiter);
    }
    pool.wait(&budget(), 80, 3);
    let wants = pool.next_request(at(0));
    assert_eq!(
        wants,
        [Want { of: limit(1), least: 1, most: 3 }, Want { of: budget(), least: 80, most: 80 }],
        "several limits in one request"
    );
    pool.wait(&limit(1), 1, 4);
    assert!(pool.next_request(at(0)).is_empty(), "one is under way");
    // fewer than were waited for: the third goes on waiting
    let answer = vec![Leased::Lease(lease(1, 2, TTL)), Leased::Refused(DenialReason::Budget)];
    let served = outcome(pool.answered(answer, at(5)));
    assert_eq!(served, [(0, Ok(1)), (1, Ok(1)), (3, Err(DenialReason::Budget))]);
    assert_eq!(pool.next_request(at(6))[0].of, limit(1));
    assert_eq!(outcome(pool.failed()), [(4, Err(DenialReason::Unleased)), (2, Err(DenialReason::Unleased))]);
}

#[test]
fn slices_grow_with_the_demand_and_are_asked_for_before_they_are_gone() {
    let mut pool = pool();
    pool.wait(&limit(1), 1, 0);
    assert_eq!(pool.next_request(at(0)).len(), 1);
    pool.answered(vec![Leased::Lease(lease(1, 8, TTL))], at(0));
    for _ in 0..5 {
        pool.draw(&limit(1), 1, at(1)).unwrap();
    }
    assert!(pool.next_request(at(1)).is_empty(), "2 of 8 are left");
    pool.draw(&limit(1), 1, at(1)).unwrap();
    assert_eq!(pool.next_request(at(1)), [Want { of: limit(1), least: 1, most: 14 }]);
    assert!(pool.answered(vec![Leased::Refused(DenialReason::Cap)], at(1)).is_empty());
    pool.draw(&limit(1), 1, at(2)).unwrap();
    assert!(pool.next_request(at(900)).is_empty(), "patience after a refusal");
    assert_eq!(pool.next_request(at(1001)).len(), 1);
}

#[test]
fn nothing_is_drawn_on_a_lease_that_is_about_to_expire_or_given_back() {
    let mut pool = pool();
    pool.wait(&limit(1), 1, 0);
    pool.next_request(at(0));
    let served = pool.answered(vec![Leased::Lease(lease(1, 4, TTL))], at(0));
    let first = served[0].drawn.as_ref().unwrap().clone();
    assert!(pool.draw(&limit(1), 1, at(TTL - 501)).is_ok());
    assert!(pool.draw(&limit(1), 1, at(TTL - 500)).is_err());
    pool.give_back(&first);
    assert!(pool.due(at(TTL)).is_empty(), "a permit may still be voided");
    let release = Release { lease: first.lease.unwrap(), spent: 1 };
    assert_eq!(pool.due(at(TTL + 5000)), [release]);
    pool.give_back(&first);
    assert_eq!(pool.due(at(TTL + 6000)), [release], "said the same until it is taken in");
    pool.released(&[release]);
    assert!(pool.due(at(TTL + 7000)).is_empty() && pool.limits.is_empty());
}

#[test]
fn idle_leases_are_given_back_and_all_of_them_at_the_end() {
    let mut pool = pool();
    for (number, of) in [(1, limit(1)), (2, limit(2))] {
        pool.wait(&of, 1, 0);
        pool.next_request(at(0));
        pool.answered(vec![Leased::Lease(lease(number, 4, TTL))], at(0));
    }
    pool.draw(&limit(2), 1, at(19_999)).unwrap();
    assert_eq!(pool.due(at(20_000)), [Release { lease: lease(1, 4, TTL).id, spent: 1 }]);
    assert!(pool.draw(&limit(1), 1, at(20_000)).is_err());
    assert_eq!(pool.drain().len(), 2);
    assert_eq!(pool.left(&limit(2), at(20_000)), 0);
}

#[test]
fn an_answer_of_another_length_is_none() {
    let mut pool = pool();
    pool.wait(&limit(1), 1, 7);
    pool.next_request(at(0));
    assert_eq!(outcome(pool.answered(Vec::new(), at(0))), [(7, Err(DenialReason::Unleased))]);
}

/// The book: as many units as a cap has, leases, and what releases give back.
struct Book {
    left: u64,
    leases: BTreeMap<Jti, (u64, bool)>,
    next: u64,
}

impl Book {
    fn ask(&mut self, want: &Want, now: UnixMillis) -> Leased {
        if self.left < want.least {
            return Leased::Refused(DenialReason::Cap);
        }
        let units = want.most.min(self.left.div_ceil(2)).max(want.least);
        self.left -= units;
        self.next += 1;
        let lease = lease(self.next, units, now.0 + TTL);
        self.leases.insert(lease.id, (units, false));
        Leased::Lease(lease)
    }

    fn release(&mut self, release: &Release) {
        let (units, said) = self.leases.get_mut(&release.lease).unwrap();
        if !*said {
            *said = true;
            self.left += *units - release.spent;
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Use {
        gate: usize,
        units: u64,
    },
    /// A request leaves; its answer comes, or does not.
    Ask {
        gate: usize,
        lost: bool,
    },
    Void {
        which: usize,
    },
    /// What is due, or everything, is given back; the answer comes, or does not.
    Release {
        gate: usize,
        all: bool,
        lost: bool,
    },
    Wait {
        ms: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..2_usize, 1..4_u64).prop_map(|(gate, units)| Step::Use { gate, units }),
        6 => (0..2_usize, prop::bool::weighted(0.2)).prop_map(|(gate, lost)| Step::Ask { gate, lost }),
        2 => any::<usize>().prop_map(|which| Step::Void { which }),
        2 => (0..2_usize, prop::bool::weighted(0.2), prop::bool::weighted(0.3))
            .prop_map(|(gate, all, lost)| Step::Release { gate, all, lost }),
        3 => prop_oneof![1..2_000_u64, 2_000..70_000_u64].prop_map(|ms| Step::Wait { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn two_gates_never_draw_the_last_unit_twice(cap in 1..12_u64, steps in prop::collection::vec(step(), 1..120)) {
        let mut pools = [pool(), pool()];
        let mut book = Book { left: cap, leases: BTreeMap::new(), next: 0 };
        let (mut now, mut next, mut used) = (UnixMillis(1_000), 0_u32, Vec::<(usize, Drawn)>::new());
        let mut waiting = BTreeMap::new();
        for step in steps {
            match step {
                Step::Use { gate, units } => match pools[gate].draw(&limit(1), units, now) {
                    Ok(drawn) => used.push((gate, drawn)),
                    Err(Short { want }) => {
                        prop_assert!(want.least == units && want.most >= units);
                        pools[gate].wait(&limit(1), units, next);
                        waiting.insert(next, (gate, units));
                        next += 1;
                    }
                },
                Step::Ask { gate, lost } => {
                    let wants = pools[gate].next_request(now);
                    if wants.is_empty() {
                        continue;
                    }
                    prop_assert!(wants.iter().all(|want| 0 < want.least && want.least <= want.most));
                    // what is lost on the way back stays charged
                    let leased: Vec<_> = wants.iter().map(|want| book.ask(want, now)).collect();
                    let served = if lost { pools[gate].failed() } else { pools[gate].answered(leased, now) };
                    for Served { waiter, drawn } in served {
                        let (asked_by, units) = waiting.remove(&waiter).unwrap();
                        prop_assert_eq!(asked_by, gate);
                        if let Ok(drawn) = drawn {
                            prop_assert_eq!(drawn.units, units);
                            used.push((gate, drawn));
                        }
                    }
                }
                Step::Void { which } => {
                    if !used.is_empty() {
                        let at = which % used.len();
                        let is_open = pools[used[at].0].limits.values().any(|held| {
                            held.slices.iter().any(|slice| Some(slice.lease.id) == used[at].1.lease && !slice.closed)
                        });
                        // once its lease is given back a unit stays charged
                        if is_open {
                            let (gate, drawn) = used.swap_remove(at);
                            pools[gate].give_back(&drawn);
                        }
                    }
                }
                Step::Release { gate, all, lost } => {
                    let releases = if all { pools[gate].drain() } else { pools[gate].due(now) };
                    for release in &releases {
                        book.release(release);
                    }
                    if !lost {
                        pools[gate].released(&releases);
                    }
                }
                Step::Wait { ms } => now.0 += ms,
            }
            let drawn: u64 = used.iter().map(|(_, drawn)| drawn.units).sum();
            prop_assert!(drawn + book.left <= cap, "{drawn} drawn, {} left of {cap}", book.left);
        }
        // everything that is given back can be drawn again
        for pool in &mut pools {
            for release in pool.drain() {
                book.release(&release);
            }
        }
        let drawn: u64 = used.iter().map(|(_, drawn)| drawn.units).sum();
        let lost: u64 = book.leases.values().filter(|(_, said)| !said).map(|(units, _)| units).sum();
        prop_assert_eq!(drawn + lost + book.left, cap);
    }
}

#[test]
fn a_project_without_a_budget_draws_on_nothing_until_it_must_ask_again() {
    let mut pool = pool();
    pool.wait(&budget(), 80, 0);
    assert_eq!(pool.next_request(at(0)).len(), 1);
    let served = pool.answered(vec![Leased::Unlimited(Unlimited { expires: at(TTL) })], at(5));
    assert!(matches!(&served[0].drawn, Ok(Drawn { lease: None, units: 80, .. })), "{served:?}");
    let margin = PoolRules::default().margin_ms;
    let drawn = pool.draw(&budget(), 1_000_000, at(TTL - margin - 1)).unwrap();
    pool.give_back(&drawn);
    assert!(pool.drain().is_empty() && pool.is_empty(), "nothing is to be given back");
    assert!(pool.draw(&budget(), 1, at(TTL - margin)).is_err(), "a budget may have been set");
    // then it is in a currency
    pool.wait(&budget(), 1, 1);
    pool.next_request(at(TTL));
    let cny = Currency::parse("CNY").unwrap();
    let leased = Lease { currency: Some(cny), ..lease(1, 100, 2 * TTL) };
    let served = pool.answered(vec![Leased::Lease(leased)], at(TTL));
    assert!(matches!(&served[0].drawn, Ok(drawn) if drawn.currency == Some(cny)), "{served:?}");
}
