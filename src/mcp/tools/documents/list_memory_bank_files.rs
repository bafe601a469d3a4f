//! `list_memory_bank_files`: the documents, page by page.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Listed;
use crate::mcp::Call;
use crate::mcp::tools::registry::{Effect, Tool};
use crate::mcp::tools::{ToolError, Toolset};
use crate::memory::cursor::MAX_CURSOR_CHARS;
use crate::memory::documents::{self, MAX_LISTED};
use crate::model::document_path::{MAX_PATH_BYTES, normalize_prefix};
use crate::store::Tx;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Input {
    /// Only documents whose name begins so, e.g. `guides/`.
    #[serde(default)]
    #[schemars(length(max = MAX_PATH_BYTES))]
    prefix: String,
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = MAX_LISTED))]
    limit: usize,
    /// `nextCursor` of the page before.
    #[schemars(length(max = MAX_CURSOR_CHARS))]
    cursor: Option<String>,
}

fn default_limit() -> usize {
    100
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    files: Vec<Listed>,
    /// Present when there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub struct ListMemoryBankFiles;

impl Tool for ListMemoryBankFiles {
    const NAME: &'static str = "list_memory_bank_files";
    const TITLE: &'static str = "List documents";
    const DESCRIPTION: &'static str = "Lists the documents by name with size, version, etag and \
        who last wrote them. Pages with `cursor`.";
    const EFFECT: Effect = Effect::Reads;
    const TOOLSET: Option<Toolset> = Some(Toolset::Documents);
    type Input = Input;
    type Output = Output;

    async fn call(call: &Call<'_>, tx: &Tx, input: Input) -> Result<Output, ToolError> {
        let prefix = normalize_prefix(&input.prefix);
        let wanted = (prefix.as_str(), input.limit);
        let cursor = input.cursor.as_deref();
        let page = documents::list(tx, call.tenant(), call.sealer, wanted, cursor).await?;
        let files = page.documents.into_iter().map(Listed::from).collect();
        Ok(Output { files, next_cursor: page.next_cursor })
    }
}
