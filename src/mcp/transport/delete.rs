//! DELETE: ends a session (legacy era).

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};

use super::headers::{check_legacy_version, refusal, session_id};
use super::{Transport, not_allowed};
use crate::access::Caller;
use crate::mcp::wire::{Era, RpcError};

/// Answers 204, or 404 when the session is not the caller's or has ended.
pub(super) async fn handler(
    State(transport): State<Transport>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response<Body> {
    if not_allowed::is_modern(&headers) {
        return not_allowed::handler(headers).await;
    }
    match end(&transport, &caller, &headers).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(error) => refusal(Era::Legacy, None, error),
    }
}

async fn end(transport: &Transport, caller: &Caller, headers: &HeaderMap) -> Result<(), RpcError> {
    check_legacy_version(headers)?;
    let id = session_id(headers)?.ok_or_else(RpcError::session_missing)?;
    transport.service.end_session(caller, &id).await
}
