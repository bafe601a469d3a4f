//! Calls are counted, and stored together.

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use mbmcp::model::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use super::Office;
use crate::harness::{Database, Login, Reply, RestClient, Server, TestKey, eventually};

const USAGE: &str = "/projects/a/usage";

/// Stops a server and waits until it has stored what it counted.
async fn stop(server: &Server) {
    server.lifecycle.stopping.cancel();
    eventually("the end", async || {
        let ended = server.lifecycle.drained.is_cancelled() && server.lifecycle.keepers.is_empty();
        ended.then_some(())
    })
    .await;
}

/// What is stored of a key: calls of all days, client.
async fn stored(database: &Database, key: &TestKey) -> (i64, Option<String>) {
    let superuser = database.connect(Login::Superuser).await;
    let sql = "select (select coalesce(sum(calls), 0)::int8 from key_usage where key_id = k.id), \
               last_used_client from api_keys k where id = $1";
    let row = superuser.query_one(sql, &[&key.id.0]).await.unwrap();
    (row.get(0), row.get(1))
}

/// A call that is authenticated and then refused: it has no type.
async fn cheap_call(server: &Server, key: &TestKey) {
    let reply = Reply::of(server.client(key).request(Method::POST)).await;
    assert_eq!(reply.status, 415);
}

#[tokio::test]
async fn counts_arrive_and_add_up_over_restarts() {
    let database = Database::new().await;
    let key = database.key("a", Role::Owner, &[Scope::Read, Scope::Admin]).await;
    let silent = database.key("a", Role::Viewer, &[Scope::Read]).await;
    let server = Server::on(&database).await;
    let client = server.session(&key).await;
    client.rpc("ping", json!({})).await;
    client.modern().rpc("tools/list", json!({})).await;
    assert_eq!(stored(&database, &key).await, (0, None), "no call waits for it");
    stop(&server).await;
    assert_eq!(stored(&database, &key).await, (3, Some("it".to_owned())));
    let superuser = database.connect(Login::Superuser).await;
    let late = "select last_used_at between now() - interval '1 minute' and now() from api_keys \
                where id = $1";
    assert!(superuser.query_one(late, &[&key.id.0]).await.unwrap().get::<_, bool>(0));

    let server = Server::on(&database).await;
    let rest = RestClient::new(&server, &key.key);
    let request = rest.request(Method::GET, USAGE).header("user-agent", "a script");
    assert_eq!(Reply::of(request).await.status, 200);
    stop(&server).await;
    assert_eq!(stored(&database, &key).await, (4, Some("a script".to_owned())));
    assert_eq!(stored(&database, &silent).await, (0, None));

    let server = Server::on(&database).await;
    let rest = RestClient::new(&server, &key.key);
    let shown = rest.get(&format!("/projects/a/keys/{}", key.id)).await.json();
    assert_eq!(shown["lastUsedClient"], "a script");
    assert!(shown["lastUsedAt"].is_string());
    let days = rest.get(USAGE).await.json()["items"].clone();
    let calls: i64 =
        days.as_array().unwrap().iter().map(|day| day["calls"].as_i64().unwrap()).sum();
    assert_eq!(calls, 4, "{days}");
}

#[tokio::test]
async fn a_thousand_calls_make_few_statements() {
    let database = Database::new().await;
    let keys = [database.editor("a").await, database.editor("b").await];
    let server = Server::on(&database).await;
    // Planted when the walls have been proven.
    let owner = database.connect(Login::Superuser).await;
    let plant = "create table planted (calls bigint); \
                 create function planted() returns trigger language plpgsql security definer as \
                 'begin insert into public.planted values (1); return null; end'; \
                 create trigger planted after insert on key_usage for each statement \
                 execute function planted()";
    owner.batch_execute(plant).await.unwrap();
    let calls = iter(0..1000).for_each_concurrent(20, async |call| {
        cheap_call(&server, &keys[call % 2]).await;
    });
    calls.await;
    stop(&server).await;
    for key in &keys {
        assert_eq!(stored(&database, key).await.0, 500);
    }
    let sql = "select count(*) from planted";
    let statements: i64 = owner.query_one(sql, &[]).await.unwrap().get(0);
    assert!((1..=4).contains(&statements), "{statements}");
}

