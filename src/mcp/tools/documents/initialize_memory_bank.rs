//! `initialize_memory_bank`: creates the core documents that are missing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mcp::Call;
use crate::mcp::tools::registry::{Effect, Tool};
use crate::mcp::tools::{ToolError, Toolset};
use crate::memory::core_documents;
use crate::model::document_path::CORE_DOCUMENTS;
use crate::store::Tx;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {}

#[derive(Serialize, JsonSchema)]
pub struct Output {
    created: Vec<String>,
    /// Core documents that were there already and keep their texts.
    kept: Vec<String>,
}

pub struct InitializeMemoryBank;

impl Tool for InitializeMemoryBank {
    const NAME: &'static str = "initialize_memory_bank";
    const TITLE: &'static str = "Initialize the memory bank";
    const DESCRIPTION: &'static str = "Creates the five core documents (product-context.md, \
        active-context.md, progress.md, decision-log.md, system-patterns.md) where they are \
        missing. Existing ones are never changed.";
    const EFFECT: Effect = Effect::Adds;
    const TOOLSET: Option<Toolset> = Some(Toolset::Documents);
    type Input = Input;
    type Output = Output;

    async fn call(call: &Call<'_>, tx: &Tx, Input {}: Input) -> Result<Output, ToolError> {
        let author = call.author();
        let written =
            core_documents::create_missing(tx, call.tenant(), call.ambient, &author).await?;
        let created: Vec<String> = written.iter().map(|written| written.path.to_string()).collect();
        let kept = CORE_DOCUMENTS.iter().filter(|name| !created.iter().any(|made| made == *name));
        Ok(Output { kept: kept.map(|name| (*name).to_owned()).collect(), created })
    }
}
