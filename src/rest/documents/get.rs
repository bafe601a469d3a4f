//! `GET /api/v1/projects/{project}/documents/{path}`: one document with its text.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::name::Name;
use super::{DocumentParam, DocumentText, answer, tag, tagged};
use crate::memory::documents;
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::etag::IfNoneMatch;
use crate::rest::memory::ProjectReader;

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/documents/{path}",
    tag = "documents",
    operation_id = "getDocument",
    summary = "Read a document",
    description = "Its text, exactly as it was written.",
    params(
        ProjectPath,
        DocumentParam,
        ("If-None-Match" = Option<String>, Header, description = "The entity tag of what is known \
                                                                  already.")
    ),
    responses(
        (
            status = 200,
            description = "The document.",
            body = DocumentText,
            headers(("ETag" = String, description = "For `If-Match` and `If-None-Match`."))
        ),
        (
            status = 304,
            description = "It has not changed.",
            headers(("ETag" = String, description = "As before."))
        )
    )
)]
pub(in crate::rest) async fn handler(
    reader: ProjectReader,
    Name(path): Name,
    known: IfNoneMatch,
) -> Result<Response, RestError> {
    let read = reader.read(async |tx| Ok(documents::read(tx, reader.tenant(), &path).await?));
    let document = read.await?;
    let tag = tag(&document.summary.etag());
    if known.names(&tag) {
        return tagged(StatusCode::NOT_MODIFIED.into_response(), &tag);
    }
    answer(StatusCode::OK, &tag, &DocumentText::from(document))
}
