//! The walls under attack by SELECT, UPDATE, DELETE and what is worse, as the production login:
//! every table and every column of the catalogue, by outsiders and by members of each rank.

use super::attempt::{Caller, Findings, Outcome};
use super::catalogue::{Table, tables};
use super::world::World;

#[tokio::test]
async fn every_table_has_rows_in_both_projects() {
    let world = World::new().await;
    for table in tables(&world.owner).await {
        for side in [&world.ours, &world.theirs] {
            let row = table.row(&world.owner, side, side.owner).await;
            assert!(row.is_some(), "world.rs puts nothing into `{}`", table.name);
        }
    }
}

#[tokio::test]
async fn who_is_no_member_sees_and_changes_nothing() {
    outsiders(&World::new().await).await.settle(1500);
}

#[tokio::test]
async fn a_hole_in_a_single_policy_is_noticed() {
    let world = World::new().await;
    let hole = "alter policy tenant on graph_relations using (true) with check (true)";
    world.owner.batch_execute(hole).await.unwrap();
    let wrong = outsiders(&world).await.wrong();
    assert!(!wrong.is_empty());
    assert!(wrong.iter().all(|finding| finding.contains("graph_relations")), "{wrong:?}");
}

/// All that outsiders try.
async fn outsiders(world: &World) -> Findings {
    let mut findings = Findings::default();
    for table in tables(&world.owner).await {
        let row = table.row(&world.owner, &world.ours, world.ours.owner).await.unwrap();
        for caller in world.outsiders() {
            let (name, who) = (&table.name, &caller.name);
            let mut attacks = vec![
                format!("select {} from public.{name}", table.selection()),
                format!("select {} from public.{name} for update", table.selection()),
                format!("delete from public.{name}"),
            ];
            attacks.extend(
                table.columns.iter().map(|c| format!("update public.{name} set {0} = {0}", c.name)),
            );
            for attack in attacks {
                let outcome = caller.tries(&attack).await;
                findings.expect(outcome.is_nothing(), format!("{who}: {attack}"), &outcome);
            }
            let mut row = table.freshened(row.clone());
            if let (Some(user), Some(project)) = (caller.user, caller.project) {
                row = table.signed(row, user);
                row.insert(table.tenant().unwrap_or("id").to_owned(), project.to_string().into());
            }
            let outcome = caller.tries(&table.insert(&row)).await;
            findings.expect(outcome.is_denied(), format!("{who}: insert into {name}"), &outcome);
        }
    }
    findings
}

#[tokio::test]
async fn a_member_selects_his_project_and_nothing_else() {
    let world = World::new().await;
    let mut findings = Findings::default();
    let people = members(&world).await;
    for table in tables(&world.owner).await {
        for (rank, caller) in world.insiders() {
            let (name, selection) = (&table.name, table.selection());
            let own = table.tenant().unwrap_or(if name == "users" { "id" } else { "1" });
            let all = caller.tries(&format!("select {own}, {selection} from public.{name}")).await;
            let ours = match table.tenant() {
                Some(_) => all.all_are(&world.ours.project.to_string()),
                None => all_among(&all, &people),
            };
            let may = rank >= table.ranks[0];
            let control = if may { all.is_done() } else { all.is_nothing() };
            let case = format!("{}: select from {name}", caller.name);
            findings.expect(ours && control, case, &all);

            let theirs = match table.tenant() {
                Some(tenant) => format!("{tenant} = '{}'", world.theirs.project),
                None if name == "users" => format!("id = '{}'", world.theirs.owner),
                None => "true".to_owned(),
            };
            let sql = format!("select {selection} from public.{name} where {theirs}");
            let foreign = caller.tries(&sql).await;
            findings.expect(foreign.is_nothing(), format!("{}: {sql}", caller.name), &foreign);
        }
    }
    findings.settle(110);
}

#[tokio::test]
async fn a_member_updates_his_project_by_his_rank_and_nothing_else() {
    let world = World::new().await;
    let mut findings = Findings::default();
    for table in tables(&world.owner).await {
        for (rank, caller) in world.insiders() {
            for column in &table.columns {
                let set = if table.has("updated_by") && column.name != "updated_by" {
                    format!("{0} = {0}, updated_by = '{1}'", column.name, caller.user.unwrap())
                } else if column.name == "updated_by" {
                    format!("updated_by = '{}'", caller.user.unwrap())
                } else {
                    format!("{0} = {0}", column.name)
                };
                let may = column.updatable && rank >= table.ranks[2];
                change(
                    &mut findings,
                    &world,
                    &table,
                    &caller,
                    &format!("update public.{} set {set}", table.name),
                    may,
                )
                .await;
                if !column.updatable {
                    let sql = format!("update public.{} set {} = default", table.name, column.name);
                    let outcome = caller.tries(&sql).await;
                    findings.expect(
                        outcome.is_denied(),
                        format!("{}: {sql}", caller.name),
                        &outcome,
                    );
                }
            }
        }
    }
    findings.settle(1000);
}

