//! The sessions of a project, as who administers it sees them: never their ids, but a handle that
//! opens nothing. Owners see them through functions, since a policy shows them their own alone.

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::model::{KeyId, ProjectId, UserId};
use crate::store::statement::statements;
use crate::store::{StoreError, Tx};

statements! {
    LIST = "project_sessions.list" (TIMESTAMPTZ, UUID, INT8)
        "select s.handle, s.user_id, u.email, s.key_id, s.client_name, s.client_version, \
         s.protocol_version, s.created_at, s.last_seen_at, s.expires_at \
         from app.project_sessions($1, $2, $3) s join users u on u.id = s.user_id \
         order by s.created_at, s.handle";
    END = "project_sessions.end" (UUID)
        "select user_id, client_name from app.end_project_session($1)";
    LIST_OF = "platform.list_sessions" (UUID, TIMESTAMPTZ, UUID, INT8)
        "select app.session_handle(s.id) as handle, s.user_id, u.email, s.key_id, s.client_name, \
         s.client_version, s.protocol_version, s.created_at, s.last_seen_at, s.expires_at \
         from sessions s join users u on u.id = s.user_id \
         where s.project_id = $1 and s.expires_at > now() \
         and (s.created_at, app.session_handle(s.id)) > ($2, $3) \
         order by s.created_at, 1 limit $4";
    END_OF = "platform.end_session" (UUID, UUID)
        "update sessions set expires_at = '-infinity' where project_id = $1 and expires_at > now() \
         and app.session_handle(id) = $2 returning user_id, client_name";
}

/// A session without what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Stands for its id.
    pub handle: Uuid,
    /// Whose it is.
    pub user: UserId,
    /// The user's e-mail address.
    pub email: String,
    /// The key that opened it, while that exists.
    pub key: Option<KeyId>,
    /// The client's name, as it said.
    pub client_name: String,
    /// The client's version, as it said.
    pub client_version: String,
    /// The protocol version agreed on.
    pub protocol_version: String,
    /// When it was opened.
    pub created_at: OffsetDateTime,
    /// When it was last used, to within a minute.
    pub last_seen_at: OffsetDateTime,
    /// When it ends unless it is used.
    pub expires_at: OffsetDateTime,
}

/// A session that was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whose it was.
    pub user: UserId,
    /// The client's name.
    pub client_name: String,
}

/// Whose rights look: decides the way.
#[derive(Clone, Copy, Debug)]
pub enum Through {
    /// An owner's, of the transaction's project: the functions.
    Owner,
    /// The operator's.
    Platform(ProjectId),
}

/// At most `limit` open sessions that come after `after`, oldest first.
///
/// # Errors
/// See [`StoreError`].
pub async fn list(
    tx: &Tx,
    through: Through,
    (time, handle): (OffsetDateTime, Uuid),
    limit: i64,
) -> Result<Vec<OpenSession>, StoreError> {
    let rows = match through {
        Through::Owner => tx.rows(&LIST, &[&time, &handle, &limit]).await?,
        Through::Platform(project) => {
            tx.rows(&LIST_OF, &[&project.0, &time, &handle, &limit]).await?
        }
    };
    Ok(rows.iter().map(open_session).collect())
}

/// Ends the session that `handle` stands for; `None` when there is none.
///
/// # Errors
/// See [`StoreError`].
pub async fn end(tx: &Tx, through: Through, handle: Uuid) -> Result<Option<Ended>, StoreError> {
    let row = match through {
        Through::Owner => tx.row(&END, &[&handle]).await?,
        Through::Platform(project) => tx.row(&END_OF, &[&project.0, &handle]).await?,
    };
    Ok(row
        .map(|row| Ended { user: UserId(row.get("user_id")), client_name: row.get("client_name") }))
}

fn open_session(row: &Row) -> OpenSession {
    OpenSession {
        handle: row.get("handle"),
        user: UserId(row.get("user_id")),
        email: row.get("email"),
        key: row.get::<_, Option<Uuid>>("key_id").map(KeyId),
        client_name: row.get("client_name"),
        client_version: row.get("client_version"),
        protocol_version: row.get("protocol_version"),
        created_at: row.get("created_at"),
        last_seen_at: row.get("last_seen_at"),
        expires_at: row.get("expires_at"),
    }
}
