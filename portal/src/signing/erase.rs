//! Having everything erased at one enterprise: begun by a session whose passkey was just shown, since nothing brings it back.

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use grantbook_record::TenantId;

use super::prepare::{self, Pairs};
use super::{Portal, see_other};
use crate::account::{Account, Parting};
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
            let erasure = inner.backend.begin_erasure(tenant, sub)?;
            let id = current.session.account.clone();
            inner.change(|rows| {
                let mut account = Account::read(rows, &id)?;
                account.part(rows, Parting { tenant, erasure, asked });
                account.write(rows, &id);
                // what was prepared for the pseudonym names it
                prepare::forget(rows, &id, tenant)
            })?;
            inner.backend.forget_removed()?;
            Ok(see_other(&format!("/my/account/data/{tenant}/erased")))
        })
        .await
}
