//! Whoever guesses keys is stopped, and nobody else.

use std::time::{Duration, Instant};

use mbmcp::access::wrong_keys::PER_MINUTE;
use mbmcp::model::Entropy;
use serde_json::json;
use tokio::task::JoinSet;

use super::prefix;
use crate::harness::{Client, Database, Login, Reply, Server, eventually, real_minutes, redis_url};

fn made_up() -> String {
    mbmcp::access::key::ApiKey::generate(&Entropy::default(), false).unwrap().reveal().to_owned()
}

/// What is answered to `key` at `url` from an address.
async fn status(http: &reqwest::Client, url: &str, key: &str, from: &str) -> u16 {
    let client = Client::over(http.clone(), &format!("{url}/mcp"), key).modern();
    let request = client.rpc_request("server/discover", json!({}));
    Reply::of(request.header("x-forwarded-for", from)).await.status
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A thousand wrong keys a second from one IPv6 /64, to each of `urls` in turn; gives the statuses.
async fn guess(http: reqwest::Client, urls: Vec<String>, time: Duration) -> Vec<u16> {
    let (mut beat, start) = (tokio::time::interval(Duration::from_millis(1)), Instant::now());
    let mut guesses = JoinSet::new();
    for (number, url) in urls.iter().cycle().enumerate() {
        if start.elapsed() >= time {
            break;
        }
        beat.tick().await;
        let (http, url, from) = (http.clone(), url.clone(), format!("2001:db8::{number:x}"));
        guesses.spawn(async move { status(&http, &url, &made_up(), &from).await });
    }
    guesses.join_all().await
}

/// Guesses for `time`, of which no more than the limit are looked up, while all others are let in.
async fn check_guesses(database: &Database, servers: &[Server], time: Duration) {
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(database.editor("a").await.key);
    }
    let (http, used) = (http(), keys.pop().unwrap());
    let from = async |key: &str, from: &str| status(&http, &servers[0].url, key, from).await;
    assert_eq!(from(&used, "2001:db8::beef").await, 200);

    let urls = servers.iter().map(|server| server.url.clone()).collect();
    let guessing = tokio::spawn(guess(http.clone(), urls, time));
    for (n, key) in keys.iter().enumerate() {
        // Never used before, from a network next to it.
        assert_eq!(from(key, &format!("2001:db8:0:{:x}::1", n + 1)).await, 200);
        assert_eq!(from(&used, "2001:db8::beef").await, 200, "known from before");
        tokio::time::sleep(time / 20).await;
    }
    assert_eq!(from(&made_up(), "198.51.100.1").await, 401);
    let statuses = guessing.await.unwrap();
    // Each that is said to be wrong was looked up.
    let looked_up = statuses.iter().filter(|status| **status == 401).count();
    assert!(statuses.len() as u128 > time.as_millis() / 2, "{}", statuses.len());
    // Where Redis is too slow under all that, each replica holds the limit by itself.
    let most = PER_MINUTE as usize * servers.len();
    assert!(looked_up <= most, "{looked_up} of {}", statuses.len());
    // 503 where others of the address were looked up all the time.
    assert!(statuses.iter().all(|status| [401, 429, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&429));
}

/// With `TEST_REAL_MINUTES` for longer, and over two replicas that count together.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_from_one_network_are_not_looked_up_beyond_the_limit_and_others_are() {
    let database = Database::new().await;
    let alone = [Server::on(&database).await];
    check_guesses(&database, &alone, Duration::from_secs(1)).await;
    if real_minutes() {
        let (prefix, redis) = (prefix(), redis_url());
        let variables = [("REDIS_URL", &*redis), ("REDIS_KEY_PREFIX", &*prefix)];
        let together =
            [Server::with(&database, &variables).await, Server::with(&database, &variables).await];
        check_guesses(&database, &together, Duration::from_secs(10)).await;
    }
}

