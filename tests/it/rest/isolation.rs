//! Who may call what, and that another project is one that never existed.

use mbmcp::model::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use super::Office;
use crate::harness::{Database, Login, Reply, RestClient};
use crate::tenancy::ROUTES;

/// The body of an operation that would be done.
fn body(method: &str, path: &str, user: &str) -> Option<Value> {
    match (method, path.rsplit('/').next()) {
        ("post", Some("keys")) => Some(json!({ "userId": user, "scopes": ["read"] })),
        ("post", _) => Some(json!({})),
        ("patch", _) => Some(json!({ "label": "changed" })),
        ("put", _) => Some(json!({ "content": "changed" })),
        _ => None,
    }
}

/// Calls a route of the API with these names in its path.
async fn call(
    client: &RestClient,
    route: (&str, &str),
    project: &str,
    key: &str,
    user: &str,
) -> Reply {
    let (path, method) = route;
    let body = body(method, path, user);
    // What is named `key` is the document of that name as well: `plant` makes it.
    let path = path.replace("{project}", project).replace("{key}", key).replace("{path}", key);
    let method: Method = method.to_uppercase().parse().unwrap();
    let mut request = client.request(method.clone(), path.trim_start_matches("/api/v1"));
    if method == Method::PUT || method == Method::DELETE {
        request = request.header("if-match", "*");
    }
    Reply::of(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

/// Whether the route is one of what a project remembers, which other keys open than the rest.
fn is_memory(route: (&str, &str)) -> bool {
    route.0.contains("/documents")
}

/// A document called `name`, made by who may write; where there is one already, it stays.
async fn plant(writer: &RestClient, project: &str, name: &str) {
    let path = format!("/projects/{project}/documents/{name}");
    let request = writer.request(Method::PUT, &path).header("if-none-match", "*");
    let reply = Reply::of(request.json(&json!({ "content": "planted" }))).await;
    assert!([201, 412].contains(&reply.status), "{}", reply.text);
}

fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.iter().copied().filter(|(path, _)| path.starts_with("/api/v1"))
}

#[tokio::test]
async fn a_foreign_project_is_answered_like_one_that_never_existed() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let theirs = database.key("b", Role::Owner, &[Scope::Admin]).await;
    let (key, user) = (theirs.id.to_string(), theirs.tenant.user().to_string());
    let own = office.key.id.to_string();
    let by_id = theirs.tenant.project().to_string();
    let writer = RestClient::new(&office.server, &database.editor("a").await.key);
    let their_writer = RestClient::new(&office.server, &database.editor("b").await.key);
    plant(&their_writer, "b", &key).await;
    let seen = |reply: &Reply| {
        let mut headers: Vec<_> = reply.headers.iter().map(|(name, _)| name.to_string()).collect();
        headers.sort();
        (reply.status, headers, reply.text.clone())
    };
    for route in routes() {
        let caller = if is_memory(route) { &writer } else { &office.owner };
        let missing = call(caller, route, "never-was", &key, &user).await;
        assert_eq!(missing.status, 404, "{route:?}: {}", missing.text);
        for project in ["b", &by_id] {
            let foreign = call(caller, route, project, &key, &user).await;
            assert_eq!(seen(&foreign), seen(&missing), "{route:?}");
        }
        if route.0.contains("{key}") || route.0.contains("{path}") {
            let unknown = uuid::Uuid::nil().to_string();
            let foreign_key = call(caller, route, "a", &key, &user).await;
            let unknown_key = call(caller, route, "a", &unknown, &user).await;
            assert_eq!(seen(&foreign_key), seen(&unknown_key), "{route:?}");
            let expected = if route.1 == "put" { 412 } else { 404 };
            assert_eq!(unknown_key.status, expected, "{route:?}");
        }
    }
    // The owner's own calls succeed, and nothing of the other project has changed.
    let owner = office.key.tenant.user().to_string();
    plant(&writer, "a", &own).await;
    for route in routes().filter(|(_, method)| *method != "delete") {
        let caller = if is_memory(route) { &writer } else { &office.owner };
        let reply = call(caller, route, "a", &own, &owner).await;
        assert!(reply.status < 300, "{route:?}: {}", reply.text);
    }
    let their_office = RestClient::new(&office.server, &theirs.key);
    let kept = their_office.get(&format!("/projects/b/keys/{key}")).await.json();
    assert_eq!((&kept["state"], &kept["label"]), (&json!("active"), &json!("owner of b")));
    let kept = their_writer.get(&format!("/projects/b/documents/{key}")).await.json();
    assert_eq!((&kept["content"], &kept["version"]), (&json!("planted"), &json!(1)));
}

#[tokio::test]
async fn each_route_lets_in_whom_it_should() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let writer = RestClient::new(&office.server, &database.editor("a").await.key);
    let mut asked = 0;
    for role in [Role::Viewer, Role::Editor, Role::Owner] {
        for scope in [Scope::Read, Scope::Write, Scope::Admin] {
            let key = database.key("a", role, &[Scope::Read]).await;
            database.force_scopes(&key, &[scope]).await;
            let client = RestClient::new(&office.server, &key.key);
            for route in routes() {
                let victim = database.key("a", Role::Owner, &[Scope::Read]).await;
                let user = office.key.tenant.user().to_string();
                plant(&writer, "a", &victim.id.to_string()).await;
                let reply = call(&client, route, "a", &victim.id.to_string(), &user).await;
                let may = match (is_memory(route), scope) {
                    (false, _) => role == Role::Owner && scope == Scope::Admin,
                    (true, Scope::Read) => route.1 == "get",
                    (true, Scope::Write) => route.1 == "get" || role >= Role::Editor,
                    (true, Scope::Admin) => false,
                };
                let expected = if may { reply.status < 300 } else { reply.status == 403 };
                assert!(expected, "{role} {scope:?} {route:?}: {} {}", reply.status, reply.text);
                asked += 1;
            }
        }
    }
    let platform = &office.platform;
    for route in routes() {
        let victim = database.key("a", Role::Owner, &[Scope::Read]).await;
        let user = office.key.tenant.user().to_string();
        let reply = call(platform, route, "a", &victim.id.to_string(), &user).await;
        // The operator does not see what a project remembers.
        let expected = if is_memory(route) { reply.status == 403 } else { reply.status < 300 };
        assert!(expected, "{route:?}: {}", reply.text);
        for stranger in ["", "nonsense", "mbmcp_live_x"] {
            let stranger = RestClient::new(&office.server, stranger);
            assert_eq!(call(&stranger, route, "a", &user, &user).await.status, 401);
        }
    }
    assert_eq!(asked, 9 * routes().count());
}

#[tokio::test]
async fn what_is_no_name_is_nobodys() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for client in [&office.owner, &office.platform] {
        for name in ["%00", "%FF", "..%2Fa", "%F0%9F%8E%88"] {
            let reply = client.get(&format!("/projects/{name}/keys")).await;
            assert_eq!(reply.status, 404, "{name}: {}", reply.text);
        }
    }
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
