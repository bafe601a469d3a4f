//! The runner of the migrations. What it refuses stands in `tenancy::walls_migrations`.

use mbmcp::store::migrate::{self, Applied, MIGRATIONS};

use crate::harness::{Database, Login, Server};

fn versions() -> Vec<&'static str> {
    MIGRATIONS.iter().map(|migration| migration.version).collect()
}

async fn status(database: &Database) -> Vec<Applied> {
    migrate::status(&database.config()).await.unwrap()
}

#[tokio::test]
async fn migrating_twice_does_nothing_the_second_time() {
    let database = Database::empty().await;
    assert_eq!(status(&database).await, []);
    assert_eq!(migrate::run(&database.config()).await.unwrap(), versions());
    let first = status(&database).await;
    assert_eq!(first.iter().map(|row| row.version.as_str()).collect::<Vec<_>>(), versions());
    assert!(first.iter().all(|row| row.checksum.as_ref().is_some_and(|sum| sum.len() == 64)));

    assert!(migrate::run(&database.config()).await.unwrap().is_empty());
    assert_eq!(status(&database).await, first);
}

#[tokio::test]
async fn two_runners_at_once_take_turns() {
    let database = Database::empty().await;
    let config = database.config();
    let (a, b) = tokio::join!(migrate::run(&config), migrate::run(&config));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.len() + b.len(), MIGRATIONS.len());
    assert!(a.is_empty() || b.is_empty());
}

#[tokio::test]
async fn migrations_of_two_databases_at_once_do_not_trip_over_their_roles() {
    let (a, b) = (Database::empty().await, Database::empty().await);
    let (config_a, config_b) = (a.config(), b.config());
    let (done_a, done_b) = tokio::join!(migrate::run(&config_a), migrate::run(&config_b));
    assert_eq!((done_a.unwrap(), done_b.unwrap()), (versions(), versions()));
}

#[tokio::test]
async fn what_psql_applied_gets_its_checksums_from_the_runner() {
    let _ = Database::new().await; // makes the login of servers
    let database = Database::empty().await;
    let owner = database.connect(Login::Owner).await;
    for migration in &MIGRATIONS {
        owner.batch_execute(migration.sql).await.unwrap();
    }
    let applied = status(&database).await;
    assert_eq!(applied.len(), MIGRATIONS.len());
    assert!(applied.iter().all(|row| row.checksum.is_none()));
    Server::on(&database).await;

    assert!(migrate::run(&database.config()).await.unwrap().is_empty());
    assert!(status(&database).await.iter().all(|row| row.checksum.is_some()));
    Server::on(&database).await;
}
