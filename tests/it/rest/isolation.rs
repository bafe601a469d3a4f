//! Who may call what, and that another project is one that never existed.

use mbmcp::model::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Office, handle};
use crate::harness::{Database, Login, Reply, RestClient, TestKey};
use crate::tenancy::ROUTES;

/// The body of an operation that would be done.
fn body(method: &str, path: &str, user: &str) -> Option<Value> {
    match (method, path.rsplit('/').next()) {
        ("post", Some("keys")) => Some(json!({ "userId": user, "scopes": ["read"] })),
        ("post", _) => Some(json!({})),
        ("patch", _) => Some(json!({ "label": "changed" })),
        _ => None,
    }
}

/// Calls a route of the API with these names in its path; a session is the planted one of the key.
async fn call(
    client: &RestClient,
    route: (&str, &str),
    project: &str,
    key: &str,
    user: &str,
) -> Reply {
    let (path, method) = route;
    let body = body(method, path, user);
    let session = handle(&planted_session(key)).to_string();
    let path = path.replace("{project}", project).replace("{key}", key);
    let path = path.replace("{session}", &session);
    let method: Method = method.to_uppercase().parse().unwrap();
    let request = client.request(method, path.trim_start_matches("/api/v1"));
    Reply::of(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

/// Those of a project.
fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.iter().copied().filter(|(path, _)| path.starts_with("/api/v1/projects/{project}"))
}

/// The id of a session that the tests plant for a key.
fn planted_session(key: &str) -> String {
    format!("a-session-of-{key}")
}

/// An owner's key in `project`, with a session.
async fn victim(database: &Database, project: &str, scope: Scope) -> TestKey {
    let key = database.key(project, Role::Owner, &[scope]).await;
    let plant = "insert into sessions (project_id, id, user_id, key_id, protocol_version, expires_at) \
                 values ($1, $2, $3, $4, '2025-11-25', now() + interval '1 day')";
    let (project, user) = (key.tenant.project().0, key.tenant.user().0);
    let id = planted_session(&key.id.to_string());
    let superuser = database.connect(Login::Superuser).await;
    superuser.execute(plant, &[&project, &id, &user, &key.id.0]).await.unwrap();
    key
}

#[tokio::test]
async fn a_foreign_project_is_answered_like_one_that_never_existed() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let theirs = victim(&database, "b", Scope::Admin).await;
    let (key, user) = (theirs.id.to_string(), theirs.tenant.user().to_string());
    let own = victim(&database, "a", Scope::Read).await.id.to_string();
    let by_id = theirs.tenant.project().to_string();
    let seen = |reply: &Reply| {
        let mut headers: Vec<_> = reply.headers.iter().map(|(name, _)| name.to_string()).collect();
        headers.sort();
        (reply.status, headers, reply.text.clone())
    };
    for route in routes() {
        let missing = call(&office.owner, route, "never-was", &key, &user).await;
        assert_eq!(missing.status, 404, "{route:?}: {}", missing.text);
        for project in ["b", &by_id] {
            let foreign = call(&office.owner, route, project, &key, &user).await;
            assert_eq!(seen(&foreign), seen(&missing), "{route:?}");
        }
        if route.0.contains("{key}") || route.0.contains("{session}") {
            let unknown = uuid::Uuid::nil().to_string();
            let foreign_key = call(&office.owner, route, "a", &key, &user).await;
            let unknown_key = call(&office.owner, route, "a", &unknown, &user).await;
            assert_eq!(seen(&foreign_key), seen(&unknown_key), "{route:?}");
            assert_eq!(unknown_key.status, 404);
        }
    }
    // The owner's own calls succeed, and nothing of the other project has changed.
    let owner = office.key.tenant.user().to_string();
    for route in routes().filter(|(_, method)| *method != "delete") {
        let reply = call(&office.owner, route, "a", &own, &owner).await;
        assert!(reply.status < 300, "{route:?}: {}", reply.text);
    }
    let their_office = RestClient::new(&office.server, &theirs.key);
    let kept = their_office.get(&format!("/projects/b/keys/{key}")).await.json();
    assert_eq!((&kept["state"], &kept["label"]), (&json!("active"), &json!("owner of b")));
    let sessions = their_office.get("/projects/b/sessions").await.json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn each_route_lets_in_whom_it_should() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let mut asked = 0;
    for role in [Role::Viewer, Role::Editor, Role::Owner] {
        for scope in [Scope::Read, Scope::Write, Scope::Admin] {
            let key = database.key("a", role, &[Scope::Read]).await;
            database.force_scopes(&key, &[scope]).await;
            let client = RestClient::new(&office.server, &key.key);
            for route in routes() {
                let victim = victim(&database, "a", Scope::Read).await;
                let user = office.key.tenant.user().to_string();
                let reply = call(&client, route, "a", &victim.id.to_string(), &user).await;
                let may = role == Role::Owner && scope == Scope::Admin;
                let expected = if may { reply.status < 300 } else { reply.status == 403 };
                assert!(expected, "{role} {scope:?} {route:?}: {} {}", reply.status, reply.text);
                asked += 1;
            }
        }
    }
    let platform = &office.platform;
    for route in routes() {
        let victim = victim(&database, "a", Scope::Read).await;
        let user = office.key.tenant.user().to_string();
        let reply = call(platform, route, "a", &victim.id.to_string(), &user).await;
        assert!(reply.status < 300, "{route:?}: {}", reply.text);
        for stranger in ["", "nonsense", "mbmcp_live_x"] {
            let stranger = RestClient::new(&office.server, stranger);
            assert_eq!(call(&stranger, route, "a", &user, &user).await.status, 401);
        }
    }
    assert_eq!(asked, 9 * routes().count());
}

#[tokio::test]
async fn the_role_is_that_of_now() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let other = database.key("a", Role::Owner, &[Scope::Admin]).await;
    assert_eq!(office.owner.get("/projects/a/keys").await.status, 200);
    let superuser = database.connect(Login::Superuser).await;
    superuser.batch_execute("update memberships set role = 'editor'").await.unwrap();
    for client in [&office.owner, &RestClient::new(&office.server, &other.key)] {
        assert_eq!(client.get("/projects/a/keys").await.status, 403);
    }
}
