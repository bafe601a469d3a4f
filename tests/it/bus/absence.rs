//! The database goes away and comes back.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mbmcp::config::{DatabaseConfig, Variables};
use mbmcp::mcp::bus::{Bus, Heard};
use mbmcp::model::{Clock, ProjectId, SIGNALS_KEPT};
use mbmcp::store::{Store, StoreError};
use time::OffsetDateTime;

use super::{Parts, Replica, create, next, soon, uuid};
use crate::harness::{Database, Login, eventually};

#[tokio::test]
async fn what_happens_during_a_short_absence_is_heard_and_a_long_one_is_said_to_be_lost() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let clock = Clock::fixed(OffsetDateTime::UNIX_EPOCH);
    let replica = Replica::of(&database, Parts { clock: clock.clone(), ..Parts::default() });
    let mut listener = replica.listen(&key).await;
    let superuser = database.connect(Login::Superuser).await;
    let minute = Duration::from_mins(1);
    for (absence, lost) in [(3 * minute, false), (SIGNALS_KEPT, true)] {
        create(&database, &key, &[format!("{lost}-before.md")], Duration::ZERO).await;
        assert_eq!(next(&mut listener).await.target, format!("{lost}-before.md"));
        database.admit(false).await;
        eventually("the absence", async || {
            replica.bus.listen(key.tenant.project()).await.err().map(drop)
        })
        .await;
        clock.advance(absence);
        let sql = "insert into signals (project_id, id, kind, target) values ($1, $2, $3, $4)";
        let (project, id) = (key.tenant.project().0, uuid());
        superuser.execute(sql, &[&project, &id, &"tools_changed", &"meanwhile"]).await.unwrap();
        database.admit(true).await;
        let heard = soon("the return", listener.next()).await;
        match heard {
            Heard::Signal(signal) => {
                assert!(!lost);
                assert_eq!((&*signal.target, signal.user), ("meanwhile", None));
            }
            Heard::Lost => assert!(lost),
        }
    }
    create(&database, &key, &["after.md".to_owned()], Duration::ZERO).await;
    assert_eq!(next(&mut listener).await.target, "after.md");
}

#[tokio::test]
async fn of_many_who_listen_while_the_database_is_silent_none_waits_for_a_failure_of_its_own() {
    // Takes connections and never says anything.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgresql://a:b@{}/c", silent.local_addr().unwrap());
    let variables = [("DATABASE_URL", &*url), ("DB_ACQUIRE_TIMEOUT_MS", "500")];
    let config = DatabaseConfig::read_alone(Variables::of(variables)).unwrap();
    let bus = Bus::new(Store::apart(&config, 3).unwrap(), None, Clock::default(), Box::new(|_| {}));
    let start = Instant::now();
    let listening = join_all((0..50).map(|_| bus.listen(ProjectId(uuid())))).await;
    for refused in listening {
        assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
