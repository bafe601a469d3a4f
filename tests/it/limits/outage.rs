//! Redis goes away and comes back while calls are counted in it.

use std::time::{Duration, Instant};

use super::{Call, LIMIT, MINUTE, accepted, connect, most_in, offer};
use crate::harness::{Client, Database, PrivateRedis, Server, eventually};

struct Replicas {
    servers: Vec<Server>,
    key: String,
}

impl Replicas {
    async fn new(database: &Database, redis: &PrivateRedis, fallback: &str) -> Self {
        let url = redis.url();
        let variables = [("REDIS_URL", &*url), ("RATE_LIMIT_FALLBACK", fallback)];
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(Server::with_minute(database, &variables, MINUTE).await);
        }
        let key = database.limited("a", i32::try_from(LIMIT).unwrap()).await.key;
        Self { servers, key }
    }

    /// Ten times the limit for `time`: the calls to each replica.
    async fn offer(&self, time: Duration) -> Vec<Vec<Call>> {
        let pause = MINUTE * 3 / (10 * LIMIT);
        let offers = self.servers.iter().map(|server| async {
            offer(&[Client::new(&server.url, &self.key)], pause, time).await
        });
        futures_util::future::join_all(offers).await
    }
}

async fn started(redis: &mut PrivateRedis) {
    redis.start();
    let client = redis::Client::open(redis.url()).unwrap();
    eventually("Redis", async || client.get_multiplexed_async_connection().await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_replica_holds_the_limit_itself_while_redis_is_away_and_together_after_its_return() {
    let limit = LIMIT as usize;
    let database = Database::new().await;
    let mut redis = PrivateRedis::absent();
    started(&mut redis).await;
    let replicas = Replicas::new(&database, &redis, "local").await;
    let (mut gone, mut returned) = (Instant::now(), Instant::now());
    let (calls, ()) = tokio::join!(replicas.offer(MINUTE * 6), async {
        tokio::time::sleep(MINUTE).await;
        redis.stop().await;
        gone = Instant::now();
        tokio::time::sleep(MINUTE * 2).await;
        started(&mut redis).await;
        returned = Instant::now();
    });
    let (mut together, since) = (Vec::new(), returned + Duration::from_secs(1));
    for calls in calls {
        let accepted = accepted(&calls);
        let most = most_in(MINUTE, &accepted);
        assert!(most <= limit, "{most} by one replica");
        let alone = |call: &&Call| call.sent > gone && call.answered < returned;
        let alone = accepted.iter().filter(alone).count();
        assert!(alone >= limit / 2, "{alone} by one replica without Redis");
        together.extend(accepted.into_iter().filter(|call| call.sent >= since));
    }
    let most = most_in(MINUTE, &together);
    assert!(most <= limit * 21 / 20, "{most} by all replicas after the return");
    assert!(together.len() >= limit / 2, "{} after the return", together.len());
    // It counts there again.
    let names: Vec<String> = redis::cmd("KEYS")
        .arg("mbmcp:limit:key:*")
        .query_async(&mut connect(&redis.url()).await)
        .await
        .unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_configured_nothing_is_limited_while_redis_is_away() {
    let database = Database::new().await;
    let mut redis = PrivateRedis::absent();
    let replicas = Replicas::new(&database, &redis, "allow").await;
    let away = replicas.offer(MINUTE / 2).await.concat();
    assert!(away.len() > 2 * LIMIT as usize, "{}", away.len());
    assert_eq!(accepted(&away).len(), away.len());
    started(&mut redis).await;
    let client = Client::new(&replicas.servers[0].url, &replicas.key);
    eventually("a limit", async || (super::call(&client).await.status == 429).then_some(())).await;
}
