//! What is charged and given back: it stops nobody for longer than it is charged.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use mbmcp::access::wrong_keys::{PER_MINUTE, WrongKeys};
use mbmcp::access::{Limits, Meter};
use mbmcp::config::{Fallback, LimitsConfig, RedisConfig};
use mbmcp::model::Secret;
use mbmcp::store::kv::redis::CALL_BUDGET;
use mbmcp::store::kv::{RateLimits, Redis};
use mbmcp::telemetry::call_log;
use redis::AsyncCommands as _;

use super::{MINUTE, connect, prefix};
use crate::harness::{eventually, redis_url};

const ADDRESS: &str = "192.0.2.1";

/// The windows of one replica of all with this prefix.
async fn windows(prefix: &str) -> RateLimits {
    let config = RedisConfig { url: Secret::new(redis_url()), key_prefix: prefix.to_owned() };
    let redis = Arc::new(Redis::new(&config).unwrap());
    eventually("Redis", async || redis.is_up().await.then_some(())).await;
    RateLimits::new(redis)
}

#[tokio::test]
async fn good_keys_that_are_looked_up_together_stop_nobody_for_longer_than_that() {
    let (prefix, address) = (prefix(), ADDRESS.parse().unwrap());
    let mut replicas = Vec::new();
    for _ in 0..5 {
        replicas.push(WrongKeys::new(Some(windows(&prefix).await), MINUTE * 10));
    }
    // It looks up none that it could take back.
    let idle = WrongKeys::new(Some(windows(&prefix).await), MINUTE * 10);
    let mut running = Vec::new();
    for replica in replicas.iter().cycle().take(PER_MINUTE as usize) {
        running.push((replica, replica.begin(address).await.ok().unwrap()));
    }
    for replica in replicas.iter().chain([&idle]) {
        assert!(replica.begin(address).await.is_err());
        assert!(replica.wait(address).is_some_and(|wait| wait > MINUTE));
    }
    let start = Instant::now();
    for (replica, look_up) in running {
        replica.refund(look_up).await;
    }
    for replica in &replicas {
        assert!(replica.wait(address).is_none());
        assert!(replica.begin(address).await.is_ok());
    }
    eventually("the idle one", async || {
        (idle.wait(address).is_none() && idle.begin(address).await.is_ok()).then_some(())
    })
    .await;
    assert!(start.elapsed() < MINUTE / 2, "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_is_given_back_while_redis_is_not_asked_is_given_back_later() {
    let (prefix, address): (_, IpAddr) = (prefix(), ADDRESS.parse().unwrap());
    let wrong = WrongKeys::new(Some(windows(&prefix).await), MINUTE * 10);
    let mut redis = connect(&redis_url()).await;
    let mut counted = async || -> Option<u32> {
        redis.hget(format!("{prefix}:limit:wrong-keys:{address}"), "sum").await.unwrap()
    };
    let look_up = wrong.begin(address).await.ok().unwrap();
    assert_eq!(counted().await, Some(1));
    call_log::within(call_log::current(), async {
        call_log::count_redis(CALL_BUDGET);
        wrong.refund(look_up).await;
    })
    .await;
    assert_eq!(counted().await, Some(1), "the call has no time left");
    wrong.count(address).await;
    assert_eq!(counted().await, Some(1), "one less, one more");
    let look_up = wrong.begin(address).await.ok().unwrap();
    assert_eq!(counted().await, Some(2));
    wrong.refund(look_up).await;
    assert_eq!(counted().await, Some(1));
}

#[tokio::test]
async fn who_has_paid_for_all_is_not_refused_for_what_others_do_then() {
    let (prefix, address) = (prefix(), ADDRESS.parse().unwrap());
    let config = LimitsConfig { per_address: Some(2), initialize: 1, fallback: Fallback::Local };
    let [here, there] = [
        Limits::new(config, MINUTE * 10, Some(windows(&prefix).await)),
        Limits::new(config, MINUTE * 10, Some(windows(&prefix).await)),
    ];
    let meter = |limits: &Limits| -> Meter { limits.of_platform(address) };
    let paid = meter(&here);
    assert!(paid.charge(1).await.is_ok() && meter(&there).charge(1).await.is_ok());
    assert!(meter(&here).charge(1).await.is_err());
    assert!(paid.charge(0).await.is_ok());
    assert_eq!(paid.read().standings.len(), 1, "it shows what it showed");
}
