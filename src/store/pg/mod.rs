//! SQL, one file per entity: statements beside the functions that send them. Rows become the
//! model here and nowhere else; absence is `Ok(None)`.

pub mod api_keys;
pub mod audit;
pub mod client_requests;
pub mod documents;
pub mod events;
pub mod idempotency;
pub mod key_changes;
pub mod keys;
pub mod members;
pub mod platform;
pub mod project_sessions;
pub mod projects;
pub mod purge;
pub mod search;
pub mod sections;
pub mod sessions;
pub mod signals;
pub mod streams;
pub mod usage;
pub mod users;

use super::Statement;

/// Every statement of the product, for the test that prepares them all.
#[must_use]
pub fn statements() -> Vec<&'static Statement> {
    let groups = [
        api_keys::STATEMENTS,
        audit::STATEMENTS,
        client_requests::STATEMENTS,
        documents::STATEMENTS,
        events::STATEMENTS,
        idempotency::STATEMENTS,
        key_changes::STATEMENTS,
        keys::STATEMENTS,
        members::STATEMENTS,
        platform::STATEMENTS,
        project_sessions::STATEMENTS,
        projects::STATEMENTS,
        purge::STATEMENTS,
        search::STATEMENTS,
        sections::STATEMENTS,
        sessions::STATEMENTS,
        signals::STATEMENTS,
        streams::STATEMENTS,
        usage::STATEMENTS,
        users::STATEMENTS,
    ];
    groups.concat()
}
