//! A POST of the legacy era.
//!
//! A client that goes away does not cancel its call: it may come back for the answer, so the call runs
//! in a task of its own, and where its answer is a stream, all of it is stored.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use super::headers::{accepts_events, check_legacy_version, refusal, response, session_id};
use super::session_stream::{self, Source};
use super::{Transport, limited, sse, toolsets};
use crate::access::Caller;
use crate::config::JsonResponse;
use crate::mcp::dispatch::HttpAnswer;
use crate::mcp::legacy::{LegacyAnswer, LegacyRequest};
use crate::mcp::streams::calls::InFlight;
use crate::mcp::streams::{Outgoing, Stream};
use crate::mcp::wire::{Era, Message, RpcError, version};
use crate::telemetry::call_log;

/// A call that has not answered by then, counted from when its caller's right is proven, is answered by
/// a stream.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);
/// How long an answer that is ready waits for the stream on which something was said before it.
const LINGER: Duration = Duration::from_secs(1);

/// Answers `message`.
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
    let answered = run(transport, caller, parts, message).await;
    answered.unwrap_or_else(|error| refusal(Era::Legacy, id.as_ref(), error))
}

async fn run(
    transport: Transport,
    caller: Caller,
    parts: &Parts,
    message: Message,
) -> Result<Response<Body>, RpcError> {
    check_legacy_version(&parts.headers)?;
    let session = session_id(&parts.headers)?;
    let service = &transport.service;
    match message {
        Message::Request { id, method, params } if method == "initialize" => {
            let toolsets = toolsets::of(&parts.uri)?;
            limited::charge_session(parts).await?;
            let service = service.clone();
            let opening = in_a_task(&transport, async move {
                service.initialize(&caller, &id, params.as_deref(), toolsets.as_ref()).await
            });
            opening.await.map_err(|error| panicked(&error))?.map(response)
        }
        Message::Request { id, method, params } => {
            let session = session.ok_or_else(RpcError::session_missing)?;
            let request = LegacyRequest { session, id, method, params };
            call(&transport, caller, parts, request).await
        }
        Message::Notification { method, params } => {
            service.told(&caller, session.as_deref(), &method, params.as_deref()).await?;
            Ok(response(HttpAnswer::accepted()))
        }
        Message::Response { id, outcome } => {
            service.answered(&caller, session.as_deref(), &id, &outcome).await?;
            Ok(response(HttpAnswer::accepted()))
        }
    }
}

type Running = JoinHandle<Option<LegacyAnswer>>;
type Done = Result<Option<LegacyAnswer>, JoinError>;

/// A call on its way.
struct Call {
    transport: Transport,
    caller: Caller,
    request: Arc<LegacyRequest>,
    in_flight: Arc<InFlight>,
    stream: Arc<Stream>,
    unread: mpsc::Receiver<Outgoing>,
}

/// Answers `request`: a change as a stream from the beginning, anything else as JSON, unless it says
/// something before its answer or takes long.
async fn call(
    transport: &Transport,
    caller: Caller,
    parts: &Parts,
    request: LegacyRequest,
) -> Result<Response<Body>, RpcError> {
    let mode = transport.json_response;
    let eager = match mode {
        JsonResponse::Never => true,
        JsonResponse::Auto => transport.service.writes(&request),
        JsonResponse::Always => false,
    };
    match (accepts_events(&parts.headers), eager) {
        (true, true) => Call::new(transport, caller, request)?.streamed().await,
        (true, false) => Call::new(transport, caller, request)?.streamed_if_need_be(mode).await,
        (false, _) => alone(transport, caller, request).await.map(json),
    }
}

/// The answer to `request` without a stream; `None` when its client cancelled it.
pub(super) async fn alone(
    transport: &Transport,
    caller: Caller,
    request: LegacyRequest,
) -> Result<Option<LegacyAnswer>, RpcError> {
    let alone = Call::new(transport, caller, request)?;
    let (call, _) = alone.start(false, false);
    alone.unstreamed(call.await)
}

impl Call {
    fn new(
        transport: &Transport,
        caller: Caller,
        request: LegacyRequest,
    ) -> Result<Self, RpcError> {
        let service = &transport.service;
        let project = caller.tenant().project();
        let in_flight = service.streams.calls.begin(project, &request.session, &request.id);
        let in_flight = Arc::new(in_flight.ok_or_else(RpcError::in_flight)?);
        let (stream, unread) = service.begin_stream(&caller)?;
        let (transport, request) = (transport.clone(), Arc::new(request));
        Ok(Self { transport, caller, request, in_flight, stream, unread })
    }

    /// Runs the call, which may ask its client where there are `events`, and may say something before
    /// its answer where there are `notices`. Gives `None` when it was cancelled, and who is told once
    /// the caller's right is proven.
    fn start(&self, events: bool, notices: bool) -> (Running, Arc<Notify>) {
        let Self { transport, caller, request, in_flight, stream, .. } = self;
        let (service, caller) = (transport.service.clone(), caller.clone());
        let (request, in_flight, stream) = (request.clone(), in_flight.clone(), stream.clone());
        let notices = request.notices(notices.then(|| stream.clone()));
        let proven = notices.proven();
        let call = in_a_task(transport, async move {
            let _obeying = service.bus.attend();
            let asking = events.then_some(&stream);
            tokio::select! {
                biased;
                () = in_flight.cancelled() => None,
                answer = service.in_session(&caller, &request, &notices, asking) => Some(answer),
                () = stream.overfull() => Some(request.refused(RpcError::stream_full(Stream::LIMITS))),
            }
        });
        (call, proven)
    }

