//! Forms of the data space: a change that is wished for, a milestone that is confirmed.

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use grantbook_record::event::MilestoneConfirmed;
use grantbook_record::mirror::Value;
use grantbook_record::{Kind, RecordId, TenantId, Term};

use super::prepare::Pairs;
use super::{Portal, see_other};
use crate::failure::Failure;

fn field<'a>(pairs: &'a [(String, String)], name: &str) -> Result<&'a str, Failure> {
    let mut named = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
    match (named.next(), named.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(Failure::Malformed(format!("`{name}` once"))),
    }
}

fn address(tenant: &str, id: &str) -> Result<(TenantId, RecordId), Failure> {
    let parsed = TenantId::parse(tenant).ok().zip(RecordId::parse(id).ok());
    parsed.ok_or(Failure::NotFound)
}

/// `POST /my/space/{tenant}/{id}/wish`: the customer would like a field to hold something else.
pub(super) async fn wish(
    State(portal): State<Portal>,
    Path((tenant, id)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (current, account) = inner.of_form(&headers, &pairs)?;
            current.session.expect_passkey()?;
            let (of, record) = address(&tenant, &id)?;
            let sub = &account.membership(of)?.sub;
            let name = Term::parse(field(&pairs, "field")?).map_err(|_| Failure::NotFound)?;
            // browsers send two characters for a line's end
            let value = field(&pairs, "value")?.replace("\r\n", "\n");
            let expected = "at most 2000 bytes without control or invisible characters";
            let value =
                Value::new(value.trim_end()).ok_or_else(|| Failure::Malformed(expected.to_owned()))?;
            inner.backend.wish(of, sub, &record, &name, value)?;
            Ok(see_other(&format!("/my/space/{of}/{record}")))
        })
        .await
}

/// `POST /my/space/{tenant}/{id}/confirm`: prepares a `milestone.confirmed` of what the record says now.
pub(super) async fn confirm(
    State(portal): State<Portal>,
    Path((tenant, id)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (current, account) = inner.of_form(&headers, &pairs)?;
            current.session.expect_passkey()?;
            let (of, record) = address(&tenant, &id)?;
            let membership = account.membership(of)?;
            let sub = &membership.sub;
            let named = RecordId::parse(field(&pairs, "milestone")?).map_err(|_| Failure::NotFound)?;
            let known = inner.backend.milestone(of, sub, &record, &named)?.ok_or(Failure::NotFound)?;
            let next = format!("/my/space/{of}/{record}");
            let event = MilestoneConfirmed {
                sub: sub.clone(),
                record,
                milestone: known.id,
                title: known.title,
                reached_on: known.reached_on,
            };
            let claims = inner.claims(membership, event)?;
            let payload = (Kind::MilestoneConfirmed, claims.to_json(), next);
            inner.keep_prepared(&current.session.account, membership, payload, None)
        })
        .await
}
