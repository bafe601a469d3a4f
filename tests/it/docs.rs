//! The README's commands, run as they stand.

use mbmcp::mcp::tools::{Registry, Toolsets};
use serde_json::Value;
use tokio::process::Command;

use crate::harness::{ADMIN_TOKEN, Database, Server};

const README: &str = include_str!("../../README.md");

const ONBOARDING: &str = include_str!("../../docs/onboarding.md");

/// The `sh` block under a heading of a document.
fn block(document: &'static str, heading: &str) -> &'static str {
    let section = document.split_once(&format!("# {heading}\n")).expect(heading).1;
    let block = section.split_once("```sh\n").expect("a block").1;
    block.split_once("\n```").expect("its end").0
}

/// What the script prints, which must succeed.
async fn run(script: &str) -> String {
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", script]).output();
    let output = output.await.expect("bash");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed} {}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[tokio::test]
async fn the_first_call_of_the_readme_works_as_it_stands() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await.key;
    let script = block(README, "First call")
        .replace("mbmcp_live_…", &key)
        .replace("http://127.0.0.1:3100", &server.url);
    assert!(script.contains(&key) && script.contains(&server.url));
    // The last answer alone is on the last line.
    let script = script.replace("\n# Find it again", "\necho\n# Find it again");
    let printed = run(&script).await;
    let answer: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    let found = &answer["result"]["structuredContent"];
    assert_eq!(found["correctedQuery"], "fridays", "{printed}");
    assert_eq!(found["results"][0]["filename"], "notes/first.md");
    assert_eq!(found["results"][0]["line"], 3);
}

#[tokio::test]
async fn a_team_comes_in_by_rest_alone() {
    let database = Database::new().await;
    let server = Server::with(&database, &[("ADMIN_TOKEN", ADMIN_TOKEN)]).await;
    let script = block(ONBOARDING, "Onboarding a team by REST")
        .replace("https://memory.example.org", &server.url)
        .replace("the-platform-token", &format!("'{ADMIN_TOKEN}'"))
        .replace("$ADMIN_TOKEN", "\"$ADMIN_TOKEN\"");
    let printed = run(&script).await;
    let lines: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let [written, audit] = &lines[..] else { panic!("{printed}") };
    assert_eq!(written["result"]["isError"], false, "{printed}");
    let done = audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].clone());
    let mut done: Vec<_> = done.map(|action| action.as_str().unwrap().to_owned()).collect();
    done.sort();
    let expected = ["key.create", "key.create", "member.add", "member.add", "project.create"];
    assert_eq!(done, expected, "{printed}");
}

#[test]
fn the_readme_names_every_tool() {
    let tools = Registry::new().unwrap().list(&Toolsets::default(), |_| true);
    for tool in tools {
        assert!(README.contains(&format!("| `{}` |", tool.name)), "{}", tool.name);
    }
}
