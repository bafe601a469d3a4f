//! Clients that are cut off at random points, and resume on the other replica.

use futures_util::{StreamExt as _, stream};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::books::Books;
use super::reading::Reading;
use super::task::{Task, counting_server};
use crate::harness::{Client, Database, Events, PrivateRedis, Server, redis_url};

const CALLS: u64 = 200;
/// Calls at once.
const AT_ONCE: usize = 20;
const COUNTED: u32 = 24;
const SEED: u64 = 11;

/// What becomes of a call: on which of the two it begins, and how many events each connection but the
/// last one reads.
#[derive(Clone, Debug)]
struct Plan {
    task: Task,
    home: usize,
    cuts: Vec<usize>,
}

fn plans() -> Vec<Plan> {
    let mut random = StdRng::seed_from_u64(SEED);
    let plan = |id: u64| {
        // The priming event, the numbers, the answer; a tenth each reads nothing, and the first event
        // alone.
        let first = match id % 10 {
            0 | 1 => 0,
            2 | 3 => 1,
            _ => random.random_range(0..=COUNTED as usize + 2),
        };
        let mut cuts = vec![first];
        if random.random_range(0..3) == 0 {
            cuts.push(random.random_range(0..=COUNTED as usize));
        }
        Plan { task: Task::new(id, COUNTED), home: random.random_range(0..2), cuts }
    };
    (0..CALLS).map(plan).collect()
}

/// Two replicas, and a client at both.
struct Pair {
    clients: [Client; 2],
    books: Books,
    _servers: [Server; 2],
    _database: Database,
}

impl Pair {
    async fn with(variables: &[(&str, &str)]) -> Self {
        let database = Database::new().await;
        let server = async || counting_server(&database, variables).await;
        let servers = [server().await, server().await];
        let client = servers[0].session(&database.editor("a").await).await;
        let clients = [client.clone(), client.at(&servers[1].url)];
        let books = Books::of(&database).await;
        Self { clients, books, _servers: servers, _database: database }
    }

    /// Runs a call, cuts its client off as planned, each time to resume on the other replica.
    async fn run(&self, plan: Plan) -> Reading {
        let Plan { task, home, cuts } = plan;
        let (here, there) = (&self.clients[home], &self.clients[1 - home]);
        let mut reading = Reading::new(task);
        let mut cuts = cuts.into_iter();
        let connection = Events::of(reading.task.call(here).await);
        reading.read(connection, cuts.next().unwrap()).await;
        if reading.last_id.is_none() {
            reading.last_id = self.books.beginning(&reading.task).await;
        }
        for (cut, client) in cuts.zip([there, here]) {
            if reading.answer.is_none() {
                reading.resume(client, cut).await;
            }
        }
        reading.finish(&[there, here]).await;
        reading
    }

    /// What the tables must have in the end.
    async fn check(&self, readings: &[Reading]) {
        assert!(readings.iter().all(Reading::succeeded), "{readings:?}");
        self.books.check(readings).await;
        let writers = readings.iter().filter(|reading| reading.task.document.is_some()).count();
        assert_eq!(self.books.count("select count(*) from documents").await, writers);
        assert_eq!(self.books.count("select count(*) from streams").await, readings.len());
        let messages = readings.len() * (COUNTED as usize + 1);
        assert_eq!(self.books.count("select count(*) from mcp_events").await, messages);
        let connections: usize = readings.iter().map(|reading| reading.connections).sum();
        assert!(connections > readings.len() * 2, "{connections} connections");
    }
}

/// Runs all calls; after half of them, `halfway` happens.
async fn run_all(pair: &Pair, mut halfway: impl AsyncFnMut()) {
    let runs = stream::iter(plans()).map(|plan| pair.run(plan));
    let mut runs = std::pin::pin!(runs.buffer_unordered(AT_ONCE));
    let mut readings = Vec::new();
    while let Some(reading) = runs.next().await {
        readings.push(reading);
        if readings.len() as u64 == CALLS / 2 {
            halfway().await;
        }
    }
    pair.check(&readings).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cut_off_reads_each_message_once_on_the_other_replica_without_redis() {
    run_all(&Pair::with(&[]).await, async || {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cut_off_reads_each_message_once_on_the_other_replica_with_redis() {
    run_all(&Pair::with(&[("REDIS_URL", &redis_url())]).await, async || {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cut_off_reads_each_message_once_although_redis_stops_meanwhile() {
    let mut redis = PrivateRedis::absent();
    redis.start();
    let pair = Pair::with(&[("REDIS_URL", &redis.url())]).await;
    run_all(&pair, async || redis.stop().await).await;
}
