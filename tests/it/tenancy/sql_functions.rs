//! The walls under attack through the functions of the schema `app`, and through what could be
//! planted in `pg_temp` to mislead them.

use tokio_postgres::Client;

use super::attempt::{Caller, Findings, Outcome};
use super::world::{World, fresh};
use crate::harness::Login;

/// What `app_user` may call.
const OPEN: [&str; 13] = [
    "add_member_by_email",
    "current_project_id",
    "current_user_id",
    "end_project_session",
    "has_role",
    "member_ids",
    "nearest_words",
    "project_sessions",
    "role_rank",
    "search_config",
    "search_query",
    "search_sections",
    // Gives back what it was given.
    "search_text",
];

/// Every routine of the schema: name, how it is called, types of its arguments.
async fn routines(owner: &Client) -> Vec<(String, String, Vec<String>)> {
    let sql = "select p.proname::text,
                      case when p.prokind = 'p' then 'call'
                           when p.prorettype = 'trigger'::regtype then 'select'
                           else 'select * from' end,
                      array(select format_type(t, null) from unnest(p.proargtypes) t)
                 from pg_proc p where p.pronamespace = 'app'::regnamespace order by 1";
    let rows = owner.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// The most foreign argument of this type that there is.
fn foreign_argument(world: &World, kind: &str) -> String {
    let (secret, project) = (world.theirs.word, world.theirs.project);
    match kind {
        "uuid" => format!("'{project}'"),
        "text" => format!("'{secret}'"),
        "text[]" => format!("array['{secret}', '{secret}s', 'a/{secret}.md']"),
        "bytea" => "sha256('x')".to_owned(),
        "integer" | "bigint" => "1".to_owned(),
        "uuid[]" => format!("array['{project}']::uuid[]"),
        "date[]" => "array[current_date]".to_owned(),
        "bigint[]" => "array[1]::bigint[]".to_owned(),
        "jsonb[]" => "array['{}']::jsonb[]".to_owned(),
        "boolean" => "true".to_owned(),
        "boolean[]" => "array[true]".to_owned(),
        "interval" => "'1 minute'".to_owned(),
        "timestamp with time zone[]" => "array[now()]".to_owned(),
        "inet" => "'192.0.2.1'".to_owned(),
        "timestamp with time zone" => "null".to_owned(),
        "regclass" => "'public.documents'".to_owned(),
        "regprocedure" => "'app.has_role(integer)'".to_owned(),
        "name" => "'app_user'".to_owned(),
        other => panic!("no foreign argument of type {other}: add one"),
    }
}

async fn call(
    world: &World,
    caller: &Caller<'_>,
    name: &str,
    verb: &str,
    kinds: &[String],
) -> Outcome {
    let arguments: Vec<String> = kinds.iter().map(|kind| foreign_argument(world, kind)).collect();
    caller.tries(&format!("{verb} app.{name}({})", arguments.join(", "))).await
}

#[tokio::test]
async fn no_function_tells_a_member_of_another_project() {
    let world = World::new().await;
    let mut findings = Findings::default();
    let theirs = &world.theirs;
    let secrets: Vec<String> = [theirs.project, theirs.owner, theirs.editor, theirs.viewer]
        .iter()
        .map(ToString::to_string)
        .collect();
    for (name, verb, kinds) in routines(&world.owner).await {
        for (_, caller) in world.insiders() {
            let outcome = call(&world, &caller, &name, &verb, &kinds).await;
            let told = format!("{outcome:?}");
            let silent = !secrets.iter().any(|secret| told.contains(secret));
            let closed = OPEN.contains(&name.as_str()) || outcome.is_denied();
            let found = ["search_sections", "nearest_words"].contains(&name.as_str());
            let right = silent && closed && (!found || outcome.is_nothing());
            findings.expect(right, format!("{}: app.{name}", caller.name), &outcome);
        }
    }
    findings.settle(50);
}

#[tokio::test]
async fn no_function_tells_who_is_no_member_anything() {
    let world = World::new().await;
    let mut findings = Findings::default();
    for (name, verb, kinds) in routines(&world.owner).await {
        for caller in world.outsiders() {
            let outcome = call(&world, &caller, &name, &verb, &kinds).await;
            let right = match name.as_str() {
                "has_role" => outcome.all_are("f"),
                "member_ids" => outcome.all_are("{}"),
                "search_sections"
                | "nearest_words"
                | "project_sessions"
                | "end_project_session" => outcome.is_nothing(),
                "add_member_by_email" => outcome.is_denied(),
                name => OPEN.contains(&name) || outcome.is_denied(),
            };
            findings.expect(right, format!("{}: app.{name}", caller.name), &outcome);
        }
    }
    findings.settle(130);
}

#[tokio::test]
async fn only_an_owner_sees_and_ends_the_sessions_of_his_project_and_never_learns_an_id() {
    let world = World::new().await;
    let list = "select handle, user_id from app.project_sessions('-infinity', '00000000-0000-0000-0000-000000000000', 100)";
    let end = |whose: &str, project: uuid::Uuid| {
        format!(
            "select user_id from app.end_project_session((
               select encode(substring(sha256(convert_to('session-of-{whose}-{}', 'UTF8')) for 16), 'hex')::uuid))",
            &project.to_string()[24..]
        )
    };
    let (ours, theirs) = (world.ours, world.theirs);
    let of_editor = end(&ours.editor.to_string(), ours.project);
    for (rank, caller) in world.insiders() {
        let (listed, ended) = (caller.tries(list).await, caller.tries(&of_editor).await);
        if rank == 3 {
            assert!(matches!(listed, Outcome::Done { count: 3, .. }), "{listed:?}");
            assert!(ended.is_done() && ended.all_are(&ours.editor.to_string()), "{ended:?}");
        } else {
            assert!(listed.is_nothing() && ended.is_nothing(), "{rank}: {listed:?} {ended:?}");
        }
        assert!(!format!("{listed:?}").contains("session-of"), "{listed:?}");
        let foreign = caller.tries(&end(&theirs.editor.to_string(), theirs.project)).await;
        assert!(foreign.is_nothing(), "{foreign:?}");
        let others = caller.tries("select id from sessions where user_id <> app.current_user_id()");
        assert!(others.await.is_nothing(), "not even an owner, without the function");
        assert!(caller.tries("select app.session_handle('x')").await.is_denied());
    }
}

