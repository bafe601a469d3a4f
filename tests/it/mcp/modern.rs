//! The modern era by plain HTTP: shapes, order of the checks, headers.

use mbmcp::mcp::wire::meta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, Database, MODERN, Reply, Server, modern_meta};

const SERVER_INFO: &str = meta::SERVER_INFO;

async fn modern(database: &Database) -> (Server, Client) {
    let server = Server::on(database).await;
    let client = server.client(&database.editor("a").await).modern();
    (server, client)
}

#[tokio::test]
async fn discovery_tells_versions_capabilities_and_how_to_use_the_server() {
    let database = Database::new().await;
    let (_server, client) = modern(&database).await;
    let reply = client.rpc("server/discover", json!({})).await;
    let result = &reply.json()["result"];
    assert_eq!(reply.status, 200);
    let versions = json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]);
    assert_eq!(result["supportedVersions"], versions);
    let (tools, resources) =
        (json!({ "listChanged": true }), json!({ "listChanged": true, "subscribe": true }));
    let offered =
        json!({ "completions": {}, "prompts": {}, "resources": resources, "tools": tools });
    assert_eq!(result["capabilities"], offered);
    assert!(result["instructions"].as_str().unwrap().contains("initialize_memory_bank"));
    assert_eq!(result["_meta"][SERVER_INFO]["name"], "memory-bank-mcp");
    assert!(result.get("serverInfo").is_none());
}

#[tokio::test]
async fn each_result_has_the_shape_of_its_era() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let legacy = server.session(&database.editor("a").await).await;
    legacy.write("notes/a.md", "# A\n").await;
    let client = legacy.modern();
    let read = json!({ "uri": "memory-bank://notes/a.md" });
    let template = json!({ "type": "ref/resource", "uri": "memory-bank://{+path}" });
    let complete = json!({ "ref": template, "argument": { "name": "path", "value": "n" } });
    // Each method, and how long its result may be kept; some say nothing of that.
    for (method, params, fresh) in [
        ("server/discover", json!({}), Some(60_000)),
        ("tools/list", json!({}), Some(60_000)),
        ("prompts/list", json!({}), Some(60_000)),
        ("resources/templates/list", json!({}), Some(60_000)),
        ("resources/list", json!({}), Some(0)),
        ("resources/read", read, Some(0)),
        ("tools/call", json!({ "name": "whoami", "arguments": {} }), None),
        ("prompts/get", json!({ "name": "start_conversation" }), None),
        ("completion/complete", complete, None),
    ] {
        let reply = client.rpc(method, params.clone()).await;
        assert_eq!(reply.headers["content-type"], "application/json", "{method}");
        assert!(!reply.headers.contains_key("mcp-session-id"));
        let result = reply.json()["result"].clone();
        assert_eq!(result["resultType"], "complete", "{method}: {}", reply.text);
        assert_eq!(result["_meta"][SERVER_INFO]["name"], "memory-bank-mcp", "{method}");
        assert_eq!(result["ttlMs"].as_u64(), fresh, "{method}");
        let scope = fresh.map(|_| "private");
        assert_eq!(result["cacheScope"].as_str(), scope, "{method}");
        if method != "server/discover" {
            shape_of_legacy(&legacy, method, params, result).await;
        }
    }
}

/// The legacy answer is the modern one without what only that has.
async fn shape_of_legacy(legacy: &Client, method: &str, params: Value, mut modern: Value) {
    for field in ["resultType", "_meta", "ttlMs", "cacheScope"] {
        modern.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(legacy.rpc(method, params).await.json()["result"], modern, "{method}");
}

#[tokio::test]
async fn a_round_needs_no_session_and_ignores_one() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let client = server.client(&key).modern().with_session("of no meaning");
    let written = client.write("notes/über.md", "# Ü\n\nWe deploy on Fridays.\n").await;
    let read = client.ok("read_memory_bank_file", json!({ "filename": "notes/über.md" })).await;
    assert_eq!(read["etag"], written["etag"]);
    let listed = client.ok("list_memory_bank_files", json!({})).await;
    assert_eq!(listed["files"][0]["updatedClient"], "it", "{listed}");
    let found = client.ok("search_memory_bank", json!({ "query": "fridays" })).await;
    assert_eq!(found["results"][0]["filename"], "notes/über.md");
    let uri = "memory-bank://notes/%C3%BCber.md";
    let resource = client.rpc("resources/read", json!({ "uri": uri })).await;
    assert!(resource.text.contains("We deploy on Fridays."), "{}", resource.text);
    let owner = database.connect(crate::harness::Login::Owner).await;
    let sessions = owner.query_one("select count(*) from sessions", &[]).await.unwrap();
    assert_eq!(sessions.get::<_, i64>(0), 0);
}

