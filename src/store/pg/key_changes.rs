//! Which keys are no longer what they were: triggers write it with each change, and each replica
//! reads all of it.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::model::{KeyId, ProjectId};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{Snapshot, Store, StoreError};

statements! {
    READ = "key_changes.read" (TEXT)
        "select server, snapshot, project_id, key_id, xid from app.read_key_changes($1)";
}

/// A change of what a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// Whose key.
    pub project: ProjectId,
    /// Which; `None` for all of the project.
    pub key: Option<KeyId>,
    /// The transaction that changed it.
    pub xid: u64,
}

/// What came since an earlier look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNews {
    /// When this look was; the next begins there.
    pub snapshot: Snapshot,
    /// What was committed in between.
    pub changes: Vec<KeyChange>,
}

/// All changes that were committed since the look of `since`; without one none yet.
///
/// # Errors
/// See [`StoreError`].
pub async fn read(store: &Store, since: Option<&Snapshot>) -> Result<KeyNews, StoreError> {
    let since = since.map(Snapshot::as_postgres);
    let rows = store.serve(async |tx| tx.rows(&READ, &[&since]).await).await?;
    let first = rows.first().ok_or_else(|| place("snapshot").broken("a look gives its own"))?;
    let changes = rows.iter().filter_map(|row| {
        let project = row.get::<_, Option<Uuid>>("project_id").map(ProjectId)?;
        Some(change(row, project))
    });
    Ok(KeyNews {
        snapshot: snapshot(first, "key_changes")?,
        changes: changes.collect::<Result<_, _>>()?,
    })
}

/// What the statement that gave `row` saw.
pub(super) fn snapshot(row: &Row, table: &'static str) -> Result<Snapshot, StoreError> {
    let place = Place { table, column: "snapshot", id: &"none" };
    Snapshot::new(row.get("server"), row.get("snapshot")).map_err(|error| place.broken(error))
}

fn change(row: &Row, project: ProjectId) -> Result<KeyChange, StoreError> {
    let key = row.get::<_, Option<Uuid>>("key_id").map(KeyId);
    let xid = u64::try_from(row.get::<_, i64>("xid"));
    Ok(KeyChange { project, key, xid: xid.map_err(|error| place("xid").broken(error))? })
}

fn place(column: &'static str) -> Place<'static> {
    Place { table: "key_changes", column, id: &"none" }
}
