//! A person with a browser: an authenticator in software, a cookie, signing keys. What a page would do, step by step.

use grantbook_record::attachment::Attachments;
use grantbook_record::encoding::{Base64Bytes, Bytes32, from_base64url, to_base64url};
use grantbook_record::event::{Claims, Evidence, KeyEnrolled, RequestMade};
use grantbook_record::list::List;
use grantbook_record::webauthn::{Assertion, PasskeyKey, challenge};
use grantbook_record::{Envelope, Jti, Kind, Signer, SubjectId, TenantId};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use crate::book::{Book, Published, jti, now, signer};
use crate::client::{Answer, Call};

const PRESENT_AND_VERIFIED: u8 = 0x05;

/// A person at a browser.
#[derive(Clone)]
pub(crate) struct Person<'b> {
    pub(crate) book: &'b Book,
    pub(crate) cookie: String,
    pub(crate) passkey: Passkey,
    pub(crate) signer: Signer,
    pub(crate) tenant: TenantId,
    pub(crate) sub: SubjectId,
    pub(crate) code: u8,
}

/// A passkey in software, and how it may lie.
#[derive(Clone)]
pub(crate) struct Passkey {
    pub(crate) key: SigningKey,
    pub(crate) id: Vec<u8>,
    pub(crate) flags: u8,
    pub(crate) origin: Option<String>,
    pub(crate) rp_id: &'static str,
    pub(crate) counter: u32,
}

impl Passkey {
    pub(crate) fn new(seed: u8) -> Self {
        let key = SigningKey::from_slice(&[seed; 32]).unwrap();
        Self {
            key,
            id: vec![seed; 16],
            flags: PRESENT_AND_VERIFIED,
            origin: None,
            rp_id: "localhost",
            counter: 0,
        }
    }

    pub(crate) fn public(&self) -> PasskeyKey {
        let point = self.key.verifying_key().to_encoded_point(false);
        PasskeyKey::from_coordinates(point.x().unwrap().as_ref(), point.y().unwrap().as_ref()).unwrap()
    }

    fn data(&self, book: &Book, kind: &str, challenge: &str) -> (Vec<u8>, String) {
        let origin = self.origin.clone().unwrap_or_else(|| origin(book));
        let client = format!(
            r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#
        );
        let attested = if kind == "webauthn.create" { 0x40 } else { 0 };
        let rp_id = Bytes32::sha256(self.rp_id.as_bytes());
        let data = [&rp_id.0[..], &[self.flags | attested], &self.counter.to_be_bytes()].concat();
        (data, client)
    }

    /// What `navigator.credentials.create` gives.
    pub(crate) fn made(&self, book: &Book, challenge: &str) -> Value {
        let (mut authenticator, client) = self.data(book, "webauthn.create", challenge);
        let point = self.key.verifying_key().to_encoded_point(false);
        authenticator.extend([0; 16]);
        authenticator.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        authenticator.extend(&self.id);
        authenticator.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        authenticator.extend(point.x().unwrap());
        authenticator.extend([0x22, 0x58, 0x20]);
        authenticator.extend(point.y().unwrap());
        json!({"authenticator_data": to_base64url(&authenticator), "client_data": to_base64url(client.as_bytes())})
    }

    fn signed(&self, book: &Book, challenge: &str) -> (Vec<u8>, String, Vec<u8>) {
        let (authenticator, client) = self.data(book, "webauthn.get", challenge);
        let signed = [authenticator.as_slice(), &Bytes32::sha256(client.as_bytes()).0].concat();
        let signature: Signature = self.key.sign(&signed);
        (authenticator, client, signature.to_der().as_bytes().to_vec())
    }

    /// What `navigator.credentials.get` gives.
    pub(crate) fn shown(&self, book: &Book, challenge: &str) -> Value {
        let (authenticator, client, signature) = self.signed(book, challenge);
        json!({
            "credential": to_base64url(&self.id), "authenticator_data": to_base64url(&authenticator),
            "client_data": to_base64url(client.as_bytes()), "signature": to_base64url(&signature),
        })
    }

