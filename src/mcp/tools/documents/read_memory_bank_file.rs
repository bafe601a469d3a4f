//! `read_memory_bank_file`: a document's text, whole or in part.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::path;
use crate::mcp::Call;
use crate::mcp::tools::registry::{Effect, Tool};
use crate::mcp::tools::{ToolError, Toolset};
use crate::memory::documents;
use crate::model::document::MAX_DOCUMENT_BYTES;
use crate::model::document_path::MAX_PATH_BYTES;
use crate::store::Tx;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Input {
    /// The document's name, e.g. `active-context.md`.
    #[schemars(length(min = 1, max = MAX_PATH_BYTES))]
    filename: String,
    #[serde(default = "yes")]
    include_etag: bool,
    /// First line, from 1.
    #[serde(default = "first")]
    #[schemars(range(min = 1))]
    start_line: usize,
    /// Last line, included.
    #[schemars(range(min = 1))]
    end_line: Option<usize>,
    /// Characters to return at most, in whole lines.
    #[schemars(range(min = 1, max = MAX_DOCUMENT_BYTES))]
    max_chars: Option<usize>,
}

fn yes() -> bool {
    true
}

fn first() -> usize {
    1
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    filename: String,
    content: String,
    /// Pass it as `ifMatchEtag` when writing.
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    version: i32,
    size_bytes: i32,
    /// The line on which `content` begins.
    first_line: usize,
    /// Characters left out because of `maxChars`.
    omitted_chars: usize,
    /// Where to go on as `startLine`, when characters were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_line: Option<usize>,
}

pub struct ReadMemoryBankFile;

impl Tool for ReadMemoryBankFile {
    const NAME: &'static str = "read_memory_bank_file";
    const TITLE: &'static str = "Read a document";
    const DESCRIPTION: &'static str = "Reads a document, or some lines of it, exactly as it was \
        written, with the etag to write it back by.";
    const EFFECT: Effect = Effect::Reads;
    const TOOLSET: Option<Toolset> = Some(Toolset::Documents);
    type Input = Input;
    type Output = Output;

    async fn call(call: &Call<'_>, tx: &Tx, input: Input) -> Result<Output, ToolError> {
        let document = documents::read(tx, call.tenant(), &path(&input.filename)?).await?;
        let lines = input.start_line..=input.end_line.unwrap_or(usize::MAX);
        let limit = input.max_chars.unwrap_or(MAX_DOCUMENT_BYTES);
        let part = documents::excerpt(&document.content, lines, limit);
        let summary = &document.summary;
        Ok(Output {
            filename: summary.path.to_string(),
            content: part.text.to_owned(),
            etag: input.include_etag.then(|| summary.etag().to_string()),
            version: summary.version,
            size_bytes: summary.size_bytes,
            first_line: part.first_line,
            omitted_chars: part.omitted_chars,
            next_line: part.next_line,
        })
    }
}
