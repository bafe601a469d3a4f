//! Projects.

use crate::model::ProjectId;
use crate::store::statement::statements;
use crate::store::{StoreError, Tx};

statements! {
    FIND = "projects.find" (TEXT)
        "select id from projects where (slug = $1 or id::text = $1) and deleted_at is null";
}

/// The project with this id or short name, if there is one that the transaction sees.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &Tx, name: &str) -> Result<Option<ProjectId>, StoreError> {
    let row = tx.row(&FIND, &[&name]).await?;
    Ok(row.map(|row| ProjectId(row.get("id"))))
}
