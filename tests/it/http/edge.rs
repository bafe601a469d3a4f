//! Proxies, origins, bodies that nobody reads, endpoints of one project.

use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Client, Database, Process, Reply, Server, TestKey};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

fn ping(client: &Client) -> RequestBuilder {
    client.request(Method::POST).header("content-type", "application/json").body(PING)
}

/// A key of the right form that nobody was given.
pub(super) fn made_up() -> String {
    let entropy = mbmcp::model::Entropy::default();
    mbmcp::access::key::ApiKey::generate(&entropy, false).unwrap().reveal().to_owned()
}

/// Presents wrong keys as `X-Forwarded-For: from`, until one is held off.
async fn exhaust(server: &Server, from: impl Fn(u8) -> String) -> bool {
    for n in 0..60 {
        let request = Client::new(&server.url, &made_up()).request(Method::POST);
        if Reply::of(request.header("x-forwarded-for", from(n))).await.status == 429 {
            return true;
        }
    }
    false
}

async fn status_from(server: &Server, key: &TestKey, from: &str) -> u16 {
    let request = server.client(key).request(Method::POST).header("x-forwarded-for", from);
    Reply::of(request).await.status
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let key = database.editor("a").await;
    assert!(exhaust(&server, |_| "198.51.100.7".to_owned()).await);
    assert_eq!(status_from(&server, &key, "198.51.100.7").await, 429);
    assert_eq!(status_from(&server, &key, "198.51.100.8").await, 415, "let in");
    // What stands before the proxy's own entry is the client's word.
    let server = Server::with(&database, &[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    assert!(exhaust(&server, |n| format!("203.0.113.{n}, 198.51.100.7")).await);
}

#[tokio::test]
async fn a_header_from_an_untrusted_peer_is_not_read() {
    let database = Database::new().await;
    for variables in [("TRUSTED_PROXIES", "10.0.0.0/8"), ("TRUST_PROXY_HOPS", "0")] {
        let server = Server::with(&database, &[variables]).await;
        assert!(exhaust(&server, |n| format!("203.0.113.{n}")).await, "{variables:?}");
    }
}

#[tokio::test]
async fn what_is_no_text_does_not_lead_to_another_header() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let through_a_proxy = HeaderValue::from_bytes(b"\xff, 203.0.113.9").unwrap();
    let mut held_off = false;
    for n in 0..60 {
        let request = Client::new(&server.url, &made_up()).request(Method::POST);
        let request = request.header("x-forwarded-for", through_a_proxy.clone());
        let reply = Reply::of(request.header("forwarded", format!("for=6.6.6.{n}"))).await;
        held_off |= reply.status == 429;
    }
    assert!(held_off, "each request had an address of its own");
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_before_its_key_is_asked_for() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("ALLOWED_ORIGINS", "https://app.test")]).await;
    let client = server.session(&database.editor("a").await).await;
    let with =
        |client: &Client, origin: &'static str| Reply::of(ping(client).header("origin", origin));
    let good = with(&client, "https://app.test").await;
    assert_eq!(good.status, 200);
    assert_eq!(good.headers["access-control-allow-origin"], "https://app.test");
    let exposed = good.headers["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("mcp-session-id"), "{exposed}");

    let stranger = Client::new(&server.url, "nonsense");
    for origin in ["https://evil.test", "null", "http://localhost:5173"] {
        for client in [&client, &stranger] {
            let refused = with(client, origin).await;
            assert_eq!(refused.status, 403, "{origin}");
            assert!(!refused.headers.contains_key("access-control-allow-origin"));
            refused.json();
        }
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_names_nothing() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await.key;
    let odd = Client::at_path(&server.url, "/mcp/%FF", &key).rpc("ping", json!({})).await;
    let unknown = Client::at_path(&server.url, "/mcp/unknown", &key).rpc("ping", json!({})).await;
    assert_eq!((odd.status, &odd.text), (404, &unknown.text));
}

#[tokio::test]
async fn what_a_browser_asks_beforehand_needs_no_key() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("ALLOWED_ORIGINS", "https://app.test")]).await;
    let ask = async |origin: &str| {
        let request =
            reqwest::Client::new().request(Method::OPTIONS, format!("{}/mcp", server.url));
        let request =
            request.header("origin", origin).header("access-control-request-method", "PUT");
        let wanted = "x-api-key,mcp-session-id,mcp-param-region";
        Reply::of(request.header("access-control-request-headers", wanted)).await
    };
    let allowed = ask("https://app.test").await;
    assert_eq!(allowed.status, 200);
    let headers = allowed.headers["access-control-allow-headers"].to_str().unwrap();
    assert_eq!(headers, "x-api-key,mcp-session-id,mcp-param-region");
    let methods = allowed.headers["access-control-allow-methods"].to_str().unwrap();
    assert_eq!(methods, "GET,POST,PUT,PATCH,DELETE");
    assert_eq!(ask("https://evil.test").await.status, 403);
}

#[tokio::test]
async fn a_server_on_loopback_answers_to_names_of_this_machine_only() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let mut client = server.client(&database.editor("a").await);
    client.initialize().await;
    for (host, origin, status) in [
        ("localhost:1", None, 200),
        ("127.0.0.1:9", Some("http://localhost:5173"), 200),
        ("evil.test", None, 403),
        ("localhost", Some("http://evil.test"), 403),
    ] {
        let mut request = ping(&client).header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        assert_eq!(Reply::of(request).await.status, status, "{host} {origin:?}");
    }
}

#[tokio::test]
async fn the_endpoint_of_a_project_serves_its_keys_only() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let own = database.editor("a").await;
    database.editor("b").await;
    let mut client = Client::at_path(&server.url, "/mcp/a", &own.key);
    client.initialize().await;
    client.write("a.md", "x").await;
    // A session belongs to the project, not to the path.
    let plain = client.at(&server.url);
    assert_eq!(plain.rpc("ping", json!({})).await.status, 200);

    let at = async |path: &str| {
        let client = Client::at_path(&server.url, path, &own.key);
        let reply = Reply::of(ping(&client)).await;
        (reply.status, reply.text)
    };
    let (foreign, unknown) = (at("/mcp/b").await, at("/mcp/nobody").await);
    assert_eq!(foreign.0, 404);
    assert_eq!(foreign, unknown);
    let stranger = Client::at_path(&server.url, "/mcp/a", "nonsense");
    assert_eq!(Reply::of(ping(&stranger)).await.status, 401);
}

/// What is answered to 8 MiB without a key.
async fn answer_to_a_large_body(server: &Server, header: &str, body: bool) -> String {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 8388608\r\n{header}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..if body { 8 } else { 0 } {
        stream.write_all(&vec![b' '; 1 << 20]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_answer_before_the_end_of_a_body_is_not_lost() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    // A client that sends everything before it reads, as some proxies do.
    let answer = answer_to_a_large_body(&server, "connection: close", true).await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with('}'), "{answer}");
    // One that asks first is not told to go on, nor waited for.
    let asks = "connection: close\r\nexpect: 100-continue";
    let answer = answer_to_a_large_body(&server, asks, false);
    let answer = tokio::time::timeout(Duration::from_secs(2), answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with('}'), "{answer}");
}
