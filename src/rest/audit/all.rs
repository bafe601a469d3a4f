//! `GET /api/v1/audit`: who changed what anywhere, newest first.

use axum::extract::OriginalUri;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use crate::model::ProjectId;
use crate::rest::RestError;
use crate::rest::audit::{AuditList, AuditQuery, shown};
use crate::rest::paging::{Asked, Page};
use crate::rest::platform::PlatformAdmin;
use crate::store::pg::audit::{self, Entry, Filter};

/// Of which project.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct WhichProject {
    /// Only what happened in this project, also in a deleted one; all zeros for what belongs to none.
    project_id: Option<Uuid>,
}

#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "audit",
    operation_id = "listAudit",
    summary = "List the audit log of the server",
    description = "Newest first, for the operator: all projects, deleted ones included, and what \
                   belongs to none.",
    params(WhichProject, AuditQuery),
    responses((
        status = 200,
        description = "A page of entries.",
        body = AuditList,
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288)."))
    ))
)]
pub(in crate::rest) async fn handler(
    operator: PlatformAdmin,
    uri: OriginalUri,
    Asked(which): Asked<WhichProject>,
    Asked(query): Asked<AuditQuery>,
) -> Result<Response, RestError> {
    let filter = Filter { project: which.project_id.map(ProjectId), ..query.filter()? };
    let list = format!("audit\n{filter:?}");
    let (sealer, cursor) = (&operator.rest.sealer, query.cursor.as_deref());
    let page = Page::newest_first(sealer, &operator.requester, &list, query.limit, cursor)?;
    let listed =
        operator.read(async |tx| Ok(audit::list(tx, &filter, page.after, page.wanted()).await?));
    page.answer(&uri, listed.await?, |entry: &Entry| (entry.at, entry.id), shown)
}
