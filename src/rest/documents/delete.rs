//! `DELETE /api/v1/projects/{project}/documents/{path}`: deletes a document.

use axum::http::StatusCode;

use super::condition::Seen;
use super::name::Name;
use super::{DocumentParam, SeenHeader, record, summary};
use crate::memory::delete;
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::memory::ProjectWriter;
use crate::rest::problem;

#[utoipa::path(
    delete,
    path = "/api/v1/projects/{project}/documents/{path}",
    tag = "documents",
    operation_id = "deleteDocument",
    summary = "Delete a document",
    description = "Only what the caller saw. Its revisions stay; one more says who deleted it.",
    params(ProjectPath, DocumentParam, SeenHeader),
    responses(
        (status = 204, description = "It is deleted."),
        (
            status = 412,
            description = "It has changed since it was read.",
            body = problem::Body,
            content_type = "application/problem+json"
        ),
        (
            status = 428,
            description = "`If-Match` was not sent.",
            body = problem::Body,
            content_type = "application/problem+json"
        )
    )
)]
pub(in crate::rest) async fn handler(
    writer: ProjectWriter,
    Name(path): Name,
    seen: Seen,
) -> Result<StatusCode, RestError> {
    let (tenant, author) = (writer.tenant(), writer.author());
    let deleted = writer.write(async |tx| {
        let now = summary(tx, &writer, &path).await?.ok_or_else(RestError::not_found)?;
        let deleted = delete(tx, tenant, &author, &path, &seen.of(&now)?).await?;
        record(tx, &writer, ("document.delete", deleted.id), (Some(&deleted), None)).await
    });
    deleted.await?;
    Ok(StatusCode::NO_CONTENT)
}
