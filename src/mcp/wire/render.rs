//! Answers as bytes. What a client of one era may see is decided here and nowhere else.

use serde::Serialize;
use serde_json::Value;

use super::{CallToolResult, ContentBlock, ListToolsResult, RequestId, RpcError, Tool};

/// The empty result of `ping`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Empty {}

#[derive(Serialize)]
struct Response<'a, T> {
    jsonrpc: &'static str,
    id: &'a RequestId,
    result: &'a T,
}

#[derive(Serialize)]
struct ErrorResponse<'a> {
    jsonrpc: &'static str,
    id: Option<&'a RequestId>,
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: i32,
    message: &'a str,
}

/// The answer to request `id`.
///
/// # Errors
/// When the result cannot be JSON, which is a fault of ours.
pub fn result<T: Serialize>(id: &RequestId, result: &T) -> Result<Vec<u8>, RpcError> {
    let response = Response { jsonrpc: "2.0", id, result };
    serde_json::to_vec(&response).map_err(|error| {
        tracing::error!(%error, "an answer cannot be rendered");
        RpcError::internal()
    })
}

/// The error to request `id`, or to a message whose id could not be read.
#[must_use]
pub fn error(id: Option<&RequestId>, error: &RpcError) -> Vec<u8> {
    let object = ErrorObject { code: error.code, message: &error.message };
    let response = ErrorResponse { jsonrpc: "2.0", id, error: object };
    // A text, a number and an id are always JSON.
    serde_json::to_vec(&response).unwrap_or_default()
}

/// The result of a tool that did its work: the structure, and the same as text.
#[must_use]
pub fn tool_output(structured: Value) -> CallToolResult {
    let text = structured.to_string();
    legacy(CallToolResult::structured(structured), text)
}

/// The result of a tool that refused: the caller can fix the call.
#[must_use]
pub fn tool_failure(sentence: String) -> CallToolResult {
    legacy(CallToolResult::error(Vec::new()), sentence)
}

/// The list of `tools`.
#[must_use]
pub fn tool_list(tools: Vec<Tool>) -> ListToolsResult {
    let mut list = ListToolsResult::with_all_items(tools);
    list.result_type = None;
    list
}

/// Takes away what only the modern era has.
fn legacy(mut result: CallToolResult, text: String) -> CallToolResult {
    result.result_type = None;
    result.content = vec![ContentBlock::text(text)];
    result
}
