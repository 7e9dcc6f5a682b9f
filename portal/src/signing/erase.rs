//! Having everything erased at one enterprise: begun by a session whose passkey was just shown, since nothing brings it back.

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use grantbook_record::TenantId;

use super::prepare::{self, Pairs};
use super::{Portal, cosign, see_other};
use crate::account::{self, Parting};
use crate::failure::Failure;

/// `POST /my/account/data/{id}/erase`: withdraws everything, has the ledger erase the customer, and forgets which pseudonym
/// was theirs. Whoever has not just shown their passkey shows it first.
pub(super) async fn erase(
    State(portal): State<Portal>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Result<Response, Failure> {
    portal
        .blocking(move |inner| {
            let (current, account) = inner.of_form(&headers, &pairs)?;
            let tenant = TenantId::parse(&tenant).map_err(|_| Failure::NotFound)?;
            let sub = &account.membership(tenant)?.sub;
            let asked = inner.now();
            current.session.expect_passkey()?;
            if current.session.expect_fresh(asked).is_err() {
                return Ok(see_other(&format!("/sign/#step-up=/my/account/data/{tenant}/erase")));
            }
            if inner.backend.customer(tenant, sub)?.signatories.is_some_and(|rule| rule.needed > 1) {
                return Err(Failure::Conflict(
                    "somebody who signs alone: nobody erases what several have signed",
                ));
            }
            let erasure = inner.backend.begin_erasure(tenant, sub)?;
            inner.change(|rows| {
                // what was prepared or waits for the pseudonym names it
                cosign::forget(rows, tenant, sub);
                for id in account::part(rows, sub, Parting { tenant, erasure, asked })? {
                    prepare::forget(rows, &id, tenant)?;
                }
                Ok(())
            })?;
            inner.backend.forget_removed()?;
            Ok(see_other(&format!("/my/account/data/{tenant}/erased")))
        })
        .await
}
