//! An HTTP server that records what it is sent and answers as the test says.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, Uri};
use futures_util::future::BoxFuture;
use serde_json::Value;

/// One request.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: String,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Whether it is the message `method`.
    pub fn says(&self, method: &str) -> bool {
        self.body["method"] == method
    }
}

/// A running server.
pub struct Recorder {
    pub url: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    pub async fn start<F>(answer: F) -> Self
    where
        F: Fn(Recorded) -> BoxFuture<'static, Response<Body>> + Clone + Send + Sync + 'static,
    {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = requests.clone();
        let handler = move |request: axum::extract::Request| {
            let (answer, recorded) = (answer.clone(), recorded.clone());
            async move {
                let (head, body) = request.into_parts();
                let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                let request = Recorded {
                    method: head.method.to_string(),
                    uri: head.uri,
                    headers: head.headers,
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                };
                recorded.lock().unwrap().push(request.clone());
                answer(request).await
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(handler);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, requests }
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// The recorded messages `method`.
    pub fn said(&self, method: &str) -> Vec<Recorded> {
        self.requests().into_iter().filter(|request| request.says(method)).collect()
    }
}

pub fn json_answer(value: &Value) -> Response<Body> {
    with_type(200, "application/json", value.to_string())
}

pub fn with_type(status: u16, kind: &str, body: impl Into<Body>) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", kind);
    response.body(body.into()).unwrap()
}

/// The result of a request.
pub fn result(request: &Recorded, result: &Value) -> Response<Body> {
    let id = &request.body["id"];
    json_answer(&serde_json::json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

/// The answer to `initialize`, with a session.
pub fn session(request: &Recorded, id: &str) -> Response<Body> {
    let agreement = serde_json::json!({ "protocolVersion": "2025-11-25", "capabilities": {},
        "serverInfo": { "name": "recorder", "version": "1" } });
    let mut response = result(request, &agreement);
    response.headers_mut().insert("mcp-session-id", id.parse().unwrap());
    response
}

pub fn empty(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

pub fn stream(text: impl Into<Body>) -> Response<Body> {
    with_type(200, "text/event-stream", text)
}
