//! Events, streams, questions, signals, changes of keys and kept answers by their age.

use std::time::Duration;

use serde_json::json;
use tokio_postgres::Client as Sql;

use super::purge;
use crate::harness::{Client, Database, Login, Server, eventually};

const DAY: Duration = Duration::from_hours(24);
const WRITE: &str = "write_memory_bank_file";

/// A stream of the session of `client` that has told three messages: how old it and they are in hours,
/// and whether it is open, and its writer alive.
struct Plant {
    request: i32,
    hours: [f64; 3],
    closed: bool,
    alive: bool,
}

impl Plant {
    fn ended(request: i32, hours: [f64; 3]) -> Self {
        Self { request, hours, closed: true, alive: false }
    }

    fn open(request: i32, hours: [f64; 3], alive: bool) -> Self {
        Self { request, hours, closed: false, alive }
    }

    /// Plants it, and gives where a client resumes that has read nothing of it.
    async fn of(self, client: &Client, owner: &Sql) -> String {
        let sql = "
          with planted as (
            insert into streams (project_id, id, user_id, session_id, request_id, kind, next_seq,
                                 lease_owner, lease_until, created_at, closed_at)
            select project_id, gen_random_uuid(), user_id, id, $2::int4::text, 'post',
                   case when $4 then 4 else 1 end, gen_random_uuid(),
                   now() + case when $5 then interval '1 hour' else interval '-1 second' end,
                   now() - make_interval(secs => 3600 * ($3::float8[])[1]), case when $4 then now() end
              from sessions where id = $1
            returning project_id, id, user_id
          ), told as (
            insert into mcp_events (project_id, stream_id, user_id, seq, created_at, payload)
            select project_id, id, user_id, seq, now() - make_interval(secs => 3600 * hours), '{}'
              from planted, unnest($3::float8[]) with ordinality as t (hours, seq)
          )
          select id::text || '.0' from planted";
        let session = client.session.as_deref().unwrap();
        let Self { request, hours, closed, alive } = self;
        let row = owner
            .query_one(sql, &[&session, &request, &&hours[..], &closed, &alive])
            .await
            .unwrap();
        row.get(0)
    }
}

/// What is left: the requests of streams, each with the numbers of its events.
async fn left(owner: &Sql) -> Vec<(String, Vec<i64>)> {
    let sql =
        "select request_id, array(select seq from mcp_events e where e.project_id = s.project_id
                 and e.stream_id = s.id order by seq) from streams s order by request_id";
    let rows = owner.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn expected(left: &[(&str, &[i64])]) -> Vec<(String, Vec<i64>)> {
    left.iter().map(|(request, events)| ((*request).to_owned(), events.to_vec())).collect()
}

#[tokio::test]
async fn what_is_old_goes_by_a_server_that_nobody_asks_and_what_lives_stays() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    let gone = Plant::ended(1, [25.0; 3]).of(&client, &owner).await;
    let forgotten = Plant::ended(2, [49.0; 3]).of(&client, &owner).await;
    let partly = Plant::ended(3, [25.0, 25.0, 23.0]).of(&client, &owner).await;
    Plant::ended(4, [23.0; 3]).of(&client, &owner).await;
    Plant::open(5, [49.0; 3], true).of(&client, &owner).await;
    Plant::open(6, [25.0; 3], false).of(&client, &owner).await;
    Plant::open(7, [49.0; 3], false).of(&client, &owner).await;
    let aged = "
      insert into signals (project_id, id, created_at, kind, target)
      select project_id, gen_random_uuid(), now() - age, 'tools_changed', ''
        from sessions, unnest('{6 minutes, 4 minutes}'::interval[]) as age;
      insert into client_requests (project_id, id, user_id, session_id, created_at)
      select project_id, gen_random_uuid(), user_id, id, now() - age
        from sessions, unnest('{21 minutes, 19 minutes}'::interval[]) as age;
      insert into key_changes (project_id, id, changed_at)
      select project_id, gen_random_uuid(), now() - age
        from sessions, unnest('{25 hours, 23 hours}'::interval[]) as age;
      insert into idempotency_keys (project_id, principal, route, key, body_sha256, expires_at)
      select project_id, 'platform', 'r', lives::text, sha256(''), now() + lives
        from sessions, unnest('{-1 second, 1 hour}'::interval[]) as lives";
    owner.batch_execute(aged).await.unwrap();

    let second = Server::on(&database).await;
    let all: &[i64] = &[1, 2, 3];
    let expected = expected(&[("1", &[]), ("3", &[3]), ("4", all), ("5", all), ("6", &[])]);
    eventually("the purge of streams", async || (left(&owner).await == expected).then_some(()))
        .await;
    eventually("the purge of the rest", async || {
        let rest = "select (select count(*) from signals where kind = 'tools_changed'),
                           (select count(*) from key_changes), (select count(*) from idempotency_keys),
                           (select count(*) from client_requests)";
        let rest = owner.query_one(rest, &[]).await.unwrap();
        (0..4).all(|kind| rest.get::<_, i64>(kind) == 1).then_some(())
    })
    .await;

    // Who comes back for it is told, on any replica, and his connection ends.
    for server in [&server, &second] {
        let client = client.at(&server.url);
        for (after, request) in [(&gone, 1), (&partly, 3)] {
            let told = client.listen(Some(after)).await.rest().await;
            assert_eq!(told.len(), 1, "{told:?}");
            assert_eq!(
                (&told[0]["id"], &told[0]["error"]["code"]),
                (&json!(request), &json!(-32603))
            );
            let sentence = told[0]["error"]["message"].as_str().unwrap();
            assert!(sentence.contains("not kept any more"), "{sentence}");
        }
        let unknown = client.listening(Some(&forgotten)).send().await.unwrap();
        assert_eq!(unknown.status(), 400);
    }
}

