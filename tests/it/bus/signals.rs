//! What happens in projects: heard by all who listen, whole, and by nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use mbmcp::mcp::bus::{Heard, Listener};
use mbmcp::model::SignalKind;
use mbmcp::store::StoreError;
use mbmcp::store::pg::signals;

use super::{
    BY_HINTS, ROUNDS, Replica, commits, create, documents, next, shared_redis, soon, uuid,
};
use crate::harness::{Database, Login, TestKey, eventually};

#[tokio::test]
async fn a_change_is_heard_on_another_replica_at_once_with_redis_and_soon_without() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    for (redis, limit) in [
        (Some(shared_redis()), BY_HINTS),
        (None, u32::try_from(ROUNDS).unwrap() * Duration::from_millis(500)),
    ] {
        let [one, two] = Replica::pair(&database, redis.as_ref());
        if redis.is_some() {
            eventually("the replicas' meeting", async || two.hears(&one).await.then_some(())).await;
        }
        let mut listener = two.listen(&key).await;
        let elapsed = documents(&database, &key, &one, &mut listener).await;
        assert!(elapsed < limit, "{elapsed:?}, redis: {}", redis.is_some());
    }
}

#[tokio::test]
async fn what_is_committed_here_is_read_at_once() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let replica = Replica::on(&database);
    let mut listener = replica.listen(&key).await;
    let elapsed = documents(&database, &key, &replica, &mut listener).await;
    assert!(elapsed < BY_HINTS, "{elapsed:?}");
}

#[tokio::test]
async fn of_a_thousand_writes_committed_in_any_order_each_is_heard_once() {
    const EACH: usize = 125;
    let database = Database::new().await;
    let keys = join_all((0..8).map(|n| {
        let database = &database;
        async move { database.editor(&format!("project-{n}")).await }
    }));
    let keys: Vec<TestKey> = keys.await;
    let replicas = Replica::pair(&database, None);
    let mut hearing = Vec::new();
    for replica in &replicas {
        for key in &keys {
            hearing.push(tokio::spawn(count(replica.listen(key).await, EACH)));
        }
    }
    let writes = (0..keys.len() * EACH).map(|n| {
        let (database, key, replica) = (&database, &keys[n % keys.len()], &replicas[n % 2]);
        async move {
            let held = Duration::from_millis((n * 7919 % 60) as u64);
            create(database, key, &[format!("{n}.md")], held).await;
            replica.bus.wake();
        }
    });
    futures_util::stream::iter(writes).buffer_unordered(16).collect::<Vec<()>>().await;
    for (at, heard) in join_all(hearing).await.into_iter().enumerate() {
        let heard = heard.unwrap();
        let project = at % keys.len();
        let own: BTreeSet<String> =
            (0..EACH).map(|n| format!("{}.md", n * keys.len() + project)).collect();
        assert!(heard.keys().eq(own.iter()), "project {project}: {heard:?}");
        assert!(heard.values().all(|times| *times == 1), "{heard:?}");
    }
}

/// How often each target was heard, once there are `wanted` of them.
async fn count(mut listener: Listener, wanted: usize) -> BTreeMap<String, usize> {
    let mut heard = BTreeMap::new();
    while heard.len() < wanted {
        let signal = next(&mut listener).await;
        assert_eq!(signal.kind, SignalKind::ResourceCreated);
        *heard.entry(signal.target.clone()).or_default() += 1;
    }
    heard
}

#[tokio::test]
async fn nothing_that_was_committed_before_is_heard_and_nothing_of_other_projects() {
    let database = Database::new().await;
    let (key, foreign) = (database.editor("a").await, database.editor("b").await);
    let replica = Replica::on(&database);
    // Who listened before hears all of it, and keeps the poller awake.
    let mut early = replica.listen(&key).await;
    for round in 0..10 {
        let [before, after] = ["before", "after"].map(|when| format!("{when}-{round}.md"));
        create(&database, &key, std::slice::from_ref(&before), Duration::ZERO).await;
        let mut listener = replica.listen(&key).await;
        create(&database, &foreign, std::slice::from_ref(&after), Duration::ZERO).await;
        create(&database, &key, std::slice::from_ref(&after), Duration::ZERO).await;
        let heard = next(&mut listener).await;
        assert_eq!((&heard.target, heard.kind), (&after, SignalKind::ResourceCreated));
        assert_eq!((heard.project, heard.user), (key.tenant.project(), Some(key.tenant.user())));
        assert_eq!(next(&mut early).await.target, before);
        assert_eq!(next(&mut early).await.target, after);
    }
}

#[tokio::test]
async fn more_than_a_listener_keeps_is_said_to_be_lost_and_hearing_goes_on() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let replica = Replica::on(&database);
    let mut listener = replica.listen(&key).await;
    let paths: Vec<String> = (0..300).map(|n| format!("{n}.md")).collect();
    create(&database, &key, &paths, Duration::ZERO).await;
    let mut kept = 0;
    while let Heard::Signal(_) = soon("the word of a loss", listener.next()).await {
        kept += 1;
    }
    assert_eq!(kept, mbmcp::mcp::bus::MAX_WAITING);
    create(&database, &key, &["after.md".to_owned()], Duration::ZERO).await;
    assert_eq!(next(&mut listener).await.target, "after.md");
}

#[tokio::test]
async fn orders_are_obeyed_once_everywhere_where_someone_attends() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let replicas = Replica::pair(&database, None);
    let _attending: Vec<_> = replicas.iter().map(|replica| replica.bus.attend()).collect();
    let _listening = replicas[0].listen(&key).await;
    // So that both have read before.
    let _both = replicas[1].listen(&key).await;
    let tenant = &key.tenant;
    let kinds = [SignalKind::CallCancelled, SignalKind::ToolsChanged, SignalKind::RequestAnswered];
    for kind in kinds {
        let announced = database
            .store()
            .write(tenant, async |tx| signals::announce(tx, tenant, uuid(), kind, "target").await);
        announced.await.map_err(|error: StoreError| error).unwrap();
    }
    for replica in &replicas {
        eventually("the last order", async || {
            let orders = replica.orders.lock().unwrap();
            (orders.last()?.kind == SignalKind::RequestAnswered).then_some(())
        })
        .await;
        let orders = replica.orders.lock().unwrap();
        let obeyed: Vec<SignalKind> = orders.iter().map(|order| order.kind).collect();
        assert_eq!(obeyed, [SignalKind::CallCancelled, SignalKind::RequestAnswered]);
    }
}

#[tokio::test]
async fn a_thousand_listen_in_one_project_and_in_a_thousand() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let replica = Arc::new(Replica::on(&database));
    let projects = (0..1000).map(|_| mbmcp::model::ProjectId(uuid()));
    let projects = projects.chain(std::iter::repeat_n(key.tenant.project(), 1000));
    let listening = projects.map(|project| {
        let replica = replica.clone();
        async move { replica.bus.listen(project).await.unwrap() }
    });
    let superuser = database.connect(Login::Superuser).await;
    let before = commits(&superuser).await;
    let mut listeners = join_all(listening).await;
    // As many reads as happen meanwhile anyway, and nearly none by those who came.
    let reads = eventually("the reads", async || {
        let reads = commits(&superuser).await - before;
        (reads > 20).then_some(reads)
    })
    .await;
    assert!(reads < 200, "{reads} reads");
    create(&database, &key, &["a.md".to_owned()], Duration::ZERO).await;
    for listener in &mut listeners[1000..] {
        assert_eq!(next(listener).await.target, "a.md");
    }
    assert!(listeners[..1000].iter_mut().all(|listener| listener.try_next().is_none()));
}
