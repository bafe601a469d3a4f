//! What takes too long ends and says so.

use serde_json::json;

use crate::harness::{Client, Database, Login, Server};

async fn with_locked_document(variables: &[(&str, &str)]) -> (Database, Server, Client) {
    let database = Database::new().await;
    let server = Server::with(&database, variables).await;
    let client = server.session(&database.editor("a").await).await;
    client.write("a.md", "before").await;
    (database, server, client)
}

const LOCK: &str = "begin; select from documents for update";

#[tokio::test]
async fn a_wait_for_another_writer_ends_with_504() {
    let (database, _server, client) = with_locked_document(&[("DB_LOCK_TIMEOUT_MS", "200")]).await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute(LOCK).await.unwrap();
    let write = json!({ "filename": "a.md", "content": "after" });
    let reply = client.call("write_memory_bank_file", write).await;
    assert_eq!((reply.status, reply.code()), (504, -32603));
    assert!(reply.text.contains("undone"), "{}", reply.text);
    owner.batch_execute("rollback").await.unwrap();
    let read = client.ok("read_memory_bank_file", json!({ "filename": "a.md" })).await;
    assert_eq!((&read["content"], &read["version"]), (&json!("before"), &json!(1)));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_with_503() {
    let (database, _server, client) =
        with_locked_document(&[("MCP_REQUEST_TIMEOUT_SECONDS", "1")]).await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute(LOCK).await.unwrap();
    let write = json!({ "filename": "a.md", "content": "after" });
    let reply = client.call("write_memory_bank_file", write).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    owner.batch_execute("rollback").await.unwrap();
}
