//! What is told of settlements, over HTTP and by the command line alike.

use grantbook_engine::settlement::{
    Account, Books, ClosedPeriod, Line, Movement, Order, OrderState, Ordered, Owed, PastPeriod, Settled,
    Statement,
};
use grantbook_engine::{Ledger, ReadError};
use grantbook_record::event::{Basis, Period};
use grantbook_record::{CountryCode, Currency, Jti, SubjectId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::amount;

/// A period and what its groups have come to.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeriodView {
    /// Its number.
    pub period: u32,
    /// `open`, `closed` or `posted`.
    pub state: &'static str,
    /// Leaf index of its first entry.
    pub begins: u64,
    /// Leaf index of the entry that closed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<u64>,
    /// Leaf index of the last entry about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posted_at: Option<u64>,
    /// Its groups of terms.
    pub groups: Vec<LineView>,
}

/// What one group of terms has come to. Amounts are in minor units.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineView {
    /// The tenant's number of the group.
    pub group: u16,
    /// ISO 4217 code.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// Uses of customers who are not erased.
    pub uses: u64,
    /// What uses have committed to.
    pub committed_minor: u64,
    /// What accrued beyond.
    pub accrued_minor: u64,
    /// Declared revenue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revenue_minor: Option<u64>,
    /// What was posted as due to customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_minor: Option<u64>,
    /// What was posted as due to the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_minor: Option<u64>,
    /// Leaf index of its `settlement.posted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf_index: Option<u64>,
}

/// What a run has done.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettledView {
    /// The period that is posted now; absent where nothing was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodView>,
    /// Amounts that this run let accrue.
    pub accruals: u64,
}

/// One customer's period.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementView {
    /// The data subject.
    #[schema(value_type = String)]
    pub sub: SubjectId,
    /// The period.
    pub period: u32,
    /// Whether it cannot change any more.
    pub posted: bool,
    /// What happened, by rising leaf index.
    pub lines: Vec<StatementLineView>,
    /// What the period changed the balance by, in each currency.
    pub totals: Vec<AmountView>,
    /// Value that is not money.
    #[schema(value_type = Vec<Object>)]
    pub benefits: Vec<serde_json::Value>,
    /// What is owed of all posted periods now, and not ordered.
    pub balances: Vec<AmountView>,
    /// What periods that are not posted have come to so far.
    pub pending: Vec<AmountView>,
    /// Payments.
    pub payments: Vec<OrderView>,
}

/// A line of a statement.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementLineView {
    /// Where the entry stands that proves it.
    pub leaf_index: u64,
    /// `use`, `accrual`, `reversal`, `order`, `paid` or `failed`, with what belongs to it.
    #[schema(value_type = Object)]
    pub what: serde_json::Value,
    /// How the amount came about, in words.
    pub formula: String,
    /// ISO 4217 code; empty for none.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// What the balance changes by, minor units.
    pub minor: i64,
}

/// An amount that may be below zero.
#[derive(Debug, Serialize, ToSchema)]
pub struct AmountView {
    /// ISO 4217 code.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// Minor units.
    pub minor: i64,
}

/// A payment. Amounts are in minor units.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// Its id; without the hyphens, its end-to-end id at the bank.
    #[schema(value_type = String)]
    pub order: Jti,
    /// Its file.
    #[schema(value_type = String)]
    pub file: Jti,
    /// ISO 4217 code.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// What the balance was charged with.
    pub gross_minor: u64,
    /// Of this, withheld as tax.
    pub withheld_minor: u64,
    /// For which country.
    #[schema(value_type = String)]
    pub country: CountryCode,
    /// `sent`, `paid` or `failed`.
    #[schema(value_type = String)]
    pub state: OrderState,
}

/// What came of the wish to pay a customer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrderedView {
    /// The data subject.
    #[schema(value_type = String)]
    pub sub: SubjectId,
    /// The order in the file; absent where the balance is carried forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderView>,
    /// Why it is carried forward: `below_threshold` or `no_withholding_rule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<String>,
}

impl PeriodView {
    fn new(state: &'static str, period: Period, begins: u64, lines: &[Line]) -> Self {
        let lines = lines.iter().filter(|line| line.period == period);
        let groups = lines.map(LineView::new).collect();
        Self { period: period.0, state, begins, closed_at: None, posted_at: None, groups }
    }

    /// A period that is posted.
    pub fn posted(past: PastPeriod) -> Self {
        let PastPeriod { closed: ClosedPeriod { period, begins, closed_at, .. }, posted_at, lines } = past;
        let view = Self::new("posted", period, begins, &lines);
        Self { closed_at: Some(closed_at), posted_at: Some(posted_at), ..view }
    }

    /// Periods that are not posted, as far as anything is due in them.
    pub fn pending(books: &Books) -> Vec<Self> {
        let closed = books.closed.map(|closed| {
            let view = Self::new("closed", closed.period, closed.begins, &books.lines);
            Self { closed_at: Some(closed.closed_at), ..view }
        });
        let open = Self::new("open", books.open, books.begins, &books.lines);
        closed.into_iter().chain(Some(open)).filter(|view| !view.groups.is_empty()).collect()
    }
}