#[tokio::test]
async fn what_cannot_be_stored_is_kept_until_it_can() {
    let database = Database::new().await;
    let key = database.editor("a").await;
    let server = Server::on(&database).await;
    let client = server.session(&key).await;
    cheap_call(&server, &key).await;
    let superuser = database.connect(Login::Superuser).await;
    // Outside of any transaction, so that a refused try is seen.
    let refuse = "create sequence tries; \
                  create function refuse() returns trigger language plpgsql security definer as \
                  'begin perform nextval(''public.tries''); raise ''not now''; end'; \
                  create trigger refuse before insert on key_usage for each statement \
                  execute function refuse()";
    superuser.batch_execute(refuse).await.unwrap();
    // Stopping stores at once, and again when the last call is done: this one waits.
    let holder = database.connect(Login::Superuser).await;
    holder.batch_execute("begin; lock table documents in access exclusive mode").await.unwrap();
    let waiting =
        tokio::spawn(async move { client.call("list_memory_bank_files", json!({})).await.status });
    let waits = "select count(*) from pg_locks where not granted and relation is not null \
                 and database = (select oid from pg_database where datname = current_database())";
    let tried = "select count(*) from tries where is_called";
    let one = async |sql: &str| {
        eventually(sql, async || {
            (superuser.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1).then_some(())
        })
        .await;
    };
    one(waits).await;
    server.lifecycle.stopping.cancel();
    one(tried).await;
    assert_eq!(stored(&database, &key).await.0, 0);
    superuser.batch_execute("drop trigger refuse on key_usage").await.unwrap();
    holder.batch_execute("rollback").await.unwrap();
    assert_eq!(waiting.await.unwrap(), 200);
    stop(&server).await;
    assert_eq!(stored(&database, &key).await.0, 3);
}

#[tokio::test]
async fn days_are_listed_by_time_and_key_and_page_by_page() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let other = database.key("a", Role::Viewer, &[Scope::Read]).await;
    let theirs = database.key("b", Role::Viewer, &[Scope::Read]).await;
    let superuser = database.connect(Login::Superuser).await;
    for (key, days) in [(&office.key, 3), (&other, 2), (&theirs, 3)] {
        let plant = "insert into key_usage select $1, $2, date '2026-01-28' + day, day * 10 \
                     from generate_series(1, $3) day";
        let project = key.tenant.project().0;
        superuser.execute(plant, &[&project, &key.id.0, &days]).await.unwrap();
    }
    let asked = async |query: &str| -> Vec<(Value, Value)> {
        let mut seen = Vec::new();
        for admin in [&office.owner, &office.platform] {
            let mut items = Vec::new();
            let mut next = format!("{USAGE}?limit=2{query}");
            loop {
                let page = admin.get(&next).await.json();
                items.extend(page["items"].as_array().unwrap().clone());
                let Some(cursor) = page["nextCursor"].as_str() else { break };
                next = format!("{USAGE}?limit=2{query}&cursor={cursor}");
            }
            let day = |item: &Value| (item["day"].clone(), item["calls"].clone());
            seen.push(items.iter().map(day).collect::<Vec<_>>());
        }
        assert_eq!(seen[0], seen[1]);
        seen.remove(0)
    };
    let days = |days: &[(u32, u32)]| -> Vec<(Value, Value)> {
        let day = |(day, calls): &(u32, u32)| (json!(format!("2026-01-{day}")), json!(calls));
        days.iter().map(day).collect()
    };
    assert_eq!(asked("").await, days(&[(29, 10), (29, 10), (30, 20), (30, 20), (31, 30)]));
    assert_eq!(asked("&from=2026-01-31").await, days(&[(31, 30)]));
    assert_eq!(asked("&to=2026-01-29").await, days(&[(29, 10), (29, 10)]));
    let own = format!("&keyId={}&from=2026-01-30&to=2026-01-31", office.key.id);
    assert_eq!(asked(&own).await, days(&[(30, 20), (31, 30)]));
    assert_eq!(asked(&format!("&keyId={}", theirs.id)).await, days(&[]));
    for edge in ["from=0001-01-01", "from=0000-01-01", "to=9999-12-31"] {
        assert_eq!(office.owner.get(&format!("{USAGE}?{edge}")).await.status, 200, "{edge}");
    }
    for (query, field) in [
        ("from=yesterday", "query"),
        ("from=2026-02-30", "query"),
        ("from=20260131", "query"),
        ("from=-9999-01-01", "query"),
        ("from=2026-01-02&to=2026-01-01", "to"),
        ("keyId=x", "query"),
    ] {
        let reply = office.owner.get(&format!("{USAGE}?{query}")).await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (422, &json!(field)));
    }
}
