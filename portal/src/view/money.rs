//! Money, and how an amount came about.

use grantbook_record::Currency;
use grantbook_record::day::UnixSeconds;

use super::Wording;

/// An exact amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount {
    /// Its currency.
    pub currency: Currency,
    /// Minor units; below zero where something is taken back.
    pub minor: i64,
}

/// What the use of data brought, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Value {
    /// What all periods have come to, posted or not, one amount for each currency.
    pub earned: Vec<Amount>,
    /// Of this, paid out.
    pub paid: Vec<Amount>,
    /// Of this, in periods that can still change.
    pub pending: Vec<Amount>,
    /// Uses and what they brought, by recipient.
    pub recipients: Vec<Source>,
    /// Uses and what they brought, by category of data.
    pub clusters: Vec<Source>,
    /// Uses by month, the oldest first.
    pub months: Vec<Month>,
    /// Each amount with its formula, the latest first.
    pub lines: Vec<Line>,
    /// What is given other than money.
    pub benefits: Vec<(Wording, Wording)>,
    /// Payments, the latest first.
    pub payments: Vec<Payment>,
}

/// From where uses and money come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A recipient, or a category.
    pub name: Wording,
    /// Permitted uses.
    pub uses: u64,
    /// What they brought.
    pub earned: Vec<Amount>,
}

/// Uses of one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// Its first second.
    pub begins: UnixSeconds,
    /// Permitted uses.
    pub uses: u64,
}

/// An amount and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When; the day of the entry.
    pub at: UnixSeconds,
    /// From whom.
    pub recipient: Wording,
    /// The grant's id.
    pub grant: String,
    /// How it came about.
    pub formula: Formula,
    /// What it comes to.
    pub amount: Amount,
    /// Where the entry stands that proves it.
    pub leaf_index: u64,
}

/// How an amount came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formula {
    /// So many uses at one price.
    Uses {
        /// Uses.
        uses: u64,
        /// Price of each.
        price: Amount,
    },
    /// Once, for the grant.
    Once,
    /// One's uses out of all uses, of the pool.
    Share {
        /// One's own uses.
        uses: u64,
        /// Everybody's.
        of: u64,
        /// What they share.
        pool: Amount,
    },
    /// What a period's uses are worth by tiers, less what they had brought already.
    Tiers {
        /// Uses.
        uses: u64,
        /// Their worth.
        worth: Amount,
        /// Brought already.
        brought: Amount,
    },
    /// Taken back.
    Reversed {
        /// The entry that was taken back, where it is an amount of its own; otherwise it was a use's.
        entry: Option<u64>,
    },
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// What was charged to the balance.
    pub amount: Amount,
    /// Of this, withheld as tax.
    pub withheld: Amount,
    /// Where it stands.
    pub state: PaymentState,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// On its way.
    Sent,
    /// Made.
    Paid,
    /// Not made; the amount is owed again.
    Failed,
}

impl PaymentState {
    /// Key of its name in the words.
    pub fn key(self) -> &'static str {
        match self {
            Self::Sent => "payment-sent",
            Self::Paid => "payment-paid",
            Self::Failed => "payment-failed",
        }
    }
}

impl Value {
    /// A source's part of all uses, whole percent.
    pub fn share(&self, source: &Source) -> u8 {
        let all = self.recipients.iter().map(|source| source.uses).sum::<u64>();
        crate::figures::share_of(source.uses, all)
    }
}
