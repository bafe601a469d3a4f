//! `DELETE /api/v1/key`: a key revokes itself, whatever else it may do: for whoever finds one.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Requester, Rest, RestError};
use crate::access::Principal;

#[utoipa::path(
    delete,
    path = "/api/v1/key",
    tag = "keys",
    operation_id = "revokeOwnKey",
    summary = "Revoke the key that is sent",
    description = "For good, whatever its scopes and whoever sends it: so that a key that was found \
                   somewhere does no harm.",
    responses((status = 204, description = "It is revoked."))
)]
pub(in crate::rest) async fn handler(
    State(rest): State<Arc<Rest>>,
    Extension(requester): Extension<Requester>,
) -> Result<StatusCode, RestError> {
    let Principal::Key(caller) = &requester.principal else {
        let detail = "the platform token is no key: change ADMIN_TOKEN and start the server again";
        return Err(RestError::refused(StatusCode::FORBIDDEN, detail));
    };
    let entry = rest.ambient.uuid().map_err(RestError::broken)?;
    rest.authenticator.revoke_presented(caller, entry, &requester.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
