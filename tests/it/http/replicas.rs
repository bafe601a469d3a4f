//! Sessions on any replica, and after a crash: the real binary.

use serde_json::json;

use crate::harness::{Database, Process};

#[tokio::test]
async fn a_session_survives_a_server_that_is_killed() {
    let database = Database::new().await;
    let mut server = Process::serve(&database, &[]).await;
    let mut client = server.client(&database.editor("a").await);
    client.initialize().await;
    let etag = client.write("a.md", "before").await["etag"].clone();
    let first = server.id();
    server.kill().await;
    server.restart().await;
    assert_ne!(server.id(), first);
    let next = json!({ "filename": "a.md", "content": "after", "ifMatchEtag": etag });
    assert_eq!(client.ok("write_memory_bank_file", next).await["version"], 2);
}

#[tokio::test]
async fn calls_of_one_session_alternate_between_two_servers() {
    let database = Database::new().await;
    let [one, two] = [Process::serve(&database, &[]).await, Process::serve(&database, &[]).await];
    let mut here = one.client(&database.editor("a").await);
    here.initialize().await;
    let there = here.at(&two.url());
    for n in 0..10 {
        let (writer, reader) = if n % 2 == 0 { (&here, &there) } else { (&there, &here) };
        writer.write("a.md", &format!("{n}")).await;
        let read = reader.ok("read_memory_bank_file", json!({ "filename": "a.md" })).await;
        assert_eq!((&read["content"], &read["version"]), (&json!(n.to_string()), &json!(n + 1)));
    }
    assert_eq!(there.delete().await.status, 204);
    let gone = here.rpc("ping", json!({})).await;
    assert_eq!((gone.status, gone.code()), (404, -32001));
}
