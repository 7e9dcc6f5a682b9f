//! Separate consents over HTTP: shown one by one, needed one by one, and in the words that are signed. Terms of a later vocabulary.

use grantbook_record::encoding::{Bytes32, from_base64url};
use grantbook_record::event::{Claims, Event, NoticePublished, RequestMade, TemplatePublished};
use grantbook_record::list::List;
use grantbook_record::terms::{Consent, TemplateRef};
use grantbook_record::vocabulary::VocabularyPublished;
use grantbook_record::{Envelope, Jti, Kind, Terms, UnixMillis, UnixSeconds};
use serde_json::{Value, json};

use crate::book::{Book, Published, now, term};
use crate::person::Person;

const THIRD_PARTY: &str = "The recommender may have my purchases.";
const AUTOMATED: &str = "What I am offered may be chosen without a person.";

/// A notice that asks two consents, in the words of the law of China, and a template that needs the first.
async fn publish(book: &Book) -> Published {
    let parts = [
        "We are the shop.",
        "Write to us.",
        "Kept for 30 days.",
        "You may ask.",
        "You may stop.",
        "A program chooses.",
    ];
    let [identity, contact, retention, rights, withdrawal, automated] = parts;
    let text = parts.join(" ");
    let contents = json!({
        "laws": ["pipl"], "controller": "record-shop", "identity": identity, "contact": contact,
        "purposes": ["service-personalisation"], "categories": ["purchases"], "recipients": ["recommender"],
        "retention": retention, "rights": rights, "withdrawal": withdrawal, "automated": automated,
        "consents": [
            {"to": "third-party", "sentence": THIRD_PARTY}, {"to": "automated-decision", "sentence": AUTOMATED},
        ],
    });
    let notice: NoticePublished = serde_json::from_value(json!({
        "id": "notice", "version": 1, "language": "en", "text": text, "contents": contents,
    }))
    .unwrap();
    let notice = book.envelope(Kind::NoticePublished, notice, &[&book.sandbox.enterprise]);
    book.append(notice).await.expect(201);
    template(book, &text, json!({"consents": ["third-party"]})).await
}

async fn template(book: &Book, notice: &str, more: Value) -> Published {
    let mut bounds = json!({
        "controllers": ["record-shop"], "recipients": ["recommender"], "purposes": ["service-personalisation"],
        "categories": ["purchases"], "validity_days_max": 400,
    });
    bounds.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let text = json!([{"language": "en", "title": "Recommendations", "body": notice}]);
    let (text, bounds) = (serde_json::from_value(text).unwrap(), serde_json::from_value(bounds).unwrap());
    let event = TemplatePublished::new(term("separate"), 1, text, bounds);
    let envelope = book.envelope(Kind::TemplatePublished, event, &[&book.sandbox.enterprise]);
    let hash = Bytes32::sha256(&envelope);
    book.append(envelope).await.expect(201);
    let template = TemplateRef { id: term("separate"), version: 1, hash };
    Published { template, notice: Bytes32::sha256(notice.as_bytes()) }
}

async fn ask(person: &Person<'_>, terms: Terms) -> Jti {
    let expires = UnixSeconds(now().seconds().0 + 86_400);
    let event = RequestMade { sub: person.sub.clone(), terms, expires };
    let envelope = person.book.envelope(Kind::RequestMade, event, &[&person.book.sandbox.enterprise]);
    person.book.append(envelope.clone()).await.expect(201);
    Envelope::parse(&envelope).unwrap().event().unwrap().jti
}

fn payload(prepared: &Value) -> Claims<Event> {
    let payload = from_base64url(prepared["payload"].as_str().unwrap()).unwrap();
    Event::parse(Kind::GrantGiven, &payload).unwrap()
}

fn terms_of(claims: &Claims<Event>) -> Terms {
    let Event::GrantGiven(given) = &claims.event else { panic!("a grant") };
    given.terms.clone()
}

