//! The toolset `documents`: the texts of the memory bank.

mod get_memory_bank_status;
mod initialize_memory_bank;
mod list_memory_bank_files;
mod read_memory_bank_file;
mod search_memory_bank;
mod write_memory_bank_file;

pub(super) use get_memory_bank_status::GetMemoryBankStatus;
pub(super) use initialize_memory_bank::InitializeMemoryBank;
pub(super) use list_memory_bank_files::ListMemoryBankFiles;
pub(super) use read_memory_bank_file::ReadMemoryBankFile;
pub(super) use search_memory_bank::SearchMemoryBank;
pub(super) use write_memory_bank_file::WriteMemoryBankFile;

use crate::model::clock::rfc3339;
use crate::model::{DocumentPath, DocumentSummary};
use schemars::JsonSchema;
use serde::Serialize;

use super::ToolError;

/// A document without its text.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Listed {
    filename: String,
    /// UTF-8 bytes.
    size_bytes: i32,
    etag: String,
    version: i32,
    /// RFC 3339.
    updated_at: String,
    /// The id of the user who last wrote it.
    updated_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_client: Option<String>,
}

impl From<DocumentSummary> for Listed {
    fn from(document: DocumentSummary) -> Self {
        Self {
            etag: document.etag().to_string(),
            filename: document.path.to_string(),
            size_bytes: document.size_bytes,
            version: document.version,
            updated_at: rfc3339(document.updated_at),
            updated_by: document.updated_by.to_string(),
            updated_client: document.updated_client,
        }
    }
}

/// The document that an argument names.
fn path(filename: &str) -> Result<DocumentPath, ToolError> {
    DocumentPath::parse(filename).map_err(ToolError::refused)
}
