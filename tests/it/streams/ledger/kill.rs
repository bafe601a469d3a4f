//! One replica dies in the middle of its calls, or seems to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::books::Books;
use super::reading::Reading;
use super::replica::{self, Replica, serve_if_told};
use super::task::Task;
use crate::harness::{Client, Database, Events, Server, eventually};

const CALLS: usize = 100;
/// The replica dies when so many calls are on their way, …
const RUNNING: usize = 50;
/// … and so many done.
const DONE: usize = 15;
const COUNTED: u32 = 24;
const LEASE: Duration = Duration::from_secs(2);
/// The longest statement of the replica. Postgres ends a transaction that is silent for twice as long,
/// and until then nobody knows what becomes of one that has stored its answer.
const STATEMENT: Duration = Duration::from_secs(3);
/// What a client may wait besides for a call that is lost.
const MARGIN: Duration = Duration::from_secs(8);

/// The test as which a process serves.
const SERVING: &str = "streams::ledger::kill::\
                       of_a_replica_that_is_killed_each_call_is_done_and_answered_or_neither";

/// How far the clients are.
#[derive(Default)]
struct Stages {
    sent: AtomicUsize,
    heard: AtomicUsize,
    done: AtomicUsize,
}

/// A replica with calls in all stages, and one that lives.
struct Scene {
    replica: Replica,
    calls: JoinSet<Reading>,
    /// Cancelled, the clients leave.
    leaving: CancellationToken,
    /// At the replica that lives.
    client: Client,
    books: Books,
    _survivor: Server,
    _database: Database,
}

impl Scene {
    async fn begin() -> Self {
        let database = Database::new().await;
        let statement = STATEMENT.as_millis().to_string();
        let variables = [("DB_MAX_CONNECTIONS", "64"), ("DB_STATEMENT_TIMEOUT_MS", &*statement)];
        let replica = Replica::start(SERVING, &database, &variables, LEASE).await;
        let survivor = replica::replica(&database, LEASE).await;
        let client = survivor.session(&database.editor("a").await).await;
        let (stages, leaving) = (Arc::new(Stages::default()), CancellationToken::new());
        let mut calls = JoinSet::new();
        for id in (0..).take(CALLS) {
            let task = Task { pause_ms: 30, ..Task::new(id, COUNTED) };
            calls.spawn(call(task, client.at(&replica.url), stages.clone(), leaving.clone()));
        }
        in_all_stages(&stages).await;
        let books = Books::of(&database).await;
        Self { replica, calls, leaving, client, books, _survivor: survivor, _database: database }
    }

    /// Calls of which nothing was heard are looked up.
    async fn look_up(&self, readings: &mut [Reading]) {
        for reading in readings.iter_mut().filter(|reading| reading.last_id.is_none()) {
            reading.last_id = self.books.beginning(&reading.task).await;
        }
    }

    /// Reads what is known of to its end, at the replica that lives.
    async fn resume(&self, readings: Vec<Reading>) -> Vec<Reading> {
        let mut resuming = JoinSet::new();
        for mut reading in readings {
            let client = self.client.clone();
            resuming.spawn(async move {
                if reading.last_id.is_some() {
                    reading.finish(&[&client]).await;
                }
                reading
            });
        }
        resuming.join_all().await
    }

    /// Each call that began is answered, and some are lost.
    async fn check(&self, readings: &[Reading]) {
        self.books.check(readings).await;
        let open =
            readings.iter().find(|reading| !never_began(reading) && reading.answer.is_none());
        assert!(open.is_none(), "{open:?}");
        let succeeded = readings.iter().filter(|reading| reading.succeeded()).count();
        let lost = readings.iter().filter(|reading| is_lost(reading)).count();
        assert!(succeeded >= DONE && lost > 0, "{succeeded} done, {lost} lost");
    }
}

fn never_began(reading: &Reading) -> bool {
    reading.last_id.is_none()
}

/// Whether the client was told so.
fn is_lost(reading: &Reading) -> bool {
    let error = reading.answer.as_ref().and_then(|answer| answer.get("error"));
    error.is_some_and(|error| error["message"].as_str().unwrap().contains("has died"))
}

/// Calls, and reads until the connection ends, or its client is told to leave.
async fn call(
    task: Task,
    client: Client,
    stages: Arc<Stages>,
    leaving: CancellationToken,
) -> Reading {
    let mut reading = Reading::new(task);
    tokio::select! {
        () = read(&mut reading, &client, &stages) => {}
        () = leaving.cancelled() => {}
    }
    reading
}

async fn read(reading: &mut Reading, client: &Client, stages: &Stages) {
    // One after the other, so that they are in all stages.
    tokio::time::sleep(Duration::from_millis(reading.task.id * 12)).await;
    stages.sent.fetch_add(1, Ordering::Relaxed);
    let Ok(response) = reading.task.request(client).send().await else { return };
    let connection = Events::of(response);
    stages.heard.fetch_add(1, Ordering::Relaxed);
    reading.read(connection, usize::MAX).await;
    if reading.answer.is_some() {
        stages.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until calls are in all stages.
async fn in_all_stages(stages: &Stages) {
    let number = |stage: &AtomicUsize| stage.load(Ordering::Relaxed);
    eventually("calls in all stages", async || {
        let (sent, heard, done) =
            (number(&stages.sent), number(&stages.heard), number(&stages.done));
        assert!(sent < CALLS || sent - done >= RUNNING, "too late: {sent} {heard} {done}");
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
    let mut scene = Scene::begin().await;
    let living = tokio::spawn(long_call(scene.client.clone()));
    scene.replica.kill().await;
    let death = Instant::now();
    let mut readings = std::mem::take(&mut scene.calls).join_all().await;
    scene.look_up(&mut readings).await;
    let readings = scene.resume(readings).await;
    let waited = death.elapsed();
    assert!(waited < LEASE + MARGIN, "a lost call was told of after {waited:?}");
    let living = living.await.unwrap();
    assert!(living.succeeded() && living.connections == 2, "{living:?}");
    scene.check(&readings).await;
    let known = |reading: &Reading| reading.succeeded() || is_lost(reading) || never_began(reading);
    assert!(readings.iter().all(known), "{readings:?}");
}

/// It has its transactions, and its clients are elsewhere, when it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stood_still_for_longer_than_its_lease_changes_nothing_any_more() {
    let mut scene = Scene::begin().await;
    scene.replica.freeze();
    scene.leaving.cancel();
    let standstill = Instant::now();
    let readings = std::mem::take(&mut scene.calls).join_all().await;
    let mut readings = scene.resume(readings).await;
    let waited = standstill.elapsed();
    assert!(waited < LEASE + STATEMENT * 2 + MARGIN, "a lost call was told of after {waited:?}");
    scene.replica.thaw_and_stop().await;
    // What had reached it is done now.
    scene.look_up(&mut readings).await;
    let readings = scene.resume(readings).await;
    scene.check(&readings).await;
}