#[tokio::test]
async fn who_reads_a_stream_that_has_a_gap_gets_what_is_before_it_and_an_error() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    let beginning = Plant::ended(1, [1.0; 3]).of(&client, &owner).await;
    owner.batch_execute("delete from mcp_events where seq = 2").await.unwrap();
    let told = client.listen(Some(&beginning)).await.rest().await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((&told[0], &told[1]["id"]), (&json!({}), &json!(1)));
    assert!(told[1]["error"]["message"].as_str().unwrap().contains("not kept"), "{told:?}");
}

#[tokio::test]
async fn an_answer_can_be_read_again_until_it_is_purged() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    let mut stream =
        client.stream("call", WRITE, json!({ "filename": "plan.md", "content": "text" })).await;
    let beginning = stream.event().await.unwrap().id.unwrap();
    let answer = stream.rest().await;
    let age = "update mcp_events set created_at = now() - interval '23 hours 59 minutes'";
    owner.batch_execute(age).await.unwrap();
    assert!(purge(&database, DAY, None).round().await.is_empty());
    assert_eq!(client.listen(Some(&beginning)).await.rest().await, answer);
    let shorter = Duration::from_hours(23);
    assert!(purge(&database, shorter, None).round().await.is_empty());
    let told = client.listen(Some(&beginning)).await.rest().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["id"], &told[0]["error"]["code"]), (&json!("call"), &json!(-32603)));
}

#[tokio::test]
async fn many_replicas_purge_at_once_what_is_more_than_one_statement_takes() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    Plant::ended(1, [25.0; 3]).of(&client, &owner).await;
    Plant::open(2, [25.0; 3], true).of(&client, &owner).await;
    let many = "insert into mcp_events (project_id, stream_id, user_id, seq, created_at, payload)
                select project_id, stream_id, user_id, seq + n, created_at, payload
                  from mcp_events, generate_series(1, 1200) n where seq = 3";
    owner.batch_execute(many).await.unwrap();
    let replicas: Vec<_> = (0..4).map(|_| purge(&database, DAY, None)).collect();
    let rounds = replicas.iter().map(mbmcp::worker::Purge::round);
    for failed in futures_util::future::join_all(rounds).await {
        assert!(failed.is_empty(), "{failed:?}");
    }
    let lives = (1..=1203).collect::<Vec<i64>>();
    assert_eq!(left(&owner).await, expected(&[("1", &[]), ("2", &lives)]));
}

#[tokio::test]
async fn what_cannot_be_purged_keeps_nothing_else_from_it() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let owner = database.connect(Login::Owner).await;
    Plant::ended(1, [49.0; 3]).of(&client, &owner).await;
    // The function is not the owner's.
    let superuser = database.connect(Login::Superuser).await;
    let revoke = "revoke execute on function app.purge_events from app_server";
    superuser.batch_execute(revoke).await.unwrap();
    let old = "update sessions set expires_at = now()";
    owner.batch_execute(old).await.unwrap();
    let failed = purge(&database, DAY, None).round().await;
    let kinds: Vec<_> = failed.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [mbmcp::worker::Kind::Events], "{failed:?}");
    assert_eq!(left(&owner).await, []);
}
