//! Streams: who follows one learns of its news, whoever writes it.

use std::time::Duration;

use mbmcp::mcp::bus::Follow;
use mbmcp::model::StreamId;
use mbmcp::store::pg::events::{self, NewEvent};
use mbmcp::store::pg::sessions::{self, NewSession};
use mbmcp::store::pg::streams::{self, Found, Kind, NewStream};
use mbmcp::store::{StoreError, Tenant};
use serde_json::json;

use super::{Replica, fresh_stream, shared_redis, soon, uuid};
use crate::harness::{Database, TestKey, eventually};

/// Sessions have ids of this length.
const SESSION: &str = "a-session-of-the-tests-of-the-bus-0123456789";

/// Opens a stream whose writer counts as alive for `lease`, in a session that is there or not.
async fn open(database: &Database, key: &TestKey, lease: Duration) -> StreamId {
    let (tenant, id) = (&key.tenant, fresh_stream());
    let opened = database.store().write(tenant, async |tx| {
        if sessions::find(tx, tenant, SESSION).await?.is_none() {
            let new = NewSession {
                key: key.id,
                protocol_version: "2025-11-25".to_owned(),
                client_name: "it".to_owned(),
                client_version: "1".to_owned(),
                capabilities: json!({}),
                toolsets: None,
            };
            let hour = Duration::from_hours(1);
            assert!(sessions::insert(tx, tenant, SESSION, &new, hour, 10).await?);
        }
        let (kind, owner) = (Kind::Post, uuid());
        let new = NewStream { id, session: SESSION, request_id: None, kind, owner, lease };
        streams::insert(tx, tenant, &new).await
    });
    assert!(opened.await.map_err(|error: StoreError| error).unwrap());
    id
}

async fn store(database: &Database, tenant: &Tenant, stream: StreamId, seq: i64) {
    let (project, user) = (tenant.project(), tenant.user());
    let event = NewEvent { project, user, stream, seq, payload: "{}".to_owned(), last: false };
    assert_eq!(events::store(database.store(), &[event]).await.unwrap().events, [(stream, seq)]);
}

/// Reads the stream whenever there is news of it, until it is as wanted.
async fn until(
    (database, tenant): (&Database, &Tenant),
    (stream, follow): (StreamId, &mut Follow),
    wanted: impl Fn(Option<&Found>) -> bool,
) {
    loop {
        soon("news of the stream", follow.news()).await;
        let found = database
            .store()
            .read(tenant, async |tx| streams::find(tx, tenant, SESSION, stream).await);
        let found: Result<_, StoreError> = found.await;
        if wanted(found.unwrap().as_ref()) {
            return;
        }
    }
}

#[tokio::test]
async fn events_the_end_and_the_loss_of_a_stream_are_news_without_anybodys_word() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let tenant = &key.tenant;
    let replica = Replica::on(&database);
    let stream = open(&database, &key, Duration::from_mins(1)).await;
    let mut follow = replica.bus.follow(tenant.project(), stream);
    let here = (&database, tenant);
    for seq in 1..=3 {
        store(&database, tenant, stream, seq).await;
        until(here, (stream, &mut follow), |found| found.unwrap().last_seq == seq).await;
    }
    let closed =
        database.store().write(tenant, async |tx| streams::close(tx, tenant, stream).await);
    closed.await.map_err(|error: StoreError| error).unwrap();
    until(here, (stream, &mut follow), |found| found.unwrap().closed).await;

    let dying = open(&database, &key, Duration::from_millis(400)).await;
    let mut mourner = replica.bus.follow(tenant.project(), dying);
    until(here, (dying, &mut mourner), |found| found.unwrap().orphaned).await;

    let ended = database.store().write(tenant, async |tx| sessions::end(tx, tenant, SESSION).await);
    assert!(ended.await.map_err(|error: StoreError| error).unwrap());
    until(here, (stream, &mut follow), |found| found.is_none()).await;
}

#[tokio::test]
async fn a_word_wakes_followers_here_and_by_redis_elsewhere_without_a_look() {
    let database = Database::new().await;
    let [one, two] = Replica::pair(&database, Some(&shared_redis()));
    assert!(one.hears(&one).await, "here");
    eventually("the other replica", async || two.hears(&one).await.then_some(())).await;
    // Without Redis, or with another prefix, nobody else hears it.
    let [apart, other] = [None, Some(shared_redis())]
        .map(|redis| Replica::of(&database, super::Parts { redis, ..super::Parts::default() }));
    assert!(!apart.hears(&one).await && !other.hears(&one).await);
}

#[tokio::test]
async fn more_streams_than_a_message_holds_are_all_told() {
    let database = Database::new().await;
    let [one, two] = Replica::pair(&database, Some(&shared_redis()));
    eventually("the other replica", async || two.hears(&one).await.then_some(())).await;
    let streams: Vec<StreamId> = (0..1000).map(|_| fresh_stream()).collect();
    let project = mbmcp::model::ProjectId(uuid());
    let mut follows: Vec<Follow> =
        streams.iter().map(|stream| two.bus.follow(project, *stream)).collect();
    for follow in &mut follows {
        soon("the first look", follow.news()).await;
    }
    one.bus.stored(&streams);
    for follow in &mut follows {
        soon("the word", follow.news()).await;
    }
}
