//! MCP sessions of the legacy era: rows, and Postgres is the truth.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::types::ToSql;

use crate::model::{KeyId, Role};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    CLAIM = "sessions.claim" (UUID, UUID)
        "select pg_advisory_xact_lock(hashtextextended('sessions ' || $1::text || ' ' || $2::text, 0))";
    INSERT = "sessions.insert"
        (UUID, TEXT, UUID, UUID, TEXT, TEXT, TEXT, JSONB, TEXT_ARRAY, FLOAT8, INT8)
        "insert into sessions (project_id, id, user_id, key_id, protocol_version, client_name, \
         client_version, capabilities, toolsets, created_at, last_seen_at, expires_at) \
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, now(), now(), \
         now() + make_interval(secs => $10) \
         where $11 > (select count(*) from sessions s where s.project_id = $1 and s.key_id = $4 \
         and s.expires_at > now()) returning id";
    END_UNUSED = "sessions.end_unused" (UUID, UUID, UUID, INT8)
        "with unused as (select s.id from sessions s \
         where s.project_id = $1 and s.key_id = $2 and s.user_id = $3 and s.expires_at > now() \
         and s.last_seen_at < now() - interval '1 hour' order by s.last_seen_at \
         limit greatest(0, 1 - $4 + (select count(*) from sessions o where o.project_id = $1 \
         and o.key_id = $2 and o.expires_at > now())) for update skip locked) \
         update sessions set expires_at = '-infinity' from unused \
         where sessions.project_id = $1 and sessions.id = unused.id returning sessions.id";
    FIND = "sessions.find" (UUID, TEXT, UUID)
        "select s.protocol_version, s.client_name, s.capabilities, s.log_level, s.toolsets, m.role, \
         s.last_seen_at < now() - interval '1 minute' as unseen \
         from sessions s join memberships m using (project_id, user_id) \
         where s.project_id = $1 and s.id = $2 and s.user_id = $3 and s.expires_at > now()";
    TOUCH = "sessions.touch" (UUID, TEXT, FLOAT8)
        "update sessions set last_seen_at = now(), expires_at = now() + make_interval(secs => $3) \
         where project_id = $1 and id = $2 and expires_at > now()";
    SUBSCRIBE = "sessions.subscribe" (UUID, TEXT, UUID, TEXT)
        "update sessions set subscriptions = array_append(subscriptions, $4) \
         where project_id = $1 and id = $2 and user_id = $3 and not $4 = any(subscriptions)";
    UNSUBSCRIBE = "sessions.unsubscribe" (UUID, TEXT, UUID, TEXT)
        "update sessions set subscriptions = array_remove(subscriptions, $4) \
         where project_id = $1 and id = $2 and user_id = $3 and $4 = any(subscriptions)";
    SUBSCRIPTIONS = "sessions.subscriptions" (UUID, TEXT, UUID)
        "select subscriptions from sessions \
         where project_id = $1 and id = $2 and user_id = $3 and expires_at > now()";
    SET_LOG_LEVEL = "sessions.set_log_level" (UUID, TEXT, UUID, TEXT)
        "update sessions set log_level = $4 where project_id = $1 and id = $2 and user_id = $3";
    END = "sessions.end" (UUID, TEXT, UUID)
        "update sessions set expires_at = '-infinity' where project_id = $1 and id = $2 \
         and user_id = $3 and expires_at > now() returning id";
}

/// What a client said of itself when it initialised.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The key that opened it.
    pub key: KeyId,
    /// The protocol version agreed on.
    pub protocol_version: String,
    /// The client's name.
    pub client_name: String,
    /// The client's version.
    pub client_version: String,
    /// The client's capabilities, as sent.
    pub capabilities: Value,
    /// The names of the toolsets that it chose; `None` for the default ones.
    pub toolsets: Option<Vec<String>>,
}

/// A session of the caller, and the caller's role now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The protocol version agreed on.
    pub protocol_version: String,
    /// The client's name.
    pub client_name: String,
    /// The client's capabilities, as sent.
    pub capabilities: Value,
    /// The lowest level of log lines that the client asked for; `None` when it has not.
    pub log_level: Option<String>,
    /// The names of the toolsets that it chose; `None` for the default ones.
    pub toolsets: Option<Vec<String>>,
    /// The user's role in the project now, whatever a cached key says.
    pub role: Role,
    /// Whether it was last seen more than a minute ago, so that [`touch`] is due.
    pub unseen: bool,
}

