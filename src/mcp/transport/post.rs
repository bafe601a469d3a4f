//! POST: one message, one answer; in one old version perhaps several.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};

use super::headers::{check_content_type, check_single, protocol_version, refusal};
use super::{Transport, batch, body, legacy, modern};
use crate::access::{AuthError, Caller};
use crate::mcp::wire::meta::Envelope;
use crate::mcp::wire::{Era, Message, Posted, RpcError};

/// Answers a POST in the era of its message.
pub(super) async fn handler(
    State(transport): State<Transport>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let (posted, caller) = match receive(&transport, &caller, &parts.headers, body).await {
        Ok(received) => received,
        Err(error) => return refusal(Era::Legacy, None, error),
    };
    let message = match posted {
        Posted::One(message) => message,
        Posted::Batch(messages) => {
            return batch::answer(transport, caller, &parts, messages).await;
        }
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

/// What is posted, and who the caller is once all of it is there: who sends slowly may have lost the key
/// meanwhile.
async fn receive(
    transport: &Transport,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Posted, Caller), RpcError> {
    check_single(headers)?;
    check_content_type(headers)?;
    let body = body::read(body, transport.max_body_bytes).await?;
    let again = transport.authenticator.again(caller).await.map_err(|error| match error {
        AuthError::Store(_) => RpcError::unavailable(),
        _ => RpcError::key_ended(),
    })?;
    Ok((Posted::parse(&body)?, again))
}
