//! The tools of the toolset `documents`.

use serde_json::json;

use crate::harness::{Database, Server};

#[tokio::test]
async fn a_document_is_written_listed_read_and_found() {
    works(&[]).await;
}

#[tokio::test]
async fn the_same_with_unnamed_statements_as_a_pooler_needs_them() {
    works(&[("DB_POOLER", "transaction")]).await;
}

async fn works(variables: &[(&str, &str)]) {
    let database = Database::new().await;
    let server = Server::with(&database, variables).await;
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
