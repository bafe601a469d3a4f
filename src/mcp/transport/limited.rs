//! Calls that are too many.

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;

use super::headers::refusal;
use crate::access::Meter;
use crate::access::limits::Denied;
use crate::mcp::wire::{Era, RpcError};

/// The answer to a call that is refused before its body is read, when its id is not known. The limits
/// stand in headers, which whoever asks adds to it.
#[must_use]
pub fn limited(denied: &Denied) -> Response<Body> {
    refusal(Era::Legacy, None, error(denied))
}

/// Charges the rest of a batch of `messages`: one is charged before the body is read.
pub(super) async fn charge_batch(parts: &Parts, messages: usize) -> Result<(), RpcError> {
    let rest = u32::try_from(messages.saturating_sub(1)).unwrap_or(u32::MAX);
    meter(parts)?.charge(rest).await.map_err(|denied| error(&denied))
}

/// Charges the opening of a session.
pub(super) async fn charge_session(parts: &Parts) -> Result<(), RpcError> {
    meter(parts)?.charge_session().await.map_err(|denied| error(&denied))
}

fn error(denied: &Denied) -> RpcError {
    RpcError::limited(denied.sentence())
}

fn meter(parts: &Parts) -> Result<&Meter, RpcError> {
    parts.extensions.get().ok_or_else(|| {
        tracing::error!("a request without a meter");
        RpcError::internal()
    })
}
