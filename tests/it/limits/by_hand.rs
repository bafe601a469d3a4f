//! Whoever writes to Redis by hand gets no more of one replica.

use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use serde_json::json;

use super::{MINUTE, call, connect, prefix, replica};
use crate::harness::{Client, Database, redis_url};

const LIMIT: i32 = 10;

/// What stands in the bucket from now on.
async fn plant(redis: &mut MultiplexedConnection, name: &str, how: usize) {
    let fields: &[(&str, &str)] = match how {
        0 => &[],
        1 => &[("sum", "-1000000")],
        2 => &[("sum", "nan")],
        3 => &[("first", "0"), ("last", "0"), ("sum", "0")],
        4 => &[("first", "1e300"), ("last", "1e300"), ("sum", "0"), ("limit", "1000000")],
        5 => &[("first", "-99999999999"), ("sum", "-5")],
        6 => &[("sum", "many"), ("last", "99999999999999999999")],
        7 => {
            let () = redis.set(name, "a text").await.unwrap();
            return;
        }
        _ => {
            let () = redis.del(name).await.unwrap();
            return;
        }
    };
    for (field, value) in fields {
        let () = redis.hset(name, field, value).await.unwrap();
    }
    let () = redis.persist(name).await.unwrap();
}

#[tokio::test]
async fn nothing_that_is_written_to_redis_raises_a_limit() {
    let (database, prefix) = (Database::new().await, prefix());
    let server = replica(&database, &prefix, &[]).await;
    let mut redis = connect(&redis_url()).await;
    for how in 0..=8 {
        let client = Client::new(&server.url, &database.limited("a", LIMIT).await.key);
        let mut accepted = 0;
        let start = std::time::Instant::now();
        for _ in 0..5 * LIMIT {
            let status = call(&client).await.status;
            assert!([200, 429].contains(&status));
            accepted += i32::from(status == 200);
            let names: Vec<String> = redis.keys(format!("{prefix}:limit:key:*")).await.unwrap();
            for name in names {
                plant(&mut redis, &name, how).await;
            }
        }
        let minutes = 1 + i32::try_from(start.elapsed().as_secs() / MINUTE.as_secs()).unwrap();
        assert!(accepted <= LIMIT * minutes, "{how}: {accepted} in {:?}", start.elapsed());
        let names: Vec<String> = redis.keys(format!("{prefix}:limit:*")).await.unwrap();
        for name in names {
            let () = redis.del(name).await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_deletes_what_replicas_count_together_gets_the_limit_of_each() {
    let (database, prefix) = (Database::new().await, prefix());
    let replicas = [
        replica(&database, &prefix, &[]).await,
        replica(&database, &prefix, &[]).await,
        replica(&database, &prefix, &[]).await,
    ];
    let mut redis = connect(&redis_url()).await;
    let key = database.limited("a", LIMIT).await.key;
    let start = std::time::Instant::now();
    for server in &replicas {
        let (client, mut accepted) = (Client::new(&server.url, &key), 0);
        for _ in 0..2 * LIMIT {
            accepted += i32::from(call(&client).await.status == 200);
            let names: Vec<String> = redis.keys(format!("{prefix}:limit:key:*")).await.unwrap();
            for name in names {
                let () = redis.del(name).await.unwrap();
            }
        }
        let minutes = 1 + i32::try_from(start.elapsed().as_secs() / MINUTE.as_secs()).unwrap();
        assert!(accepted >= LIMIT, "{accepted}: nothing was deleted");
        assert!(accepted <= LIMIT * minutes, "{accepted} in {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_limit_that_is_lowered_or_raised_counts_at_once() {
    let (database, prefix) = (Database::new().await, prefix());
    let variables = [("ADMIN_TOKEN", crate::harness::ADMIN_TOKEN)];
    let server = replica(&database, &prefix, &variables).await;
    let key = database.limited("a", 2).await;
    let client = server.client(&key);
    let platform = crate::harness::RestClient::new(&server, crate::harness::ADMIN_TOKEN);
    let limit = async |limit: i32| {
        let path = format!("/projects/a/keys/{}", key.id);
        let etag = platform.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
        let request = platform.request(reqwest::Method::PATCH, &path).header("if-match", etag);
        let reply = crate::harness::Reply::of(request.json(&json!({ "rateLimit": limit }))).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    };
    let status = async || call(&client).await.status;
    assert_eq!([status().await, status().await, status().await], [200, 200, 429]);
    limit(100_000).await;
    assert_eq!(status().await, 200);
    limit(1).await;
    assert_eq!(status().await, 429);
}
