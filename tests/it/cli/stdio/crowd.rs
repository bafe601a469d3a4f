//! More requests than are under way at once, and ids that are used again.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::recorder::{Recorder, empty, result};
use super::{Stdio, with_meta};
use crate::harness::eventually;

/// How many requests are under way at once, and how many more may wait.
const AT_ONCE: u32 = 64;
const WAITING: u32 = 1024;

/// A server that answers the tool `slow` when the semaphore is closed, and `hanging` never.
async fn server() -> (Recorder, Arc<Semaphore>) {
    let let_go = Arc::new(Semaphore::new(0));
    let waits = let_go.clone();
    let server = Recorder::start(move |request| {
        let waits = waits.clone();
        async move {
            match request.body["params"]["name"].as_str() {
                Some("hanging") => std::future::pending().await,
                Some("slow") => assert!(waits.acquire().await.is_err()),
                _ => {}
            }
            let is_request = request.body["method"].is_string() && !request.body["id"].is_null();
            if is_request { result(&request, &json!({})) } else { empty(202) }
        }
        .boxed()
    });
    (server.await, let_go)
}

fn tool(name: &str) -> Value {
    with_meta(json!({ "name": name }))
}

async fn arrived(server: &Recorder, count: u32) {
    let all = async || (server.said("tools/call").len() == count as usize).then_some(());
    eventually("the calls", all).await;
}

/// A bridge with as many calls under way as may be: those from 0 on.
async fn full(server: &Recorder) -> Stdio {
    let mut stdio = Stdio::hosted(&server.url, "a key of the tests");
    for id in 0..AT_ONCE {
        stdio.send(id, "tools/call", tool("slow")).await;
    }
    arrived(server, AT_ONCE).await;
    stdio
}

async fn cancel(stdio: &mut Stdio, id: u32) {
    stdio.notify("notifications/cancelled", json!({ "requestId": id })).await;
}

#[tokio::test]
async fn what_comes_after_a_request_that_waits_is_read() {
    let (server, let_go) = server().await;
    let mut stdio = full(&server).await;
    stdio.send(100, "tools/call", tool("quick")).await;
    // The answer to a question of the server's.
    stdio.line(r#"{"jsonrpc":"2.0","id":"e-1","result":{"action":"accept"}}"#).await;
    let answered = || server.requests().iter().any(|request| request.body["id"] == "e-1");
    eventually("the answer", async || answered().then_some(())).await;
    cancel(&mut stdio, 7).await;
    assert_eq!(stdio.next().await["id"], 100, "the place of the cancelled one");
    let_go.close();
    assert_eq!(stdio.end().await.len(), AT_ONCE as usize - 1);
}

#[tokio::test]
async fn a_request_that_waits_can_be_cancelled_in_both_eras() {
    let (server, let_go) = server().await;
    let mut stdio = full(&server).await;
    stdio.send(100, "tools/call", tool("quick")).await;
    stdio.send(101, "ping", json!({})).await;
    stdio.send(102, "ping", with_meta(json!({}))).await;
    cancel(&mut stdio, 100).await;
    cancel(&mut stdio, 101).await;
    cancel(&mut stdio, 0).await;
    assert_eq!(stdio.next().await["id"], 102);
    assert_eq!((server.said("tools/call").len(), server.said("ping").len()), (64, 1));
    assert!(server.said("notifications/cancelled").is_empty(), "the server does not know them");

    // One of the legacy era that is under way is for the server to cancel.
    stdio.send(103, "tools/call", json!({ "name": "slow" })).await;
    arrived(&server, AT_ONCE + 1).await;
    cancel(&mut stdio, 103).await;
    let told = async || (server.said("notifications/cancelled").len() == 1).then_some(());
    eventually("the notification", told).await;
    let_go.close();
    assert_eq!(stdio.end().await.len(), AT_ONCE as usize);
}

#[tokio::test]
async fn a_request_beyond_those_that_may_wait_is_refused_and_no_other_one_is_lost() {
    let (server, let_go) = server().await;
    let mut stdio = full(&server).await;
    let most = AT_ONCE + WAITING;
    for id in AT_ONCE..most + 3 {
        stdio.send(id, "ping", with_meta(json!({}))).await;
    }
    for id in most..most + 3 {
        let refused = stdio.next().await;
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(id), &json!(-32603)));
        let sentence = refused["error"]["message"].as_str().unwrap();
        assert!(sentence.contains("1024") && sentence.contains("again"), "{sentence}");
    }
    cancel(&mut stdio, 0).await;
    assert!(stdio.next().await["error"].is_null(), "one that waited has the place");
    let_go.close();
    let answers = stdio.end().await;
    let ids: BTreeSet<_> = answers.iter().filter_map(|answer| answer["id"].as_u64()).collect();
    assert_eq!((answers.len(), ids.len()), (most as usize - 2, most as usize - 2));
}

#[tokio::test]
async fn a_request_with_an_id_that_was_used_before_can_be_cancelled() {
    let (server, let_go) = server().await;
    let mut stdio = Stdio::hosted(&server.url, "a key of the tests");
    stdio.send(1, "tools/call", tool("slow")).await;
    arrived(&server, 1).await;
    stdio.send(1, "tools/call", tool("hanging")).await;
    arrived(&server, 2).await;
    let_go.close();
    assert_eq!(stdio.next().await["id"], 1);
    stdio.ask(2, "ping", with_meta(json!({}))).await;
    cancel(&mut stdio, 1).await;
    // It has been read when this is answered.
    stdio.ask(3, "ping", with_meta(json!({}))).await;
    assert!(server.said("notifications/cancelled").is_empty(), "it is not cancelled here");
    assert_eq!(stdio.end().await, Vec::<Value>::new());
}
