//! Clients that leave before they have heard anything.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::timeout;

use super::books::Books;
use super::reading::Reading;
use super::replica::replica;
use super::task::Task;
use crate::harness::{Client, Database};

const CALLS: u64 = 120;
const AT_ONCE: usize = 12;
const COUNTED: u32 = 20;
const LEASE: Duration = Duration::from_secs(1);
const SEED: u64 = 12;
/// The longest that a client waits: two to the power of this, in milliseconds.
const PATIENCE: u32 = 9;

async fn call_and_leave(client: &Client, id: u64, patience: Duration) -> Reading {
    let task = Task { pause_ms: 1, ..Task::new(id, COUNTED) };
    let heard = timeout(patience, task.call(client)).await;
    drop(heard);
    Reading::new(task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_it_has_heard_anything_leaves_no_half_of_a_call() {
    let database = Database::new().await;
    let (left, other) = (replica(&database, LEASE).await, replica(&database, LEASE).await);
    let client = left.session(&database.editor("a").await).await;
    let mut random = StdRng::seed_from_u64(SEED);
    let patience: Vec<u64> = (0..CALLS).map(|_| 1 << random.random_range(0..=PATIENCE)).collect();
    let calls = stream::iter((0..).zip(patience));
    let calls =
        calls.map(|(id, millis)| call_and_leave(&client, id, Duration::from_millis(millis)));
    let mut readings: Vec<Reading> = calls.buffer_unordered(AT_ONCE).collect().await;
    // What was begun is waited for.
    left.lifecycle.stopping.cancel();
    left.lifecycle.keepers.wait().await;

    let (books, elsewhere) = (Books::of(&database).await, client.at(&other.url));
    for reading in &mut readings {
        reading.last_id = books.beginning(&reading.task).await;
        if reading.last_id.is_some() {
            reading.finish(&[&elsewhere]).await;
        }
    }
    books.check(&readings).await;
    assert!(readings.iter().any(Reading::succeeded), "nobody stayed long enough");
}
