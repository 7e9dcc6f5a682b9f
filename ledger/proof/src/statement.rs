//! The statements: what is shown of every entry, by number. The algebra is that of `docs/spec/compliance-proof.md`.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::policy::StatementPolicy;

/// The block of statements of the specification, line by line.
pub const STATEMENTS: &str = include_str!("statements.txt");

/// SHA-256 of the block of statements; every bundle and every proof names it.
pub fn spec_hash() -> [u8; 32] {
    static HASH: OnceLock<[u8; 32]> = OnceLock::new();
    *HASH.get_or_init(|| Sha256::digest(STATEMENTS).into())
}

macro_rules! statements {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $algebra:expr;)*) => {
        /// What is shown of entries.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum Statement {
            $($(#[$doc])* $variant = $number,)*
        }

        impl Statement {
            /// Every statement, by rising number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// By number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name, as proofs absorb it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// How it is proved.
            pub fn algebra(self) -> Algebra {
                match self {
                    $(Self::$variant => $algebra,)*
                }
            }
        }
    };
}

/// How a statement is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algebra {
    /// By the entries alone.
    Counted,
    /// Its terms lie in [0, 2³²).
    Range32,
    /// Its terms lie in [0, 2⁶⁴).
    Range64,
    /// Its terms are zero.
    Zero,
}

statements! {
    /// Each use names a version of a grant.
    UseHasGrant = 0, "use-has-grant", Algebra::Counted;
    /// Base values are numbers of 32 bits.
    ValuesInRange = 1, "values-in-range", Algebra::Range32;
    /// What happened is recorded on its day, or late at most.
    TimeOfDay = 2, "time-of-day", Algebra::Range32;
    /// A use pays at least the floor.
    PayoutFloor = 3, "payout-floor", Algebra::Range32;
    /// A use pays the price of its grant.
    PayoutIsPrice = 4, "payout-is-price", Algebra::Zero;
    /// A use lies within the validity of its grant.
    UseWithinValidity = 5, "use-within-validity", Algebra::Range32;
    /// A use lies before the end of its grant.
    UseBeforeEnd = 6, "use-before-end", Algebra::Range32;
    /// A use lies outside all pauses.
    UseNotPaused = 7, "use-not-paused", Algebra::Range32;
    /// Uses are within the cap.
    UsesWithinCap = 8, "uses-within-cap", Algebra::Range32;
    /// Data was deleted in time.
    DeletedInTime = 9, "deleted-in-time", Algebra::Range64;
    /// Data that is kept may be kept still.
    KeptInTime = 10, "kept-in-time", Algebra::Range64;
    /// Ends were acknowledged in time.
    AcknowledgedInTime = 11, "acknowledged-in-time", Algebra::Range32;
    /// Ends that are not acknowledged are young.
    UnacknowledgedYoung = 12, "unacknowledged-young", Algebra::Range32;
    /// Customers are old enough.
    Age = 13, "age", Algebra::Range32;
    /// What is settled is what was earned.
    PoolAddsUp = 14, "pool-adds-up", Algebra::Zero;
    /// No cohort is paid much more than another.
    FairPay = 15, "fair-pay", Algebra::Range64;
    /// Shares are those of the declared revenue.
    ShareOfRevenue = 16, "share-of-revenue", Algebra::Range64;
}

impl Statement {
    /// The number of the statement in the specification.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether the policy asks for it.
    pub fn is_asked(self, policy: &StatementPolicy) -> bool {
        match self {
            Self::AcknowledgedInTime | Self::UnacknowledgedYoung => {
                policy.acknowledged_within_seconds.is_some()
            }
            Self::Age => policy.age_years.is_some(),
            Self::FairPay => policy.fair_pay.is_some(),
            _ => true,
        }
    }
}

impl std::fmt::Display for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name(), self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_has_the_statements_of_the_specification() {
        let page = include_str!("../../../docs/spec/compliance-proof.md");
        let block = page.split("```text example=statements\n").nth(1).unwrap().split("```").next().unwrap();
        assert_eq!(block, STATEMENTS);
        let named: Vec<(u8, &str)> = STATEMENTS
            .lines()
            .filter_map(|line| Some((line.get(..2)?.trim().parse().ok()?, line.split_whitespace().nth(1)?)))
            .collect();
        let known: Vec<(u8, &str)> =
            Statement::ALL.iter().map(|statement| (statement.number(), statement.name())).collect();
        assert_eq!(named, known);
        for statement in Statement::ALL {
            assert_eq!(Statement::from_number(statement.number()), Some(*statement));
        }
        assert_eq!(Statement::from_number(17), None);
    }
}