impl LineView {
    fn new(line: &Line) -> Self {
        Self {
            group: line.group,
            currency: line.currency,
            uses: line.uses,
            committed_minor: line.committed,
            accrued_minor: line.accrued,
            revenue_minor: line.revenue,
            pool_minor: line.posted.map(|posted| posted.pool),
            fee_minor: line.posted.map(|posted| posted.fee),
            leaf_index: line.posted.map(|posted| posted.leaf_index),
        }
    }
}

impl From<Settled> for SettledView {
    fn from(settled: Settled) -> Self {
        Self { period: settled.period.map(PeriodView::posted), accruals: settled.accruals }
    }
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        let Order { id, file, currency, gross, withheld, country, state } = *order;
        Self { order: id, file, currency, gross_minor: gross, withheld_minor: withheld, country, state }
    }
}

impl From<(SubjectId, Ordered)> for OrderedView {
    fn from((sub, ordered): (SubjectId, Ordered)) -> Self {
        let (order, carried) = match ordered {
            Ordered::Order(order) => (Some(OrderView::from(&order)), None),
            Ordered::Carried { .. } => (None, Some("below_threshold")),
            Ordered::NoRule { .. } => (None, Some("no_withholding_rule")),
        };
        Self { sub, order, carried: carried.map(str::to_owned) }
    }
}

impl StatementView {
    /// Reads a customer's statement.
    pub fn read(
        ledger: &Ledger,
        tenant: TenantId,
        sub: &SubjectId,
        period: Period,
    ) -> Result<Self, ReadError> {
        let Statement { sub, period, posted, lines, benefits } = ledger.statement(tenant, sub, period)?;
        let Owed { balances, pending, orders } = ledger.owed(tenant, &sub)?;
        let mut totals: Vec<AmountView> = Vec::new();
        for line in lines.iter().filter(|line| line.currency != Currency::NONE) {
            match totals.iter_mut().find(|total| total.currency == line.currency) {
                Some(total) => total.minor = total.minor.saturating_add(line.minor),
                None => totals.push(AmountView { currency: line.currency, minor: line.minor }),
            }
        }
        let line = |line: &grantbook_engine::settlement::StatementLine| StatementLineView {
            leaf_index: line.leaf_index,
            what: json(&line.what),
            formula: formula(&line.what, line.currency, line.minor),
            currency: line.currency,
            minor: line.minor,
        };
        let pending = pending.into_iter().map(|(currency, minor)| AmountView {
            currency,
            minor: i64::try_from(minor).unwrap_or(i64::MAX),
        });
        Ok(Self {
            sub,
            period: period.0,
            posted,
            lines: lines.iter().map(line).collect(),
            totals,
            benefits: benefits.iter().map(json).collect(),
            balances: balances.into_iter().map(|(currency, minor)| AmountView { currency, minor }).collect(),
            pending: pending.collect(),
            payments: orders.iter().map(OrderView::from).collect(),
        })
    }
}

fn json(of: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(of).unwrap_or_default()
}

/// How an amount came about.
fn formula(what: &Movement, currency: Currency, minor: i64) -> String {
    let money = |minor: u64| amount(currency, minor);
    let this = format!("{}{}", if minor < 0 { "-" } else { "" }, money(minor.unsigned_abs()));
    match what {
        Movement::Use(_) if currency == Currency::NONE => "1 use, no price for each".to_owned(),
        Movement::Use(_) => format!("1 use × {this}"),
        Movement::Accrual(accrual) => match accrual.basis {
            Basis::PerGrant => format!("price of the grant, once: {this}"),
            Basis::Tiers(tiers) => format!(
                "{} uses are worth {}, less {} already paid for each use = {this}",
                tiers.uses,
                money(tiers.worth),
                money(tiers.committed)
            ),
            Basis::Share(part) => {
                format!("{} of {} uses of a pool of {} = {this}", part.uses, part.of_uses, money(part.pool))
            }
        },
        Movement::Reversal(reversal) => {
            format!("entry {} taken back ({}): {this}", reversal.entry, reversal.reason)
        }
        Movement::Order(order) => format!("payment ordered, {} of it tax: {this}", money(order.withheld)),
        Movement::Paid(_) => "the payment was made".to_owned(),
        Movement::Failed(failed) => {
            format!("the payment failed ({}) and is owed again: {this}", failed.reason)
        }
    }
}

/// The balance of each account, for people.
pub fn accounts(books: &Books) -> Vec<(String, AmountView)> {
    let name = |account: Account| match account {
        Account::Customers => "customers".to_owned(),
        Account::Unclaimed => "unclaimed".to_owned(),
        Account::Enterprise => "enterprise".to_owned(),
        Account::Platform => "platform".to_owned(),
        Account::Tax(country) => format!("tax {}", country.code()),
    };
    let row = |(account, currency, minor)| (name(account), AmountView { currency, minor });
    books.accounts.iter().map(row).collect()
}
