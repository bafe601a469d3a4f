//! The bridge to a hosted server: sessions that end, keys that are wrong, servers that are away.

use serde_json::{Value, json};

use super::Stdio;
use crate::harness::{Database, Login, Process};

#[tokio::test]
async fn a_lost_session_is_replaced_without_a_word() {
    let database = Database::new().await;
    let mut server = Process::serve(&database, &[]).await;
    let key = database.editor("a").await.key;
    let mut stdio = Stdio::hosted(&server.url(), &key);
    stdio.initialize().await;
    let write = json!({ "filename": "a.md", "content": "kept" });
    stdio.call(1, "write_memory_bank_file", write).await;
    let owner = database.connect(Login::Owner).await;
    owner.execute("delete from sessions", &[]).await.unwrap();

    // Many calls at once find it lost: one new session, and every call is answered once.
    for id in 10..20 {
        stdio.send(id, "ping", json!({})).await;
    }
    for _ in 10..20 {
        let answer = stdio.answer().await;
        assert!(answer["error"].is_null() && answer["id"].is_u64(), "{answer}");
    }
    let count = "select count(*) from sessions where client_name = 'stdio-test' \
                 and expires_at > now()";
    let count = async || owner.query_one(count, &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(count().await, 1);

    server.kill().await;
    server.restart().await;
    let read = stdio.call(30, "read_memory_bank_file", json!({ "filename": "a.md" })).await;
    assert_eq!(read["content"], "kept");
    assert_eq!(stdio.log(), "");
    assert_eq!(stdio.end().await, Vec::<Value>::new());
    assert_eq!(count().await, 0, "it ended its session");
}

#[tokio::test]
async fn a_wrong_key_is_said_to_the_client_and_in_its_log() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let wrong = format!("{}x", database.editor("a").await.key);
    let mut stdio = Stdio::hosted(&server.url(), &wrong);
    let refused = stdio.ask(0, "initialize", super::introduction()).await;
    assert_eq!(refused["error"]["code"], -32603, "{refused}");
    let sentence = refused["error"]["message"].as_str().unwrap();
    assert!(sentence.starts_with("the server answered 401: "), "{sentence}");
    assert!(sentence.contains("MBMCP_KEY"), "{sentence}");
    assert!(stdio.log().contains(sentence), "{}", stdio.log());
    assert!(!stdio.log().contains(&wrong) && !sentence.contains(&wrong));
    stdio.end().await;

    let mut without = crate::harness::mbmcp();
    without.args(["stdio", "--url", &format!("{}/mcp", server.url())]);
    let mut without = Stdio::spawn(without);
    let refused = without.ask(0, "initialize", super::introduction()).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("401"), "{refused}");
    assert!(without.log().contains("no API key is given"), "{}", without.log());
    without.end().await;
}

#[tokio::test]
async fn the_key_may_stand_in_a_file_and_only_one_key_is_taken() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let key = database.editor("a").await.key;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{key}\n")).unwrap();
    let command = || {
        let mut command = crate::harness::mbmcp();
        command.args(["stdio", "--url", &format!("{}/mcp", server.url()), "--key-file"]);
        command.arg(&file);
        command
    };
    let mut stdio = Stdio::spawn(command());
    stdio.initialize().await;
    stdio.end().await;
    let both = command().env("MBMCP_KEY", &key).output().await.unwrap();
    assert_eq!(both.status.code(), Some(78), "{both:?}");
    assert!(both.stdout.is_empty() && !String::from_utf8_lossy(&both.stderr).contains(&key));
}

#[tokio::test]
async fn a_server_that_is_away_is_said_and_comes_back() {
    let database = Database::new().await;
    let key = database.editor("a").await.key;
    let mut nobody = Stdio::hosted("http://127.0.0.1:1", &key);
    let refused = nobody.ask(0, "initialize", super::introduction()).await;
    let sentence = refused["error"]["message"].as_str().unwrap();
    assert!(sentence.contains("127.0.0.1 cannot be reached"), "{sentence}");
    assert!(sentence.contains("refused"), "{sentence}");
    nobody.end().await;

    let mut server = Process::serve(&database, &[]).await;
    let mut stdio = Stdio::hosted(&server.url(), &key);
    stdio.initialize().await;
    stdio.ask(1, "ping", json!({})).await;
    server.kill().await;
    let away = stdio.ask(2, "ping", json!({})).await;
    assert_eq!(away["error"]["code"], -32603, "{away}");
    server.restart().await;
    assert!(stdio.ask(3, "ping", json!({})).await["error"].is_null());
    server.kill().await;
    // Nothing holds up the end.
    stdio.end().await;
}

#[tokio::test]
async fn a_message_that_the_server_finds_too_large_is_answered_with_its_id() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    let mut stdio = Stdio::hosted(&server.url(), &database.editor("a").await.key);
    stdio.initialize().await;
    let content = "x".repeat(3 << 20);
    for id in 1..5 {
        let write = json!({ "name": "write_memory_bank_file",
            "arguments": { "filename": "a.md", "content": content } });
        let large = stdio.ask(id, "tools/call", write).await;
        assert!(large["error"]["message"].as_str().unwrap().contains("1048576"), "{large}");
        let next = stdio.ask(id + 10, "ping", json!({})).await;
        assert!(next["error"].is_null(), "{next}");
    }
    stdio.end().await;
}
