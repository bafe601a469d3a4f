//! What a call has to do.

use reqwest::{RequestBuilder, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::counting::{COUNT, Counting, NOTE};
use crate::harness::{Client, Database, Server};

/// A call; the tool's arguments as well.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The request's id, which each message repeats.
    pub id: u64,
    /// How far it counts.
    pub to: u32,
    /// It pauses for so long …
    pub pause_ms: u64,
    /// … after each so many numbers.
    pub burst: u32,
    /// Bytes that each message has besides.
    pub padding: usize,
    /// What it writes then.
    pub document: Option<String>,
}

impl Task {
    /// Counts to `to` in small steps; every other task writes.
    pub fn new(id: u64, to: u32) -> Self {
        let document = (id % 2 == 0).then(|| format!("call-{id}.md"));
        Self { id, to, pause_ms: 4, burst: 1, padding: 0, document }
    }

    /// As the tool gets it.
    pub fn of(arguments: &Value) -> Self {
        serde_json::from_value(arguments.clone()).expect("the arguments of a task")
    }

    /// What it says with `number`.
    pub fn message(&self, number: u32) -> String {
        format!("{} of call {}{}", number, self.id, ".".repeat(self.padding))
    }

    /// The call.
    pub fn request(&self, client: &Client) -> RequestBuilder {
        let tool = if self.document.is_some() { NOTE } else { COUNT };
        let params =
            json!({ "name": tool, "arguments": self, "_meta": { "progressToken": self.id } });
        client.streamed(self.id, "tools/call", params)
    }

    /// Calls.
    pub async fn call(&self, client: &Client) -> Response {
        self.request(client).send().await.unwrap()
    }
}

/// A server that counts.
pub async fn counting_server(database: &Database, variables: &[(&str, &str)]) -> Server {
    Server::of(Box::new(Counting::new()), database, variables).await.unwrap()
}
