//! A client that listens goes away and comes back, to whichever replica: it is told of all that changed.

use serde_json::{Value, json};
use tokio_postgres::Client as Sql;

use crate::harness::{Client, Database, Events, Login, Server, eventually};

const PLAN: &str = "memory-bank://plan.md";
const TOOLS: &str = "notifications/tools/list_changed";
const RESOURCES: &str = "notifications/resources/list_changed";
const UPDATED: &str = "notifications/resources/updated";

/// A session that has subscribed to a document, at two replicas.
struct Scene {
    _database: Database,
    superuser: Sql,
    _servers: [Server; 2],
    one: Client,
    two: Client,
}

impl Scene {
    async fn begin() -> Self {
        let database = Database::new().await;
        let servers = [Server::on(&database).await, Server::on(&database).await];
        let one = servers[0].session(&database.editor("a").await).await;
        let two = one.at(&servers[1].url);
        one.write("plan.md", "one").await;
        let subscribed = one.rpc("resources/subscribe", json!({ "uri": PLAN })).await;
        assert_eq!(subscribed.json()["result"], json!({}), "{}", subscribed.text);
        let superuser = database.connect(Login::Superuser).await;
        superuser.batch_execute("delete from signals").await.unwrap();
        Self { _database: database, superuser, _servers: servers, one, two }
    }

    async fn count(&self, of: &str) -> i64 {
        let sql = format!("select count(*) from {of}");
        self.superuser.query_one(&sql, &[]).await.unwrap().get(0)
    }

    /// Leaves `told`, and waits until that is noticed. Gives where it is resumed.
    async fn leave(&self, told: Events) -> String {
        let last = told.last_id.clone().unwrap();
        drop(told);
        self.quiet().await;
        last
    }

    /// Waits until nobody listens.
    async fn quiet(&self) {
        let open = "streams where kind = 'get' and closed_at is null";
        eventually("the end", async || (self.count(open).await == 0).then_some(())).await;
    }
}

/// What is told next.
async fn told(events: &mut Events) -> String {
    let message = events.message().await.expect("a message");
    message["method"].as_str().unwrap().to_owned()
}

/// The stream of the last event.
fn stream(events: &Events) -> &str {
    stream_of(events.last_id.as_deref().unwrap())
}

fn stream_of(id: &str) -> &str {
    id.split_once('.').unwrap().0
}

#[tokio::test]
async fn who_comes_back_to_another_replica_has_missed_nothing() {
    let scene = Scene::begin().await;
    let mut first = scene.one.listen(None).await;
    assert_eq!(first.event().await.unwrap().data.as_deref(), Some(""));
    scene.one.write("a.md", "").await;
    assert_eq!(told(&mut first).await, RESOURCES);
    // Said, and not read.
    scene.one.write("b.md", "").await;
    scene.one.write("plan.md", "two").await;
    let said = "mcp_events join streams on id = stream_id where kind = 'get'";
    eventually("the events", async || (scene.count(said).await == 3).then_some(())).await;
    let old = stream(&first).to_owned();
    let last = scene.leave(first).await;
    scene.one.write("c.md", "").await;

    let mut second = scene.two.listen(Some(&last)).await;
    assert!(second.event().await.is_some());
    assert_eq!(stream(&second), old, "what was missed comes before another stream begins");
    let last = scene.leave(second).await;
    let mut third = scene.one.listen(Some(&last)).await;
    assert_eq!((told(&mut third).await, stream(&third)), (UPDATED.to_owned(), &*old));
    let beginning = third.event().await.unwrap();
    assert_eq!(beginning.data.as_deref(), Some(""));
    assert!(beginning.retry.is_some() && stream(&third) != old);
    assert_eq!(told(&mut third).await, RESOURCES);
    assert_eq!(told(&mut third).await, UPDATED);
    scene.two.write("d.md", "").await;
    assert_eq!(told(&mut third).await, RESOURCES);
}

