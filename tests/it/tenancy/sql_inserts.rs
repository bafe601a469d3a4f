//! The walls under attack by INSERT: rows for another project, foreign keys into it, signatures
//! of others, and what the checks of unique indexes and foreign keys could give away.

use tokio_postgres::Client;

use super::attempt::{Caller, Findings};
use super::catalogue::{Row, Table, fresh_value, signature, tables};
use super::world::World;

/// Exceptions, each with its reason.
const KNOWN_ORACLES: [&str; 1] = [
    // SHA-256 of a key: who can offer it has the key.
    "api_keys_key_hash_key",
];

/// A row of our project as `caller` may write it; a membership is a stranger's.
async fn own_row(world: &World, table: &Table, caller: &Caller<'_>) -> Row {
    let user = caller.user.unwrap();
    let row = table.row(&world.owner, &world.ours, user).await.unwrap();
    let mut row = table.signed(table.freshened(row), user);
    if table.name == "memberships" {
        row.insert("user_id".into(), world.stranger.to_string().into());
    }
    row
}

#[tokio::test]
async fn a_member_inserts_into_his_project_by_his_rank() {
    let world = World::new().await;
    let mut findings = Findings::default();
    for table in tables(&world.owner).await {
        for (rank, caller) in world.insiders() {
            let row = own_row(&world, &table, &caller).await;
            let outcome = caller.tries(&table.insert(&row)).await;
            let may = rank >= table.ranks[1];
            let right = if may { outcome.is_done() } else { outcome.is_denied() };
            findings.expect(right, format!("{}: {}", caller.name, table.name), &outcome);
        }
    }
    findings.settle(57);
}

#[tokio::test]
async fn nobody_inserts_into_another_project() {
    let world = World::new().await;
    let mut findings = Findings::default();
    for table in tables(&world.owner).await {
        let theirs = table.row(&world.owner, &world.theirs, world.theirs.owner).await.unwrap();
        for (_, caller) in world.insiders() {
            let fresh = table.freshened(theirs.clone());
            let signed = table.signed(fresh.clone(), caller.user.unwrap());
            let mut moved = own_row(&world, &table, &caller).await;
            let tenant = table.tenant().unwrap_or("id");
            moved.insert(tenant.to_owned(), world.theirs.project.to_string().into());
            for (how, row) in
                [("copied", &theirs), ("fresh", &fresh), ("signed", &signed), ("moved", &moved)]
            {
                for end in ["", " on conflict do nothing"] {
                    let outcome = caller.tries(&format!("{}{end}", table.insert(row))).await;
                    let case = format!("{}: {} {how}{end}", caller.name, table.name);
                    findings.expect(outcome.is_denied(), case, &outcome);
                }
            }
        }
    }
    findings.settle(450);
}

#[tokio::test]
async fn nobody_signs_as_another() {
    let world = World::new().await;
    let mut findings = Findings::default();
    let others = [world.ours.editor, world.ours.viewer, world.theirs.owner, world.stranger];
    for table in tables(&world.owner).await {
        let caller = world.our_owner();
        for column in table.signatures() {
            for other in others {
                let mut row = own_row(&world, &table, &caller).await;
                row.insert(column.to_owned(), signature(column, other));
                let outcome = caller.tries(&table.insert(&row)).await;
                let case = format!("{}.{column} in an insert", table.name);
                findings.expect(outcome.is_denied(), case, &outcome);

                let value = signature(column, other).to_string().replace('"', "'");
                let sql = format!("update public.{} set {column} = {value}", table.name);
                let outcome = caller.tries(&sql).await;
                findings.expect(outcome.is_denied(), &sql, &outcome);
            }
        }
    }
    findings.settle(90);
    let caller = world.our_owner();
    for kind in ["platform", "cli"] {
        let sql = format!(
            "insert into audit_log (project_id, id, actor_kind, actor_user_id, action, target_kind, target_id) \
             values (app.current_project_id(), gen_random_uuid(), '{kind}', app.current_user_id(), 'a', 'b', 'c')"
        );
        assert!(caller.tries(&sql).await.is_denied());
    }
    let unsigned = caller.tries("update documents set size_bytes = size_bytes").await;
    assert!(
        caller.tries("update documents set updated_by = app.current_user_id()").await.is_done()
    );
    // Ours was signed by the owner himself; the editor must sign anew.
    assert!(unsigned.is_done());
    let (_, editor) = &world.insiders()[1];
    assert!(editor.tries("update documents set size_bytes = size_bytes").await.is_denied());
}

