//! A client that speaks MCP over plain HTTP, so that a test sees every byte.

use std::net::IpAddr;

use mbmcp::mcp::wire::{header_value, meta};
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// The version of modern requests.
pub const MODERN: &str = "2026-07-28";
const EVENT_STREAM: &str = "text/event-stream";

/// A client with a key, and a session once it has one; or one of the modern era, which needs none.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
    pub session: Option<String>,
    modern: bool,
    /// The id of its requests.
    id: u64,
    /// The address that it comes from, as a proxy says it.
    address: Option<IpAddr>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Client {
    pub fn new(server: &str, key: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self::over(http, &format!("{server}/mcp"), key)
    }

    /// A client of the endpoint `url` with connections of its own kind.
    pub fn over(http: reqwest::Client, url: &str, key: &str) -> Self {
        let (url, key) = (url.to_owned(), key.to_owned());
        Self { http, url, key, session: None, modern: false, id: 1, address: None }
    }

    /// A client of another endpoint than `/mcp`.
    pub fn at_path(server: &str, path: &str, key: &str) -> Self {
        Self { url: format!("{server}{path}"), ..Self::new(server, key) }
    }

    /// The same client with its session at another server.
    pub fn at(&self, server: &str) -> Self {
        Self { url: format!("{server}/mcp"), ..self.clone() }
    }

    /// The same client with another session.
    pub fn with_session(&self, session: &str) -> Self {
        Self { session: Some(session.to_owned()), ..self.clone() }
    }

    /// The same client with another id for its requests: of one session, those that run at once differ.
    pub fn numbered(&self, id: u64) -> Self {
        Self { id, ..self.clone() }
    }

    /// The same client at another address.
    pub fn from(&self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self.clone() }
    }

    /// The same client in the modern era.
    pub fn modern(&self) -> Self {
        Self { session: None, modern: true, ..self.clone() }
    }

    /// A request with key and session.
    pub fn request(&self, method: Method) -> RequestBuilder {
        let mut request = self.http.request(method, &self.url).header("x-api-key", &self.key);
        if let Some(address) = self.address {
            request = request.header("x-forwarded-for", address.to_string());
        }
        match &self.session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        }
    }

    /// POSTs `body` as it is.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.request(Method::POST).header("content-type", "application/json");
        Reply::of(request.body(body)).await
    }

    /// Sends a request.
    pub async fn rpc(&self, method: &str, params: Value) -> Reply {
        Reply::of(self.rpc_request(method, params)).await
    }

    /// The same before it is sent.
    pub fn rpc_request(&self, method: &str, mut params: Value) -> RequestBuilder {
        let mut request = self.request(Method::POST).header("content-type", "application/json");
        if self.modern {
            if params["_meta"].is_null() {
                params["_meta"] = modern_meta();
            }
            request = request.header("mcp-protocol-version", MODERN).header("mcp-method", method);
            request = request.header("accept", "application/json, text/event-stream");
            let name = if method == "resources/read" { &params["uri"] } else { &params["name"] };
            if let Some(name) = name.as_str() {
                request = request.header("mcp-name", header_value::encode(name));
            }
        }
        let body = json!({ "jsonrpc": "2.0", "id": self.id, "method": method, "params": params });
        request.body(body.to_string())
    }

    /// Initialises and keeps the session.
    pub async fn initialize(&mut self) -> Reply {
        let reply = self
            .rpc(
                "initialize",
                json!({
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": { "name": "it", "version": "1" },
                }),
            )
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let session = reply.headers["mcp-session-id"].to_str().unwrap();
        self.session = Some(session.to_owned());
        reply
    }

    /// Calls a tool and gives the whole reply.
    pub async fn call(&self, tool: &str, arguments: Value) -> Reply {
        self.rpc("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Calls a tool that must succeed and gives its structured result.
    pub async fn ok(&self, tool: &str, arguments: Value) -> Value {
        let reply = self.call(tool, arguments).await;
        let result = reply.json()["result"].clone();
        assert_eq!(result["isError"], false, "{tool}: {}", reply.text);
        result["structuredContent"].clone()
    }

    /// Calls a tool that must refuse and gives its sentence.
    pub async fn refused(&self, tool: &str, arguments: Value) -> String {
        let reply = self.call(tool, arguments).await;
        let result = reply.json()["result"].clone();
        assert_eq!(result["isError"], true, "{tool}: {}", reply.text);
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Writes a document.
    pub async fn write(&self, filename: &str, content: &str) -> Value {
        self.ok("write_memory_bank_file", json!({ "filename": filename, "content": content })).await
    }

    /// A notification that means nothing: answered 202 by who lets the key in, without a transaction.
    pub async fn tell_nothing(&self) -> Reply {
        Reply::of(self.nothing()).await
    }

    /// The same before it is sent.
    pub fn nothing(&self) -> RequestBuilder {
        let body = json!({ "jsonrpc": "2.0", "method": "notifications/nothing" });
        let request = self.request(Method::POST).header("content-type", "application/json");
        request.header("mcp-protocol-version", MODERN).body(body.to_string())
    }

    /// Ends the session.
    pub async fn delete(&self) -> Reply {
        Reply::of(self.request(Method::DELETE)).await
    }
}

/// `request` from a client that reads nothing but `kinds`.
pub fn accepting(request: RequestBuilder, kinds: &str) -> RequestBuilder {
    request.headers([(header::ACCEPT, kinds.parse().unwrap())].into_iter().collect())
}

/// `_meta` of every modern request.
pub fn modern_meta() -> Value {
    json!({
        meta::PROTOCOL_VERSION: MODERN,
        meta::CLIENT_INFO: { "name": "it", "version": "1" },
        meta::CLIENT_CAPABILITIES: {},
    })
}

impl Reply {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("a whole body") }
    }

    /// The answer, whether it came as JSON or at the end of a stream.
    pub fn json(&self) -> Value {
        let streamed = self.headers.get("content-type").is_some_and(|kind| kind == EVENT_STREAM);
        let data = self.text.lines().rev().find_map(|line| line.strip_prefix("data: "));
        let text = data.filter(|_| streamed).unwrap_or(&self.text);
        serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The JSON-RPC error code.
    pub fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {}", self.text))
    }
}
