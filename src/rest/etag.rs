//! Conditional requests (RFC 9110 §13): the entity tag of what is shown is a hash of it.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
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

/// Fields that change by themselves: who has seen the rest has seen it all.
const VOLATILE: [&str; 3] = ["lastUsedAt", "lastUsedClient", "state"];

fn of(body: &Value) -> String {
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| !VOLATILE.contains(&name.as_str()));
    }
    let hash = Sha256::digest(body.to_string());
    format!("\"{}\"", hex::encode(&hash[..TAG_BYTES]))
}

/// `If-Match`: the change is made only to what the caller saw.
pub(super) struct IfMatch(Option<String>);

/// `If-None-Match`: what the caller has already.
pub(super) struct IfNoneMatch(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RestError> {
        Ok(Self(value(parts, &header::IF_MATCH)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RestError> {
        Ok(Self(value(parts, &header::IF_NONE_MATCH)))
    }
}

fn value(parts: &Parts, name: &HeaderName) -> Option<String> {
    let value = parts.headers.get(name)?;
    Some(value.to_str().unwrap_or_default().to_owned())
}

impl IfMatch {
    /// Compares with what is there now, locked; without the header nothing is asked.
    pub(super) async fn check(
        &self,
        now: impl AsyncFnOnce() -> Result<Value, RestError>,
    ) -> Result<(), RestError> {
        if self.0.is_none() || self.names(&of(&now().await?)) {
            return Ok(());
        }
        Err(changed("it has changed since you read it: read it again"))
    }

    /// Whether there is the header.
    pub(super) fn is_sent(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it names the entity tag `tag`, or any.
    pub(super) fn names(&self, tag: &str) -> bool {
        let tags = self.0.as_deref().unwrap_or_default();
        tags == "*" || tags.split(',').any(|one| one.trim() == tag)
    }
}

impl IfNoneMatch {
    /// Whether it is `*`: there must be nothing yet.
    pub(super) fn is_any(&self) -> bool {
        self.0.as_deref() == Some("*")
    }

    /// Whether there is the header.
    pub(super) fn is_sent(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it names the entity tag `tag`, weak or strong, or any.
    pub(super) fn names(&self, tag: &str) -> bool {
        let tags = self.0.as_deref().unwrap_or_default();
        self.is_any() || tags.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
    }
}

/// What is there is not what the caller saw.
pub(super) fn changed(sentence: impl Into<String>) -> RestError {
    let problem = Problem::new(StatusCode::PRECONDITION_FAILED, sentence);
    problem.of_kind("/problems/changed").into()
}
