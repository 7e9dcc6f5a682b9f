//! Scripts and markup in every text that a party can write, stored by the real server and looked at in a real browser.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use grantbook_engine::Role;
use grantbook_record::complaint::ComplaintText;
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
use crate::desk::{form_token, signed_in};
use crate::pages::routes::routes;
use crate::person::{Person, invited, origin, signed_by};
use crate::several;

/// Breaks out of text, of attributes in either quotes, of a script's string and of a template's braces, wherever one of these is
/// not escaped.
const PLANTED: &str =
    "x'\"><img data-planted src=/planted onerror=planted=1><script>planted=1</script></textarea>{{7*7}}";
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
        let named = |iri: &str| json!({"en": PLANTED, "zh-CN": PLANTED, "iri": iri});
        let fields = json!({"date": word, "dollars": word, "product": word, "quantity": word});
        let words: VocabularyPublished = serde_json::from_value(json!({
            "version": 2,
            "put": {
                "categories": {"purchases": {"label": named("https://w3id.org/dpv/pd#Purchase"), "fields": fields}},
                "purposes": {"service-personalisation": named("https://w3id.org/dpv#ServicePersonalisation")},
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
            "categories": ["purchases"], "validity_days_max": 400, "vocabulary": 2
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

    /// Refuses, and says what would be acceptable.
    async fn declines(&self, request: Jti) {
        let path = format!("/my/requests/{request}/decline");
        let (_, prepared) = self.customer.prepared(&path, "&unless_days=5").await;
        let envelope = signed_by(&prepared, &self.customer.signer);
        self.customer.send(&envelope, None).await.expect(201);
    }

    /// A request that the desk has prepared.
    async fn waits_to_sign(&self, desk: &str) -> String {
        // as narrow as the refusal before asks
        let form = format!("template=planted&customer={SUB}&days=5&uses=5");
        let preview = Call::get(format!("/company/requests/preview?{form}")).header("cookie", desk);
        let preview = preview.send(self.book.address).await.expect(200);
        let made =
            Call::post("/company/requests").header("origin", origin(self.book)).header("cookie", desk).bytes(
                "application/x-www-form-urlencoded",
                format!("form_token={}&{form}", form_token(&preview)),
            );
        let made = made.send(self.book.address).await.expect(303);
        let address = made.header("location").to_owned();
        address
            .strip_prefix("/company/requests/prepared/")
            .unwrap_or_else(|| panic!("{}", preview.text()))
            .to_owned()
    }

    /// The customer calls the device such a thing.
    async fn device_is_named(&self) {
        let customer = &self.customer;
        let me = customer.get("/account/me").await.expect(200).json();
        let path = format!("/my/account/devices/{}/name", me["devices"][0]["id"].as_str().unwrap());
        let name = PLANTED.bytes().fold(String::new(), |name, byte| name + &format!("%{byte:02X}"));
        customer.form(&path, &customer.form_token().await, &format!("&name={name}")).await.expect(303);
    }

    /// One complaint that is answered, and one that waits; both and the answer say such things.
    fn hears_complaints(&self) {
        let ledger = &self.book.ledger;
        let (tenant, sub) = (self.customer.tenant, &self.customer.sub);
        let text = || ComplaintText::typed(PLANTED).unwrap();
        ledger.complain(tenant, sub, text()).unwrap();
        let made = ledger.open_complaints(tenant, 1).unwrap().pop().unwrap();
        ledger.answer_complaint(tenant, &made.id, text()).unwrap();
        ledger.complain(tenant, sub, text()).unwrap();
    }

    async fn asks(&self, terms: &Terms) -> Jti {
        let expires = UnixSeconds(now().seconds().0 + 86_400);
        let event = RequestMade { sub: self.customer.sub.clone(), terms: terms.clone(), expires };
        self.append(Kind::RequestMade, event).await.0
    }
}

/// Pages of one browser, by the cookie of its session.
struct Visits {
    role: &'static str,
    cookie: String,
    pages: Vec<String>,
}

/// What the browser has seen: a line `role language page` for each page that shows what was planted, likewise each page at which
/// it was.
fn look(book: &Book, visits: &[Visits]) -> Option<[BTreeSet<String>; 2]> {
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
    let visit = |visit: &Visits| json!({"role": visit.role, "cookie": visit.cookie, "pages": visit.pages});
    let told = json!({"visits": visits.iter().map(visit).collect::<Vec<_>>(), "planted": PLANTED});
    child.stdin.take().unwrap().write_all(told.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap_or_default();
    assert!(output.status.success(), "{last}");
    let seen: Value = serde_json::from_str(last).unwrap();
    let lines = |name: &str| {
        seen[name].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    Some([lines("shown"), lines("opened")])
}

/// Whether an address is one of this route.
fn is_of(route: &str, page: &str) -> bool {
    let path = page.split(['?', '#']).next().unwrap();
    let (route, path) = (route.split('/'), path.split('/'));
    route.clone().count() == path.clone().count()
        && route.zip(path).all(|(part, found)| part == found || (part.starts_with('{') && !found.is_empty()))
}

/// What is no page: files, data and redirections.
const NO_PAGES: [&str; 14] = [
    "/account/answers",
    "/account/cosign/{id}",
    "/account/me",
    "/account/prepared/{id}",
    "/assets/{digest}/{*path}",
    "/company/requests/prepared/{id}/payload",
    "/i/{token}",
    "/my/account/data/{id}/archive",
    "/my/grants/{id}/iso27560",
    "/my/grants/{id}/kantara",
    "/my/grants/{id}/taken",
    "/my/receipts/{leaf}/file",
    "/sign",
    "/sign/{module}",
];

#[allow(clippy::too_many_lines, reason = "most of them are addresses")]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_party_writes_runs_nowhere() {
    let book = Book::open_with(|config| config.limits.account_requests_per_second = 10_000).await;
    let enterprise = Enterprise::with_a_customer(&book).await;
    let terms = enterprise.published().await;
    let customer = &enterprise.customer;
    let tenant = customer.tenant;
    let given = customer.agrees(enterprise.asks(&terms).await).await;
    let revoked = customer.agrees(enterprise.asks(&terms).await).await;
    let reason = term("purpose-ended");
    let (sub, by) = (customer.sub.clone(), Revoker::Enterprise);
    enterprise.append(Kind::GrantRevoked, GrantRevoked { sub, grant: revoked, by, reason }).await;
    let request = enterprise.asks(&terms).await;
    let declined = enterprise.asks(&terms).await;
    enterprise.declines(declined).await;
    let (prepared, _) = customer.prepared(&format!("/my/requests/{request}/agree"), "").await;
    let leaf = book.ledger.find_event(tenant, &given).unwrap().0;
    let returns = json!({"data_subject": "x-2", "return_url": "https://app.example/?%22%3E%3Cscript%3Eplanted=1%3C/script%3E"});
    let invitation = invited(&book, &enterprise.token, &returns).await;
    enterprise.hears_complaints();
    enterprise.device_is_named().await;
    customer.rules(tenant, &signer(43), "&stands=90").await;
    crate::mirror::mirrored_saying(&book.ledger, tenant, ("crm", &signer(42)), SUB, PLANTED);
    let (_, joins) = several::comes_as(&book, &several::invitation(customer).await, 61, PLANTED).await;
    several::signs(customer, &joins, true).await.expect(201);
    let (_, waits) = several::comes_as(&book, &several::invitation(customer).await, 62, PLANTED).await;
    let desk = signed_in(&book, &enterprise.token).await;
    let waiting = enterprise.waits_to_sign(&desk).await;

    let on = |path: &str| path.to_owned();
    let hostile = "%22%3E%3Cimg%20data-planted%20src=x%20onerror=planted=1%3E";
    let open = [
        on("/"),
        on("/regulator"),
        on("/regulator/bundle"),
        on("/regulator/receipt"),
        on("/company/sign-in"),
        on("/company/sign-in?refused"),
        on("/sign-in"),
        on("/mail/confirmed"),
        on("/mail/unsubscribed"),
        format!("/mail/confirm/{}", "A".repeat(43)),
        format!("/mail/unsubscribe/{}", "A".repeat(43)),
        format!("/sign/#invitation={invitation}"),
        // what anybody can put into an address
        on("/sign/#log-in=javascript:planted=1"),
        format!("/?lang={hostile}&x='{hostile}"),
        format!("/regulator/receipt?tour={hostile}"),
        format!("/mail/confirm/{hostile}"),
    ];
    let mine = [
        on("/my"),
        on("/my/connections"),
        on("/my/space"),
        format!("/my/space?kind={hostile}&company={hostile}"),
        format!("/my/space/{tenant}/ticket-1"),
        format!("/my/requests/{request}"),
        format!("/my/requests/{request}?days=3&without=purchases%2Fdate"),
        format!("/my/requests/{request}?days={hostile}&without={hostile}"),
        format!("/my/grants/{given}"),
        format!("/my/grants/{given}/change"),
        format!("/my/grants/{given}/stop"),
        format!("/my/grants/{revoked}"),
        format!("/my/grants/{revoked}/stopped"),
        format!("/my/receipts/{leaf}"),
        on("/my/value"),
        on("/my/notifications"),
        on("/my/account"),
        on("/my/account/signers"),
        format!("/sign/#cosign={waits}"),
        on("/my/account/data"),
        format!("/my/account/data/{tenant}/erase"),
        format!("/my/account/data/{tenant}/erased"),
        on("/my/account/complaints"),
        on("/my/rules"),
        format!("/my/rules/{tenant}/new"),
        format!(
            "/my/rules/{tenant}/new?kind={hostile}&purpose={hostile}&never={hostile}&price={hostile}&days={hostile}"
        ),
        on("/my/account/notifications"),
        format!("/sign/#sign={prepared}"),
        format!("/my/requests/{hostile}"),
        format!("/my?lang={hostile}&x='{hostile}"),
    ];
    let ours = [
        on("/company"),
        on("/company/requests"),
        on("/company/requests/preview?template=planted"),
        format!("/company/requests/preview?template=planted&customer={SUB}&days=14&uses=5"),
        format!(
            "/company/requests/preview?template=planted&customer={hostile}&days={hostile}&price={hostile}&from={hostile}"
        ),
        on("/company/requests/refusals"),
        format!("/company/requests/prepared/{waiting}"),
        on("/company/grants"),
        on("/company/uses"),
        format!("/company/uses?before={hostile}"),
        on("/company/complaints"),
        on("/company/gates"),
        on("/company/settlement"),
    ];
    let pages: Vec<&String> = open.iter().chain(&mine).chain(&ours).collect();
    for (method, route) in routes() {
        let known = method != "GET" || NO_PAGES.contains(&route.as_str());
        assert!(known || pages.iter().any(|page| is_of(&route, page)), "{route} is not looked at");
    }
    let visits = [
        Visits {
            role: "visitor",
            cookie: String::new(),
            pages: pages.iter().map(|page| (*page).clone()).collect(),
        },
        Visits {
            role: "customer",
            cookie: customer.cookie.clone(),
            pages: [&open[..], &mine, &ours[..2]].concat(),
        },
        Visits { role: "company", cookie: desk, pages: [&open[..], &ours, &mine[..2]].concat() },
    ];
    let Some([shown, opened]) = look(&book, &visits) else { return };
    for visit in &visits {
        for language in ["en", "zh-CN"] {
            for page in &visit.pages {
                let line = format!("{} {language} {page}", visit.role);
                assert!(opened.contains(&line), "{line} was not opened");
            }
        }
    }
    // a page that does not show what was written shows nothing about how it is written
    let says = |role: &str, pages: &[&String]| {
        for (page, language) in pages.iter().flat_map(|page| [(page, "en"), (page, "zh-CN")]) {
            let line = format!("{role} {language} {page}");
            assert!(shown.contains(&line), "{line} does not show what was written: {shown:#?}");
        }
    };
    let not = |page: &&String, without: &[&str]| !without.iter().any(|part| page.contains(part));
    // there is no use yet, and this browser has no key to sign with
    let silent = [hostile, "/erased", "/account/notifications", "/receipts/", "/my/value", "/sign/"];
    let without_uses = [hostile, "/uses", "/gates", "/settlement", "/prepared/"];
    says("customer", &mine.iter().filter(|page| not(page, &silent)).collect::<Vec<_>>());
    says("company", &ours.iter().filter(|page| not(page, &without_uses)).collect::<Vec<_>>());
    says("visitor", &[&open[11]]);
    assert!(!shown.iter().any(|line| line.starts_with("visitor") && line.contains(" /my")), "{shown:#?}");
}
