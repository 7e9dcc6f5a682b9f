//! A customer's account: what the log has of it, and what the account itself does.

use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{Portal, as_customer};
use crate::backend::read::Reads;
use crate::page::{Place, customer};
use crate::viewer::Viewers;

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
