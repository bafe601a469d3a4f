//! When Postgres is asked: while someone is there, and hardly otherwise.

use std::time::Duration;

use mbmcp::config::{DatabaseConfig, Variables};
use mbmcp::mcp::bus::Bus;
use mbmcp::model::{Clock, ProjectId};
use mbmcp::store::Store;
use tokio_postgres::Client;

use super::{Parts, Replica, fresh_stream, soon, uuid};
use crate::harness::{Database, Login, eventually};

const NAME: &str = "poller";

/// Whether the replica sends nothing for so long that it would have sent something five times, from
/// before `meanwhile` on.
async fn is_quiet(superuser: &Client, meanwhile: impl FnOnce()) -> bool {
    let last = async || -> Option<std::time::SystemTime> {
        let sql = "select max(query_start) from pg_stat_activity \
                   where datname = current_database() and application_name = $1";
        superuser.query_one(sql, &[&NAME]).await.unwrap().get(0)
    };
    let before = last().await;
    meanwhile();
    tokio::time::sleep(Duration::from_secs(1)).await;
    before.is_some() && last().await == before
}

#[tokio::test]
async fn nobody_asks_while_nobody_is_there() {
    let database = Database::new().await;
    let superuser = database.connect(Login::Superuser).await;
    let replica = Replica::of(&database, Parts { name: NAME, ..Parts::default() });
    let quiet = async |when: &str| {
        eventually(when, async || is_quiet(&superuser, || {}).await.then_some(())).await;
    };
    quiet("the quiet after the start").await;
    let telling = || {
        replica.bus.wake();
        replica.bus.stored(&[fresh_stream()]);
    };
    assert!(is_quiet(&superuser, telling).await, "nobody waits for it");

    let project = ProjectId(uuid());
    let attending = replica.bus.attend();
    assert!(!is_quiet(&superuser, || {}).await, "someone attends");
    drop(attending);
    quiet("the quiet after an attendance").await;
    let listener = replica.bus.listen(project).await.unwrap();
    assert!(!is_quiet(&superuser, || {}).await, "someone listens");
    drop(listener);
    quiet("the quiet after a listener").await;
    let follow = replica.bus.follow(project, fresh_stream());
    assert!(!is_quiet(&superuser, || {}).await, "someone follows");
    drop(follow);
    quiet("the quiet after a follower").await;
}

#[tokio::test]
async fn it_ends_with_the_process() {
    let database = Database::new().await;
    let config = Variables::of([("DATABASE_URL", database.url(Login::Server))]);
    let store = Store::apart(&DatabaseConfig::read_alone(config).unwrap(), 3).unwrap();
    let bus = Bus::new(store, None, Clock::default(), Box::new(|_| {}));
    let drained = tokio_util::sync::CancellationToken::new();
    let _attending = bus.attend();
    drained.cancel();
    soon("the end", Box::pin(bus.keep(&drained))).await;
}
