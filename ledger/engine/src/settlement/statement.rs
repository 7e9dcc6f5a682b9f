//! Statements: what one customer's data was used for in a period, by whom, and how each amount came about. Read from the
//! log itself, so that every line names the entry that proves it.

use grantbook_plan::CustomerState;
use grantbook_record::event::{Basis, Event, Money, Owner, PayoutOrdered, Period};
use grantbook_record::terms::Compensation;
use grantbook_record::uses::Outcome;
use grantbook_record::{Currency, DenialReason, Jti, Kind, SubjectId, TenantId, Term, UnixSeconds};
use grantbook_tlog::LeafIndex;
use serde::Serialize;

use crate::error::ReadError;
use crate::ledger::Ledger;

/// What happened to one customer's data and money in one period.
#[derive(Debug, Clone, Serialize)]
pub struct Statement {
    /// The customer.
    pub sub: SubjectId,
    /// The period.
    pub period: Period,
    /// Whether it is posted, and cannot change any more.
    pub posted: bool,
    /// The lines, by rising leaf index.
    pub lines: Vec<StatementLine>,
    /// Grants whose uses are made up for by something other than money.
    pub benefits: Vec<Benefit>,
}

/// One entry of a statement.
#[derive(Debug, Clone, Serialize)]
pub struct StatementLine {
    /// Where its entry stands in the log.
    pub leaf_index: u64,
    /// What it is.
    pub what: Movement,
    /// The currency; empty for none.
    pub currency: Currency,
    /// What the customer's balance changes by, minor units.
    pub minor: i64,
}

/// What changed a customer's balance, or used their data.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// A use, at the price of its grant.
    Use(UseMovement),
    /// An amount beyond what uses have committed to.
    Accrual(AccrualMovement),
    /// What an earlier period had paid was taken back.
    Reversal(ReversalMovement),
    /// A payment was ordered.
    Order(OrderMovement),
    /// The payment was made.
    Paid(Jti),
    /// The payment was not made, and is owed again.
    Failed(FailedMovement),
}

/// A use of the customer's data.
#[derive(Debug, Clone, Serialize)]
pub struct UseMovement {
    /// When.
    pub at: UnixSeconds,
    /// Under which grant.
    pub grant: Jti,
    /// Which service asked.
    pub requester: Term,
    /// Who received the data.
    pub recipient: Term,
    /// What for.
    pub purpose: Term,
    /// The rule that it broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<DenialReason>,
    /// Who was paid for it: the customer, or the enterprise for a data asset that belonged to it.
    pub paid_to: Owner,
}

/// An accrued amount.
#[derive(Debug, Clone, Serialize)]
pub struct AccrualMovement {
    /// Under which grant.
    pub grant: Jti,
    /// How it came about.
    pub basis: Basis,
}

/// An amount taken back.
#[derive(Debug, Clone, Serialize)]
pub struct ReversalMovement {
    /// Leaf index of what was taken back.
    pub entry: u64,
    /// Why.
    pub reason: Term,
}

/// An ordered payment.
#[derive(Debug, Clone, Serialize)]
pub struct OrderMovement {
    /// Its id.
    pub order: Jti,
    /// Of the amount, withheld as tax, minor units.
    pub withheld: u64,
}

/// A payment that failed.
#[derive(Debug, Clone, Serialize)]
pub struct FailedMovement {
    /// Its id.
    pub order: Jti,
    /// The bank's code.
    pub reason: Term,
}

/// Value that is not money.
#[derive(Debug, Clone, Serialize)]
pub struct Benefit {
    /// Under which grant.
    pub grant: Jti,
    /// What the customer gets.
    pub what: Term,
    /// Permitted uses of the grant in the period.
    pub uses: u64,
}

