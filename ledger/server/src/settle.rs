//! What leaves the ledger about money: views of settlements and statements, and the files that go to a bank and come from
//! it. Specification: `docs/spec/settlement.md`.

pub mod accounts;
pub mod adapter;
pub mod pain001;
pub mod report;
mod views;
mod xml;

pub use grantbook_engine::settlement::OrderState;
use grantbook_record::Currency;

pub use accounts::{AccountsError, Payee, PayeeAccount};
pub use adapter::{AdapterError, FileAdapter, Payment, PaymentFile, PaymentStatus, PayoutAdapter, Word};
pub use views::{
    AmountView, LineView, OrderView, OrderedView, PeriodView, SettledView, StatementLineView, StatementView,
    accounts,
};

/// An amount as bank files write it, such as `0.80`: with all digits of the minor unit.
pub fn decimal(currency: Currency, minor: u64) -> String {
    let digits = u32::from(currency.minor_digits());
    let unit = 10_u64.pow(digits);
    match digits {
        0 => minor.to_string(),
        _ => format!("{}.{:0width$}", minor / unit, minor % unit, width = digits as usize),
    }
}

/// An amount for people, such as `0.80 CNY`.
pub fn amount(currency: Currency, minor: u64) -> String {
    format!("{} {}", decimal(currency, minor), currency.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_all_digits_of_the_minor_unit() {
        for (code, minor, text) in
            [("CNY", 80, "0.80"), ("CNY", 123_456_705, "1234567.05"), ("JPY", 80, "80"), ("EUR", 0, "0.00")]
        {
            assert_eq!(decimal(Currency::parse(code).unwrap(), minor), text);
        }
    }
}