/// Opens the session `id` (unguessable, visible ASCII) that ends when unused for `ttl`; `false` when
/// its key has `most` already.
///
/// # Errors
/// See [`StoreError`].
pub async fn insert(
    tx: &Tx,
    tenant: &Tenant,
    id: &str,
    new: &NewSession,
    ttl: Duration,
    most: u32,
) -> Result<bool, StoreError> {
    let (project, user, key) = (tenant.project().0, tenant.user().0, new.key.0);
    let (ttl, most) = (ttl.as_secs_f64(), i64::from(most));
    // Whoever opens another with the key waits here, and the next statement sees what was opened.
    tx.rows(&CLAIM, &[&project, &key]).await?;
    let params: &[&(dyn ToSql + Sync)] = &[
        &project,
        &id,
        &user,
        &key,
        &new.protocol_version,
        &new.client_name,
        &new.client_version,
        &new.capabilities,
        &new.toolsets,
        &ttl,
        &most,
    ];
    Ok(tx.row(&INSERT, params).await?.is_some())
}

/// Ends as many sessions of `key` as there are too many for one more than `most`: the longest unused
/// first, and none that was used in the last hour. Gives how many.
///
/// # Errors
/// See [`StoreError`].
pub async fn end_unused(
    tx: &Tx,
    tenant: &Tenant,
    key: KeyId,
    most: u32,
) -> Result<usize, StoreError> {
    let (project, user, most) = (tenant.project().0, tenant.user().0, i64::from(most));
    Ok(tx.rows(&END_UNUSED, &[&project, &key.0, &user, &most]).await?.len())
}

/// The session `id`, if it is the caller's and has not ended.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &Tx, tenant: &Tenant, id: &str) -> Result<Option<Session>, StoreError> {
    let row = tx.row(&FIND, &[&tenant.project().0, &id, &tenant.user().0]).await?;
    let session = row.map(|row| {
        let place = Place { table: "memberships", column: "role", id: &tenant.user() };
        Ok(Session {
            protocol_version: row.get("protocol_version"),
            client_name: row.get("client_name"),
            capabilities: row.get("capabilities"),
            log_level: row.get("log_level"),
            toolsets: row.get("toolsets"),
            role: place.parse(row.get("role"))?,
            unseen: row.get("unseen"),
        })
    });
    session.transpose()
}

/// Notes that the session is in use: it lives for another `ttl`, unless it has ended.
///
/// # Errors
/// See [`StoreError`].
pub async fn touch(tx: &Tx, tenant: &Tenant, id: &str, ttl: Duration) -> Result<(), StoreError> {
    tx.rows(&TOUCH, &[&tenant.project().0, &id, &ttl.as_secs_f64()]).await?;
    Ok(())
}

/// Adds `uri` to what the session `id` subscribes to.
///
/// # Errors
/// The constraint `sessions_subscriptions_count` when it has too many; see [`StoreError`].
pub async fn subscribe(tx: &Tx, tenant: &Tenant, id: &str, uri: &str) -> Result<(), StoreError> {
    tx.rows(&SUBSCRIBE, &[&tenant.project().0, &id, &tenant.user().0, &uri]).await?;
    Ok(())
}

/// Takes `uri` from what the session `id` subscribes to.
///
/// # Errors
/// See [`StoreError`].
pub async fn unsubscribe(tx: &Tx, tenant: &Tenant, id: &str, uri: &str) -> Result<(), StoreError> {
    tx.rows(&UNSUBSCRIBE, &[&tenant.project().0, &id, &tenant.user().0, &uri]).await?;
    Ok(())
}

/// What the session `id` subscribes to, if it is the caller's and has not ended.
///
/// # Errors
/// See [`StoreError`].
pub async fn subscriptions(
    tx: &Tx,
    tenant: &Tenant,
    id: &str,
) -> Result<Option<Vec<String>>, StoreError> {
    let row = tx.row(&SUBSCRIPTIONS, &[&tenant.project().0, &id, &tenant.user().0]).await?;
    Ok(row.map(|row| row.get("subscriptions")))
}

/// Sets the lowest level of log lines that the client of the session `id` gets.
///
/// # Errors
/// The constraint `sessions_log_level_known`; see [`StoreError`].
pub async fn set_log_level(
    tx: &Tx,
    tenant: &Tenant,
    id: &str,
    level: &str,
) -> Result<(), StoreError> {
    tx.rows(&SET_LOG_LEVEL, &[&tenant.project().0, &id, &tenant.user().0, &level]).await?;
    Ok(())
}

/// Ends the session `id`; `false` when it is not the caller's or has ended.
///
/// # Errors
/// See [`StoreError`].
pub async fn end(tx: &Tx, tenant: &Tenant, id: &str) -> Result<bool, StoreError> {
    let row = tx.row(&END, &[&tenant.project().0, &id, &tenant.user().0]).await?;
    Ok(row.is_some())
}
