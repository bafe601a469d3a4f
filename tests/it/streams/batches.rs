//! Batches, which sessions of 2025-03-26 alone have.

use serde_json::{Value, json};

use crate::harness::{Client, Database, Server};

async fn session(server: &Server, key: &crate::harness::TestKey, version: &str) -> Client {
    let client = server.client(key);
    let params = json!({
        "protocolVersion": version,
        "capabilities": {},
        "clientInfo": { "name": "it", "version": "1" },
    });
    let opened = client.rpc("initialize", params).await;
    client.with_session(opened.headers["mcp-session-id"].to_str().unwrap())
}

fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

#[tokio::test]
async fn a_batch_is_answered_message_by_message() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = session(&server, &database.editor("a").await, "2025-03-26").await;
    let arguments = json!({ "filename": "a.md", "content": "a" });
    let write = json!({ "name": "write_memory_bank_file", "arguments": arguments });
    let batch = json!([
        request(1, "tools/call", &write),
        { "jsonrpc": "2.0", "method": "notifications/initialized" },
        request(2, "resources/list", &json!({})),
        7,
        request(3, "no/such", &json!({})),
        request(4, "initialize", &json!({})),
    ]);
    let answers = client.post(batch.to_string()).await;
    assert_eq!(answers.status, 200, "{}", answers.text);
    let answers = answers.json();
    let seen: Vec<(&Value, &Value)> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (&answer["id"], &answer["error"]["code"]))
        .collect();
    let (null, refused) = (json!(null), json!(-32600));
    let unknown = json!(-32601);
    let ids = [json!(1), json!(2), json!(3), json!(4)];
    assert_eq!(
        seen,
        [
            (&ids[0], &null),
            (&ids[1], &null),
            (&null, &refused),
            (&ids[2], &unknown),
            (&ids[3], &refused)
        ]
    );
    assert_eq!(answers[1]["result"]["resources"][0]["uri"], "memory-bank://a.md");

    let told = json!([{ "jsonrpc": "2.0", "method": "notifications/initialized" }]);
    let told = client.post(told.to_string()).await;
    assert_eq!((told.status, &*told.text), (202, ""));
}

#[tokio::test]
async fn what_is_no_batch_is_refused_whole() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let old = session(&server, &key, "2025-03-26").await;
    let new = session(&server, &key, "2025-11-25").await;
    let ping = json!([request(1, "ping", &json!({}))]).to_string();
    let many: Vec<Value> = (0..101).map(|id| request(id, "ping", &json!({}))).collect();
    for (client, body, status) in [
        (&old, "[]".to_owned(), 400),
        (&old, json!(many).to_string(), 400),
        (&new, ping.clone(), 400),
        (&server.client(&key), ping.clone(), 400),
        (&old.with_session(&"0".repeat(43)), ping.clone(), 404),
    ] {
        let reply = client.post(body).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        assert!(reply.json()["error"]["message"].is_string());
    }
    assert_eq!(old.post(ping).await.status, 200);
}
