//! What the other roles of the production login reach, and what it is by itself.

use super::attempt::{Caller, Findings};
use super::catalogue::tables;
use super::world::World;

/// Where `app_platform` has any business.
const OF_THE_PLATFORM: [&str; 8] = [
    "api_keys",
    "audit_log",
    "idempotency_keys",
    "key_usage",
    "memberships",
    "projects",
    "sessions",
    "users",
];

/// Each verb on each table, as `role` with the context of a member.
async fn attacks(world: &World, role: &'static str, open: &[&str]) -> Findings {
    let mut findings = Findings::default();
    let context = Some((world.ours.project, world.ours.owner));
    let caller = Caller::role(&world.login, role, context);
    for table in tables(&world.owner).await {
        if open.contains(&table.name.as_str()) {
            continue;
        }
        let row = table.row(&world.owner, &world.ours, world.ours.owner).await.unwrap();
        let column = &table.columns[0].name;
        for attack in [
            format!("select 1 from public.{}", table.name),
            format!("select {column} from public.{}", table.name),
            format!("update public.{} set {column} = {column}", table.name),
            format!("delete from public.{}", table.name),
            format!("truncate public.{} cascade", table.name),
            format!("lock table public.{} in access share mode", table.name),
            table.insert(&table.freshened(row)),
        ] {
            let outcome = caller.tries(&attack).await;
            findings.expect(outcome.is_denied(), format!("{role}: {attack}"), &outcome);
        }
    }
    findings
}

