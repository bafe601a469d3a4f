//! The life of a project.

use mbmcp::model::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Office, fresh, patch_if, wrong_field};
use crate::harness::{Client, Database, Login, Reply, RestClient, eventually, redis_url};

fn new(slug: &str, email: &str) -> Value {
    json!({ "slug": slug, "name": slug.to_uppercase(), "owner": { "email": email } })
}

#[tokio::test]
async fn a_project_is_made_with_its_owner_and_a_key_that_is_shown_once() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let create = async || {
        let request = office.platform.request(Method::POST, "/projects");
        let request = request.header("idempotency-key", "once").json(&new("team", "ann@team.test"));
        Reply::of(request).await
    };
    let made = create().await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (mut team, location) = (made.json(), made.headers["location"].to_str().unwrap());
    assert_eq!(location, format!("/api/v1/projects/{}", team["id"].as_str().unwrap()));
    assert_eq!((&team["name"], &team["searchLanguage"]), (&json!("TEAM"), &json!("english")));
    let key = team["key"].as_str().unwrap().to_owned();
    team.as_object_mut().unwrap().remove("key");
    let again = create().await;
    assert_eq!((again.status, again.json()), (201, team.clone()), "without the key");
    assert_eq!(again.headers["idempotency-replayed"], "true");

    // The key administers its project, and does nothing else.
    let owner = RestClient::new(&office.server, &key);
    assert_eq!(owner.get("/projects/team").await.json(), team);
    let members = owner.get("/projects/team/members").await.json()["items"].clone();
    assert_eq!(members.as_array().unwrap().len(), 1);
    assert_eq!(
        (&members[0]["email"], &members[0]["role"]),
        (&json!("ann@team.test"), &json!("owner"))
    );
    let listed = owner.get("/projects/team/keys").await.json()["items"].clone();
    assert_eq!(listed[0]["scopes"], json!(["admin"]));
    let issue = json!({ "userId": members[0]["userId"], "scopes": ["write"] });
    let issued = owner.post("/projects/team/keys", &issue).await.json();
    let mut client = Client::new(&office.server.url, issued["key"].as_str().unwrap());
    client.initialize().await;
    client.write("a.md", "text").await;
    let theirs = Client::new(&office.server.url, &key).modern();
    let refused = theirs.call("read_memory_bank_file", json!({ "filename": "a.md" })).await;
    assert_eq!(refused.code(), -32602, "a key that only administers has no such tool");

    // Of someone who exists.
    let mut second = new("second", "x");
    second["owner"] = json!({ "userId": members[0]["userId"] });
    assert_eq!(office.platform.post("/projects", &second).await.status, 201);
    let third = office.platform.post("/projects", &new("third", "ann@team.test")).await;
    assert_eq!(third.status, 201, "{}", third.text);
    let of_third = office.platform.get("/projects/third/members").await.json();
    assert_eq!(of_third["items"][0]["userId"], members[0]["userId"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_project_is_said_and_nothing_of_it_stays() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let admin = &office.platform;
    let with = |field: &str, value: Value| {
        let mut body = new("team", "ann@team.test");
        body[field] = value;
        body
    };
    let both = json!({ "email": "ann@team.test", "userId": office.key.tenant.user() });
    for (body, field) in [
        (with("slug", json!("Team")), "/slug"),
        (with("slug", json!("-team")), "/slug"),
        (with("slug", json!("team\n")), "/slug"),
        (with("slug", json!(fresh())), "/slug"),
        (with("slug", json!("x".repeat(64))), "/slug"),
        (with("name", json!("")), "/name"),
        (with("name", json!("ä".repeat(101))), "/name"),
        (with("searchLanguage", json!("klingon")), "/searchLanguage"),
        (with("owner", json!({})), "/owner"),
        (with("owner", both), "/owner"),
        (with("owner", json!({ "email": "nobody" })), "/owner/email"),
        (with("owner", json!({ "userId": fresh() })), "/owner/userId"),
        (with("key", json!("mine")), ""),
    ] {
        let refused = admin.post("/projects", &body).await;
        assert_eq!(wrong_field(&refused), (422, field.to_owned()), "{body}: {}", refused.text);
    }
    for (patch, field) in [
        (json!({ "settings": { "a": "x".repeat(70_000) } }), "/settings"),
        (json!({ "settings": [] }), "/settings"),
        (json!({ "settings": { "a": { "b\0": 1 } } }), ""),
        (json!({ "settings": null }), "/settings"),
        (json!({ "name": null }), "/name"),
        (json!({ "searchLanguage": "klingon" }), "/searchLanguage"),
        (json!({ "slug": "b" }), ""),
        (json!({ "deletedAt": null }), ""),
    ] {
        for client in [admin, &office.owner] {
            let refused = client.patch("/projects/a", &patch).await;
            assert_eq!(wrong_field(&refused), (422, field.to_owned()), "{}", refused.text);
        }
    }
    let taken = admin.post("/projects", &new("a", "ann@team.test")).await;
    assert_eq!((taken.status, &taken.json()["type"]), (409, &json!("/problems/conflict")));
    let people = admin.get("/users?email=ann@team.test").await.json();
    assert_eq!(people["items"], json!([]));
    let projects = admin.get("/projects").await.json();
    assert_eq!(projects["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn owners_and_the_operator_change_a_project() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for (client, name) in [(&office.owner, "ours"), (&office.platform, "theirs")] {
        let shown = client.get("/projects/a").await;
        let etag = shown.headers["etag"].to_str().unwrap();
        let patch = json!({ "name": name, "searchLanguage": "german", "settings": { "by": name } });
        let changed = patch_if(client, "/projects/a", etag, &patch).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        for field in ["name", "searchLanguage", "settings"] {
            assert_eq!(changed.json()[field], patch[field]);
        }
        assert_eq!(changed.json()["slug"], "a");
        let late = patch_if(client, "/projects/a", etag, &json!({ "name": "late" })).await;
        assert_eq!(late.status, 412, "{}", late.text);
        assert_eq!(client.get("/projects/a").await.json(), changed.json());
        let same = client.patch("/projects/a", &json!({})).await;
        assert_eq!(same.headers["etag"], changed.headers["etag"]);
        // Postgres keeps neither the order of fields nor how a number was written.
        let odd = json!({ "settings": { "bb": 1e2, "a": [1.50, { "zz": 1, "y": 2 }] } });
        let changed = client.patch("/projects/a", &odd).await;
        let shown = client.get("/projects/a").await;
        assert_eq!(shown.headers["etag"], changed.headers["etag"]);
    }
}

#[tokio::test]
async fn the_operator_lists_all_projects_and_a_key_its_own() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for slug in ["b", "c", "d"] {
        database.key(slug, Role::Owner, &[Scope::Admin]).await;
    }
    assert_eq!(office.platform.delete("/projects/c").await.status, 204);
    let names = |page: &Value| {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|project| project["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = office.platform.get("/projects?limit=2").await.json();
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = office.platform.get(&format!("/projects?limit=2&cursor={cursor}")).await.json();
    assert_eq!((names(&first), names(&second)), (vec!["a".into(), "b".into()], vec!["d".into()]));
    let own = office.owner.get("/projects").await.json();
    assert_eq!((names(&own), own.get("nextCursor")), (vec!["a".to_owned()], None));
    assert_eq!(office.owner.get(&format!("/projects?cursor={cursor}")).await.status, 422);
    let reader = database.key("a", Role::Owner, &[Scope::Read]).await;
    let reader = RestClient::new(&office.server, &reader.key);
    assert_eq!(reader.get("/projects").await.status, 403);
}

/// What a key of a deleted project still gets, with and without Redis.
#[tokio::test]
async fn no_key_of_a_deleted_project_works_from_that_moment_on() {
    for variables in [vec![], vec![("REDIS_URL", redis_url())]] {
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let database = Database::new().await;
        let office = Office::with(&database, &variables).await;
        let writer = database.key("a", Role::Owner, &[Scope::Write]).await;
        let legacy = office.server.session(&writer).await;
        let modern = legacy.modern();
        legacy.write("secret.md", "zanzibar").await;
        // Every cache knows both keys.
        assert_eq!(office.owner.get("/projects/a").await.status, 200);
        let read = json!({ "filename": "secret.md" });
        modern.ok("read_memory_bank_file", read.clone()).await;

        assert_eq!(office.platform.delete("/projects/a").await.status, 204);
        for client in [&legacy, &modern] {
            for (tool, arguments) in [
                ("read_memory_bank_file", read.clone()),
                ("search_memory_bank", json!({ "query": "zanzibar" })),
                ("write_memory_bank_file", json!({ "filename": "new.md", "content": "x" })),
            ] {
                let reply = client.call(tool, arguments).await;
                assert_eq!(reply.status, 401, "{tool}: {}", reply.text);
            }
        }
        let issue = office.owner.post("/projects/a/keys", &office.new_key(&["read"])).await;
        assert_eq!(
            issue.status, 401,
            "known to the process, but to the database no more: {}",
            issue.text
        );
        assert_eq!(office.owner.get("/projects").await.status, 401);
        if variables.is_empty() {
            eventually("the end of what the process remembers", async || {
                (office.owner.get("/projects").await.status == 401).then_some(())
            })
            .await;
        }
        // The operator's own view, and what stays for it.
        for gone in ["/projects/a", "/projects/a/members", "/projects/a/keys"] {
            assert_eq!(office.platform.get(gone).await.status, 404);
        }
        assert_eq!(office.platform.delete("/projects/a").await.status, 404);
        let again = office.platform.post("/projects", &new("a", "ann@team.test")).await;
        assert_eq!(again.status, 409, "{}", again.text);
        assert_eq!(trail(&database, &office).await, ["key.create", "key.create", "project.delete"]);
    }
}

/// The audit log of `a`, as the operator's role sees it.
async fn trail(database: &Database, office: &Office) -> Vec<String> {
    let login = database.connect(Login::Server).await;
    login.batch_execute("set role app_platform").await.unwrap();
    let sql = "select action from audit_log where project_id = $1 order by at, id";
    let rows = login.query(sql, &[&office.key.tenant.project().0]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
