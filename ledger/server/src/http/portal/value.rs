//! Uses and what they brought, out of everything that was recorded about a customer.

use std::collections::BTreeMap;

use grantbook_engine::settlement::OrderState;
use grantbook_engine::{HistoryItem, Ledger, ReadError};
use grantbook_plan::CustomerState;
use grantbook_portal::view::as_phrase;
use grantbook_portal::view::money::{Amount, Formula, Line, Month, Payment, PaymentState, Source, Value};
use grantbook_portal::view::{Names as _, Wording};
use grantbook_portal::viewer::Membership;
use grantbook_record::day::DataDay;
use grantbook_record::event::{Basis, Money, Owner};
use grantbook_record::terms::Compensation;
use grantbook_record::uses::Outcome;
use grantbook_record::{Currency, Event, Jti, TenantId, UnixSeconds};

use super::customer::history;
use super::names::TenantNames;

/// Amounts with their formulas on one page.
const LINES_MAX: usize = 100;
/// Months in the chart.
const MONTHS: usize = 12;
const SECONDS_PER_DAY: u64 = 86_400;

/// Sums by currency.
#[derive(Default)]
struct Sums(BTreeMap<Currency, i64>);

impl Sums {
    fn add(&mut self, currency: Currency, minor: i64) {
        if currency != Currency::NONE && minor != 0 {
            *self.0.entry(currency).or_default() += minor;
        }
    }

    fn amounts(self) -> Vec<Amount> {
        self.0.into_iter().map(|(currency, minor)| Amount { currency, minor }).collect()
    }
}

#[derive(Default)]
struct Counted {
    uses: u64,
    earned: Sums,
}

/// Month, grant, currency and price: uses of which all four are the same make one line.
type Priced = (u64, Jti, Currency, u64);

/// How many there are, and entry and time of the latest.
type Uses = (u64, u64, UnixSeconds);

#[derive(Default)]
struct Reckoning {
    earned: Sums,
    recipients: BTreeMap<Wording, Counted>,
    clusters: BTreeMap<Wording, Counted>,
    months: BTreeMap<u64, u64>,
    priced: BTreeMap<Priced, Uses>,
    lines: Vec<Line>,
    benefits: Vec<(Wording, Wording)>,
}

fn signed(minor: u64) -> i64 {
    i64::try_from(minor).unwrap_or(i64::MAX)
}

/// Everything that the customer's data was used for.
pub(super) fn value(ledger: &Ledger, of: &[Membership]) -> Result<Value, ReadError> {
    let mut reckoning = Reckoning::default();
    let (mut paid, mut pending, mut payments) = (Sums::default(), Sums::default(), Vec::new());
    for place in of {
        let Some(state) = ledger.customer(place.tenant, &place.subject) else { continue };
        reckoning.place(ledger, place, &state)?;
        let owed = ledger.owed(place.tenant, &place.subject)?;
        for (currency, minor) in owed.pending {
            pending.add(currency, signed(minor));
        }
        for order in owed.orders {
            let amount = |minor| Amount { currency: order.currency, minor: signed(minor) };
            if order.state == OrderState::Paid {
                paid.add(order.currency, signed(order.gross));
            }
            payments.push(Payment {
                amount: amount(order.gross),
                withheld: amount(order.withheld),
                state: match order.state {
                    OrderState::Sent => PaymentState::Sent,
                    OrderState::Paid => PaymentState::Paid,
                    OrderState::Failed => PaymentState::Failed,
                },
            });
        }
    }
    payments.reverse();
    let (paid, pending) = (paid.amounts(), pending.amounts());
    Ok(Value { paid, pending, payments, ..reckoning.value() })
}

