//! A POST of the legacy era.

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;

use super::headers::{check_legacy_version, refusal, response, session_id};
use super::{Transport, toolsets};
use crate::access::Caller;
use crate::mcp::dispatch::HttpAnswer;
use crate::mcp::wire::{Era, Message, RpcError};
use crate::telemetry::call_log;

/// Answers `message`. A client that goes away does not cancel its call: in this era it may come back
/// for the answer, so the call runs in a task of its own. Nothing cancels it yet.
pub(super) async fn answer(
    transport: Transport,
    caller: Caller,
    parts: &Parts,
    message: Message,
) -> Response<Body> {
    let id = match &message {
        Message::Request { id, .. } => Some(id.clone()),
        Message::Notification { .. } | Message::Response { .. } => None,
    };
    match run(transport, caller, parts, message).await {
        Ok(answer) => response(answer),
        Err(error) => refusal(Era::Legacy, id.as_ref(), error),
    }
}

async fn run(
    transport: Transport,
    caller: Caller,
    parts: &Parts,
    message: Message,
) -> Result<HttpAnswer, RpcError> {
    check_legacy_version(&parts.headers)?;
    let session = session_id(&parts.headers)?;
    let toolsets = toolsets::of(&parts.uri)?;
    let service = transport.service;
    let call = call_log::within(call_log::current(), async move {
        service.legacy(&caller, session.as_deref(), toolsets.as_ref(), &message).await
    });
    transport.tasks.spawn(call).await.map_err(|error| {
        tracing::error!(%error, "a call panicked");
        RpcError::internal()
    })
}
