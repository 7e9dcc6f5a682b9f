//! Many customers at once: the answers of one at a time, in order.

use grantbook_record::{DenialReason, SubjectId};
use grantbook_sdk::{Decision, Gate};

use crate::book::{Book, facts, signer, sub};
use crate::ledger::{Ledger, Trouble};

const CUSTOMERS: u8 = 12;

fn book() -> Book {
    let mut book = Book::new();
    for number in 0..CUSTOMERS {
        let (name, key) = (format!("c-{number}"), signer(30 + number));
        book.enrol(&name, &key);
        if number % 3 != 0 {
            let grant = book.grant(&name, &key);
            if number % 3 == 1 {
                book.withdraw(&name, grant, &key);
            }
        }
    }
    book
}

/// More than a chunk, with every customer many times and some whom nobody knows.
fn asked() -> Vec<SubjectId> {
    (0..3000).map(|at| sub(&format!("c-{}", at % 17))).collect()
}

#[tokio::test]
async fn bulk_answers_are_those_of_single_questions_in_order() {
    let ledger = Ledger::serve(book()).await;
    let parties = ledger.book(|book| book.pins().parties);
    let gate = Gate::connect(ledger.config().embedded(parties)).await.unwrap();
    let asked = asked();
    let answers: Vec<_> = gate.filter(&facts("nobody"), &asked).collect();
    assert_eq!(answers.len(), asked.len());
    let mut permits = 0;
    for (answer, customer) in answers.iter().zip(&asked) {
        assert_eq!(answer.item, customer);
        assert_eq!(answer.decision, gate.decide(&facts(customer.as_str())));
        permits += u32::from(matches!(answer.decision, Decision::Permit(_)));
    }
    assert!(permits > 600, "{permits}");
}

#[tokio::test]
async fn a_gate_that_goes_stale_on_the_way_denies_the_rest() {
    let ledger = Ledger::serve(book()).await;
    let parties = ledger.book(|book| book.pins().parties);
    let gate = Gate::connect(ledger.config().embedded(parties)).await.unwrap();
    let asked = asked();
    let question = facts("nobody");
    let mut answers = gate.filter(&question, &asked);
    let first = answers.nth(2).unwrap();
    assert!(matches!(first.decision, Decision::Permit(_)), "{first:?}");
    ledger.trouble(Trouble::NoHeads);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let rest: Vec<_> = answers.collect();
    let is_stale = |decision: &Decision| matches!(decision, Decision::Denial(denial) if denial.reason == DenialReason::Stale);
    // the chunk that was decided before, as of then; all after it as of now
    let stale_from = rest.iter().position(|answer| is_stale(&answer.decision)).unwrap();
    assert!(stale_from < 1024 && rest[stale_from..].iter().all(|answer| is_stale(&answer.decision)));
    assert!(rest.len() == asked.len() - 3 && rest.len() - stale_from > 1900);

    let remote = Gate::connect(ledger.config()).await.unwrap();
    assert!(remote.filter(&question, &asked[..5]).all(|answer| is_stale(&answer.decision)));
}
