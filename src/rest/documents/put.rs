//! `PUT /api/v1/projects/{project}/documents/{path}`: creates a document, or replaces its text.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::condition::Condition;
use super::name::Name;
use super::{DocumentParam, DocumentView, answer, record, summary, tag};
use crate::memory::{Draft, write};
use crate::rest::RestError;
use crate::rest::documented::ProjectPath;
use crate::rest::input::Input;
use crate::rest::memory::ProjectWriter;
use crate::rest::problem;

/// A text to be written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewText {
    /// The whole text, at most 524288 bytes in UTF-8; it is kept exactly.
    #[schema(max_length = 524_288)]
    content: String,
}

/// The headers of conditional writes.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "described, not read: the extractor reads it")]
struct ConditionHeaders {
    /// The entity tag that was read: replaces what has it.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
    /// `*`: creates, and replaces nothing.
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
}

#[utoipa::path(
    put,
    path = "/api/v1/projects/{project}/documents/{path}",
    tag = "documents",
    operation_id = "putDocument",
    summary = "Write a document",
    description = "One of the two headers is required, so that nobody's change is lost. The old text \
                   stays as a revision.",
    params(ProjectPath, DocumentParam, ConditionHeaders),
    request_body = NewText,
    responses(
        (
            status = 200,
            description = "It was replaced.",
            body = DocumentView,
            headers(("ETag" = String, description = "For `If-Match` and `If-None-Match`."))
        ),
        (
            status = 201,
            description = "It was created.",
            body = DocumentView,
            headers(("ETag" = String, description = "For `If-Match` and `If-None-Match`."))
        ),
        (
            status = 428,
            description = "Neither header was sent.",
            body = problem::Body,
            content_type = "application/problem+json"
        )
    )
)]
pub(in crate::rest) async fn handler(
    writer: ProjectWriter,
    Name(path): Name,
    condition: Condition,
    Input { value, .. }: Input<NewText>,
) -> Result<Response, RestError> {
    let (tenant, ambient, author) = (writer.tenant(), &writer.rest().ambient, writer.author());
    let put = writer.write(async |tx| {
        let before = summary(tx, &writer, &path).await?;
        let precondition = condition.on(before.as_ref())?;
        let draft = Draft { path: path.clone(), content: value.content, precondition };
        write(tx, tenant, ambient, &author, &[draft]).await?;
        let after = summary(tx, &writer, &path).await?;
        let after = after.ok_or_else(|| RestError::broken("a write without a document"))?;
        record(tx, &writer, ("document.write", after.id), (before.as_ref(), Some(&after))).await?;
        Ok((before.is_none(), after))
    });
    let (created, document) = put.await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    answer(status, &tag(&document.etag()), &DocumentView::from(document))
}
