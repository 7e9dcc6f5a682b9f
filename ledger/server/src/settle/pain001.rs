//! ISO 20022 `pain.001.001.09`, customer credit transfer initiation: payments in yuan to CNAPS banks, and those to IBANs.
//!
//! Profile: one payment information for each currency, urgency and purpose left to the bank. Accounts that are no IBANs go
//! as `Othr`, banks without a BIC by their CNAPS code. Text is UTF-8, so names may be Chinese. No address is given.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use grantbook_record::{Currency, Jti};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::accounts::PayeeAccount;
use super::adapter::{Payment, PaymentFile};
use super::decimal;

/// The message's namespace.
pub const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09";

/// The end-to-end id of an order, and the id of a message: a jti without its hyphens, 32 of the 35 characters that there are.
pub fn plain_id(jti: &Jti) -> String {
    jti.to_string().replace('-', "")
}

/// Writes the file; the same payments give the same bytes.
pub fn write(file: &PaymentFile) -> Result<Vec<u8>, &'static str> {
    if file.payments.is_empty() {
        return Err("there is nothing to pay");
    }
    let mut by_currency: BTreeMap<Currency, Vec<&Payment>> = BTreeMap::new();
    for payment in &file.payments {
        if payment.net == 0 {
            return Err("a payment of nothing, expected more than is withheld");
        }
        by_currency.entry(payment.currency).or_default().push(payment);
    }
    let mut document = Document(Writer::new(Vec::new()));
    document.write(file, &by_currency).map_err(|_| "the file cannot be written")?;
    Ok(document.0.into_inner())
}

/// The control sum over payments in several currencies: the sum of the amounts as decimals, whatever their currency.
fn control_sum<'p>(payments: impl Iterator<Item = &'p Payment>) -> String {
    // hundredths are the smallest unit of every currency here
    let hundredths = payments.map(|payment| match payment.currency.minor_digits() {
        0 => u128::from(payment.net) * 100,
        _ => u128::from(payment.net),
    });
    let sum: u128 = hundredths.sum();
    format!("{}.{:02}", sum / 100, sum % 100)
}

struct Document(Writer<Vec<u8>>);

impl Document {
    fn write(
        &mut self,
        file: &PaymentFile,
        by_currency: &BTreeMap<Currency, Vec<&Payment>>,
    ) -> io::Result<()> {
        self.0.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        self.0.get_mut().write_all(b"\n")?;
        let root = quick_xml::events::BytesStart::new("Document").with_attributes([("xmlns", NAMESPACE)]);
        self.0.write_event(Event::Start(root))?;
        self.within("CstmrCdtTrfInitn", |document| {
            document.within("GrpHdr", |document| {
                document.text("MsgId", &plain_id(&file.id))?;
                document.text("CreDtTm", &date_time(file.made.0))?;
                document.text("NbOfTxs", &file.payments.len().to_string())?;
                document.text("CtrlSum", &control_sum(file.payments.iter()))?;
                document.within("InitgPty", |document| document.text("Nm", &file.debtor.name))
            })?;
            for (currency, payments) in by_currency {
                document.payment_information(file, *currency, payments)?;
            }
            Ok(())
        })?;
        self.0.write_event(Event::End(quick_xml::events::BytesEnd::new("Document")))?;
        self.0.get_mut().write_all(b"\n")
    }

    fn payment_information(
        &mut self,
        file: &PaymentFile,
        currency: Currency,
        payments: &[&Payment],
    ) -> io::Result<()> {
        self.within("PmtInf", |document| {
            document.text("PmtInfId", &format!("{}{}", plain_id(&file.id), currency.code()))?;
            document.text("PmtMtd", "TRF")?;
            document.text("NbOfTxs", &payments.len().to_string())?;
            document.text("CtrlSum", &control_sum(payments.iter().copied()))?;
            document.within("ReqdExctnDt", |document| document.text("Dt", &file.day.to_string()))?;
            document.within("Dbtr", |document| document.text("Nm", &file.debtor.name))?;
            document.account("DbtrAcct", &file.debtor)?;
            document.bank("DbtrAgt", &file.debtor)?;
            payments.iter().try_for_each(|payment| document.payment(payment))
        })
    }

    fn payment(&mut self, payment: &Payment) -> io::Result<()> {
        self.within("CdtTrfTxInf", |document| {
            document.within("PmtId", |document| document.text("EndToEndId", &plain_id(&payment.order)))?;
            document.within("Amt", |document| {
                let amount =
                    document.0.create_element("InstdAmt").with_attribute(("Ccy", payment.currency.code()));
                amount.write_text_content(BytesText::new(&decimal(payment.currency, payment.net)))?;
                Ok(())
            })?;
            document.bank("CdtrAgt", &payment.to)?;
            document.within("Cdtr", |document| document.text("Nm", &payment.to.name))?;
            document.account("CdtrAcct", &payment.to)
        })
    }

    fn account(&mut self, name: &str, of: &PayeeAccount) -> io::Result<()> {
        self.within(name, |document| {
            document.within("Id", |document| {
                if of.is_iban() {
                    document.text("IBAN", &of.number)
                } else {
                    document.within("Othr", |document| document.text("Id", &of.number))
                }
            })
        })
    }

    fn bank(&mut self, name: &str, of: &PayeeAccount) -> io::Result<()> {
        self.within(name, |document| {
            document.within("FinInstnId", |document| {
                if !of.is_cnaps() {
                    return document.text("BICFI", &of.bank);
                }
                document.within("ClrSysMmbId", |document| {
                    document.within("ClrSysId", |document| document.text("Cd", "CNAPS"))?;
                    document.text("MmbId", &of.bank)
                })
            })
        })
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.0.create_element(name).write_text_content(BytesText::new(text)).map(|_| ())
    }

    fn within(&mut self, name: &str, write: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        self.0.write_event(Event::Start(quick_xml::events::BytesStart::new(name)))?;
        write(self)?;
        self.0.write_event(Event::End(quick_xml::events::BytesEnd::new(name)))
    }
}

/// Unix milliseconds as `YYYY-MM-DDThh:mm:ss`, in UTC.
fn date_time(millis: u64) -> String {
    let seconds = millis / 1000;
    let day = grantbook_record::DataDay(i32::try_from(seconds / 86_400).unwrap_or(i32::MAX));
    let of_day = seconds % 86_400;
    format!("{day}T{:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests;
