//! `GET /api/v1/projects/{project}/documents`: the documents of a project, by name.

use axum::extract::OriginalUri;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::DocumentView;
use crate::memory::documents;
use crate::model::document_path::{MAX_PATH_BYTES, normalize_prefix};
use crate::rest::documented::ProjectPath;
use crate::rest::memory::ProjectReader;
use crate::rest::paging::{self, Asked};
use crate::rest::{Problem, RestError};

/// Which documents.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DocumentQuery {
    /// Those whose names begin so.
    #[serde(default)]
    #[param(max_length = 2048)]
    prefix: String,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u16>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// A page of documents.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, not made: `paging` writes it")]
pub struct DocumentList {
    items: Vec<DocumentView>,
    /// Present when there are more.
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/documents",
    tag = "documents",
    operation_id = "listDocuments",
    summary = "List documents",
    description = "By name, without their texts.",
    params(ProjectPath, DocumentQuery),
    responses((
        status = 200,
        description = "A page of documents.",
        body = DocumentList,
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))
    ))
)]
pub(in crate::rest) async fn handler(
    reader: ProjectReader,
    uri: OriginalUri,
    Asked(query): Asked<DocumentQuery>,
) -> Result<Response, RestError> {
    let limit = paging::checked(query.limit)?;
    let prefix = checked(&query.prefix)?;
    let wanted = (prefix.as_str(), usize::from(limit));
    let (sealer, cursor) = (&reader.rest().sealer, query.cursor.as_deref());
    let listed = reader
        .read(async |tx| Ok(documents::list(tx, reader.tenant(), sealer, wanted, cursor).await?));
    let page = listed.await?;
    let views = page.documents.into_iter().map(DocumentView::from).map(serde_json::to_value);
    let items = views.collect::<Result<Vec<Value>, _>>().map_err(RestError::broken)?;
    paging::page(&uri, &items, page.next_cursor)
}

/// The prefix in the form that names have; one that no name can begin with is refused.
fn checked(prefix: &str) -> Result<String, RestError> {
    let prefix = normalize_prefix(prefix);
    if prefix.len() > MAX_PATH_BYTES || prefix.chars().any(char::is_control) {
        let problem = format!("it has at most {MAX_PATH_BYTES} bytes and no control characters");
        return Err(Problem::invalid_field("prefix", problem).into());
    }
    Ok(prefix)
}
