//! An answer as a stream of events (2026-07-28, streamable HTTP, receiving messages): what the call
//! says while it runs, then its answer.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response};
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use tokio::sync::mpsc;

use super::running::Running;

/// Comments in between, so that nothing on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A call and what it says, up to the answer that ends the stream.
struct Answering {
    first: Option<Vec<u8>>,
    inbox: mpsc::Receiver<Vec<u8>>,
    call: Call,
}

enum Call {
    Running(Running),
    Answered(Vec<u8>),
    Ended,
}

impl Answering {
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(notice) = self.first.take().or_else(|| self.inbox.try_recv().ok()) {
                return Some(notice);
            }
            match &mut self.call {
                Call::Running(call) => tokio::select! {
                    Some(notice) = self.inbox.recv() => return Some(notice),
                    answer = call.answer() => self.call = Call::Answered(answer.body),
                },
                Call::Answered(body) => {
                    let body = std::mem::take(body);
                    self.call = Call::Ended;
                    return Some(body);
                }
                Call::Ended => return None,
            }
        }
    }
}

/// The stream of `call`, which begins with `first`, goes on with what comes by `inbox`, and ends with
/// the answer.
pub(super) fn response(
    first: Option<Vec<u8>>,
    inbox: mpsc::Receiver<Vec<u8>>,
    call: Running,
) -> Response<Body> {
    let answering = Answering { first, inbox, call: Call::Running(call) };
    let events = stream::unfold(answering, async |mut answering| {
        let message = answering.next().await?;
        let event = Event::default().data(String::from_utf8_lossy(&message));
        Some((Ok::<_, Infallible>(event), answering))
    });
    let mut response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies hold nothing back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
