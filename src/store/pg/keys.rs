//! API keys as authentication sees them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::key_changes::snapshot;
use crate::model::{Actor, KeyId, ProjectId, Scope, Scopes, UserId};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{Snapshot, Store, StoreError, Tenant};

statements! {
    AUTHENTICATE = "keys.authenticate" (BYTEA)
        "select key_id, project_id, user_id, scopes, expires_at, rate_limit, environment, label, \
         project_slug, pg_postmaster_start_time() as server, \
         pg_current_snapshot()::text as snapshot from app.authenticate_key($1)";
    REVOKE = "keys.revoke_presented" (BYTEA, UUID, TEXT, INET)
        "select app.revoke_presented_key($1, $2, $3, $4)";
}

/// A good key: who holds it and what it may do. Everything that authentication needs, so that a
/// cached copy can stand in for the row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The key.
    pub id: KeyId,
    project: ProjectId,
    user: UserId,
    /// What the key was issued for.
    pub scopes: Scopes,
    /// When it ends, if it does. Checked at every use.
    #[serde(with = "time::serde::timestamp::nanoseconds::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// Calls a minute.
    pub rate_limit: i32,
    /// Whether it is a test key.
    pub test: bool,
    /// What people call it.
    pub label: String,
    /// The project's short name.
    pub project_slug: String,
    /// When all of this was so: a change that was not seen then makes it a thing of the past.
    pub as_of: Snapshot,
}

impl KeyRecord {
    /// The tenant that this key stands for.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        Tenant::new(self.project, self.user)
    }
}

/// The good key with this SHA-256, if there is one: not revoked, not expired, of a member of a
/// project that is not deleted.
///
/// # Errors
/// See [`StoreError`].
pub async fn authenticate(store: &Store, hash: &[u8]) -> Result<Option<KeyRecord>, StoreError> {
    let row = store.serve(async |tx| tx.row(&AUTHENTICATE, &[&hash]).await).await?;
    row.as_ref().map(record).transpose()
}

/// Revokes the key with this SHA-256 for good, and writes that down as the entry `id`, with the
/// client and address of `actor`; the actor is the key itself.
///
/// # Errors
/// See [`StoreError`].
pub async fn revoke_presented(
    store: &Store,
    hash: &[u8],
    id: Uuid,
    actor: &Actor,
) -> Result<(), StoreError> {
    let Actor { client, address, .. } = actor;
    let revoked =
        store.serve_write(async |tx| tx.row(&REVOKE, &[&hash, &id, client, address]).await);
    revoked.await?;
    Ok(())
}

fn record(row: &Row) -> Result<KeyRecord, StoreError> {
    let id = KeyId(row.get("key_id"));
    let place = |column| Place { table: "api_keys", column, id: &id };
    let scopes: Vec<String> = row.get("scopes");
    let scopes = scopes.iter().map(|scope| place("scopes").parse::<Scope>(scope));
    Ok(KeyRecord {
        id,
        project: ProjectId(row.get("project_id")),
        user: UserId(row.get("user_id")),
        scopes: Scopes::new(scopes.collect::<Result<Vec<_>, _>>()?),
        expires_at: row.get("expires_at"),
        test: row.get::<_, &str>("environment") == "test",
        label: row.get("label"),
        rate_limit: row.get("rate_limit"),
        project_slug: row.get("project_slug"),
        as_of: snapshot(row, "api_keys")?,
    })
}
