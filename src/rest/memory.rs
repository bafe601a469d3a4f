//! Operations on what one project remembers, for who reads or writes it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::project::{asked, check_project};
use super::{Requester, Rest, RestError};
use crate::access::{Caller, Principal};
use crate::model::{Author, Change, Right, Role};
use crate::store::pg::{audit, members};
use crate::store::{Tenant, Tx};

/// Someone who reads what the project of the path remembers: a member, by a key with the scope `read`
/// or `write` of that very project. The operator is none.
pub(super) struct ProjectReader(Member);

/// Someone who writes it: an editor or an owner, by a key with the scope `write`.
pub(super) struct ProjectWriter(Member);

struct Member {
    rest: Arc<Rest>,
    requester: Requester,
    caller: Caller,
}

impl FromRequestParts<Arc<Rest>> for ProjectReader {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, RestError> {
        Member::of(parts, rest, Right::Read).await.map(Self)
    }
}

impl FromRequestParts<Arc<Rest>> for ProjectWriter {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, RestError> {
        Member::of(parts, rest, Right::Write).await.map(Self)
    }
}

impl ProjectReader {
    /// What the API stands on.
    pub(super) fn rest(&self) -> &Rest {
        &self.0.rest
    }

    /// Whose memory is read.
    pub(super) fn tenant(&self) -> &Tenant {
        self.0.caller.tenant()
    }

    /// Runs `block` in a read-only transaction, once the caller's role now is known to allow it.
    pub(super) async fn read<T>(
        &self,
        block: impl AsyncFnOnce(&Tx) -> Result<T, RestError>,
    ) -> Result<T, RestError> {
        let block = async |tx: &Tx| {
            self.0.prove(tx, Right::Read).await?;
            block(tx).await
        };
        self.0.rest.store.read(self.tenant(), block).await
    }
}

impl ProjectWriter {
    /// What the API stands on.
    pub(super) fn rest(&self) -> &Rest {
        &self.0.rest
    }

    /// Whose memory is written.
    pub(super) fn tenant(&self) -> &Tenant {
        self.0.caller.tenant()
    }

    /// The author of what is written.
    pub(super) fn author(&self) -> Author {
        self.0.caller.author(self.0.requester.actor().client)
    }

    /// Runs `block` in a transaction, once the caller's role now is known to allow it, and announces
    /// what it changed.
    pub(super) async fn write<T>(
        &self,
        block: impl AsyncFnOnce(&Tx) -> Result<T, RestError>,
    ) -> Result<T, RestError> {
        let block = async |tx: &Tx| {
            self.0.prove(tx, Right::Write).await?;
            block(tx).await
        };
        let written = self.0.rest.store.write(self.tenant(), block).await?;
        (self.rest().announce)();
        Ok(written)
    }

    /// Writes `change` to the audit log.
    pub(super) async fn record(&self, tx: &Tx, change: &Change) -> Result<(), RestError> {
        let entry = self.rest().ambient.uuid().map_err(RestError::broken)?;
        let actor = self.0.requester.actor();
        Ok(audit::insert(tx, self.tenant().project(), entry, &actor, change).await?)
    }
}

impl Member {
    /// Checks all that the request itself tells; the role is asked inside the transaction.
    async fn of(parts: &mut Parts, rest: &Arc<Rest>, right: Right) -> Result<Self, RestError> {
        let (requester, name) = asked(parts, rest).await?;
        let Principal::Key(caller) = &requester.principal else {
            let detail =
                "the operator does not see what projects remember: use a key of the project";
            return Err(RestError::refused(StatusCode::FORBIDDEN, detail));
        };
        check_project(caller, &name)?;
        // What the scopes do not allow to an owner they allow to nobody.
        if !caller.may(right, Role::Owner) {
            let detail = match right {
                Right::Read => "this needs a key with the scope `read` or `write`",
                Right::Write => "this needs a key with the scope `write`",
            };
            return Err(RestError::refused(StatusCode::FORBIDDEN, detail));
        }
        let caller = caller.clone();
        Ok(Self { rest: rest.clone(), requester, caller })
    }

    /// Proves that the caller's role allows it now.
    async fn prove(&self, tx: &Tx, right: Right) -> Result<(), RestError> {
        let standing = members::standing(tx, self.caller.tenant(), self.caller.key().id).await?;
        let (role, scopes) = standing.ok_or_else(RestError::key_ended)?;
        if scopes.grant(right, role) {
            return Ok(());
        }
        let detail = "your role in this project does not allow this now";
        Err(RestError::refused(StatusCode::FORBIDDEN, detail))
    }
}
