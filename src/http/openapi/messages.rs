//! The messages of MCP as schemas. `mcp::wire` reads and writes them piece by piece, without types
//! of these shapes: tests/it/http/openapi.rs compares them with what is really sent.
#![expect(dead_code, reason = "what is derived is all that is used")]

use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One JSON-RPC 2.0 message of the Model Context Protocol; there are no batches.
#[derive(ToSchema)]
#[schema(as = JsonRpcMessage)]
#[serde(untagged)]
pub(super) enum Message {
    Request(Request),
    Result(ResultResponse),
    Error(ErrorResponse),
}

/// The answer to a request.
#[derive(ToSchema)]
#[schema(as = JsonRpcResponse)]
#[serde(untagged)]
pub(super) enum Response {
    Result(ResultResponse),
    Error(ErrorResponse),
}

/// Asks for something; without `id` it is a notification, which wants no answer.
#[derive(ToSchema)]
#[schema(as = JsonRpcRequest)]
pub(super) struct Request {
    #[schema(inline)]
    jsonrpc: Version,
    #[schema(nullable = false)]
    id: Option<Id>,
    /// For example `initialize`, `tools/list`, `tools/call`, `resources/read`.
    method: String,
    /// What the method takes.
    #[schema(value_type = Option<Object>)]
    params: Option<Map<String, Value>>,
}

/// What was asked for. A tool that refuses is such a result too, with `isError`.
#[derive(ToSchema)]
#[schema(as = JsonRpcResult)]
pub(super) struct ResultResponse {
    #[schema(inline)]
    jsonrpc: Version,
    id: Id,
    /// What the method gives.
    #[schema(value_type = Object)]
    result: Map<String, Value>,
}

/// Why there is no result.
#[derive(ToSchema)]
#[schema(as = JsonRpcErrorResponse)]
pub(super) struct ErrorResponse {
    #[schema(inline)]
    jsonrpc: Version,
    // That of the request; absent where it could not be read.
    #[schema(nullable = false)]
    id: Option<Id>,
    error: ErrorObject,
}

/// What is wrong.
#[derive(ToSchema)]
#[schema(as = JsonRpcError)]
pub(super) struct ErrorObject {
    /// A code of JSON-RPC or of MCP.
    code: i32,
    /// What is wrong and what to do.
    message: String,
    /// More about it, for programs.
    #[schema(nullable = false)]
    data: Option<Value>,
}

/// A text or a whole number; echoed with its type.
#[derive(ToSchema)]
#[schema(as = JsonRpcId)]
#[serde(untagged)]
pub(super) enum Id {
    Text(String),
    Number(i64),
}

#[derive(ToSchema)]
enum Version {
    #[serde(rename = "2.0")]
    Two,
}
