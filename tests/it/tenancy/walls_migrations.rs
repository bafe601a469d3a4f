//! The proof at start, part three: a schema that is not exactly this build's.

use mbmcp::store::migrate::{self, MIGRATIONS, MigrateError};

use super::plants::{Plant, Site};
use crate::harness::{Database, Login};

#[tokio::test]
async fn a_changed_an_unknown_and_a_missing_migration_are_refused() {
    let database = Database::new().await;
    let site = Site::of(&database).await;
    let row = "select version, checksum from schema_migrations order by version";
    let mut plants = vec![Plant::new(
        "insert into schema_migrations (version) values ('999_later')",
        "delete from schema_migrations where version = '999_later'",
        "has the migration 999_later, which this build does not know",
    )];
    for row in site.owner.query(row, &[]).await.unwrap() {
        let (version, checksum): (String, String) = (row.get(0), row.get(1));
        let set = |to: &str| {
            format!("update schema_migrations set checksum = '{to}' where version = '{version}'")
        };
        let changed = format!("migration {version} was changed after it was applied");
        plants.push(Plant::new(&set("00"), &set(&checksum), &changed));
        plants.push(Plant::new(
            &format!("delete from schema_migrations where version = '{version}'"),
            &format!("insert into schema_migrations values ('{version}', now(), '{checksum}')"),
            &format!("lacks the migrations {version}"),
        ));
    }
    let remedies = ["serve with", "run `mbmcp migrate`"];
    site.refuses(&plants, 1 + 2 * MIGRATIONS.len(), &remedies).await;
}

#[tokio::test]
async fn a_table_of_migrations_that_cannot_be_seen_is_not_taken_for_an_empty_one() {
    let database = Database::new().await;
    let site = Site::of(&database).await;
    site.owner.batch_execute("drop policy server_reads on schema_migrations").await.unwrap();
    let refusal = site.refusal().await.unwrap();
    assert!(refusal.contains("policy server_reads on public.schema_migrations"), "{refusal}");
    assert!(!refusal.contains("mbmcp migrate"), "there is nothing to migrate: {refusal}");
}

/// In the way of the nth migration, and how to clear it away.
const OBSTACLES: [(&str, &str); 3] = [
    ("create table public.documents ()", "drop table public.documents"),
    (
        "create function app.member_ids() returns int language sql return 1",
        "drop function app.member_ids()",
    ),
    (
        "create function app.nearest_words(text[]) returns int language sql return 1",
        "drop function app.nearest_words(text[])",
    ),
];

#[tokio::test]
async fn a_failed_migration_leaves_nothing_half_done_and_is_not_served() {
    let _ = Database::new().await; // makes the login of servers
    for (at, (obstacle, clear)) in OBSTACLES.iter().enumerate() {
        let database = Database::empty().await;
        let owner = database.connect(Login::Owner).await;
        for migration in &MIGRATIONS[..at] {
            owner.batch_execute(migration.sql).await.unwrap();
        }
        owner.batch_execute(obstacle).await.unwrap();
        let before = inventory(&database).await;

        let error = migrate::run(&database.config()).await.unwrap_err();
        let failed = MIGRATIONS[at].version;
        assert!(
            matches!(&error, MigrateError::Failed { version, .. } if *version == failed),
            "{error}"
        );
        assert!(error.to_string().contains("fix the cause and run `mbmcp migrate` again"));
        assert_eq!(inventory(&database).await, before, "nothing of {failed} is there");
        let refusal = Site::of(&database).await.refusal().await.unwrap();
        assert!(refusal.contains(failed) && refusal.contains("run `mbmcp migrate`"), "{refusal}");

        owner.batch_execute(clear).await.unwrap();
        assert_eq!(migrate::run(&database.config()).await.unwrap().len(), MIGRATIONS.len() - at);
        assert_eq!(Site::of(&database).await.refusal().await, None);
    }
}

/// Every object of ours by name.
async fn inventory(database: &Database) -> Vec<String> {
    let sql = "select 'table ' || relname from pg_class
                where relnamespace in (select oid from pg_namespace where nspname in ('public', 'app'))
               union all select 'policy ' || polname || polrelid::regclass from pg_policy
               union all select 'schema ' || nspname from pg_namespace
               union all select 'function ' || oid::regprocedure || proowner || coalesce(proacl::text, '')
                           from pg_proc where pronamespace::regnamespace::text = 'app'
               union all select 'extension ' || extname from pg_extension
               order by 1";
    let rows = database.connect(Login::Owner).await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
