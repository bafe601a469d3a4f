//! The audit log: written in the transaction of the change, never changed.

use std::net::IpAddr;

use serde_json::Value;
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::model::{Actor, Change, KeyId, ProjectId, UserId};
use crate::store::statement::statements;
use crate::store::{StoreError, Tx};

statements! {
    INSERT = "audit.insert"
        (UUID, UUID, TEXT, UUID, UUID, TEXT, INET, TEXT, TEXT, TEXT, JSONB, JSONB)
        "insert into audit_log (project_id, id, at, actor_kind, actor_user_id, key_id, client_name, \
         ip, action, target_kind, target_id, before, after) \
         values ($1, $2, now(), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    LIST = "audit.list"
        (UUID, TEXT, UUID, UUID, TEXT, TEXT, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, UUID, INT8)
        "select project_id, id, at, actor_kind, actor_user_id, key_id, client_name, ip, action, \
         target_kind, target_id, before, after from audit_log \
         where ($1::uuid is null or project_id = $1) and ($2::text is null or action = $2) \
         and ($3::uuid is null or actor_user_id = $3) and ($4::uuid is null or key_id = $4) \
         and ($5::text is null or target_kind = $5) and ($6::text is null or target_id = $6) \
         and ($7::timestamptz is null or at >= $7) and ($8::timestamptz is null or at < $8) \
         and (at, id) < ($9, $10) order by at desc, id desc limit $11";
}

/// Which entries; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this project; of all, where the transaction sees them.
    pub project: Option<ProjectId>,
    /// What was done.
    pub action: Option<String>,
    /// Whose key did it.
    pub actor: Option<UserId>,
    /// Which key did it.
    pub key: Option<KeyId>,
    /// What kind of thing it was done to.
    pub target_kind: Option<String>,
    /// Which thing.
    pub target: Option<String>,
    /// Not before.
    pub from: Option<OffsetDateTime>,
    /// Before.
    pub to: Option<OffsetDateTime>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where it happened; the nil one for what belongs to no project.
    pub project: ProjectId,
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: OffsetDateTime,
    /// What the actor is.
    pub actor_kind: String,
    /// The user that the key stands for.
    pub actor: Option<UserId>,
    /// The key.
    pub key: Option<KeyId>,
    /// The client, as it named itself.
    pub client: Option<String>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub target_kind: String,
    /// To which.
    pub target: String,
    /// What it was.
    pub before: Option<Value>,
    /// What it is since.
    pub after: Option<Value>,
}

/// What belongs to no project stands under this one.
pub const NO_PROJECT: ProjectId = ProjectId(Uuid::nil());

/// Writes down that `actor` made `change` in `project`.
///
/// # Errors
/// See [`StoreError`].
pub async fn insert(
    tx: &Tx,
    project: ProjectId,
    id: Uuid,
    actor: &Actor,
    change: &Change,
) -> Result<(), StoreError> {
    let Change { action, target_kind, target, before, after } = change;
    let (before, after) = (before.as_ref().map(Json), after.as_ref().map(Json));
    tx.rows(
        &INSERT,
        &[
            &project.0,
            &id,
            &actor.kind.name(),
            &actor.user.map(|user| user.0),
            &actor.key.map(|key| key.0),
            &actor.client,
            &actor.address,
            action,
            target_kind,
            target,
            &before,
            &after,
        ],
    )
    .await?;
    Ok(())
}

/// At most `limit` entries that come before `before`, newest first.
///
/// # Errors
/// See [`StoreError`].
pub async fn list(
    tx: &Tx,
    filter: &Filter,
    (time, id): (OffsetDateTime, Uuid),
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let Filter { project, action, actor, key, target_kind, target, from, to } = filter;
    let (project, actor) = (project.map(|project| project.0), actor.map(|user| user.0));
    let key = key.map(|key| key.0);
    let rows = tx
        .rows(
            &LIST,
            &[&project, action, &actor, &key, target_kind, target, from, to, &time, &id, &limit],
        )
        .await?;
    Ok(rows.iter().map(entry).collect())
}

fn entry(row: &Row) -> Entry {
    Entry {
        project: ProjectId(row.get("project_id")),
        id: row.get("id"),
        at: row.get("at"),
        actor_kind: row.get("actor_kind"),
        actor: row.get::<_, Option<Uuid>>("actor_user_id").map(UserId),
        key: row.get::<_, Option<Uuid>>("key_id").map(KeyId),
        client: row.get("client_name"),
        address: row.get("ip"),
        action: row.get("action"),
        target_kind: row.get("target_kind"),
        target: row.get("target_id"),
        before: row.get("before"),
        after: row.get("after"),
    }
}
