use grantbook_record::{DataDay, UnixMillis};

use super::super::xml;
use super::*;

fn account(name: &str, number: &str, bank: &str) -> PayeeAccount {
    PayeeAccount::new(name, number, bank).unwrap()
}

pub(crate) fn file() -> PaymentFile {
    let made = UnixMillis(1_795_000_000_123);
    let payment = |byte, currency, net, to| Payment {
        order: Jti::new(made, [byte; 10]),
        currency: Currency::parse(currency).unwrap(),
        net,
        to,
    };
    PaymentFile {
        id: Jti::new(made, [9; 10]),
        made,
        day: DataDay::parse("2026-11-30").unwrap(),
        debtor: account("Record Shop & Söhne <Holding>", "6222021234567890123", "102100099996"),
        payments: vec![
            payment(1, "CNY", 100_005, account("张三", "6217001234567890123", "105100000017")),
            payment(2, "EUR", 80, account("Doe, J.", "DE89370400440532013000", "COBADEFFXXX")),
            payment(3, "CNY", 64, account("李四", "6217009876543210987", "105100000017")),
            payment(4, "JPY", 500, account("Sato", "1234567", "BOTKJPJT")),
        ],
    }
}

#[test]
fn a_file_says_who_is_paid_what_and_reads_back() {
    let bytes = write(&file()).unwrap();
    let document = xml::parse(&bytes).unwrap();
    assert_eq!(document.namespace, NAMESPACE);
    let message = document.child("CstmrCdtTrfInitn").unwrap();
    let text = |element: &xml::Element, path: &[&str]| element.at(path).unwrap().text.clone();
    assert_eq!(text(message, &["GrpHdr", "NbOfTxs"]), "4");
    assert_eq!(text(message, &["GrpHdr", "CtrlSum"]), "1501.49");
    assert_eq!(text(message, &["GrpHdr", "CreDtTm"]), "2026-11-18T11:06:40Z");
    assert_eq!(text(message, &["GrpHdr", "InitgPty", "Nm"]), "Record Shop & Söhne <Holding>");
    assert_eq!(message.all("PmtInf").count(), 3);
    let yuan = message.child("PmtInf").unwrap();
    assert_eq!((text(yuan, &["NbOfTxs"]), text(yuan, &["CtrlSum"])), ("2".to_owned(), "1000.69".to_owned()));
    let first = yuan.child("CdtTrfTxInf").unwrap();
    assert_eq!(text(first, &["Amt", "InstdAmt"]), "1000.05");
    assert_eq!(text(first, &["Cdtr", "Nm"]), "张三");
    assert_eq!(text(first, &["CdtrAgt", "FinInstnId", "ClrSysMmbId", "MmbId"]), "105100000017");
    assert_eq!(text(first, &["CdtrAcct", "Id", "Othr", "Id"]), "6217001234567890123");
    assert_eq!(text(first, &["PmtId", "EndToEndId"]), plain_id(&file().payments[0].order));
    assert_eq!(write(&file()).unwrap(), bytes, "the same payments, the same bytes");
}

#[test]
fn nothing_is_no_payment() {
    assert!(write(&PaymentFile { payments: Vec::new(), ..file() }).is_err());
    let mut nothing = file();
    nothing.payments[0].net = 0;
    assert!(write(&nothing).is_err());
}
