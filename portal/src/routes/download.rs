//! What customers take with them, as files.

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};

use super::{Portal, as_customer};
use crate::backend::read::{ConsentForm, Reads};
use crate::page::Place;
use crate::viewer::Viewers;

/// A file to be kept. Its own policy travels within it; a browser that opens it here must not run it beside a session.
fn file(name: &str, kind: &'static str, content: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
                .to_owned(),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, content).into_response()
}

pub(super) async fn archive<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(tenant): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Account).await {
        Ok((asked, of)) => {
            let read = request.0.reads.archive(&of, &tenant).await;
            asked.answer(read, |_, page| file("my-records.html", "text/html; charset=utf-8", page))
        }
        Err(refused) => refused,
    }
}

async fn consent<R: Reads, V: Viewers>(
    (portal, id, uri, headers): (Portal<R, V>, String, OriginalUri, HeaderMap),
    form: ConsentForm,
    (name, kind): (&str, &'static str),
) -> Response {
    let request = (portal, uri, headers);
    match as_customer(&request, Place::Connections).await {
        Ok((asked, of)) => {
            let read = request.0.reads.consent(&of, &id, form).await;
            asked.answer(read, |_, json| file(name, kind, json))
        }
        Err(refused) => refused,
    }
}

pub(super) async fn iso27560<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(id): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let names = ("consent-record.jsonld", "application/ld+json");
    consent((portal, id, uri, headers), ConsentForm::Iso27560, names).await
}

pub(super) async fn kantara<R: Reads, V: Viewers>(
    State(portal): State<Portal<R, V>>,
    Path(id): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
) -> Response {
    let names = ("consent-receipt.json", "application/json");
    consent((portal, id, uri, headers), ConsentForm::Kantara, names).await
}