/// A request by hand: `_meta` and headers as given.
async fn raw(client: &Client, method: &str, params: Value, headers: &[(&str, &str)]) -> Reply {
    let body = json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params });
    let mut request = client.request(Method::POST).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Reply::of(request.body(body.to_string())).await
}

#[tokio::test]
async fn what_is_wrong_is_said_in_order_with_the_id_of_the_request() {
    let database = Database::new().await;
    let (_server, client) = modern(&database).await;
    let without = |key: &str| {
        let mut meta = modern_meta();
        meta.as_object_mut().unwrap().remove(key);
        meta
    };
    let with = |key: &str, value: Value| {
        let mut meta = modern_meta();
        meta[key] = value;
        meta
    };
    let version = ("mcp-protocol-version", MODERN);
    let list = ("mcp-method", "tools/list");
    let future = with(meta::PROTOCOL_VERSION, json!("2031-01-01"));
    for (meta, headers, status, code) in [
        (Value::Null, vec![version, list], 400, -32602),
        (json!("text"), vec![version, list], 400, -32602),
        (without(meta::PROTOCOL_VERSION), vec![version, list], 400, -32602),
        (without(meta::CLIENT_CAPABILITIES), vec![version, list], 400, -32602),
        (with(meta::CLIENT_CAPABILITIES, json!([])), vec![version, list], 400, -32602),
        (with(meta::CLIENT_INFO, json!({ "name": 1 })), vec![version, list], 400, -32602),
        (with(meta::LOG_LEVEL, json!("loud")), vec![version, list], 400, -32602),
        (with("progressToken", json!(1.5)), vec![version, list], 400, -32602),
        // `_meta` comes before the headers, and they before the version.
        (without(meta::CLIENT_CAPABILITIES), vec![version], 400, -32602),
        (modern_meta(), vec![list], 400, -32020),
        (modern_meta(), vec![("mcp-protocol-version", "2025-11-25"), list], 400, -32020),
        (future.clone(), vec![version, list], 400, -32020),
        (future, vec![("mcp-protocol-version", "2031-01-01")], 400, -32022),
        (modern_meta(), vec![version], 400, -32020),
        (modern_meta(), vec![version, ("mcp-method", "prompts/list")], 400, -32020),
        (modern_meta(), vec![version, ("mcp-method", "TOOLS/LIST")], 400, -32020),
        (modern_meta(), vec![version, list, list], 400, -32020),
        (modern_meta(), vec![version, ("MCP-METHOD", "  tools/list ")], 200, 0),
        (without(meta::CLIENT_INFO), vec![version, list], 200, 0),
    ] {
        let params = if meta.is_null() { json!({}) } else { json!({ "_meta": meta }) };
        let reply = raw(&client, "tools/list", params, &headers).await;
        let answer = reply.json();
        let seen = (reply.status, answer["error"]["code"].as_i64().unwrap_or(0));
        assert_eq!(seen, (status, code), "{meta} {headers:?}: {}", reply.text);
        assert_eq!(answer["id"], "a");
    }
    let unserved = with(meta::PROTOCOL_VERSION, json!("v999"));
    let headers = [("mcp-protocol-version", "v999"), list];
    let reply = raw(&client, "tools/list", json!({ "_meta": unserved }), &headers).await;
    let supported = json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]);
    let data = json!({ "supported": supported, "requested": "v999" });
    assert_eq!((reply.status, reply.code(), &reply.json()["error"]["data"]), (400, -32022, &data));
}

#[tokio::test]
async fn the_header_of_a_name_says_what_the_body_says() {
    let database = Database::new().await;
    let (_server, client) = modern(&database).await;
    let method = "resources/read";
    let uri = "memory-bank://nö";
    let wrapped = "=?base64?bWVtb3J5LWJhbms6Ly9uw7Y=?=";
    for (name, code) in [
        (Some(wrapped), -32602),
        (None, -32020),
        (Some("memory-bank://no"), -32020),
        (Some("=?base64?bWVtb3J5LWJhbms6Ly9uw7Y?="), -32020),
        (Some("=?base64?!!!?="), -32020),
    ] {
        let mut headers = vec![("mcp-protocol-version", MODERN), ("mcp-method", method)];
        headers.extend(name.map(|name| ("mcp-name", name)));
        let params = json!({ "uri": uri, "_meta": modern_meta() });
        let reply = raw(&client, method, params, &headers).await;
        assert_eq!(reply.code(), code, "{name:?}: {}", reply.text);
    }
}

