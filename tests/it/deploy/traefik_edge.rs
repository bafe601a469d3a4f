//! What Traefik lets in, and what arrives of it on both sides.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Stack;
use crate::harness::{CLIENT, Client, DOMAIN, Reply};

fn message(client: &Client, message: &Value) -> RequestBuilder {
    let request = client.request(Method::POST).header("content-type", "application/json");
    request.body(message.to_string())
}

fn ping(client: &Client) -> RequestBuilder {
    message(client, &json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }))
}

/// The headers of every answer of a server, each of them once.
fn assert_secured(headers: &HeaderMap) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-xss-protection", "0"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("cache-control", "no-store"),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(values, [value], "{name}");
    }
}

#[tokio::test]
async fn answers_arrive_as_the_servers_give_them() {
    let stack = Stack::start().await;
    let client = stack.session().await;
    let named = Reply::of(ping(&client).header("x-request-id", "of-the-client")).await;
    assert_eq!(named.status, 200);
    assert_eq!(named.headers["x-request-id"], "of-the-client");
    assert_secured(&named.headers);
    assert_eq!(stack.line("of-the-client").await["method"], "ping");

    let health = Reply::of(stack.traefik.http.get(stack.traefik.url("/health"))).await;
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("ok")));
    assert_secured(&health.headers);

    // A text that would be much smaller when it is compressed.
    let text = "x".repeat(300 << 10);
    client.write("a.md", &text).await;
    let arguments = json!({ "filename": "a.md", "maxChars": text.len() });
    let params = json!({ "name": "read_memory_bank_file", "arguments": arguments });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let read = message(&client, &call).header("accept-encoding", "gzip, br, zstd");
    let read = Reply::of(read).await;
    assert!(!read.headers.contains_key("content-encoding"));
    assert_eq!(read.json()["result"]["structuredContent"]["content"], text);

    assert_eq!(stack.traefik.complaints(), Vec::<String>::new());
    assert!(!stack.traefik.log().contains(&stack.key.key), "a key was logged");
}

#[tokio::test]
async fn refusals_arrive_with_their_status_and_headers() {
    let stack = Stack::start().await;
    let client = stack.session().await;
    let made_up = format!("{}x", stack.key.key);
    let stranger = Client::over(stack.traefik.http.clone(), &stack.traefik.url("/mcp"), &made_up);
    let unknown = Reply::of(ping(&stranger)).await;
    assert_eq!(unknown.status, 401);
    let challenge = r#"Bearer realm="mbmcp", error="invalid_token""#;
    assert_eq!(unknown.headers["www-authenticate"], challenge);
    assert_secured(&unknown.headers);

    let page = Reply::of(ping(&client).header("origin", "https://evil.test")).await;
    assert_eq!((page.status, &page.json()["status"]), (403, &json!(403)));
    assert_secured(&page.headers);

    // Answered before it has arrived.
    let large = json!({ "filename": "a.md", "content": "x".repeat(8 << 20) });
    let refused = stranger.call("write_memory_bank_file", large.clone()).await;
    assert_eq!(refused.status, 401);
    let refused = client.call("write_memory_bank_file", large).await;
    assert_eq!((refused.status, refused.code()), (413, -32600));
    assert_secured(&refused.headers);
}

#[tokio::test]
async fn a_client_cannot_choose_its_address() {
    const BY_THE_CLIENT: [&[(&str, &str)]; 7] = [
        &[],
        &[("x-forwarded-for", "6.6.6.6")],
        &[("x-forwarded-for", "6.6.6.6, 7.7.7.7"), ("x-forwarded-for", "8.8.8.8")],
        &[("forwarded", "for=6.6.6.6"), ("x-real-ip", "6.6.6.6")],
        &[("x_forwarded_for", "6.6.6.6"), ("x.forwarded.for", "6.6.6.6")],
        // A header that is said to be for the next hop alone goes no further: neither may Traefik's.
        &[("connection", "x-forwarded-for"), ("forwarded", "for=6.6.6.6")],
        &[("connection", "close, X-FORWARDED-FOR"), ("forwarded", "for=6.6.6.6")],
    ];
    let stack = Stack::start().await;
    let client = stack.session().await;
    for (n, headers) in BY_THE_CLIENT.iter().enumerate() {
        let id = format!("call-{n}");
        let mut request = ping(&client).header("x-request-id", &id);
        for (name, value) in *headers {
            request = request.header(*name, *value);
        }
        assert_eq!(Reply::of(request).await.status, 200, "{headers:?}");
        assert_eq!(stack.line(&id).await["client_ip"], json!(CLIENT), "{headers:?}");
    }
}

#[tokio::test]
async fn nothing_but_mcp_api_and_health_is_routed() {
    let stack = Stack::start().await;
    let get = async |path: &str| stack.traefik.get_raw(DOMAIN, path).await.unwrap();
    for path in [
        "/",
        "/metrics",
        "/live",
        "/ready",
        "/health/detail",
        "/admin/drain",
        "/dashboard/",
        "/mcpx",
        "/MCP",
        "/api",
        "//metrics",
        "/health;/ready",
        "/mcp/../metrics",
        "/api/../ready",
        "/api/./../ready",
        "/api/%2e%2e/ready",
        "/health/../ready",
        "/mcp%2f..%2fready",
    ] {
        let answer = get(path).await;
        assert!(answer.ends_with("\r\n\r\n404 page not found\n"), "{path}: {answer}");
    }
    for path in ["/api/..%5cready", "/api/\\..\\ready", "/mcp/%00"] {
        let answer = get(path).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
    }
    // These reach a server, for which they are letters like any others.
    for path in ["/api/..%2fready", "/api/..;/ready"] {
        let answer = get(path).await;
        assert!(answer.contains("there is nothing at this path"), "{path}: {answer}");
    }

    let plain = Reply::of(stack.traefik.http.get(stack.traefik.plain_url("/health"))).await;
    assert_eq!((plain.status, &*plain.text), (404, "404 page not found\n"));
    let refused = stack.traefik.get_raw("other.example.org", "/health").await.unwrap_err();
    assert!(refused.to_string().contains("UnrecognisedName"), "{refused}");
}
