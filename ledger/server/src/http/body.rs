//! Reading bodies: their declared type, their size, their JSON.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::{Problem, ProblemKind};

/// Bytes of a JSON body that has no limit of its own.
pub(super) const JSON_BYTES_MAX: usize = 64 * 1024;

/// The media type, lower case and without parameters; empty where there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads at most `limit` bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::too_large(limit)),
        Err(_) => Err(Problem::malformed("the body broke off, expected as many bytes as were announced")),
    }
}

/// Refuses any type but JSON.
pub(super) fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    if media_type(headers) == "application/json" {
        Ok(())
    } else {
        Err(Problem::new(ProblemKind::UnsupportedContentType, "expected Content-Type: application/json"))
    }
}

/// Reads a JSON body of at most [`JSON_BYTES_MAX`].
pub(super) async fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    expect_json(headers)?;
    let bytes = read(body, JSON_BYTES_MAX).await?;
    Ok(grantbook_record::strict_json::parse(&bytes)?)
}
