//! `write_memory_bank_file`: creates or replaces a document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::path;
use crate::mcp::Call;
use crate::mcp::tools::registry::{Effect, Tool};
use crate::mcp::tools::{ToolError, Toolset};
use crate::mcp::wire::meta::LogLevel;
use crate::memory::{Draft, Precondition, write};
use crate::model::Etag;
use crate::model::document_path::MAX_PATH_BYTES;
use crate::store::Tx;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Input {
    /// The document's name, e.g. `notes/today.md`.
    #[schemars(length(min = 1, max = MAX_PATH_BYTES))]
    filename: String,
    /// The whole text, at most 512 KiB; stored exactly as given.
    content: String,
    /// Write only if the document still has this etag.
    #[schemars(length(min = 1, max = 100))]
    if_match_etag: Option<String>,
    /// Write only if there is no such document yet.
    #[serde(default)]
    create_only: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    filename: String,
    etag: String,
    version: i32,
    /// The number of the revision that keeps this state.
    revision: i32,
    size_bytes: usize,
    created: bool,
}

pub struct WriteMemoryBankFile;

impl Tool for WriteMemoryBankFile {
    const NAME: &'static str = "write_memory_bank_file";
    const TITLE: &'static str = "Write a document";
    const DESCRIPTION: &'static str = "Creates a document or replaces its whole text; the old text \
        stays as a revision. Pass the etag you read as `ifMatchEtag`, so that nobody's change is \
        lost.";
    const EFFECT: Effect = Effect::Replaces;
    const TOOLSET: Option<Toolset> = Some(Toolset::Documents);
    type Input = Input;
    type Output = Output;

    async fn call(call: &Call<'_>, tx: &Tx, input: Input) -> Result<Output, ToolError> {
        let draft = Draft {
            path: path(&input.filename)?,
            precondition: precondition(&input)?,
            content: input.content,
        };
        let author = call.author();
        let written = write(tx, call.tenant(), call.ambient, &author, &[draft]).await?;
        let written = written.into_iter().next();
        let written = written.ok_or_else(|| ToolError::broken("a write without a result"))?;
        let news = json!({ "written": written.path.as_str(), "version": written.version });
        call.notices.log(LogLevel::Info, &news);
        Ok(Output {
            filename: written.path.to_string(),
            etag: written.etag.to_string(),
            version: written.version,
            revision: written.version,
            size_bytes: written.size_bytes,
            created: written.created,
        })
    }
}

fn precondition(input: &Input) -> Result<Precondition, ToolError> {
    match (&input.if_match_etag, input.create_only) {
        (Some(_), true) => {
            Err(ToolError::refused("`ifMatchEtag` and `createOnly` exclude each other: send one"))
        }
        (Some(etag), false) => Ok(Precondition::Unchanged(Etag::from_client(etag))),
        (None, true) => Ok(Precondition::Absent),
        (None, false) => Ok(Precondition::None),
    }
}
