//! Accrual and settlement. Specification: `docs/spec/settlement.md`.
//!
//! [`price`], [`mod@apportion`], [`accounts`], [`withholding`], `books` and `purse` are pure. The books of a tenant and the
//! purse of each customer are part of the state: a fold over the log, kept in rows and made anew from it. What is due to
//! whom is checked in the sequencer against them, so that nothing accrues, is posted or is ordered twice, whatever asks.

pub mod accounts;
pub mod apportion;
pub(crate) mod books;
pub mod price;
pub(crate) mod purse;
mod run;
pub mod statement;
pub mod withholding;

pub use accounts::{Account, Accounts, PoolParts, Posting};
pub use apportion::{Claim, apportion};
pub use books::{Books, ClosedPeriod, Line, PastPeriod, Posted};
pub use purse::{Order, OrderState};
pub use run::{Ordered, Owed, PayoutRules, SettleError, Settled};
pub use statement::{Movement, Statement, StatementLine};
pub use withholding::{Withholding, WithholdingError};
