//! Members of a project, as they see themselves.

use crate::model::{ProjectId, Role, UserId};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    ROLE = "members.role" (UUID, UUID)
        "select role from memberships where project_id = $1 and user_id = $2";
}

/// The role of `user` in `project`; `None` for who is no member.
///
/// # Errors
/// See [`StoreError`].
pub async fn role_of(
    tx: &Tx,
    project: ProjectId,
    user: UserId,
) -> Result<Option<Role>, StoreError> {
    let row = tx.row(&ROLE, &[&project.0, &user.0]).await?;
    let place = Place { table: "memberships", column: "role", id: &user };
    row.map(|row| place.parse(row.get("role"))).transpose()
}

/// The tenant's role in its project now; `None` when it is not a member any more.
///
/// # Errors
/// See [`StoreError`].
pub async fn role(tx: &Tx, tenant: &Tenant) -> Result<Option<Role>, StoreError> {
    role_of(tx, tenant.project(), tenant.user()).await
}
