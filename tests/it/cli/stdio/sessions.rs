//! More than one session of a client: opened again by itself, or by the bridge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::recorder::{Recorder, empty, result, session};
use super::{Stdio, introduction};
use crate::harness::eventually;

const KEY: &str = "a key of the tests";

/// The sessions that were ended.
fn ended(server: &Recorder) -> Vec<String> {
    let requests = server.requests();
    let deleted = requests.iter().filter(|request| request.method == "DELETE");
    deleted.map(|request| request.header("mcp-session-id").unwrap().to_owned()).collect()
}

/// The session that the request `id` came in last.
fn session_of(server: &Recorder, id: u32) -> Option<String> {
    let requests = server.requests();
    let request = requests.iter().rfind(|request| request.body["id"] == id).unwrap();
    request.header("mcp-session-id").map(str::to_owned)
}

#[tokio::test]
async fn a_second_initialize_ends_the_first_session_and_does_not_wait_for_that() {
    let opened = Arc::new(AtomicU32::new(0));
    let server = Recorder::start(move |request| {
        let opened = opened.clone();
        async move {
            match request.method.as_str() {
                "GET" => empty(405),
                "DELETE" if request.header("mcp-session-id") == Some("s-1") => {
                    std::future::pending().await
                }
                "DELETE" => empty(204),
                _ if request.says("initialize") => {
                    let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
                    session(&request, &format!("s-{number}"))
                }
                _ if request.body["id"].is_null() => empty(202),
                _ => result(&request, &json!({})),
            }
        }
        .boxed()
    })
    .await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    stdio.initialize().await;
    stdio.ask(1, "ping", json!({})).await;
    let again = stdio.ask(2, "initialize", introduction()).await;
    assert!(again["error"].is_null(), "{again}");
    eventually("the first one's end", async || (ended(&server) == ["s-1"]).then_some(())).await;
    stdio.ask(3, "ping", json!({})).await;
    let seen = [session_of(&server, 1), session_of(&server, 3)];
    assert_eq!(seen, [Some("s-1".to_owned()), Some("s-2".to_owned())]);
    assert_eq!(stdio.end().await, Vec::<Value>::new());
    assert_eq!(ended(&server), ["s-1", "s-2"]);
}

#[tokio::test]
async fn a_lost_session_is_not_replaced_over_one_that_the_client_opens() {
    let answered = Arc::new(Semaphore::new(0));
    let opened = answered.clone();
    let server = Recorder::start(move |request| {
        let opened = opened.clone();
        async move {
            let in_first = request.header("mcp-session-id") == Some("first");
            match (request.method.as_str(), &request.body["id"]) {
                ("GET", _) => empty(405),
                ("DELETE", _) => empty(204),
                (_, Value::String(_)) => {
                    // The client's own is answered before, if it is sent before.
                    let _not_sent = timeout(Duration::from_secs(1), opened.acquire()).await;
                    session(&request, "replacement")
                }
                (_, id) if request.says("initialize") => {
                    session(&request, if *id == 2 { "second" } else { "first" })
                }
                (_, Value::Null) => empty(202),
                _ if in_first => empty(404),
                _ => result(&request, &json!({})),
            }
        }
        .boxed()
    })
    .await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    stdio.initialize().await;
    stdio.send(1, "ping", json!({})).await;
    let replaces = async || (server.said("initialize").len() == 2).then_some(());
    eventually("the replacement", replaces).await;
    stdio.send(2, "initialize", introduction()).await;
    for _ in 1..=2 {
        let answer = stdio.next().await;
        assert!(answer["error"].is_null(), "{answer}");
        answered.add_permits(1);
    }
    stdio.ask(3, "ping", json!({})).await;
    assert_eq!(session_of(&server, 3).as_deref(), Some("second"));
    assert_eq!(stdio.end().await, Vec::<Value>::new());
    assert_eq!(ended(&server), ["replacement", "second"]);
}
