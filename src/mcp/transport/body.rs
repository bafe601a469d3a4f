//! Reading a body, within its limit.

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};

use crate::mcp::wire::RpcError;

/// Reads `body`, at most `limit` bytes; one that announces more is not read at all.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, RpcError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(RpcError::too_large(limit));
    }
    to_bytes(body, limit).await.map_err(|error| {
        // `to_bytes` wraps the limit's error; anything else is the connection's.
        let too_long = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if too_long { RpcError::too_large(limit) } else { RpcError::incomplete() }
    })
}
