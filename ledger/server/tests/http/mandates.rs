//! Mandates over HTTP: tried before they are signed, listed, used by an agent; and what is refused.

use grantbook_record::event::{GrantGiven, MandateWithdrawn, RequestDeclined, RequestMade};
use grantbook_record::{Envelope, Jti, Kind, Signer, SubjectId, Terms};
use serde_json::{Value, json};

use crate::book::{Book, Customer, Published, evaluation, facts, signer};
use crate::client::Call;

/// "The recommender may ask, at least 0.80 CNY a use; decline what is cheaper, ask me otherwise."
pub(crate) fn draft() -> Value {
    json!({"depth": 1, "rules": [{
        "when": {"recipients": ["recommender"]},
        "accept": {"price_min": [{"per_use": {"currency": "CNY", "minor": 80}}], "uses_max": 10},
        "otherwise": "decline",
    }]})
}

impl Book {
    /// Gives a mandate to the agent whose key is given.
    pub(crate) async fn mandate(&self, customer: &Customer, agent: &Signer) -> Jti {
        let mut event = draft();
        event["sub"] = json!(customer.sub);
        event["from"] = json!({"key": customer.signer.thumbprint()});
        event["agent"] = json!(agent.public_key());
        event["until"] = json!(crate::book::now().seconds().0 + 86_400);
        self.appended_here(Kind::MandateGiven, event, &[&customer.signer]).await
    }

    /// Asks for a grant.
    pub(crate) async fn request(&self, sub: &SubjectId, terms: Terms) -> Jti {
        let expires = grantbook_record::UnixSeconds(crate::book::now().seconds().0 + 86_400);
        let event = RequestMade { sub: sub.clone(), terms, expires };
        self.appended_here(Kind::RequestMade, event, &[&self.sandbox.enterprise]).await
    }

    async fn appended_here<T: serde::Serialize>(&self, kind: Kind, event: T, signers: &[&Signer]) -> Jti {
        let envelope = self.envelope(kind, event, signers);
        let jti = Envelope::parse(&envelope).unwrap().event().unwrap().jti;
        self.append(envelope).await.expect(201);
        jti
    }
}

fn priced(published: &Published, minor: u32) -> Terms {
    let mut terms = serde_json::to_value(published.terms(&json!({"uses": 3}))).unwrap();
    terms["compensation"] = json!({"per_use": {"currency": "CNY", "minor": minor}});
    serde_json::from_value(terms).unwrap()
}

