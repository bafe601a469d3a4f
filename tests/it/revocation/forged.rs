//! Redis in the hands of somebody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::AsyncCommands as _;
use serde_json::{Value, json};

use super::DEADLINE;
use super::fleet::{Fleet, Way};
use super::load::{Load, busy};
use crate::harness::{Login, eventually};

/// Each replica is asked once for each key: what it has refused it remembers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_before_the_revocation_revives_no_key() {
    let fleet = Fleet::start().await;
    let (other, own, borrowed) = (fleet.key().await, fleet.key().await, fleet.key().await);
    let unnoticed = fleet.key().await;
    // All of them watch, so that they would believe Redis.
    let busy = busy(&fleet, &other).await;
    let mut redis = fleet.redis.connect().await;
    let mut entries = Vec::new();
    for key in [&own, &other, &unnoticed] {
        assert_eq!(fleet.client(&fleet.servers[0], key).tell_nothing().await.status, 202);
        entries.push(fleet.entry(&mut redis, key).await.unwrap());
    }
    fleet.revoke(Way::Sql, own.id).await;
    let (_, committed) = fleet.revoke(Way::Sql, borrowed.id).await;
    let superuser = fleet.database.connect(Login::Superuser).await;
    // Of this nobody is told: so it is seen that the entries are read.
    let quietly = format!(
        "begin; update api_keys set revoked_at = now() where id = '{0}'; \
         delete from key_changes where key_id = '{0}'; commit",
        unnoticed.id
    );
    superuser.batch_execute(&quietly).await.unwrap();
    tokio::time::sleep(DEADLINE.saturating_sub(committed.elapsed())).await;
    let new = fleet.replica().await;
    new.client(&other).tell_nothing().await;
    for (server, noticed) in [(&fleet.servers[1], 202), (&fleet.servers[2], 202), (&new, 401)] {
        let statuses = [401, 401, noticed];
        let keys = [&own, &borrowed, &unnoticed].into_iter().zip(&entries);
        for ((key, entry), status) in keys.zip(statuses) {
            let () = redis.set(fleet.name_of(key), entry).await.unwrap();
            assert_eq!(fleet.client(server, key).tell_nothing().await.status, status);
        }
    }
    for load in busy {
        load.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_was_written_over_gives_nobody_more() {
    let fleet = Fleet::start().await;
    let key = fleet.key().await;
    let superuser = fleet.database.connect(Login::Superuser).await;
    superuser.batch_execute("update api_keys set scopes = array['read']").await.unwrap();
    let mut redis = fleet.redis.connect().await;
    let [first, second, _] = &fleet.servers[..] else { panic!("three replicas") };
    // The second one watches, so that it would believe Redis.
    let busy = Load::on(&fleet.client(second, &fleet.key().await));
    busy.let_in(20).await;
    assert_eq!(fleet.client(first, &key).tell_nothing().await.status, 202);
    let entry = fleet.entry(&mut redis, &key).await.unwrap();
    let (payload, signature) = entry.split_once('.').unwrap();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
    let mut payload: Value = serde_json::from_slice(&payload).unwrap();
    assert!(!payload.to_string().contains("role"), "a role is never remembered: {payload}");
    payload["record"]["scopes"] = json!(["read", "write", "admin"]);
    payload["record"]["rate_limit"] = json!(1_000_000);
    let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
    let () = redis.set(fleet.name_of(&key), format!("{payload}.{signature}")).await.unwrap();
    let shown = fleet.client(second, &key).modern().ok("whoami", json!({})).await;
    assert_eq!(shown["scopes"], json!(["read"]));
    eventually("the true entry", async || {
        let entry = fleet.entry(&mut redis, &key).await?;
        (!entry.starts_with(&payload)).then_some(())
    })
    .await;
    busy.stop().await;
}
