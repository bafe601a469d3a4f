//! A client's side of a stream of events.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sse_stream::{Sse, SseStream};
use tokio::time::timeout;

use super::Client;

/// The longest that a test waits for an event.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of events while it is read.
pub struct Events {
    coming: std::pin::Pin<Box<dyn futures_util::Stream<Item = Option<Sse>> + Send>>,
    /// The last id that was read.
    pub last_id: Option<String>,
    /// The last pause before a resumption that the server asked for, in milliseconds.
    pub retry: Option<u64>,
}

impl Events {
    /// The events of `response`, which must be a stream of them.
    pub fn of(response: Response) -> Self {
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!((response.status().as_u16(), &*kind), (200, "text/event-stream"));
        // A connection that broke is an end like any other.
        let events = SseStream::from_bytes_stream(response.bytes_stream()).map(Result::ok);
        Self { coming: Box::pin(events), last_id: None, retry: None }
    }

    /// The next event; `None` when the connection has ended.
    pub async fn event(&mut self) -> Option<Sse> {
        let event = timeout(PATIENCE, self.coming.next()).await.expect("an event comes in time");
        let event = event.flatten()?;
        if let Some(id) = &event.id {
            self.last_id = Some(id.clone());
        }
        self.retry = event.retry.or(self.retry);
        Some(event)
    }

    /// The next message; `None` when the connection has ended.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            let data = self.event().await?.data.unwrap_or_default();
            if !data.is_empty() {
                return Some(serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// Reads as long as nothing but comments comes: gives what came, or that the connection has ended.
    pub async fn comments_only(&mut self) -> Option<Sse> {
        self.coming.next().await.flatten()
    }

    /// All messages up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Some(message) = self.message().await {
            messages.push(message);
        }
        messages
    }
}

impl Client {
    /// A request of the id `id` whose answer may be a stream.
    pub fn streamed(&self, id: impl Into<Value>, method: &str, params: Value) -> RequestBuilder {
        let (id, both) = (id.into(), "application/json, text/event-stream");
        let mut body = json!({ "jsonrpc": "2.0", "id": id, "method": method });
        body["params"] = params;
        let request = self.request(Method::POST).header("content-type", "application/json");
        request.header("accept", both).body(body.to_string())
    }

    /// The stream that answers a call of `tool`.
    pub async fn stream(&self, id: impl Into<Value>, tool: &str, arguments: Value) -> Events {
        let params = json!({
            "name": tool, "arguments": arguments, "_meta": { "progressToken": "token" },
        });
        Events::of(self.streamed(id, "tools/call", params).send().await.unwrap())
    }

    /// A GET; with `after`, of what came after that event.
    pub fn listening(&self, after: Option<&str>) -> RequestBuilder {
        let request = self.request(Method::GET).header("accept", "text/event-stream");
        match after {
            Some(after) => request.header("last-event-id", after),
            None => request,
        }
    }

    /// The stream of the server's own messages, or the rest of the one that `after` is of.
    pub async fn listen(&self, after: Option<&str>) -> Events {
        Events::of(self.listening(after).send().await.unwrap())
    }
}
