//! The tools of the toolset `documents`.

use mbmcp::app::Parts;
use mbmcp::mcp::MemoryBank;
use serde_json::json;

use crate::harness::{Database, PgBouncer, Server};

#[tokio::test]
async fn a_document_is_written_listed_read_and_found() {
    let database = Database::new().await;
    works(&database, &Server::on(&database).await).await;
}

#[tokio::test]
async fn the_same_through_a_pooler_of_transactions() {
    let database = Database::new().await;
    let pooler = PgBouncer::before(&database).await;
    let parts = Parts::of(Box::new(MemoryBank::new().unwrap()));
    let variables = [("DB_POOLER", "transaction")];
    let server = Server::made_of(parts, &pooler.url(&database), &variables).await.unwrap();
    works(&database, &server).await;
}

async fn works(database: &Database, server: &Server) {
    let client = server.session(&database.editor("a").await).await;

    let text = "# Guide\r\n\ttabs, \u{1f600} and no end";
    let written = client.write("guides/one.md", text).await;
    assert_eq!((written["version"].as_i64(), written["created"].as_bool()), (Some(1), Some(true)));

    let listed = client.ok("list_memory_bank_files", json!({ "prefix": "guides/" })).await;
    assert_eq!(listed["files"][0]["etag"], written["etag"]);
    let read = client.ok("read_memory_bank_file", json!({ "filename": "guides/one.md" })).await;
    assert_eq!((&read["content"], &read["etag"]), (&json!(text), &written["etag"]));
    let found = client.ok("search_memory_bank", json!({ "query": "tabs" })).await;
    assert_eq!(found["results"][0]["line"], 2);
    assert_eq!(found["results"][0]["heading"], "Guide");
}
