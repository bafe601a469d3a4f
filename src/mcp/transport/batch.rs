//! A batch (2025-03-26, basic, batching): sessions of that version alone have them. The answers are
//! JSON, in the order of their requests; what a call says before its answer is left out.

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;

use super::headers::{check_legacy_version, refusal, response, session_id};
use super::{Transport, legacy, limited};
use crate::access::Caller;
use crate::mcp::dispatch::HttpAnswer;
use crate::mcp::legacy::LegacyRequest;
use crate::mcp::wire::{Era, Message, RequestId, RpcError, render, version};

/// The most messages of a batch.
pub const MAX_MESSAGES: usize = 100;

/// Answers the batch of `messages`.
pub(super) async fn answer(
    transport: Transport,
    caller: Caller,
    parts: &Parts,
    messages: Vec<Result<Message, RpcError>>,
) -> Response<Body> {
    let answered = run(&transport, &caller, parts, messages).await;
    answered.unwrap_or_else(|error| refusal(Era::Legacy, None, error))
}

async fn run(
    transport: &Transport,
    caller: &Caller,
    parts: &Parts,
    messages: Vec<Result<Message, RpcError>>,
) -> Result<Response<Body>, RpcError> {
    check_legacy_version(&parts.headers)?;
    let session = session_id(&parts.headers)?.ok_or_else(RpcError::session_missing)?;
    if transport.service.session_version(caller, &session).await? != version::BATCHED {
        let sentence = "send one message in each POST: this session's version has no batches";
        return Err(RpcError::invalid_request(sentence));
    }
    if messages.len() > MAX_MESSAGES {
        let sentence = format!("a batch has at most {MAX_MESSAGES} messages: send several");
        return Err(RpcError::invalid_request(sentence));
    }
    limited::charge_batch(parts, messages.len()).await?;
    let mut answers = Vec::new();
    for message in messages {
        answers.extend(one(transport, caller, &session, message).await);
    }
    if answers.is_empty() {
        return Ok(response(HttpAnswer::accepted()));
    }
    let body = format!("[{}]", answers.join(",")).into_bytes();
    Ok(response(HttpAnswer { status: 200, body, session: None }))
}

/// The answer to one message, if it wants one.
async fn one(
    transport: &Transport,
    caller: &Caller,
    session: &str,
    message: Result<Message, RpcError>,
) -> Option<String> {
    let service = &transport.service;
    let told = match message {
        Ok(Message::Request { id, method, .. }) if method == "initialize" => {
            let error = RpcError::invalid_request("`initialize` stands alone in its POST");
            return Some(error_of(Some(&id), error));
        }
        Ok(Message::Request { id, method, params }) => {
            let session = session.to_owned();
            let request = LegacyRequest { session, id: id.clone(), method, params };
            return match legacy::alone(transport, caller.clone(), request).await {
                Ok(answer) => answer.map(|answer| answer.body),
                Err(error) => Some(error_of(Some(&id), error)),
            };
        }
        Ok(Message::Notification { method, params }) => {
            service.told(caller, Some(session), &method, params.as_deref()).await
        }
        Ok(Message::Response { id, outcome }) => {
            service.answered(caller, Some(session), &id, &outcome).await
        }
        Err(error) => Err(error),
    };
    told.err().map(|error| error_of(None, error))
}

fn error_of(id: Option<&RequestId>, error: RpcError) -> String {
    let json = render::error(id, &error.in_era(Era::Legacy));
    String::from_utf8_lossy(&json).into_owned()
}
