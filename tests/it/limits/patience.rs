//! How long Redis is waited for, and what makes it be left alone.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mbmcp::config::RedisConfig;
use mbmcp::model::{Clock, Sealer, Secret};
use mbmcp::store::kv::redis::{CALL_BUDGET, PAUSE};
use mbmcp::store::kv::{KeyCache, Redis};
use mbmcp::telemetry::call_log;
use redis::AsyncCommands as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::{connect, prefix};
use crate::harness::{eventually, redis_url};

/// The network to the tests' Redis, where everything takes its time.
struct SlowNetwork {
    folder: tempfile::TempDir,
    /// In milliseconds, each way.
    delay: Arc<AtomicU64>,
}

impl SlowNetwork {
    fn new(delay: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("redis")).unwrap();
        let delay = Arc::new(AtomicU64::new(delay));
        let target =
            redis_url().strip_prefix("redis+unix://").expect("a Redis of the tests").into();
        tokio::spawn(accept(listener, target, delay.clone()));
        Self { folder, delay }
    }

    fn redis(&self, prefix: &str) -> Redis {
        let url = format!("redis+unix://{}/redis", self.folder.path().display());
        Redis::new(&RedisConfig { url: Secret::new(url), key_prefix: prefix.to_owned() }).unwrap()
    }
}

async fn accept(listener: UnixListener, target: PathBuf, delay: Arc<AtomicU64>) {
    while let Ok((client, _)) = listener.accept().await {
        let server = UnixStream::connect(&target).await.unwrap();
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = server.into_split();
        tokio::spawn(pass(client_read, server_write, delay.clone()));
        tokio::spawn(pass(server_read, client_write, delay.clone()));
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Arc<AtomicU64>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        tokio::time::sleep(Duration::from_millis(delay.load(Ordering::Relaxed))).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn is_up_soon(redis: &Redis) {
    let start = Instant::now();
    eventually("an answer", async || redis.is_up().await.then_some(())).await;
    assert!(start.elapsed() < PAUSE, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_redis_that_takes_long_to_connect_to_and_not_to_answer_is_used() {
    let network = SlowNetwork::new(14);
    let redis = network.redis("p");
    eventually("an answer", async || redis.is_up().await.then_some(())).await;
    is_up_soon(&redis).await;
}

#[tokio::test]
async fn a_call_without_time_takes_redis_from_nobody() {
    let network = SlowNetwork::new(0);
    let redis = network.redis("p");
    eventually("an answer", async || redis.is_up().await.then_some(())).await;
    network.delay.store(5, Ordering::Relaxed);
    let hurried = call_log::within(call_log::current(), async {
        call_log::count_redis(CALL_BUDGET.saturating_sub(Duration::from_millis(1)));
        redis.is_up().await
    });
    assert!(!hurried.await);
    is_up_soon(&redis).await;
    network.delay.store(200, Ordering::Relaxed);
    assert!(!redis.is_up().await);
    network.delay.store(0, Ordering::Relaxed);
    assert!(!redis.is_up().await, "it is left alone");
}

#[tokio::test]
async fn what_somebody_planted_in_the_place_of_an_entry_takes_redis_from_nobody() {
    let prefix = prefix();
    let config = RedisConfig { url: Secret::new(redis_url()), key_prefix: prefix.clone() };
    let redis = Arc::new(Redis::new(&config).unwrap());
    let keys = KeyCache::new(redis.clone(), Sealer::new(Secret::new("a secret")), Clock::default());
    eventually("an answer", async || redis.is_up().await.then_some(())).await;
    let mut by_hand = connect(&redis_url()).await;
    let [list, bytes] = [[1; 32], [2; 32]];
    let name = |hash: &[u8; 32]| format!("{prefix}:key:{}", hex::encode(hash));
    let () = by_hand.rpush(name(&list), "a list").await.unwrap();
    let () = by_hand.set(name(&bytes), &[0xFF_u8, 0xFE][..]).await.unwrap();
    for planted in [list, bytes] {
        assert!(keys.get(&planted).await.is_none());
        is_up_soon(&redis).await;
    }
}
