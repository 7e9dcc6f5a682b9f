use super::*;
use crate::id::TenantId;

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).unwrap()
}

const PUSHED: &str = r#"{"source":"crm","sequence":1,"as_of":1795000000000,"mark":"","records":[
    {"sub":"cs-1","id":"ticket-1","now":{"says":{"kind":"ticket","title":"A","at":1795000000,"fields":[
        {"name":"phone","value":"1","editable":true}]}}},
    {"sub":"cs-1","id":"ticket-2","now":"removed"}]}"#;

fn claims(event: &str) -> Vec<u8> {
    let jti = Jti::new(UnixMillis(1_795_000_000_000), [1; 10]);
    let tenant = TenantId::of_log("test");
    format!(r#"{{"v":1,"aud":"{tenant}","jti":"{jti}","iat":1795000000,"event":{event}}}"#).into_bytes()
}

fn verified(typ: &str, event: &str, by: &Signer) -> Result<Claims<MirrorPushed>, StatementError> {
    let compact = jws::sign(typ, &claims(event), by);
    let known = |source: &SourceId| (source.as_str() == "crm").then(|| *signer(1).public_key());
    verify::<MirrorPushed>(&compact, known)
}

#[test]
fn a_push_is_read_and_written_alike() {
    let read = verified(MirrorPushed::TYP, PUSHED, &signer(1)).unwrap();
    assert_eq!(read.event.records.len(), 2);
    assert_eq!(parse::<MirrorPushed>(&sign(&read, &signer(1))).unwrap(), read);
}

#[test]
fn statements_are_strict() {
    let spoilt = |from: &str, to: &str| {
        assert!(PUSHED.contains(from), "{from}");
        verified(MirrorPushed::TYP, &PUSHED.replace(from, to), &signer(1)).unwrap_err()
    };
    for (from, to) in [
        (r#""source":"crm""#, r#""source":"c r m""#),
        (r#""sequence":1"#, r#""sequence":-1"#),
        (r#""kind":"ticket""#, r#""kind":"invoice""#),
        (r#""title":"A""#, r#""title":"""#),
        (r#""title":"A""#, "\"title\":\"A\u{202e}B\""),
        (r#""now":"removed""#, r#""now":"moved""#),
        (r#""editable":true"#, r#""editable":true,"hidden":true"#),
        (r#""id":"ticket-1""#, r#""id":"../ticket""#),
    ] {
        assert!(matches!(spoilt(from, to), StatementError::Payload(_)), "{to}");
    }
    let long = format!(r#""value":"{}""#, "x".repeat(2001));
    assert!(matches!(spoilt(r#""value":"1""#, &long), StatementError::Payload(_)));
    assert_eq!(spoilt(r#""source":"crm""#, r#""source":"erp""#), StatementError::BadSignature);
    let other = verified(MirrorPushed::TYP, PUSHED, &signer(2)).unwrap_err();
    assert_eq!(other, StatementError::BadSignature);
    let other = verified(MirrorDecided::TYP, PUSHED, &signer(1)).unwrap_err();
    assert_eq!(other, StatementError::Typ { expected: MirrorPushed::TYP });
    let large = "x".repeat(STATEMENT_BYTES_MAX + 1);
    assert!(matches!(parse::<MirrorPushed>(&large), Err(StatementError::TooLarge { .. })));
}
