//! The REST API by the front door.

mod audit;
mod idempotency;
mod isolation;
mod keys;
mod limits;
mod self_revoke;
mod sessions;
mod usage;

use mbmcp::model::{Role, Scope};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::harness::{ADMIN_TOKEN, Database, RestClient, Server, TestKey};

/// What stands for the session with this id.
fn handle(session: &str) -> Uuid {
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

    /// A key to be issued to the owner.
    fn new_key(&self, scopes: &[&str]) -> Value {
        json!({ "userId": self.key.tenant.user(), "label": "made by REST", "scopes": scopes })
    }
}
