//! Events prepared for the signing page: an answer of a form becomes a payload that the customer is shown and signs.
//!
//! | row | holds |
//! |---|---|
//! | `prepared/` id | a [`Prepared`] |

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use grantbook_record::encoding::{Base64Bytes, to_base64url};
use grantbook_record::event::{
    Claims, Event, GrantAmended, GrantGiven, GrantPaused, GrantResumed, RequestDeclined,
};
use grantbook_record::list::List;
use grantbook_record::terms::NoticeShown;
use grantbook_record::{Jti, Kind, SubjectId, TenantId, Term, Terms, UnixSeconds, VocabularyVersion};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::invite::WayBack;
use super::{Inner, Portal, Reading, answer, cosign, see_other};
use crate::account::{Account, AccountId, Membership, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::narrowing::Narrowing;
use crate::page::customer::LACKING;
use crate::session::Current;
use crate::view::agreement::ConsentAsked;
use crate::wish;

/// How long the customer may take to sign, in seconds.
const GOOD_SECONDS: u64 = 3600;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prepared {
    account: AccountId,
    tenant: TenantId,
    sub: SubjectId,
    kind: String,
    payload: Base64Bytes,
    /// Page of the portal to go to once it is signed.
    next: String,
    /// Where a link to the request leads back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    back: Option<WayBack>,
    expires: UnixSeconds,
}

pub(super) type Pairs = Form<Vec<(String, String)>>;

/// `POST /my/requests/{id}/agree`
pub(super) async fn agree(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    let narrowing = Narrowing::of_form(&pairs)?;
    let ticked: Vec<String> =
        pairs.iter().filter(|(name, _)| name == "consent").map(|(_, to)| to.clone()).collect();
    prepared(portal, id, headers, pairs, move |inner, membership, request| {
        let Membership { tenant, sub, .. } = membership;
        let Some(asked) = inner.backend.request(*tenant, sub, &request)? else { return Ok(None) };
        let terms = narrowing
            .apply(&asked)
            .ok_or_else(|| Failure::Malformed("less than what was asked for, and not nothing".to_owned()))?;
        let separate = inner.backend.consents(*tenant, &terms)?;
        let Some(mut terms) = with_ticked(terms, &separate, &ticked)? else {
            let query = [narrowing.to_query().as_str(), LACKING].join("&");
            let back = format!("/my/requests/{request}?{}#consents", query.trim_start_matches('&'));
            return Ok(Some(Next::Page(back)));
        };
        terms.notice = NoticeShown { shown_at: inner.now(), ..terms.notice };
        let event =
            GrantGiven { sub: sub.clone(), terms, request: Some(request), birth_day: None, mandate: None };
        let claims = inner.claims(membership, event)?;
        Ok(Some(Next::Sign(Kind::GrantGiven, claims.to_json(), format!("/my/grants/{}", claims.jti))))
    })
    .await
}

/// `POST /my/requests/{id}/decline`
pub(super) async fn decline(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    let form = pairs.clone();
    prepared(portal, id, headers, pairs, move |inner, membership, request| {
        let Membership { tenant, sub, .. } = membership;
        let Some(asked) = inner.backend.request(*tenant, sub, &request)? else { return Ok(None) };
        let unless = wish::of_form(&form, &asked)?;
        let event = RequestDeclined { sub: sub.clone(), request, unless, mandate: None };
        let claims = inner.claims(membership, event)?;
        Ok(Some(Next::Sign(Kind::RequestDeclined, claims.to_json(), "/".to_owned())))
    })
    .await
}

/// `POST /my/grants/{id}/change`: the same grant with less in it.
pub(super) async fn change(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    let narrowing = Narrowing::of_form(&pairs)?;
    prepared(portal, id, headers, pairs, move |inner, membership, grant| {
        let Membership { tenant, sub, .. } = membership;
        let Some(known) = inner.backend.grant(*tenant, sub, &grant)? else { return Ok(None) };
        if known.ended {
            return Err(Failure::Conflict("a grant that has not ended"));
        }
        let terms = narrowing.apply(&known.terms).filter(|terms| *terms != known.terms);
        let terms =
            terms.ok_or_else(|| Failure::Malformed("less than was granted, and not nothing".to_owned()))?;
        let event = GrantAmended { sub: sub.clone(), grant, terms, birth_day: None };
        let claims = inner.claims(membership, event)?;
        Ok(Some(Next::Sign(Kind::GrantAmended, claims.to_json(), format!("/my/grants/{grant}"))))
    })
    .await
}

/// `POST /my/grants/{id}/pause`
pub(super) async fn pause(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    prepared(portal, id, headers, pairs, |inner, membership, grant| {
        of_grant(inner, membership, grant, |sub| (Kind::GrantPaused, GrantPaused { sub, grant }))
    })
    .await
}

/// `POST /my/grants/{id}/resume`
pub(super) async fn resume(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    prepared(portal, id, headers, pairs, |inner, membership, grant| {
        of_grant(inner, membership, grant, |sub| (Kind::GrantResumed, GrantResumed { sub, grant }))
    })
    .await
}

/// `POST /my/grants/{id}/stop`: withdraws at once, without any key. The operator signs, and says that a session asked.
pub(super) async fn stop(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (_, account) = inner.of_form(&headers, &pairs)?;
            let grant = Jti::parse(&id).map_err(|_| Failure::NotFound)?;
            for Membership { tenant, sub, .. } in &account.memberships {
                match inner.backend.grant(*tenant, sub, &grant)? {
                    None => {}
                    Some(known) => {
                        // twice by a nervous finger is once
                        if !known.ended {
                            inner.backend.withdraw_by_session(*tenant, sub, grant)?;
                        }
                        return Ok(see_other(&format!("/my/grants/{grant}/stopped")));
                    }
                }
            }
            Err(Failure::NotFound)
        })
        .await
}

