//! Writing loses nobody's update.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Database, Login, Server};

#[tokio::test]
async fn of_twenty_writers_with_one_etag_exactly_one_wins() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let etag = client.write("a.md", "start").await["etag"].clone();
    let writes = (0..20).map(|n| {
        let arguments =
            json!({ "filename": "a.md", "content": format!("writer {n}"), "ifMatchEtag": etag });
        client.call("write_memory_bank_file", arguments)
    });
    let results: Vec<Value> =
        join_all(writes).await.iter().map(|reply| reply.json()["result"].clone()).collect();
    let won: Vec<&Value> = results.iter().filter(|result| result["isError"] == false).collect();
    assert_eq!(won.len(), 1);
    let now = won[0]["structuredContent"]["etag"].as_str().unwrap();
    for lost in results.iter().filter(|result| result["isError"] == true) {
        let sentence = lost["content"][0]["text"].as_str().unwrap();
        assert!(sentence.contains(now) && sentence.contains("read it again"), "{sentence}");
    }
}

#[tokio::test]
async fn of_twenty_creators_exactly_one_creates() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let writes = (0..20).map(|n| {
        let arguments =
            json!({ "filename": "new.md", "content": format!("{n}"), "createOnly": true });
        client.call("write_memory_bank_file", arguments)
    });
    let replies = join_all(writes).await;
    let won = replies.iter().filter(|reply| reply.json()["result"]["isError"] == false).count();
    assert_eq!(won, 1);
    let read = client.ok("read_memory_bank_file", json!({ "filename": "new.md" })).await;
    assert_eq!(read["version"], 1);
}

#[tokio::test]
async fn every_write_is_kept_as_a_revision_signed_by_the_caller() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let client = server.session(&key).await;
    for (n, text) in ["one", "one", "three"].into_iter().enumerate() {
        let written = client.write("a.md", text).await;
        assert_eq!(written["revision"], n + 1);
    }
    let owner = database.connect(Login::Owner).await;
    let sql = "select version, content, created_by, client_name, key_id \
               from document_revisions order by version";
    let rows = owner.query(sql, &[]).await.unwrap();
    let texts: Vec<(i32, &str)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(texts, [(1, "one"), (2, "one"), (3, "three")]);
    for row in &rows {
        assert_eq!(row.get::<_, uuid::Uuid>(2), key.tenant.user().0);
        assert_eq!(row.get::<_, &str>(3), "it");
        assert_eq!(row.get::<_, uuid::Uuid>(4), key.id.0);
    }
}

#[tokio::test]
async fn equal_texts_at_different_times_have_different_etags() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let first = client.write("a.md", "same").await["etag"].clone();
    let second = client.write("a.md", "same").await["etag"].clone();
    assert_ne!(first, second);
    let other = client.write("b.md", "same").await["etag"].clone();
    assert_ne!(first, other);
    let quoted = format!("\"{}\"", second.as_str().unwrap());
    let arguments = json!({ "filename": "a.md", "content": "next", "ifMatchEtag": quoted });
    client.ok("write_memory_bank_file", arguments).await;
    let missing = json!({ "filename": "c.md", "content": "x", "ifMatchEtag": first });
    let sentence = client.refused("write_memory_bank_file", missing).await;
    assert!(sentence.contains("does not exist"), "{sentence}");
}

#[tokio::test]
async fn a_full_project_takes_no_more_and_says_why() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let client = server.session(&key).await;
    let owner = database.connect(Login::Owner).await;
    // Rows as the server makes them, up to one below the limit.
    let sql = "insert into documents (project_id, id, path, content, size_bytes, content_sha256, \
               version, created_by, updated_by) \
               select $1, gen_random_uuid(), 'n/' || n, '', 0, sha256(''), 1, $2, $2 \
               from generate_series(1, 9999) n";
    let (project, user) = (key.tenant.project().0, key.tenant.user().0);
    owner.execute(sql, &[&project, &user]).await.unwrap();
    client.write("last.md", "fits").await;
    let more = json!({ "filename": "more.md", "content": "x" });
    let sentence = client.refused("write_memory_bank_file", more).await;
    assert!(sentence.contains("10000 documents"), "{sentence}");
    client.write("last.md", "what exists can still be written").await;
    let status = client.ok("get_memory_bank_status", json!({})).await;
    assert_eq!((&status["documents"], &status["maxDocuments"]), (&json!(10000), &json!(10000)));
}

#[tokio::test]
async fn writers_of_a_new_document_wait_for_each_other_and_all_are_kept() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let writes = (0..20).map(|n| {
        let client = client.numbered(n);
        async move { client.write("new.md", &format!("writer {n}")).await["version"].clone() }
    });
    let mut versions: Vec<i64> =
        join_all(writes).await.iter().map(|version| version.as_i64().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn initializing_twenty_times_at_once_creates_each_core_document_once() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let calls = (0..20).map(|n| {
        let client = client.numbered(n);
        async move { client.ok("initialize_memory_bank", json!({})).await }
    });
    let created = join_all(calls).await;
    let created = created.iter().flat_map(|result| result["created"].as_array().unwrap());
    assert_eq!(created.count(), 5);
    let status = client.ok("get_memory_bank_status", json!({})).await;
    assert_eq!((&status["initialized"], &status["documents"]), (&json!(true), &json!(5)));
}

#[tokio::test]
async fn a_project_full_of_text_takes_no_longer_texts_and_says_why() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    client.write("small.md", "four").await;
    client.write("vast.md", "x").await;
    let owner = database.connect(Login::Owner).await;
    // One document that stands for a gibibyte less the other's four bytes.
    let plant = "alter table documents drop constraint documents_size_is_of_content; \
                 update documents set size_bytes = 1073741820 where path = 'vast.md'";
    owner.batch_execute(plant).await.unwrap();
    let longer = json!({ "filename": "small.md", "content": "five!" });
    let sentence = client.refused("write_memory_bank_file", longer).await;
    assert!(sentence.contains("1073741824 bytes"), "{sentence}");
    assert_eq!(client.write("small.md", "4444").await["version"], 2, "no longer than before");
}
