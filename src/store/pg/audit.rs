//! The audit log: written in the transaction of the change, never changed.

use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::model::{Actor, Change, ProjectId};
use crate::store::statement::statements;
use crate::store::{StoreError, Tx};

statements! {
    INSERT = "audit.insert"
        (UUID, UUID, TEXT, UUID, UUID, TEXT, INET, TEXT, TEXT, TEXT, JSONB, JSONB)
        "insert into audit_log (project_id, id, at, actor_kind, actor_user_id, key_id, client_name, \
         ip, action, target_kind, target_id, before, after) \
         values ($1, $2, now(), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
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
