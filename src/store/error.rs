//! What can go wrong in the store, by what a caller can do about it.

use std::fmt;

use tokio_postgres::error::SqlState;

use super::Overload;

/// A failure of Postgres. Its text is for logs; callers turn the kind into a public sentence.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres cannot be reached, or no connection came free in time. Try again.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Too many calls wait already. Try again.
    #[error(transparent)]
    Busy(Overload),
    /// A statement or a wait for a lock took longer than allowed.
    #[error("`{statement}` took too long: {refusal}")]
    Timeout {
        /// The statement's name.
        statement: &'static str,
        /// What Postgres said.
        refusal: Refusal,
    },
    /// Another transaction was in the way (deadlock, serialisation). Try again.
    #[error("`{statement}` collided with another transaction: {refusal}")]
    Collision {
        /// The statement's name.
        statement: &'static str,
        /// What Postgres said.
        refusal: Refusal,
    },
    /// A constraint refused the change.
    #[error("`{statement}` violates `{constraint}`: {refusal}")]
    Constraint {
        /// The statement's name.
        statement: &'static str,
        /// The constraint's name.
        constraint: String,
        /// What Postgres said.
        refusal: Refusal,
    },
    /// A policy or a grant refused it: the caller's role does not allow it.
    #[error("`{statement}` is not allowed: {refusal}")]
    Forbidden {
        /// The statement's name.
        statement: &'static str,
        /// What Postgres said.
        refusal: Refusal,
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
    /// The connection was lost while the commit was under way: it may have happened.
    #[error("the connection was lost at the commit: {0}")]
    CommitLost(String),
    /// Anything else: a fault of ours.
    #[error("`{statement}` failed: {refusal}")]
    Broken {
        /// The statement's name.
        statement: &'static str,
        /// What Postgres said.
        refusal: Refusal,
    },
}

/// What Postgres said, without the details: those quote the values of rows.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// SQLSTATE; `None` for what went wrong on our side of the connection.
    pub code: Option<SqlState>,
    /// The primary message.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.as_ref().map_or("client", SqlState::code);
        write!(f, "{code}: {}", self.message)
    }
}

impl Refusal {
    /// The part of `error` that may be logged.
    #[must_use]
    pub fn of(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self { code: Some(db.code().clone()), message: db.message().to_owned() },
            // Not an answer of Postgres, so that no row is quoted: TLS, the network, our encoding.
            None => Self { code: None, message: with_causes(error) },
        }
    }
}

impl StoreError {
    /// Sorts an error of Postgres by what a caller can do about it.
    #[must_use]
    pub fn of(statement: &'static str, error: &tokio_postgres::Error) -> Self {
        let refusal = Refusal::of(error);
        let Some(code) = &refusal.code else {
            // Not an answer of Postgres: the connection is gone, or was never there. Errors of
            // encoding and decoding are faults of ours.
            let gone = error.is_closed() || std::error::Error::source(error).is_some_and(is_io);
            return if gone {
                Self::Unavailable(refusal.to_string())
            } else {
                Self::Broken { statement, refusal }
            };
        };
        match *code {
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
                Self::Timeout { statement, refusal }
            }
            SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE => {
                Self::Collision { statement, refusal }
            }
            SqlState::INSUFFICIENT_PRIVILEGE => Self::Forbidden { statement, refusal },
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::TOO_MANY_CONNECTIONS
            | SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::DISK_FULL => Self::Unavailable(refusal.to_string()),
            _ => match error.as_db_error().and_then(|db| db.constraint()).map(str::to_owned) {
                Some(constraint) => Self::Constraint { statement, constraint, refusal },
                None => Self::Broken { statement, refusal },
            },
        }
    }

    /// None came free, and none could be made.
    #[must_use]
    pub(super) fn no_connection_in_time() -> Self {
        Self::Unavailable("no connection came free in time".to_owned())
    }

    /// Why no connection can be had.
    #[must_use]
    pub fn no_connection(error: &deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => {
                Self::Unavailable(Refusal::of(error).to_string())
            }
            other => Self::Unavailable(other.to_string()),
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

fn with_causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let sentence = error.to_string();
        if !text.ends_with(&sentence) {
            text = format!("{text}: {sentence}");
        }
        cause = error.source();
    }
    text
}

fn is_io(source: &(dyn std::error::Error + 'static)) -> bool {
    source.is::<std::io::Error>()
}
