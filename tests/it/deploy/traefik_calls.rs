//! MCP through Traefik.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::routing;
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

use super::Stack;
use crate::harness::{Login, Traefik};

#[tokio::test]
async fn a_session_lives_on_both_servers() {
    let stack = Stack::start().await;
    let client = stack.session().await;
    let read = json!({ "filename": "a.md" });
    for n in 1..=6 {
        // The next call goes to the other server.
        client.write("a.md", &n.to_string()).await;
        let found = client.ok("read_memory_bank_file", read.clone()).await;
        assert_eq!((&found["content"], &found["version"]), (&json!(n.to_string()), &json!(n)));
        client.ok("whoami", json!({})).await;
    }
    for server in &stack.servers {
        let log = server.log();
        for tool in ["write_memory_bank_file", "read_memory_bank_file", "whoami"] {
            let count = log.matches(&format!("\"tool\":\"{tool}\"")).count();
            assert!((2..=4).contains(&count), "{tool}: {count} calls");
        }
    }
    let project = stack.traefik.client("/mcp/a", &stack.key);
    let project = project.with_session(client.session.as_deref().unwrap());
    assert_eq!(project.ok("read_memory_bank_file", read).await["content"], "6");
    let foreign = stack.traefik.client("/mcp/b", &stack.key).rpc("ping", json!({})).await;
    assert_eq!((foreign.status, &foreign.json()["status"]), (404, &json!(404)));

    assert_eq!(client.delete().await.status, 204);
    for _ in 0..2 {
        assert_eq!(client.rpc("ping", json!({})).await.status, 404);
    }
}

#[tokio::test]
async fn a_slow_call_is_waited_for() {
    let stack = Stack::start().await;
    let client = stack.session().await;
    client.write("a.md", "before").await;
    let owner = stack.database.connect(Login::Owner).await;
    owner.batch_execute("begin; select from documents for update").await.unwrap();
    let began = Instant::now();
    let release = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        owner.batch_execute("rollback").await.unwrap();
    };
    let (written, ()) = tokio::join!(client.write("a.md", "after"), release);
    assert_eq!(written["version"], 2);
    assert!(began.elapsed() >= Duration::from_secs(3));
}

/// How long the events of the stub are apart.
const PAUSE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_stream_is_neither_held_back_nor_cut_off() {
    let url = stub_that_streams().await;
    // For the test, the minute in which a body must arrive is shorter than the stream.
    let short = [("readTimeout: 60s", "readTimeout: 1s")];
    let traefik = Traefik::with([&url, &url], &short).await;
    let stream = async |method: Method| {
        let began = Instant::now();
        let request = traefik.http.request(method.clone(), traefik.url("/mcp")).body("{}");
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: first\n\n", "{method}");
        assert!(began.elapsed() < PAUSE / 2, "{method}: held back");
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: last\n\n", "{method}");
        assert_eq!(answer.chunk().await.unwrap(), None, "{method}");
        assert!(began.elapsed() >= PAUSE);
    };
    tokio::join!(stream(Method::GET), stream(Method::POST));
}

/// A server that sends events for longer than any real call lasts.
async fn stub_that_streams() -> String {
    let events = async || {
        // Traefik 3.7 cuts about one in a hundred streams that begin within a millisecond of their
        // request, which a server that asks a database first never does.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let first = stream::once(async { Ok::<_, Infallible>("data: first\n\n") });
        let last = stream::once(async {
            tokio::time::sleep(PAUSE).await;
            Ok("data: last\n\n")
        });
        Body::from_stream(first.chain(last))
    };
    let router = axum::Router::new()
        .route("/mcp", routing::get(events).post(events))
        .route("/{probe}", routing::get(async || "ready"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
