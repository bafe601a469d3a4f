//! `mbmcp keys`.

use serde_json::{Value, json};

use super::{run, text};
use crate::harness::{Client, Database, Login, Server};

#[tokio::test]
async fn a_key_is_created_used_listed_rotated_and_revoked() {
    let database = Database::new().await;
    let url = database.url(Login::Server);
    let variables = [("DATABASE_URL", url.as_str())];
    let keys = async |arguments: &[&str]| run(&[&["keys"], arguments].concat(), &variables).await;
    let create = ["create", "--project", "team", "--user", "ann@team.test", "--json"];

    let stranger = keys(&create).await;
    assert_eq!(stranger.status.code(), Some(1));
    assert!(text(&stranger.stderr).contains("--role"), "{}", text(&stranger.stderr));

    let made = keys(&[&create[..], &["--role", "owner", "--label", "ann's laptop"]].concat()).await;
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let second = keys(&[&create[..], &["--test", "--scopes", "read"]].concat()).await;
    assert!(text(&second.stdout).contains("mbmcp_test_"));

    let server = Server::on(&database).await;
    let mut client = Client::new(&server.url, key);
    client.initialize().await;
    client.write("a.md", "x").await;

    let listed = text(&keys(&["list", "--project", "team"]).await.stdout);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].contains(id) && lines[0].contains("ann's laptop") && lines[0].contains("active")
    );
    assert!(!listed.contains(key));

    let rotate = ["rotate", "--project", "team", "--grace-seconds", "60", "--json", id];
    let rotated = keys(&rotate).await;
    let rotated: Value = serde_json::from_slice(&rotated.stdout).unwrap();
    let mut next = Client::new(&server.url, rotated["key"].as_str().unwrap());
    next.initialize().await;
    assert!(text(&keys(&["list", "--project", "team"]).await.stdout).contains("rotated"));
    assert_eq!(client.rpc("ping", json!({})).await.status, 200);

    assert!(keys(&["revoke", "--project", "team", id]).await.status.success());
    let listed = keys(&["list", "--project", "team", "--json"]).await;
    let first: Value = serde_json::from_str(text(&listed.stdout).lines().next().unwrap()).unwrap();
    assert_eq!(first["state"], "revoked");
    // A server that has not seen it yet refuses it at once; this one when its memory has aged.
    let fresh = Server::on(&database).await;
    let refused = Client::new(&fresh.url, key).rpc("ping", json!({})).await;
    assert_eq!(refused.status, 401);
    crate::harness::eventually("the revocation", async || {
        (client.rpc("ping", json!({})).await.status == 401).then_some(())
    })
    .await;

    let unknown = keys(&["revoke", "--project", "other", id]).await;
    assert_eq!(unknown.status.code(), Some(1), "the key of another project is none");
}

#[tokio::test]
async fn a_label_has_at_most_a_hundred_characters() {
    let database = Database::new().await;
    let url = database.url(Login::Server);
    for (chars, code) in [(100, 0), (101, 1)] {
        let label = "é".repeat(chars);
        let create = ["keys", "create", "--project", "a", "--user", "a@b.test", "--role", "owner"];
        let arguments = [&create[..], &["--label", &label]].concat();
        let output = run(&arguments, &[("DATABASE_URL", &url)]).await;
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr).contains("at most 100 characters"), code == 1);
    }
}

#[tokio::test]
async fn names_that_are_none_are_refused_with_a_sentence() {
    let database = Database::new().await;
    let url = database.url(Login::Server);
    for (project, user) in [("Not A Slug", "a@b.test"), ("", "a@b.test")] {
        let arguments = ["keys", "create", "--project", project, "--user", user, "--role", "owner"];
        let refused = run(&arguments, &[("DATABASE_URL", &url)]).await;
        assert_eq!(refused.status.code(), Some(1));
        let said = text(&refused.stderr);
        assert!(said.contains("not usable") && !said.contains("insert"), "{said}");
    }
}
