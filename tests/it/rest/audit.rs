//! What is written down.

use serde_json::{Value, json};

use super::Office;
use crate::harness::{Database, Login};

#[tokio::test]
async fn every_change_of_a_key_is_written_down_without_secrets() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let keys = "/projects/a/keys";
    let issued = office.owner.post(keys, &office.new_key(&["read"])).await.json();
    let path = format!("{keys}/{}", issued["id"].as_str().unwrap());
    office.owner.patch(&path, &json!({ "label": "renamed" })).await;
    // Nothing changes, and nothing is written down.
    office.owner.patch(&path, &json!({ "label": "renamed" })).await;
    let rotated = office.platform.post(&format!("{path}/rotate"), &json!({})).await.json();
    office.owner.delete(&format!("{keys}/{}", rotated["id"].as_str().unwrap())).await;

    let superuser = database.connect(Login::Superuser).await;
    let sql = "select to_jsonb(a) from audit_log a where action <> 'key.create' or actor_kind <> 'cli' \
               order by at, id";
    let rows: Vec<Value> =
        superuser.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row["actor_kind"].as_str().unwrap(), row["action"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("key", "key.create"),
            ("key", "key.update"),
            ("platform", "key.create"),
            ("platform", "key.rotate"),
            ("key", "key.revoke"),
        ]
    );
    let update = &rows[1];
    assert_eq!(update["before"]["label"], "made by REST");
    assert_eq!(update["after"]["label"], "renamed");
    assert_eq!(update["key_id"], json!(office.key.id));
    assert_eq!(update["actor_user_id"], json!(office.key.tenant.user()));
    assert!(update["ip"].is_string());
    let all = json!(rows).to_string();
    for secret in [&issued["key"], &rotated["key"], &json!(office.key.key)] {
        assert!(!all.contains(secret.as_str().unwrap()), "{all}");
    }
}

#[tokio::test]
async fn every_change_of_users_projects_and_members_is_written_down() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let (platform, owner) = (&office.platform, &office.owner);
    let user = platform.post("/users", &json!({ "email": "ann@example.test" })).await.json();
    let path = format!("/users/{}", user["id"].as_str().unwrap());
    platform.patch(&path, &json!({ "displayName": "Ann" })).await;
    platform.patch(&path, &json!({ "displayName": "Ann" })).await;
    platform.delete(&path).await;
    let new = json!({ "slug": "b", "name": "B", "owner": { "email": "bob@example.test" } });
    let made = platform.post("/projects", &new).await.json();
    platform.delete("/projects/b").await;
    owner.patch("/projects/a", &json!({ "settings": { "colour": "red" } })).await;
    let new = json!({ "email": "eve@example.test", "role": "viewer" });
    let added = owner.post("/projects/a/members", &new).await.json();
    let path = format!("/projects/a/members/{}", added["userId"].as_str().unwrap());
    owner.patch(&path, &json!({ "role": "editor" })).await;
    owner.patch(&path, &json!({ "role": "editor" })).await;
    platform.delete(&path).await;

    let superuser = database.connect(Login::Superuser).await;
    let sql = "select to_jsonb(a) from audit_log a where actor_kind <> 'cli' order by at, id";
    let rows: Vec<Value> =
        superuser.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let (nobody, a) = (json!(uuid::Uuid::nil()), json!(office.key.tenant.project()));
    let told: Vec<_> = rows
        .iter()
        .map(|row| (&row["project_id"], row["action"].as_str().unwrap(), &row["actor_kind"]))
        .collect();
    let (platform, key) = (&json!("platform"), &json!("key"));
    assert_eq!(
        told,
        [
            (&nobody, "user.create", platform),
            (&nobody, "user.update", platform),
            (&nobody, "user.delete", platform),
            (&made["id"], "project.create", platform),
            (&nobody, "user.create", platform),
            (&made["id"], "member.add", platform),
            (&made["id"], "key.create", platform),
            (&made["id"], "project.delete", platform),
            (&a, "project.update", key),
            (&a, "member.add", key),
            (&a, "member.update", key),
            (&a, "member.remove", platform),
        ]
    );
    assert_eq!(rows[1]["before"]["displayName"], "");
    assert_eq!(rows[1]["after"], json!({ "email": "ann@example.test", "displayName": "Ann" }));
    assert_eq!(
        (&rows[8]["before"]["settings"], &rows[8]["after"]["settings"]["colour"]),
        (&json!({}), &json!("red"))
    );
    assert_eq!(rows[9]["after"], json!({ "email": "eve@example.test", "role": "viewer" }));
    assert_eq!((&rows[11]["target_id"], &rows[11]["after"]), (&added["userId"], &Value::Null));
    assert!(!json!(rows).to_string().contains(made["key"].as_str().unwrap()));
}
