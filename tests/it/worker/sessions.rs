//! Sessions that nobody uses any more.

use std::time::Duration;

use serde_json::{Value, json};

use super::purge;
use crate::harness::{Database, Login, Server};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn who_listens_in_a_session_that_expires_is_told_by_the_end_of_his_stream() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await;
    let (client, other) = (server.session(&key).await, server.session(&key).await);
    let mut listening = client.listen(None).await;
    assert!(listening.event().await.unwrap().id.is_some());
    let owner = database.connect(Login::Owner).await;
    let expire = "update sessions set expires_at = now() where id = $1";
    owner.execute(expire, &[&client.session]).await.unwrap();
    assert!(purge(&database, DAY, None).round().await.is_empty());
    assert_eq!(listening.rest().await, Vec::<Value>::new());
    let ended = "select count(*) from signals where kind = 'session_ended' and target = $1";
    for (client, count) in [(&client, 1), (&other, 0)] {
        let told: i64 = owner.query_one(ended, &[&client.session]).await.unwrap().get(0);
        assert_eq!(told, count);
    }
    assert_eq!(client.listening(None).send().await.unwrap().status(), 404);
    assert_eq!(other.rpc("ping", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_session_with_many_events_goes_in_parts() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    let fill = "
      insert into streams (project_id, id, user_id, session_id, request_id, kind, closed_at)
      select project_id, gen_random_uuid(), user_id, id, n::text, 'post', now()
        from sessions, generate_series(1, 30) n;
      insert into mcp_events (project_id, stream_id, user_id, seq, payload)
      select project_id, id, user_id, n, '{}' from streams, generate_series(1, 4) n;
      update sessions set expires_at = now()";
    owner.batch_execute(fill).await.unwrap();
    let (store, count) = (database.store(), "select count(*) from ");
    let mut calls = Vec::new();
    loop {
        let purged = mbmcp::store::pg::purge::sessions(store, 50).await.unwrap();
        let mut rows = Vec::new();
        for table in ["mcp_events", "streams", "sessions"] {
            rows.push(owner.query_one(&format!("{count}{table}"), &[]).await.unwrap().get(0));
        }
        calls.push((purged, rows));
        if purged < 50 {
            break;
        }
    }
    let expected: [(u64, Vec<i64>); 3] =
        [(50, vec![70, 30, 1]), (50, vec![20, 30, 1]), (1, vec![0, 0, 0])];
    assert_eq!(calls, expected);
    assert_eq!(client.rpc("ping", json!({})).await.status, 404);
}
