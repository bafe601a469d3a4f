//! `resources/list`: the core documents first, then all others by name; and their template.

use super::{MIME_TYPE, uri};
use crate::mcp::tools::ToolError;
use crate::mcp::wire::{ListResourcesResult, Resource, ResourceTemplate};
use crate::memory::documents;
use crate::model::document_path::CORE_DOCUMENTS;
use crate::model::{DocumentSummary, Sealer};
use crate::store::pg;
use crate::store::{Tenant, Tx};

/// Resources of one page; the first has the core documents as well.
const PAGE: usize = 100;

/// A page of the documents.
pub(in crate::mcp) async fn list(
    tx: &Tx,
    tenant: &Tenant,
    sealer: &Sealer,
    cursor: Option<&str>,
) -> Result<ListResourcesResult, ToolError> {
    let page = documents::list(tx, tenant, sealer, ("", PAGE), cursor).await?;
    let mut listed = if cursor.is_none() { core(tx, tenant).await? } else { Vec::new() };
    listed.extend(page.documents.into_iter().filter(|document| !is_core(document)));
    let mut result = ListResourcesResult::with_all_items(listed.iter().map(resource).collect());
    result.next_cursor = page.next_cursor;
    Ok(result)
}

/// The templates: one.
pub(in crate::mcp) fn templates() -> Vec<ResourceTemplate> {
    let template = ResourceTemplate::new(uri::TEMPLATE, "document")
        .with_title("A document")
        .with_description("A document of the memory bank by its name, e.g. guides/deploy.md")
        .with_mime_type(MIME_TYPE);
    vec![template]
}

/// The core documents that exist, in the order in which they are read.
async fn core(tx: &Tx, tenant: &Tenant) -> Result<Vec<DocumentSummary>, ToolError> {
    let mut found = pg::documents::named(tx, tenant, &CORE_DOCUMENTS).await?;
    let place = |document: &DocumentSummary| {
        CORE_DOCUMENTS.iter().position(|name| *name == document.path.as_str())
    };
    found.sort_by_key(place);
    Ok(found)
}

fn is_core(document: &DocumentSummary) -> bool {
    CORE_DOCUMENTS.contains(&document.path.as_str())
}

fn resource(document: &DocumentSummary) -> Resource {
    Resource::new(uri::of(&document.path), document.path.as_str())
        .with_mime_type(MIME_TYPE)
        .with_size(u64::try_from(document.size_bytes).unwrap_or(0))
}
