//! What the bridge sends and how it reads answers, in both eras, against a server that records.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::recorder::{Recorded, Recorder, empty, result, session, stream as sse};
use super::{Stdio, introduction, with_meta};
use crate::harness::eventually;

const KEY: &str = "a key of the tests";

/// A stream of these pieces that then stays open; what it is given is dropped with it.
fn open_stream<T: Send + 'static>(pieces: &[String], held: T) -> Body {
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        pieces.iter().map(|piece| Ok(Bytes::from(piece.clone()))).collect();
    let held = stream::pending().map(move |piece| {
        let _held = &held;
        piece
    });
    Body::from_stream(stream::iter(pieces).chain(held))
}

#[tokio::test]
async fn legacy_messages_carry_their_session_and_version() {
    let server = Recorder::start(|request| {
        async move {
            match request.method.as_str() {
                "GET" => empty(405),
                "DELETE" => empty(204),
                _ if request.says("initialize") => session(&request, "s-1"),
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
    stdio.notify("notifications/cancelled", json!({ "requestId": 1 })).await;
    // The answer to a question of the server's.
    stdio.line(r#"{"jsonrpc":"2.0","id":"e-1","result":{"action":"accept"}}"#).await;
    stdio.end().await;

    let requests = server.requests();
    assert!(requests.iter().all(|request| request.header("x-api-key") == Some(KEY)));
    let [first, later @ ..] = &requests[..] else { panic!("nothing came") };
    assert_eq!(
        (first.header("mcp-session-id"), first.header("mcp-protocol-version")),
        (None, None)
    );
    for request in later {
        assert_eq!(request.header("mcp-session-id"), Some("s-1"), "{request:?}");
        assert_eq!(request.header("mcp-protocol-version"), Some("2025-11-25"), "{request:?}");
        assert_eq!(request.header("mcp-method"), None, "{request:?}");
    }
    let posted: Vec<&Value> = later.iter().map(|request| &request.body["method"]).collect();
    let said = |method: &str| posted.iter().filter(|posted| **posted == method).count();
    assert_eq!((said("notifications/cancelled"), said("ping")), (1, 1), "{posted:?}");
    assert!(later.iter().any(|request| request.body["id"] == "e-1"), "{posted:?}");
    assert_eq!(requests.last().unwrap().method, "DELETE");
    let accept = first.header("accept").unwrap();
    assert!(accept.contains("application/json") && accept.contains("text/event-stream"));
}

#[tokio::test]
async fn modern_messages_are_mirrored_in_headers_and_have_no_session() {
    let server = Recorder::start(|request| {
        async move {
            if request.says("initialize") {
                session(&request, "s-1")
            } else {
                result(&request, &json!({ "resultType": "complete" }))
            }
        }
        .boxed()
    })
    .await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    // Both eras on one bridge: a client may ask in the older one first.
    stdio.ask(0, "initialize", introduction()).await;
    stdio.ask(1, "server/discover", with_meta(json!({}))).await;
    let call = with_meta(json!({ "name": "Suche", "arguments": { "uri": "x" } }));
    stdio.ask(2, "tools/call", call).await;
    stdio.ask(3, "resources/read", with_meta(json!({ "uri": "memory-bank://é.md" }))).await;
    stdio.ask(4, "prompts/get", with_meta(json!({ "name": " padded " }))).await;
    stdio.ask(5, "tools/list", with_meta(json!({}))).await;
    stdio.end().await;
    let headers = |request: &Recorded| {
        ["mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id"]
            .map(|name| request.header(name).map(str::to_owned))
    };
    let version = Some("2026-07-28".to_owned());
    let sent: Vec<_> = server.requests()[1..6].iter().map(headers).collect();
    let wanted = [
        ("server/discover", None),
        ("tools/call", Some("Suche")),
        ("resources/read", Some("=?base64?bWVtb3J5LWJhbms6Ly/DqS5tZA==?=")),
        ("prompts/get", Some("=?base64?IHBhZGRlZCA=?=")),
        ("tools/list", None),
    ]
    .map(|(method, name)| {
        [version.clone(), Some(method.to_owned()), name.map(str::to_owned), None]
    });
    assert_eq!(sent, wanted);
}

/// Counts how many are alive.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn eventually_alive(count: &AtomicUsize, wanted: usize) {
    let reached = async || (count.load(Ordering::SeqCst) == wanted).then_some(());
    eventually(&format!("{wanted} open answers"), reached).await;
}

#[tokio::test]
async fn a_cancelled_modern_request_is_disconnected_and_not_answered() {
    let alive = Arc::new(AtomicUsize::new(0));
    let counted = alive.clone();
    let server = Recorder::start(move |request| {
        let counted = counted.clone();
        async move {
            if request.body["params"]["name"] == "slow" {
                sse(open_stream(&[": waiting\n\n".to_owned()], Alive::new(&counted)))
            } else {
                result(&request, &json!({ "resultType": "complete" }))
            }
        }
        .boxed()
    })
    .await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    for id in [1, 2] {
        stdio.send(id, "tools/call", with_meta(json!({ "name": "slow" }))).await;
    }
    eventually_alive(&alive, 2).await;
    stdio.notify("notifications/cancelled", json!({ "requestId": 1, "reason": "test" })).await;
    eventually_alive(&alive, 1).await;
    // A later request is answered before an earlier one.
    let quick = stdio.ask(3, "tools/call", with_meta(json!({ "name": "quick" }))).await;
    assert_eq!(quick["result"]["resultType"], "complete");
    stdio.notify("notifications/cancelled", json!({ "requestId": 2 })).await;
    eventually_alive(&alive, 0).await;
    assert_eq!(stdio.end().await, Vec::<Value>::new(), "no answer to what was cancelled");
    assert!(server.said("notifications/cancelled").is_empty(), "it is not forwarded");
}

#[tokio::test]
async fn a_subscription_that_breaks_is_cancelled_and_one_that_is_open_does_not_hold_up_the_end() {
    let server = Recorder::start(|request| {
        async move {
            let meta = json!({ "io.modelcontextprotocol/subscriptionId": request.body["id"] });
            let method = "notifications/subscriptions/acknowledged";
            let note = json!({ "jsonrpc": "2.0", "method": method, "params": { "_meta": meta } });
            let event = format!("data: {note}\n\n");
            match request.body["id"].as_u64() {
                Some(1) => sse(event),
                Some(2) => sse(open_stream(&[event], ())),
                _ => sse(format!(
                    "{event}data: {}\n\n",
                    json!({ "jsonrpc": "2.0",
                    "id": request.body["id"], "result": { "resultType": "complete" } })
                )),
            }
        }
        .boxed()
    })
    .await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    let listen = with_meta(json!({ "notifications": { "toolsListChanged": true } }));
    stdio.send(1, "subscriptions/listen", listen.clone()).await;
    let acknowledged = "notifications/subscriptions/acknowledged";
    assert_eq!(stdio.next().await["method"], acknowledged);
    let ended = stdio.next().await;
    assert_eq!(ended["method"], "notifications/cancelled", "{ended}");
    assert_eq!(ended["params"]["requestId"], 1, "{ended}");
    stdio.send(3, "subscriptions/listen", listen.clone()).await;
    assert_eq!(stdio.next().await["method"], acknowledged);
    assert_eq!(stdio.next().await["result"]["resultType"], "complete");
    stdio.send(2, "subscriptions/listen", listen).await;
    assert_eq!(stdio.next().await["method"], acknowledged);
    let started = Instant::now();
    assert_eq!(stdio.end().await, Vec::<Value>::new());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn answers_as_streams_are_read_and_resumed() {
    let server = Recorder::start(|request| {
        async move {
            let answer = |id: &Value| json!({ "jsonrpc": "2.0", "id": id, "result": { "n": id } });
            let news = |n: u32| {
                json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "n": n } })
            };
            match (request.method.as_str(), request.header("last-event-id")) {
                // The stream of the server's own messages.
                ("GET", None) => sse(open_stream(&[format!("id: g.1\ndata: {}\n\n", news(9))], ())),
                ("GET", Some("p.2")) => sse(format!(
                    ": comment\n\nid: p.3\ndata: {}\n\nid: p.4\ndata: {}\n\n",
                    news(2),
                    answer(&json!(1))
                )),
                ("GET", Some(_)) => empty(400),
                ("DELETE", _) => empty(204),
                _ if request.says("initialize") => {
                    let mut opened = session(&request, "s-1");
                    let body = std::mem::take(opened.body_mut());
                    let body = axum::body::to_bytes(body, 4096).await.unwrap();
                    let text = String::from_utf8(body.to_vec()).unwrap();
                    let mut streamed = sse(format!("id: i.1\ndata:\n\nid: i.2\ndata: {text}\n\n"));
                    *streamed.headers_mut() = opened.headers().clone();
                    streamed.headers_mut().remove("content-length");
                    let kind = "text/event-stream; charset=utf-8".parse().unwrap();
                    streamed.headers_mut().insert("content-type", kind);
                    streamed
                }
                _ if request.body["id"] == 1 => sse(format!(
                    "id: p.1\nretry: 60\ndata:\n\nid: p.2\nevent: message\ndata: {}\n\nevent: ping\ndata: 1\n\nid: lost\ndata: {{\"half\":",
                    news(1)
                )),
                // Over several lines, as `data` may be.
                _ if request.body["id"] == 2 => {
                    sse("data: {\"jsonrpc\": \"2.0\",\r\ndata: \"id\": 2, \"result\": {}}\r\n\r\n")
                }
                _ if request.body["id"] == 3 => sse("id: q.1\ndata:\n\n"),
                _ => empty(202),
            }
        }
        .boxed()
    })
    .await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    stdio.initialize().await;
    let own = stdio.next().await;
    assert_eq!(own["params"]["n"], 9, "the server's own message: {own}");
    stdio.send(1, "tools/call", json!({})).await;
    let seen = [stdio.next().await, stdio.next().await, stdio.next().await];
    assert_eq!(seen[0]["params"]["n"], 1);
    assert_eq!(seen[1]["params"]["n"], 2, "after the break");
    assert_eq!(seen[2]["result"]["n"], 1);
    assert_eq!(stdio.ask(2, "ping", json!({})).await["result"], json!({}));
    // One that is not gone on with becomes an error, not silence.
    let lost = stdio.ask(3, "ping", json!({})).await;
    assert!(lost["error"]["message"].as_str().unwrap().contains("look before"), "{lost}");
    assert_eq!(stdio.end().await, Vec::<Value>::new());
}

#[tokio::test]
async fn at_most_sixty_four_requests_are_under_way() {
    let open = Arc::new(AtomicUsize::new(0));
    let let_go = Arc::new(tokio::sync::Semaphore::new(0));
    let most = Arc::new(Mutex::new(0));
    let (counted, waits, peak) = (open.clone(), let_go.clone(), most.clone());
    let server = Recorder::start(move |request| {
        let (counted, waits, peak) = (counted.clone(), waits.clone(), peak.clone());
        async move {
            let alive = Alive::new(&counted);
            {
                let mut peak = peak.lock().unwrap();
                *peak = counted.load(Ordering::SeqCst).max(*peak);
            }
            waits.acquire().await.unwrap().forget();
            drop(alive);
            result(&request, &json!({}))
        }
        .boxed()
    })
    .await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    for id in 0..200 {
        stdio.send(id, "ping", json!({})).await;
    }
    eventually_alive(&open, 64).await;
    let_go.add_permits(200);
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..200 {
        ids.insert(stdio.next().await["id"].as_u64().unwrap());
    }
    assert_eq!((ids.len(), *most.lock().unwrap()), (200, 64));
    stdio.end().await;
}

#[tokio::test]
async fn what_is_in_flight_at_the_end_is_finished() {
    let server = Recorder::start(|request| {
        async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            result(&request, &json!({}))
        }
        .boxed()
    })
    .await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    stdio.send(1, "ping", json!({})).await;
    stdio.send(2, "ping", with_meta(json!({}))).await;
    let mut ids: Vec<_> = stdio.end().await.iter().map(|line| line["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [Some(1), Some(2)]);
}

#[tokio::test]
async fn a_server_that_hangs_does_not_keep_the_bridge() {
    let server = Recorder::start(|_| std::future::pending().boxed()).await;
    let left = async |signal: bool| {
        let mut stdio = Stdio::hosted(&server.url, KEY);
        let arrived = server.requests().len();
        stdio.send(1, "ping", json!({})).await;
        // Later lines wait for it.
        stdio.send(2, "initialize", introduction()).await;
        stdio.send(3, "ping", json!({})).await;
        let both = async || (server.requests().len() == arrived + 2).then_some(());
        eventually("both requests", both).await;
        let started = Instant::now();
        stdio.close();
        if signal {
            tokio::time::sleep(Duration::from_millis(200)).await;
            stdio.signal(Signal::SIGTERM);
        }
        assert_eq!(stdio.ended().await, Vec::<Value>::new());
        started.elapsed()
    };
    // A client that waits gets its five seconds, one that sends a signal does not.
    let (patient, impatient) = (left(false).await, left(true).await);
    assert!(patient < Duration::from_secs(7), "{patient:?}");
    assert!(impatient < Duration::from_secs(3), "{impatient:?}");
}
