//! Each signal is read once and none is passed over, in whatever order transactions commit.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mbmcp::store::pg::signals;

use super::ground::{Place, Reader, fresh};
use crate::harness::{Database, Login};

/// Announces `target` by SQL.
fn announce(place: &Place, target: &str) -> String {
    format!(
        "insert into signals (project_id, id, user_id, kind, target) \
         values ('{}', '{}', '{}', 'tools_changed', '{target}')",
        place.tenant.project(),
        fresh(),
        place.tenant.user()
    )
}

fn targets(news: Vec<(mbmcp::model::SignalKind, Option<uuid::Uuid>, String)>) -> Vec<String> {
    news.into_iter().map(|one| one.2).collect()
}

#[tokio::test]
async fn transactions_that_commit_in_another_order_than_they_began_are_read_once_each() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let mut reader = Reader::new(database.store()).await;
    let mut late = Reader::new(database.store()).await;
    let mut open = Vec::new();
    for name in ["0", "1", "2", "3", "4", "5"] {
        open.push(place.begins(&database, &announce(&place, name)).await);
        assert_eq!(reader.told().await, [], "{name} is not committed");
    }
    let ends = [(3, "commit"), (0, "commit"), (5, "commit"), (2, "rollback"), (4, "commit")];
    for (at, end) in ends {
        open[at].batch_execute(end).await.unwrap();
        let told = targets(reader.told().await);
        assert_eq!(told, if end == "commit" { vec![at.to_string()] } else { vec![] });
        assert_eq!(reader.told().await, []);
    }
    // A transaction that has waited through all of that writes once more.
    open[1].batch_execute(&announce(&place, "1 again")).await.unwrap();
    assert_eq!(reader.told().await, []);
    open[1].batch_execute("savepoint s").await.unwrap();
    open[1].batch_execute(&announce(&place, "undone")).await.unwrap();
    open[1].batch_execute("rollback to s").await.unwrap();
    open[1].batch_execute(&announce(&place, "in part")).await.unwrap();
    open[1].batch_execute("commit").await.unwrap();
    assert_eq!(targets(reader.told().await), ["1", "1 again", "in part"]);
    let all = ["0", "1", "3", "4", "5", "1 again", "in part"];
    assert_eq!(targets(late.told().await), all, "by when they were written");
    assert_eq!(late.told().await, []);
}

#[tokio::test]
async fn many_writers_at_once_are_read_once_each() {
    const WRITERS: usize = 4;
    const EACH: usize = 60;
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let mut reader = Reader::new(database.store()).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (place, url) = (place.clone(), database.url(Login::Server));
            tokio::spawn(async move {
                let (client, connection) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                let (project, user) = (place.tenant.project(), place.tenant.user());
                for at in 0..EACH {
                    let sql = format!(
                        "begin; select set_config('role', 'app_user', true), \
                         set_config('app.current_project_id', '{project}', true), \
                         set_config('app.current_user_id', '{user}', true); {}; \
                         select pg_sleep({}); {}",
                        announce(&place, &format!("{writer} {at}")),
                        f64::from(u8::try_from(at * 7 % 10).unwrap()) / 1000.0,
                        if at % 5 == 4 { "rollback" } else { "commit" }
                    );
                    client.batch_execute(&sql).await.unwrap();
                }
            })
        })
        .collect();
    let (mut told, mut looks) = (Vec::new(), 0);
    let deadline = Instant::now() + Duration::from_secs(20);
    while told.len() < WRITERS * EACH * 4 / 5 {
        assert!(Instant::now() < deadline, "only {} were read", told.len());
        told.extend(targets(reader.told().await));
        looks += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(reader.told().await, []);
    let unique: BTreeSet<&String> = told.iter().collect();
    assert_eq!((unique.len(), told.len()), (WRITERS * EACH * 4 / 5, WRITERS * EACH * 4 / 5));
    assert!(looks > 10, "they were read while they were written: {looks}");
}

#[tokio::test]
async fn a_snapshot_of_another_cluster_heals_and_its_rows_do_not_come_back() {
    let database = Database::new().await;
    let place = Place::of(&database, "a").await;
    let owner = database.connect(Login::Owner).await;
    // As restored from a cluster that had counted further.
    owner.batch_execute(&announce(&place, "restored")).await.unwrap();
    owner.batch_execute("update signals set xid = '99999999'").await.unwrap();
    let foreign = "99999990:99999990:";
    let news = signals::read(database.store(), Some(foreign)).await.unwrap();
    assert_eq!(news.signals, []);
    assert_ne!(news.snapshot, foreign);
    owner.batch_execute(&announce(&place, "new")).await.unwrap();
    let news = signals::read(database.store(), Some(&news.snapshot)).await.unwrap();
    let targets: Vec<&str> = news.signals.iter().map(|one| one.target.as_str()).collect();
    assert_eq!(targets, ["new"]);
    let error = signals::read(database.store(), Some("yesterday")).await.unwrap_err();
    assert!(error.to_string().contains("22P02"), "{error}");
}