/// `GET /account/prepared/{id}`: for the signing page, which shows the payload's own words.
pub(super) async fn show(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers)?;
            let found: Option<Prepared> = row(&Reading(inner), &name(&id))?;
            let prepared = found.filter(|prepared| prepared.account == current.session.account);
            let prepared = prepared.ok_or(Failure::NotFound)?;
            if prepared.expires <= inner.now() {
                return Err(Failure::Gone("an answer that was given within the hour"));
            }
            let account = inner.account(&current.session.account)?;
            let sub = &prepared.sub;
            let ward = account.of(prepared.tenant, sub)?.ward();
            let known = inner.backend.customer(prepared.tenant, sub)?;
            let kind = Kind::parse(&prepared.kind).ok_or(Failure::Unavailable)?;
            let (consents, vocabulary) = explained(inner, prepared.tenant, kind, &prepared.payload.0)?;
            let answered = json!({
                "now": inner.now(),
                "consents": consents,
                "vocabulary": vocabulary,
                "tenant": prepared.tenant,
                "enterprise": inner.backend.enterprise(prepared.tenant),
                "ward": ward,
                "kind": prepared.kind,
                "payload": prepared.payload,
                "next": prepared.next,
                "back": prepared.back.as_ref().map(|back| back.both(&prepared.kind)),
                "keys": known.keys,
                "passkeys": known.passkeys,
                "several": known.several,
                "people": inner.names_of_keys(prepared.tenant, sub)?,
            });
            Ok(answer(StatusCode::OK, &answered))
        })
        .await
}

/// What follows on a form.
enum Next {
    /// A payload of this kind is signed; then comes a page.
    Sign(Kind, Vec<u8>, String),
    /// A page comes at once, and nothing is signed.
    Page(String),
}

/// Kind, payload, and the page to go to.
pub(super) type Payload = (Kind, Vec<u8>, String);

/// Checks the form, finds whose the id is, prepares, and goes on to the signing page.
async fn prepared(
    portal: Portal,
    id: String,
    headers: HeaderMap,
    pairs: Vec<(String, String)>,
    payload: impl Fn(&Inner, &Membership, Jti) -> Result<Option<Next>, Failure> + Send + 'static,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (current, account) = inner.of_form(&headers, &pairs)?;
            if account.passkeys.is_empty() && inner.settings.sandbox_doors {
                // whoever only looks at the sandbox's customer needs a key of their own to sign
                return Ok(see_other("/#own-key"));
            }
            current.session.expect_passkey()?;
            let about = Jti::parse(&id).map_err(|_| Failure::NotFound)?;
            for membership in &account.memberships {
                let payload = match payload(inner, membership, about)? {
                    None => continue,
                    Some(Next::Page(page)) => return Ok(see_other(&page)),
                    Some(Next::Sign(kind, payload, next)) => (kind, payload, next),
                };
                let account = &current.session.account;
                let back = WayBack::of(&Reading(inner), account, &about, inner.now());
                return inner.keep_prepared(account, membership, payload, back);
            }
            Err(Failure::NotFound)
        })
        .await
}

/// The terms with the separate consents that were ticked and no others; `None` where one lacks without which there is no grant.
/// When each was given, the signing page says: here nobody has given any.
fn with_ticked(
    mut terms: Terms,
    separate: &[ConsentAsked],
    ticked: &[String],
) -> Result<Option<Terms>, Failure> {
    let is_ticked = |to: &Term| ticked.iter().any(|name| name == to.as_str());
    if !ticked.iter().all(|name| separate.iter().any(|asked| asked.to.as_str() == name)) {
        return Err(Failure::Malformed("consents that were asked for".to_owned()));
    }
    if separate.iter().any(|asked| (asked.required || is_ticked(&asked.to)) && asked.sentence.is_none()) {
        return Err(Failure::Conflict("a sentence that the enterprise has published for each consent"));
    }
    if separate.iter().any(|asked| asked.required && !is_ticked(&asked.to)) {
        return Ok(None);
    }
    let kept = terms.consents.iter().filter(|consent| is_ticked(&consent.to)).cloned().collect();
    terms.consents = List::new(kept).unwrap_or_default();
    Ok(Some(terms))
}

