//! A client that calls one replica with one key all the time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::DEADLINE;
use super::fleet::Fleet;
use crate::harness::{Client, TestKey, eventually};

/// Between two calls: with some reserve for …
const BEAT: Duration = Duration::from_millis(17);
/// … fifty a second.
const SLOWEST: Duration = Duration::from_millis(20);
/// Every so many calls one is a call of a method, with a transaction; the others need none.
const METHOD: usize = 5;

/// When a call was sent and answered, and the status it got; 0 for none.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    pub sent: Instant,
    pub status: u16,
    answered: Instant,
}

/// The calls, until it is stopped.
pub struct Load {
    began: Instant,
    shots: Arc<Mutex<Vec<Shot>>>,
    stopped: CancellationToken,
    calling: JoinHandle<()>,
}

impl Load {
    /// Calls as `client` from now on.
    pub fn on(client: &Client) -> Self {
        let (began, shots, stopped) = (Instant::now(), Arc::default(), CancellationToken::new());
        let calling = tokio::spawn(call(client.modern(), Arc::clone(&shots), stopped.clone()));
        Self { began, shots, stopped, calling }
    }

    /// Waits until `count` calls more have been let in.
    pub async fn let_in(&self, count: usize) {
        let good = || {
            let shots = self.shots.lock().unwrap();
            shots.iter().filter(|shot| shot.status / 100 == 2).count()
        };
        let before = good();
        let what = "calls that are let in";
        eventually(what, async || (good() >= before + count).then_some(())).await;
    }

    /// Stops, and gives all calls.
    pub async fn stop(self) -> Vec<Shot> {
        self.stopped.cancel();
        self.calling.await.unwrap();
        let shots = std::mem::take(&mut *self.shots.lock().unwrap());
        let (count, time) = (shots.len(), self.began.elapsed());
        assert!(time < SLOWEST * count.try_into().unwrap(), "only {count} calls in {time:?}");
        shots
    }
}

/// `key` in use on all replicas, so that what they remember could be believed.
pub async fn busy(fleet: &Fleet, key: &TestKey) -> Vec<Load> {
    let loads = fleet.servers.iter().map(|server| Load::on(&fleet.client(server, key)));
    let loads: Vec<_> = loads.collect();
    for load in &loads {
        load.let_in(20).await;
    }
    loads
}

async fn call(client: Client, shots: Arc<Mutex<Vec<Shot>>>, stopped: CancellationToken) {
    let mut beat = tokio::time::interval(BEAT);
    let mut calls = JoinSet::new();
    for number in 0.. {
        tokio::select! {
            () = stopped.cancelled() => break,
            _ = beat.tick() => {}
        }
        let request = if number % METHOD == 0 {
            client.rpc_request("tools/list", json!({}))
        } else {
            client.nothing()
        };
        let shots = shots.clone();
        calls.spawn(async move {
            let sent = Instant::now();
            let answer = request.timeout(Duration::from_secs(10)).send().await;
            let status = answer.map_or(0, |answer| answer.status().as_u16());
            shots.lock().unwrap().push(Shot { sent, status, answered: Instant::now() });
        });
    }
    calls.join_all().await;
}

/// What became of a key whose revocation began at `started` and was known to be committed at
/// `committed`. Gives how long after that the last call was sent that was let in.
pub fn judged(shots: &[Shot], (started, committed): (Instant, Instant)) -> Duration {
    let good = |shot: &&Shot| shot.status / 100 == 2;
    let odd: Vec<&Shot> = shots.iter().filter(|s| !good(s) && s.status != 401).collect();
    assert!(odd.is_empty(), "neither let in nor refused: {odd:?}");
    let before: Vec<&Shot> = shots.iter().filter(|shot| shot.answered < started).collect();
    assert!(before.len() >= 10 && before.iter().all(good), "{} before", before.len());
    let late: Vec<&Shot> = shots.iter().filter(|shot| shot.sent > committed + DEADLINE).collect();
    let let_in: Vec<_> = late.iter().filter(|shot| good(shot)).map(|shot| shot.sent).collect();
    assert!(late.len() >= 5 && let_in.is_empty(), "{let_in:?} of {} late ones", late.len());
    let last = shots.iter().filter(good).map(|shot| shot.sent).max();
    last.map_or(Duration::ZERO, |last| last.saturating_duration_since(committed))
}
