//! Forms of the pages about news and mail, and the links that mails bring.

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;

use super::contact::Wishes;
use super::{Address, Contact, Digest, Inbox, Topic};
use crate::failure::Failure;
use crate::language::Language;
use crate::secret::Secret;
use crate::signing::{Inner, Portal, Reading, see_other};
use crate::view::news::{Line, MailSettings, MailState, News};

type Pairs = Form<Vec<(String, String)>>;

/// What only the portal's own pages may send.
pub(crate) fn routes() -> Router<Portal> {
    Router::new()
        .route("/my/notifications/seen", post(seen))
        .route("/my/account/notifications", post(choose))
        .route("/mail/confirm/{secret}", post(confirm))
}

/// What the customer's mail provider may send too (RFC 8058): the secret in the address is all that it takes.
pub(crate) fn routes_of_mail() -> Router<Portal> {
    Router::new().route("/mail/unsubscribe/{secret}", post(unsubscribe))
}

impl Inner {
    pub(crate) fn news(&self, headers: &HeaderMap) -> Result<News, Failure> {
        let current = self.current(headers)?;
        let inbox = Inbox::read(&Reading(self), &current.session.account)?;
        let line = |item: &super::Item| Line {
            happened: item.happened.clone(),
            company: self.company_of(&item.happened),
            link: item.link(),
            unseen: item.number >= inbox.seen,
        };
        Ok(News { lines: inbox.items.iter().rev().map(line).collect() })
    }

    pub(crate) fn mail(&self, headers: &HeaderMap) -> Result<MailSettings, Failure> {
        let current = self.current(headers)?;
        let contact = Contact::read(&Reading(self), &current.session.account)?;
        let state = match &contact {
            _ if !self.mails() => MailState::Never,
            None => MailState::NoAddress,
            Some(contact) if contact.confirmed => MailState::Confirmed,
            Some(_) => MailState::Asked,
        };
        Ok(MailSettings {
            state,
            language: contact.as_ref().map(Contact::language),
            digest: contact.as_ref().map(|contact| contact.digest),
            topics: contact.as_ref().map_or_else(Vec::new, |contact| contact.topics.clone()),
            address: contact.map_or_else(String::new, |contact| contact.address.as_str().to_owned()),
        })
    }
}

/// `POST /my/notifications/seen`
async fn seen(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (current, _) = inner.of_form(&headers, &pairs)?;
            let id = &current.session.account;
            inner.change(|rows| {
                let mut inbox = Inbox::read(rows, id)?;
                if inbox.seen < inbox.next {
                    inbox.seen = inbox.next;
                    inbox.write(rows, id);
                }
                Ok(())
            })?;
            Ok(see_other("/my/notifications"))
        })
        .await
}

fn wishes(pairs: &[(String, String)]) -> Result<Wishes, Failure> {
    let malformed = |expected: &str| Failure::Malformed(expected.to_owned());
    let one = |wanted: &str| {
        let mut values = pairs.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.trim());
        (values.next().unwrap_or_default(), values.next())
    };
    let single = |wanted: &str, expected: &str| match one(wanted) {
        (value, None) => Ok(value),
        _ => Err(malformed(expected)),
    };
    let address = match single("address", "one address")? {
        "" => None,
        text => Some(Address::parse(text).ok_or_else(|| malformed("an address such as name@example.org"))?),
    };
    let language = single("language", "one language")?;
    let language = Language::ALL.into_iter().find(|known| known.tag() == language);
    let digest = Digest::parse(single("digest", "one digest")?);
    let topics = pairs.iter().filter(|(name, _)| name == "topic");
    let topics: Option<Vec<Topic>> = topics.map(|(_, topic)| Topic::parse(topic)).collect();
    let mut topics = topics.ok_or_else(|| malformed("topics that there are"))?;
    topics.sort();
    topics.dedup();
    Ok(Wishes {
        address,
        language: language.ok_or_else(|| malformed("language en or zh-CN"))?,
        digest: digest.ok_or_else(|| malformed("digest each, daily, weekly or off"))?,
        topics,
    })
}

/// `POST /my/account/notifications`
async fn choose(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (current, _) = inner.of_form(&headers, &pairs)?;
            // whoever has the code alone leads no mail elsewhere
            current.session.expect_passkey()?;
            if !inner.mails() {
                return Err(Failure::Conflict("a server that sends mail"));
            }
            let (wishes, now) = (wishes(&pairs)?, inner.now());
            inner.change(|rows| Contact::choose(rows, &current.session.account, &wishes, now))?;
            Ok(see_other("/my/account/notifications"))
        })
        .await
}

/// `POST /mail/confirm/{secret}`
async fn confirm(State(portal): State<Portal>, Path(secret): Path<String>) -> Result<Response, Failure> {
    let secret = Secret::parse(&secret).ok_or(Failure::NotFound)?;
    portal
        .blocking(move |inner| {
            let now = inner.now();
            inner.change(|rows| Contact::confirm(rows, &secret, now))?;
            Ok(see_other("/mail/confirmed"))
        })
        .await
}

/// `POST /mail/unsubscribe/{secret}`: by a mail provider, which must not be led elsewhere, or by the page.
async fn unsubscribe(
    State(portal): State<Portal>,
    Path(secret): Path<String>,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    let secret = Secret::parse(&secret).ok_or(Failure::NotFound)?;
    let by_provider = pairs.iter().any(|(name, value)| name == "List-Unsubscribe" && value == "One-Click");
    portal
        .blocking(move |inner| {
            inner.change(|rows| Contact::unsubscribe(rows, &secret))?;
            Ok(if by_provider { StatusCode::OK.into_response() } else { see_other("/mail/unsubscribed") })
        })
        .await
}
