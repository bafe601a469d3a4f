//! Answers as bytes. What a client of one era may see is decided here and nowhere else.

use serde::Serialize;
use serde_json::Value;

use super::{
    CallToolResult, CompleteResult, ContentBlock, GetPromptResult, InitializeResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    ReadResourceResult, RequestId, RpcError,
};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

/// The answer to request `id`.
///
/// # Errors
/// When the result cannot be JSON, which is a fault of ours.
pub fn result<T: Serialize + Shape>(id: &RequestId, result: T) -> Result<Vec<u8>, RpcError> {
    let response = Response { jsonrpc: "2.0", id, result: &result.legacy() };
    serde_json::to_vec(&response).map_err(|error| {
        tracing::error!(%error, "an answer cannot be rendered");
        RpcError::internal()
    })
}

/// The error to request `id`, or to a message whose id could not be read.
#[must_use]
pub fn error(id: Option<&RequestId>, error: &RpcError) -> Vec<u8> {
    let object =
        ErrorObject { code: error.code, message: &error.message, data: error.data.as_ref() };
    let response = ErrorResponse { jsonrpc: "2.0", id, error: object };
    // A text, a number and an id are always JSON.
    serde_json::to_vec(&response).unwrap_or_default()
}

/// The result of a tool that did its work: the structure, and the same as text.
#[must_use]
pub fn tool_output(structured: Value) -> CallToolResult {
    CallToolResult::structured(structured)
}

/// The result of a tool that refused: the caller can fix the call.
#[must_use]
pub fn tool_failure(sentence: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(sentence)])
}

/// A result whose shape depends on the era.
pub trait Shape: Sized {
    /// Takes away what only the modern era has.
    #[must_use]
    fn legacy(self) -> Self {
        self
    }
}

impl Shape for Empty {}
impl Shape for InitializeResult {}

macro_rules! shapes {
    ($($kind:ty)*) => {$(
        impl Shape for $kind {
            fn legacy(mut self) -> Self {
                self.result_type = None;
                self
            }
        }
    )*};
}

shapes! {
    CallToolResult CompleteResult GetPromptResult ListPromptsResult ListResourcesResult
    ListResourceTemplatesResult ListToolsResult ReadResourceResult
}
