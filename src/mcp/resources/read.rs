//! `resources/read`: a document's text.

use super::{MIME_TYPE, uri};
use crate::mcp::CallError;
use crate::mcp::wire::{ReadResourceResult, ResourceContents, RpcError};
use crate::store::pg::documents;
use crate::store::{Tenant, Tx};

/// The document that `uri` names; one that is not there, or not the tenant's, is not found.
pub(in crate::mcp) async fn read(
    tx: &Tx,
    tenant: &Tenant,
    uri: &str,
) -> Result<ReadResourceResult, CallError> {
    let missing = || RpcError::resource_not_found(uri);
    let path = uri::parse(uri).ok_or_else(missing)?;
    let document = documents::find(tx, tenant, &path).await?.ok_or_else(missing)?;
    let contents = ResourceContents::text(document.content, uri).with_mime_type(MIME_TYPE);
    Ok(ReadResourceResult::new(vec![contents]))
}
