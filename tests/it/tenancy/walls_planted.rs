//! The proof at start, part two: what somebody added.

use super::plants::{Plant, RESTORE, Site};
use crate::harness::{Database, Login, SECRET, mbmcp};

/// What is planted, how it is undone, and how the refusal names it.
const PLANTED: &[(&str, &str, &str)] = &[
    (
        "create table public.bad (project_id uuid, secret text)",
        "drop table public.bad",
        "not ours: table public.bad: owner owner, row security DISABLED, NOT FORCED",
    ),
    (
        "create table public.bad (project_id uuid); \
         alter table public.bad enable row level security, force row level security",
        "drop table public.bad",
        "not ours: table public.bad: owner owner, row security enabled, forced",
    ),
    (
        "create table app.bad (project_id uuid)",
        "drop table app.bad",
        "not ours: table app.bad: owner owner, row security DISABLED",
    ),
    (
        "create table public.bad (project_id uuid) partition by list (project_id)",
        "drop table public.bad",
        "not ours: partitioned table public.bad",
    ),
    (
        "create table public.bad () inherits (public.documents)",
        "drop table public.bad",
        "not ours: table public.bad",
    ),
    (
        "create view public.bad as select * from public.documents",
        "drop view public.bad",
        "not ours: view public.bad",
    ),
    (
        "create materialized view public.bad as select * from public.documents",
        "drop materialized view public.bad",
        "not ours: materialized view public.bad",
    ),
    ("create sequence public.bad", "drop sequence public.bad", "not ours: sequence public.bad"),
    (
        "create function app.bad() returns int language sql security definer return 1",
        "drop function app.bad()",
        "not ours: function app.bad(): security definer, owner owner, no settings",
    ),
    (
        "create function public.bad() returns int language sql security definer return 1",
        "drop function public.bad()",
        "not ours: function public.bad(): security definer",
    ),
    (
        "create function app.bad() returns int language sql return 1",
        "drop function app.bad()",
        "not ours: function app.bad(): security invoker",
    ),
    (
        "create function app.bad() returns trigger language plpgsql as 'begin return new; end'; \
         create trigger bad after insert on public.documents for each row execute function app.bad()",
        "drop function app.bad() cascade",
        "not ours: trigger bad on public.documents",
    ),
    (
        "create rule bad as on delete to public.documents do instead nothing",
        "drop rule bad on public.documents",
        "not ours: rule bad on public.documents",
    ),
    (
        "alter table public.documents add constraint bad exclude using btree (path with =)",
        "alter table public.documents drop constraint bad",
        "index bad on public.documents (path): across projects",
    ),
    (
        "alter table public.sessions add constraint bad foreign key (user_id) references public.users",
        "alter table public.sessions drop constraint bad",
        "not ours: foreign key bad on public.sessions: (user_id) REFERENCES public.users(id)",
    ),
    (
        "grant create on schema app to app_user",
        "revoke create on schema app from app_user",
        "not ours: grant on schema app: create, usage to app_user",
    ),
    (
        "grant create on schema public to public",
        "revoke create on schema public from public",
        "not ours: grant on schema public: create",
    ),
    (
        "create schema mine authorization app_user",
        "set role app_user; drop schema mine; reset role",
        "not ours: app_user owns schema mine",
    ),
    (
        "create schema side; create view side.bad as select * from public.documents; \
         grant usage on schema side to app_user; grant select on side.bad to app_user",
        "drop schema side cascade",
        "side.bad",
    ),
    (
        "create schema side; grant usage on schema side to app_user; \
         create function side.bad() returns int language sql security definer return 1; \
         grant execute on function side.bad() to app_user",
        "drop schema side cascade",
        "side.bad()",
    ),
    (
        "alter default privileges in schema public grant select on tables to app_user",
        "alter default privileges in schema public revoke select on tables from app_user",
        "default privileges",
    ),
    (
        "do $$ begin execute format('grant temporary on database %I to public', current_database()); end $$",
        "do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$",
        "not ours: app_user may make temporary tables in the database",
    ),
    (
        "do $$ begin execute format('grant create on database %I to app_server', current_database()); end $$",
        "do $$ begin execute format('revoke create on database %I from app_server', current_database()); end $$",
        "not ours: app_server may create schemas in the database",
    ),
];

#[tokio::test]
async fn what_somebody_added_is_refused() {
    let database = Database::new().await;
    let site = Site::of(&database).await;
    let plants: Vec<Plant> =
        PLANTED.iter().map(|(plant, undo, names)| Plant::new(plant, undo, names)).collect();
    site.refuses(&plants, PLANTED.len(), &[RESTORE]).await;
}

/// What the real binary says on stderr when it must not start.
async fn refusal_of_the_binary(database: &Database) -> String {
    let mut command = mbmcp();
    command.arg("serve").envs([
        ("DATABASE_URL", database.url(Login::Server).as_str()),
        ("SERVER_SECRET", SECRET),
        ("MCP_HOST", "127.0.0.1"),
        ("MCP_PORT", "0"),
    ]);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), command.output());
    let output = ended.await.expect("it does not serve").unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn the_binary_ends_with_the_sentence_and_a_failure() {
    let database = Database::new().await;
    let site = Site::of(&database).await;
    let drop = "drop policy tenant on public.documents";
    site.owner.batch_execute(drop).await.unwrap();
    let said = refusal_of_the_binary(&database).await;
    assert!(said.contains("missing: policy tenant on public.documents"), "{said}");
    assert!(said.contains(RESTORE), "{said}");

    let empty = Database::empty().await;
    let said = refusal_of_the_binary(&empty).await;
    assert!(said.contains("001_schema, 002_policies, 003_functions"), "{said}");
    assert!(said.contains("run `mbmcp migrate` with the owner's login"), "{said}");
}
