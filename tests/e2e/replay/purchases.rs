//! Small files of purchases, and what a replay of them must come to, counted a second time in a few lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

/// First day, as yyyymmdd, whose rows come after the withdrawals.
pub(crate) const WITHDRAWALS: u32 = 19_970_630;
/// The days that are granted.
const GRANTED: RangeInclusive<u32> = 19_970_101..=19_970_930;

/// Days on which something begins or has just ended: off by one, a count changes.
const EDGES: [u32; 6] = [19_961_231, 19_970_101, 19_970_629, WITHDRAWALS, 19_970_930, 19_971_001];

/// One row: a customer of the file, and a day as yyyymmdd.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purchase {
    pub(crate) customer: u32,
    pub(crate) day: u32,
}

/// Purchases that meet every reason for a denial: some before and after the granted period, some customers with far more
/// than ten. The same seed gives the same purchases.
pub(crate) fn purchases(customers: u32, rows: u32, seed: u64) -> Vec<Purchase> {
    let mut state = seed;
    let mut below = |bound: u32| {
        // Knuth's MMIX generator; its low bits are weak, so the high ones are taken
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((state >> 33) % u64::from(bound)).expect("below a u32")
    };
    (0..rows)
        .map(|row| {
            // everybody appears once, and the first few ever again
            let number = if row < customers { row } else { below(customers).min(below(customers)) };
            let year = if below(20) == 0 { 1996 } else { 1997 };
            let any = year * 10_000 + (1 + below(12)) * 100 + 1 + below(28);
            let day = *EDGES.get(below(20) as usize).unwrap_or(&any);
            Purchase { customer: 1000 + number * 7 % 9973, day }
        })
        .collect()
}

/// The layout without a header, with a sample id.
pub(crate) fn with_sample_id(purchases: &[Purchase]) -> String {
    purchases.iter().fold(String::new(), |mut text, Purchase { customer, day }| {
        let _ = writeln!(text, " {customer:05} 0001 {day}  2   29.33");
        text
    })
}

/// The layout below a header, without a sample id.
pub(crate) fn with_header(purchases: &[Purchase]) -> String {
    let header = "user_id,order_date,order_products,order_amount\n".to_owned();
    purchases.iter().fold(header, |mut text, Purchase { customer, day }| {
        let _ = writeln!(text, "{customer},{day},2,29.33");
        text
    })
}

/// The counts of a replay's summary.
pub(crate) fn expected(purchases: &[Purchase]) -> Value {
    let mut numbers = BTreeMap::new();
    for purchase in purchases {
        let next = numbers.len() + 1;
        numbers.entry(purchase.customer).or_insert(next);
    }
    let mut by_day = purchases.to_vec();
    by_day.sort_by_key(|purchase| purchase.day);
    let mut used: BTreeMap<u32, u32> = BTreeMap::new();
    let (mut permitted, mut withdrawn, mut period, mut cap) = (0, 0, 0, 0);
    for Purchase { customer, day } in by_day {
        let used = used.entry(customer).or_default();
        if day >= WITHDRAWALS && numbers[&customer].is_multiple_of(7) {
            withdrawn += 1;
        } else if !GRANTED.contains(&day) {
            period += 1;
        } else if *used == 10 {
            cap += 1;
        } else {
            *used += 1;
            permitted += 1;
        }
    }
    let all_withdraw = purchases.iter().any(|purchase| purchase.day >= WITHDRAWALS);
    json!({
        "customers": numbers.len(),
        "grants": numbers.len(),
        "withdrawals": if all_withdraw { numbers.len() / 7 } else { 0 },
        "uses_permitted": permitted,
        "uses_denied": { "withdrawn": withdrawn, "period": period, "cap": cap },
        "receipts_verified": permitted,
        "payout_minor_total": permitted * 80,
        "rows": purchases.len(),
    })
}

/// Those of a summary's members that [`expected`] has.
pub(crate) fn counts(summary: &Value) -> Value {
    let like = expected(&[]);
    let members = like.as_object().expect("an object").keys();
    members.map(|name| (name.clone(), summary[name].clone())).collect::<serde_json::Map<_, _>>().into()
}
