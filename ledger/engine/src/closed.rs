//! What stays of the payouts of erased customers: sums of values and blindings, without which no total over a period could
//! be proved any more, since every entry's commitment goes on standing in the log.

use std::ops::Range;

use grantbook_compliance::{Blinding, Opening};
use grantbook_record::class::Quantity;
use grantbook_record::day::Day;
use grantbook_record::{Currency, Entry, TenantId};

use crate::error::ReadError;
use crate::ledger::{Inner, Ledger};
use crate::published::OwnedItem;
use crate::store::Fault;
use crate::store::cursor::Cursor;

/// Sums of fewer payouts are merged with their neighbours, as long as there are any: they would say too much of one
/// customer.
const PAYOUTS_MIN: u64 = 20;

/// The sum over the payouts of erased customers in one currency on some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedSum {
    /// Their currency.
    pub currency: Currency,
    /// The first day of admission.
    pub from: Day,
    /// The last.
    pub to: Day,
    /// How many entries.
    pub payouts: u64,
    /// Opens the sum of their commitments.
    pub opening: Opening,
}

impl ClosedSum {
    /// Both together; `None` where the values sum to 2^64 or more.
    fn with(&self, other: &Self) -> Option<Self> {
        Some(Self {
            currency: self.currency,
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            payouts: self.payouts.checked_add(other.payouts)?,
            opening: self.opening.plus(&other.opening)?,
        })
    }

    fn is_of_same_days(&self, other: &Self) -> bool {
        self.currency == other.currency && self.from <= other.to && other.from <= self.to
    }
}

/// Adds one sum to others, so that within a currency no two share a day; `None` on overflow.
fn add(sums: &mut Vec<ClosedSum>, mut sum: ClosedSum) -> Option<()> {
    while let Some(at) = sums.iter().position(|known| known.is_of_same_days(&sum)) {
        sum = sum.with(&sums.swap_remove(at))?;
    }
    sums.push(sum);
    Some(())
}

/// Adds sums to those that are kept, so that within a currency none is of fewer than [`PAYOUTS_MIN`] payouts unless it is
/// the only one; `None` on overflow.
pub(crate) fn keep(mut kept: Vec<ClosedSum>, more: Vec<ClosedSum>) -> Option<Vec<ClosedSum>> {
    for sum in more {
        add(&mut kept, sum)?;
    }
    kept.sort_by_key(|sum| (sum.currency, sum.from));
    let mut merged: Vec<ClosedSum> = Vec::with_capacity(kept.len());
    for sum in kept {
        match merged.last_mut() {
            Some(last) if last.currency == sum.currency && last.payouts.min(sum.payouts) < PAYOUTS_MIN => {
                *last = last.with(&sum)?;
            }
            _ => merged.push(sum),
        }
    }
    Some(merged)
}

