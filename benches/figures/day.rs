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
        database.tell(EVENTS, STEP, now).await;
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
        if step % 6 == 0 {
            // As autovacuum does about as often in such a day.
            owner.batch_execute("vacuum mcp_events, streams").await.unwrap();
        }
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

async fn size(owner: &Sql) -> (i64, i64) {
    let sql = "select count(*), pg_total_relation_size('mcp_events') from mcp_events";
    let row = owner.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}
