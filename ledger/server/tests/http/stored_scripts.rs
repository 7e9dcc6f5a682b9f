//! Scripts and markup in every text that a party can write, stored by the real server and looked at in a real browser.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use grantbook_engine::Role;
use grantbook_record::encoding::{Bytes32, from_base64url};
use grantbook_record::event::{
    Claims, GrantRevoked, NoticePublished, RequestMade, Revoker, TemplatePublished,
};
use grantbook_record::terms::{Language, TemplateRef};
use grantbook_record::vocabulary::VocabularyPublished;
use grantbook_record::{Envelope, Jti, Kind, Signer, SubjectId, Terms, UnixSeconds};
use serde::Serialize;
use serde_json::{Value, json};

use crate::book::{Book, jti, now, signer, term};
use crate::client::Call;
use crate::person::{Person, invited, origin};

/// Breaks out of text, of attributes in either quotes, and of a script's string, wherever one of these is not escaped.
const PLANTED: &str =
    "x'\"><img data-planted src=/planted onerror=planted=1><script>planted=1</script></textarea>";
const SUB: &str = "x-1";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// An enterprise that writes such things wherever it can, and its customer.
struct Enterprise<'b> {
    book: &'b Book,
    signer: Signer,
    customer: Person<'b>,
    token: String,
}

impl<'b> Enterprise<'b> {
    async fn with_a_customer(book: &'b Book) -> Self {
        let signer = signer(251);
        let tenant = book.ledger.create_tenant(PLANTED, *signer.public_key(), false).unwrap();
        let (_, token) = book.ledger.create_token(tenant.id, Role::Admin, PLANTED).unwrap();
        let mut customer = Person::joined(book, "cs-00001", 1).await;
        let invitation = invited(book, &token, &json!({"data_subject": SUB})).await;
        customer.post("/account/join", &json!({"invitation": invitation})).await.expect(200);
        (customer.tenant, customer.sub) = (tenant.id, SubjectId::parse(SUB).unwrap());
        customer.signer = crate::book::signer(82);
        let enrolment = customer.enrolment(grantbook_record::event::Evidence::Enterprise);
        customer.enrol(&enrolment).await.expect(202);
        let waiting = Call::get("/v1/enrolments").token(&token).send(book.address).await.expect(200).json();
        let waiting = &waiting["enrolments"][0];
        let payload = from_base64url(waiting["payload"].as_str().unwrap()).unwrap();
        let word = Envelope::sign(Kind::KeyEnrolled, &payload, &[&signer]);
        let path = format!("/v1/enrolments/{}", waiting["id"].as_str().unwrap());
        let call = Call::post(&path).token(&token).bytes("application/jose", word[4..].to_vec());
        call.send(book.address).await.expect(201);
        Self { book, signer, customer, token }
    }

    async fn append<T: Serialize>(&self, kind: Kind, event: T) -> (Jti, Vec<u8>) {
        let id = jti();
        let payload = Claims::new(self.customer.tenant, id, event).to_json();
        let envelope = Envelope::sign(kind, &payload, &[&self.signer]);
        self.book.append(envelope.clone()).await.expect(201);
        (id, envelope)
    }

    /// Words, a notice and a template that say such things, and terms by them.
    async fn published(&self) -> Terms {
        let word = json!({"en": PLANTED, "zh-CN": PLANTED});
        let fields = json!({"date": word, "dollars": word, "product": word, "quantity": word});
        let words: VocabularyPublished = serde_json::from_value(json!({
            "version": 2,
            "put": {
                "categories": {"purchases": {"label": word, "fields": fields}},
                "purposes": {"service-personalisation": word},
            },
        }))
        .unwrap();
        self.append(Kind::VocabularyPublished, words).await;
        let notice = NoticePublished {
            id: term("notice"),
            version: 1,
            language: Language::English,
            text: PLANTED.to_owned(),
            contents: None,
        };
        self.append(Kind::NoticePublished, notice).await;
        let bounds = serde_json::from_value(json!({
            "controllers": ["record-shop"], "recipients": ["recommender"], "purposes": ["service-personalisation"],
            "categories": ["purchases"], "validity_days_max": 400
        }))
        .unwrap();
        let text = json!([{"language": "en", "title": PLANTED, "body": PLANTED}, {"language": "zh-CN", "title": PLANTED, "body": PLANTED}]);
        let template =
            TemplatePublished::new(term("planted"), 1, serde_json::from_value(text).unwrap(), bounds);
        let (_, envelope) = self.append(Kind::TemplatePublished, template).await;
        let template = TemplateRef { id: term("planted"), version: 1, hash: Bytes32::sha256(&envelope) };
        let seconds = now().seconds().0;
        serde_json::from_value(json!({
            "controller": "record-shop", "recipient": "recommender", "purpose": "service-personalisation",
            "scope": {"include": [{"category": "purchases",
                "period": {"from": "1997-01-01", "to": "1997-09-30"}, "fields": ["date", "quantity"]}]},
            "validity": {"start": seconds - 86_400, "end": seconds + 300 * 86_400},
            "limits": {"uses": 10},
            "compensation": {"per_use": {"currency": "CNY", "minor": 80}},
            "notice": {"hash": Bytes32::sha256(PLANTED.as_bytes()), "language": "en", "shown_at": seconds},
            "template": template,
            "vocabulary": 2,
        }))
        .unwrap()
    }

