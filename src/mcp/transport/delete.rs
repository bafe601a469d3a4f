//! DELETE: ends a session (legacy era).

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};

use super::Transport;
use super::headers::{check_has_methods, refusal, session_id};
use crate::access::Caller;
use crate::mcp::wire::{Era, RpcError};

/// Answers 204, or 404 when the session is not the caller's or has ended.
pub(super) async fn handler(
    State(transport): State<Transport>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response<Body> {
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
    check_has_methods(headers)?;
    let id = session_id(headers)?.ok_or_else(RpcError::session_missing)?;
    transport.service.end_session(caller, &id).await
}