#[tokio::test]
async fn the_platform_reaches_nothing_that_a_project_remembers() {
    let world = World::new().await;
    let findings = attacks(&world, "app_platform", &OF_THE_PLATFORM).await;
    findings.settle(11 * 7);

    let caller = Caller::role(&world.login, "app_platform", None);
    for table in OF_THE_PLATFORM.iter().filter(|table| **table != "idempotency_keys") {
        let outcome = caller.tries(&format!("select 1 from {table}")).await;
        assert!(outcome.is_done(), "control: {table} {outcome:?}");
    }
    for denied in [
        "select 1 from idempotency_keys",
        "select key_hash from api_keys",
        "select * from api_keys",
        "update api_keys set user_id = user_id",
        "update memberships set project_id = project_id",
        "delete from projects",
        "delete from audit_log",
        "update audit_log set action = action",
        "select * from app.search_sections('shared', null, null, null, 10, 0)",
        "select * from app.authenticate_key(sha256('x'))",
    ] {
        let outcome = caller.tries(denied).await;
        assert!(outcome.is_nothing(), "{denied}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_server_reaches_nothing_but_its_functions() {
    let world = World::new().await;
    let findings = attacks(&world, "app_server", &["schema_migrations"]).await;
    findings.settle(18 * 7);

    let caller = Caller::role(&world.login, "app_server", None);
    assert!(caller.tries("select version from schema_migrations").await.is_done());
    for denied in [
        "update schema_migrations set checksum = null",
        "delete from schema_migrations",
        "insert into schema_migrations values ('999_later')",
        "select * from app.search_sections('shared', null, null, null, 10, 0)",
        "select app.has_role(1)",
        "select app.member_ids()",
    ] {
        let outcome = caller.tries(denied).await;
        assert!(outcome.is_denied(), "{denied}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_login_reaches_nothing_by_itself() {
    let world = World::new().await;
    attacks(&world, "none", &[]).await.settle(19 * 7);
}

#[tokio::test]
async fn nobody_becomes_the_owner_of_a_function_or_table() {
    let world = World::new().await;
    let owner: String = world.owner.query_one("select current_user", &[]).await.unwrap().get(0);
    for role in ["app_auth", "app_search", "app_worker", owner.as_str()] {
        for sql in [format!("set local role {role}"), format!("set session authorization {role}")] {
            let outcome = world.our_owner().tries(&sql).await;
            assert!(outcome.is_denied(), "{sql}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn only_a_key_in_force_authenticates() {
    let world = World::new().await;
    let caller = Caller::role(&world.login, "app_server", None);
    let key = async |project: uuid::Uuid, user: uuid::Uuid| -> String {
        let sql =
            "select encode(key_hash, 'hex') from api_keys where project_id = $1 and user_id = $2";
        world.owner.query_one(sql, &[&project, &user]).await.unwrap().get(0)
    };
    let ask = async |hash: &str| {
        caller.tries(&format!("select * from app.authenticate_key('\\x{hash}')")).await
    };
    let (ours, theirs) = (world.ours, world.theirs);
    let [owner, editor, viewer] = [
        key(ours.project, ours.owner).await,
        key(ours.project, ours.editor).await,
        key(ours.project, ours.viewer).await,
    ];
    assert!(ask(&owner).await.is_done() && ask(&editor).await.is_done());
    assert!(ask(&key(world.deleted, ours.owner).await).await.is_nothing(), "deleted project");
    assert!(ask(&"00".repeat(32)).await.is_nothing(), "unknown");

    let change = format!(
        "update api_keys set revoked_at = now() where user_id = '{}';
         update api_keys set expires_at = now() - interval '1 second' where user_id = '{}'",
        ours.editor, ours.viewer
    );
    world.owner.batch_execute(&change).await.unwrap();
    assert!(ask(&editor).await.is_nothing(), "revoked");
    assert!(ask(&viewer).await.is_nothing(), "expired");
    let last = key(theirs.project, theirs.editor).await;
    let leave = format!("delete from memberships where user_id = '{}'", theirs.editor);
    world.owner.batch_execute(&leave).await.unwrap();
    assert!(ask(&last).await.is_nothing(), "no member any more");
}

/// Calls `touch_keys` for one key and day, which is named this often.
fn touch(times: usize, (project, key): (uuid::Uuid, &str), calls: i32, used: [&str; 2]) -> String {
    let array = |value: &str, kind: &str| {
        let values = vec![value; times].join(", ");
        format!("array[{values}]::{kind}[]")
    };
    let [at, client] = used;
    [
        ("select app.touch_keys(", array(&format!("'{project}'"), "uuid")),
        (", ", array(&format!("'{key}'"), "uuid")),
        (", ", array("'2026-01-31'", "date")),
        (", ", array(&calls.to_string(), "bigint")),
        (", ", array(at, "timestamptz")),
        (", ", array(client, "text") + ")"),
    ]
    .map(|(before, array)| before.to_owned() + &array)
    .concat()
}

#[tokio::test]
async fn the_use_of_keys_adds_up_and_moves_forward_and_is_of_keys_that_there_are() {
    let world = World::new().await;
    let (ours, theirs) = (world.ours, world.theirs);
    let server = Caller::role(&world.login, "app_server", None);
    let sql = "select id::text from api_keys where project_id = $1 and user_id = $2";
    let key: String =
        world.owner.query_one(sql, &[&ours.project, &ours.viewer]).await.unwrap().get(0);
    let kept = async || -> (i64, String, bool, Option<String>) {
        let sql = "select (select coalesce(sum(calls), 0)::int8 from key_usage \
                    where key_id = k.id and day = '2026-01-31'), \
                   coalesce(last_used_at::text, ''), coalesce(last_used_at <= now(), true), \
                   last_used_client from api_keys k where id::text = $1";
        let row = world.owner.query_one(sql, &[&key]).await.unwrap();
        (row.get(0), row.get(1), row.get(2), row.get(3))
    };
    let before = world.owner.query_one("select count(*) from key_usage", &[]).await.unwrap();
    let before: i64 = before.get(0);
    for (project, of) in [
        (theirs.project, key.clone()),
        (ours.project, super::world::fresh().to_string()),
        (super::world::fresh(), key.clone()),
    ] {
        assert!(server.commits(&touch(1, (project, &of), 5, ["now()", "'x'"])).await.is_done());
        assert_eq!(kept().await, (0, String::new(), true, None));
    }
    let after: i64 =
        world.owner.query_one("select count(*) from key_usage", &[]).await.unwrap().get(0);
    assert_eq!(after, before);

    let uses = async |times, calls, used| {
        let sql = touch(times, (ours.project, &key), calls, used);
        assert!(server.commits(&sql).await.is_done(), "{sql}");
        kept().await
    };
    let first = uses(1, 2, ["'2026-01-31 10:00+00'", "'first'"]).await;
    assert_eq!((first.0, first.3.as_deref()), (2, Some("first")));
    let older = uses(1, 3, ["'2026-01-31 09:00+00'", "'late news'"]).await;
    assert_eq!(older, (5, first.1, true, Some("first".to_owned())));
    // A server whose clock goes ahead and that knows no client; a long name; a key named twice.
    let ahead = uses(1, 1, ["now() + interval '1 year'", "null"]).await;
    assert_eq!((ahead.0, ahead.2, ahead.3.as_deref()), (6, true, Some("first")));
    let long = uses(1, 1, ["now()", "repeat('é', 300)"]).await;
    assert_eq!((long.0, long.3.unwrap().chars().count()), (7, 50));
    assert_eq!(uses(2, 4, ["now()", "'x'"]).await.0, 15);
}

#[tokio::test]
async fn only_the_server_revokes_a_key_by_its_hash_and_once() {
    let world = World::new().await;
    let ours = world.ours;
    let sql = "select encode(key_hash, 'hex'), id::text from api_keys where project_id = $1 and user_id = $2";
    let row = world.owner.query_one(sql, &[&ours.project, &ours.viewer]).await.unwrap();
    let (hash, key): (String, String) = (row.get(0), row.get(1));
    let revoke = format!(
        "select app.revoke_presented_key('\\x{hash}', gen_random_uuid(), 'a scanner', '192.0.2.7')"
    );
    assert!(world.our_owner().tries(&revoke).await.is_denied());
    assert!(Caller::role(&world.login, "app_platform", None).tries(&revoke).await.is_denied());
    let server = Caller::role(&world.login, "app_server", None);
    let unknown = revoke.replace(&hash, &"00".repeat(32));
    for sql in [&unknown, &revoke, &revoke] {
        assert!(server.commits(sql).await.is_done(), "{sql}");
    }
    let sql = "select actor_user_id::text || ' ' || key_id || ' ' || target_id || ' ' || host(ip) \
               || ' ' || client_name || ' ' || (before->>'revokedAt' is null) \
               || ' ' || (after->>'revokedAt' is not null) from audit_log where action = 'key.revoke'";
    let rows = world.owner.query(sql, &[]).await.unwrap();
    let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let viewer = ours.viewer;
    assert_eq!(told, [format!("{viewer} {key} {key} 192.0.2.7 a scanner true true")]);
    let sql = "select count(*) from api_keys where revoked_at is not null";
    assert_eq!(world.owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 1);
}