    async fn asks(&self, terms: &Terms) -> Jti {
        let expires = UnixSeconds(now().seconds().0 + 86_400);
        let event = RequestMade { sub: self.customer.sub.clone(), terms: terms.clone(), expires };
        self.append(Kind::RequestMade, event).await.0
    }
}

/// What the browser has seen on these pages.
fn look(book: &Book, cookie: &str, pages: &[String]) -> Option<Value> {
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
    let installed = root().join("target/outside/browser/node_modules/playwright-core");
    if !installed.is_dir() || !chromium.iter().any(|path| PathBuf::from(path).exists()) {
        println!("skipped: Chromium, and playwright-core in target/outside/browser");
        return None;
    }
    let mut child = Command::new("node")
        .arg(root().join("tests/browser/stored.mjs"))
        .arg(origin(book))
        .env("CARGO_TARGET_DIR", root().join("target"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = json!({"cookie": cookie, "pages": pages, "planted": PLANTED});
    child.stdin.take().unwrap().write_all(told.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap_or_default();
    assert!(output.status.success(), "{last}");
    Some(serde_json::from_str(last).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_party_writes_runs_nowhere() {
    let book = Book::open().await;
    let enterprise = Enterprise::with_a_customer(&book).await;
    let terms = enterprise.published().await;
    let customer = &enterprise.customer;
    let given = customer.agrees(enterprise.asks(&terms).await).await;
    let revoked = customer.agrees(enterprise.asks(&terms).await).await;
    let reason = term("purpose-ended");
    let (sub, by) = (customer.sub.clone(), Revoker::Enterprise);
    enterprise.append(Kind::GrantRevoked, GrantRevoked { sub, grant: revoked, by, reason }).await;
    let request = enterprise.asks(&terms).await;
    let (prepared, _) = customer.prepared(&format!("/my/requests/{request}/agree"), "").await;
    let leaf = book.ledger.find_event(customer.tenant, &given).unwrap().0;
    let invitation = invited(&book, &enterprise.token, &json!({"data_subject": "x-2"})).await;
    let on = |path: &str| path.to_owned();
    let pages = [
        on("/my"),
        on("/my/connections"),
        format!("/my/requests/{request}"),
        format!("/my/requests/{request}?days=3&without=purchases%2Fdate"),
        format!("/my/grants/{given}"),
        format!("/my/grants/{given}/change"),
        format!("/my/grants/{given}/stop"),
        format!("/my/grants/{revoked}"),
        format!("/my/grants/{revoked}/stopped"),
        format!("/my/receipts/{leaf}"),
        on("/my/value"),
        on("/my/notifications"),
        on("/my/account"),
        on("/my/account/data"),
        on("/my/account/complaints"),
        on("/my/account/notifications"),
        format!("/sign/#sign={prepared}"),
        format!("/sign/#invitation={invitation}"),
        // what anybody can put into an address
        on("/my/requests/%22%3E%3Cimg%20data-planted%20src=x%20onerror=planted=1%3E"),
        on("/my?lang=%22%3E%3Cscript%3Eplanted=1%3C/script%3E&x='%22%3E%3Cimg%20data-planted%3E"),
        on("/sign/#log-in=javascript:planted=1"),
        on("/regulator"),
    ];
    let Some(seen) = look(&book, &customer.cookie, &pages) else { return };
    let shown: Vec<&str> =
        seen["shown"].as_array().unwrap().iter().map(|page| page.as_str().unwrap()).collect();
    // a page that does not show what was written shows nothing about how it is written
    for page in ["/my", "/my/connections", "/my/notifications", "/my/account", "/my/account/data"] {
        for language in ["en", "zh-CN"] {
            assert!(shown.contains(&format!("{language} {page}").as_str()), "{page} in {shown:?}");
        }
    }
    for page in [&pages[2], &pages[4], &pages[6], &pages[7]] {
        assert!(shown.contains(&format!("zh-CN {page}").as_str()), "{page} in {shown:?}");
    }
}
