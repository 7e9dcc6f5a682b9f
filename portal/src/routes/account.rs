//! A customer's account: what the log has of it, and what the account itself does.

use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{Portal, as_customer};
use crate::backend::read::Reads;
use crate::page::{Place, customer, signers};
use crate::viewer::Viewers;

pub(super) async fn home<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Home).await {
        Ok((asked, of)) => {
            let (Portal { reads, viewers }, _, headers) = &request;
            let mut read = reads.home(&of).await;
            if let Ok(view) = &mut read {
                for pending in viewers.pending(headers).await {
                    view.signatures.extend(reads.signature(pending).await.ok());
                }
            }
            asked.answer(read, |page, view| customer::home(page, &view))
        }
        Err(refused) => refused,
    }
}

pub(super) async fn signers<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Account).await {
        Ok((asked, of)) => {
            let (Portal { reads, viewers }, _, headers) = &request;
            let mut read = reads.signers(&of).await;
            if let Ok(view) = &mut read {
                let people = viewers.people(headers).await;
                for company in &mut view.companies {
                    let of = |key| people.iter().find(|who| who.tenant == company.tenant && who.key == key);
                    company.keys.iter_mut().for_each(|key| key.person = of(key.key).cloned());
                }
            }
            asked.answer(read, |page, view| signers::signers(page, &view))
        }
        Err(refused) => refused,
    }
}

pub(super) async fn account<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Account).await {
        Ok((asked, of)) => {
            let (Portal { reads, viewers }, _, headers) = &request;
            let mut read = reads.keys(&of).await;
            if let Ok(view) = &mut read {
                (view.devices, view.passkeys) = viewers.devices(headers).await;
            }
            asked.answer(read, |page, view| customer::account(page, &view))
        }
        Err(refused) => refused,
    }
}

pub(super) async fn data<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Account).await {
        Ok((asked, of)) => {
            let (Portal { reads, viewers }, _, headers) = &request;
            let mut read = reads.data(&of).await;
            if let Ok(view) = &mut read {
                for parting in viewers.partings(headers).await {
                    view.erased.extend(reads.erasure(&parting).await.ok());
                }
            }
            asked.answer(read, |page, view| customer::data(page, &view))
        }
        Err(refused) => refused,
    }
}
