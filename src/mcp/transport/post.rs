//! POST: one message, one answer.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;

use super::headers::{check_content_type, check_version, error_response, response, session_id};
use super::{Transport, body};
use crate::access::Caller;
use crate::mcp::wire::RpcError;
use crate::telemetry::call_log;

/// Answers a POST. A client that goes away does not cancel its call: in this era only
/// `notifications/cancelled` does, so the call runs in a task of its own.
pub(super) async fn handler(
    State(transport): State<Transport>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response<Body> {
    let answer = answer(transport, caller, request).await;
    answer.unwrap_or_else(|error| error_response(&error))
}

async fn answer(
    transport: Transport,
    caller: Caller,
    request: Request,
) -> Result<Response<Body>, RpcError> {
    let (parts, body) = request.into_parts();
    check_content_type(&parts.headers)?;
    check_version(&parts.headers)?;
    let session = session_id(&parts.headers)?;
    let body = body::read(body, transport.max_body_bytes).await?;
    let service = transport.service;
    let call = call_log::within(call_log::current(), async move {
        service.post(&caller, session.as_deref(), &body).await
    });
    let answer = transport.tasks.spawn(call).await.map_err(|error| {
        tracing::error!(%error, "a call panicked");
        RpcError::internal()
    })?;
    Ok(response(answer))
}
