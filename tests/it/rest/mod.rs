//! The REST API by the front door.

mod audit;
mod documents;
mod idempotency;
mod isolation;
mod keys;
mod limits;
mod members;
mod projects;
mod self_revoke;
mod sessions;
mod table;
mod usage;
mod users;

use mbmcp::model::{Ambient, Role, Scope};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::harness::{ADMIN_TOKEN, Database, Reply, RestClient, Server, TestKey};

/// What stands for the session with this id.
pub fn handle(session: &str) -> Uuid {
    Uuid::from_slice(&Sha256::digest(session)[..16]).unwrap()
}

/// A server with a platform token, and who may administer the project `a` there.
struct Office {
    server: Server,
    platform: RestClient,
    /// An owner's `admin` key.
    owner: RestClient,
    key: TestKey,
}

impl Office {
    async fn open(database: &Database) -> Self {
        Self::with(database, &[]).await
    }

    async fn with(database: &Database, variables: &[(&str, &str)]) -> Self {
        let variables = [&[("ADMIN_TOKEN", ADMIN_TOKEN)], variables].concat();
        let server = Server::with(database, &variables).await;
        let key = database.key("a", Role::Owner, &[Scope::Admin]).await;
        let platform = RestClient::new(&server, ADMIN_TOKEN);
        let owner = RestClient::new(&server, &key.key);
        Self { server, platform, owner, key }
    }

    /// A new member of `a`: the id.
    async fn member(&self, role: Role) -> String {
        let email = format!("{}@a.test", fresh());
        let new = json!({ "email": email, "role": role });
        let made = self.platform.post("/projects/a/members", &new).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["userId"].as_str().unwrap().to_owned()
    }

    /// A key to be issued to the owner.
    fn new_key(&self, scopes: &[&str]) -> Value {
        json!({ "userId": self.key.tenant.user(), "label": "made by REST", "scopes": scopes })
    }
}

/// A name that nobody has.
fn fresh() -> String {
    Ambient::default().uuid().unwrap().to_string()
}

/// The field of a body that a refusal names first.
fn wrong_field(reply: &Reply) -> (u16, String) {
    let field = reply.json()["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
    (reply.status, field)
}

/// PATCH that depends on what was seen.
async fn patch_if(client: &RestClient, path: &str, etag: &str, body: &Value) -> Reply {
    let request = client.request(reqwest::Method::PATCH, path).header("if-match", etag);
    Reply::of(request.json(body)).await
}
