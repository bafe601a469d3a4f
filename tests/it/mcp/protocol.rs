//! Methods, status codes and shapes of the legacy era.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Database, Reply, Server};

#[tokio::test]
async fn initialize_agrees_on_a_version_and_opens_a_session() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await);
    for (asked, agreed) in [
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
    ] {
        let params = json!({
            "protocolVersion": asked,
            "capabilities": { "roots": {} },
            "clientInfo": { "name": "it", "version": "1" },
        });
        let reply = client.rpc("initialize", params).await;
        let result = &reply.json()["result"];
        assert_eq!((reply.status, result["protocolVersion"].as_str()), (200, Some(agreed)));
        let offered = json!({
            "completions": {}, "logging": {}, "prompts": {}, "tools": { "listChanged": true },
            "resources": { "listChanged": true, "subscribe": true },
        });
        assert_eq!(result["capabilities"], offered);
        assert_eq!(result["serverInfo"]["name"], "memory-bank-mcp");
        assert!(result["instructions"].as_str().unwrap().contains("initialize_memory_bank"));
        let id = reply.headers["mcp-session-id"].to_str().unwrap();
        assert!(id.len() == 43 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}

#[tokio::test]
async fn each_kind_of_message_has_its_answer() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;

    let ping = client.rpc("ping", json!({})).await;
    assert_eq!((ping.status, &*ping.text), (200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
    assert_eq!(ping.headers["content-type"], "application/json");
    let text_id = client.post(r#"{"jsonrpc":"2.0","id":"x-1","method":"ping"}"#).await;
    assert_eq!(text_id.text, r#"{"jsonrpc":"2.0","id":"x-1","result":{}}"#);

    for accepted in [
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
    ] {
        let reply = client.post(accepted).await;
        assert_eq!((reply.status, &*reply.text), (202, ""), "{accepted}");
    }
    let unknown = client.rpc("no/such", json!({})).await;
    assert_eq!((unknown.status, unknown.code()), (200, -32601));
    let cursor = client.rpc("tools/list", json!({ "cursor": "x" })).await;
    assert_eq!((cursor.status, cursor.code()), (200, -32602));
}

#[tokio::test]
async fn tools_are_described_and_no_field_of_another_era_is_sent() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let list = client.rpc("tools/list", json!({})).await;
    let tools = list.json()["result"]["tools"].clone();
    let names: Vec<&str> =
        tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "whoami",
            "initialize_memory_bank",
            "get_memory_bank_status",
            "list_memory_bank_files",
            "read_memory_bank_file",
            "write_memory_bank_file",
            "search_memory_bank",
        ]
    );
    let call = client.call("whoami", json!({})).await;
    for reply in [&list, &call] {
        for modern in ["resultType", "ttlMs", "cacheScope", "_meta"] {
            assert!(!reply.text.contains(modern), "{modern}: {}", reply.text);
        }
    }
    let result = &call.json()["result"];
    let text = result["content"][0]["text"].as_str().unwrap();
    let said: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(said, result["structuredContent"], "the text is the structure");
}

#[tokio::test]
async fn every_path_and_method_answers_json_with_the_security_headers() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.client(&database.editor("a").await);
    let put = Reply::of(client.request(Method::PUT)).await;
    assert_eq!(put.status, 405);
    let allow = put.headers["allow"].to_str().unwrap();
    assert!(["POST", "GET", "DELETE"].iter().all(|method| allow.contains(method)), "{allow}");

    let http = reqwest::Client::new();
    let mut replies = vec![put];
    for path in ["/nope", "/.well-known/oauth-protected-resource", "/register", "/health"] {
        replies.push(Reply::of(http.get(format!("{}{path}", server.url))).await);
    }
    assert_eq!(replies[1..].iter().map(|r| r.status).collect::<Vec<_>>(), [404, 404, 404, 200]);
    for reply in replies {
        reply.json();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("x-xss-protection", "0"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(reply.headers[name], value);
        }
        assert!(
            reply.headers.contains_key("x-request-id") && !reply.headers.contains_key("server")
        );
    }
    let given = http.get(format!("{}/live", server.url)).header("x-request-id", "abc-1");
    let plain = Reply::of(given.try_clone().unwrap()).await;
    assert_eq!(plain.headers["x-request-id"], "abc-1");
    assert!(!plain.headers.contains_key("strict-transport-security"));
    let by_tls = Reply::of(given.header("x-forwarded-proto", "https")).await;
    assert_eq!(by_tls.headers["strict-transport-security"], "max-age=31536000");
}
