//! A day of events, told in a few seconds.

use std::time::Duration;

use time::OffsetDateTime;

use super::purge;
use crate::harness::{Database, Login, Server};

const RETENTION: Duration = Duration::from_hours(2);
/// How often is purged in this day.
const STEP: Duration = Duration::from_mins(10);
const STEPS: u32 = 24 * 6;
/// Events of each step: one a second.
const EVENTS: i32 = 600;
/// In how many steps what is told is purged again.
const KEPT: i64 = 12;

#[tokio::test]
async fn after_a_day_there_is_no_more_than_what_is_kept() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("MCP_SESSION_TTL_HOURS", "96")]).await;
    let _client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    let begin = OffsetDateTime::UNIX_EPOCH + Duration::from_hours(400_000);
    let most_kept = (KEPT + 1) * i64::from(EVENTS);
    let (mut most, mut early) = (0, 0);
    for step in 1..=STEPS {
        let now = begin + STEP * step;
        database.tell(EVENTS, STEP, now).await;
        let failed = purge(&database, RETENTION, Some(now)).round().await;
        assert!(failed.is_empty(), "{failed:?}");
        if step % 6 == 0 {
            // What autovacuum does about as often.
            owner.batch_execute("vacuum mcp_events, streams").await.unwrap();
        }
        let sizes = "select count(*), pg_total_relation_size('mcp_events') from mcp_events";
        let row = owner.query_one(sizes, &[]).await.unwrap();
        let (events, bytes): (i64, i64) = (row.get(0), row.get(1));
        assert!(events <= most_kept, "{events} events after step {step}");
        if step == STEPS / 3 {
            early = bytes;
        }
        most = most.max(bytes);
    }
    // Three times as much, if nothing of it were used again.
    assert!(most <= 2 * early, "{most} bytes at most, {early} after a third of the day");
    let streams: i64 = owner.query_one("select count(*) from streams", &[]).await.unwrap().get(0);
    assert!(streams * 10 <= 2 * most_kept, "{streams} streams");
}
