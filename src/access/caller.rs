//! Who calls.

use std::fmt;
use std::sync::Arc;

use super::key::KeyHash;
use crate::model::{Author, Right, Role};
use crate::store::Tenant;
use crate::store::pg::keys::KeyRecord;

/// An authenticated caller. Having one is the proof that a good key was presented.
#[derive(Clone)]
pub struct Caller {
    key: Arc<KeyRecord>,
    tenant: Tenant,
    presented: KeyHash,
}

/// Without the hash, by which the key can be revoked.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Caller {
    pub(super) fn new(key: Arc<KeyRecord>, presented: KeyHash) -> Self {
        let tenant = key.tenant();
        Self { key, tenant, presented }
    }

    /// The SHA-256 of the key that was presented.
    pub(super) fn presented(&self) -> &KeyHash {
        &self.presented
    }

    pub(super) fn record(&self) -> &Arc<KeyRecord> {
        &self.key
    }

    /// The tenant whose data the caller may reach.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The key that was presented.
    #[must_use]
    pub fn key(&self) -> &KeyRecord {
        &self.key
    }

    /// Whether the caller has `right` while its user's role is `role`.
    #[must_use]
    pub fn may(&self, right: Right, role: Role) -> bool {
        self.key.scopes.grant(right, role)
    }

    /// The caller as the author of a change, writing with `client`.
    #[must_use]
    pub fn author(&self, client: Option<String>) -> Author {
        Author { user: self.tenant.user(), key: Some(self.key.id), client }
    }
}
