//! Classes: the log-wide registry of which quantities an entry commits to, in which order.

use crate::kind::Kind;

/// A committed quantity and its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// When it happened, seconds since 2020.
    Time,
    /// What the use pays, minor units.
    Payout,
    /// Start of validity, seconds since 2020.
    Start,
    /// End of validity, seconds since 2020.
    End,
    /// Uses allowed in all; 2³²−1 for no cap.
    Cap,
    /// Price per use, or per grant, minor units; 0 where there is none.
    Price,
    /// Days after a use by which its data is deleted; 2³²−1 for no limit.
    RetentionDays,
    /// The customer's birth day, days since 1900-01-01.
    BirthDay,
    /// An accrued amount, minor units.
    Amount,
    /// Declared revenue, minor units.
    Revenue,
    /// The pool that a settlement shares out, minor units.
    Pool,
}

impl Quantity {
    /// The name used in receipts and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Payout => "payout",
            Self::Start => "start",
            Self::End => "end",
            Self::Cap => "cap",
            Self::Price => "price",
            Self::RetentionDays => "retention_days",
            Self::BirthDay => "birth_day",
            Self::Amount => "amount",
            Self::Revenue => "revenue",
            Self::Pool => "pool",
        }
    }
}

/// A class of entries: a list of quantities. Fixed for each number, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// No quantity.
    Plain = 0,
    /// When it happened.
    Timed = 1,
    /// When a use happened and what it pays.
    Use = 2,
    /// A grant's terms.
    Terms = 3,
    /// A grant's terms and the customer's birth day.
    TermsWithBirthDay = 4,
    /// An accrued amount.
    Accrual = 5,
    /// A settlement.
    Settlement = 6,
}

impl Class {
    /// Every class, by rising number.
    pub const ALL: &[Class] = &[
        Self::Plain,
        Self::Timed,
        Self::Use,
        Self::Terms,
        Self::TermsWithBirthDay,
        Self::Accrual,
        Self::Settlement,
    ];

    /// By number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.number() == number)
    }

    /// The registry's number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What its entries commit to, in order.
    pub fn quantities(self) -> &'static [Quantity] {
        use Quantity::{
            Amount, BirthDay, Cap, End, Payout, Pool, Price, RetentionDays, Revenue, Start, Time,
        };
        match self {
            Self::Plain => &[],
            Self::Timed => &[Time],
            Self::Use => &[Time, Payout],
            Self::Terms => &[Start, End, Cap, Price, RetentionDays],
            Self::TermsWithBirthDay => &[Start, End, Cap, Price, RetentionDays, BirthDay],
            Self::Accrual => &[Amount],
            Self::Settlement => &[Revenue, Pool],
        }
    }

    /// The classes that entries of `kind` may have.
    pub fn allowed(kind: Kind) -> &'static [Class] {
        match kind {
            Kind::GrantGiven | Kind::GrantAmended => &[Self::Terms, Self::TermsWithBirthDay],
            Kind::GrantPaused
            | Kind::GrantResumed
            | Kind::GrantWithdrawn
            | Kind::GrantRevoked
            | Kind::DataDeleted
            | Kind::RecipientAcknowledged => &[Self::Timed],
            Kind::UseRecorded => &[Self::Use],
            Kind::PayoutAccrued => &[Self::Accrual],
            Kind::SettlementPosted => &[Self::Settlement],
            _ => &[Self::Plain],
        }
    }
}
