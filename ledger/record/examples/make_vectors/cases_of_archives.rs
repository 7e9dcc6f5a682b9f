//! Cases of archives, of one customer above all.

use grantbook_record::archive::{Earlier, Header};
use grantbook_record::encoding::Bytes32;
use grantbook_record::list::List;
use grantbook_record::{Receipt, SubjectId};
use grantbook_tlog::consistency_proof;
use serde_json::{Value, json};

use crate::cases::{Case, edited};
use crate::ledger::{GRANT_AT, Ledger, USES_AT, WITHDRAWN_AT};
use crate::story;

fn input(lines: &[Vec<u8>]) -> Value {
    json!({ "archive": String::from_utf8(lines.concat()).unwrap() })
}

fn without(leaf: u64) -> Vec<u64> {
    Ledger::CUSTOMERS.into_iter().filter(|at| *at != leaf).collect()
}

pub(crate) fn archives() -> Vec<Case> {
    let log = Ledger::with_state_roots();
    let receipt = |leaf| log.receipt(leaf);
    let customers = |leaves: &[u64], edit: &dyn Fn(&mut Header)| {
        let both = |header: &mut Header| {
            log.customers(header);
            edit(header);
        };
        input(&log.archive_with(leaves, &both, &receipt))
    };
    let all = &Ledger::CUSTOMERS;
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |name: &str, input: Value| cases.push((name.to_owned(), input));
    let good = customers(all, &|_| ());
    add("a customer's", good.clone());
    add("a customer's, without states", customers(all, &|header| header.states = None));
    add("a tenant's", input(&Ledger::story().archive(&[GRANT_AT, USES_AT, WITHDRAWN_AT])));
    for (name, made) in of_two_checkpoints(&log) {
        add(name, made);
    }

    add("the withdrawal withheld", customers(&without(WITHDRAWN_AT), &|_| ()));
    let none_after: Vec<u64> = (0..WITHDRAWN_AT).collect();
    add("the withdrawal withheld, and nothing after it", customers(&none_after, &|_| ()));
    add("the grant withheld", customers(&without(GRANT_AT), &|_| ()));
    add("records out of order", customers(&[0, 1, 2, GRANT_AT, WITHDRAWN_AT, USES_AT], &|_| ()));
    add("a record twice", customers(&[0, 0], &|_| ()));
    add("no claim to be complete", customers(all, &|header| header.complete_below = None));
    add(
        "complete below less than the checkpoint",
        customers(all, &|header| header.complete_below = Some(11)),
    );
    add("a tenant's that claims to be complete", customers(all, &|header| header.subject = None));
    let other = SubjectId::parse("cs-00005").unwrap();
    add("states of another customer", customers(all, &|header| header.subject = Some(other.clone())));
    let elsewhere = *story::signer(0x05).public_key();
    add(
        "states signed by another operator",
        customers(all, &|header| header.tenant.operator_key = elsewhere),
    );
    add(
        "states of another tree",
        customers(all, &|header| {
            let mut longer = Ledger::with_state_roots();
            longer.enrol_another();
            header.states = Some(longer.state_proof(crate::ledger::STATE_ROOTS_AT + 2));
        }),
    );
    add(
        "states that do not verify",
        customers(all, &|header| {
            if let Some(states) = &mut header.states {
                states.states = None;
            }
        }),
    );
    add("a record about somebody else", {
        let mut log = Ledger::with_state_roots();
        let another = log.enrol_another();
        let leaves: Vec<u64> = all.iter().copied().chain([another]).collect();
        input(&log.archive_with(&leaves, &|header| log.customers(header), &|leaf| log.receipt(leaf)))
    });
    add("a withdrawal put on the log once more", {
        let mut log = Ledger::with_state_roots();
        let again = log.again(WITHDRAWN_AT);
        let leaves: Vec<u64> = all.iter().copied().chain([again]).collect();
        input(&log.archive_with(&leaves, &|header| log.customers(header), &|leaf| log.receipt(leaf)))
    });
    cases.push(("cut short".to_owned(), {
        let text = good["archive"].as_str().unwrap().trim_end();
        json!({ "archive": text[..=text.rfind('\n').unwrap()] })
    }));
    cases.push((
        "goes on".to_owned(),
        json!({ "archive": format!("{}{{}}\n", good["archive"].as_str().unwrap()) }),
    ));
    cases.extend(edited(
        &good,
        "archive",
        &[
            ("another version", "{\"v\":1,\"vkey\"", "{\"v\":2,\"vkey\""),
            ("unknown member", "{\"v\":1,\"vkey\"", "{\"v\":1,\"x\":1,\"vkey\""),
            ("a mark taken out", ",\"in_window\":true", ""),
            ("another time of admission", "\"admitted_at\":1795000700", "\"admitted_at\":1795000701"),
            ("another signature", "\"signature\":\"", "\"signature\":\"A"),
            ("another name", "Harbour Insurance", "Harbour insurance"),
        ],
    ));
    cases
}

/// Archives whose earlier receipts are under the checkpoint that there was before.
fn of_two_checkpoints(log: &Ledger) -> Vec<(&'static str, Value)> {
    let before = Ledger::story();
    let receipt = |leaf: u64| -> Receipt { if leaf < 8 { before.receipt(leaf) } else { log.receipt(leaf) } };
    let made = |earlier: Option<Earlier>| {
        let edit = |header: &mut Header| {
            log.customers(header);
            header.earlier.clone_from(&earlier);
        };
        input(&log.archive_with(&Ledger::CUSTOMERS, &edit, &receipt))
    };
    let proof = consistency_proof(before.range.size(), log.range.size(), log).unwrap();
    let proof: Vec<Bytes32> = proof.into_iter().map(|hash| Bytes32(hash.0)).collect();
    let with =
        |proof: Vec<Bytes32>| Earlier { checkpoint: before.checkpoint(), proof: List::new(proof).unwrap() };
    let mut wrong = proof.clone();
    wrong[0].0[0] ^= 1;
    vec![
        ("receipts under two checkpoints of one history", made(Some(with(proof)))),
        ("receipts under a checkpoint that is not proved", made(None)),
        ("a false proof of consistency", made(Some(with(wrong)))),
    ]
}
