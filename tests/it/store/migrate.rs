//! The runner of the migrations. What it refuses stands in `tenancy::walls_migrations`.

use mbmcp::store::migrate::{self, MIGRATIONS};

use crate::harness::{Database, Login, Server};

fn versions() -> Vec<&'static str> {
    MIGRATIONS.iter().map(|migration| migration.version).collect()
}

/// How many migrations are recorded, and how many of them with a checksum.
async fn recorded(database: &Database) -> (i64, i64) {
    let owner = database.connect(Login::Owner).await;
    let sql = "select count(*), count(checksum) from schema_migrations";
    let row = owner.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn migrating_twice_does_nothing_the_second_time() {
    let database = Database::empty().await;
    let states = async || {
        let states = migrate::status(&database.config()).await.unwrap();
        states.into_iter().map(|(_, state)| state).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["missing"; 3]);
    assert_eq!(migrate::run(&database.config()).await.unwrap(), versions());
    assert_eq!((states().await, recorded(&database).await), (vec!["applied"; 3], (3, 3)));
    assert!(migrate::run(&database.config()).await.unwrap().is_empty());
    assert_eq!((states().await, recorded(&database).await), (vec!["applied"; 3], (3, 3)));

    let owner = database.connect(Login::Owner).await;
    let spoil = "update schema_migrations set checksum = 'x' where version = '002_policies'; \
                 insert into schema_migrations (version) values ('999_later')";
    owner.batch_execute(spoil).await.unwrap();
    assert_eq!(states().await, ["applied", "changed", "applied", "unknown"]);
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
    let database = Database::empty().await;
    let owner = database.connect(Login::Owner).await;
    for migration in &MIGRATIONS {
        owner.batch_execute(migration.sql).await.unwrap();
    }
    assert_eq!(recorded(&database).await, (3, 0));
    Server::on(&database).await;

    assert!(migrate::run(&database.config()).await.unwrap().is_empty());
    assert_eq!(recorded(&database).await, (3, 3));
    Server::on(&database).await;
}
