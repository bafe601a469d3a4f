//! A document as the API shows it.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::model::{Document, DocumentSummary};

/// A document without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = Document)]
#[serde(rename_all = "camelCase")]
pub struct DocumentView {
    /// Its name.
    path: String,
    /// As tools give and take it; in quotes it is the entity tag.
    etag: String,
    /// Counts its writes.
    version: i32,
    /// Bytes of its text in UTF-8.
    size_bytes: i32,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    /// The user who last wrote it.
    updated_by: Uuid,
    /// With which client.
    updated_client: Option<String>,
}

/// A document.
#[derive(Serialize, ToSchema)]
pub struct DocumentText {
    #[schema(inline)]
    #[serde(flatten)]
    document: DocumentView,
    /// The text, exactly as it was written.
    content: String,
}

impl From<DocumentSummary> for DocumentView {
    fn from(document: DocumentSummary) -> Self {
        Self {
            etag: document.etag().to_string(),
            path: document.path.to_string(),
            version: document.version,
            size_bytes: document.size_bytes,
            updated_at: document.updated_at,
            updated_by: document.updated_by.0,
            updated_client: document.updated_client,
        }
    }
}

impl From<Document> for DocumentText {
    fn from(document: Document) -> Self {
        Self { document: document.summary.into(), content: document.content }
    }
}
