//! Answers as bytes. What a client of one era may see is decided here and nowhere else.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    CacheScope, CallToolResult, CompleteResult, ContentBlock, DiscoverResult, GetPromptResult,
    Implementation, InitializeResult, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, MetaObject, ReadResourceResult, RequestId, RpcError,
    meta,
};

/// The empty result of `ping`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Empty {}

/// The result of a call that must ask its client (2026-07-28, basic/patterns/mrtr).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InputRequired {
    result_type: &'static str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    input_requests: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_state: Option<String>,
    #[serde(rename = "_meta")]
    meta: Option<MetaObject>,
}

impl InputRequired {
    /// What is asked, by keys, and what the client shall send back with the answers.
    #[must_use]
    pub fn new(input_requests: Map<String, Value>, request_state: Option<String>) -> Self {
        Self { result_type: "input_required", input_requests, request_state, meta: None }
    }
}

/// The result that ends a stream of changes (2026-07-28, basic/patterns/subscriptions).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsubscribed {
    result_type: &'static str,
    #[serde(rename = "_meta")]
    meta: MetaObject,
}

impl Unsubscribed {
    /// Of the stream that the request `id` opened.
    #[must_use]
    pub fn new(id: &RequestId) -> Self {
        let meta =
            MetaObject([(meta::SUBSCRIPTION_ID.to_owned(), json!(id))].into_iter().collect());
        Self { result_type: "complete", meta }
    }
}

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Without any field of the modern era.
    Legacy,
    /// With the type of the result, the server's name, and hints for caches.
    Modern {
        /// How long lists that only change with the caller's rights may be kept, in milliseconds.
        lists_fresh_ms: u64,
    },
}

#[derive(Serialize)]
struct Response<'a, T> {
    jsonrpc: &'static str,
    id: &'a RequestId,
    result: &'a T,
}

#[derive(Serialize)]
struct ErrorResponse<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
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
pub fn result<T: Serialize + Shape>(
    form: Form,
    id: &RequestId,
    result: T,
) -> Result<Vec<u8>, RpcError> {
    let result = match form {
        Form::Legacy => result.legacy(),
        Form::Modern { lists_fresh_ms } => result.modern(lists_fresh_ms),
    };
    let response = Response { jsonrpc: "2.0", id, result: &result };
    serde_json::to_vec(&response).map_err(|error| {
        tracing::error!(%error, "an answer cannot be rendered");
        RpcError::internal()
    })
}

/// The error to request `id`; to a message whose id could not be read, without one, as the schemas of
/// MCP have it since 2025-11-25 (JSON-RPC itself writes `null`).
#[must_use]
pub fn error(id: Option<&RequestId>, error: &RpcError) -> Vec<u8> {
    let object =
        ErrorObject { code: error.code, message: &error.message, data: error.data.as_ref() };
    let response = ErrorResponse { jsonrpc: "2.0", id, error: object };
    // A text, a number and an id are always JSON.
    serde_json::to_vec(&response).unwrap_or_default()
}

/// The error to the request whose id is `id` as JSON.
#[must_use]
pub fn error_to(id: &str, error: &RpcError) -> String {
    let id: Value = serde_json::from_str(id).unwrap_or_default();
    let object = json!({ "code": error.code, "message": error.message });
    json!({ "jsonrpc": "2.0", "id": id, "error": object }).to_string()
}

/// A request to the client.
#[must_use]
pub fn request(id: Uuid, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// A notification.
#[must_use]
pub fn notification(method: &str, params: &Value) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string().into_bytes()
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

/// What this server calls itself.
#[must_use]
pub fn server_info() -> Implementation {
    Implementation::new("memory-bank-mcp", env!("CARGO_PKG_VERSION")).with_title("Memory Bank")
}

/// `_meta` of every modern result.
static SERVER_META: LazyLock<MetaObject> = LazyLock::new(|| {
    let info = serde_json::to_value(server_info()).unwrap_or_default();
    MetaObject([(meta::SERVER_INFO.to_owned(), info)].into_iter().collect())
});

/// A result whose shape depends on the era. Our results are made whole: each form takes away or
/// adds what is the other's.
pub trait Shape: Sized {
    /// Takes away what only the modern era has.
    #[must_use]
    fn legacy(self) -> Self {
        self
    }

    /// Adds what only the modern era has.
    #[must_use]
    fn modern(self, _lists_fresh_ms: u64) -> Self {
        self
    }
}

/// Of the legacy era alone.
impl Shape for Empty {}
impl Shape for InitializeResult {}

/// Of the modern era alone.
impl Shape for InputRequired {
    fn modern(mut self, _lists_fresh_ms: u64) -> Self {
        self.meta = Some(SERVER_META.clone());
        self
    }
}

impl Shape for Unsubscribed {
    fn modern(mut self, _lists_fresh_ms: u64) -> Self {
        self.meta.0.extend(SERVER_META.0.clone());
        self
    }
}

impl Shape for DiscoverResult {
    fn modern(mut self, lists_fresh_ms: u64) -> Self {
        self.meta = Some(SERVER_META.clone());
        self.with_ttl_ms(lists_fresh_ms).with_cache_scope(CacheScope::Private)
    }
}

macro_rules! shapes {
    ($($kind:ty $(=> $fresh:expr)?;)*) => {$(
        impl Shape for $kind {
            fn legacy(mut self) -> Self {
                self.result_type = None;
                self
            }

            fn modern(mut self, _lists_fresh_ms: u64) -> Self {
                self.meta = Some(SERVER_META.clone());
                $(
                    let fresh: fn(u64) -> u64 = $fresh;
                    self = self.with_ttl_ms(fresh(_lists_fresh_ms));
                    self = self.with_cache_scope(CacheScope::Private);
                )?
                self
            }
        }
    )*};
}

// What others may change at any time is fresh for no time at all.
shapes! {
    CallToolResult;
    CompleteResult;
    GetPromptResult;
    ListPromptsResult => |lists| lists;
    ListResourceTemplatesResult => |lists| lists;
    ListToolsResult => |lists| lists;
    ListResourcesResult => |_| 0;
    ReadResourceResult => |_| 0;
}