#[tokio::test]
async fn an_agent_answers_requests_by_a_mandate_that_was_tried() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let (fair, cheap) = (priced(&published, 80), priced(&published, 79));
    let accepted = book.request(&customer.sub, fair.clone()).await;
    let declined = book.request(&customer.sub, cheap.clone()).await;
    // tried before anything is signed
    let size = book.size_root();
    let trial = json!({"sub": customer.sub, "draft": draft()});
    let simulated = book.post("/v1/mandates/simulate", &trial).await.expect(200).json();
    let verdict = |of: &Value, id: Jti| {
        let rows = of["requests"].as_array().unwrap();
        let row = rows.iter().find(|row| row["request"] == json!(id)).unwrap();
        row["answer"]["verdict"].clone()
    };
    assert_eq!(
        (verdict(&simulated, accepted), verdict(&simulated, declined)),
        (json!("accept"), json!("decline"))
    );
    // the widest request under the template pays nothing
    assert_eq!(simulated["templates"][0]["answer"]["verdict"], "decline");
    assert_eq!(book.size_root(), size, "nothing was recorded");

    let agent = signer(60);
    let mandate = book.mandate(&customer, &agent).await;
    let asked = book.get(&format!("/v1/requests?sub={}&mandate={mandate}", customer.sub)).await.expect(200);
    let asked = asked.json();
    // what a mandate would do is what it does
    for id in [accepted, declined] {
        assert_eq!(verdict(&asked, id), verdict(&simulated, id));
    }
    let grant = |terms: &Terms, request, mandate, by: &Signer| {
        let (sub, terms) = (customer.sub.clone(), terms.clone());
        let event = GrantGiven { sub, terms, request: Some(request), birth_day: None, mandate };
        book.envelope(Kind::GrantGiven, event, &[by])
    };
    let refused = book.append(grant(&cheap, declined, Some(mandate), &agent)).await.expect(422);
    assert!(refused.text().contains("price outside the mandate"), "{}", refused.text());
    assert_eq!(book.append(grant(&fair, accepted, None, &agent)).await.expect(403).slug(), "bad-signature");
    book.append(grant(&fair, accepted, Some(mandate), &signer(61))).await.expect(403);
    let envelope = grant(&fair, accepted, Some(mandate), &agent);
    let given = book.append(envelope.clone()).await.expect(201).json();
    let event = RequestDeclined {
        sub: customer.sub.clone(),
        request: declined,
        unless: None,
        mandate: Some(mandate),
    };
    book.append(book.envelope(Kind::RequestDeclined, event, &[&agent])).await.expect(201);

    // the grant is as good as any other
    let answer = book.post("/access/v1/evaluation", &evaluation(&facts("cs-00004", 2), "use-1")).await;
    assert_eq!(answer.expect(200).json()["decision"], true);
    let shown = book.get("/v1/grants?sub=cs-00004").await.expect(200).json();
    assert_eq!(shown["grants"][0]["mandate"], json!(mandate));
    let requests = book.get("/v1/requests?sub=cs-00004").await.expect(200).json();
    assert_eq!(requests["requests"].as_array().unwrap().len(), 2);
    assert!(requests["requests"].as_array().unwrap().iter().all(|request| request["open"] == false));
    // and past requests are what the next rules are tried on
    let simulated = book.post("/v1/mandates/simulate", &trial).await.expect(200).json();
    assert_eq!(
        (verdict(&simulated, accepted), verdict(&simulated, declined)),
        (json!("accept"), json!("decline"))
    );

    let listed = book.get("/v1/mandates?sub=cs-00004").await.expect(200).json();
    assert_eq!(listed["mandates"][0]["grants"].as_array().unwrap().len(), 1);
    let event = MandateWithdrawn { sub: customer.sub.clone(), mandate, channel: None };
    book.append(book.envelope(Kind::MandateWithdrawn, event, &[&customer.signer])).await.expect(201);
    let listed = book.get("/v1/mandates?sub=cs-00004").await.expect(200).json();
    assert_eq!(listed["mandates"][0]["in_force"], false);
    assert_eq!(listed["mandates"][0]["grants"].as_array().unwrap().len(), 1, "grants stay");
    // the same envelope again gets its receipt, though the mandate is over
    assert_eq!(book.append(envelope).await.expect(200).json()["leaf_index"], given["leaf_index"]);
    let late = book.append(grant(&fair, accepted, Some(mandate), &agent)).await.expect(422);
    assert!(late.text().contains("no such mandate"), "{}", late.text());
}

#[tokio::test]
async fn mandates_and_requests_are_of_one_tenant_and_well_formed() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let mandate = book.mandate(&customer, &signer(60)).await;
    book.request(&customer.sub, priced(&published, 80)).await;
    for path in ["/v1/mandates?sub=cs-00004", "/v1/requests?sub=cs-00004"] {
        let seen = book.send(Call::get(path).token(&book.stranger_token)).await.expect(200).json();
        let rows = seen.as_object().unwrap().values().next().unwrap();
        assert_eq!(rows, &json!([]), "{path}");
    }
    let path = format!("/v1/requests?sub=cs-00004&mandate={mandate}");
    book.send(Call::get(path).token(&book.stranger_token)).await.expect(404);
    for path in ["/v1/mandates", "/v1/mandates?sub=a%20b", "/v1/requests", "/v1/requests?sub="] {
        assert_eq!(book.get(path).await.expect(400).slug(), "malformed-request", "{path}");
    }
    let trial = |change: Value| {
        let mut trial = json!({"sub": "cs-00004", "draft": draft()});
        trial["draft"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        trial
    };
    for change in [json!({"rules": []}), json!({"depth": 5}), json!({"agent": "me"})] {
        let answer = book.post("/v1/mandates/simulate", &trial(change)).await.expect(400);
        assert_eq!(answer.slug(), "malformed-request");
    }
    let unknown = trial(json!({"rules": [{"when": {"purposes": ["gossip"]}}]}));
    assert_eq!(book.post("/v1/mandates/simulate", &unknown).await.expect(422).slug(), "refused");
}
