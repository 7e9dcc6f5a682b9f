//! Cases of requests for an audit, of what they draw, and of answers.

use grantbook_record::DenialReason;
use grantbook_record::audit::{Answer, Request};
use grantbook_record::encoding::Bytes32;
use grantbook_tlog::{Checkpoint, Hash, TreeSize};
use serde_json::{Value, json};

use crate::cases::{Case, with};
use crate::ledger::{GRANT_AT, Ledger, USES_AT, log_key, tag_key};
use crate::story::{NOW, ORIGIN};

/// A request over a log of `size` entries, and what it draws.
fn request(size: u64, nonce: u8, count: u32) -> Value {
    let checkpoint = Checkpoint::new(ORIGIN, TreeSize(size), Hash([nonce; 32])).unwrap();
    let note = checkpoint.sign(&log_key()).unwrap().to_string();
    drawn(&Request::new(&note, Bytes32([nonce; 32]), count).unwrap())
}

fn drawn(request: &Request) -> Value {
    let drawn: Vec<u64> = request.draw().unwrap().iter().map(|index| index.0).collect();
    json!({ "request": String::from_utf8(request.to_json()).unwrap(), "drawn": drawn })
}

pub(crate) fn audits() -> Vec<Case> {
    let named = |name: &str, input: Value| (name.to_owned(), input);
    let story = Ledger::story();
    let good = drawn(&story.audit());
    let mut cases: Vec<Case> = vec![
        named("five of eight", good.clone()),
        named("all of a small log", request(10, 1, 10)),
        named("a log of one entry", request(1, 2, 1)),
        named("a size of which 2^64 is no multiple", request((1 << 63) + 1, 3, 20)),
        named("a size of which 2^64 is a multiple", request(1 << 40, 4, 20)),
        named("a large log", request(10_000_019, 5, 40)),
    ];
    let text = good["request"].as_str().unwrap();
    let mut refused = |name: &str, from: &str, to: &str| {
        cases.push(named(name, json!({ "request": with(text, from, to), "drawn": [] })));
    };
    refused("version 2", "\"v\":1", "\"v\":2");
    refused("unknown member", "\"v\":1", "\"v\":1,\"x\":1");
    refused("no nonce", "\"nonce\"", "\"dice\"");
    refused("no count", ",\"count\":5", "");
    refused("another spelling", "{", " {");
    refused("a nonce of 31 bytes", "Nzc3", "Nz");
    refused("none", "\"count\":5", "\"count\":0");
    refused("more than there are", "\"count\":5", "\"count\":9");
    refused("a checkpoint of no size", "sandbox\\n8", "sandbox\\nx");
    refused("no checkpoint", "\\n\\n", "\\n");
    let more = with(request(200_000, 6, 100_000)["request"].as_str().unwrap(), ":100000}", ":100001}");
    cases.push(named("more than one audit may ask for", json!({ "request": more, "drawn": [] })));
    cases.extend(answers(&story));
    cases
}

fn answers(story: &Ledger) -> Vec<Case> {
    let receipt = |at: u64| String::from_utf8(story.receipt(at).to_json()).unwrap();
    let answer = Answer {
        index: USES_AT,
        day_key: Bytes32(tag_key().day_key(NOW.day()).to_bytes()),
        receipt: receipt(USES_AT),
        under: Some(receipt(GRANT_AT)),
        flag: None,
    };
    let input = |answer: &Answer| json!({ "answer": String::from_utf8(answer.to_json()).unwrap() });
    let flagged = Answer { flag: Some(DenialReason::Field), ..answer.clone() };
    let alone = Answer { index: GRANT_AT, receipt: receipt(GRANT_AT), under: None, ..answer.clone() };
    let mut cases: Vec<Case> = vec![
        ("a use and its terms".to_owned(), input(&answer)),
        ("a flagged use".to_owned(), input(&flagged)),
        ("an entry that names no other".to_owned(), input(&alone)),
    ];
    let text = input(&flagged)["answer"].as_str().unwrap().to_owned();
    let mut refused = |name: &str, from: &str, to: &str| {
        cases.push((name.to_owned(), json!({ "answer": with(&text, from, to) })));
    };
    refused("a flag that is no reason", "\"flag\":\"field\"", "\"flag\":\"fields\"");
    refused("unknown member", "\"flag\"", "\"flags\"");
    refused("no day key", "\"day_key\"", "\"key\"");
    refused("another spelling", ",\"day_key\"", ", \"day_key\"");
    refused("a negative index", "\"index\":", "\"index\":-");
    refused("a receipt that is no text", "\"receipt\":\"", "\"receipt\":1,\"under\":\"");
    cases
}
