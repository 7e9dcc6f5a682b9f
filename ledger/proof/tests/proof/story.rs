//! A day in rounds. Each round has something for every statement, at the edge of what is allowed where there is one.

use grantbook_proof::Statement;
use grantbook_record::{Class, Currency, Kind};

use crate::world::{FIRST_DAY, World, begins, cny};

/// Which entry does not comply: in which round, with what.
pub(crate) type Plant = Option<(Statement, u64)>;

/// 2011-06-23, in days since 1900-01-01: fourteen years before the first day.
const BORN_BY: u64 = 40_715;

/// Appends a round. `planted` is what does not comply in it.
pub(crate) fn round(world: &mut World, number: u64, planted: &[Statement]) {
    let is = |statement| planted.contains(&statement);
    let pick = |statement, wrong: u64, usual: u64| if is(statement) { wrong } else { usual };
    let from = begins(world.day);
    let t = from + 1000 + number * 5000;
    let (money, none) = (cny(), Currency::NONE);
    let given = |world: &mut World, group, currency, values: [u64; 5], birth_day: Option<u64>| {
        let class = if birth_day.is_some() { Class::TermsWithBirthDay } else { Class::Terms };
        let values: Vec<u64> = values.into_iter().chain(birth_day).collect();
        world.push(Kind::GrantGiven, class, currency, &values, group, None)
    };
    let event = |world: &mut World, kind, group, names, time| {
        world.push(kind, Class::Timed, Currency::NONE, &[time], group, Some(names))
    };
    let used = |world: &mut World, currency, group, version, time, payout| {
        world.push(Kind::UseRecorded, Class::Use, currency, &[time, payout], group, Some(version))
    };
    let later = t + 100_000;
    let by = BORN_BY + u64::from(world.day - FIRST_DAY);

    // per use; paused, resumed, withdrawn, acknowledged
    let price = pick(Statement::PayoutFloor, 74, 80);
    let cap = if is(Statement::ValuesInRange) { 1 << 32 } else { pick(Statement::UsesWithinCap, 4, 5) };
    let born = pick(Statement::Age, by + 1, by);
    let a = given(world, 1, money, [t, later, cap, price, 30], Some(born));
    used(world, money, 1, a, t, price);
    world.foreign();
    let paid = price + pick(Statement::PayoutIsPrice, 1, 0);
    used(world, money, 1, a, t + 10, paid);
    event(world, Kind::GrantPaused, 1, a, t + 100);
    used(world, money, 1, a, t + pick(Statement::UseNotPaused, 106, 105), price);
    event(world, Kind::GrantResumed, 1, a, t + 200);
    used(world, money, 1, a, t + 200, price);
    let ended = event(world, Kind::GrantWithdrawn, 1, a, t + 600);
    used(world, money, 1, a, t + pick(Statement::UseBeforeEnd, 606, 605), price);
    let acknowledged = t + pick(Statement::AcknowledgedInTime, 599, 600);
    event(world, Kind::RecipientAcknowledged, 1, ended, acknowledged);
    let pool_a = 4 * price + paid;

    // per use in another cohort; amended
    let dearest = price * 3 / 2;
    let price = pick(Statement::FairPay, dearest + 1, dearest);
    let b = given(world, 2, money, [t, later, u64::from(u32::MAX), price, 30], None);
    used(world, money, 2, b, t + 405, price);
    let amended =
        world.push(Kind::GrantAmended, Class::Terms, money, &[t + 400, later, 9, price, 30], 2, Some(b));
    used(world, money, 2, amended, t + 405, price);
    let pool_b = 2 * price;

    // a share of revenue; used late; its data is kept
    let days = pick(Statement::KeptInTime, 0, 30);
    let share = given(world, 3, money, [0, later, 9, 0, days], None);
    let earliest = from - 86_400;
    used(world, money, 3, share, pick(Statement::TimeOfDay, earliest - 1, earliest + days * 1000), 0);

    // once for the grant; its data is deleted
    let days = pick(Statement::DeletedInTime, 0, 1);
    let end = t + pick(Statement::UseWithinValidity, 700, 701);
    let once = given(world, 4, money, [t, end, 9, 500, days], None);
    let first = used(world, money, 4, once, t + 700, 0);
    event(world, Kind::DataDeleted, 4, first, t + 800);

    // no money; revoked, and not acknowledged
    let free = given(world, 5, none, [0, later, 9, 0, 30], None);
    let revoked = pick(Statement::UnacknowledgedYoung, from - 2, from - 1);
    event(world, Kind::GrantRevoked, 5, free, revoked);
    if is(Statement::UseHasGrant) {
        world.push(Kind::UseRecorded, Class::Use, none, &[t + 900, 0], 0, None);
    }

    // the period ends
    let accrued = |world: &mut World, group, version, amount| {
        world.push(Kind::PayoutAccrued, Class::Accrual, cny(), &[amount], group, Some(version))
    };
    let posted = |world: &mut World, group, revenue, pool| {
        world.push(Kind::SettlementPosted, Class::Settlement, cny(), &[revenue, pool], group, None)
    };
    world.push(Kind::SettlementClosed, Class::Plain, none, &[], 0, None);
    let pool_share = pick(Statement::ShareOfRevenue, 301, 300);
    accrued(world, 4, once, 500);
    accrued(world, 3, share, pool_share);
    posted(world, 1, 0, pool_a);
    posted(world, 2, 0, pool_b + pick(Statement::PoolAddsUp, 1, 0));
    posted(world, 3, 1003, pool_share);
    posted(world, 4, 0, 500);
    world.foreign();
}

/// A day of so many rounds.
pub(crate) fn day(world: &mut World, rounds: u64, plant: Plant) {
    for number in 0..rounds {
        let here = plant.filter(|(_, at)| *at == number).map(|(statement, _)| statement);
        round(world, number, here.as_slice());
    }
}

/// One grant, one use, its pause, and a day after.
pub(crate) fn small() -> World {
    let mut world = World::new();
    let t = begins(FIRST_DAY) + 100;
    let grant = world.push(Kind::GrantGiven, Class::Terms, cny(), &[t, t + 50, 1, 80, 30], 1, None);
    for (kind, time) in [(Kind::GrantPaused, t + 1), (Kind::GrantResumed, t + 2)] {
        world.push(kind, Class::Timed, Currency::NONE, &[time], 1, Some(grant));
    }
    world.push(Kind::UseRecorded, Class::Use, cny(), &[t + 3, 80], 1, Some(grant));
    world.begin(FIRST_DAY + 1);
    world.foreign();
    world
}