impl Ledger {
    /// The statement of a customer for a period; the open one up to now.
    pub fn statement(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        period: Period,
    ) -> Result<Statement, ReadError> {
        let inner = &self.inner;
        let number = inner.number(tenant)?;
        let books = inner.state.books(number)?;
        let size = inner.published.size();
        let before = Period(period.0.checked_sub(1).ok_or(ReadError::NotFound)?);
        let past = inner.state.past_periods(number, Some(before), 1)?.pop();
        let past = past.filter(|past| past.closed.period == period);
        let closed = past.as_ref().map(|past| past.closed).or(books.closed);
        let (begins, ends, until) = match closed.filter(|closed| closed.period == period) {
            Some(closed) => {
                (closed.begins, closed.closed_at, past.as_ref().map_or(size, |past| past.posted_at + 1))
            }
            None if period == books.open => (books.begins, size, size),
            None => return Err(ReadError::NotFound),
        };
        let customer = inner.state.customer(inner.state.customer_key(tenant, sub))?;
        let customer = customer.ok_or(ReadError::NotFound)?;
        let mut lines = Vec::new();
        for leaf in inner.published.leaves_under(customer.key_id, begins..until)? {
            lines.extend(self.line(&customer.state, leaf, period, leaf < ends)?);
        }
        let of_grant = |grant: Jti| {
            lines.iter().filter(move |line| matches!(&line.what, Movement::Use(one) if one.grant == grant))
        };
        let grants = customer.state.grants.iter();
        let benefits = grants.filter_map(|grant| match &grant.terms.compensation {
            Compensation::Benefit(benefit) => {
                let uses = of_grant(grant.id).count() as u64;
                (uses > 0).then(|| Benefit { grant: grant.id, what: benefit.what.clone(), uses })
            }
            _ => None,
        });
        let benefits = benefits.collect();
        Ok(Statement { sub: sub.clone(), period, posted: past.is_some(), lines, benefits })
    }

    /// The line of one entry; `within` says whether it lies before the end of the period, after which nothing but accruals
    /// belongs to it.
    fn line(
        &self,
        customer: &CustomerState,
        leaf: u64,
        period: Period,
        within: bool,
    ) -> Result<Option<StatementLine>, ReadError> {
        let owned = self.inner.published.item(leaf)?;
        let kind = owned.item.entry.get(1).copied().and_then(Kind::from_number);
        let line =
            |what, currency, minor| Ok(Some(StatementLine { leaf_index: leaf, what, currency, minor }));
        if kind == Some(Kind::UseRecorded) && within {
            let row = self.use_row_at(LeafIndex(leaf))?;
            let Some(row) = row else { return Ok(None) };
            let Outcome::Permitted(permitted) = &row.record.outcome else { return Ok(None) };
            let facts = &row.record.facts;
            let paid_to = customer.owner_of_use(&row.record, leaf);
            let what = Movement::Use(UseMovement {
                at: row.record.at,
                grant: permitted.grant,
                requester: facts.requester.clone(),
                recipient: facts.recipient.clone(),
                purpose: facts.purpose.clone(),
                flag: row.flag,
                paid_to,
            });
            let minor = if paid_to == Owner::Customer { signed(row.payout_minor)? } else { 0 };
            return line(what, row.currency, minor);
        }
        let about_money = kind.is_some_and(|kind| (144..160).contains(&kind.number()));
        if !about_money {
            return Ok(None);
        }
        let claims = self.inner.event_at(leaf)?;
        let Event::Money(event) = claims.event else { return Ok(None) };
        match event {
            Money::PayoutAccrued(event) if event.period == period => {
                let what = Movement::Accrual(AccrualMovement { grant: event.grant, basis: event.basis });
                line(what, event.currency, event.minor.into())
            }
            Money::PayoutReversed(event) if within => {
                let entry = self.inner.link_of(leaf)?;
                let what = Movement::Reversal(ReversalMovement { entry, reason: event.reason });
                line(what, event.currency, -signed(event.minor)?)
            }
            Money::PayoutOrdered(PayoutOrdered { currency, gross, withheld, .. }) if within => {
                let what = Movement::Order(OrderMovement { order: claims.jti, withheld });
                line(what, currency, -signed(gross)?)
            }
            Money::PayoutPaid(event) if within => line(Movement::Paid(event.order), Currency::NONE, 0),
            Money::PayoutFailed(event) if within => {
                let order = self.find_event(claims.aud, &event.order);
                let order = order.ok_or(ReadError::NotFound)?;
                let Event::Money(Money::PayoutOrdered(ordered)) = self.inner.event_at(order.0)?.event else {
                    return Err(ReadError::Damaged(format!("order {leaf}")));
                };
                let what = Movement::Failed(FailedMovement { order: event.order, reason: event.reason });
                line(what, ordered.currency, signed(ordered.gross)?)
            }
            _ => Ok(None),
        }
    }
}

fn signed(minor: u64) -> Result<i64, ReadError> {
    i64::try_from(minor).map_err(|_| ReadError::Damaged("amount".to_owned()))
}
