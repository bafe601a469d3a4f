//! `get_memory_bank_status`: what the bank holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mcp::Call;
use crate::mcp::tools::registry::{Effect, Tool};
use crate::mcp::tools::{ToolError, Toolset};
use crate::memory::core_documents;
use crate::model::clock::rfc3339;
use crate::model::document::{MAX_DOCUMENTS, MAX_PROJECT_BYTES};
use crate::store::Tx;
use crate::store::pg::documents;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Whether all core documents exist.
    initialized: bool,
    core_documents: Vec<Core>,
    documents: i64,
    max_documents: i64,
    bytes: i64,
    max_bytes: i64,
    /// RFC 3339; absent when the bank is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Core {
    filename: String,
    exists: bool,
}

pub struct GetMemoryBankStatus;

impl Tool for GetMemoryBankStatus {
    const NAME: &'static str = "get_memory_bank_status";
    const TITLE: &'static str = "Memory bank status";
    const DESCRIPTION: &'static str = "Shows which core documents exist, and how many documents \
        and bytes the memory bank holds. Call it first in a conversation.";
    const EFFECT: Effect = Effect::Reads;
    const TOOLSET: Option<Toolset> = Some(Toolset::Documents);
    type Input = Input;
    type Output = Output;

    async fn call(call: &Call<'_>, tx: &Tx, Input {}: Input) -> Result<Output, ToolError> {
        let core = core_documents::existing(tx, call.tenant()).await?;
        let totals = documents::totals(tx, call.tenant()).await?;
        let core_documents = core.map(|(name, exists)| Core { filename: name.to_owned(), exists });
        Ok(Output {
            initialized: core_documents.iter().all(|core| core.exists),
            core_documents: core_documents.into(),
            documents: totals.documents,
            max_documents: MAX_DOCUMENTS,
            bytes: totals.bytes,
            max_bytes: MAX_PROJECT_BYTES,
            updated_at: totals.updated_at.map(rfc3339),
        })
    }
}