#[tokio::test]
async fn what_may_be_gone_is_told_as_a_change_of_everything() {
    let plant = |kind: &str, age: u32, count: u32| {
        format!(
            "insert into signals (project_id, id, kind, target, created_at) select project_id, \
             gen_random_uuid(), '{kind}', n, now() - interval '{age} seconds' \
             from sessions, generate_series(1, {count}) n"
        )
    };
    let scene = Scene::begin().await;
    for (away, of_tools) in [
        ("delete from signals".to_owned(), false),
        (plant("tools_changed", 60, 1), false),
        // Of a call that took its time to commit.
        (plant("tools_changed", 20, 1), true),
        // More than are read.
        (plant("resource_created", 0, 1001), true),
        // For longer than signals are kept.
        ("update streams set closed_at = closed_at - interval '4 minutes'".to_owned(), true),
        // What was said, but for the last of it.
        ("delete from mcp_events where seq = 1".to_owned(), true),
    ] {
        let mut before = scene.one.listen(None).await;
        before.event().await.unwrap();
        let beginning = before.last_id.clone();
        for part in ["a", "b"] {
            scene.one.write(&format!("{}-{part}.md", stream(&before)), "").await;
            assert_eq!(told(&mut before).await, RESOURCES);
        }
        scene.leave(before).await;
        scene.superuser.batch_execute(&format!("delete from signals; {away}")).await.unwrap();
        let mut after = scene.two.listen(beginning.as_deref()).await;
        scene.one.write("plan.md", &away).await;
        let mut all = Vec::new();
        while all.last().is_none_or(|last| last != UPDATED) {
            all.push(told(&mut after).await);
        }
        assert_eq!(all.iter().any(|method| method == TOOLS), of_tools, "{away}: {all:?}");
        scene.leave(after).await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_now_is_read_later() {
    // More than a look takes, and than connections hold that nobody reads.
    const SAID: i64 = 300;
    const BYTES: i32 = 128 << 10;
    let scene = Scene::begin().await;
    let mut before = scene.one.listen(None).await;
    before.event().await.unwrap();
    let beginning = scene.leave(before).await;
    let say = "insert into mcp_events (project_id, stream_id, user_id, seq, payload) \
               select project_id, id, user_id, n, jsonb_build_object('n', n, 'x', repeat('x', $2)) \
               from streams, generate_series(1, $1::bigint) n where kind = 'get'";
    scene.superuser.execute(say, &[&SAID, &BYTES]).await.unwrap();
    let ended = "update streams set next_seq = $1::bigint + 1 where kind = 'get'";
    scene.superuser.execute(ended, &[&SAID]).await.unwrap();

    let number = |message: Value| message["n"].as_i64().unwrap();
    let mut after = scene.two.listen(Some(&beginning)).await;
    let mut read = vec![number(after.message().await.unwrap())];
    scene.superuser.batch_execute("revoke select on mcp_events from app_user").await.unwrap();
    read.extend(after.rest().await.into_iter().map(number));
    assert!(read.last() < Some(&SAID) && stream(&after) == stream_of(&beginning));
    scene.superuser.batch_execute("grant select on mcp_events to app_user").await.unwrap();
    let mut again = scene.one.listen(after.last_id.as_deref()).await;
    while read.last() < Some(&SAID) {
        read.push(number(again.message().await.unwrap()));
    }
    assert!(read.into_iter().eq(1..=SAID));
}

#[tokio::test]
async fn subscriptions_that_cannot_be_read_end_the_connection_and_leave_no_stream() {
    let scene = Scene::begin().await;
    let mut before = scene.one.listen(None).await;
    before.event().await.unwrap();
    let readable = "do $$ begin revoke select on sessions from app_user; execute ( \
                    select format('grant select (%s) on sessions to app_user', \
                    string_agg(quote_ident(attname), ', ')) from pg_attribute \
                    where attrelid = 'sessions'::regclass and attnum > 0 and not attisdropped \
                    and attname <> 'subscriptions'); end $$";
    scene.superuser.batch_execute(readable).await.unwrap();
    let changed = "insert into signals (project_id, id, user_id, kind, target) \
                   select project_id, gen_random_uuid(), user_id, 'session_changed', id from sessions";
    scene.superuser.execute(changed, &[]).await.unwrap();
    assert!(before.event().await.is_none());
    scene.quiet().await;
    let streams = scene.count("streams where kind = 'get'").await;
    let refused = scene.two.listening(None).send().await.unwrap();
    assert_eq!(refused.status(), 500, "{}", refused.text().await.unwrap());
    assert_eq!(scene.count("streams where kind = 'get'").await, streams, "nobody would close it");

    let all = "grant select on sessions to app_user";
    scene.superuser.batch_execute(all).await.unwrap();
    scene.one.write("plan.md", "two").await;
    let mut after = scene.two.listen(before.last_id.as_deref()).await;
    assert_eq!(told(&mut after).await, UPDATED);
}

#[tokio::test]
async fn what_cannot_be_stored_ends_the_connection_and_is_told_later() {
    const STORE: &str =
        "function app.store_events(uuid[], uuid[], uuid[], bigint[], jsonb[], boolean[])";
    let scene = Scene::begin().await;
    let mut before = scene.one.listen(None).await;
    before.event().await.unwrap();
    let sql = format!("revoke execute on {STORE} from app_server");
    scene.superuser.batch_execute(&sql).await.unwrap();
    let change = "insert into signals (project_id, id, kind, target) \
                  select project_id, gen_random_uuid(), 'tools_changed', '' from sessions";
    scene.superuser.execute(change, &[]).await.unwrap();
    assert!(before.event().await.is_none());
    let sql = format!("grant execute on {STORE} to app_server");
    scene.superuser.batch_execute(&sql).await.unwrap();
    let mut after = scene.two.listen(before.last_id.as_deref()).await;
    assert_eq!(told(&mut after).await, TOOLS);
}
