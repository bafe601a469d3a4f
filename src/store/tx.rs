//! One transaction with its role and tenant set.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::future::join3;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::pool::Limits;
use super::tenant::Principal;
use super::{Statement, StoreError};
use crate::telemetry::call_log;

/// Role, tenant and time-outs, all local to the transaction: nothing of it can reach the next one
/// on the connection, whatever pooler stands between. A statement of its own, before any data:
/// within a data query nothing would order it before the policies.
const CONTEXT: Statement = Statement {
    name: "tx.context",
    sql: "select set_config('role', $1, true), \
          set_config('app.current_project_id', $2, true), \
          set_config('app.current_user_id', $3, true), \
          set_config('statement_timeout', $4, true), \
          set_config('lock_timeout', $5, true), \
          set_config('idle_in_transaction_session_timeout', $6, true)",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT],
};

/// Whether a transaction may change anything.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    ReadOnly,
    ReadWrite,
}

/// A transaction. It opens with its first statement: BEGIN, the context and that statement leave
/// in one flush. Dropped before its end, it takes its connection out of the pool, cancels what
/// runs there, and Postgres rolls back.
pub struct Tx {
    connection: Option<Object>,
    tls: MakeRustlsConnect,
    begin: &'static str,
    context: [String; 6],
    prepared_context: Option<tokio_postgres::Statement>,
    opened: AtomicBool,
    failed: AtomicBool,
    /// The network is gone: nothing more is sent.
    lost: AtomicBool,
    patience: Duration,
    /// Whether the connection keeps statements prepared.
    prepared: bool,
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Tx {
    /// A transaction on `connection`, not begun yet. The context is prepared here, so that BEGIN and
    /// the context leave without a pause between them, whatever statement comes first.
    pub(super) async fn new(
        connection: Object,
        tls: MakeRustlsConnect,
        principal: Principal<'_>,
        mode: Mode,
        limits: &Limits,
    ) -> Result<Self, StoreError> {
        let (project, user) = principal.settings();
        let role = principal.role().to_owned();
        let Limits { statement, lock, idle, .. } = limits;
        let context = [role, project, user, statement.clone(), lock.clone(), idle.clone()];
        let begin = match mode {
            Mode::ReadOnly => "BEGIN READ ONLY",
            Mode::ReadWrite => "BEGIN READ WRITE",
        };
        let preparing = prepare(&connection, limits.prepared, &CONTEXT);
        let Ok(prepared_context) = tokio::time::timeout(limits.answer, preparing).await else {
            // The network is gone: the connection does not go back to the pool.
            drop(Object::take(connection));
            return Err(silence(limits.answer));
        };
        Ok(Self {
            connection: Some(connection),
            tls,
            begin,
            context,
            prepared_context: prepared_context?,
            opened: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            patience: limits.answer,
            prepared: limits.prepared,
        })
    }

    /// Notes that Postgres does not answer although it must have ended the statement.
    fn lost(&self) -> StoreError {
        self.lost.store(true, Ordering::Relaxed);
        silence(self.patience)
    }

    /// Runs `statement` and gives its rows.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rows(
        &self,
        statement: &Statement,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let answer = tokio::time::timeout(self.patience, self.send(statement, params)).await;
        let result = answer.unwrap_or_else(|_| Err(self.lost()));
        match &result {
            Ok(rows) => call_log::count_statement(u64::try_from(rows.len()).unwrap_or(0)),
            Err(_) => self.failed.store(true, Ordering::Relaxed),
        }
        result
    }

    /// Runs `statement` and gives its row, if there is one.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn row(
        &self,
        statement: &Statement,
        params: Params<'_>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement, params).await?.into_iter().next())
    }

    async fn send(
        &self,
        statement: &Statement,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let Some(connection) = &self.connection else {
            return Err(StoreError::Aborted);
        };
        let query = pin!(async {
            let kept = prepare(connection, self.prepared, statement).await?;
            execute(connection, statement, kept, params).await
        });
        if self.opened.swap(true, Ordering::Relaxed) {
            return query.await;
        }
        let context: Vec<&(dyn ToSql + Sync)> =
            self.context.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let context = execute(connection, &CONTEXT, self.prepared_context.clone(), &context);
        // `join3` polls in order, and each future is sent when first polled: one flush.
        let (begun, context, rows) =
            join3(connection.batch_execute(self.begin), context, query).await;
        begun.map_err(|error| StoreError::of("tx.begin", &error))?;
        context?;
        rows
    }

    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        if self.failed.load(Ordering::Relaxed) {
            // COMMIT of a failed transaction rolls back without an error.
            self.rollback().await;
            return Err(StoreError::Aborted);
        }
        match self.end("COMMIT").await {
            Err(StoreError::Unavailable(reason)) => Err(StoreError::CommitLost(reason)),
            ended => ended,
        }
    }

    pub(super) async fn rollback(mut self) {
        if let Err(error) = self.end("ROLLBACK").await {
            // The connection is gone, and the transaction with it.
            tracing::debug!(%error, "rollback");
        }
    }

    /// Ends the transaction and gives the connection back; on failure `drop` disposes of it.
    async fn end(&mut self, command: &'static str) -> Result<(), StoreError> {
        if *self.lost.get_mut() {
            return Err(self.lost());
        }
        if *self.opened.get_mut()
            && let Some(connection) = &self.connection
        {
            match tokio::time::timeout(self.patience, connection.batch_execute(command)).await {
                Ok(ended) => ended.map_err(|error| StoreError::of("tx.end", &error))?,
                Err(_) => return Err(self.lost()),
            }
        }
        self.connection = None;
        Ok(())
    }
}

fn silence(patience: Duration) -> StoreError {
    StoreError::Unavailable(format!("no answer within {} s", patience.as_secs()))
}

/// The statement as the connection keeps it; `None` where a pooler does not let it.
async fn prepare(
    connection: &Object,
    prepared: bool,
    statement: &Statement,
) -> Result<Option<tokio_postgres::Statement>, StoreError> {
    if !prepared {
        return Ok(None);
    }
    let kept = connection.prepare_typed_cached(statement.sql, statement.types).await;
    kept.map(Some).map_err(|error| StoreError::of(statement.name, &error))
}

/// Sends `statement`, kept or unnamed. Either way the types are ours: one round trip.
async fn execute(
    connection: &Object,
    statement: &Statement,
    kept: Option<tokio_postgres::Statement>,
    params: Params<'_>,
) -> Result<Vec<Row>, StoreError> {
    debug_assert_eq!(params.len(), statement.types.len(), "{}", statement.name);
    let rows = if let Some(kept) = kept {
        connection.query(&kept, params).await
    } else {
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            params.iter().copied().zip(statement.types.iter().cloned()).collect();
        connection.query_typed(statement.sql, &values).await
    };
    rows.map_err(|error| StoreError::of(statement.name, &error))
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if !*self.opened.get_mut() {
            return;
        }
        let token = connection.cancel_token();
        let tls = self.tls.clone();
        // Taken out of the pool, the connection closes when it is dropped.
        drop(Object::take(connection));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let patience = self.patience;
            runtime.spawn(async move {
                let cancelled = tokio::time::timeout(patience, token.cancel_query(tls)).await;
                if !matches!(cancelled, Ok(Ok(()))) {
                    tracing::debug!(?cancelled, "cancel of a dropped transaction");
                }
            });
        }
    }
}
