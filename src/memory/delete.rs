//! Deleting documents: only what the caller saw, on a locked row. The revisions stay.

use crate::model::{Author, DocumentPath, DocumentSummary, Etag};
use crate::store::pg::documents;
use crate::store::{StoreError, Tenant, Tx};

/// Why nothing was deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// There is no such document.
    #[error("`{0}` does not exist")]
    Missing(DocumentPath),
    /// Someone else wrote in between.
    #[error("`{path}` has changed since you read it (its etag is now {current}): read it again")]
    Stale {
        /// The document.
        path: DocumentPath,
        /// Its validator now.
        current: Etag,
    },
    /// Postgres failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes the document at `path` if it is as `seen` says, and gives what it was. Its revisions
/// stay, and one more says who deleted it.
///
/// # Errors
/// See [`DeleteError`].
pub async fn delete(
    tx: &Tx,
    tenant: &Tenant,
    author: &Author,
    path: &DocumentPath,
    seen: &Etag,
) -> Result<DocumentSummary, DeleteError> {
    let locked = documents::lock(tx, tenant, &[path.as_str()]).await?;
    let locked = locked.into_iter().next();
    let document = locked.ok_or_else(|| DeleteError::Missing(path.clone()))?.summary;
    let current = document.etag();
    if current != *seen {
        return Err(DeleteError::Stale { path: path.clone(), current });
    }
    documents::delete(tx, tenant, author, document.id).await?;
    Ok(document)
}
