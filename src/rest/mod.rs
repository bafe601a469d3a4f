//! Floor 5: the REST API, `/api/v1`. All routes stand in [`routes()`]; each operation has a file.
//!
//! A handler says in its signature who may call it: [`project::ProjectAdmin`] is someone who
//! administers the project of the path, [`platform::PlatformAdmin`] the operator,
//! [`memory::ProjectReader`] and [`memory::ProjectWriter`] are who reads and writes what the project
//! remembers. They open the transaction in which the caller's role is asked once more, and know in
//! whose name the change is written to the audit log. [`input`] reads and checks bodies, [`paging`]
//! lists, [`repeat`] makes a repeated creation harmless, [`etag`] a change conditional; [`problem`] is
//! how everything is refused.

mod administrator;
pub mod audit;
mod directory;
mod documented;
pub mod documents;
mod error;
mod etag;
mod input;
pub mod keys;
pub mod limits;
pub mod members;
mod memory;
mod named;
pub mod own_key;
mod paging;
mod platform;
pub mod problem;
mod project;
pub mod projects;
mod repeat;
mod requester;
mod routes;
pub mod sessions;
pub mod usage;
pub mod users;
mod when;

use std::sync::Arc;

use crate::access::keys::KeyPolicy;
use crate::access::{Authenticator, Limits};
use crate::model::{Ambient, Sealer};
use crate::store::Store;

pub use error::RestError;
pub use limits::RequestLimits;
pub use problem::Problem;
pub use requester::Requester;
pub use routes::{Described, routes};

/// What the API needs.
pub struct Rest {
    /// Is told when keys may have changed.
    pub authenticator: Arc<Authenticator>,
    /// What is said of the limits of requests.
    pub limits: RequestLimits,
    /// What keys have left.
    pub call_limits: Limits,
    /// Postgres.
    pub store: Store,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Seals cursors.
    pub sealer: Sealer,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// The rules of keys.
    pub key_policy: KeyPolicy,
    /// Says that something was committed that others wait for. Waits for nothing.
    pub announce: Box<dyn Fn() + Send + Sync>,
}

impl Rest {
    /// What `change` comes to. Unless it was refused, no key is believed here any more to be what it was
    /// before.
    async fn changing<T>(
        &self,
        change: impl Future<Output = Result<T, RestError>>,
    ) -> Result<T, RestError> {
        let changed = change.await;
        if !matches!(changed, Err(RestError::Refused(_))) {
            self.authenticator.watch().changed();
        }
        changed
    }
}