    /// The answer as a stream, whose row is there before the call begins.
    async fn streamed(self) -> Result<Response<Body>, RpcError> {
        let version = self.open().await?;
        let (call, _) = self.start(true, true);
        Ok(self.stream_of(call, &version))
    }

    /// The answer as JSON, unless something must be said before it, or it takes long.
    async fn streamed_if_need_be(self, mode: JsonResponse) -> Result<Response<Body>, RpcError> {
        let auto = mode == JsonResponse::Auto;
        let writes = self.transport.service.writes(&self.request);
        let (mut call, proven) = self.start(true, auto);
        let slow = async {
            proven.notified().await;
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            biased;
            answer = &mut call => return self.unstreamed(answer).map(json),
            () = self.stream.wanted() => {}
            () = slow, if auto => {}
        }
        loop {
            let mut opening = Box::pin(self.open());
            tokio::select! {
                biased;
                answer = &mut call => {
                    // What was said before it is lost without a stream.
                    let linger = if self.stream.is_silent() { Duration::ZERO } else { LINGER };
                    match timeout(linger, &mut opening).await {
                        Ok(Ok(version)) => return Ok(self.stream_of(ready(answer), &version)),
                        Ok(Err(_)) => {}
                        Err(_) => self.close_once_open(opening),
                    }
                    return self.unstreamed(answer).map(json);
                }
                opened = &mut opening => match opened {
                    Ok(version) => return Ok(self.stream_of(call, &version)),
                    Err(error) if error.status == 503 => {}
                    // Who knows whether it has its row, or whether it is committing: the call does.
                    Err(error) if error.status >= 500 || writes => {
                        return self.unstreamed(call.await).map(json);
                    }
                    Err(error) => {
                        call.abort();
                        return Err(error);
                    }
                },
            }
            tokio::select! {
                biased;
                answer = &mut call => return self.unstreamed(answer).map(json),
                () = tokio::time::sleep(PATIENCE) => {}
            }
        }
    }

    /// Lets `opening` come to its end: the row that it makes is not needed any more.
    fn close_once_open(
        &self,
        opening: impl Future<Output = Result<String, RpcError>> + Send + 'static,
    ) {
        let Self { transport, caller, stream, .. } = self;
        let (service, caller) = (transport.service.clone(), caller.clone());
        let stream = stream.clone();
        in_a_task(transport, async move {
            if opening.await.is_ok() {
                service.shut_stream(&caller, &stream).await;
            }
        });
    }

    /// The answer that is no stream. A call that ended with its session is answered as if it had come
    /// after that: the signal may be the first to tell of it.
    fn unstreamed(&self, done: Done) -> Result<Option<LegacyAnswer>, RpcError> {
        match done.map_err(|error| panicked(&error))? {
            None if self.in_flight.is_without_session() => Err(RpcError::session_unknown()),
            answer => Ok(answer),
        }
    }

    /// Makes the row of the stream; gives the session's version.
    fn open(&self) -> impl Future<Output = Result<String, RpcError>> + Send + use<> {
        let Self { transport, caller, request, stream, .. } = self;
        let (service, caller) = (transport.service.clone(), caller.clone());
        let (request, stream) = (request.clone(), stream.clone());
        async move {
            let LegacyRequest { session, id, .. } = &*request;
            let session = service.open_stream(&caller, session, Some(id), &stream).await?;
            Ok(session.protocol_version)
        }
    }

    /// The stream that `call` ends, as a response.
    fn stream_of(
        self,
        call: impl Future<Output = Done> + Send + 'static,
        version: &str,
    ) -> Response<Body> {
        let Self { transport, caller, request, stream, unread, .. } = self;
        let beginning = stream.beginning();
        let (service, ended) = (transport.service.clone(), transport.authenticator.ended(&caller));
        in_a_task(&transport, async move {
            let answer = call.await.unwrap_or_else(|error| Some(request.refused(panicked(&error))));
            service.end_stream(&caller, &request, &stream, answer).await;
        });
        let jitter = beginning.stream.0.as_u64_pair().1;
        let beginning = Some(beginning).filter(|_| version::has_priming(version));
        let (source, stopping) = (Source::Call(beginning, unread), transport.stopping);
        let events = session_stream::events(source, version, jitter, stopping);
        sse::response(events, ended)
    }
}

/// An answer that is no stream; a cancelled call has none (2025-11-25, basic/utilities/cancellation).
fn json(answer: Option<LegacyAnswer>) -> Response<Body> {
    response(match answer {
        Some(LegacyAnswer { status, body, .. }) => {
            HttpAnswer { status, body: body.into_bytes(), session: None }
        }
        None => HttpAnswer::accepted(),
    })
}

/// Runs `future` to its end, whatever becomes of the request.
fn in_a_task<F>(transport: &Transport, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    transport.tasks.spawn(call_log::within(call_log::current(), future))
}

fn panicked(error: &JoinError) -> RpcError {
    tracing::error!(%error, "a call panicked");
    RpcError::internal()
}