/// The prepared payload with consents given at these times, signed and sent.
async fn send(person: &Person<'_>, prepared: &Value, times: &[u64]) -> u16 {
    let mut value: Value =
        serde_json::from_slice(&from_base64url(prepared["payload"].as_str().unwrap()).unwrap()).unwrap();
    for (consent, at) in value["event"]["terms"]["consents"].as_array_mut().unwrap().iter_mut().zip(times) {
        consent["given_at"] = json!(at);
    }
    let envelope = Envelope::sign(Kind::GrantGiven, &serde_json::to_vec(&value).unwrap(), &[&person.signer]);
    let attachment = person.passkey.attached(person.book, &envelope);
    person.send(&envelope, Some(&attachment)).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_separate_consent_is_a_tick_of_its_own() {
    let book = Book::open().await;
    let published = publish(&book).await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let mut terms = published.terms(&json!({"uses": 10}));
    terms.consents = List::new(vec![
        Consent::asked(term("third-party"), THIRD_PARTY),
        Consent::asked(term("automated-decision"), AUTOMATED),
    ])
    .unwrap();
    let request = ask(&person, terms).await;

    // the page shows each with its sentence and the law that asks for it, and none is ticked
    let path = format!("/my/requests/{request}");
    let page = person.get(&path).await.expect(200).text().to_owned();
    for shown in [THIRD_PARTY, AUTOMATED, "PIPL Art. 23", r#"value="third-party" form="agree""#] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert_eq!(page.matches(r#"name="consent""#).count(), 2);
    assert_eq!(page.matches(" required>").count(), 1, "the customer may do without the other");
    assert!(!page.contains(" checked") && !page.contains(r#"role="alert""#));

    // without the one that is needed nothing is prepared, and the page says why; the way narrowed goes with it
    let token = person.form_token().await;
    for ticked in
        ["", "&consent=automated-decision", "&consent=automated-decision&consent=automated-decision"]
    {
        let answer =
            person.form(&format!("{path}/agree"), &token, &format!("&uses=3{ticked}")).await.expect(303);
        let back = answer.header("location").to_owned();
        assert_eq!(back, format!("{path}?uses=3&lacking=1#consents"), "{ticked}");
        let page = person.get(back.split('#').next().unwrap()).await.expect(200).text().to_owned();
        assert!(page.contains(r#"role="alert""#) && !page.contains(" checked"), "{page}");
    }
    person.form(&format!("{path}/agree"), &token, "&consent=third-party&consent=sensitive").await.expect(400);

    // what was not ticked is not in the grant, and nobody has given what is
    let (_, prepared) = person.prepared(&format!("{path}/agree"), "&consent=third-party").await;
    let claims = payload(&prepared);
    let consents = terms_of(&claims).consents;
    assert_eq!(
        consents.iter().map(|one| (one.to.as_str(), one.given_at)).collect::<Vec<_>>(),
        [("third-party", None)]
    );
    assert_eq!(
        prepared["consents"],
        json!([{"to": "third-party", "sentence": THIRD_PARTY, "basis": [["pipl", "23"]]}])
    );
    assert_eq!(send(&person, &prepared, &[]).await, 422, "prepared is not given");

    let (_, prepared) =
        person.prepared(&format!("{path}/agree"), "&consent=third-party&consent=automated-decision").await;
    let shown_at = prepared["now"].as_u64().unwrap() * 1000;
    let tick = UnixMillis(shown_at + 1_000).0;
    assert_eq!(send(&person, &prepared, &[tick, tick]).await, 422, "one tick is not two");
    assert_eq!(send(&person, &prepared, &[tick]).await, 422, "one of two");
    assert_eq!(send(&person, &prepared, &[tick, tick + 900]).await, 201);
    let known = book.ledger.customer(book.tenant(), &person.sub).unwrap();
    let given: Vec<_> = known.grants[0].terms.consents.iter().map(|one| one.given_at.unwrap().0).collect();
    assert_eq!(given, [tick, tick + 900]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_agrees_to_a_sentence_that_was_not_published() {
    let book = Book::open().await;
    let notice = "We use your purchases.";
    let event = NoticePublished::of_text(
        term("plain"),
        1,
        grantbook_record::terms::Language::English,
        notice.to_owned(),
    );
    book.append(book.envelope(Kind::NoticePublished, event, &[&book.sandbox.enterprise])).await.expect(201);
    let published = template(&book, notice, json!({"consents": ["third-party"]})).await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let mut terms = published.terms(&json!({"uses": 10}));
    terms.consents = List::new(vec![Consent::asked(term("third-party"), THIRD_PARTY)]).unwrap();
    let request = ask(&person, terms).await;
    let path = format!("/my/requests/{request}");
    let page = person.get(&path).await.expect(200).text().to_owned();
    assert!(page.contains(r#"disabled aria-describedby="consents-missing""#), "{page}");
    assert_eq!(page.matches(r#"name="consent""#).count(), 0);
    let token = person.form_token().await;
    person.form(&format!("{path}/agree"), &token, "&consent=third-party").await.expect(409);
    person.form(&format!("{path}/agree"), &token, "").await.expect(409);
    // saying no needs none of it
    person.form(&format!("{path}/decline"), &token, "").await.expect(303);
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_of_a_later_vocabulary_are_named_by_it() {
    let book = Book::open().await;
    let word = json!({"en": "Day of purchase", "zh-CN": "购买日期"});
    let fields = json!({"date": word, "dollars": word, "product": word, "quantity": word});
    let label =
        json!({"en": "Till receipts", "zh-CN": "购物小票", "iri": "https://w3id.org/dpv/pd#Purchase"});
    let event: VocabularyPublished = serde_json::from_value(
        json!({"version": 2, "put": {"categories": {"purchases": {"label": label, "fields": fields}}}}),
    )
    .unwrap();
    book.append(book.envelope(Kind::VocabularyPublished, event, &[&book.sandbox.enterprise]))
        .await
        .expect(201);
    let notice = "We use your purchases.";
    let event = NoticePublished::of_text(
        term("plain"),
        1,
        grantbook_record::terms::Language::English,
        notice.to_owned(),
    );
    book.append(book.envelope(Kind::NoticePublished, event, &[&book.sandbox.enterprise])).await.expect(201);
    let published = template(&book, notice, json!({"vocabulary": 2})).await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let mut terms = published.terms(&json!({"uses": 10}));
    terms.vocabulary = serde_json::from_value(json!(2)).unwrap();
    let request = ask(&person, terms).await;
    let page = person.get(&format!("/my/requests/{request}")).await.expect(200).text().to_owned();
    assert!(page.contains("Till receipts") && !page.contains("Purchases"), "{page}");
    let (_, prepared) = person.prepared(&format!("/my/requests/{request}/agree"), "").await;
    assert_eq!(prepared["vocabulary"]["version"], 2);
    let words = &prepared["vocabulary"]["words"]["categories"]["purchases"];
    assert_eq!(
        (&words["label"]["zh-CN"], &words["fields"]["date"]["en"]),
        (&json!("购物小票"), &json!("Day of purchase"))
    );
    let plain = book.publish().await;
    let first = person.asked(&plain).await;
    let (_, prepared) = person.prepared(&format!("/my/requests/{first}/agree"), "").await;
    assert_eq!(prepared["vocabulary"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_would_be_acceptable() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let request = person.asked(&published).await;
    let path = format!("/my/requests/{request}/decline");
    let token = person.form_token().await;
    person.form(&path, &token, "&unless_without=purchases").await.expect(400);
    person.form(&path, &token, "&unless_price=cheap").await.expect(400);
    let (_, prepared) =
        person.prepared(&path, "&unless_days=30&unless_kept=&unless_uses=2&unless_price=1.2").await;
    let envelope = crate::person::signed_by(&prepared, &person.signer);
    person.send(&envelope, None).await.expect(201);
    let declined = book.ledger.declined(book.tenant(), 10).unwrap();
    let [declined] = declined.as_slice() else { panic!("one refusal") };
    assert_eq!(declined.answer.request, request);
    let wish = serde_json::to_value(declined.answer.unless.as_ref().unwrap()).unwrap();
    let price = json!({"currency": "CNY", "minor": 120});
    assert_eq!(wish, json!({"validity_days_max": 30, "uses_max": 2, "price_min": price}));
    assert_eq!(declined.request.as_ref().unwrap().terms.recipient, term("recommender"));
    // wider than that is not asked again, and what keeps all of it is
    let mut terms = published.terms(&json!({"uses": 2}));
    let expires = UnixSeconds(now().seconds().0 + 86_400);
    let ask = |terms: Terms| {
        let event = RequestMade { sub: person.sub.clone(), terms, expires };
        book.append(book.envelope(Kind::RequestMade, event, &[&book.sandbox.enterprise]))
    };
    ask(terms.clone()).await.expect(422);
    let start = terms.validity.start();
    terms.validity =
        grantbook_record::terms::Validity::new(start, UnixSeconds(start.0 + 20 * 86_400)).unwrap();
    terms.compensation =
        serde_json::from_value(json!({"per_use": {"currency": "CNY", "minor": 120}})).unwrap();
    ask(terms).await.expect(201);
}
