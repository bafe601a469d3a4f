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
