//! Operations on one project, for who administers it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::{Requester, Rest, RestError};
use crate::access::{Caller, Principal};
use crate::model::{Actor, ProjectId, Role, Scope};
use crate::store::pg::{members, projects};
use crate::store::{Authority, Tx};

/// Someone who administers the project of the path: the operator, or an owner's key with the scope
/// `admin` of that very project. To any other key the project does not exist.
pub(super) struct ProjectAdmin {
    pub(super) rest: Arc<Rest>,
    /// Who asks.
    pub(super) requester: Requester,
    /// As the path names it: its id or its short name.
    pub(super) name: String,
}

/// What an administrator stands on inside the transaction.
pub(super) struct Desk {
    /// The project.
    pub(super) project: ProjectId,
    /// In whose name changes are written down.
    pub(super) actor: Actor,
}

impl FromRequestParts<Arc<Rest>> for ProjectAdmin {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, RestError> {
        let (requester, name) = asked(parts, rest).await?;
        Self::new(rest.clone(), requester, name)
    }
}

/// Who asks, and the project as the path names it.
pub(super) async fn asked(
    parts: &mut Parts,
    rest: &Arc<Rest>,
) -> Result<(Requester, String), RestError> {
    let requester = parts.extensions.get::<Requester>().cloned();
    let requester = requester.ok_or_else(|| RestError::broken("no requester"))?;
    let params = RawPathParams::from_request_parts(parts, rest).await;
    // What is not UTF-8 names nothing.
    let params = params.map_err(|_| RestError::not_found())?;
    let name = params.iter().find(|(name, _)| *name == "project");
    let name = name.ok_or_else(|| RestError::broken("no project in the path"))?.1.to_owned();
    // Postgres has no NUL.
    if name.contains('\0') {
        return Err(RestError::not_found());
    }
    Ok((requester, name))
}

/// To a key of another project, the project `name` does not exist.
pub(super) fn check_project(caller: &Caller, name: &str) -> Result<(), RestError> {
    if name == caller.key().project_slug || name == caller.tenant().project().to_string() {
        return Ok(());
    }
    Err(RestError::not_found())
}

fn check_key(caller: &Caller, name: &str) -> Result<(), RestError> {
    check_project(caller, name)?;
    if !caller.key().scopes.contains(Scope::Admin) {
        let detail = "this needs a key with the scope `admin`";
        return Err(RestError::refused(StatusCode::FORBIDDEN, detail));
    }
    Ok(())
}

impl ProjectAdmin {
    /// `requester` as who administers the project `name`.
    pub(super) fn new(
        rest: Arc<Rest>,
        requester: Requester,
        name: String,
    ) -> Result<Self, RestError> {
        if let Principal::Key(caller) = &requester.principal {
            check_key(caller, &name)?;
        }
        // Which Postgres does not even take.
        if name.contains('\0') {
            return Err(RestError::not_found());
        }
        Ok(Self { rest, requester, name })
    }

    /// Runs `block` in a read-only transaction with the caller's rights.
    pub(super) async fn read<T>(
        &self,
        block: impl AsyncFnOnce(&Tx, &Desk) -> Result<T, RestError>,
    ) -> Result<T, RestError> {
        let block = async |tx: &Tx| block(tx, &self.desk(tx).await?).await;
        self.rest.store.read(self.authority(), block).await
    }

    /// Runs `block` in a transaction with the caller's rights, after which keys may be others.
    pub(super) async fn write<T>(
        &self,
        block: impl AsyncFnOnce(&Tx, &Desk) -> Result<T, RestError>,
    ) -> Result<T, RestError> {
        let block = async |tx: &Tx| block(tx, &self.desk(tx).await?).await;
        self.rest.changing(self.rest.store.write(self.authority(), block)).await
    }

    fn authority(&self) -> Authority<'_> {
        match &self.requester.principal {
            Principal::Platform(platform) => platform.into(),
            Principal::Key(caller) => caller.tenant().into(),
        }
    }

    /// Proves that the project is there, and that the caller is its owner now.
    async fn desk(&self, tx: &Tx) -> Result<Desk, RestError> {
        let actor = self.requester.actor();
        let project = match &self.requester.principal {
            Principal::Platform(_) => {
                projects::find(tx, &self.name).await?.ok_or_else(RestError::not_found)?
            }
            Principal::Key(caller) => {
                // What the process or Redis remembers of the key is not enough to make others.
                let standing = members::standing(tx, caller.tenant(), caller.key().id).await?;
                let (role, scopes) = standing.ok_or_else(RestError::key_ended)?;
                if role != Role::Owner || !scopes.contains(Scope::Admin) {
                    let detail = "only an owner of the project may do this";
                    return Err(RestError::refused(StatusCode::FORBIDDEN, detail));
                }
                caller.tenant().project()
            }
        };
        Ok(Desk { project, actor })
    }
}