/// A foreign key's column, or a unique index's columns, of a table.
async fn named(owner: &Client, sql: &str) -> Vec<(String, String, Vec<String>)> {
    let rows = owner.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

const UNIQUE: &str = "
    select c.relname::text, x.relname::text, array_agg(a.attname::text)
      from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
      join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey) and a.attname <> 'project_id'
     where i.indisunique and c.relnamespace = 'public'::regnamespace
     group by 1, 2";
const FOREIGN: &str = "
    select c.relname::text, f.conname::text, array_agg(a.attname::text)
      from pg_constraint f join pg_class c on c.oid = f.conrelid
      join pg_attribute a on a.attrelid = c.oid and a.attnum = any (f.conkey) and a.attname <> 'project_id'
     where f.contype = 'f' group by 1, 2";

#[tokio::test]
async fn a_name_or_id_that_is_taken_in_another_project_is_free() {
    let world = World::new().await;
    let (tables, mut findings) = (tables(&world.owner).await, Findings::default());
    for (table, index, columns) in named(&world.owner, UNIQUE).await {
        let table = tables.iter().find(|t| t.name == table).unwrap();
        if KNOWN_ORACLES.contains(&index.as_str()) {
            continue;
        }
        let theirs = table.row(&world.owner, &world.theirs, world.theirs.owner).await.unwrap();
        for (_, caller) in world.insiders() {
            let fresh = own_row(&world, table, &caller).await;
            let mut taken = fresh.clone();
            for column in table.columns.iter().filter(|c| c.key && columns.contains(&c.name)) {
                taken.insert(column.name.clone(), theirs[&column.name].clone());
            }
            for end in ["", " on conflict do nothing"] {
                let fresh = caller.tries(&format!("{}{end}", table.insert(&fresh))).await;
                let taken = caller.tries(&format!("{}{end}", table.insert(&taken))).await;
                let case = format!("{}: {index}{end}", caller.name);
                findings.expect(fresh == taken, case, &(fresh.clone(), taken));
            }
        }
    }
    findings.settle(140);
}

#[tokio::test]
async fn a_reference_into_another_project_fails_like_one_to_nothing() {
    let world = World::new().await;
    let (tables, mut findings) = (tables(&world.owner).await, Findings::default());
    for (table, key, columns) in named(&world.owner, FOREIGN).await {
        let table = tables.iter().find(|t| t.name == table).unwrap();
        if KNOWN_ORACLES.contains(&key.as_str()) {
            continue;
        }
        let theirs = table.row(&world.owner, &world.theirs, world.theirs.owner).await.unwrap();
        for column in table.columns.iter().filter(|column| columns.contains(&column.name)) {
            let (foreign, nothing) = (theirs[&column.name].clone(), fresh_value(&column.kind));
            for (_, caller) in world.insiders() {
                let insert = async |value: &serde_json::Value| {
                    let mut row = own_row(&world, table, &caller).await;
                    row.insert(column.name.clone(), value.clone());
                    caller.tries(&table.insert(&row)).await
                };
                let (a, b) = (insert(&foreign).await, insert(&nothing).await);
                let case = format!("{}: insert, {key} by {}", caller.name, column.name);
                findings.expect(a == b && !a.is_done(), case, &(a.clone(), b));

                let update = async |value: &serde_json::Value| {
                    let value = value.to_string().replace('"', "'");
                    let sql = format!("update public.{} set {} = {value}", table.name, column.name);
                    caller.tries(&sql).await
                };
                let (a, b) = (update(&foreign).await, update(&nothing).await);
                let case = format!("{}: update, {key} by {}", caller.name, column.name);
                findings.expect(a == b && !a.is_done(), case, &(a.clone(), b));
            }
        }
    }
    findings.settle(78);
}
