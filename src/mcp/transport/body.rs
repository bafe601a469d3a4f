//! Reading a body, within its limit.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, header};

use crate::mcp::wire::RpcError;

/// Reads `body`, at most `limit` bytes; one that announces more is not read at all.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, RpcError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(RpcError::too_large(limit));
    }
    to_bytes(body, limit).await.map_err(|error| {
        // `to_bytes` wraps the limit's error; anything else is the connection's.
        let too_long = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if too_long { RpcError::too_large(limit) } else { RpcError::incomplete() }
    })
}
