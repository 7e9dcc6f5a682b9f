//! What banks report: pain.002 (status of payments) and camt.053 (statement of an account), as far as it says what became
//! of payments that were ordered here. Versions of the messages differ elsewhere than in what is read.

use grantbook_record::{Jti, Term};

use super::adapter::{PaymentStatus, Word};
use super::xml::{self, Element};

/// A report that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Too long.
    #[error("the report is too large, expected at most 256 MiB")]
    TooLarge,
    /// It is no XML, or not in the form of its message.
    #[error("{0}")]
    Malformed(&'static str),
    /// Another message.
    #[error("unknown message, expected pain.002.001 or camt.053.001")]
    Message,
}

/// Reads a report. Payments that were not ordered here are passed over: their ids are no order's.
pub fn parse(bytes: &[u8]) -> Result<Vec<PaymentStatus>, ReportError> {
    let document = xml::parse(bytes).map_err(ReportError::Malformed)?;
    if document.name != "Document" {
        return Err(ReportError::Message);
    }
    let is = |message: &str| {
        document
            .namespace
            .strip_prefix("urn:iso:std:iso:20022:tech:xsd:")
            .is_some_and(|id| id.starts_with(message))
    };
    if is("pain.002.001.") {
        status_report(&document)
    } else if is("camt.053.001.") {
        account_statement(&document)
    } else {
        Err(ReportError::Message)
    }
}

fn status_report(document: &Element) -> Result<Vec<PaymentStatus>, ReportError> {
    let report = document.child("CstmrPmtStsRpt").ok_or(ReportError::Malformed("expected CstmrPmtStsRpt"))?;
    let of_group = report.at(&["OrgnlGrpInfAndSts", "GrpSts"]).map(|status| status.text.as_str());
    let payments = report.all("OrgnlPmtInfAndSts").flat_map(|payment| payment.all("TxInfAndSts"));
    let mut statuses = Vec::new();
    for payment in payments {
        let Some(order) = payment.child("OrgnlEndToEndId").and_then(order_of) else { continue };
        let status =
            payment.child("TxSts").ok_or(ReportError::Malformed("expected TxSts of each payment"))?;
        let word = match status.text.as_str() {
            "ACSC" | "ACCC" => Word::Paid,
            "RJCT" | "CANC" => Word::Failed(reason(payment, &["StsRsnInf", "Rsn", "Cd"])),
            // accepted, pending, and whatever else is not final
            _ => Word::UnderWay,
        };
        statuses.push(PaymentStatus { order, word });
    }
    // whether a file was rejected as a whole, and with it which payments, the bank must say payment by payment
    if statuses.is_empty() && of_group == Some("RJCT") {
        return Err(ReportError::Malformed(
            "the file is rejected as a whole, expected the status of each payment",
        ));
    }
    Ok(statuses)
}

fn account_statement(document: &Element) -> Result<Vec<PaymentStatus>, ReportError> {
    let all = document.child("BkToCstmrStmt").ok_or(ReportError::Malformed("expected BkToCstmrStmt"))?;
    let mut statuses = Vec::new();
    for entry in all.all("Stmt").flat_map(|statement| statement.all("Ntry")) {
        let text = |path: &[&str]| entry.at(path).map_or("", |element| element.text.as_str());
        // a code since version 8, plain text before
        let status = if text(&["Sts", "Cd"]).is_empty() { text(&["Sts"]) } else { text(&["Sts", "Cd"]) };
        let side = text(&["CdtDbtInd"]);
        if !matches!(side, "DBIT" | "CRDT") {
            return Err(ReportError::Malformed("expected CdtDbtInd of each entry to be DBIT or CRDT"));
        }
        for payment in entry.all("NtryDtls").flat_map(|details| details.all("TxDtls")) {
            let Some(order) = payment.at(&["Refs", "EndToEndId"]).and_then(order_of) else { continue };
            let word = match (status, side, payment.child("RtrInf")) {
                ("BOOK", "DBIT", None) => Word::Paid,
                // what comes back was not paid
                ("BOOK", "CRDT", _) | ("BOOK", "DBIT", Some(_)) => {
                    Word::Failed(reason(payment, &["RtrInf", "Rsn", "Cd"]))
                }
                _ => Word::UnderWay,
            };
            statuses.push(PaymentStatus { order, word });
        }
    }
    Ok(statuses)
}

/// The order of an end-to-end id: a UUIDv7 without its hyphens.
fn order_of(id: &Element) -> Option<Jti> {
    let id = id.text.as_str();
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()) {
        return None;
    }
    let parts = [id.get(..8)?, id.get(8..12)?, id.get(12..16)?, id.get(16..20)?, id.get(20..)?];
    Jti::parse(&parts.join("-")).ok()
}

/// The bank's code, such as `ac04`.
fn reason(payment: &Element, path: &[&str]) -> Option<Term> {
    Term::parse(&payment.at(path)?.text.to_ascii_lowercase()).ok()
}

#[cfg(test)]
mod tests;
