//! Who reaches what: every route and every tool, called by every kind of caller. The whole table is
//! `table.txt`: whoever changes it changes who may do what.

use std::fmt::Write as _;
use std::path::Path;

use mbmcp::mcp::tools::{Registry, Toolsets};
use mbmcp::model::{Role, Scope};
use serde_json::json;

use super::Office;
use super::isolation::{Names, Route, call, plant, routes, victim};
use crate::harness::{ADMIN_TOKEN, Client, Database, RestClient, TestKey};

const KINDS: [(Role, Scope); 9] = [
    (Role::Viewer, Scope::Read),
    (Role::Viewer, Scope::Write),
    (Role::Viewer, Scope::Admin),
    (Role::Editor, Scope::Read),
    (Role::Editor, Scope::Write),
    (Role::Editor, Scope::Admin),
    (Role::Owner, Scope::Read),
    (Role::Owner, Scope::Write),
    (Role::Owner, Scope::Admin),
];

/// What an HTTP status means for who may do what.
fn outcome(status: u16) -> &'static str {
    match status {
        200..300 => "yes",
        401 => "no",
        403 => "403",
        404 => "404",
        other => panic!("neither done nor refused for who asks: {other}"),
    }
}

/// A key of each kind.
async fn keys(database: &Database) -> Vec<TestKey> {
    let mut keys = Vec::new();
    for (role, scope) in KINDS {
        let key = database.key("a", role, &[Scope::Read]).await;
        database.force_scopes(&key, &[scope]).await;
        keys.push(key);
    }
    keys
}

/// Whether a key reaches a tool, which answers others as if there were none of its name.
async fn tool_outcome(client: &Client, tool: &str) -> &'static str {
    let reply = client.call(tool, json!({})).await;
    if reply.status == 401 {
        return "no";
    }
    let answer = reply.json();
    match answer["error"]["message"].as_str() {
        None => "yes",
        Some(sentence) if sentence.starts_with("there is no tool") => "404",
        Some(sentence) => panic!("{tool}: {sentence}"),
    }
}

fn row(table: &mut String, name: &str, outcomes: &[&str]) {
    write!(table, "{name:<62}").unwrap();
    for outcome in outcomes {
        write!(table, " {outcome:>4}").unwrap();
    }
    table.push('\n');
}

/// What a caller with `credential` gets from a route, of which everything that it names is there.
async fn route_outcome(
    database: &Database,
    office: &Office,
    route: Route,
    credential: &str,
    project: &str,
) -> &'static str {
    let names = Names::of(&victim(database, project, Scope::Read).await);
    let writer = RestClient::new(&office.server, &database.editor(project).await.key);
    plant(&writer, project, names.key()).await;
    let names = names.removable(office, route).await;
    let client = RestClient::new(&office.server, credential);
    outcome(call(&client, route, &names).await.status)
}

#[tokio::test]
async fn everyone_reaches_what_the_table_says_and_nothing_else() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let keys = keys(&database).await;
    let credentials: Vec<&str> = [""]
        .into_iter()
        .chain(keys.iter().map(|key| key.key.as_str()))
        .chain([ADMIN_TOKEN])
        .collect();
    let initials =
        KINDS.map(|(role, scope)| format!("{}{}", &role.name()[..1], &scope.name()[..1]));
    let initials: Vec<&str> = initials.iter().map(String::as_str).collect();
    let mut table = String::new();
    let heading = "viewer, editor, owner; read, write, admin";
    row(&mut table, heading, &[&["none"], &initials[..], &["plat"]].concat());
    for (at, route) in routes().enumerate() {
        let mut outcomes = Vec::new();
        for credential in &credentials {
            // The operator may delete it.
            let spare = format!("of-the-operator-{at}");
            let project = if *credential == ADMIN_TOKEN { &spare } else { "a" };
            outcomes.push(route_outcome(&database, &office, route, credential, project).await);
        }
        row(&mut table, &format!("{} {}", route.1.to_uppercase(), route.0), &outcomes);
    }
    for tool in Registry::new().unwrap().list(&Toolsets::all(), |_| true) {
        let mut outcomes = Vec::new();
        for credential in &credentials {
            let client = Client::new(&office.server.url, credential).modern();
            outcomes.push(tool_outcome(&client, &tool.name).await);
        }
        row(&mut table, &tool.name, &outcomes);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/rest/table.txt");
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(table == expected, "tests/it/rest/table.txt does not say:\n{table}");
}
