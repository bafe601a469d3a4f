//! The longest that a request may take.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::rest::Problem;

/// Answers 503 when the rest takes longer than `limit`.
pub(in crate::http) async fn layer(
    State(limit): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::timeout().into_response())
}
