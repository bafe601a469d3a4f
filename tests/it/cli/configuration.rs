//! What `serve` refuses to start with, and what the small commands say.

use std::collections::BTreeSet;

use super::{run, text};
use crate::harness::{Database, Login, Process, SECRET};

#[tokio::test]
async fn a_bad_configuration_is_refused_with_all_problems_at_once() {
    let output = run(
        &["serve"],
        &[
            ("MCP_PORT", "many"),
            ("SERVER_SECRET", "short"),
            ("LOG_FORMAT", "xml"),
            ("MCP_HOTS", "x"),
        ],
    )
    .await;
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output.stderr);
    for word in [
        "MCP_PORT=many",
        "SERVER_SECRET is shorter",
        "LOG_FORMAT=xml",
        "MCP_HOST?",
        "DATABASE_URL is not set",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[tokio::test]
async fn a_database_without_the_schema_is_refused_and_migrate_mends_it() {
    let database = Database::empty().await;
    let (owner, server) = (database.url(Login::Owner), database.url(Login::Server));
    let refused = run(&["serve"], &[("DATABASE_URL", &server), ("SERVER_SECRET", SECRET)]).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("001_schema") && said.contains("mbmcp migrate"), "{said}");

    let variables = [("DATABASE_URL", owner.as_str())];
    let status = run(&["migrate", "--status"], &variables).await;
    assert_eq!(text(&status.stdout).matches("missing").count(), 3);
    let migrated = run(&["migrate"], &variables).await;
    assert_eq!(text(&migrated.stdout).matches("applied").count(), 3, "{migrated:?}");
    let again = run(&["migrate"], &variables).await;
    assert_eq!((again.status.success(), text(&again.stdout)), (true, String::new()));
    let not_owner = run(&["migrate"], &[("DATABASE_URL", server.as_str())]).await;
    assert_eq!(not_owner.status.code(), Some(1));
    assert!(text(&not_owner.stderr).contains("DATABASE_MIGRATION_URL"), "{not_owner:?}");
    let process = Process::serve(&database, &[]).await;
    let port = process.url().rsplit(':').next().unwrap().to_owned();
    let healthy = run(&["healthcheck", "--port", &port], &[]).await;
    assert!(healthy.status.success() && text(&healthy.stdout).contains("\"ok\""));
    drop(process);
    let dead = run(&["healthcheck", "--port", &port], &[]).await;
    assert_eq!(dead.status.code(), Some(1));
}

#[tokio::test]
async fn secrets_come_from_files_and_variables_from_a_toml_file() {
    let database = Database::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let url = file("url", &format!("{}\n", database.url(Login::Server)));
    let config =
        file("mbmcp.toml", &format!("DATABASE_URL_FILE = {url:?}\nDB_MAX_CONNECTIONS = 3\n"));
    let listed = run(&["keys", "list", "--project", "none"], &[("MBMCP_CONFIG", &config)]).await;
    let said = text(&listed.stderr);
    assert!(said.contains("there is no project `none`"), "{said}");
}

#[tokio::test]
async fn client_configuration_is_ready_to_paste() {
    let of = async |client: &str| {
        let arguments = ["client-config", client, "--url", "https://m.test/mcp", "--key", "k"];
        text(&run(&arguments, &[]).await.stdout)
    };
    let claude = "claude mcp add --transport http memory-bank https://m.test/mcp \
                  --header \"X-API-Key: k\"\n";
    assert_eq!(of("claude-code").await, claude);
    for (client, root, url) in [
        ("cursor", "mcpServers", "url"),
        ("vscode", "servers", "url"),
        ("windsurf", "mcpServers", "serverUrl"),
        ("gemini", "mcpServers", "httpUrl"),
    ] {
        let json: serde_json::Value = serde_json::from_str(&of(client).await).unwrap();
        let entry = &json[root]["memory-bank"];
        assert_eq!(entry[url], "https://m.test/mcp", "{client}");
        assert_eq!(entry["headers"]["X-API-Key"], "k", "{client}");
    }
    let codex: toml::Table = of("codex").await.parse().unwrap();
    let entry = &codex["mcp_servers"]["memory-bank"];
    assert_eq!(entry["url"].as_str(), Some("https://m.test/mcp"));
    assert_eq!(entry["http_headers"]["X-API-Key"].as_str(), Some("k"));
}

#[tokio::test]
async fn the_page_of_clients_shows_what_the_command_prints() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md");
    let page = std::fs::read_to_string(file).unwrap();
    let local = text(&run(&["client-config", "stdio"], &[]).await.stdout);
    assert!(page.contains(&format!("\n{local}```\n")), "{local}");
    for client in
        ["claude-code", "cursor", "vscode", "windsurf", "codex", "gemini", "stdio", "mcp-remote"]
    {
        let endpoint = ["--url", "https://memory.example.org/mcp", "--key", "mbmcp_live_YOUR_KEY"];
        let arguments = [&["client-config", client][..], &endpoint].concat();
        let printed = text(&run(&arguments, &[]).await.stdout);
        assert!(page.contains(&format!("\n{printed}```\n")), "{client}:\n{printed}");
    }
}

/// The names that the configuration reads, from its sources.
fn variables_read() -> BTreeSet<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config");
    let sources = std::fs::read_dir(folder).unwrap();
    let sources = sources.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let production = sources.map(|text| text.split("#[cfg(test)]").next().unwrap().to_owned());
    let all: String = production.collect();
    let quoted = all.split('"').skip(1).step_by(2);
    let is_name =
        |word: &&str| word.len() > 5 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    quoted.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn the_example_lists_every_variable_and_no_other() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example");
    let example = std::fs::read_to_string(file).unwrap();
    let names = example.lines().filter_map(|line| {
        let (name, _) = line.trim_start_matches("# ").split_once('=')?;
        name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_').then(|| name.to_owned())
    });
    assert_eq!(names.collect::<BTreeSet<_>>(), variables_read());
}
