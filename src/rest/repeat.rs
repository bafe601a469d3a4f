//! Creations that a client may send again: `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! A repeat gets the answer of the first, without what is shown once. One that comes while the first
//! still runs waits for it a moment, and is then told so.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Problem, Requester, RestError};
use crate::access::Principal;
use crate::store::pg::audit::NO_PROJECT;
use crate::store::pg::idempotency::{self, Claim, IdempotencyKey};
use crate::store::{StoreError, Tx};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// The key of a request, if it has one, and the path that it is for.
pub(super) struct Repeat {
    key: Option<String>,
    path: String,
}

/// Something that was created.
pub(super) struct Created {
    /// Where it is.
    pub(super) location: String,
    /// As shown now and to any repeat.
    pub(super) body: Value,
    /// A field that is shown once.
    pub(super) secret: Option<(&'static str, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Repeat {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RestError> {
        let path = parts.uri.path().to_owned();
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else {
            return Ok(Self { key: None, path });
        };
        let key = value.to_str().unwrap_or_default();
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            let sentence = format!("`Idempotency-Key` has 1 to {MAX_KEY_BYTES} ASCII characters");
            return Err(RestError::refused(StatusCode::BAD_REQUEST, sentence));
        }
        Ok(Self { key: Some(key.to_owned()), path })
    }
}

impl Repeat {
    /// Creates by `block`, or answers as the first time. `body` is the SHA-256 of the body, `route`
    /// names the operation.
    pub(super) async fn once(
        self,
        tx: &Tx,
        requester: &Requester,
        (route, body): (&'static str, [u8; 32]),
        block: impl AsyncFnOnce() -> Result<Created, RestError>,
    ) -> Result<Response, RestError> {
        let Some(key) = self.key else { return block().await?.response() };
        let project = match &requester.principal {
            Principal::Platform(_) => NO_PROJECT,
            Principal::Key(caller) => caller.tenant().project(),
        };
        let principal = requester.principal.name();
        let key = IdempotencyKey { project, principal, route, key };
        // The same body for another path is another request.
        let mut request = Sha256::new_with_prefix(body);
        request.update(&self.path);
        let request: [u8; 32] = request.finalize().into();
        match idempotency::claim(tx, &key, &request).await {
            Ok(Claim::Fresh) => {
                let created = block().await?;
                idempotency::complete(tx, &key, 201, &created.kept()).await?;
                created.response()
            }
            Ok(Claim::Done { body_sha256, status, response }) => {
                if body_sha256 == request {
                    replay(status, &response)
                } else {
                    Err(reused())
                }
            }
            Err(StoreError::Timeout { .. }) => Err(running()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Created {
    fn kept(&self) -> Value {
        json!({ "location": self.location, "body": self.body })
    }

    fn response(mut self) -> Result<Response, RestError> {
        if let Some((field, secret)) = self.secret {
            self.body[field] = secret.into();
        }
        answer(StatusCode::CREATED, &self.location, self.body)
    }
}

fn answer(status: StatusCode, location: &str, body: Value) -> Result<Response, RestError> {
    let location = HeaderValue::try_from(location).map_err(RestError::broken)?;
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn replay(status: u16, kept: &Value) -> Result<Response, RestError> {
    let status = StatusCode::from_u16(status).map_err(RestError::broken)?;
    let location = kept["location"].as_str().unwrap_or_default();
    let mut response = answer(status, location, kept["body"].clone())?;
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn reused() -> RestError {
    let sentence = "this `Idempotency-Key` was used for another request: take a new one";
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, sentence);
    problem.of_kind("/problems/idempotency-key-reused").into()
}

fn running() -> RestError {
    let sentence = "the first request with this `Idempotency-Key` still runs: repeat it later";
    let problem = Problem::new(StatusCode::CONFLICT, sentence);
    let problem = problem.with(header::RETRY_AFTER, HeaderValue::from(1));
    problem.of_kind("/problems/request-in-progress").into()
}
