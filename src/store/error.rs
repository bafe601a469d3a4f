//! What can go wrong in the store, by what a caller can do about it.

use tokio_postgres::error::SqlState;

/// A failure of Postgres. Its text is for logs; callers turn the kind into a public sentence.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres cannot be reached, or no connection came free in time. Try again.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A statement or a wait for a lock took longer than allowed.
    #[error("`{statement}` took too long: {source}")]
    Timeout {
        /// The statement's name.
        statement: &'static str,
        /// What Postgres said.
        source: tokio_postgres::Error,
    },
    /// Another transaction was in the way (deadlock, serialisation). Try again.
    #[error("`{statement}` collided with another transaction: {source}")]
    Collision {
        /// The statement's name.
        statement: &'static str,
        /// What Postgres said.
        source: tokio_postgres::Error,
    },
    /// A constraint refused the change.
    #[error("`{statement}` violates `{constraint}`: {source}")]
    Constraint {
        /// The statement's name.
        statement: &'static str,
        /// The constraint's name.
        constraint: String,
        /// What Postgres said.
        source: tokio_postgres::Error,
    },
    /// A policy or a grant refused it: the caller's role does not allow it.
    #[error("`{statement}` is not allowed: {source}")]
    Forbidden {
        /// The statement's name.
        statement: &'static str,
        /// What Postgres said.
        source: tokio_postgres::Error,
    },
    /// A block said `Ok` although one of its statements had failed; nothing was stored.
    #[error("the transaction had failed before its commit")]
    Aborted,
    /// A row that the schema does not allow.
    #[error("{table}.{column} of row {id}: {problem}")]
    Row {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's id.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Anything else: a fault of ours.
    #[error("`{statement}` failed: {source}")]
    Broken {
        /// The statement's name.
        statement: &'static str,
        /// What Postgres said.
        source: tokio_postgres::Error,
    },
}

impl StoreError {
    /// Sorts an error of Postgres by what a caller can do about it.
    #[must_use]
    pub fn of(statement: &'static str, source: tokio_postgres::Error) -> Self {
        let Some(db) = source.as_db_error() else {
            // Not an answer of Postgres: the connection is gone, or was never there. Errors of
            // encoding and decoding are faults of ours.
            let ours = source.is_closed() || std::error::Error::source(&source).is_some_and(is_io);
            return if ours {
                Self::Unavailable(Box::new(source))
            } else {
                Self::Broken { statement, source }
            };
        };
        match *db.code() {
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
                Self::Timeout { statement, source }
            }
            SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE => {
                Self::Collision { statement, source }
            }
            SqlState::INSUFFICIENT_PRIVILEGE => Self::Forbidden { statement, source },
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::TOO_MANY_CONNECTIONS
            | SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::DISK_FULL => Self::Unavailable(Box::new(source)),
            _ => match db.constraint().map(str::to_owned) {
                Some(constraint) => Self::Constraint { statement, constraint, source },
                None => Self::Broken { statement, source },
            },
        }
    }

    /// The violated constraint, if that is what went wrong.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Constraint { constraint, .. } => Some(constraint),
            _ => None,
        }
    }
}

fn is_io(source: &(dyn std::error::Error + 'static)) -> bool {
    source.is::<std::io::Error>()
}
