//! What the server asked a client: any replica takes the answer, the one that waits finds it here.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::store::statement::statements;
use crate::store::{StoreError, Tenant, Tx};

statements! {
    INSERT = "client_requests.insert" (UUID, UUID, UUID, TEXT)
        "insert into client_requests (project_id, id, user_id, session_id) \
         values ($1, $2, $3, $4)";
    ANSWER = "client_requests.answer" (UUID, UUID, UUID, TEXT, JSONB)
        "update client_requests set answer = $5, answered_at = now() where project_id = $1 \
         and id = $2 and user_id = $3 and session_id = $4 and answered_at is null returning id";
    TAKE = "client_requests.take" (UUID, UUID, UUID)
        "with taken as (delete from client_requests where project_id = $1 and id = $2 \
         and user_id = $3 and answered_at is not null returning id, answer) \
         select t.answer from client_requests r left join taken t using (id) \
         join sessions s on s.project_id = r.project_id and s.id = r.session_id and s.expires_at > now() \
         where r.project_id = $1 and r.id = $2 and r.user_id = $3";
    DELETE = "client_requests.delete" (UUID, UUID, UUID)
        "delete from client_requests where project_id = $1 and id = $2 and user_id = $3";
}

/// How long a client may take to answer.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// There is none: the session has ended, or the answer was taken.
    Gone,
    /// The client has not answered.
    Waiting,
    /// The client answered this.
    Answered(Value),
}

/// Notes that the client of `session` is asked the request `id`.
///
/// # Errors
/// See [`StoreError`].
pub async fn insert(tx: &Tx, tenant: &Tenant, id: Uuid, session: &str) -> Result<(), StoreError> {
    tx.rows(&INSERT, &[&tenant.project().0, &id, &tenant.user().0, &session]).await?;
    Ok(())
}

/// Keeps the client's answer; `false` when this session was not asked, or has answered.
///
/// # Errors
/// See [`StoreError`].
pub async fn answer(
    tx: &Tx,
    tenant: &Tenant,
    session: &str,
    id: Uuid,
    answer: &Value,
) -> Result<bool, StoreError> {
    let (project, user) = (tenant.project().0, tenant.user().0);
    let row = tx.row(&ANSWER, &[&project, &id, &user, &session, &Json(answer)]).await?;
    Ok(row.is_some())
}

/// Takes the answer to the request `id`, which is then gone.
///
/// # Errors
/// See [`StoreError`].
pub async fn take(tx: &Tx, tenant: &Tenant, id: Uuid) -> Result<Taken, StoreError> {
    let row = tx.row(&TAKE, &[&tenant.project().0, &id, &tenant.user().0]).await?;
    Ok(row.map_or(Taken::Gone, |row| {
        row.get::<_, Option<Value>>("answer").map_or(Taken::Waiting, Taken::Answered)
    }))
}

/// Forgets the request `id`: its answer is not waited for any more.
///
/// # Errors
/// See [`StoreError`].
pub async fn delete(tx: &Tx, tenant: &Tenant, id: Uuid) -> Result<(), StoreError> {
    tx.rows(&DELETE, &[&tenant.project().0, &id, &tenant.user().0]).await?;
    Ok(())
}
