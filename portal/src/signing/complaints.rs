//! Forms of complaints: a customer's, and the enterprise's answer.

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use grantbook_record::complaint::{COMPLAINT_CHARS_MAX, ComplaintText};
use grantbook_record::{Jti, SubjectId, TenantId};

use super::company::value;
use super::prepare::Pairs;
use super::{Portal, see_other};
use crate::account;
use crate::failure::Failure;
use crate::news::{Happened, Topic, deliver};

fn text(pairs: &[(String, String)]) -> Result<ComplaintText, Failure> {
    let expected =
        || Failure::Malformed(format!("1 to {COMPLAINT_CHARS_MAX} characters, none of them invisible"));
    ComplaintText::typed(value(pairs, "text")).ok_or_else(expected)
}

/// `POST /my/account/complaints`: to an enterprise whose customer one is.
pub(super) async fn make(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (_, account) = inner.of_form(&headers, &pairs)?;
            let tenant = TenantId::parse(value(&pairs, "company")).map_err(|_| Failure::NotFound)?;
            let sub = &account.membership(tenant)?.sub;
            inner.backend.complain(tenant, sub, text(&pairs)?)?;
            Ok(see_other("/my/account/complaints"))
        })
        .await
}

/// `POST /company/complaints/{id}`: answers one of the enterprise's own.
pub(super) async fn answer(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    let of = portal.clone();
    portal
        .blocking(move |inner| {
            let current = inner.current_desk(&headers)?;
            current.check_form(&inner.key, value(&pairs, "form_token"))?;
            let id = Jti::parse(&id).map_err(|_| Failure::NotFound)?;
            let tenant = current.session.bearer().tenant;
            let sub = inner.backend.answer_complaint(tenant, &id, text(&pairs)?)?;
            of.tell_answered(tenant, &sub)?;
            Ok(see_other("/company/complaints"))
        })
        .await
}

impl Portal {
    /// Tells a customer that a complaint of theirs is answered. The answer itself stays on the customer's page.
    pub fn tell_answered(&self, tenant: TenantId, sub: &SubjectId) -> Result<(), Failure> {
        let at = self.0.now();
        self.0.change(|rows| {
            for account in account::people(rows, tenant, sub)? {
                let (topic, tenant) = (Topic::Answered, Some(tenant));
                deliver(rows, &account, Happened { topic, at, tenant, about: None, amount: None }, at)?;
            }
            Ok(())
        })
    }
}
