//! What happened, for listeners on any replica: triggers write of documents and sessions, tenants of
//! the rest, and each replica reads all of it.

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::model::{ProjectId, Signal, SignalKind, UserId};
use crate::store::row::Place;
use crate::store::statement::statements;
use crate::store::{Store, StoreError, Tenant, Tx};

statements! {
    READ = "signals.read" (TEXT)
        "select snapshot, project_id, user_id, kind, target from app.read_signals($1)";
    ANNOUNCE = "signals.announce" (UUID, UUID, UUID, TEXT, TEXT)
        "insert into signals (project_id, id, user_id, kind, target) values ($1, $2, $3, $4, $5)";
    SINCE = "signals.since" (UUID, TIMESTAMPTZ, INT8)
        "select user_id, kind, target from signals where project_id = $1 and created_at >= $2 \
         and kind in ('resource_created', 'resource_updated', 'resource_deleted', \
         'tools_changed', 'prompts_changed') order by created_at, id limit $3";
}

/// What came since an earlier look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What the next look begins at.
    pub snapshot: String,
    /// What was committed in between, each once, oldest first.
    pub signals: Vec<Signal>,
}

/// All signals that were committed since the look that gave `since`; without one nothing yet.
///
/// # Errors
/// See [`StoreError`].
pub async fn read(store: &Store, since: Option<&str>) -> Result<News, StoreError> {
    let rows = store.serve(async |tx| tx.rows(&READ, &[&since]).await).await?;
    let place = Place { table: "signals", column: "xid", id: &"none" };
    let first = rows.first().ok_or_else(|| place.broken("a look gives its snapshot"))?;
    let snapshot = first.get("snapshot");
    let found = rows.iter().filter_map(|row| {
        let project = row.get::<_, Option<Uuid>>("project_id").map(ProjectId)?;
        Some(signal(row, project))
    });
    Ok(News { snapshot, signals: found.collect::<Result<_, _>>()? })
}

/// Says that this happened in the caller's project, in the caller's name.
///
/// # Errors
/// See [`StoreError`].
pub async fn announce(
    tx: &Tx,
    tenant: &Tenant,
    id: Uuid,
    kind: SignalKind,
    target: &str,
) -> Result<(), StoreError> {
    let (project, user) = (tenant.project().0, tenant.user().0);
    tx.rows(&ANNOUNCE, &[&project, &id, &user, &kind.name(), &target]).await?;
    Ok(())
}

/// What happened to the memory and to what is offered in the caller's project since `time`, oldest
/// first; `None` when that is more than `most`. What was being committed at `time` may have happened
/// earlier.
///
/// # Errors
/// See [`StoreError`].
pub async fn since(
    tx: &Tx,
    tenant: &Tenant,
    time: OffsetDateTime,
    most: u16,
) -> Result<Option<Vec<Signal>>, StoreError> {
    let rows = tx.rows(&SINCE, &[&tenant.project().0, &time, &(i64::from(most) + 1)]).await?;
    if rows.len() > usize::from(most) {
        return Ok(None);
    }
    rows.iter().map(|row| signal(row, tenant.project())).collect::<Result<_, _>>().map(Some)
}

fn signal(row: &Row, project: ProjectId) -> Result<Signal, StoreError> {
    let place = Place { table: "signals", column: "kind", id: &project };
    Ok(Signal {
        project,
        user: row.get::<_, Option<Uuid>>("user_id").map(UserId),
        kind: place.parse(row.get("kind"))?,
        target: row.get("target"),
    })
}
