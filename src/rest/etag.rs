//! Conditional requests (RFC 9110 §13): the entity tag of what is shown is a hash of it.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Problem, RestError};

/// Bytes of the hash that a tag shows.
const TAG_BYTES: usize = 12;

/// `body` with its entity tag.
pub(super) fn tagged(body: Value) -> Result<Response, RestError> {
    let tag = HeaderValue::try_from(of(&body)).map_err(RestError::broken)?;
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

fn of(body: &Value) -> String {
    let hash = Sha256::digest(body.to_string());
    format!("\"{}\"", hex::encode(&hash[..TAG_BYTES]))
}

/// `If-Match`: the change is made only to what the caller saw.
pub(super) struct IfMatch(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RestError> {
        let value = parts.headers.get(header::IF_MATCH);
        Ok(Self(value.map(|value| value.to_str().unwrap_or_default().to_owned())))
    }
}

impl IfMatch {
    /// Compares with what is there now, locked; without the header nothing is asked.
    pub(super) async fn check(
        &self,
        now: impl AsyncFnOnce() -> Result<Value, RestError>,
    ) -> Result<(), RestError> {
        let Some(wanted) = &self.0 else { return Ok(()) };
        let tag = of(&now().await?);
        if wanted == "*" || wanted.split(',').any(|one| one.trim() == tag) {
            return Ok(());
        }
        let sentence = "it has changed since you read it: read it again";
        let problem = Problem::new(StatusCode::PRECONDITION_FAILED, sentence);
        Err(problem.of_kind("/problems/changed").into())
    }
}
