//! The README's commands, run as they stand.

use mbmcp::mcp::tools::{Registry, Toolsets};
use serde_json::Value;
use tokio::process::Command;

use crate::harness::{Database, Server};

const README: &str = include_str!("../../README.md");

/// The `sh` block under a heading of the README.
fn block(heading: &str) -> &'static str {
    let section = README.split_once(&format!("\n## {heading}\n")).expect(heading).1;
    let block = section.split_once("```sh\n").expect("a block").1;
    block.split_once("\n```").expect("its end").0
}

#[tokio::test]
async fn the_first_call_of_the_readme_works_as_it_stands() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let key = database.editor("a").await.key;
    let script = block("First call")
        .replace("mbmcp_live_…", &key)
        .replace("http://127.0.0.1:3100", &server.url);
    assert!(script.contains(&key) && script.contains(&server.url));
    // The last answer alone is on the last line.
    let script = script.replace("\n# Find it again", "\necho\n# Find it again");
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output();
    let output = output.await.expect("bash");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    let answer: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    let found = &answer["result"]["structuredContent"];
    assert_eq!(found["correctedQuery"], "fridays", "{printed}");
    assert_eq!(found["results"][0]["filename"], "notes/first.md");
    assert_eq!(found["results"][0]["line"], 3);
}

#[test]
fn the_readme_names_every_tool() {
    let tools = Registry::new().unwrap().list(&Toolsets::default(), |_| true);
    for tool in tools {
        assert!(README.contains(&format!("| `{}` |", tool.name)), "{}", tool.name);
    }
}
