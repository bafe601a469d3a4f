//! `GET /api/v1/projects/{project}/audit`: who changed what in a project, newest first.

use axum::extract::OriginalUri;
use axum::response::Response;

use crate::rest::RestError;
use crate::rest::audit::{AuditList, AuditQuery, shown};
use crate::rest::documented::ProjectPath;
use crate::rest::paging::{Asked, Page};
use crate::rest::project::ProjectAdmin;
use crate::store::pg::audit::{self, Entry, Filter};

#[utoipa::path(
    get,
    path = "/api/v1/projects/{project}/audit",
    tag = "audit",
    operation_id = "listProjectAudit",
    summary = "List a project's audit log",
    description = "Newest first, for owners and the operator.",
    params(ProjectPath, AuditQuery),
    responses((
        status = 200,
        description = "A page of entries.",
        body = AuditList,
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))
    ))
)]
pub(in crate::rest) async fn handler(
    admin: ProjectAdmin,
    uri: OriginalUri,
    Asked(query): Asked<AuditQuery>,
) -> Result<Response, RestError> {
    let filter = query.filter()?;
    let list = format!("audit\n{}\n{filter:?}", admin.name);
    let (sealer, cursor) = (&admin.rest.sealer, query.cursor.as_deref());
    let page = Page::newest_first(sealer, &admin.requester, &list, query.limit, cursor)?;
    let listed = admin.read(async |tx, desk| {
        let filter = Filter { project: Some(desk.project), ..filter };
        Ok(audit::list(tx, &filter, page.after, page.wanted()).await?)
    });
    page.answer(&uri, listed.await?, |entry: &Entry| (entry.at, entry.id), shown)
}
