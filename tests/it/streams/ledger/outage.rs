//! Events that cannot be stored for a while.

use std::time::Duration;

use tokio::task::JoinSet;

use super::books::Books;
use super::reading::Reading;
use super::replica::replica;
use super::task::Task;
use crate::harness::{Client, Database, Events, Login};

const CALLS: u64 = 16;
const COUNTED: u32 = 100;
const LEASE: Duration = Duration::from_secs(1);
/// Longer than a batch is tried.
const OUTAGE: Duration = Duration::from_secs(2);
const STORE: &str =
    "function app.store_events(uuid[], uuid[], uuid[], bigint[], jsonb[], boolean[])";

/// Reads at its server up to what could not be stored, and the rest elsewhere.
async fn call(task: Task, client: Client, elsewhere: Client) -> Reading {
    let mut reading = Reading::new(task);
    let mut connection = Events::of(reading.task.call(&client).await);
    let mut unstored = None;
    while let Some(event) = connection.event().await {
        let data = event.data.clone().unwrap_or_default();
        if event.id.is_none() && !data.is_empty() {
            assert_eq!(unstored, None, "{data}");
            unstored = Some(serde_json::from_str::<serde_json::Value>(&data).unwrap());
        } else {
            reading.take(event);
        }
    }
    if let Some(answer) = &unstored {
        assert_eq!((&answer["id"], reading.answer.as_ref()), (&reading.task.id.into(), None));
        // Nothing of a change is left whose answer is not stored.
        let refused = answer["error"]["code"].is_i64();
        assert_eq!(refused, reading.task.document.is_some(), "{answer}");
    }
    reading.finish(&[&elsewhere]).await;
    assert!(unstored.is_none() || !reading.succeeded(), "{reading:?}");
    reading
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_an_event_that_was_not_stored_is_not_stored_either() {
    let database = Database::new().await;
    let (server, other) = (replica(&database, LEASE).await, replica(&database, LEASE).await);
    let client = server.session(&database.editor("a").await).await;
    let elsewhere = client.at(&other.url);
    let mut calls = JoinSet::new();
    for id in 0..CALLS {
        // The last ones end before the outage, or after it.
        let pause_ms = 30 + id % 4 * 10;
        let task = Task { pause_ms, ..Task::new(id, COUNTED) };
        calls.spawn(call(task, client.clone(), elsewhere.clone()));
    }
    let books = Books::of(&database).await;
    crate::harness::eventually("events of all", async || {
        let said = "select count(distinct stream_id) from mcp_events where seq > 9";
        (books.count(said).await == CALLS as usize).then_some(())
    })
    .await;
    let superuser = database.connect(Login::Superuser).await;
    superuser.batch_execute(&format!("revoke execute on {STORE} from app_server")).await.unwrap();
    tokio::time::sleep(OUTAGE).await;
    superuser.batch_execute(&format!("grant execute on {STORE} to app_server")).await.unwrap();
    let readings = calls.join_all().await;
    books.check(&readings).await;
    let lost = readings.iter().filter(|reading| !reading.succeeded()).count();
    assert!(lost > 0, "the outage was none");
}
