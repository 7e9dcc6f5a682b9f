//! What whoever runs the server can do with all of it, the engine's own calls included: not give a grant for a customer.

use grantbook_record::event::{Claims, Evidence, KeyEnrolled};
use grantbook_record::{Envelope, Kind, Receipt};

use crate::book::{Book, jti, signer};
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
            Evidence::OperatorsWord => book.ledger.operators_word(tenant, &payload).unwrap(),
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
