//! POST: one message, one answer; in one old version perhaps several.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;

use super::headers::{check_content_type, check_single, protocol_version, refusal};
use super::{Transport, batch, body, legacy, modern};
use crate::access::Caller;
use crate::mcp::wire::meta::Envelope;
use crate::mcp::wire::{Era, Message, Posted, RpcError};

/// Answers a POST in the era of its message.
pub(super) async fn handler(
    State(transport): State<Transport>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let message = match receive(&transport, &parts.headers, body).await {
        Ok(Posted::One(message)) => message,
        Ok(Posted::Batch(messages)) => {
            return batch::answer(transport, caller, &parts, messages).await;
        }
        Err(error) => return refusal(Era::Legacy, None, error),
    };
    let params = match &message {
        Message::Request { params, .. } => params.as_deref(),
        Message::Notification { .. } | Message::Response { .. } => None,
    };
    let envelope = Envelope::of(params);
    match Era::of(&message, &envelope, protocol_version(&parts.headers)) {
        Era::Legacy => legacy::answer(transport, caller, &parts, message).await,
        Era::Modern => modern::answer(transport, caller, &parts, message).await,
    }
}

async fn receive(
    transport: &Transport,
    headers: &axum::http::HeaderMap,
    body: Body,
) -> Result<Posted, RpcError> {
    check_single(headers)?;
    check_content_type(headers)?;
    Posted::parse(&body::read(body, transport.max_body_bytes).await?)
}
