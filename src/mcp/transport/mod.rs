//! Streamable HTTP in both eras: one file for each HTTP method; a POST goes the way of its era.

mod answering;
mod batch;
mod body;
mod delete;
mod departure;
mod get;
mod headers;
mod legacy;
mod limited;
mod listen;
mod mirrored;
mod modern;
mod not_allowed;
mod post;
mod running;
mod session_stream;
mod sse;
mod toolsets;

use std::sync::Arc;

use axum::{Router, routing};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Service;
use crate::access::Authenticator;
use crate::config::JsonResponse;

pub use departure::Departure;
pub use limited::limited;

/// What the transport needs.
#[derive(Clone)]
pub struct Transport {
    /// Answers the messages.
    pub service: Arc<Service>,
    /// Knows when a caller is none any more.
    pub authenticator: Arc<Authenticator>,
    /// Calls in flight, which a stop waits for.
    pub tasks: TaskTracker,
    /// When answers are JSON, and when streams.
    pub json_response: JsonResponse,
    /// Cancelled when the process shall stop: streams that can go on elsewhere end.
    pub stopping: CancellationToken,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
}

/// The routes of `/mcp`, and of the same for one project's keys only. The caller must be in the
/// request's extensions.
pub fn routes(transport: Transport) -> Router {
    Router::new()
        .route("/mcp", routing::post(post::handler).get(get::handler).delete(delete::handler))
        .route(
            "/mcp/{project}",
            routing::post(post::handler).get(get::handler).delete(delete::handler),
        )
        .method_not_allowed_fallback(not_allowed::handler)
        .with_state(transport)
}
