//! Redis comes and goes, and cannot be used to pretend.

use std::time::{Duration, Instant};

use redis::{AsyncCommands as _, Client as RedisClient};
use serde_json::json;
use tokio::time::timeout;

use crate::harness::{
    Client, Database, Login, PrivateRedis, Reply, Server, TestKey, eventually, redis_url,
    seconds_of_load,
};

async fn redis_in_health(server: &Server) -> String {
    let health = reqwest::get(format!("{}/health", server.url)).await.unwrap();
    assert_eq!(health.status(), 200);
    let health: serde_json::Value = health.json().await.unwrap();
    health["redis"].as_str().unwrap().to_owned()
}

/// Twenty calls a second for `time`: by a key in use, and by fresh ones, which ask Redis every
/// time. Each must succeed.
async fn load(
    server: &Server,
    client: &Client,
    fresh: &mut impl Iterator<Item = TestKey>,
    time: Duration,
) {
    let start = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(50));
    while start.elapsed() < time {
        beat.tick().await;
        client.ok("whoami", json!({})).await;
        beat.tick().await;
        let key = fresh.next().expect("enough keys");
        // 415: authenticated, and the body is of no type.
        let request = server.client(&key).request(reqwest::Method::POST);
        assert_eq!(Reply::of(request).await.status, 415);
    }
}

#[tokio::test]
async fn no_call_fails_while_redis_is_absent_then_present_then_stopped() {
    let database = Database::new().await;
    let mut redis = PrivateRedis::absent();
    let server = Server::with(&database, &[("REDIS_URL", &redis.url())]).await;
    let client = server.session(&database.editor("a").await).await;
    let mut keys = Vec::new();
    for _ in 0..seconds_of_load().as_secs() * 10 + 10 {
        keys.push(database.editor("a").await);
    }
    let mut fresh = keys.into_iter();
    let third = seconds_of_load() / 3;
    let state = async |wanted: &str| {
        eventually(wanted, async || (redis_in_health(&server).await == wanted).then_some(())).await;
    };
    load(&server, &client, &mut fresh, third).await;
    state("error").await;
    redis.start();
    state("ok").await;
    load(&server, &client, &mut fresh, third).await;
    redis.stop().await;
    load(&server, &client, &mut fresh, third).await;
    state("error").await;
}

#[tokio::test]
async fn good_keys_are_shared_sealed_and_without_their_plaintext() {
    let database = Database::new().await;
    let prefix = uuid_text();
    let server = replica(&database, &prefix).await;
    let key = database.editor("a").await;
    let _session = server.session(&key).await;

    let mut redis = connect().await;
    let names: Vec<String> = redis.keys(format!("{prefix}:key:*")).await.unwrap();
    assert_eq!(names.len(), 1);
    let (value, ttl): (String, i64) =
        (redis.get(&names[0]).await.unwrap(), redis.ttl(&names[0]).await.unwrap());
    assert!((1..=300).contains(&ttl), "{ttl}");
    assert!(!value.contains(&key.key) && !names[0].contains(&key.key));

    // Another replica that watches the changes takes it from there: a look-up would wait.
    let (other, owner) = (replica(&database, &prefix).await, database.connect(Login::Owner).await);
    eventually("a key from Redis", async || {
        let key = database.editor("a").await;
        assert_eq!(server.client(&key).tell_nothing().await.status, 202);
        owner.batch_execute("begin; lock table api_keys").await.unwrap();
        let client = other.client(&key);
        let told = timeout(Duration::from_millis(300), client.tell_nothing()).await;
        owner.batch_execute("rollback").await.unwrap();
        (told.ok()?.status == 202).then_some(())
    })
    .await;
}

#[tokio::test]
async fn writing_to_redis_makes_no_key_valid() {
    let database = Database::new().await;
    let prefix = uuid_text();
    let server = replica(&database, &prefix).await;
    let good = database.editor("a").await;
    let _session = server.session(&good).await;

    let mut redis = connect().await;
    let names: Vec<String> = redis.keys(format!("{prefix}:key:*")).await.unwrap();
    let genuine: String = redis.get(&names[0]).await.unwrap();
    let payload = genuine.split('.').next().unwrap();
    for forged in [genuine.clone(), format!("{payload}.AAAA"), "{}".to_owned(), String::new()] {
        let entropy = mbmcp::model::Entropy::default();
        let made_up = mbmcp::access::key::ApiKey::generate(&entropy, false).unwrap();
        let name = format!("{prefix}:key:{}", hex::encode(made_up.hash()));
        let () = redis.set(&name, &forged).await.unwrap();
        let reply = Client::new(&server.url, made_up.reveal()).rpc("ping", json!({})).await;
        assert_eq!(reply.status, 401, "{forged}");
    }
}

/// A server that shares the tests' Redis with all that have this prefix.
async fn replica(database: &Database, prefix: &str) -> Server {
    let variables = [("REDIS_URL", &*redis_url()), ("REDIS_KEY_PREFIX", prefix)];
    Server::with(database, &variables).await
}

async fn connect() -> redis::aio::MultiplexedConnection {
    let client = RedisClient::open(redis_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

fn uuid_text() -> String {
    mbmcp::model::Ambient::default().uuid().unwrap().simple().to_string()
}