#[tokio::test]
async fn a_member_deletes_in_his_project_by_his_rank_and_nothing_else() {
    let world = World::new().await;
    let mut findings = Findings::default();
    for table in tables(&world.owner).await {
        for (rank, caller) in world.insiders() {
            let sql = format!("delete from public.{}", table.name);
            change(&mut findings, &world, &table, &caller, &sql, rank >= table.ranks[3]).await;
            for worse in [
                format!("truncate public.{} cascade", table.name),
                format!("alter table public.{} no force row level security", table.name),
                format!("alter table public.{} disable row level security", table.name),
                format!("create policy p on public.{} using (true)", table.name),
                format!("set local row_security = off; select 1 from public.{}", table.name),
                format!("copy public.{} from stdin", table.name),
            ] {
                let outcome = caller.tries(&worse).await;
                let refused = !matches!(outcome, Outcome::Done { .. });
                findings.expect(refused, format!("{}: {worse}", caller.name), &outcome);
            }
            // Of a GRANT without the right to it, Postgres only warns.
            let sql = format!(
                "grant all on public.{0} to app_worker; \
                 select has_table_privilege('app_worker', 'public.{0}', 'truncate')",
                table.name
            );
            let outcome = caller.tries(&sql).await;
            findings.expect(outcome.all_are("f"), format!("{}: {sql}", caller.name), &outcome);
        }
    }
    findings.settle(400);
}

#[tokio::test]
async fn a_committed_delete_of_everything_leaves_every_foreign_row() {
    let world = World::new().await;
    let tables = tables(&world.owner).await;
    let named: Vec<(String, String)> = tables
        .iter()
        .filter_map(|table| Some((table.name.clone(), table.tenant()?.to_owned())))
        .collect();
    let before = world.their_rows(&named).await;
    assert!(before.iter().all(|(_, hash)| !hash.starts_with("0 ")), "{before:?}");
    let mut gone = 0;
    // Memberships last: without them nobody may do anything.
    let mut order: Vec<&Table> = tables.iter().collect();
    order.sort_by_key(|table| table.name == "memberships");
    for table in order {
        for (_, caller) in world.insiders() {
            let sql = format!("delete from public.{}", table.name);
            gone += u64::from(caller.commits(&sql).await.is_done());
        }
        for caller in world.outsiders() {
            caller.commits(&format!("delete from public.{}", table.name)).await;
        }
    }
    assert!(gone >= 10, "control: only {gone} deletes found anything");
    assert_eq!(world.their_rows(&named).await, before);
}

/// Tries a change without WHERE, and aimed at the other project: it touches our rows if `may`,
/// else none, and never theirs.
async fn change(
    findings: &mut Findings,
    world: &World,
    table: &Table,
    caller: &Caller<'_>,
    sql: &str,
    may: bool,
) {
    let tenant = table.tenant().unwrap_or("1");
    let outcome = caller.tries(&format!("{sql} returning {tenant}")).await;
    let control = if may { outcome.is_done() } else { outcome.is_nothing() };
    let ours = outcome.all_are(&world.ours.project.to_string());
    findings.expect(control && ours, format!("{}: {sql}", caller.name), &outcome);
    if table.tenant().is_some() {
        let aimed = format!("{sql} where {tenant} = '{}'", world.theirs.project);
        let outcome = caller.tries(&aimed).await;
        findings.expect(outcome.is_nothing(), format!("{}: {aimed}", caller.name), &outcome);
    }
}

async fn members(world: &World) -> Vec<String> {
    let sql = "select user_id::text from memberships where project_id = $1";
    let rows = world.owner.query(sql, &[&world.ours.project]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn all_among(outcome: &Outcome, people: &[String]) -> bool {
    match outcome {
        Outcome::Done { rows, .. } => rows.iter().all(|row| people.contains(&row[0])),
        Outcome::Failed { .. } => true,
    }
}
