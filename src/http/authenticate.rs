//! Who calls: the key of a request becomes a caller, before its body is read.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;
use super::middleware::client_ip::ClientIp;
use crate::access::authenticate::seconds;
use crate::access::{AuthError, Authenticator, Caller};
use crate::mcp::transport::headers;
use crate::telemetry::call_log;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// No `resource_metadata`: some clients drop their key as soon as they see OAuth.
const CHALLENGE: &str = r#"Bearer realm="mbmcp""#;

/// Lets a request through with its [`Caller`] in the extensions, or answers 401, 429 or 503.
pub(super) async fn layer(
    State(authenticator): State<Arc<Authenticator>>,
    Extension(ClientIp(address)): Extension<ClientIp>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller(&authenticator, request.headers(), address).await {
        Ok(caller) => {
            call_log::note(|fields| {
                fields.project_id = Some(caller.tenant().project());
                fields.key_id = Some(caller.key().id);
                fields.test_key = caller.key().test;
            });
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => refusal(&error).into_response(),
    }
}

async fn caller(
    authenticator: &Arc<Authenticator>,
    headers: &HeaderMap,
    address: IpAddr,
) -> Result<Caller, AuthError> {
    let key = match (bearer(headers), text(headers, &API_KEY)) {
        (None, None) => return Err(AuthError::Missing),
        (Some(bearer), Some(key)) if bearer != key => return Err(AuthError::Conflicting),
        (Some(key), _) | (None, Some(key)) => key,
    };
    authenticator.authenticate(key, address).await
}

/// The credential of `Authorization: Bearer` (RFC 6750 §2.1); of another scheme, the whole value,
/// which is then no key.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = text(headers, &header::AUTHORIZATION)?;
    match value.split_once(' ') {
        Some((scheme, credential)) if scheme.eq_ignore_ascii_case("bearer") => {
            Some(credential.trim())
        }
        _ => Some(value),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // What is not visible ASCII is no key, but it was sent.
    headers.get(name).map(|value| value.to_str().unwrap_or_default().trim())
}

fn refusal(error: &AuthError) -> Problem {
    let sentence = error.to_string();
    let unauthorized = |challenge: &'static str| {
        Problem::new(StatusCode::UNAUTHORIZED, sentence.clone())
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    };
    match error {
        AuthError::Missing => unauthorized(CHALLENGE),
        AuthError::Conflicting | AuthError::Malformed | AuthError::Invalid => {
            unauthorized(headers::CHALLENGE)
        }
        AuthError::TooManyWrong(wait) => Problem::new(StatusCode::TOO_MANY_REQUESTS, sentence)
            .with(header::RETRY_AFTER, HeaderValue::from(seconds(wait))),
        AuthError::Store(cause) => {
            tracing::warn!(error = %cause, "a key cannot be looked up");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, sentence)
                .with(header::RETRY_AFTER, HeaderValue::from(1))
        }
    }
}
