//! The proof, at start, that row-level security is whole.
//!
//! `walls.sql` describes every wall of the database as a line (tables, policies, grants,
//! functions, unique indexes, roles); `walls.txt` is what this build expects. The two are compared
//! as sets: a policy that is gone, a grant that was added, a function with another search path
//! are each a line too few or too many, and the server refuses to serve. The same comparison is
//! a test.

use std::collections::BTreeSet;

use super::{Store, StoreError};

const WALLS: &str = include_str!("walls.sql");
const EXPECTED: &str = include_str!("walls.txt");
const LOGIN: &str = include_str!("login.sql");
/// How many differences an error shows.
const SHOWN: usize = 12;

/// Why the server will not serve on this database.
#[derive(Debug, thiserror::Error)]
pub enum WallsError {
    /// The catalogue cannot be read.
    #[error("the walls between tenants cannot be checked: {0}")]
    Read(#[from] StoreError),
    /// The walls are not as this build made them.
    #[error("the walls between tenants are not whole, so nothing is served:\n{}\nrestore what is missing from `migrations/` and remove what was added, as the owner; then start again", show(.missing, .added))]
    Breached {
        /// Lines that are expected and not there.
        missing: Vec<String>,
        /// Lines that are there and not expected.
        added: Vec<String>,
    },
    /// The login could walk around the walls.
    #[error("the database login is not fit to serve:\n  {}", .0.join("\n  "))]
    Login(Vec<String>),
}

/// Compares the walls of the database with those of this build; gives warnings about the login.
///
/// # Errors
/// With each difference, and what to do about it.
pub async fn prove(store: &Store) -> Result<Vec<String>, WallsError> {
    let found = lines(store, "walls.walls", WALLS).await?;
    compare(&found)?;
    let login = lines(store, "walls.login", LOGIN).await?;
    let (warnings, refusals): (Vec<_>, Vec<_>) =
        login.into_iter().partition(|line| line.starts_with("warning: "));
    if refusals.is_empty() { Ok(warnings) } else { Err(WallsError::Login(refusals)) }
}

fn compare(found: &[String]) -> Result<(), WallsError> {
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let expected: BTreeSet<&str> = EXPECTED.lines().filter(|line| !line.is_empty()).collect();
    let owned = |line: &&str| (*line).to_owned();
    let missing: Vec<String> = expected.difference(&found).map(owned).collect();
    let added: Vec<String> = found.difference(&expected).map(owned).collect();
    if missing.is_empty() && added.is_empty() {
        return Ok(());
    }
    Err(WallsError::Breached { missing, added })
}

fn show(missing: &[String], added: &[String]) -> String {
    let missing = missing.iter().map(|line| format!("  missing: {line}"));
    let added = added.iter().map(|line| format!("  not ours: {line}"));
    let mut lines: Vec<String> = missing.chain(added).collect();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("  … and {more} more"));
    }
    lines.join("\n")
}

/// Runs a query of the catalogue. It sets its own search path, so it has its own transaction.
async fn lines(
    store: &Store,
    name: &'static str,
    sql: &'static str,
) -> Result<Vec<String>, StoreError> {
    let failed = |error: tokio_postgres::Error| StoreError::of(name, &error);
    let mut connection = store.connection().await?;
    let transaction = connection.transaction().await.map_err(failed)?;
    let rows = transaction.query_typed(sql, &[]).await.map_err(failed)?;
    transaction.rollback().await.map_err(failed)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_too_few_or_too_many_is_a_breach() {
        let mut lines: Vec<String> = EXPECTED.lines().map(str::to_owned).collect();
        assert!(compare(&lines).is_ok());
        let gone = lines.pop().unwrap();
        lines.push("policy documents stray permissive all public".to_owned());
        let error = compare(&lines).unwrap_err().to_string();
        assert!(error.contains(&format!("missing: {gone}")), "{error}");
        assert!(error.contains("not ours: policy documents stray"), "{error}");
    }
}
