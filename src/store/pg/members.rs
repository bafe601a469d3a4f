//! Members of a project, as they see themselves.

use crate::model::Role;
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    ROLE = "members.role" (UUID, UUID)
        "select role from memberships where project_id = $1 and user_id = $2";
}

/// The tenant's role in its project now; `None` when it is not a member any more.
///
/// # Errors
/// See [`StoreError`].
pub async fn role(tx: &Tx, tenant: &Tenant) -> Result<Option<Role>, StoreError> {
    let row = tx.row(&ROLE, &[&tenant.project().0, &tenant.user().0]).await?;
    let place = Place { table: "memberships", column: "role", id: &tenant.user() };
    row.map(|row| place.parse(row.get("role"))).transpose()
}