/// An agent goes on with keys that are good no more, or never were.
#[tokio::test]
async fn a_wrong_key_that_is_sent_again_and_again_uses_up_little_of_what_its_address_may() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let (http, key) = (http(), database.editor("a").await);
    let from = async |key: &str, from: &str| status(&http, &server.url, key, from).await;
    assert_eq!(from(&key.key, "192.0.2.1").await, 200);
    let superuser = database.connect(Login::Superuser).await;
    let revoke = "update api_keys set revoked_at = now() where id = $1";
    superuser.execute(revoke, &[&key.id.0]).await.unwrap();
    let refused = async || (from(&key.key, "192.0.2.1").await == 401).then_some(());
    eventually("the refusal", refused).await;
    let (start, never) = (Instant::now(), made_up());
    // More than twice as long as one is believed to be wrong whatever happens.
    while start.elapsed() < Duration::from_secs(11) {
        assert_eq!([from(&key.key, "192.0.2.1").await, from(&never, "192.0.2.1").await], [401; 2]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The revocation may have been learned after the first look-up of each, and was reason for another.
    for _ in 2 * 2..PER_MINUTE {
        assert_eq!(from(&made_up(), "192.0.2.1").await, 401);
    }
}

#[tokio::test]
async fn a_key_that_is_good_again_is_let_in_soon() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let (http, key) = (http(), database.editor("a").await);
    let superuser = database.connect(Login::Superuser).await;
    let end = async |expires_at: &str| {
        let statement = format!("update api_keys set expires_at = {expires_at} where id = $1");
        superuser.execute(&statement, &[&key.id.0]).await.unwrap();
    };
    end("now()").await;
    assert_eq!(status(&http, &server.url, &key.key, "192.0.2.1").await, 401);
    end("now() + interval '1 day'").await;
    eventually("a good key", async || {
        (status(&http, &server.url, &key.key, "192.0.2.1").await == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_has_guessed_at_one_replica_is_stopped_at_the_others() {
    let (database, prefix, redis) = (Database::new().await, prefix(), redis_url());
    let variables = [("REDIS_URL", &*redis), ("REDIS_KEY_PREFIX", &*prefix)];
    let [one, two] =
        [Server::with(&database, &variables).await, Server::with(&database, &variables).await];
    let http = http();
    let guess =
        async |server: &Server, from: &str| status(&http, &server.url, &made_up(), from).await;
    for _ in 0..PER_MINUTE {
        assert_eq!(guess(&one, "192.0.2.1").await, 401);
    }
    assert_eq!(guess(&one, "192.0.2.1").await, 429);
    let mut looked_up = 0;
    while guess(&two, "192.0.2.1").await != 429 {
        looked_up += 1;
    }
    // But for hiccups none; without anything shared all.
    assert!(looked_up < PER_MINUTE / 2, "{looked_up}");
    assert_eq!(guess(&two, "192.0.2.2").await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_address_few_keys_are_looked_up_at_once() {
    let database = Database::new().await;
    let names = ["DB_LOCK_TIMEOUT_MS", "DB_STATEMENT_TIMEOUT_MS", "DB_ACQUIRE_TIMEOUT_MS"];
    let patient = names.map(|name| (name, "60000"));
    let server = Server::with(&database, &patient).await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(database.editor("a").await.key);
    }
    let owner = database.connect(Login::Owner).await;
    owner.batch_execute("begin; lock table api_keys").await.unwrap();
    let (http, mut calls) = (http(), JoinSet::new());
    for key in keys {
        let (http, url) = (http.clone(), server.url.clone());
        calls.spawn(async move { status(&http, &url, &key, "192.0.2.1").await });
    }
    // Inside a transaction Postgres tells the same all the time.
    let watching = database.connect(Login::Owner).await;
    let waiting = async || -> i64 {
        let sql = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
        watching.query_one(sql, &[]).await.unwrap().get(0)
    };
    let mut most = 0;
    eventually("the look-ups", async || {
        most = most.max(waiting().await);
        (most == 8).then_some(())
    })
    .await;
    for _ in 0..10 {
        assert!(waiting().await <= 8);
    }
    owner.batch_execute("rollback").await.unwrap();
    // Good ones never reach the limit of wrong ones; who waited too long may come again.
    let statuses = calls.join_all().await;
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 200).count() >= 8, "{statuses:?}");
}
