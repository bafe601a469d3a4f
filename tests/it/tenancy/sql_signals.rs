//! Signals under attack: a member sees what happened to the memory, and of sessions his own; who
//! announces signs; the server's functions are the server's alone.

use mbmcp::model::SignalKind;
use tokio_postgres::Client;

use super::attempt::{Caller, Findings, Outcome};
use super::world::World;
use crate::harness::Login;

#[tokio::test]
async fn a_member_sees_what_is_common_and_what_is_his_own() {
    let world = World::new().await;
    let (ours, theirs) = (world.ours, world.theirs);
    world.owner.batch_execute("delete from signals").await.unwrap();
    let people =
        [(ours.project, Some(ours.owner)), (ours.project, Some(ours.editor)), (ours.project, None)];
    for (project, user) in people.into_iter().chain([(theirs.project, Some(theirs.owner))]) {
        for kind in SignalKind::ALL {
            let sql = "insert into signals (project_id, id, user_id, kind, target) \
                       values ($1, gen_random_uuid(), $2, $3, 't')";
            world.owner.execute(sql, &[&project, &user, &kind.name()]).await.unwrap();
        }
    }
    let mut findings = Findings::default();
    let common = "kind in ('tools_changed', 'prompts_changed') or kind like 'resource\\_%'";
    for (rank, caller) in world.insiders() {
        let all = caller.tries(&format!("select project_id from signals where {common}")).await;
        let right = matches!(all, Outcome::Done { count: 15, .. });
        let right = right && all.all_are(&ours.project.to_string());
        findings.expect(right, format!("{}: common", caller.name), &all);
        let own = caller.tries(&format!("select user_id from signals where not ({common})")).await;
        let right = match rank {
            1 => own.is_nothing(),
            _ => matches!(own, Outcome::Done { count: 4, .. }),
        };
        let right = right && own.all_are(&caller.user.unwrap().to_string());
        findings.expect(right, format!("{}: own", caller.name), &own);
    }
    findings.settle(6);
}

#[tokio::test]
async fn nobody_announces_without_a_name_or_changes_what_was_said() {
    let world = World::new().await;
    for (_, caller) in world.insiders() {
        let announce = |user: &str| {
            format!(
                "insert into signals (project_id, id, user_id, kind, target) \
                 values (app.current_project_id(), gen_random_uuid(), {user}, 'call_cancelled', 't')"
            )
        };
        assert!(caller.tries(&announce("app.current_user_id()")).await.is_done());
        assert!(caller.tries(&announce("null")).await.is_denied());
        for sql in ["update signals set target = 'x'", "delete from signals"] {
            assert!(caller.tries(sql).await.is_denied(), "{sql}");
        }
    }
}

/// The functions that `role` may call.
async fn callable(owner: &Client, role: &str) -> Vec<String> {
    let sql = "select proname::text from pg_proc where pronamespace = 'app'::regnamespace \
               and has_function_privilege($1, oid, 'execute') order by 1";
    let rows = owner.query(sql, &[&role]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_functions_across_tenants_are_the_servers_alone() {
    let world = World::new().await;
    let across = callable(&world.owner, "app_server").await;
    assert_eq!(
        across,
        [
            "authenticate_key",
            "purge_client_requests",
            "purge_events",
            "purge_idempotency_keys",
            "purge_key_changes",
            "purge_sessions",
            "purge_signals",
            "purge_streams",
            "read_key_changes",
            "read_signals",
            "renew_leases",
            "revoke_presented_key",
            "store_events",
            "stream_heads",
            "touch_keys",
        ]
    );
    for role in ["app_user", "app_platform", "mbmcp_test_server"] {
        let others = callable(&world.owner, role).await;
        assert!(!others.iter().any(|name| across.contains(name)), "{role}: {others:?}");
    }
    let server = Caller::role(&world.login, "app_server", None);
    let heads = "select * from app.stream_heads(
                   (select array_agg(project_id) from streams), (select array_agg(id) from streams))";
    assert!(server.tries(heads).await.is_denied(), "it sees no table itself");
}

#[tokio::test]
async fn the_worker_locks_rows_and_changes_none_of_them() {
    let world = World::new().await;
    let superuser = world.database.connect(Login::Superuser).await;
    let worker = Caller::role(&superuser, "app_worker", None);
    for (table, column) in [
        ("client_requests", "created_at"),
        ("idempotency_keys", "expires_at"),
        ("key_changes", "changed_at"),
        ("mcp_events", "created_at"),
        ("sessions", "expires_at"),
        ("signals", "created_at"),
    ] {
        let lock = format!("select project_id from {table} for update");
        assert!(worker.tries(&lock).await.is_done(), "control: {table}");
        let change = format!("update {table} set {column} = {column}");
        assert!(worker.tries(&change).await.is_denied(), "{table}");
    }
}
