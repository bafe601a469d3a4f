//! Who may call what, and that another project is one that never existed.

use mbmcp::model::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Office, fresh, handle};
use crate::harness::{Database, Login, Reply, RestClient, TestKey};
use crate::tenancy::ROUTES;

/// What no key may call, of whatever role and scope: to it there is nothing there.
const OF_THE_OPERATOR: [(&str, &str); 8] = [
    ("/api/v1/audit", "get"),
    ("/api/v1/projects", "post"),
    ("/api/v1/projects/{project}", "delete"),
    ("/api/v1/users", "get"),
    ("/api/v1/users", "post"),
    ("/api/v1/users/{user}", "get"),
    ("/api/v1/users/{user}", "patch"),
    ("/api/v1/users/{user}", "delete"),
];

pub(super) type Route = (&'static str, &'static str);

/// What stands in a path, and in the body for the user of a key.
#[derive(Clone)]
pub(super) struct Names {
    project: String,
    key: String,
    /// A member of the project.
    user: String,
}

impl Names {
    /// A key and its user, who is a member.
    pub(super) fn of(key: &TestKey) -> Self {
        let (key, project, user) = (key.id, &key.project, key.tenant.user());
        Self { project: project.clone(), key: key.to_string(), user: user.to_string() }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    fn in_project(&self, project: &str) -> Self {
        Self { project: project.to_owned(), ..self.clone() }
    }

    /// The same with something to remove: who is a member, or who is none for what needs that.
    pub(super) async fn removable(&self, office: &Office, route: Route) -> Self {
        let path = match route {
            ("/api/v1/users/{user}", "delete") => "/users",
            (path, "delete") if path.contains("/members/") => {
                &format!("/projects/{}/members", self.project)
            }
            _ => return self.clone(),
        };
        let made = office.platform.post(path, &someone(path)).await.json();
        let id = made.get("userId").unwrap_or(&made["id"]).as_str().unwrap().to_owned();
        Self { user: id, ..self.clone() }
    }
}

fn someone(path: &str) -> Value {
    let email = format!("{}@example.test", fresh());
    if path.ends_with("/members") {
        json!({ "email": email, "role": "viewer" })
    } else {
        json!({ "email": email })
    }
}

/// The body of an operation that would be done.
fn body((path, method): Route, user: &str) -> Option<Value> {
    match (method, path.trim_start_matches("/api/v1/projects/{project}")) {
        ("post", "/keys") => Some(json!({ "userId": user, "scopes": ["read"] })),
        ("post", "/members" | "/api/v1/users") => Some(someone(path)),
        ("post", "/api/v1/projects") => {
            let owner = json!({ "email": format!("{}@example.test", fresh()) });
            Some(json!({ "slug": format!("p{}", fresh()), "name": "P", "owner": owner }))
        }
        ("post", _) => Some(json!({})),
        ("put", _) => Some(json!({ "content": "changed" })),
        ("patch", "/keys/{key}") => Some(json!({ "label": "changed" })),
        ("patch", "/members/{user}") => Some(json!({ "role": "owner" })),
        ("patch", "/api/v1/users/{user}") => Some(json!({ "displayName": "changed" })),
        ("patch", _) => Some(json!({ "name": "changed" })),
        _ => None,
    }
}

/// Calls a route of the API with these names in its path.
pub(super) async fn call(client: &RestClient, route: Route, names: &Names) -> Reply {
    let (path, method) = route;
    let body = body(route, &names.user);
    let path = path.replace("{project}", &names.project);
    let path = path.replace("{key}", &names.key).replace("{user}", &names.user);
    // What is named `key` is the document of that name as well: `plant` makes it.
    let path = path.replace("{path}", &names.key);
    let path = path.replace("{session}", &handle(&planted_session(&names.key)).to_string());
    let method: Method = method.to_uppercase().parse().unwrap();
    let mut request = client.request(method.clone(), path.trim_start_matches("/api/v1"));
    if path.contains("/documents/") && method != Method::GET {
        request = request.header("if-match", "*");
    }
    Reply::of(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

/// Whether the route is one of what a project remembers, which other keys open than the rest.
fn is_memory(route: Route) -> bool {
    route.0.contains("/documents")
}

/// A document called `name`, made by who may write; where there is one already, it stays.
pub(super) async fn plant(writer: &RestClient, project: &str, name: &str) {
    let path = format!("/projects/{project}/documents/{name}");
    let request = writer.request(Method::PUT, &path).header("if-none-match", "*");
    let reply = Reply::of(request.json(&json!({ "content": "planted" }))).await;
    assert!([201, 412].contains(&reply.status), "{}", reply.text);
}

/// All but the one by which a key ends itself: `rest::self_revoke` calls that.
pub(super) fn routes() -> impl Iterator<Item = Route> {
    let all = ROUTES.iter().copied().filter(|(path, _)| path.starts_with("/api/v1"));
    all.filter(|(path, _)| *path != "/api/v1/key")
}

/// The id of a session that the tests plant for a key.
fn planted_session(key: &str) -> String {
    format!("a-session-of-{key}")
}

/// An owner's key in `project`, with a session.
pub(super) async fn victim(database: &Database, project: &str, scope: Scope) -> TestKey {
    let key = database.key(project, Role::Owner, &[scope]).await;
    let plant = "insert into sessions (project_id, id, user_id, key_id, protocol_version, expires_at) \
                 values ($1, $2, $3, $4, '2025-11-25', now() + interval '1 day')";
    let (project, user) = (key.tenant.project().0, key.tenant.user().0);
    let id = planted_session(&key.id.to_string());
    let superuser = database.connect(Login::Superuser).await;
    superuser.execute(plant, &[&project, &id, &user, &key.id.0]).await.unwrap();
    key
}

/// What a caller can tell two answers apart by.
fn seen(reply: &Reply) -> (u16, Vec<String>, String) {
    let mut headers: Vec<_> = reply.headers.iter().map(|(name, _)| name.to_string()).collect();
    headers.sort();
    (reply.status, headers, reply.text.clone())
}

#[tokio::test]
async fn a_foreign_project_is_answered_like_one_that_never_existed() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let key = victim(&database, "b", Scope::Admin).await;
    // Not the key that calls: one of the routes rotates it.
    let own = victim(&database, "a", Scope::Read).await;
    let (own, theirs) = (Names::of(&own), Names::of(&key));
    let by_id = key.tenant.project().to_string();
    let their_office = RestClient::new(&office.server, &key.key);
    let writer = RestClient::new(&office.server, &database.editor("a").await.key);
    let their_writer = RestClient::new(&office.server, &database.editor("b").await.key);
    plant(&their_writer, "b", &theirs.key).await;
    let look = async || {
        let mut all = Vec::new();
        for path in ["", "/members", "/keys", "/sessions"] {
            all.push(their_office.get(&format!("/projects/b{path}")).await.text);
        }
        let document = format!("/projects/b/documents/{}", theirs.key);
        all.push(their_writer.get(&document).await.text);
        all
    };
    let before = look().await;
    for route in routes().filter(|(path, _)| path.contains('{')) {
        let caller = if is_memory(route) { &writer } else { &office.owner };
        let missing = call(caller, route, &theirs.in_project("never-was")).await;
        assert_eq!(missing.status, 404, "{route:?}: {}", missing.text);
        for project in ["b", &by_id] {
            let foreign = call(caller, route, &theirs.in_project(project)).await;
            assert_eq!(seen(&foreign), seen(&missing), "{route:?}");
        }
        if ["{key}", "{user}", "{path}", "{session}"].iter().any(|name| route.0.contains(name)) {
            let nobody = uuid::Uuid::nil().to_string();
            let unknown = Names { key: nobody.clone(), user: nobody, project: "a".to_owned() };
            let foreign = call(caller, route, &theirs.in_project("a")).await;
            let unknown = call(caller, route, &unknown).await;
            assert_eq!(seen(&foreign), seen(&unknown), "{route:?}");
            assert_eq!(unknown.status, if route.1 == "put" { 412 } else { 404 }, "{route:?}");
        }
    }
    // The owner's own calls succeed, and nothing of the other project has changed.
    plant(&writer, "a", &own.key).await;
    for route in routes().filter(|route| route.1 != "delete" && !OF_THE_OPERATOR.contains(route)) {
        let caller = if is_memory(route) { &writer } else { &office.owner };
        let reply = call(caller, route, &own).await;
        assert!(reply.status < 300, "{route:?}: {}", reply.text);
    }
    assert_eq!(look().await, before);
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
