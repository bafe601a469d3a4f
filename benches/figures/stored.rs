//! Events that the writer stores together, against events that are committed one by one.

use std::time::Duration;

use mbmcp::model::StreamId;
use mbmcp::store::pg::events::{self, NewEvent};
use tokio_postgres::Client as Sql;
use uuid::Uuid;

use crate::cost::postgres_cpu;
use crate::harness::{Database, Login, Server, TestKey};
use crate::{print, samples};

/// What the writer gathers under load, on so many streams.
const BATCH: i64 = 256;
const STREAMS: i64 = 64;
const ROUNDS: usize = 3;
const EVENTS: i64 = BATCH * 80;
const PAYLOAD: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"a","progress":7,"message":"about as long as such a message is"}}"#;

pub async fn measure() {
    let database = Database::new().await;
    let owner = database.connect(Login::Owner).await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let _session = server.session(&key).await;
    server.lifecycle.stopping.cancel();
    let streams = streams(&owner).await;
    let one_by_one = database.connect(Login::Owner).await;

    let (mut ratios, mut seq) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let storing = async {
            for _ in 0..EVENTS / BATCH {
                let batch = (0..BATCH).map(|n| {
                    let stream = StreamId(streams[usize::try_from(n % STREAMS).unwrap()]);
                    let (project, user) = (key.tenant.project(), key.tenant.user());
                    let seq = seq + n / STREAMS + 1;
                    NewEvent { project, user, stream, seq, payload: PAYLOAD.into(), last: false }
                });
                let batch: Vec<_> = batch.collect();
                let stored = events::store(database.store(), &batch).await.unwrap();
                assert_eq!(stored.events.len(), batch.len());
                seq += BATCH / STREAMS;
            }
        };
        let together = each(&owner, storing).await;
        let single = each(&owner, singly(&one_by_one, &key, &streams, &mut seq)).await;
        let times = format!("{together:.1}; {single:.1}");
        print("  CPU of Postgres in a batch, in a commit of its own, µs", &times, "");
        ratios.push(together / single);
    }
    let ratio = samples::median(ratios);
    print(
        "a stored event, of a row-by-row commit (CPU of Postgres)",
        &format!("{ratio:.3}"),
        "<= 0.12",
    );
}

async fn singly(sql: &Sql, key: &TestKey, streams: &[Uuid], seq: &mut i64) {
    let project = key.tenant.project().0;
    let insert = "insert into mcp_events (project_id, stream_id, user_id, seq, payload)
                  select project_id, id, user_id, $2, $3::text::jsonb from streams
                   where project_id = $4 and id = $1";
    let insert = sql.prepare(insert).await.unwrap();
    for n in 0..EVENTS {
        let stream = streams[usize::try_from(n % STREAMS).unwrap()];
        let seq = *seq + n / STREAMS + 1;
        assert_eq!(sql.execute(&insert, &[&stream, &seq, &PAYLOAD, &project]).await.unwrap(), 1);
    }
    *seq += EVENTS / STREAMS;
}

/// The CPU of Postgres for each event that `storing` stores, in microseconds.
async fn each(watcher: &Sql, storing: impl Future<Output = ()>) -> f64 {
    let before = postgres_cpu(watcher).await;
    storing.await;
    let used: Duration = postgres_cpu(watcher).await.saturating_sub(before);
    used.as_secs_f64() * 1e6 / f64::from(i32::try_from(EVENTS).unwrap())
}

async fn streams(owner: &Sql) -> Vec<Uuid> {
    let sql = "insert into streams (project_id, id, user_id, session_id, request_id, kind, lease_owner,
                                    lease_until)
               select project_id, gen_random_uuid(), user_id, id, n::text, 'post', gen_random_uuid(),
                      now() + interval '1 day' from sessions, generate_series(1, $1) n returning id";
    let rows = owner.query(sql, &[&i32::try_from(STREAMS).unwrap()]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
