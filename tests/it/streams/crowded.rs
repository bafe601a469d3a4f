//! Calls of a project that has no connection left for their streams.

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::questions::{answer, session};
use super::talker::Talker;
use crate::harness::{Client, Database, Events, Login, Server, eventually};

/// A server whose projects have a connection each, for which a call waits so long.
async fn server(database: &Database, milliseconds: &str) -> Server {
    let variables =
        [("DB_MAX_CONNECTIONS_PER_PROJECT", "1"), ("DB_ACQUIRE_TIMEOUT_MS", milliseconds)];
    Server::of(Box::new(Talker), database, &variables).await.unwrap()
}

type Answer = tokio::task::JoinHandle<reqwest::Response>;

fn tell(client: &Client, id: u64, arguments: &Value) -> Answer {
    let params = json!({
        "name": "tell", "arguments": arguments, "_meta": { "progressToken": "token" },
    });
    tokio::spawn(client.streamed(id, "tools/call", params).send().map(Result::unwrap))
}

/// Two calls: the first has the connection, for a second before it says anything; the second waits for
/// it, and is the next to have it.
async fn two(database: &Database, client: &Client, first: Value, second: Value) -> [Answer; 2] {
    let owner = database.connect(Login::Owner).await;
    let first = tell(client, 1, &first);
    let holds = "select count(*) from pg_stat_activity where datname = current_database() \
                 and application_name = 'mbmcp' and state = 'idle in transaction'";
    eventually("the first call", async || {
        let holding: i64 = owner.query_one(holds, &[]).await.unwrap().get(0);
        (holding == 1).then_some(())
    })
    .await;
    [first, tell(client, 2, &second)]
}

fn is_json(answer: &reqwest::Response) -> bool {
    answer.headers()["content-type"] == "application/json"
}

#[tokio::test]
async fn an_answer_that_is_ready_does_not_wait_for_its_stream() {
    let database = Database::new().await;
    let server = server(&database, "30000").await;
    let client = server.session(&database.editor("a").await).await;
    let first = json!({ "before": 1000, "messages": 1, "after": 500 });
    let [first, second] = two(&database, &client, first, json!({ "before": 3000 })).await;
    let first = first.await.unwrap();
    assert!(is_json(&first) && first.text().await.unwrap().contains("\"result\""));
    assert!(!second.is_finished(), "the first waited for it");
    assert!(second.await.unwrap().text().await.unwrap().contains("\"result\""));
    // The row that came too late is nobody's.
    let owner = database.connect(Login::Owner).await;
    eventually("the end of all streams", async || {
        let sql = "select count(*), count(*) filter (where closed_at is null) from streams";
        let row = owner.query_one(sql, &[]).await.unwrap();
        (row.get::<_, i64>(0) == 2 && row.get::<_, i64>(1) == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_question_goes_out_when_its_stream_is_there() {
    let database = Database::new().await;
    let server = server(&database, "1500").await;
    let key = database.editor("a").await;
    let client = session(&server, &key, json!({ "elicitation": {} })).await;
    let first = json!({ "before": 1000, "ask": true });
    let [first, second] = two(&database, &client, first, json!({ "before": 3000 })).await;
    let mut first = Events::of(first.await.unwrap());
    let question = first.message().await.unwrap();
    assert_eq!(question["params"]["message"], "Sure?", "{question}");
    answer(&client, &question, json!({ "result": { "action": "decline" } })).await;
    let said = first.rest().await;
    assert!(said.len() == 1 && said[0]["result"].is_object(), "{said:?}");
    assert!(second.await.unwrap().text().await.unwrap().contains("\"result\""));
}
