//! `completion/complete` for the template of documents: names that begin as typed.

use super::uri;
use crate::mcp::CallError;
use crate::mcp::wire::{CompletionInfo, RpcError};
use crate::model::document_path::normalize_prefix;
use crate::store::pg::documents;
use crate::store::{Tenant, Tx};

/// At most 100 names of documents that begin with `value` (completion, utilities).
pub(in crate::mcp) async fn complete(
    tx: &Tx,
    tenant: &Tenant,
    template: &str,
    (variable, value): (&str, &str),
) -> Result<CompletionInfo, CallError> {
    if template != uri::TEMPLATE || variable != uri::VARIABLE {
        let message = format!("only `{}` of `{}` can be completed", uri::VARIABLE, uri::TEMPLATE);
        return Err(RpcError::invalid_params(message).into());
    }
    if value.contains('\0') {
        return Err(RpcError::invalid_params("`argument.value` may not have NUL characters").into());
    }
    let limit = CompletionInfo::MAX_VALUES;
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let found = documents::list(tx, tenant, &normalize_prefix(value), "", wanted).await?;
    let more = found.len() > limit;
    let names = found.iter().take(limit).map(|document| document.path.to_string()).collect();
    let completion = CompletionInfo::with_pagination(names, None, more);
    Ok(completion.map_err(RpcError::invalid_params)?)
}
