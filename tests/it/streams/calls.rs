//! Calls of sessions while they run: cancelled, repeated, left alone, ended with their session.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_postgres::Transaction;

use crate::harness::{Client, Database, Login, Reply, Server, eventually};

const WRITE: &str = "write_memory_bank_file";
const WAITING: &str = "select count(*) from pg_stat_activity \
    where datname = current_database() and wait_event_type = 'Lock'";

/// Holds the document that [`write`] writes.
async fn hold(owner: &mut tokio_postgres::Client) -> Transaction<'_> {
    let lock = owner.transaction().await.unwrap();
    lock.batch_execute("select from documents for update").await.unwrap();
    lock
}

/// Waits until `count` writes wait for who holds the document.
async fn waiting(database: &Database, count: i64) {
    let watcher = database.connect(Login::Owner).await;
    let what = format!("{count} waiting writes");
    eventually(&what, async || {
        let waiting: i64 = watcher.query_one(WAITING, &[]).await.unwrap().get(0);
        (waiting == count).then_some(())
    })
    .await;
}

/// Starts a write of the id `id`; with JSON alone, if its client takes no events.
fn write(client: &Client, id: u64, events: bool) -> tokio::task::JoinHandle<Response> {
    let arguments = json!({ "filename": "plan.md", "content": "after" });
    let params = json!({ "name": WRITE, "arguments": arguments });
    let mut request = client.streamed(id, "tools/call", params).build().unwrap();
    if !events {
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
    }
    tokio::spawn(async move { reqwest::Client::new().execute(request).await.unwrap() })
}

async fn cancel(client: &Client, id: impl Into<Value>) -> Reply {
    let params = json!({ "requestId": id.into(), "reason": "a test" });
    let method = "notifications/cancelled";
    client.post(json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string()).await
}

async fn content(client: &Client) -> Value {
    client.ok("read_memory_bank_file", json!({ "filename": "plan.md" })).await["content"].clone()
}

#[tokio::test]
async fn a_cancelled_call_changes_nothing_and_is_not_answered() {
    let database = Database::new().await;
    let (one, two) = (Server::on(&database).await, Server::on(&database).await);
    let client = one.session(&database.editor("a").await).await;
    client.write("plan.md", "before").await;
    for (server, events) in [(&one, true), (&two, true), (&one, false), (&two, false)] {
        let mut owner = database.connect(Login::Owner).await;
        let lock = hold(&mut owner).await;
        let call = write(&client, 7, events);
        waiting(&database, 1).await;
        // Neither another's call nor one that is not there.
        assert_eq!(cancel(&client.at(&server.url), 8).await.status, 202);
        assert_eq!(cancel(&client.at(&server.url), "7").await.status, 202);
        let stranger = server.session(&database.editor("b").await).await;
        assert_eq!(cancel(&stranger, 7).await.status, 202);
        waiting(&database, 1).await;
        assert_eq!(cancel(&client.at(&server.url), 7).await.status, 202);
        waiting(&database, 0).await;
        let answer = call.await.unwrap();
        let status = answer.status().as_u16();
        let said = answer.text().await.unwrap();
        assert_eq!(status, if events { 200 } else { 202 });
        assert!(!said.contains("jsonrpc"), "{said}");
        lock.rollback().await.unwrap();
        assert_eq!(content(&client).await, "before");
    }
}

