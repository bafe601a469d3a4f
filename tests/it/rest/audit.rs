//! What is written down.

use mbmcp::model::{Role, Scope};
use serde_json::{Value, json};

use super::Office;
use crate::harness::{Database, Login, RestClient};

const AUDIT: &str = "/projects/a/audit";

/// The actions of a page.
fn actions(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
    items.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

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
               order by at, action";
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
    let sql = "select to_jsonb(a) from audit_log a where actor_kind <> 'cli' order by at, action";
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
            // Of one transaction, and so of one time.
            (&made["id"], "key.create", platform),
            (&made["id"], "member.add", platform),
            (&made["id"], "project.create", platform),
            (&nobody, "user.create", platform),
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

#[tokio::test]
async fn the_log_of_a_project_is_read_newest_first_and_by_what_is_asked_for() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let keys = "/projects/a/keys";
    let issued = office.owner.post(keys, &office.new_key(&["read"])).await.json();
    let id = issued["id"].as_str().unwrap();
    let path = format!("{keys}/{id}");
    office.owner.patch(&path, &json!({ "label": "renamed" })).await;
    office.platform.delete(&path).await;
    // Another project's, which stays there.
    let theirs = database.key("b", Role::Owner, &[Scope::Admin]).await;
    let their_office = RestClient::new(&office.server, &theirs.key);
    let user = json!({ "userId": theirs.tenant.user(), "scopes": ["read"] });
    assert_eq!(their_office.post("/projects/b/keys", &user).await.status, 201);

    let (own, owner) = (office.key.id, office.key.tenant.user());
    for admin in [&office.owner, &office.platform] {
        let ask = async |query: &str| admin.get(&format!("{AUDIT}?{query}")).await.json();
        let all = ask("").await;
        assert_eq!(actions(&all), ["key.revoke", "key.update", "key.create", "key.create"]);
        let times: Vec<&str> =
            all["items"].as_array().unwrap().iter().map(|e| e["at"].as_str().unwrap()).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
        assert!(!all.to_string().contains(issued["key"].as_str().unwrap()));
        for (query, expected) in [
            ("action=key.update".to_owned(), vec!["key.update"]),
            (format!("keyId={own}"), vec!["key.update", "key.create"]),
            (format!("actorUserId={owner}&action=key.create"), vec!["key.create"]),
            (format!("targetKind=key&targetId={id}&limit=2"), vec!["key.revoke", "key.update"]),
            ("targetKind=project".to_owned(), vec![]),
            (format!("keyId={}", theirs.id), vec![]),
            (format!("from={}", times[1]), vec!["key.revoke", "key.update"]),
            (format!("to={}", times[1]), vec!["key.create", "key.create"]),
            (format!("from={}&to={}", times[1], times[0]), vec!["key.update"]),
        ] {
            assert_eq!(actions(&ask(&query).await), expected, "{query}");
        }
        let mut seen = Vec::new();
        let mut page = ask("limit=1").await;
        loop {
            seen.extend(page["items"].as_array().unwrap().clone());
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            page = ask(&format!("limit=1&cursor={cursor}")).await;
        }
        assert_eq!(json!(seen), all["items"]);
        for wrong in ["from=yesterday", "keyId=x", "limit=0", "cursor=x", "targetId=%00"] {
            assert_eq!(admin.get(&format!("{AUDIT}?{wrong}")).await.status, 422, "{wrong}");
        }
        for edge in ["from=0000-01-01T00:00:00Z", "to=9999-12-31T23:59:59Z"] {
            assert_eq!(actions(&ask(edge).await).len(), 4, "{edge}");
        }
        // A cursor is for the question that it came from.
        let cursor = ask("limit=1").await["nextCursor"].as_str().unwrap().to_owned();
        let other = admin.get(&format!("{AUDIT}?action=key.create&cursor={cursor}")).await;
        assert_eq!(other.status, 422, "{}", other.text);
    }
}

#[tokio::test]
async fn the_operator_reads_all_of_it_and_nobody_else_does() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let theirs = database.key("b", Role::Owner, &[Scope::Admin]).await;
    let superuser = database.connect(Login::Superuser).await;
    let plant = "update projects set deleted_at = now() where slug = 'b'; \
                 insert into audit_log (project_id, id, actor_kind, action, target_kind, target_id) \
                 values ('00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'platform', \
                 'user.create', 'user', 'x')";
    superuser.batch_execute(plant).await.unwrap();
    let all = office.platform.get("/audit").await.json();
    assert_eq!(actions(&all), ["user.create", "key.create", "key.create"]);
    let (ours, deleted) = (office.key.tenant.project(), theirs.tenant.project());
    let nobody = uuid::Uuid::nil();
    for (project, expected) in [
        (ours.to_string(), vec!["key.create"]),
        (deleted.to_string(), vec!["key.create"]),
        (nobody.to_string(), vec!["user.create"]),
    ] {
        let page = office.platform.get(&format!("/audit?projectId={project}&limit=5")).await;
        let page = page.json();
        assert_eq!(actions(&page), expected);
        assert_eq!(page["items"][0]["projectId"], json!(project));
    }
    let page = office.platform.get("/audit?action=key.create&limit=1").await;
    assert!(page.headers.contains_key("link"));
    let next = page.json()["nextCursor"].as_str().unwrap().to_owned();
    let next = format!("/audit?action=key.create&limit=1&cursor={next}");
    assert_eq!(actions(&office.platform.get(&next).await.json()), ["key.create"]);
    assert_eq!(office.owner.get("/audit").await.status, 404);
    assert_eq!(RestClient::new(&office.server, "nonsense").get("/audit").await.status, 401);
    assert_eq!(office.platform.get("/projects/b/audit").await.status, 404);
}

#[tokio::test]
async fn what_was_written_down_stays_as_it_is() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let key = office.owner.post("/projects/a/keys", &office.new_key(&["read"])).await.json();
    let tenant = &office.key.tenant;
    let login = database.connect(Login::Server).await;
    for role in ["app_user", "app_platform", "app_server"] {
        for change in [
            "update audit_log set action = 'nothing'",
            "update audit_log set at = now()",
            "delete from audit_log",
            "truncate audit_log",
        ] {
            let open = format!(
                "begin; select set_config('role', '{role}', true), \
                 set_config('app.current_project_id', '{}', true), \
                 set_config('app.current_user_id', '{}', true)",
                tenant.project(),
                tenant.user()
            );
            login.batch_execute(&open).await.unwrap();
            let refused = login.batch_execute(change).await.unwrap_err();
            assert_eq!(refused.code().unwrap().code(), "42501", "{role}: {change}");
            login.batch_execute("rollback").await.unwrap();
        }
    }
    let log = office.owner.get(AUDIT).await;
    assert_eq!(actions(&log.json()), ["key.create", "key.create"]);
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(key["key"].as_str().unwrap()));
    for secret in [key["key"].as_str().unwrap(), &hash, &office.key.key] {
        assert!(!log.text.contains(secret), "{}", log.text);
    }
}
