//! The canonical line of each request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use super::request_id::REQUEST_ID;
use crate::telemetry::call_log::{self, CallLog};

/// The status of a line whose client went away before its answer, as others log it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Opens the line, and writes it when the answer has been sent or the client is gone.
pub(in crate::http) async fn layer(request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    // The route, not the path: a client may put anything there, a key included.
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("unmatched", MatchedPath::as_str);
    let log = CallLog::new(id, request.method().as_str(), route);
    let mut line = Line { log: log.clone(), started: Instant::now(), status: None };
    let response = call_log::within(log, next.run(request)).await;
    line.status = Some(response.status());
    response.map(|body| Body::new(Logged { body, _line: line }))
}

/// Writes itself when it is dropped.
struct Line {
    log: CallLog,
    started: Instant,
    status: Option<StatusCode>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let status = self.status.map_or(CLIENT_CLOSED_REQUEST, |status| status.as_u16());
        self.log.write(status, self.started.elapsed());
    }
}

/// A body that keeps the line open: what is streamed belongs to the call.
struct Logged {
    body: Body,
    _line: Line,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