#[tokio::test]
async fn headers_and_fields_that_could_be_read_in_two_ways_are_refused() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let legacy = server.session(&database.editor("a").await).await;
    let client = legacy.modern();
    let modern = ("mcp-protocol-version", MODERN);
    let call = ("mcp-method", "tools/call");
    let nameless = json!({ "arguments": {}, "_meta": modern_meta() });
    let reply = raw(&client, "tools/call", nameless, &[modern, call, ("mcp-name", "whoami")]).await;
    assert_eq!((reply.status, reply.code()), (400, -32020), "{}", reply.text);
    let by_place = json!([modern_meta(), "memory-bank://secret.md", null, null]);
    let headers = [modern, ("mcp-method", "resources/read"), ("mcp-name", "memory-bank://a.md")];
    let reply = raw(&client, "resources/read", by_place, &headers).await;
    assert_eq!((reply.status, reply.code()), (400, -32600), "{}", reply.text);
    let old = ("mcp-protocol-version", "2025-11-25");
    for headers in [[old, modern], [modern, old], [old, old]] {
        let reply = raw(&legacy, "tools/list", json!({}), &headers).await;
        assert_eq!((reply.status, reply.code()), (400, -32600), "{}", reply.text);
    }
    let session = legacy.session.clone().unwrap();
    let twice = [("mcp-session-id", session.as_str())];
    assert_eq!(raw(&legacy, "tools/list", json!({}), &twice).await.status, 400);
    let key = client.request(Method::POST).header("x-api-key", "another");
    assert_eq!(Reply::of(key).await.status, 401);
}

#[tokio::test]
async fn errors_have_the_codes_and_statuses_of_their_era() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let legacy = server.session(&database.editor("a").await).await;
    let client = legacy.modern();
    let missing = json!({ "uri": "memory-bank://nothing.md" });
    for (method, params, old, new) in [
        ("no/such", json!({}), (200, -32601), (404, -32601)),
        ("resources/read", missing, (200, -32002), (200, -32602)),
        ("resources/read", json!({}), (200, -32602), (200, -32602)),
        ("tools/call", json!({ "name": "nope" }), (200, -32602), (200, -32602)),
        ("prompts/get", json!({ "name": "nope" }), (200, -32602), (200, -32602)),
        ("tools/list", json!({ "cursor": "x" }), (200, -32602), (200, -32602)),
    ] {
        for (client, expected) in [(&legacy, old), (&client, new)] {
            let reply = client.rpc(method, params.clone()).await;
            assert_eq!((reply.status, reply.code()), expected, "{method}: {}", reply.text);
            if method == "resources/read" && params["uri"].is_string() {
                assert_eq!(reply.json()["error"]["data"]["uri"], params["uri"]);
            }
        }
    }
    // Of the other era alone.
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe"] {
        let reply = client.rpc(method, json!({})).await;
        assert_eq!((reply.status, reply.code()), (404, -32601), "{method}");
    }
    let refused = client.refused("read_memory_bank_file", json!({})).await;
    assert!(refused.contains("filename"), "{refused}");
}

#[tokio::test]
async fn only_requests_by_post_mean_anything() {
    let database = Database::new().await;
    let (_server, client) = modern(&database).await;
    for method in [Method::GET, Method::DELETE] {
        let request = client.request(method).header("mcp-protocol-version", MODERN);
        let reply = Reply::of(request).await;
        assert_eq!((reply.status, &reply.headers["allow"]), (405, &"POST".parse().unwrap()));
    }
    let old = Reply::of(client.request(Method::GET)).await;
    assert_eq!((old.status, old.code()), (400, -32600), "a session is missing");
    let post = async |body: &'static str| {
        let request = client.request(Method::POST).header("content-type", "application/json");
        Reply::of(request.header("mcp-protocol-version", MODERN).body(body)).await
    };
    let note = post(r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#).await;
    assert_eq!((note.status, &*note.text), (202, ""));
    let response = post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).await;
    assert_eq!((response.status, response.code()), (400, -32600));
}

#[tokio::test]
async fn what_a_client_says_of_itself_has_limits() {
    let database = Database::new().await;
    let (_server, client) = modern(&database).await;
    for (key, value) in [
        (meta::CLIENT_INFO, json!({ "name": "n".repeat(201), "version": "1" })),
        (meta::CLIENT_INFO, json!({ "name": "a\0b", "version": "1" })),
        (meta::CLIENT_CAPABILITIES, json!({ "experimental": { "x": "y".repeat(33_000) } })),
    ] {
        let mut meta = modern_meta();
        meta[key] = value;
        let headers = [("mcp-protocol-version", MODERN), ("mcp-method", "tools/list")];
        let reply = raw(&client, "tools/list", json!({ "_meta": meta }), &headers).await;
        assert_eq!((reply.status, reply.code()), (400, -32602), "{}", reply.text);
    }
}
