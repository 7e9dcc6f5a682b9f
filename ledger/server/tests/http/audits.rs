//! A regulator draws, the operator opens over HTTP, the regulator checks.

use grantbook_engine::Role;
use grantbook_plan::audit::{Auditor, Report};
use grantbook_record::audit::Request;
use grantbook_record::encoding::Bytes32;
use grantbook_tlog::{Checkpoint, Demands, Hash, SignatureKind, SigningKey, TreeSize};
use serde_json::json;

use crate::book::{Book, evaluation, facts};
use crate::client::Call;

fn call(request: &[u8]) -> Call {
    Call::post("/v1/audits").bytes("application/json", request.to_vec())
}

fn audit(book: &Book, request: &Request, answers: &[u8]) -> Report {
    let mut auditor = Auditor::new(request, book.ledger.log_keys(), &Demands::default()).unwrap();
    for line in answers.strip_suffix(b"\n").unwrap_or(answers).split(|byte| *byte == b'\n') {
        auditor.take(line);
    }
    auditor.finish()
}

#[tokio::test]
async fn an_operator_opens_what_a_regulator_has_drawn_and_nobody_else_does() {
    let book = Book::open().await;
    let published = book.publish().await;
    // more than are read at once
    for number in 0..40 {
        let sub = format!("cs-{number}");
        let customer = book.customer(&sub, number + 1).await;
        book.grant(&customer, &published).await;
        let use_ = evaluation(&facts(&sub, 2), &format!("use-{number}"));
        book.post("/access/v1/evaluation", &use_).await.expect(200);
    }
    let (_, token) = book.ledger.create_token(book.tenant(), Role::Operator, "audits").unwrap();
    let note = book.send(Call::get("/log/checkpoint")).await.expect(200);
    let (checkpoint, _) = Checkpoint::parse_note(note.text().as_bytes()).unwrap();
    let TreeSize(size) = checkpoint.size();
    let request = Request::new(note.text(), Bytes32([3; 32]), u32::try_from(size).unwrap()).unwrap();
    for token in [&book.service_token, &book.sandbox.token, &book.stranger_token] {
        book.send(call(&request.to_json()).token(token)).await.expect(403);
    }
    book.send(call(&request.to_json())).await.expect(401);
    assert_eq!(book.size_root().0, TreeSize(size), "nothing was opened");

    let answered = book.send(call(&request.to_json()).token(&token)).await.expect(200);
    assert_eq!(answered.header("content-type"), "application/x-ndjson");
    let report = audit(&book, &request, &answered.body);
    assert_eq!(report.findings, [], "{report}");
    assert_eq!((report.opened, report.drawn as u64), (size, size));
    assert_eq!(book.size_root().0, TreeSize(size + 1), "the log says so");
    book.send(Call::get(format!("/log/public/{size}"))).await.expect(200);
}

#[tokio::test]
async fn a_request_that_is_none_or_of_another_log_is_refused() {
    let book = Book::open().await;
    book.publish().await;
    let (_, token) = book.ledger.create_token(book.tenant(), Role::Operator, "audits").unwrap();
    let size = book.size_root();
    book.send(call(b"{}").token(&token)).await.expect(400);
    let origin = book.ledger.origin();
    let key = SigningKey::from_seed(origin, SignatureKind::Ed25519, &[1; 32]).unwrap();
    let other = Checkpoint::new(origin, TreeSize(2), Hash([1; 32])).unwrap().sign(&key).unwrap();
    let request = Request::new(&other.to_string(), Bytes32([3; 32]), 2).unwrap();
    let refused = book.send(call(&request.to_json()).token(&token)).await.expect(422);
    assert_eq!(refused.slug(), "refused");
    assert_eq!(book.size_root(), size);
}

#[tokio::test]
async fn no_enterprise_makes_an_operators_token() {
    let book = Book::open().await;
    let asked = Call::post("/v1/tokens").json(&json!({"role": "operator", "label": "mine"}));
    let refused = book.send(asked.token(&book.sandbox.token)).await.expect(403);
    assert_eq!(refused.slug(), "forbidden");
}
