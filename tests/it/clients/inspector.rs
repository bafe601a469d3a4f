//! The Inspector's command line: a process, and so a connection, for each request. It has no
//! `completion/complete` (`Unsupported method: completion/complete`), so nothing is completed here.

use std::path::Path;

use serde_json::Value;

use super::{Era, Job, Seen};
use crate::harness::{Process, TestKey};

pub(super) async fn session(era: Era, server: &Process, key: &TestKey, job: &Job<'_>) -> Seen {
    let home = tempfile::tempdir().unwrap();
    let inspector = Inspector { era, server, key, home: home.path() };
    let mut results = Vec::new();
    for call in job.calls {
        let (tool, arguments) = (call["tool"].as_str().unwrap(), call["arguments"].to_string());
        let given = ["--tool-name", tool, "--tool-args-json", &arguments];
        results.push(inspector.request("tools/call", &given).await);
    }
    let (tools, prompts, resources) = tokio::join!(
        inspector.request("tools/list", &[]),
        inspector.request("prompts/list", &[]),
        inspector.request("resources/list", &[]),
    );
    let resources = strings(&resources["resources"], "uri");
    let last = match resources.last() {
        Some(uri) => {
            let read = inspector.request("resources/read", &["--uri", uri]).await;
            Some(read["contents"][0]["text"].as_str().unwrap().to_owned())
        }
        None => None,
    };
    super::check_no_login_began(home.path());
    Seen {
        tools: strings(&tools["tools"], "name"),
        results,
        resources,
        last,
        prompts: strings(&prompts["prompts"], "name"),
        completed: None,
    }
}

fn strings(list: &Value, field: &str) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

struct Inspector<'a> {
    era: Era,
    server: &'a Process,
    key: &'a TestKey,
    home: &'a Path,
}

impl Inspector<'_> {
    async fn request(&self, method: &str, more: &[&str]) -> Value {
        let mut command = super::node(self.home);
        command.arg("node_modules/.bin/mcp-inspector").arg("--cli");
        command.arg(format!("{}/mcp", self.server.url())).args(["--transport", "http"]);
        command.args(["--header", &format!("X-API-Key: {}", self.key.key)]);
        let era = if self.era == Era::Modern { "modern" } else { "legacy" };
        // Should it ask for a login, it must not open a browser.
        command.args(["--protocol-era", era, "--stored-auth-only", "--format", "json"]);
        let output = command.args(["--method", method]).args(more).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{method} {more:?}: {said}"));
        // Its word for a result with `isError`.
        let expected = if answer["result"]["isError"] == true { 5 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{method} {more:?}: {said}");
        answer["result"].clone()
    }
}