impl Reckoning {
    fn place(&mut self, ledger: &Ledger, place: &Membership, state: &CustomerState) -> Result<(), ReadError> {
        let names = TenantNames::of(ledger, place.tenant)?;
        let recipient_of = |grant: &Jti| {
            let terms = state.grant(grant).map(|grant| &grant.terms);
            terms.map_or_else(|| Wording::same(grant.to_string()), |terms| names.party(&terms.recipient))
        };
        for row in history(ledger, place)? {
            match &row.what {
                HistoryItem::Use(used) => {
                    let Outcome::Permitted(permitted) = &used.record.outcome else { continue };
                    let mine = state.owner_of_use(&used.record, row.leaf_index.0) == Owner::Customer;
                    let minor = if mine { used.payout_minor } else { 0 };
                    let facts = &used.record.facts;
                    self.earned.add(used.currency, signed(minor));
                    let recipient = self.recipients.entry(names.party(&facts.recipient)).or_default();
                    recipient.uses += 1;
                    recipient.earned.add(used.currency, signed(minor));
                    for (at, category) in facts.categories.iter().enumerate() {
                        let cluster = self.clusters.entry(names.category(category)).or_default();
                        cluster.uses += 1;
                        // an amount is one use's, not one category's: it counts with the first that is named
                        cluster.earned.add(used.currency, if at == 0 { signed(minor) } else { 0 });
                    }
                    let month = month_begins(row.at);
                    *self.months.entry(month).or_default() += 1;
                    if minor > 0 {
                        let key = (month, permitted.grant, used.currency, minor);
                        let counted = self.priced.entry(key).or_insert((0, row.leaf_index.0, row.at));
                        counted.0 += 1;
                    }
                }
                HistoryItem::Event(claims) => {
                    if let Event::Money(event) = &claims.event {
                        self.money(ledger, place.tenant, event, row.at, row.leaf_index.0, &recipient_of);
                    }
                }
            }
        }
        for ((_, grant, currency, minor), (uses, leaf_index, at)) in std::mem::take(&mut self.priced) {
            let price = Amount { currency, minor: signed(minor) };
            let amount = Amount { currency, minor: signed(minor.saturating_mul(uses)) };
            let formula = Formula::Uses { uses, price };
            let recipient = recipient_of(&grant);
            self.lines.push(Line { at, recipient, grant: grant.to_string(), formula, amount, leaf_index });
        }
        for grant in &state.grants {
            if let Compensation::Benefit(benefit) = &grant.terms.compensation {
                let benefit = (names.party(&grant.terms.recipient), Wording::same(as_phrase(&benefit.what)));
                if !self.benefits.contains(&benefit) {
                    self.benefits.push(benefit);
                }
            }
        }
        Ok(())
    }

    fn money(
        &mut self,
        ledger: &Ledger,
        tenant: TenantId,
        event: &Money,
        at: UnixSeconds,
        leaf_index: u64,
        recipient_of: &impl Fn(&Jti) -> Wording,
    ) {
        let (grant, currency, minor, formula) = match event {
            Money::PayoutAccrued(accrued) => {
                let amount = |minor: u64| Amount { currency: accrued.currency, minor: signed(minor) };
                let formula = match accrued.basis {
                    Basis::PerGrant => Formula::Once,
                    Basis::Share(of) => {
                        Formula::Share { uses: of.uses.into(), of: of.of_uses, pool: amount(of.pool) }
                    }
                    Basis::Tiers(of) => Formula::Tiers {
                        uses: of.uses.into(),
                        worth: amount(of.worth),
                        brought: amount(of.committed),
                    },
                };
                (accrued.grant, accrued.currency, i64::from(accrued.minor), formula)
            }
            Money::PayoutReversed(reversed) => {
                // which grant's it was stands in the entry that is taken back
                let entry = match &reversed.entry {
                    grantbook_record::event::ReversedEntry::Accrual(jti) => ledger.find_event(tenant, jti),
                    grantbook_record::event::ReversedEntry::Use(_) => None,
                };
                let minor = -signed(reversed.minor);
                self.earned.add(reversed.currency, minor);
                self.lines.push(Line {
                    at,
                    recipient: Wording::same(reversed.reason.as_str()),
                    grant: String::new(),
                    formula: Formula::Reversed { entry: entry.map(|leaf| leaf.0) },
                    amount: Amount { currency: reversed.currency, minor },
                    leaf_index,
                });
                return;
            }
            _ => return,
        };
        self.earned.add(currency, minor);
        let recipient = recipient_of(&grant);
        self.recipients.entry(recipient.clone()).or_default().earned.add(currency, minor);
        let amount = Amount { currency, minor };
        self.lines.push(Line { at, recipient, grant: grant.to_string(), formula, amount, leaf_index });
    }

    fn value(mut self) -> Value {
        let sources = |counted: BTreeMap<Wording, Counted>| {
            let source = |(name, counted): (Wording, Counted)| Source {
                name,
                uses: counted.uses,
                earned: counted.earned.amounts(),
            };
            let mut sources: Vec<Source> = counted.into_iter().map(source).collect();
            sources.sort_by_key(|source| std::cmp::Reverse(source.uses));
            sources
        };
        self.lines.sort_by_key(|line| std::cmp::Reverse((line.at, line.leaf_index)));
        self.lines.truncate(LINES_MAX);
        let months =
            self.months.into_iter().map(|(begins, uses)| Month { begins: UnixSeconds(begins), uses });
        let mut months: Vec<Month> = months.collect();
        months.drain(..months.len().saturating_sub(MONTHS));
        Value {
            earned: self.earned.amounts(),
            recipients: sources(self.recipients),
            clusters: sources(self.clusters),
            months,
            lines: self.lines,
            benefits: self.benefits,
            ..Value::default()
        }
    }
}

/// The first second of the UTC month in which a moment falls.
fn month_begins(at: UnixSeconds) -> u64 {
    let day = i32::try_from(at.0 / SECONDS_PER_DAY).map_or(DataDay(0), DataDay).to_string();
    let first = day.get(..8).and_then(|month| DataDay::parse(&format!("{month}01")));
    first.and_then(|day| u64::try_from(day.0).ok()).unwrap_or(0) * SECONDS_PER_DAY
}