/// What the signing page needs beside the payload to say in words what its terms mean: the sentences of separate consents, which
/// it compares with the digests that are signed, and the words of a version that it has not itself.
pub(super) fn explained(
    inner: &Inner,
    tenant: TenantId,
    kind: Kind,
    payload: &[u8],
) -> Result<(Value, Value), Failure> {
    if kind == Kind::MandateGiven {
        let given: Drafted = serde_json::from_slice(payload).map_err(|_| Failure::Unavailable)?;
        return Ok((json!([]), words(inner, tenant, given.event.vocabulary)?));
    }
    let claims = Event::parse(kind, payload).map_err(|_| Failure::Unavailable)?;
    let terms = match claims.event {
        Event::GrantGiven(given) => given.terms,
        Event::GrantAmended(amended) => amended.terms,
        _ => return Ok((json!([]), Value::Null)),
    };
    let separate = inner.backend.consents(tenant, &terms)?;
    let consents = separate.iter().map(|asked| {
        let basis: Vec<_> = asked.basis.iter().map(|(law, article)| json!([law, article])).collect();
        json!({"to": asked.to, "sentence": asked.sentence, "basis": basis})
    });
    Ok((consents.collect(), words(inner, tenant, terms.vocabulary)?))
}

/// The words of a version; null for the first one, which the signing page has itself.
pub(super) fn words(inner: &Inner, tenant: TenantId, version: VocabularyVersion) -> Result<Value, Failure> {
    if version.is_first() {
        return Ok(Value::Null);
    }
    let words = inner.backend.words(tenant, version)?.ok_or(Failure::Unavailable)?;
    Ok(json!({"version": version, "words": words}))
}

/// Of a mandate that lacks its keys, what its words are in.
#[derive(Deserialize)]
struct Drafted {
    event: DraftedRules,
}

#[derive(Deserialize)]
struct DraftedRules {
    #[serde(default)]
    vocabulary: VocabularyVersion,
}

fn of_grant<T: Serialize>(
    inner: &Inner,
    membership: &Membership,
    grant: Jti,
    event: impl FnOnce(SubjectId) -> (Kind, T),
) -> Result<Option<Next>, Failure> {
    let Membership { tenant, sub, .. } = membership;
    if inner.backend.grant(*tenant, sub, &grant)?.is_none() {
        return Ok(None);
    }
    let (kind, event) = event(sub.clone());
    let claims = inner.claims(membership, event)?;
    Ok(Some(Next::Sign(kind, claims.to_json(), format!("/my/grants/{grant}"))))
}

impl Inner {
    /// An event of the customer's, with time for others to sign it where some may have to.
    pub(super) fn claims<T>(
        &self,
        Membership { tenant, sub, .. }: &Membership,
        event: T,
    ) -> Result<Claims<T>, Failure> {
        let claims = Claims::new(*tenant, self.backend.new_id(), event);
        let several = self.backend.customer(*tenant, sub)?.several;
        let exp = UnixSeconds(claims.iat.0.saturating_add(cosign::WAIT_SECONDS));
        Ok(Claims { exp: several.then_some(exp), ..claims })
    }

    /// Keeps what the customer is to sign, and goes on to the signing page.
    pub(super) fn keep_prepared(
        &self,
        account: &AccountId,
        Membership { tenant, sub, .. }: &Membership,
        (kind, payload, next): Payload,
        back: Option<WayBack>,
    ) -> Result<Response, Failure> {
        let id = to_base64url(&crate::secret::random::<16>());
        let expires = UnixSeconds(self.now().0.saturating_add(GOOD_SECONDS));
        let (account, kind, payload) = (account.clone(), kind.name().to_owned(), Base64Bytes(payload));
        let (tenant, sub) = (*tenant, sub.clone());
        let prepared = Prepared { account, tenant, sub, kind, payload, next, back, expires };
        self.change(|rows| {
            put(rows, &name(&id), &prepared);
            Ok(())
        })?;
        Ok(see_other(&format!("/sign/#sign={id}")))
    }

    /// Who sent a form: the session, whose token the form must carry.
    pub(crate) fn of_form(
        &self,
        headers: &HeaderMap,
        pairs: &[(String, String)],
    ) -> Result<(Current, Account), Failure> {
        let current = self.current(headers)?;
        let token = pairs.iter().find(|(name, _)| name == "form_token");
        current.check_form(&self.key, token.map_or("", |(_, token)| token.as_str()))?;
        let account = self.account(&current.session.account)?;
        Ok((current, account))
    }
}

/// Removes what nobody has signed in time.
pub(super) fn sweep(rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
    for name in rows.names("prepared/") {
        if row::<Prepared>(rows, &name)?.is_some_and(|prepared| prepared.expires <= now) {
            rows.remove(&name);
        }
    }
    Ok(())
}

/// Removes what was prepared for an account at one enterprise.
pub(super) fn forget(rows: &mut dyn Rows, account: &AccountId, tenant: TenantId) -> Result<(), Failure> {
    for name in rows.names("prepared/") {
        let prepared: Option<Prepared> = row(rows, &name)?;
        if prepared.is_some_and(|prepared| prepared.account == *account && prepared.tenant == tenant) {
            rows.remove(&name);
        }
    }
    Ok(())
}

fn name(id: &str) -> String {
    format!("prepared/{id}")
}
