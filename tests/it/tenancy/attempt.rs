//! One statement as a caller of some role and context, and what came of it.

use std::fmt::{self, Display};

use tokio_postgres::{Client, SimpleQueryMessage};
use uuid::Uuid;

/// As whom a statement is tried.
#[derive(Clone, Debug)]
pub struct Caller<'a> {
    login: &'a Client,
    pub name: String,
    role: &'static str,
    pub project: Option<Uuid>,
    pub user: Option<Uuid>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went through: rows touched, and the rows it gave.
    Done { count: u64, rows: Vec<Vec<String>> },
    /// Postgres refused: the code, and what it said.
    Failed { code: String, said: String },
}

impl Outcome {
    /// Refused for want of a right, by a grant or a policy.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Failed { code, .. } if code == "42501")
    }

    /// Refused, or nothing was there to see or to change.
    pub fn is_nothing(&self) -> bool {
        self.is_denied() || matches!(self, Self::Done { count: 0, .. })
    }

    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { count: 1.., .. })
    }

    /// Whether every row's first column is `value`.
    pub fn all_are(&self, value: &str) -> bool {
        match self {
            Self::Done { rows, .. } => rows.iter().all(|row| row[0] == value),
            Self::Failed { .. } => true,
        }
    }
}

impl<'a> Caller<'a> {
    /// A tenant's request.
    pub fn tenant(
        login: &'a Client,
        name: &str,
        project: Option<Uuid>,
        user: Option<Uuid>,
    ) -> Self {
        Self { login, name: name.to_owned(), role: "app_user", project, user }
    }

    /// Another role, without a context, or with one that it should not need.
    pub fn role(login: &'a Client, role: &'static str, context: Option<(Uuid, Uuid)>) -> Self {
        let (project, user) = (context.map(|c| c.0), context.map(|c| c.1));
        Self { login, name: role.to_owned(), role, project, user }
    }

    /// Runs `sql` and rolls back.
    pub async fn tries(&self, sql: &str) -> Outcome {
        self.run(sql, "rollback").await
    }

    /// Runs `sql` and commits.
    pub async fn commits(&self, sql: &str) -> Outcome {
        self.run(sql, "commit").await
    }

    async fn run(&self, sql: &str, end: &str) -> Outcome {
        let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        let open = format!(
            "begin; select set_config('role', '{}', true), \
             set_config('app.current_project_id', '{}', true), \
             set_config('app.current_user_id', '{}', true)",
            self.role,
            text(self.project),
            text(self.user)
        );
        let outcome = match self.login.batch_execute(&open).await {
            Ok(()) => self.login.simple_query(sql).await,
            Err(error) => Err(error),
        };
        self.login.batch_execute(end).await.unwrap();
        outcome.map_or_else(|error| failed(&error), done)
    }
}

fn done(messages: Vec<SimpleQueryMessage>) -> Outcome {
    let (mut count, mut rows) = (0, Vec::new());
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                let cells = 0..row.len();
                rows.push(cells.map(|at| row.get(at).unwrap_or_default().to_owned()).collect());
            }
            SimpleQueryMessage::CommandComplete(touched) => count += touched,
            _ => {}
        }
    }
    Outcome::Done { count, rows }
}

fn failed(error: &tokio_postgres::Error) -> Outcome {
    let error = error.as_db_error().unwrap_or_else(|| panic!("not an answer: {error:?}"));
    Outcome::Failed { code: error.code().code().to_owned(), said: error.message().to_owned() }
}

/// What went wrong in many cases, told at the end.
#[derive(Default)]
pub struct Findings {
    cases: usize,
    wrong: Vec<String>,
}

impl Findings {
    /// Notes one case.
    pub fn expect(&mut self, holds: bool, case: impl Display, outcome: &impl fmt::Debug) {
        self.cases += 1;
        if !holds {
            self.wrong.push(format!("{case}: {outcome:?}"));
        }
    }

    /// What was wrong.
    pub fn wrong(self) -> Vec<String> {
        self.wrong
    }

    /// Fails when one was wrong, or when fewer were generated than there must be.
    #[expect(clippy::print_stdout, reason = "the figures are part of what these tests are for")]
    pub fn settle(self, at_least: usize) {
        println!("{} cases", self.cases);
        assert!(self.wrong.is_empty(), "{} wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
        assert!(self.cases >= at_least, "only {} cases were generated", self.cases);
    }
}
