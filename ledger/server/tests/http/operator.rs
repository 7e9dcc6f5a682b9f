//! What whoever runs the server can do with all of it, the engine's own calls included: not give a grant for a customer.

use std::time::Duration;

use grantbook_engine::LedgerConfig;
use grantbook_engine::store::{FileStore, Store as _};
use grantbook_record::event::{Claims, Evidence, GrantGiven, KeyEnrolled};
use grantbook_record::{Envelope, Kind, Receipt, Signer, SubjectId};
use grantbook_sdk::{Decision, Gate, GateConfig, Parties, Token};
use serde_json::json;

use crate::book::{Book, Published, facts, jti, signer};
use crate::person::{Person, signed_by};

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_every_key_but_the_customers_gives_no_grant() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let request = person.asked(&published).await;
    let (_, prepared) = person.prepared(&format!("/my/requests/{request}/agree"), "").await;
    let tenant = book.tenant();
    let before = book.size_root();

    // straight into the engine, past HTTP, with whatever key, and with an assertion that the passkey really made
    let stranger = signer(66);
    for key in [&stranger, &book.sandbox.enterprise] {
        let forged = signed_by(&prepared, key);
        for attachment in [None, Some(person.passkey.attached(&book, &forged))] {
            book.ledger.append_with(tenant, &forged, attachment.as_deref()).unwrap_err();
        }
    }
    // the operator's and the enterprise's word make no second first key
    for evidence in [Evidence::OperatorsWord, Evidence::Enterprise] {
        let event =
            KeyEnrolled { sub: person.sub.clone(), key: *stranger.public_key(), evidence, recovery: None };
        let payload = Claims::new(tenant, jti(), event).to_json();
        let own = Envelope::sign(Kind::KeyEnrolled, &payload, &[&stranger]);
        let word = match evidence {
            Evidence::OperatorsWord => {
                book.ledger.operators_word(tenant, Kind::KeyEnrolled, &payload).unwrap()
            }
            _ => Envelope::sign(Kind::KeyEnrolled, &payload, &[&book.sandbox.enterprise]),
        };
        let whole = [own, word].concat();
        book.ledger.append_with(tenant, &whole, None).unwrap_err();
    }
    assert_eq!(book.size_root(), before, "nothing of it is on the log");
    assert!(book.ledger.customer(tenant, &person.sub).unwrap().grants.is_empty());

    // a receipt of the real grant, with another signature or another key in it, is none
    let envelope = signed_by(&prepared, &person.signer);
    let attachment = person.passkey.attached(&book, &envelope);
    person.send(&envelope, Some(&attachment)).await.expect(201);
    let grant = Envelope::parse(&envelope).unwrap().event().unwrap().jti;
    let leaf = book.ledger.find_event(tenant, &grant).unwrap();
    let receipt = book.ledger.receipt(tenant, leaf).unwrap();
    receipt.verify(book.ledger.log_keys()).unwrap();
    let text = String::from_utf8(receipt.to_json()).unwrap();
    let base64 = |bytes: &[u8]| grantbook_record::encoding::to_base64url(bytes);
    let swaps = [
        (base64(&envelope), base64(&signed_by(&prepared, &stranger))),
        (base64(person.signer.public_key().as_bytes()), base64(stranger.public_key().as_bytes())),
    ];
    for (real, forged) in swaps {
        assert!(text.contains(&real));
        let receipt = Receipt::parse(text.replace(&real, &forged).as_bytes());
        assert!(receipt.is_err() || receipt.unwrap().verify(book.ledger.log_keys()).is_err());
    }
}

/// Rows of customers in the state.
const CUSTOMERS: &[u8] = b"c";
const VICTIM: &str = "cs-00001";

/// What is done to the rows of the two customers; which is whose, their names do not say.
type Rewrite = fn(&FileStore, [(Vec<u8>, Vec<u8>); 2]);

fn rewritten(config: &LedgerConfig, rewrite: Rewrite) {
    let store = FileStore::open(&config.data_dir, &config.anchor, config.state_cache_bytes).unwrap();
    let rows = store.rows(CUSTOMERS, None, 10).unwrap().try_into().expect("two customers");
    rewrite(&store, rows);
    store.flush_state().unwrap();
}

/// A gate with a replica of its own, fed by this server; whether it permits a use of the victim's data.
async fn permits(book: &Book) -> bool {
    let enterprise = book.sandbox.enterprise.thumbprint();
    let parties = Parties { enterprise, operator: book.ledger.operator_key().thumbprint() };
    let keys = book.ledger.log_keys().clone();
    let config = GateConfig {
        connect_within: Duration::from_secs(5),
        ..GateConfig::new(
            format!("http://{}", book.address),
            Token::new(&book.service_token),
            book.tenant(),
            keys,
        )
    };
    match Gate::connect(config.embedded(parties)).await {
        Ok(gate) => matches!(gate.decide(&facts(VICTIM, 2)), Decision::Permit(_)),
        Err(_) => false,
    }
}

fn grant_by(book: &Book, published: &Published, signer: &Signer) -> Vec<u8> {
    let sub = SubjectId::parse(VICTIM).unwrap();
    let terms = published.terms(&json!({"uses": 3}));
    let event = GrantGiven { sub, terms, request: None, birth_day: None, mandate: None };
    book.envelope(Kind::GrantGiven, event, &[signer])
}

/// The state is rows in a store that whoever runs the server can write. They decide what its own admission lets in, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_operator_has_rewritten_give_no_grant() {
    let cases: [(&str, Rewrite); 3] = [
        ("one customer's row in place of the other's", |store, [(first, one), (second, other)]| {
            let swapped = vec![(first, Some(other)), (second, Some(one))];
            store.apply(swapped, store.position().unwrap()).unwrap();
        }),
        ("both rows are gone", |store, [(first, _), (second, _)]| {
            store.apply(vec![(first, None), (second, None)], store.position().unwrap()).unwrap();
        }),
        ("the rows are as they were", |_, _| {}),
    ];
    for (name, rewrite) in cases {
        let book = Book::open().await;
        let published = book.publish().await;
        let victim = book.customer(VICTIM, 1).await;
        let other = book.customer("cs-00002", 2).await;
        let book = book.restart_after(|config| rewritten(config, rewrite)).await;
        let stranger = signer(66);
        let event = KeyEnrolled {
            sub: victim.sub.clone(),
            key: *stranger.public_key(),
            evidence: Evidence::Enterprise,
            recovery: None,
        };
        let second_first = book.envelope(Kind::KeyEnrolled, event, &[&stranger, &book.sandbox.enterprise]);
        let tenant = book.tenant();
        let taken: Vec<bool> = [
            grant_by(&book, &published, &other.signer),
            second_first,
            grant_by(&book, &published, &stranger),
        ]
        .iter()
        .map(|envelope| book.ledger.append_with(tenant, envelope, None).is_ok())
        .collect();
        println!("{name}: another customer's grant, a second first key, its grant: {taken:?}");
        assert!(!permits(&book).await, "{name}");

        // from the log alone
        let anew = |config: &LedgerConfig| {
            std::fs::remove_dir_all(config.data_dir.join("epochs/1/state")).unwrap();
        };
        let book = book.restart_after(anew).await;
        assert!(!permits(&book).await, "{name}: folded anew");
        if taken == [false; 3] {
            book.append(grant_by(&book, &published, &victim.signer)).await.expect(201);
            assert!(permits(&book).await, "{name}: the victim's own grant is one");
        }
    }
}
