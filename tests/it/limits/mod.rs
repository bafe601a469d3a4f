//! How many calls are answered: limits of keys, addresses and sessions, with and without Redis; calls
//! that wait for the database.

mod arithmetic;
mod by_hand;
mod crowd;
mod headers;
mod outage;
mod patience;
mod refunds;
mod shared;
mod wrong_keys;

use std::time::{Duration, Instant};

use mbmcp::model::Ambient;
use redis::aio::MultiplexedConnection;
use serde_json::json;

use crate::harness::{Client, Database, Reply, Server, redis_url};

/// What stands for a minute.
const MINUTE: Duration = Duration::from_secs(6);

/// What a key has in it.
const LIMIT: u32 = 20;

/// A call: when it was sent, when it was answered, with what.
#[derive(Clone, Copy, Debug)]
struct Call {
    sent: Instant,
    answered: Instant,
    status: u16,
}

/// A call that costs the database nothing.
async fn call(client: &Client) -> Reply {
    client.modern().rpc("server/discover", json!({})).await
}

/// Calls each of `clients` in turn, one call every `pause`, for `time`; waits for none of them.
async fn offer(clients: &[Client], pause: Duration, time: Duration) -> Vec<Call> {
    let (mut beat, start) = (tokio::time::interval(pause), Instant::now());
    let mut calls = Vec::new();
    for client in clients.iter().cycle() {
        beat.tick().await;
        if start.elapsed() >= time {
            break;
        }
        let client = client.clone();
        calls.push(tokio::spawn(async move {
            let sent = Instant::now();
            let status = call(&client).await.status;
            Call { sent, answered: Instant::now(), status }
        }));
    }
    let mut done = Vec::new();
    for call in calls {
        done.push(call.await.unwrap());
    }
    assert!(done.iter().all(|call| [200, 429].contains(&call.status)), "{done:?}");
    done
}

fn accepted(calls: &[Call]) -> Vec<Call> {
    calls.iter().copied().filter(|call| call.status == 200).collect()
}

/// The most calls that were accepted in any time as long as `window`: those that were both sent and
/// answered in it.
fn most_in(window: Duration, accepted: &[Call]) -> usize {
    let within = |start: Instant| {
        let inside = |call: &&Call| call.sent >= start && call.answered <= start + window;
        accepted.iter().filter(inside).count()
    };
    accepted.iter().map(|call| within(call.sent)).max().unwrap_or(0)
}

/// A prefix of names in Redis that nobody else has.
fn prefix() -> String {
    Ambient::default().uuid().unwrap().simple().to_string()
}

/// A replica of all with this prefix, whose minute is short.
async fn replica(database: &Database, prefix: &str, more: &[(&str, &str)]) -> Server {
    let redis = redis_url();
    let variables = [&[("REDIS_URL", &*redis), ("REDIS_KEY_PREFIX", prefix)], more].concat();
    Server::with_minute(database, &variables, MINUTE).await
}

async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}