    /// Its assertion over an envelope, to be attached.
    pub(crate) fn attached(&self, book: &Book, envelope: &[u8]) -> Vec<u8> {
        let challenge = challenge(Envelope::parse(envelope).unwrap().first_jws());
        let (authenticator, client, signature) = self.signed(book, &to_base64url(&challenge.0));
        let assertion = Assertion {
            key: self.public(),
            authenticator_data: Base64Bytes(authenticator),
            client_data: Base64Bytes(client.into_bytes()),
            signature: Base64Bytes(signature),
        };
        Attachments { v: 1, assertions: List::new(vec![assertion]).unwrap() }.to_json()
    }
}

pub(crate) fn origin(book: &Book) -> String {
    format!("http://localhost:{}", book.address.port())
}

/// What the browser derives from a recovery code.
pub(crate) fn code(seed: u8) -> Value {
    json!({"lookup": Bytes32([seed; 32]), "proof": Bytes32([seed ^ 0xff; 32])})
}

/// The cookie that an answer sets.
pub(crate) fn cookie_of(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

/// A request of one of the portal's own pages.
pub(crate) fn from_page(book: &Book, path: &str, cookie: &str, body: &Value) -> Call {
    let call = Call::post(path).header("origin", origin(book)).header("sec-fetch-site", "same-origin");
    call.header("cookie", cookie).json(body)
}

pub(crate) async fn challenge_for(book: &Book, purpose: &str, cookie: &str) -> String {
    let asked = from_page(book, "/account/challenge", cookie, &json!({"purpose": purpose}));
    let answer = asked.send(book.address).await.expect(200).json();
    assert_eq!(answer["rp_id"], "localhost");
    answer["challenge"].as_str().unwrap().to_owned()
}

/// An invitation's token.
pub(crate) async fn invited(book: &Book, token: &str, body: &Value) -> String {
    let made =
        Call::post("/v1/invitations").token(token).json(body).send(book.address).await.expect(201).json();
    let url = made["url"].as_str().unwrap();
    assert!(made["qr_svg"].as_str().unwrap().contains("<svg"));
    url.strip_prefix(&format!("{}/i/", origin(book))).unwrap().to_owned()
}

impl<'b> Person<'b> {
    /// Somebody who was invited by the sandbox, has made an account and joined.
    pub(crate) async fn joined(book: &'b Book, sub: &str, seed: u8) -> Person<'b> {
        Self::joined_by(book, (&book.sandbox.token, book.tenant()), sub, seed).await
    }

    /// The same by an invitation of the tenant whose token this is.
    pub(crate) async fn joined_by(
        book: &'b Book,
        (token, tenant): (&str, TenantId),
        sub: &str,
        seed: u8,
    ) -> Person<'b> {
        let invitation = invited(book, token, &json!({"data_subject": sub})).await;
        let passkey = Passkey::new(seed);
        let challenge = challenge_for(book, "register", "").await;
        let body = json!({
            "passkey": passkey.made(book, &challenge), "code": code(seed), "invitation": invitation,
        });
        let registered = from_page(book, "/account/register", "", &body).send(book.address).await.expect(201);
        let cookie = cookie_of(&registered);
        let joined = from_page(book, "/account/join", &cookie, &json!({"invitation": invitation}));
        joined.send(book.address).await.expect(200);
        let sub = SubjectId::parse(sub).unwrap();
        Person { book, cookie, passkey, signer: signer(seed), tenant, sub, code: seed }
    }

    /// The same with an enrolled key and passkey.
    pub(crate) async fn enrolled(book: &'b Book, sub: &str, seed: u8) -> Person<'b> {
        let person = Self::joined(book, sub, seed).await;
        let envelope = person.enrolment(Evidence::Enterprise);
        let answer = person.enrol(&envelope).await.expect(201).json();
        assert_eq!(answer["state"], "enrolled");
        person
    }

    pub(crate) fn enrolment(&self, evidence: Evidence) -> Vec<u8> {
        let recovery = Some(recovery_key(self.code).thumbprint());
        let key = *self.signer.public_key();
        let event = KeyEnrolled { sub: self.sub.clone(), key, evidence, recovery };
        let payload = Claims::new(self.tenant, jti(), event).to_json();
        Envelope::sign(Kind::KeyEnrolled, &payload, &[&self.signer])
    }

    pub(crate) async fn enrol(&self, envelope: &[u8]) -> Answer {
        let attachment = self.passkey.attached(self.book, envelope);
        let body = json!({
            "tenant": self.tenant, "envelope": to_base64url(envelope), "attachment": to_base64url(&attachment),
            "device": {"name": "first", "keys": []},
        });
        self.post("/account/enrol", &body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        from_page(self.book, path, &self.cookie, body).send(self.book.address).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Call::get(path).header("cookie", &self.cookie).send(self.book.address).await
    }

    pub(crate) async fn form_token(&self) -> String {
        let me = self.get("/account/me").await.expect(200).json();
        me["form_token"].as_str().unwrap().to_owned()
    }

    /// Sends a form with this token.
    pub(crate) async fn form(&self, path: &str, token: &str, more: &str) -> Answer {
        let call = Call::post(path).header("origin", origin(self.book)).header("cookie", &self.cookie);
        let body = format!("form_token={token}{more}");
        call.bytes("application/x-www-form-urlencoded", body).send(self.book.address).await
    }

    /// A request to this person, which is then open.
    pub(crate) async fn asked(&self, published: &Published) -> Jti {
        let terms = published.terms(&json!({"uses": 10}));
        let expires = grantbook_record::UnixSeconds(now().seconds().0 + 86_400);
        let event = RequestMade { sub: self.sub.clone(), terms, expires };
        let id = jti();
        let payload = Claims::new(self.tenant, id, event).to_json();
        let envelope = Envelope::sign(Kind::RequestMade, &payload, &[&self.book.sandbox.enterprise]);
        self.book.append(envelope).await.expect(201);
        id
    }

    /// What the signing page is given after a form was sent.
    pub(crate) async fn prepared(&self, path: &str, more: &str) -> (String, Value) {
        let token = self.form_token().await;
        let answer = self.form(path, &token, more).await.expect(303);
        let id = answer.header("location").strip_prefix("/sign/#sign=").unwrap().to_owned();
        let shown = self.get(&format!("/account/prepared/{id}")).await.expect(200).json();
        (id, shown)
    }

    pub(crate) async fn send(&self, envelope: &[u8], attachment: Option<&[u8]>) -> Answer {
        let mut body = json!({"envelope": to_base64url(envelope)});
        if let Some(attachment) = attachment {
            body["attachment"] = json!(to_base64url(attachment));
        }
        Call::post("/v1/events").json(&body).send(self.book.address).await
    }

    /// Agrees to a request, from the form to the log.
    pub(crate) async fn agrees(&self, request: Jti) -> Jti {
        let (_, prepared) = self.prepared(&format!("/my/requests/{request}/agree"), "").await;
        let envelope = signed_by(&prepared, &self.signer);
        let attachment = self.passkey.attached(self.book, &envelope);
        self.send(&envelope, Some(&attachment)).await.expect(201);
        Envelope::parse(&envelope).unwrap().event().unwrap().jti
    }

    /// Makes a rule, from the form to the log; what the browser puts in is the signer's name and an agent's key.
    pub(crate) async fn rules(&self, tenant: TenantId, agent: &Signer, form: &str) -> Jti {
        let (_, mut prepared) = self.prepared(&format!("/my/rules/{tenant}"), form).await;
        let payload = from_base64url(prepared["payload"].as_str().unwrap()).unwrap();
        let mut claims: Value = serde_json::from_slice(&payload).unwrap();
        claims["event"]["from"] = json!({"key": self.signer.thumbprint()});
        claims["event"]["agent"] = json!(agent.public_key());
        prepared["payload"] = json!(to_base64url(claims.to_string().as_bytes()));
        let envelope = signed_by(&prepared, &self.signer);
        let attachment = self.passkey.attached(self.book, &envelope);
        self.send(&envelope, Some(&attachment)).await.expect(201);
        Envelope::parse(&envelope).unwrap().event().unwrap().jti
    }
}

/// Stands for the key that a code gives.
pub(crate) fn recovery_key(code: u8) -> Signer {
    signer(code.wrapping_add(100))
}

/// Signs what was prepared, as the page does.
pub(crate) fn signed_by(prepared: &Value, signer: &Signer) -> Vec<u8> {
    let kind = Kind::parse(prepared["kind"].as_str().unwrap()).unwrap();
    Envelope::sign(kind, &from_base64url(prepared["payload"].as_str().unwrap()).unwrap(), &[signer])
}
