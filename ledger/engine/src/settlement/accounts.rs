//! Accounts in double entry: customer, enterprise, platform, tax. Every posting balances within its currency, so the sum
//! of all accounts of a currency is always zero. There is no conversion.

use grantbook_record::{CountryCode, Currency};
use serde::{Deserialize, Serialize};

/// An account of one enterprise. Balances say what is owed to its holder, minor units; below zero, what the holder owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// All customers together; each one's part is the customer's own balance.
    Customers,
    /// Customers who were erased before they were paid.
    Unclaimed,
    /// The enterprise.
    Enterprise,
    /// The operator of the ledger.
    Platform,
    /// Tax withheld for a country.
    Tax(CountryCode),
}

/// Changes of accounts that balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    currency: Currency,
    legs: Vec<(Account, i64)>,
}

impl Posting {
    /// `None` unless the legs sum to zero.
    pub fn new(currency: Currency, legs: &[(Account, i64)]) -> Option<Self> {
        let sum: i128 = legs.iter().map(|(_, amount)| i128::from(*amount)).sum();
        (sum == 0).then(|| Self { currency, legs: legs.to_vec() })
    }

    /// A group's pool of a period and the platform's fee. What of the pool is the enterprise's own comes back to it.
    pub fn pool(currency: Currency, pool: u64, parts: PoolParts, fee: u64) -> Option<Self> {
        let signed = |amount: u64| i64::try_from(amount).ok();
        let (erased, own) = (signed(parts.of_erased)?, signed(parts.of_enterprise)?);
        let (pool, fee) = (signed(pool)?, signed(fee)?);
        Self::new(
            currency,
            &[
                (Account::Customers, pool.checked_sub(erased)?.checked_sub(own)?),
                (Account::Unclaimed, erased),
                (Account::Platform, fee),
                (Account::Enterprise, pool.checked_add(fee)?.checked_neg()?),
                (Account::Enterprise, own),
            ],
        )
    }

    /// A customer was paid: the enterprise owes the customer no more, but what it withheld to the country.
    pub fn payment(currency: Currency, gross: u64, withheld: u64, country: CountryCode) -> Option<Self> {
        let (gross, withheld) = (i64::try_from(gross).ok()?, i64::try_from(withheld).ok()?);
        Self::new(
            currency,
            &[
                (Account::Customers, gross.checked_neg()?),
                (Account::Tax(country), withheld),
                (Account::Enterprise, gross.checked_sub(withheld)?),
            ],
        )
    }

    /// An amount goes from one account to another.
    pub fn transfer(currency: Currency, from: Account, to: Account, amount: i64) -> Option<Self> {
        Self::new(currency, &[(from, amount.checked_neg()?), (to, amount)])
    }
}

/// What of a pool is not owed to customers who are known, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolParts {
    /// Owed to customers who were erased.
    pub of_erased: u64,
    /// Owed to the enterprise, for uses of data assets that belong to it.
    pub of_enterprise: u64,
}

/// Balances by account and currency.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Accounts(Vec<(Account, Currency, i64)>);

impl Accounts {
    /// Takes a posting in whole; `None`, with nothing changed, on overflow.
    #[must_use]
    pub fn post(&mut self, posting: &Posting) -> Option<()> {
        let mut after = self.0.clone();
        for (account, amount) in posting.legs.iter().filter(|(_, amount)| *amount != 0) {
            let known = after
                .iter_mut()
                .find(|(known, currency, _)| (known, *currency) == (account, posting.currency));
            match known {
                Some((_, _, balance)) => *balance = balance.checked_add(*amount)?,
                None => after.push((*account, posting.currency, *amount)),
            }
        }
        after.sort_unstable();
        self.0 = after;
        Some(())
    }

    /// The balance of an account.
    pub fn balance(&self, account: Account, currency: Currency) -> i64 {
        let found = self.0.iter().find(|(known, of, _)| (*known, *of) == (account, currency));
        found.map_or(0, |(_, _, balance)| *balance)
    }

    /// Every account that was ever posted to, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Account, Currency, i64)> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn yuan() -> Currency {
        Currency::parse("CNY").unwrap()
    }

    proptest! {
        #[test]
        fn all_accounts_of_a_currency_sum_to_zero(
            steps in prop::collection::vec((0_u8..4, 0_u64..1_000_000, 0_u64..1000, any::<bool>()), 1..60)
        ) {
            let mut accounts = Accounts::default();
            let china = CountryCode::parse("CN").unwrap();
            for (what, amount, part, euro) in steps {
                let currency = if euro { Currency::parse("EUR").unwrap() } else { yuan() };
                let part = part.min(amount);
                let posting = match what {
                    0 => Posting::pool(currency, amount, PoolParts { of_erased: part / 2, of_enterprise: part / 3 }, part),
                    1 => Posting::payment(currency, amount, part, china),
                    2 => Posting::transfer(currency, Account::Customers, Account::Enterprise, i64::try_from(amount).unwrap()),
                    _ => Posting::transfer(currency, Account::Customers, Account::Unclaimed, -i64::try_from(part).unwrap()),
                };
                accounts.post(&posting.unwrap()).unwrap();
                for currency in [yuan(), Currency::parse("EUR").unwrap()] {
                    let sum: i128 = accounts.iter().filter(|(_, of, _)| *of == currency).map(|(_, _, b)| i128::from(b)).sum();
                    prop_assert_eq!(sum, 0);
                }
            }
        }
    }

    #[test]
    fn what_does_not_balance_is_no_posting() {
        assert_eq!(Posting::new(yuan(), &[(Account::Customers, 80), (Account::Enterprise, -79)]), None);
        assert_eq!(Posting::pool(yuan(), u64::MAX, PoolParts::default(), 0), None);
        let mut accounts = Accounts::default();
        let most = Posting::transfer(yuan(), Account::Enterprise, Account::Customers, i64::MAX).unwrap();
        accounts.post(&most).unwrap();
        let before = accounts.clone();
        assert_eq!(accounts.post(&most), None);
        assert_eq!(accounts, before, "a posting that does not fit changes nothing");
    }
}
