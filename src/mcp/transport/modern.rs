//! A POST of the modern era.
//!
//! What is wrong is said in this order: `_meta`, the version's header, the version, the other
//! headers, the method, its parameters. A client that goes away cancels its call: the call's task ends
//! with the request, which rolls back.

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;
use futures_util::stream;
use tokio::sync::mpsc;

use super::headers::{accepts_events, refusal, response};
use super::legacy::PATIENCE;
use super::running::Running;
use super::{Transport, answering, listen, mirrored, sse, toolsets};
use crate::access::Caller;
use crate::config::JsonResponse;
use crate::mcp::dispatch::HttpAnswer;
use crate::mcp::listen::LISTEN;
use crate::mcp::notices::WAITING;
use crate::mcp::tools::Toolsets;
use crate::mcp::wire::meta::Envelope;
use crate::mcp::wire::{Era, HeaderParam, Message, RequestMeta, RpcError, version};
use crate::mcp::{ModernRequest, Notices, Service};

/// Answers `message`.
pub(super) async fn answer(
    transport: Transport,
    caller: Caller,
    parts: &Parts,
    message: Message,
) -> Response<Body> {
    match message {
        // This era has none that mean anything by HTTP.
        Message::Notification { .. } => response(HttpAnswer::accepted()),
        Message::Response { .. } => {
            let sentence = "in this protocol version results are not posted: send the request again \
                            with `inputResponses`";
            refusal(Era::Modern, None, RpcError::invalid_request(sentence))
        }
        Message::Request { id, method, params } => {
            let envelope = Envelope::of(params.as_deref());
            let admitted = admit(&transport.service, parts, &method, envelope);
            let (meta, toolsets) = match admitted {
                Ok(admitted) => admitted,
                Err(error) => return refusal(Era::Modern, Some(&id), error),
            };
            let request = ModernRequest { id, method, params, meta, toolsets };
            if request.method == LISTEN {
                return listen::answer(transport, caller, request, parts).await;
            }
            run(transport, caller, request, parts).await
        }
    }
}

/// Checks all that stands around the method.
fn admit(
    service: &Service,
    parts: &Parts,
    method: &str,
    envelope: Envelope<'_>,
) -> Result<(RequestMeta, Option<Toolsets>), RpcError> {
    let headers = &parts.headers;
    let named = envelope.named(method).map(str::to_owned);
    let meta = RequestMeta::read(envelope.meta)?;
    mirrored::check_version(headers, &meta.version)?;
    if meta.version != version::MODERN {
        return Err(RpcError::unsupported_version(&meta.version));
    }
    mirrored::check_method(headers, method, named.as_deref())?;
    if method == "tools/call"
        && let Some(tool) = named.and_then(|name| service.handler.tool(&name))
    {
        let params = HeaderParam::declared(&tool.input_schema);
        let arguments = envelope.arguments.map(|raw| serde_json::from_str(raw.get()));
        let arguments = arguments.and_then(Result::ok).unwrap_or_default();
        mirrored::check_arguments(headers, &params, &arguments)?;
    }
    Ok((meta, toolsets::of(&parts.uri)?))
}

/// Runs the call: as JSON, or as a stream where it says something before its answer or takes long; or
/// as the operator wants it.
async fn run(
    transport: Transport,
    caller: Caller,
    request: ModernRequest,
    parts: &Parts,
) -> Response<Body> {
    let (sender, mut inbox) = mpsc::channel(WAITING);
    let mode = transport.json_response;
    let events = accepts_events(&parts.headers) && mode != JsonResponse::Always;
    let notices = if events { Notices::new(&request.meta, sender) } else { Notices::default() };
    let (proven, service) = (notices.proven(), transport.service);
    let ended = transport.authenticator.ended(&caller);
    let mut call =
        Running::start(&transport.tasks, &parts.extensions, request.id.clone(), async move {
            service.modern(&caller, &request, &notices).await
        });
    if !events {
        return response(call.answer().await);
    }
    let slow = async {
        proven.notified().await;
        tokio::time::sleep(PATIENCE).await;
    };
    let first = tokio::select! {
        biased;
        answer = call.answer() => return at_once(answer, mode),
        Some(notice) = inbox.recv() => Some(notice),
        () = slow => None,
    };
    sse::response(answering::events(first, inbox, call), ended)
}

/// An answer before which nothing was said. One with a status of its own is JSON in any case.
fn at_once(answer: HttpAnswer, mode: JsonResponse) -> Response<Body> {
    if mode == JsonResponse::Never && answer.status == 200 {
        let message = sse::message(String::from_utf8_lossy(&answer.body));
        return sse::response(stream::iter([message]), std::future::pending());
    }
    response(answer)
}