#[tokio::test]
async fn a_member_finds_what_is_his() {
    let world = World::new().await;
    for (rank, caller) in world.insiders() {
        let found = |sql: &'static str| caller.tries(sql);
        let search = "select * from app.search_sections('shared', null, null, null, 10, 0)";
        assert!(matches!(found(search).await, Outcome::Done { count: 1, .. }), "one of three");
        let search =
            "select * from app.search_sections('shared', 'a/', '{a/zebrafish.md}', null, 10, 0)";
        assert!(found(search).await.is_done());
        let search =
            "select * from app.search_sections('shared', 'a/', '{a/wolverine.md}', null, 10, 0)";
        assert!(found(search).await.is_nothing());
        assert!(found("select * from app.nearest_words('{zebrafihs}')").await.all_are("zebrafihs"));
        assert!(found("select * from app.nearest_words('{zebrafihs}')").await.is_done());
        assert!(
            found("select * from app.nearest_words('{wolverin,quicksnad}')").await.is_nothing()
        );
        for asked in 1..=3 {
            let says = caller.tries(&format!("select app.has_role({asked})")).await;
            assert!(says.all_are(if rank >= asked { "t" } else { "f" }), "{rank} {asked} {says:?}");
        }
    }
}

#[tokio::test]
async fn only_an_owner_adds_members_and_only_to_his_project() {
    let world = World::new().await;
    let email = |user: uuid::Uuid| format!("{user}@example.test");
    let add = |address: &str, id: uuid::Uuid| {
        format!("select app.add_member_by_email('{address}', 'viewer', '{id}')")
    };
    let people = [world.stranger, world.theirs.owner, world.ours.viewer];
    let others = world.insiders().into_iter().filter(|(rank, _)| *rank < 3);
    for caller in others.map(|(_, caller)| caller).chain(world.outsiders()) {
        for address in people.map(email).into_iter().chain(["new@example.test".to_owned()]) {
            let outcome = caller.tries(&add(&address, fresh())).await;
            assert!(outcome.is_denied(), "{}: {outcome:?}", caller.name);
        }
    }
    let owner = world.our_owner();
    let members = "select count(*) from memberships where project_id = app.current_project_id()";
    for (address, id) in
        [(email(world.theirs.owner), Some(world.theirs.owner)), (email(fresh()), None)]
    {
        // Before: nothing of either, whatever one asks.
        let known = format!("select id, email from users where email = '{address}'");
        assert!(owner.tries(&known).await.is_nothing());
        let new = fresh();
        let outcome = owner.commits(&add(&address, new)).await;
        let who = id.unwrap_or(new);
        assert!(outcome.is_done() && outcome.all_are(&who.to_string()), "{outcome:?}");
        assert!(owner.tries(&known).await.all_are(&who.to_string()));
        let again = owner.tries(&add(&address, fresh())).await;
        assert!(matches!(again, Outcome::Failed { code, .. } if code == "23505"), "a member");
    }
    assert!(owner.tries(members).await.all_are("5"));
    // Nobody else's id is taken, and no row is written but his project's.
    let taken = owner.tries(&add("late@example.test", world.stranger)).await;
    assert!(matches!(taken, Outcome::Failed { code, .. } if code == "40001"));
    let of_theirs =
        format!("select count(*) from memberships where project_id = '{}'", world.theirs.project);
    let count: i64 = world.owner.query_one(&of_theirs, &[]).await.unwrap().get(0);
    assert_eq!(count, 3);
    // By no other way.
    let direct = format!(
        "insert into memberships values (app.current_project_id(), '{}', 'viewer')",
        world.stranger
    );
    assert!(owner.tries(&direct).await.is_denied());
    let worker = format!("insert into users (id, email) values ('{}', 'x@example.test')", fresh());
    assert!(owner.tries(&worker).await.is_denied());
}

