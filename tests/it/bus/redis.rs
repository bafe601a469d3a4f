//! Redis comes and goes, and cannot be used to pretend.

use std::time::{Duration, Instant};

use redis::{AsyncCommands as _, Client};
use serde_json::json;

use super::{
    BY_HINTS, Parts, Replica, commits, create, documents, fresh_stream, next, redis_at, soon, uuid,
};
use crate::harness::{Database, Login, PrivateRedis, Proxy, eventually, redis_url};

#[tokio::test]
async fn nothing_is_missed_while_redis_is_there_stopped_and_back() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let mut redis = PrivateRedis::absent();
    redis.start();
    let [one, two] = Replica::pair(&database, Some(&redis_at(&redis.url())));
    let mut listener = two.listen(&key).await;
    for _ in 0..2 {
        eventually("Redis", async || two.hears(&one).await.then_some(())).await;
        let elapsed = documents(&database, &key, &one, &mut listener).await;
        assert!(elapsed < BY_HINTS, "{elapsed:?}");
        redis.stop().await;
        documents(&database, &key, &one, &mut listener).await;
        assert!(!two.hears(&one).await, "without Redis");
        redis.start();
    }
}

#[tokio::test]
async fn a_connection_that_the_network_lost_without_a_word_is_replaced() {
    let database = Database::new().await;
    let proxy = Proxy::before_redis(&redis_url());
    let [one, two] = Replica::pair(&database, Some(&redis_at(proxy.url())));
    eventually("Redis", async || two.hears(&one).await.then_some(())).await;
    proxy.freeze();
    assert!(!two.hears(&one).await, "through what is lost");
    // It was used just now, so that its silence is noticed some seconds later.
    let start = Instant::now();
    while !two.hears(&one).await {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing is heard again");
    }
}

/// A listener's replica, and how to publish where it hears.
async fn overheard(database: &Database) -> (Replica, String, redis::aio::MultiplexedConnection) {
    let prefix = uuid().simple().to_string();
    let config = mbmcp::config::RedisConfig {
        url: mbmcp::model::Secret::new(redis_url()),
        key_prefix: prefix.clone(),
    };
    let redis = std::sync::Arc::new(mbmcp::store::kv::Redis::new(&config).unwrap());
    let replica =
        Replica::of(database, Parts { redis: Some(redis), name: "overheard", ..Parts::default() });
    let client = Client::open(redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let channel = format!("{prefix}:wake");
    eventually("the subscription", async || {
        let heard: u64 = connection.publish(&channel, "").await.unwrap();
        (heard == 1).then_some(())
    })
    .await;
    (replica, channel, connection)
}

#[tokio::test]
async fn forged_messages_are_heard_by_nobody_and_stop_nothing() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let (replica, channel, mut redis) = overheard(&database).await;
    let mut listener = replica.listen(&key).await;
    let say = |hint: serde_json::Value| json!({ "from": uuid(), "hint": hint }).to_string();
    let streams = |count| (0..count).map(|_| uuid()).collect::<Vec<_>>();
    let forged: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"signals".to_vec(),
        vec![0xff; 100],
        b"{}".to_vec(),
        vec![b'['; 10 << 20],
        say(json!("signals")).into_bytes(),
        say(json!({ "signals": [key.tenant.project()] })).into_bytes(),
        say(json!({ "streams": "all" })).into_bytes(),
        say(json!({ "streams": streams(256) })).into_bytes(),
        say(json!({ "streams": streams(100_000) })).into_bytes(),
    ];
    for message in forged {
        let heard: u64 = redis.publish(&channel, message).await.unwrap();
        assert_eq!(heard, 1);
    }
    create(&database, &key, &["a.md".to_owned()], Duration::ZERO).await;
    assert_eq!(next(&mut listener).await.target, "a.md");
    assert!(replica.orders.lock().unwrap().is_empty());

    // Of which Postgres knows nothing, so that only a hint can tell.
    let stream = fresh_stream();
    let mut follow = replica.bus.follow(key.tenant.project(), stream);
    soon("the first look", follow.news()).await;
    let _: u64 = redis.publish(&channel, say(json!({ "streams": [stream.0] }))).await.unwrap();
    soon("the hint", follow.news()).await;
}

#[tokio::test]
async fn a_storm_of_messages_causes_a_bounded_number_of_reads() {
    const SECONDS: u64 = 2;
    let database = Database::new().await;
    let key = database.editor("a").await;
    let (replica, channel, mut redis) = overheard(&database).await;
    let _listener = replica.listen(&key).await;
    let superuser = database.connect(Login::Superuser).await;
    let before = commits(&superuser).await;
    let hint = json!({ "from": uuid(), "hint": "signals" }).to_string();
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < Duration::from_secs(SECONDS) {
        let heard: u64 = redis.publish(&channel, &hint).await.unwrap();
        assert_eq!(heard, 1);
        sent += 1;
    }
    // What a connection counts it reports a second later.
    let reads = eventually("reads by hints", async || {
        let reads = commits(&superuser).await - before;
        (reads > 40).then_some(reads)
    })
    .await;
    assert!(sent > 1000, "{sent}");
    assert!(reads < 300 * i64::try_from(SECONDS).unwrap(), "{reads} reads of {sent} hints");
}
