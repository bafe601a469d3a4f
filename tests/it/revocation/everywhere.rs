//! A key in use on three replicas is revoked by REST, by the command line and by SQL, with Redis or
//! without. `TEST_REVOCATIONS` says how often.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::DEADLINE;
use super::fleet::{Fleet, WAYS, Way};
use super::load::{Load, judged};
use crate::harness::{Client, Events, TestKey, revocations};
use crate::mcp::listen::{listen, listening};

/// What is the matter with Redis, or with a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing.
    Whole,
    /// Redis is not there.
    Away,
    /// Redis says nothing while keys are revoked, and then knows what it knew before.
    Back,
    /// A replica is replaced by a new one while keys are revoked.
    Restarted,
    /// The replicas reach Postgres through a pooler of transactions.
    Pooled,
}

/// How long something took after the commit, by the way of the revocation.
#[derive(Default)]
struct Figures(BTreeMap<Way, Vec<Duration>>);

impl Figures {
    fn add(&mut self, way: Way, all: impl IntoIterator<Item = Duration>) {
        self.0.entry(way).or_default().extend(all);
    }

    #[expect(clippy::print_stdout, reason = "the figures are part of what these tests are for")]
    fn print(mut self, what: &str) {
        for (way, all) in &mut self.0 {
            all.sort_unstable();
            let at = |percent: usize| all[(all.len() - 1) * percent / 100].as_millis();
            let (p50, p95, p99, max) = (at(50), at(95), at(99), at(100));
            println!(
                "{what}, {way:?}: p50 {p50} p95 {p95} p99 {p99} max {max} ms of {}",
                all.len()
            );
        }
    }
}

/// A key in use.
struct InUse {
    key: TestKey,
    load: Vec<Load>,
    /// When each of its streams has ended.
    streams: Vec<JoinHandle<Instant>>,
}

impl InUse {
    async fn on(fleet: &Fleet) -> Self {
        let key = fleet.key().await;
        let mut streams = Vec::new();
        for server in &fleet.servers {
            let mut client = fleet.client(server, &key);
            client.initialize().await;
            streams.push(watch(client.listen(None).await));
            let lists = json!({ "toolsListChanged": true });
            streams.push(watch(listen(&client.modern(), lists).await));
        }
        let load = fleet.servers.iter().map(|server| Load::on(&fleet.client(server, &key)));
        Self { load: load.collect(), key, streams }
    }
}

fn watch(mut events: Events) -> JoinHandle<Instant> {
    tokio::spawn(async move {
        while events.event().await.is_some() {}
        Instant::now()
    })
}

/// Opens streams until the key is refused; gives when each has ended.
async fn opened(client: Client) -> Vec<JoinHandle<Instant>> {
    let mut streams = Vec::new();
    loop {
        let lists = json!({ "toolsListChanged": true });
        let response = listening(&client.modern(), &json!(1), &lists).send().await.unwrap();
        match response.status().as_u16() {
            200 => streams.push(watch(Events::of(response))),
            401 => return streams,
            other => panic!("{other}"),
        }
    }
}

/// Three keys are revoked, each in another way.
async fn turn(fleet: &mut Fleet, state: State, refused: &mut Figures, closed: &mut Figures) {
    let mut keys = Vec::new();
    for _ in WAYS {
        keys.push(InUse::on(fleet).await);
    }
    for load in keys.iter().flat_map(|key| &key.load) {
        load.let_in(15).await;
    }
    if state == State::Back {
        fleet.redis.freeze();
    }
    let new = if state == State::Restarted { Some(fleet.replica().await) } else { None };
    let opening = new.iter().flat_map(|new| keys.iter().map(|used| fleet.client(new, &used.key)));
    let opening: Vec<_> = opening.map(|client| tokio::spawn(opened(client))).collect();
    let revoking = WAYS.iter().zip(&keys).map(|(&way, used)| fleet.revoke(way, used.key.id));
    let revoked = join_all(revoking).await;
    if state == State::Back {
        fleet.redis.thaw();
    }
    let mut restarted = Vec::new();
    if let Some(new) = new {
        restarted.extend(keys.iter().map(|used| Load::on(&fleet.client(&new, &used.key))));
        fleet.servers.push(new);
    }
    let last = revoked.iter().map(|(_, committed)| *committed).max().unwrap();
    tokio::time::sleep_until((last + DEADLINE + Duration::from_millis(300)).into()).await;

    let restarted = join_all(restarted.into_iter().map(Load::stop)).await;
    for (ends, (_, committed)) in join_all(opening).await.into_iter().zip(&revoked) {
        for end in ends.unwrap() {
            let end = end.await.unwrap().saturating_duration_since(*committed);
            assert!(end < DEADLINE, "on a replica that is new: {end:?}");
        }
    }
    for (shots, (_, committed)) in restarted.iter().zip(&revoked) {
        let late = shots.iter().filter(|shot| shot.sent > *committed + DEADLINE);
        assert!(late.clone().count() > 0 && late.clone().all(|shot| shot.status == 401));
    }
    for ((used, &way), &revoking) in keys.into_iter().zip(&WAYS).zip(&revoked) {
        let shots = join_all(used.load.into_iter().map(Load::stop)).await;
        refused.add(way, shots.iter().map(|shots| judged(shots, revoking)));
        let ends = join_all(used.streams).await.into_iter().map(|end| end.unwrap());
        let ends: Vec<_> = ends.map(|end| end.saturating_duration_since(revoking.1)).collect();
        assert!(ends.iter().all(|end| *end < DEADLINE), "{way:?}: {ends:?}");
        closed.add(way, ends);
    }
    if state == State::Restarted {
        fleet.servers.swap_remove(1).lifecycle.stopping.cancel();
    }
}

/// One of these is load enough.
static ALONE: Mutex<()> = Mutex::const_new(());

async fn revoke_in_turns(state: State) {
    let _alone = ALONE.lock().await;
    let mut fleet = match state {
        State::Pooled => Fleet::pooled().await,
        _ => Fleet::start().await,
    };
    if state == State::Away {
        fleet.redis.stop().await;
    }
    let (mut refused, mut closed) = Default::default();
    for _ in 0..revocations() {
        turn(&mut fleet, state, &mut refused, &mut closed).await;
    }
    refused.print(&format!("last call let in, {state:?}"));
    closed.print(&format!("stream closed, {state:?}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_on_all_replicas_within_a_second() {
    revoke_in_turns(State::Whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_without_redis_too() {
    revoke_in_turns(State::Away).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_stays_so_when_redis_is_back() {
    revoke_in_turns(State::Back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_stays_so_on_a_replica_that_is_new() {
    revoke_in_turns(State::Restarted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_through_a_pooler_too() {
    revoke_in_turns(State::Pooled).await;
}
