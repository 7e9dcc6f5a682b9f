use grantbook_record::UnixMillis;
use proptest::prelude::*;

use super::super::pain001::plain_id;
use super::*;

fn order(byte: u8) -> Jti {
    Jti::new(UnixMillis(1_795_000_000_000), [byte; 10])
}

fn id(byte: u8) -> String {
    plain_id(&order(byte))
}

fn pain002(payments: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><p:Document xmlns:p="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><p:CstmrPmtStsRpt>
        <p:GrpHdr><p:MsgId>B1</p:MsgId></p:GrpHdr><p:OrgnlPmtInfAndSts>{payments}</p:OrgnlPmtInfAndSts></p:CstmrPmtStsRpt></p:Document>"#
    )
}

fn payment(id: &str, status: &str, reason: &str) -> String {
    format!(
        "<p:TxInfAndSts><p:OrgnlEndToEndId>{id}</p:OrgnlEndToEndId><p:TxSts>{status}</p:TxSts>{reason}</p:TxInfAndSts>"
    )
}

fn term(text: &str) -> Option<Term> {
    Term::parse(text).ok()
}

#[test]
fn only_a_banks_final_word_ends_a_payment() {
    let rejected = "<p:StsRsnInf><p:Rsn><p:Cd>AC04</p:Cd></p:Rsn></p:StsRsnInf>";
    let words = [
        ("ACSC", "", Word::Paid),
        ("ACCC", "", Word::Paid),
        ("RJCT", rejected, Word::Failed(term("ac04"))),
        ("RJCT", "", Word::Failed(None)),
        ("ACSP", "", Word::UnderWay),
        ("PDNG", "", Word::UnderWay),
        ("WHAT", "", Word::UnderWay),
    ];
    for (status, reason, word) in words {
        let parsed = parse(pain002(&payment(&id(1), status, reason)).as_bytes()).unwrap();
        assert_eq!(parsed, [PaymentStatus { order: order(1), word }], "{status}");
    }
    // other people's payments are passed over
    for other in ["NOTPROVIDED", "", "0123456789abcdef0123456789abcdef", &id(1).to_uppercase()] {
        assert_eq!(parse(pain002(&payment(other, "ACSC", "")).as_bytes()).unwrap(), [], "{other}");
    }
}

#[test]
fn a_statement_of_the_account_tells_what_was_booked_and_what_came_back() {
    let entry = |side: &str, status: &str, details: &str| {
        format!(
            r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Ntry>
            <Amt Ccy="CNY">9.60</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts><NtryDtls><TxDtls>
            <Refs><EndToEndId>{}</EndToEndId></Refs>{details}</TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"#,
            id(1)
        )
    };
    let returned = "<RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf>";
    for (side, status, details, word) in [
        ("DBIT", "BOOK", "", Word::Paid),
        ("DBIT", "PDNG", "", Word::UnderWay),
        ("CRDT", "BOOK", returned, Word::Failed(term("ac01"))),
        ("CRDT", "PDNG", returned, Word::UnderWay),
    ] {
        let parsed = parse(entry(side, status, details).as_bytes()).unwrap();
        assert_eq!(parsed, [PaymentStatus { order: order(1), word }], "{side} {status}");
    }
    assert!(parse(entry("BOTH", "BOOK", "").as_bytes()).is_err());
}

#[test]
fn what_departs_from_the_form_is_refused() {
    let good = pain002(&payment(&id(1), "ACSC", ""));
    let depth = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
    for bad in [
        String::new(),
        "<Document/>".to_owned(),
        good.replace("pain.002.001.10", "pain.001.001.09"),
        good.replace("<?xml version=\"1.0\"?>", "<!DOCTYPE d [<!ENTITY a \"b\">]>"),
        good.replace("ACSC", "&file;"),
        good.replace("</p:Document>", ""),
        format!("{good}{good}"),
        good.replace("<p:GrpHdr>", &format!("{depth}<p:GrpHdr>")),
        good.replace("<p:TxSts>ACSC</p:TxSts>", ""),
        good.replace("CstmrPmtStsRpt", "Other"),
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let whole = r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><OrgnlGrpInfAndSts>
        <GrpSts>RJCT</GrpSts></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>"#;
    assert!(parse(whole.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(at in 0_usize..600, byte in any::<u8>(), cut in 0_usize..600) {
        let mut bytes = pain002(&payment(&id(1), "ACSC", "")).into_bytes();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % length);
        let _ = parse(&bytes);
    }
}
