//! One replica dies in the middle of its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::books::Books;
use super::reading::Reading;
use super::replica::{Replica, replica, serve_if_told};
use super::task::Task;
use crate::harness::{Client, Database, Events, eventually};

const CALLS: u64 = 100;
/// The replica is killed when so many calls are on their way, …
const RUNNING: usize = 50;
/// … and so many done.
const DONE: usize = 15;
const COUNTED: u32 = 24;
const LEASE: Duration = Duration::from_secs(2);
/// What a client may wait besides for a call that is lost.
const MARGIN: Duration = Duration::from_secs(8);

/// How far the clients are.
#[derive(Default)]
struct Stages {
    sent: AtomicUsize,
    heard: AtomicUsize,
    done: AtomicUsize,
}

/// Calls, and reads for as long as the connection lasts.
async fn call(task: Task, client: Client, stages: Arc<Stages>) -> Reading {
    // One after the other, so that they are in all stages.
    tokio::time::sleep(Duration::from_millis(task.id * 12)).await;
    let mut reading = Reading::new(task);
    stages.sent.fetch_add(1, Ordering::Relaxed);
    let Ok(response) = reading.task.request(&client).send().await else { return reading };
    let connection = Events::of(response);
    stages.heard.fetch_add(1, Ordering::Relaxed);
    reading.read(connection, usize::MAX).await;
    if reading.answer.is_some() {
        stages.done.fetch_add(1, Ordering::Relaxed);
    }
    reading
}

/// Waits until calls are in all stages.
async fn in_all_stages(stages: &Stages) {
    let number = |stage: &AtomicUsize| stage.load(Ordering::Relaxed);
    eventually("calls in all stages", async || {
        let (sent, heard, done) =
            (number(&stages.sent), number(&stages.heard), number(&stages.done));
        assert!(sent < CALLS as usize || sent - done >= RUNNING, "too late: {sent} {heard} {done}");
        (sent - done >= RUNNING && done >= DONE).then_some(())
    })
    .await;
}

/// A call that runs for longer than a lease on a replica that lives; its client comes back to it once.
async fn long_call(client: Client) -> Reading {
    let slow = Task { pause_ms: 200, ..Task::new(1000, COUNTED) };
    let mut reading = Reading::new(slow);
    let connection = Events::of(reading.task.call(&client).await);
    reading.read(connection, 3).await;
    reading.finish(&[&client]).await;
    reading
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_replica_that_is_killed_each_call_is_done_and_answered_or_neither() {
    if serve_if_told().await {
        return;
    }
    let name = "streams::ledger::kill::\
                of_a_replica_that_is_killed_each_call_is_done_and_answered_or_neither";
    let database = Database::new().await;
    let books = Books::of(&database).await;
    let variables = [("DB_MAX_CONNECTIONS", "64")];
    let mut killed = Replica::start(name, &database, &variables, LEASE).await;
    let survivor = replica(&database, LEASE).await;
    let client = survivor.session(&database.editor("a").await).await;
    let living = tokio::spawn(long_call(client.clone()));

    let (stages, mut calls) = (Arc::new(Stages::default()), JoinSet::new());
    for id in 0..CALLS {
        let task = Task { pause_ms: 30, ..Task::new(id, COUNTED) };
        calls.spawn(call(task, client.at(&killed.url), stages.clone()));
    }
    in_all_stages(&stages).await;
    killed.kill().await;
    let death = Instant::now();
    let mut readings = Vec::new();
    for mut reading in calls.join_all().await {
        if reading.last_id.is_none() {
            reading.last_id = books.beginning(&reading.task).await;
        }
        let (client, resumes) = (client.clone(), reading.last_id.is_some());
        readings.push(tokio::spawn(async move {
            if resumes {
                reading.finish(&[&client]).await;
            }
            reading
        }));
    }
    let mut ended = Vec::new();
    for reading in readings {
        ended.push(reading.await.unwrap());
    }
    let waited = death.elapsed();
    assert!(waited < LEASE + MARGIN, "a lost call was told of after {waited:?}");
    let living = living.await.unwrap();
    assert!(living.succeeded() && living.connections == 2, "{living:?}");
    books.check(&ended).await;
    let count = |what: fn(&&Reading) -> bool| ended.iter().filter(what).count();
    let lost = |reading: &&Reading| {
        let error = reading.answer.as_ref().and_then(|answer| answer.get("error"));
        error.is_some_and(|error| error["message"].as_str().unwrap().contains("has died"))
    };
    let (succeeded, lost) = (count(|reading| reading.succeeded()), count(lost));
    let unheard = count(|reading| reading.last_id.is_none());
    assert_eq!(succeeded + lost + unheard, ended.len(), "{ended:?}");
    assert!(succeeded >= DONE && lost > 0, "{succeeded} done, {lost} lost, {unheard} unheard");
}
