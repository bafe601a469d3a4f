//! Whatever ends a key ends what is remembered of it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mbmcp::model::{Role, Scope};
use reqwest::StatusCode;
use serde_json::json;
use tokio_postgres::Client as Postgres;

use super::DEADLINE;
use super::load::{Load, judged};
use crate::harness::{
    ADMIN_TOKEN, Client, Database, Login, RestClient, Server, TestKey, eventually,
};

/// A key of a project and a user of its own that no limit stops.
async fn key(database: &Database, project: &str) -> TestKey {
    let key = database.key(project, Role::Owner, &[Scope::Read, Scope::Write]).await;
    let superuser = database.connect(Login::Superuser).await;
    let unlimited = "update api_keys set rate_limit = 100000 where id = $1";
    superuser.execute(unlimited, &[&key.id.0]).await.unwrap();
    key
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_a_key_by_sql_ends_it_within_a_second() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let superuser = database.connect(Login::Superuser).await;
    let mut used = Vec::new();
    for (number, sql) in [
        "update api_keys set revoked_at = now() where id = $1",
        "update api_keys set expires_at = now() where id = $1",
        "update api_keys set key_hash = sha256(key_hash) where id = $1",
        "delete from api_keys where id = $1",
        "delete from memberships m using api_keys k where k.id = $1 and k.project_id = m.project_id",
        "update projects p set deleted_at = now() from api_keys k where k.id = $1 and k.project_id = p.id",
    ]
    .into_iter()
    .enumerate()
    {
        let key = key(&database, &format!("p{number}")).await;
        let load = Load::on(&server.client(&key));
        load.let_in(20).await;
        used.push((sql, key, load));
    }
    let mut revoked = Vec::new();
    for (sql, key, _) in &used {
        let started = Instant::now();
        assert_eq!(superuser.execute(*sql, &[&key.id.0]).await.unwrap(), 1, "{sql}");
        revoked.push((started, Instant::now()));
    }
    tokio::time::sleep(DEADLINE + Duration::from_millis(300)).await;
    let shots = join_all(used.into_iter().map(|(_, _, load)| load.stop())).await;
    for (shots, revoking) in shots.iter().zip(revoked) {
        judged(shots, revoking);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_time_is_over_is_refused_at_once() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let lifetime = Duration::from_secs(3);
    let key = database.key_for("a", Role::Editor, &[Scope::Read], Some(lifetime)).await;
    let over = Instant::now() + lifetime;
    let client = server.client(&key);
    for _ in 0..20 {
        assert_eq!(client.tell_nothing().await.status, 202);
    }
    eventually("its end", async || {
        let sent = Instant::now();
        let status = client.tell_nothing().await.status;
        assert!(status == 401 || sent < over, "it was sent too late");
        (status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_member_who_is_lowered_to_viewer_writes_no_more_from_the_very_next_call_on() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let superuser = database.connect(Login::Superuser).await;
    let client = server.client(&database.editor("a").await).modern();
    client.write("a.md", "before").await;
    superuser.batch_execute("update memberships set role = 'viewer'").await.unwrap();
    let write = json!({ "filename": "a.md", "content": "after" });
    let refused = client.call("write_memory_bank_file", write).await;
    assert!(refused.json()["error"]["code"] == -32602, "no tool of his own: {}", refused.text);
    let read = client.ok("read_memory_bank_file", json!({ "filename": "a.md" })).await;
    assert_eq!(read["content"], "before");
}

#[tokio::test]
async fn where_it_was_done_by_rest_it_holds_from_the_very_next_call_on() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("ADMIN_TOKEN", ADMIN_TOKEN)]).await;
    let platform = RestClient::new(&server, ADMIN_TOKEN);
    let status = async |client: &Client| client.tell_nothing().await.status;
    let keeper = database.key("a", Role::Owner, &[Scope::Read]).await;
    for path in [
        |key: &TestKey| format!("/projects/a/keys/{}", key.id),
        |key: &TestKey| format!("/projects/a/members/{}", key.tenant.user()),
        |_: &TestKey| "/projects/a".to_owned(),
    ] {
        let key = database.editor("a").await;
        let client = server.client(&key);
        for _ in 0..5 {
            assert_eq!(status(&client).await, 202);
        }
        let deleted = platform.delete(&path(&key)).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{}", deleted.text);
        assert_eq!(status(&client).await, 401, "{}", path(&key));
    }
    assert_eq!(status(&server.client(&keeper)).await, 401, "as all of the project");
}

/// The changes that `sql` leaves: `k` for each of one key, `p` for each of all keys of a project.
async fn noted(superuser: &Postgres, sql: &str) -> String {
    superuser.batch_execute(&format!("delete from key_changes; {sql}")).await.unwrap();
    let noted = "select coalesce(string_agg(case when key_id is null then 'p' else 'k' end, ''), '') \
                 from key_changes";
    superuser.query_one(noted, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_change_is_noted_for_each_key_that_is_another_now_and_for_no_other() {
    let database = Database::new().await;
    for project in ["a", "b"] {
        for _ in 0..2 {
            database.editor(project).await;
        }
    }
    let superuser = database.connect(Login::Superuser).await;
    let noted = async |sql: &str| noted(&superuser, sql).await;
    // All that is told of a key, and the time it was told of: whoever adds to this must note it.
    let told = "select string_agg(proargnames[i], ',' order by i) from pg_proc, \
                generate_subscripts(proargmodes, 1) i \
                where proname = 'authenticate_key' and proargmodes[i] = 't'";
    let told: String = superuser.query_one(told, &[]).await.unwrap().get(0);
    assert_eq!(
        told,
        "key_id,project_id,user_id,role,scopes,expires_at,rate_limit,environment,label,project_slug"
    );
    let of_a = "where project_id = (select id from projects where slug = 'a')";
    for change in [
        "label = 'x'",
        "environment = 'test'",
        "scopes = array['read']",
        "rate_limit = 7",
        "expires_at = now()",
        "revoked_at = now()",
        "key_hash = sha256(key_hash)",
    ] {
        assert_eq!(noted(&format!("update api_keys set {change} {of_a}")).await, "kk");
        assert_eq!(noted(&format!("update api_keys set label = label {of_a}")).await, "");
        let undone = format!("begin; update api_keys set {change}; rollback");
        assert_eq!(noted(&undone).await, "");
    }
    let used = "update api_keys set last_used_at = now(), last_used_client = 'x', rotated_to = id";
    assert_eq!(noted(used).await, "");
    assert_eq!(noted("update memberships set role = 'viewer'").await, "", "nobody remembers it");
    assert_eq!(noted("update projects set name = 'x', settings = '{}'").await, "");
    assert_eq!(noted("update projects set slug = 'c' where slug = 'a'").await, "p");
    assert_eq!(noted("update projects set deleted_at = now()").await, "pp");
    assert_eq!(
        noted(&format!("delete from memberships {}", of_a.replace("'a'", "'b'"))).await,
        "kk"
    );
    assert_eq!(noted("delete from projects").await, "kk", "as far as they have keys");
}

/// How often the changes were asked for, as the statistics have it some seconds later.
const ASKED: &str = "select coalesce(seq_scan, 0) + coalesce(idx_scan, 0) from pg_stat_user_tables \
    where relname = 'key_changes'";

#[tokio::test]
async fn a_server_asks_for_changes_only_while_somebody_calls_or_holds_a_stream() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let superuser = database.connect(Login::Superuser).await;
    let asked = async || superuser.query_one(ASKED, &[]).await.unwrap().get::<_, i64>(0);
    let goes_on = async |what: &str| {
        let before = asked().await;
        eventually(what, async || (asked().await > before).then_some(())).await;
    };
    let rests = async |what: &str| {
        eventually(what, async || {
            let before = asked().await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            (asked().await == before).then_some(())
        })
        .await;
    };
    rests("rest before anyone has called").await;
    let mut client = server.client(&database.editor("a").await);
    client.initialize().await;
    goes_on("looks after a call").await;
    rests("rest after it").await;
    let stream = client.listen(None).await;
    goes_on("looks for a stream").await;
    // Longer than any call counts.
    tokio::time::sleep(Duration::from_secs(6)).await;
    goes_on("looks for as long as it is open").await;
    drop(stream);
    rests("rest when it is gone").await;
}
