//! Look-ups that began before a revocation and end after it: what they found is past.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::DEADLINE;
use super::fleet::Fleet;
use super::load::busy;
use crate::harness::{Client, Database, Login, TestKey, eventually};

/// Waits until a look-up waits for a lock.
async fn look_up_waits(database: &Database) {
    let watcher = database.connect(Login::Owner).await;
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() \
                   and wait_event_type = 'Lock' and query like '%authenticate_key%'";
    eventually("a look-up that waits", async || {
        let count: i64 = watcher.query_one(waiting, &[]).await.unwrap().get(0);
        (count > 0).then_some(())
    })
    .await;
}

async fn told(client: Client) -> u16 {
    client.tell_nothing().await.status
}

/// After the deadline the key is refused by each replica, and by one that is new, although all of them
/// are in use with another key and would believe what they or Redis remember.
async fn stays_dead(fleet: &mut Fleet, key: &TestKey, committed: Instant) {
    let new = fleet.replica().await;
    fleet.servers.push(new);
    let busy = busy(fleet, &fleet.key().await).await;
    sleep(DEADLINE.saturating_sub(committed.elapsed())).await;
    for server in &fleet.servers {
        assert_eq!(told(fleet.client(server, key)).await, 401);
    }
    for load in busy {
        assert!(load.stop().await.iter().all(|shot| shot.status / 100 == 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_look_up_stores_after_the_revocation_is_not_believed() {
    let mut fleet = Fleet::start().await;
    let key = fleet.key().await;
    let mut redis = fleet.redis.connect().await;
    let superuser = fleet.database.connect(Login::Superuser).await;
    superuser.batch_execute("begin").await.unwrap();
    let revoke = "update api_keys set revoked_at = now() where id = $1";
    superuser.execute(revoke, &[&key.id.0]).await.unwrap();
    superuser.batch_execute("lock table api_keys").await.unwrap();
    let held = tokio::spawn(told(fleet.client(&fleet.servers[0], &key)));
    look_up_waits(&fleet.database).await;
    superuser.batch_execute("commit").await.unwrap();
    let committed = Instant::now();
    held.await.unwrap();
    let stored = fleet.entry(&mut redis, &key).await;
    assert!(stored.is_some(), "it saw the key as it was, and has told Redis so");
    stays_dead(&mut fleet, &key, committed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_look_up_that_began_before_the_revocation_is_not_let_in_by_it() {
    let mut fleet = Fleet::start().await;
    let key = fleet.key().await;
    let [blocker, superuser] = [
        fleet.database.connect(Login::Owner).await,
        fleet.database.connect(Login::Superuser).await,
    ];
    blocker.batch_execute("begin; lock table projects").await.unwrap();
    let held = tokio::spawn(told(fleet.client(&fleet.servers[0], &key)));
    look_up_waits(&fleet.database).await;
    let revoke = "update api_keys set revoked_at = now() where id = $1";
    superuser.execute(revoke, &[&key.id.0]).await.unwrap();
    let committed = Instant::now();
    sleep(DEADLINE).await;
    let mut joined = tokio::spawn(told(fleet.client(&fleet.servers[0], &key)));
    let early = timeout(Duration::from_millis(300), &mut joined).await;
    assert!(early.is_err(), "it waits as well");
    blocker.batch_execute("rollback").await.unwrap();
    assert_eq!((held.await.unwrap(), joined.await.unwrap()), (401, 401));
    stays_dead(&mut fleet, &key, committed).await;
}
