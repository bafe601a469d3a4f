//! HTTP methods that there are not: in the modern era all but POST.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};

use super::headers::{protocol_version, refusal};
use crate::mcp::wire::{Era, RpcError, version};

/// Answers 405; `Allow` names what the request's era has.
pub(super) async fn handler(headers: HeaderMap) -> Response<Body> {
    let mut response = refusal(Era::Legacy, None, RpcError::method_not_allowed());
    if is_modern(&headers) {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// Whether the request is of the modern era (2026-07-28, streamable HTTP, earlier revisions).
pub(super) fn is_modern(headers: &HeaderMap) -> bool {
    protocol_version(headers).is_some_and(version::is_modern)
}