#[tokio::test]
async fn an_id_is_used_once_at_a_time() {
    let database = Database::new().await;
    let (one, two) = (Server::on(&database).await, Server::on(&database).await);
    let client = one.session(&database.editor("a").await).await;
    client.write("plan.md", "before").await;
    let mut owner = database.connect(Login::Owner).await;
    let lock = hold(&mut owner).await;
    let call = write(&client, 1, true);
    waiting(&database, 1).await;
    for server in [&one, &two] {
        let again = write(&client.at(&server.url), 1, true).await.unwrap();
        assert_eq!(again.status(), 400);
        assert!(again.text().await.unwrap().contains("use each id once"));
    }
    // Another session may use it.
    let other = one.session(&database.editor("a").await).await;
    assert_eq!(other.rpc("ping", json!({})).await.status, 200);
    lock.rollback().await.unwrap();
    assert!(call.await.unwrap().text().await.unwrap().contains("\"result\""));
    assert_eq!(client.rpc("ping", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_does_not_cancel_and_comes_back_for_the_answer() {
    let database = Database::new().await;
    let (one, two) = (Server::on(&database).await, Server::on(&database).await);
    let client = one.session(&database.editor("a").await).await;
    client.write("plan.md", "before").await;
    let mut owner = database.connect(Login::Owner).await;
    let lock = hold(&mut owner).await;
    let arguments = json!({ "filename": "plan.md", "content": "after" });
    let mut stream = client.stream(3, WRITE, arguments).await;
    let beginning = stream.event().await.unwrap().id.unwrap();
    drop(stream);
    waiting(&database, 1).await;
    let mut resumed = client.at(&two.url).listen(Some(&beginning)).await;
    lock.rollback().await.unwrap();
    let answers = resumed.rest().await;
    assert_eq!((answers.len(), &answers[0]["id"]), (1, &json!(3)), "{answers:?}");
    assert_eq!(content(&client).await, "after");
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_calls_and_streams_everywhere() {
    let database = Database::new().await;
    let (one, two) = (Server::on(&database).await, Server::on(&database).await);
    let client = one.session(&database.editor("a").await).await;
    client.write("plan.md", "before").await;
    let mut owner = database.connect(Login::Owner).await;
    let lock = hold(&mut owner).await;
    let call = write(&client, 1, true);
    let without_events = write(&client, 2, false);
    waiting(&database, 2).await;
    let mut listening = client.listen(None).await;
    let elsewhere = client.at(&two.url);
    let mut resumed = elsewhere.listen(Some(&one_stream(&database).await)).await;
    assert_eq!(elsewhere.delete().await.status, 204);
    waiting(&database, 0).await;
    let ends = async {
        assert_eq!(listening.rest().await, Vec::<Value>::new());
        assert_eq!(resumed.rest().await, Vec::<Value>::new());
        assert!(!call.await.unwrap().text().await.unwrap().contains("jsonrpc"));
        assert_eq!(without_events.await.unwrap().status(), 404);
    };
    timeout(Duration::from_secs(5), ends).await.expect("all ends at once");
    lock.rollback().await.unwrap();
    assert_eq!(client.rpc("ping", json!({})).await.status, 404);
}

/// The beginning of the one stream that answers a call now.
async fn one_stream(database: &Database) -> String {
    let owner = database.connect(Login::Superuser).await;
    let sql = "select id::text from streams where kind = 'post' and closed_at is null";
    format!("{}.0", owner.query_one(sql, &[]).await.unwrap().get::<_, String>(0))
}

#[tokio::test]
async fn a_call_that_takes_long_becomes_a_stream_and_a_quick_one_is_json() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    client.write("plan.md", "before").await;
    let list = async || client.streamed(1, "resources/list", json!({})).send().await.unwrap();
    assert_eq!(list().await.headers()["content-type"], "application/json");
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("begin; lock table documents").await.unwrap();
    let answer = list().await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    owner.batch_execute("rollback").await.unwrap();
    assert!(answer.text().await.unwrap().contains("memory-bank://plan.md"));
}

#[tokio::test]
async fn json_and_streams_are_as_configured() {
    let database = Database::new().await;
    for (mode, read, change) in
        [("auto", false, true), ("false", true, true), ("true", false, false)]
    {
        let server = Server::with(&database, &[("MCP_JSON_RESPONSE", mode)]).await;
        let client = server.session(&database.editor("a").await).await;
        let arguments = json!({ "filename": "plan.md", "content": mode });
        let write = json!({ "name": WRITE, "arguments": arguments });
        for (method, params, streamed) in
            [("resources/list", json!({}), read), ("tools/call", write, change)]
        {
            let answer = client.streamed(1, method, params).send().await.unwrap();
            let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
            assert_eq!(kind == "text/event-stream", streamed, "{mode}: {method}");
            assert!(answer.text().await.unwrap().contains("\"result\""));
        }
    }
}
