//! Answers as streams of events (2025-11-25, basic/transports; 2026-07-28, streamable HTTP).

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response};
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;

/// Comments in between, so that nothing on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `events` as a response.
pub(super) fn response(events: impl Stream<Item = Event> + Send + 'static) -> Response<Body> {
    let events = futures_util::StreamExt::map(events, Ok::<_, Infallible>);
    let mut response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies hold nothing back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// A message.
pub(super) fn message(json: &str) -> Event {
    Event::default().data(json)
}
