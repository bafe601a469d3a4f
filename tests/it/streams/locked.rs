//! Streams whose rows somebody has locked, and events that cannot be stored, beside those of others.

use serde_json::{Value, json};

use super::talker::Talker;
use crate::harness::{Client, Database, Events, Login, Server, eventually};

const COUNT: i64 = 5;

/// A server all of whose answers are streams.
async fn server(database: &Database) -> Server {
    let streams = [("MCP_JSON_RESPONSE", "false")];
    Server::of(Box::new(Talker), database, &streams).await.unwrap()
}

/// Calls and reads the beginning of the stream.
async fn call(client: &Client, id: i64, arguments: Value) -> Events {
    let mut stream = client.stream(id, "tell", arguments).await;
    assert!(stream.event().await.unwrap().id.is_some());
    stream
}

/// The answer that ends `stream`, and whether it is stored.
async fn answer(stream: &mut Events) -> (Value, bool) {
    let event = stream.event().await.unwrap();
    (serde_json::from_str(&event.data.unwrap()).unwrap(), event.id.is_some())
}

#[tokio::test]
async fn locked_streams_delay_no_others_and_go_on_when_they_are_free() {
    let database = Database::new().await;
    let server = server(&database).await;
    let ours = server.session(&database.editor("a").await).await;
    let theirs = server.session(&database.editor("b").await).await;
    let mut stuck = call(&ours, 1, json!({ "before": 500, "messages": 3 })).await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("begin; select from streams for update").await.unwrap();
    for id in 1..=COUNT {
        let mut free = call(&theirs, id, json!({ "messages": 3 })).await;
        for _ in 0..3 {
            assert_eq!(free.message().await.unwrap()["method"], "notifications/progress");
        }
        let (answer, stored) = answer(&mut free).await;
        assert!(answer["result"].is_object() && stored, "{answer}");
    }
    let (silence, early) = (std::time::Duration::from_secs(1), stuck.comments_only());
    assert!(tokio::time::timeout(silence, early).await.is_err(), "control: it is locked");
    owner.batch_execute("rollback").await.unwrap();
    let said = stuck.rest().await;
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[3]["result"].is_object() && stuck.last_id.unwrap().ends_with(".4"), "{said:?}");
}

#[tokio::test]
async fn an_event_that_cannot_be_stored_ends_its_own_stream_alone() {
    let database = Database::new().await;
    let server = server(&database).await;
    let ours = server.session(&database.editor("a").await).await;
    let theirs = server.session(&database.editor("b").await).await;
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("begin; lock table mcp_events in exclusive mode").await.unwrap();
    // Keeps the writer waiting, so that the others come together.
    let mut first = call(&ours, 0, json!({})).await;
    let watcher = database.connect(Login::Owner).await;
    let wait = "select count(*) from pg_stat_activity where datname = current_database() \
                and application_name = 'mbmcp' and wait_event_type = 'Lock'";
    eventually("the writer", async || {
        (watcher.query_one(wait, &[]).await.unwrap().get::<_, i64>(0) == 1).then_some(())
    })
    .await;
    // Short as it is sent, larger than an event may be as Postgres keeps it.
    let mut large = call(&ours, 1, json!({ "numbers": 1_600_000 })).await;
    let mut others = Vec::new();
    for id in 1..=COUNT {
        others.push(call(&theirs, id, json!({})).await);
    }
    owner.batch_execute("rollback").await.unwrap();
    for stream in others.iter_mut().chain([&mut first]) {
        let (answer, stored) = answer(stream).await;
        assert!(answer["result"].is_object() && stored, "{answer}");
    }
    let (large, stored) = answer(&mut large).await;
    let numbers = large["result"]["structuredContent"]["numbers"].as_array().map(Vec::len);
    assert_eq!((numbers, stored), (Some(1_600_000), false));
}