const PLANTS: [&str; 9] = [
    "create temporary table memberships (project_id uuid, user_id uuid, role text)",
    "create table pg_temp.t (a int)",
    "create temporary view v as select 1",
    "create temporary sequence s",
    "create function pg_temp.f() returns int language sql return 1",
    "create type pg_temp.uuid as enum ('a')",
    "create domain pg_temp.d as text",
    "create schema planted",
    "create function app.f() returns int language sql return 1",
];

#[tokio::test]
async fn nobody_plants_anything() {
    let world = World::new().await;
    let mut findings = Findings::default();
    // Another login, as if a second service shared the database.
    let other = format!("mbmcp_test_other_{}", fresh().simple());
    let make = format!(
        "create role {other} login noinherit; grant app_user, app_platform, app_server to {other}"
    );
    world.owner.batch_execute(&make).await.unwrap();
    let url = world.database.url(Login::Owner);
    let config: tokio_postgres::Config = url.parse().unwrap();
    let connect = config.clone().user(&other).connect(tokio_postgres::NoTls).await;
    let (second, connection) = connect.unwrap();
    tokio::spawn(connection);

    for login in [&world.login, &second] {
        for role in ["none", "app_user", "app_platform", "app_server"] {
            let caller = Caller::role(login, role, Some((world.ours.project, world.ours.owner)));
            for plant in PLANTS {
                let outcome = caller.tries(plant).await;
                findings.expect(outcome.is_denied(), format!("{role}: {plant}"), &outcome);
            }
        }
    }
    drop(second);
    let gone = format!("drop role {other}");
    world.owner.batch_execute(&gone).await.unwrap();
    findings.settle(2 * 4 * PLANTS.len());
}

#[tokio::test]
async fn what_a_superuser_plants_in_pg_temp_misleads_no_function() {
    let world = World::new().await;
    let (theirs, stranger) = (world.theirs.project, world.stranger);
    let plant = format!(
        "create temporary table memberships as
           select '{theirs}'::uuid as project_id, '{stranger}'::uuid as user_id, 'owner'::text as role;
         create temporary table projects as
           select '{theirs}'::uuid as id, null::timestamptz as deleted_at, 'simple'::text as search_language;
         create type pg_temp.regconfig as enum ('a');
         create function pg_temp.now() returns timestamptz language sql return 'infinity'::timestamptz;
         create function pg_temp.has_role(integer) returns boolean language sql return true;
         create function pg_temp.yes(uuid, uuid) returns boolean language sql return true;
         create operator pg_temp.= (leftarg = uuid, rightarg = uuid, function = pg_temp.yes);
         grant usage on type pg_temp.regconfig to public;
         grant select on pg_temp.memberships, pg_temp.projects to public;
         set search_path = pg_temp, pg_catalog, app, public"
    );
    world.owner.batch_execute(&plant).await.unwrap();
    let caller = Caller::tenant(&world.owner, "stranger", Some(theirs), Some(stranger));
    for (sql, says) in [
        ("select app.has_role(1)", "f"),
        ("select app.member_ids()", "{}"),
        ("select count(*) from app.search_sections('shared', null, null, null, 10, 0)", "0"),
        ("select count(*) from app.nearest_words('{wolverin}')", "0"),
        ("select count(*) from public.documents", "0"),
        ("select count(*) from memberships where role = 'owner'", "1"),
    ] {
        let outcome = caller.tries(sql).await;
        assert!(outcome.is_done() && outcome.all_are(says), "{sql}: {outcome:?}");
    }
    let add = format!("select app.add_member_by_email('x@y', 'owner', '{}')", fresh());
    assert!(caller.tries(&add).await.is_denied());
}
