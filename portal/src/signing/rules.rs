//! Standing rules: prepared for the signing page, ended by a session, and the answers that they give, prepared for the key
//! of the customer's browser that may sign them and nothing else.

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use grantbook_record::encoding::Base64Bytes;
use grantbook_record::event::{Claims, GrantGiven, RequestDeclined};
use grantbook_record::list::List;
use grantbook_record::{Jti, Kind, SubjectId, TenantId, Terms, Thumbprint, UnixMillis, UnixSeconds};
use serde::Serialize;
use serde_json::{Value, json};

use super::prepare::{Pairs, Payload, words};
use super::{Inner, Portal, answer, see_other};
use crate::backend::write::RuledAnswer;
use crate::failure::Failure;
use crate::rules::RuleForm;

const SECONDS_PER_DAY: u64 = 86_400;

/// One answer, for the browser to show and sign.
#[derive(Serialize)]
struct PreparedAnswer {
    tenant: TenantId,
    enterprise: Option<String>,
    kind: &'static str,
    payload: Base64Bytes,
    agent: Thumbprint,
    vocabulary: Value,
}

/// A `mandate.given` without `from` and `agent`: which key signs, and which answers, the browser knows alone.
#[derive(Serialize)]
struct Unfinished<'a> {
    sub: &'a SubjectId,
    until: UnixSeconds,
    #[serde(flatten)]
    draft: grantbook_plan::mandate::Draft,
}

/// `POST /my/rules/{tenant}`
pub(super) async fn make(
    State(portal): State<Portal>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    let form = RuleForm::of_pairs(&pairs)?;
    portal
        .blocking(move |inner| {
            let (current, account) = inner.of_form(&headers, &pairs)?;
            current.session.expect_passkey()?;
            let tenant = TenantId::parse(&tenant).map_err(|_| Failure::NotFound)?;
            let membership = account.membership(tenant)?;
            let vocabulary = inner.backend.vocabulary(membership.tenant)?;
            let seconds = u64::from(form.stands()?).saturating_mul(SECONDS_PER_DAY);
            let until = UnixSeconds(inner.now().0.saturating_add(seconds));
            let event = Unfinished { sub: &membership.sub, until, draft: form.draft(vocabulary)? };
            let claims = inner.claims(membership, event)?;
            let payload: Payload = (Kind::MandateGiven, claims.to_json(), "/my/rules".to_owned());
            inner.keep_prepared(&current.session.account, membership, payload, None)
        })
        .await
}

/// `POST /my/rules/{tenant}/{mandate}/end`: as easy as stopping a grant, so a session is enough.
pub(super) async fn end(
    State(portal): State<Portal>,
    Path((tenant, mandate)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (_, account) = inner.of_form(&headers, &pairs)?;
            let tenant = TenantId::parse(&tenant).map_err(|_| Failure::NotFound)?;
            let membership = account.membership(tenant)?;
            let mandate = Jti::parse(&mandate).map_err(|_| Failure::NotFound)?;
            inner.backend.end_rule_by_session(membership.tenant, &membership.sub, mandate)?;
            Ok(see_other("/my/rules"))
        })
        .await
}

/// `GET /account/answers`: what the customer's rules answer now. A browser signs those whose agent's key it keeps.
pub(super) async fn answers(State(portal): State<Portal>, headers: HeaderMap) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let current = inner.current(&headers)?;
            let account = inner.account(&current.session.account)?;
            let mut answers = Vec::new();
            for membership in &account.memberships {
                let enterprise = inner.backend.enterprise(membership.tenant);
                for ruled in inner.backend.answers_by_rules(membership.tenant, &membership.sub)? {
                    let agent = ruled.agent.thumbprint();
                    let vocabulary = words(inner, membership.tenant, ruled.terms.vocabulary)?;
                    let (kind, payload) = payload(inner, membership.tenant, &membership.sub, ruled);
                    let enterprise = enterprise.clone();
                    let (tenant, payload) = (membership.tenant, Base64Bytes(payload));
                    answers.push(PreparedAnswer {
                        tenant,
                        enterprise,
                        kind: kind.name(),
                        payload,
                        agent,
                        vocabulary,
                    });
                }
            }
            Ok(answer(StatusCode::OK, &json!({ "answers": answers })))
        })
        .await
}

fn payload(inner: &Inner, tenant: TenantId, sub: &SubjectId, ruled: RuledAnswer) -> (Kind, Vec<u8>) {
    let RuledAnswer { mandate, request, terms, accepts, .. } = ruled;
    let (sub, mandate, jti) = (sub.clone(), Some(mandate), inner.backend.new_id());
    if !accepts {
        let event = RequestDeclined { sub, request, unless: None, mandate };
        return (Kind::RequestDeclined, Claims::new(tenant, jti, event).to_json());
    }
    let terms = consents_given(terms, inner.now());
    let event = GrantGiven { sub, terms, request: Some(request), birth_day: None, mandate };
    (Kind::GrantGiven, Claims::new(tenant, jti, event).to_json())
}

/// The terms with their consents given: each named in the mandate, and each by an act of its own.
fn consents_given(terms: Terms, now: UnixSeconds) -> Terms {
    let from = now.0.saturating_mul(1000);
    let given =
        (from..).zip(terms.consents.iter()).map(|(at, consent)| consent.clone().given(UnixMillis(at)));
    let consents = List::new(given.collect()).unwrap_or_default();
    Terms { consents, ..terms }
}
