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
