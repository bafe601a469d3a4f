//! Documents of a project: one file for each operation.

mod condition;
pub mod delete;
pub mod get;
pub mod list;
mod name;
pub mod put;
mod refusal;
mod view;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::RestError;
use super::memory::ProjectWriter;
use crate::model::{Change, DocumentId, DocumentPath, DocumentSummary, Etag};
use crate::store::pg::documents;
use crate::store::{StoreError, Tx};

pub use view::{DocumentText, DocumentView};

/// The document of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "described, not read: the extractor reads it")]
pub(super) struct DocumentParam {
    /// The document's name. Its slashes may stand as they are, or as `%2F`.
    path: String,
}

/// The headers of conditional deletions.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "described, not read: the extractor reads it")]
pub(super) struct SeenHeader {
    /// The entity tag that was read; required.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// The document at `path` without its text, as it is now.
async fn summary(
    tx: &Tx,
    writer: &ProjectWriter,
    path: &DocumentPath,
) -> Result<Option<DocumentSummary>, StoreError> {
    let found = documents::named(tx, writer.tenant(), &[path.as_str()]).await?;
    Ok(found.into_iter().next())
}

/// Writes down that the document `id` was changed.
async fn record(
    tx: &Tx,
    writer: &ProjectWriter,
    (action, id): (&'static str, DocumentId),
    (before, after): (Option<&DocumentSummary>, Option<&DocumentSummary>),
) -> Result<(), RestError> {
    let target = id.to_string();
    let (before, after) = (before.map(shown), after.map(shown));
    let change = Change { action, target_kind: "document", target, before, after };
    writer.record(tx, &change).await
}

/// A document as the audit log shows it: to the operator as well, who shall not see its name.
fn shown(document: &DocumentSummary) -> Value {
    json!({ "etag": document.etag().to_string() })
}

/// The entity tag of HTTP that `etag` is.
fn tag(etag: &Etag) -> String {
    format!("\"{etag}\"")
}

/// `body` with the entity tag `tag`.
fn answer(status: StatusCode, tag: &str, body: &impl Serialize) -> Result<Response, RestError> {
    let body = serde_json::to_value(body).map_err(RestError::broken)?;
    tagged((status, Json(body)).into_response(), tag)
}

fn tagged(mut response: Response, tag: &str) -> Result<Response, RestError> {
    let tag = HeaderValue::try_from(tag).map_err(RestError::broken)?;
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}
