//! A day at a hundred events a second, told and purged as fast as can be.

use std::time::{Duration, Instant};

use mbmcp::store::pg::purge;
use time::OffsetDateTime;
use tokio_postgres::Client as Sql;

use crate::harness::{Database, Login, Server};
use crate::print;

/// Events of a step.
const EVENTS: i32 = 60_000;
const STEP: Duration = Duration::from_mins(10);
const STEPS: u32 = 24 * 6;
const RETENTION: Duration = Duration::from_hours(1);
const BATCH: i32 = 1000;

pub async fn measure() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("MCP_EVENT_RETENTION_HOURS", "2160")]).await;
    let _session = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    let begin = OffsetDateTime::UNIX_EPOCH + Duration::from_hours(480_000);
    let (mut purging, mut purged, mut first) = (Duration::ZERO, 0, 0);
    for step in 1..=STEPS {
        let now = begin + STEP * step;
        tell(&owner, now).await;
        let started = Instant::now();
        let store = database.store();
        loop {
            let gone = purge::events(store, now - RETENTION, BATCH).await.unwrap()
                + purge::streams(store, now - RETENTION * 2, BATCH).await.unwrap();
            purged += gone;
            if gone < u64::from(BATCH.unsigned_abs()) {
                break;
            }
        }
        purging += started.elapsed();
        if step % (STEPS / 6) == 0 {
            let (events, bytes) = size(&owner).await;
            first = if first == 0 { bytes } else { first };
            let figure = format!("{events}; {}", bytes >> 20);
            print(&format!("  events, MiB after {} hours", step / 6), &figure, "");
        }
    }
    let (_, last) = size(&owner).await;
    #[expect(clippy::cast_precision_loss, reason = "sizes")]
    let (ratio, rate) = (last as f64 / first as f64, purged as f64 / purging.as_secs_f64());
    print("the table after a day, of after four hours", &format!("{ratio:.2}"), "about 1");
    print("rows purged a second, without pauses", &format!("{rate:.0}"), "> 100");
}

/// Tells the events of a step that ends at `at`, ten on a stream.
async fn tell(owner: &Sql, at: OffsetDateTime) {
    let sql = "
      with told as (
        insert into streams (project_id, id, user_id, session_id, request_id, kind, next_seq,
                             created_at, closed_at)
        select project_id, gen_random_uuid(), user_id, id, n::text, 'post', 11, at, at
          from sessions, generate_series(1, $2 / 10) n,
               lateral (select $1::timestamptz - make_interval(secs => n * 10 * $3::float8 / $2) as at) told
        returning project_id, id, user_id, created_at
      )
      insert into mcp_events (project_id, stream_id, user_id, seq, created_at, payload)
      select project_id, id, user_id, seq, created_at,
             jsonb_build_object('jsonrpc', '2.0', 'result', repeat('x', 200))
        from told, generate_series(1, 10) seq";
    owner.execute(sql, &[&at, &EVENTS, &STEP.as_secs_f64()]).await.unwrap();
}

async fn size(owner: &Sql) -> (i64, i64) {
    let sql = "select count(*), pg_total_relation_size('mcp_events') from mcp_events";
    let row = owner.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}
