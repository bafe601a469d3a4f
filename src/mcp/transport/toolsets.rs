//! `?toolsets=documents,…`: the tools that a client chooses by its URL.

use axum::http::Uri;
use percent_encoding::percent_decode_str;

use crate::mcp::tools::Toolsets;
use crate::mcp::wire::RpcError;

const PARAMETER: &str = "toolsets=";

/// What `uri` chooses; `None` where it says nothing of it.
pub(super) fn of(uri: &Uri) -> Result<Option<Toolsets>, RpcError> {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    let Some(value) = pairs.find_map(|pair| pair.strip_prefix(PARAMETER)) else { return Ok(None) };
    let text = percent_decode_str(value).decode_utf8_lossy();
    Toolsets::parse(&text).map(Some).map_err(|error| RpcError::invalid_request(error.to_string()))
}