/// 2 + 2 + 2 + 8 + 8 + 32 bytes each.
pub(crate) fn encode(sums: &[ClosedSum]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(54 * sums.len());
    for sum in sums {
        bytes.extend_from_slice(&sum.currency.numeric().to_be_bytes());
        bytes.extend_from_slice(&sum.from.0.to_be_bytes());
        bytes.extend_from_slice(&sum.to.0.to_be_bytes());
        bytes.extend_from_slice(&sum.payouts.to_be_bytes());
        bytes.extend_from_slice(&sum.opening.value.to_be_bytes());
        bytes.extend_from_slice(&sum.opening.blinding.to_bytes());
    }
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<ClosedSum>> {
    let mut cursor = Cursor(bytes);
    let mut sums = Vec::new();
    while !cursor.is_empty() {
        sums.push(ClosedSum {
            currency: Currency::from_numeric(cursor.u16()?)?,
            from: Day(cursor.u16()?),
            to: Day(cursor.u16()?),
            payouts: cursor.u64()?,
            opening: Opening { value: cursor.u64()?, blinding: Blinding::from_bytes(cursor.array()?).ok()? },
        });
    }
    Some(sums)
}

impl Ledger {
    /// What stays of the payouts of a tenant's erased customers, by currency and day.
    pub fn closed_sums(&self, tenant: TenantId) -> Result<Vec<ClosedSum>, ReadError> {
        let number = self.inner.number(tenant)?;
        Ok(self.inner.state.closed_sums(number)?)
    }
}

impl Inner {
    /// The payouts, by currency and day, among the shown entries of `leaves` whose records lie under a data key.
    pub(crate) fn payouts_under(&self, key_id: u64, leaves: Range<u64>) -> Result<Vec<ClosedSum>, Fault> {
        let mut sums = Vec::new();
        for leaf in self.published.leaves_under(key_id, leaves)? {
            let owned = self.published.item(leaf).map_err(as_fault)?;
            self.add_payout(leaf, &owned, &mut sums)?;
        }
        Ok(sums)
    }

    /// Adds the payout of one entry, if it has one.
    pub(crate) fn add_payout(
        &self,
        leaf: u64,
        owned: &OwnedItem,
        sums: &mut Vec<ClosedSum>,
    ) -> Result<(), Fault> {
        let damaged =
            || Fault::Damaged { what: format!("entry {leaf}"), why: "it does not parse".to_owned() };
        let entry = Entry::parse(&owned.item.entry).map_err(|_| damaged())?;
        let pays = |quantity: &Quantity| matches!(quantity, Quantity::Payout | Quantity::Amount);
        let Some(at) = entry.class.quantities().iter().position(pays) else { return Ok(()) };
        let body = self.open_body(leaf, owned).map_err(as_fault)?;
        let opening = body.openings.get(at).cloned().ok_or_else(damaged)?;
        let (currency, from, to) = (entry.currency, entry.day, entry.day);
        add(sums, ClosedSum { currency, from, to, payouts: 1, opening }).ok_or_else(damaged)
    }
}

fn as_fault(error: ReadError) -> Fault {
    match error {
        ReadError::Store(fault) => fault,
        other => Fault::Damaged { what: "records of a customer".to_owned(), why: other.to_string() },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(currency: &str, day: u16, payouts: u64, value: u64) -> ClosedSum {
        let opening = crate::random::with(|rng| Opening::random(value, rng));
        let (from, to) = (Day(day), Day(day));
        ClosedSum { currency: Currency::parse(currency).unwrap(), from, to, payouts, opening }
    }

    fn total(sums: &[ClosedSum], currency: Currency) -> (u64, u64, Option<Blinding>) {
        let of = || sums.iter().filter(|sum| sum.currency == currency);
        let blinding = of().map(|sum| sum.opening.blinding.clone()).reduce(|one, other| one.plus(&other));
        (of().map(|sum| sum.payouts).sum(), of().map(|sum| sum.opening.value).sum(), blinding)
    }

    proptest! {
        #[test]
        fn sums_keep_their_total_and_hide_single_customers(
            erased in prop::collection::vec(prop::collection::vec((any::<bool>(), 0_u16..40, 1_u64..30, 0_u64..1000), 1..6), 1..12)
        ) {
            let mut kept = Vec::new();
            let mut all = Vec::new();
            for customer in erased {
                let sums: Vec<_> = customer
                    .into_iter()
                    .map(|(yuan, day, payouts, value)| sum(if yuan { "CNY" } else { "EUR" }, day, payouts, value))
                    .collect();
                all.extend(sums.clone());
                kept = keep(kept, sums).unwrap();
                for currency in ["CNY", "EUR"].map(|code| Currency::parse(code).unwrap()) {
                    prop_assert_eq!(total(&kept, currency), total(&all, currency));
                    let of: Vec<_> = kept.iter().filter(|sum| sum.currency == currency).collect();
                    prop_assert!(of.len() <= 1 || of.iter().all(|sum| sum.payouts >= PAYOUTS_MIN));
                    prop_assert!(of.windows(2).all(|pair| pair[0].to < pair[1].from));
                }
                prop_assert_eq!(decode(&encode(&kept)).unwrap(), kept.clone());
            }
        }
    }

    #[test]
    fn more_than_fits_is_refused() {
        assert_eq!(keep(vec![sum("CNY", 1, 1, u64::MAX)], vec![sum("CNY", 2, 1, 1)]), None);
    }
}
