//! What takes too long ends and says so.

use serde_json::json;

use crate::harness::{Client, Database, Login, Server, eventually};

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
async fn a_call_that_takes_too_long_is_rolled_back_and_answered_with_504() {
    let (database, _server, client) =
        with_locked_document(&[("MCP_REQUEST_TIMEOUT_SECONDS", "1")]).await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute(LOCK).await.unwrap();
    let write = json!({ "filename": "a.md", "content": "after" });
    let reply = client.call("write_memory_bank_file", write).await;
    assert_eq!((reply.status, reply.code(), reply.json()["id"].clone()), (504, -32603, json!(1)));
    // Nothing of it waits for the lock any more, so nothing of it can happen later.
    let waiting = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
    eventually("the end of the statement", async || {
        (owner.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    owner.batch_execute("rollback").await.unwrap();
    let read = client.ok("read_memory_bank_file", json!({ "filename": "a.md" })).await;
    assert_eq!((&read["content"], &read["version"]), (&json!("before"), &json!(1)));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_answered_with_503() {
    let (_database, _server, client) =
        with_locked_document(&[("MCP_REQUEST_TIMEOUT_SECONDS", "1")]).await;
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let reply = client.post(reqwest::Body::wrap_stream(never)).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_session_that_cannot_be_prolonged_spoils_no_call() {
    let (database, _server, client) = with_locked_document(&[("DB_LOCK_TIMEOUT_MS", "200")]).await;
    let owner = database.connect(Login::Owner).await;
    owner
        .batch_execute("update sessions set last_seen_at = now() - interval '1 hour'")
        .await
        .unwrap();
    owner.batch_execute("begin; select from sessions for update").await.unwrap();
    assert_eq!(client.write("a.md", "after").await["version"], 2);
    owner.batch_execute("rollback").await.unwrap();
}
