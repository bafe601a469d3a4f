//! The canonical line of each request.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::request_id::REQUEST_ID;
use crate::telemetry::call_log::{self, CallLog};

/// Opens the line, and writes it when the answer is ready.
pub(in crate::http) async fn layer(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let log = CallLog::new(id, request.method().as_str(), request.uri().path());
    let response = call_log::within(log.clone(), next.run(request)).await;
    log.write(response.status().as_u16(), started.elapsed());
    response
}
