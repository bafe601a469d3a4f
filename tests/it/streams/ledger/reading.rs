//! What a client has read of a call, over all its connections.

use serde_json::{Value, json};
use sse_stream::Sse;

use super::task::Task;
use crate::harness::{Client, Events};

/// The most connections that it takes to read a call.
const MAX_CONNECTIONS: usize = 40;

/// A call as its client sees it. Each event is held against what must come next.
#[derive(Debug)]
pub struct Reading {
    pub task: Task,
    /// The id of the last event.
    pub last_id: Option<String>,
    /// The number of the last message.
    pub seq: u32,
    /// The answer.
    pub answer: Option<Value>,
    /// How many connections there were.
    pub connections: usize,
}

impl Reading {
    pub fn new(task: Task) -> Self {
        Self { task, last_id: None, seq: 0, answer: None, connections: 0 }
    }

    /// Reads at most `events`, or to the end of the connection.
    pub async fn read(&mut self, mut connection: Events, events: usize) {
        self.connections += 1;
        for _ in 0..events {
            let Some(event) = connection.event().await else { return };
            self.take(event);
        }
    }

    /// Goes on where it was, for at most so many events.
    pub async fn resume(&mut self, client: &Client, events: usize) {
        let last_id = self.last_id.clone().expect("something was read");
        self.read(client.listen(Some(&last_id)).await, events).await;
    }

    /// Reads to the answer, at each of `clients` in turn.
    pub async fn finish(&mut self, clients: &[&Client]) {
        let mut turns = clients.iter().cycle();
        while self.answer.is_none() {
            assert!(self.connections < MAX_CONNECTIONS, "no end of {self:?}");
            self.resume(turns.next().unwrap(), usize::MAX).await;
        }
    }

    /// Whether the answer tells of success.
    pub fn succeeded(&self) -> bool {
        let result = self.answer.as_ref().and_then(|answer| answer.get("result"));
        result.is_some_and(|result| result["isError"] == json!(false))
    }

    /// Takes what comes next.
    pub fn take(&mut self, event: Sse) {
        let data = event.data.unwrap_or_default();
        let Some(id) = event.id else {
            assert_eq!(data, "", "a message without an id: {self:?}");
            return;
        };
        let (stream, seq) = id.split_once('.').unwrap();
        let known = self.last_id.as_ref().and_then(|last| last.split_once('.'));
        assert!(known.is_none_or(|(known, _)| known == stream), "{id} in {self:?}");
        if data.is_empty() {
            assert_eq!((seq, self.seq, &self.answer), ("0", 0, &None), "{self:?}");
        } else {
            assert_eq!(seq.parse(), Ok(self.seq + 1), "{data} after {self:?}");
            self.message(&serde_json::from_str(&data).unwrap());
        }
        self.last_id = Some(id);
    }

    fn message(&mut self, message: &Value) {
        assert_eq!(self.answer, None, "{message} after the answer");
        self.seq += 1;
        if message["method"] == "notifications/progress" {
            let params = &message["params"];
            assert_eq!(params["progressToken"], self.task.id);
            assert_eq!(params["progress"].as_f64(), Some(f64::from(self.seq)), "{self:?}");
            assert_eq!(params["message"], self.task.message(self.seq));
            return;
        }
        assert_eq!(message["id"], self.task.id, "{message} in {self:?}");
        self.answer = Some(message.clone());
        if self.succeeded() {
            assert_eq!(self.seq, self.task.to + 1, "{self:?}");
            let text = self.task.message(self.task.to);
            assert_eq!(message["result"]["content"][0]["text"], text);
        } else {
            assert!(message["error"]["code"].is_i64(), "{message}");
        }
    }
}
