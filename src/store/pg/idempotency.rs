//! Answers to writes that a client may repeat (draft-ietf-httpapi-idempotency-key-header).
//!
//! The row is written in the transaction of the change: a change that fails leaves none, and a
//! repeat that comes while the first still runs waits for it a moment.

use serde_json::Value;

use crate::model::ProjectId;
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{StoreError, Tx};

statements! {
    PATIENCE = "idempotency.patience" (TEXT) "select set_config('lock_timeout', $1, true)";
    CLAIM = "idempotency.claim" (UUID, TEXT, TEXT, TEXT, BYTEA, FLOAT8)
        "insert into idempotency_keys (project_id, principal, route, key, body_sha256, created_at, \
         expires_at) values ($1, $2, $3, $4, $5, now(), now() + make_interval(secs => $6)) \
         on conflict (project_id, principal, route, key) do update \
         set body_sha256 = excluded.body_sha256, status = null, response = null, \
         completed_at = null, created_at = now(), expires_at = excluded.expires_at \
         where idempotency_keys.expires_at <= now() returning key";
    SPEND = "idempotency.spend" (UUID, TEXT, TEXT, TEXT, BYTEA, FLOAT8)
        "insert into idempotency_keys (project_id, principal, route, key, body_sha256, status, \
         created_at, completed_at, expires_at) \
         values ($1, $2, $3, $4, $5, 200, now(), now(), now() + make_interval(secs => $6)) \
         on conflict (project_id, principal, route, key) do nothing returning key";
    FIND = "idempotency.find" (UUID, TEXT, TEXT, TEXT)
        "select body_sha256, status, response from idempotency_keys \
         where project_id = $1 and principal = $2 and route = $3 and key = $4";
    COMPLETE = "idempotency.complete" (UUID, TEXT, TEXT, TEXT, INT4, JSONB)
        "update idempotency_keys set status = $5, response = $6, completed_at = now() \
         where project_id = $1 and principal = $2 and route = $3 and key = $4";
}

/// Milliseconds that a repeat waits for the first to end.
const PATIENCE_MS: &str = "2000";
/// Seconds that an answer is kept.
const KEPT_SECONDS: f64 = 24.0 * 3600.0;

/// Whose key for which operation.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// The project of the principal; the nil one for the platform.
    pub project: ProjectId,
    /// `user:` and the user's id, or `platform`.
    pub principal: String,
    /// The operation.
    pub route: &'static str,
    /// The client's key.
    pub key: String,
}

/// What is known of a key.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Nothing: the operation is to be done now.
    Fresh,
    /// It was done, for a body with this SHA-256, and answered so.
    Done {
        /// SHA-256 of the body.
        body_sha256: Vec<u8>,
        /// The HTTP status.
        status: u16,
        /// What was answered, without what is shown once.
        response: Value,
    },
}

/// Claims `key` for an operation with a body of this SHA-256.
///
/// # Errors
/// [`StoreError::Timeout`] when the first still runs.
pub async fn claim(tx: &Tx, key: &IdempotencyKey, body: &[u8]) -> Result<Claim, StoreError> {
    let IdempotencyKey { project, principal, route, key } = key;
    tx.rows(&PATIENCE, &[&PATIENCE_MS]).await?;
    let claimed =
        tx.row(&CLAIM, &[&project.0, principal, route, key, &body, &KEPT_SECONDS]).await?;
    if claimed.is_some() {
        return Ok(Claim::Fresh);
    }
    let row = tx.row(&FIND, &[&project.0, principal, route, key]).await?;
    // Gone in between: its time was over.
    let Some(row) = row else { return Ok(Claim::Fresh) };
    let place = Place { table: "idempotency_keys", column: "status", id: &key };
    let status: Option<i32> = row.get("status");
    let status = status.and_then(|status| u16::try_from(status).ok());
    Ok(Claim::Done {
        body_sha256: row.get("body_sha256"),
        status: status.ok_or_else(|| place.broken("it is committed without its answer"))?,
        response: row.get("response"),
    })
}

/// Uses `key` up for a request of this SHA-256, without keeping an answer; `false` when it was used.
/// While another transaction is about to, this waits for its end.
///
/// # Errors
/// See [`StoreError`].
pub async fn spend(tx: &Tx, key: &IdempotencyKey, body: &[u8]) -> Result<bool, StoreError> {
    let IdempotencyKey { project, principal, route, key } = key;
    let spent = tx.row(&SPEND, &[&project.0, principal, route, key, &body, &KEPT_SECONDS]).await?;
    Ok(spent.is_some())
}

/// Keeps what was answered.
///
/// # Errors
/// See [`StoreError`].
pub async fn complete(
    tx: &Tx,
    key: &IdempotencyKey,
    status: u16,
    response: &Value,
) -> Result<(), StoreError> {
    let IdempotencyKey { project, principal, route, key } = key;
    let status = i32::from(status);
    tx.rows(&COMPLETE, &[&project.0, principal, route, key, &status, response]).await?;
    Ok(())
}
