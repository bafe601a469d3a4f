//! Every statement of the product, prepared and planned as the role that sends it.

use std::collections::BTreeSet;

use mbmcp::store::Statement;
use mbmcp::store::pg::statements;
use tokio_postgres::Client;

use crate::harness::{Database, Login};

/// The role by the statement's name.
fn role_of(statement: &Statement) -> &'static str {
    match statement.name.split_once('.') {
        Some(("platform" | "users", _)) => "app_platform",
        Some(
            ("keys" | "purge", _)
            | ("events", "store")
            | ("key_changes", "read")
            | ("signals", "read")
            | ("streams", "renew" | "heads"),
        ) => "app_server",
        _ => "app_user",
    }
}

#[tokio::test]
async fn every_statement_is_understood_and_allowed() {
    let database = Database::new().await;
    let client = database.connect(Login::Server).await;
    let mut wrong = Vec::new();
    for statement in statements() {
        let role = role_of(statement);
        client.batch_execute(&format!("begin; set local role {role}")).await.unwrap();
        if let Err(error) = check(&client, statement).await {
            let said = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
            wrong.push(format!("{} as {role}: {said}", statement.name));
        }
        client.batch_execute("rollback; deallocate all").await.unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Prepares it with its declared types, and plans it: only that asks for the rights.
async fn check(client: &Client, statement: &Statement) -> Result<(), tokio_postgres::Error> {
    let prepared = client.prepare_typed(statement.sql, statement.types).await?;
    assert_eq!(prepared.params(), statement.types, "{}", statement.name);
    let types: Vec<&str> = statement.types.iter().map(tokio_postgres::types::Type::name).collect();
    let types = if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
    let nulls = vec!["null"; statement.types.len()].join(", ");
    let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let sql =
        format!("prepare planned{types} as {}; explain execute planned{nulls}", statement.sql);
    client.batch_execute(&sql).await
}

#[tokio::test]
async fn the_names_of_statements_are_unique() {
    let names: Vec<&str> = statements().iter().map(|statement| statement.name).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(unique.len(), names.len());
    for name in names {
        assert!(name.split('.').count() == 2, "{name} is not `module.verb`");
    }
}
