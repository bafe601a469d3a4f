//! GET: a stream of what the server has to say in a session (legacy era). There is none yet.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};

use super::headers::{check_has_methods, refusal};
use crate::mcp::wire::{Era, RpcError};

/// Answers 405 in both eras, with the methods that there are.
pub(super) async fn handler(headers: HeaderMap) -> Response<Body> {
    if let Err(error) = check_has_methods(&headers) {
        return refusal(Era::Legacy, None, error);
    }
    let mut response = refusal(Era::Legacy, None, RpcError::no_stream());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, DELETE"));
    response
}
