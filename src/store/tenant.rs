//! Who a transaction runs for.

use crate::model::{ProjectId, UserId};

/// A user in a project. Having one is the permission to open a transaction on the project's data.
///
/// There is no public constructor: the store makes one from a key's row, or from a proven
/// membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    project: ProjectId,
    user: UserId,
}

impl Tenant {
    pub(in crate::store) fn new(project: ProjectId, user: UserId) -> Self {
        Self { project, user }
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> ProjectId {
        self.project
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }
}

/// The operator: administers users, projects, memberships and keys of all tenants, as the role
/// `app_platform`, which has no grant on what tenants remember.
#[derive(Clone, Copy, Debug)]
pub struct Platform(());

impl Platform {
    /// For the command line, whose caller holds the database's password, and for who presents the
    /// platform token.
    #[must_use]
    pub fn of_operator() -> Self {
        Self(())
    }
}

/// Whose rights a transaction has: a tenant's or the operator's.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a>(pub(in crate::store) Principal<'a>);

impl<'a> From<&'a Tenant> for Authority<'a> {
    fn from(tenant: &'a Tenant) -> Self {
        Self(Principal::Tenant(tenant))
    }
}

impl From<&Platform> for Authority<'_> {
    fn from(_: &Platform) -> Self {
        Self(Principal::Platform)
    }
}

/// Whom a transaction runs for; decides its role and its settings.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Principal<'a> {
    /// A tenant, as `app_user`.
    Tenant(&'a Tenant),
    /// The operator, as `app_platform`.
    Platform,
    /// The server itself, outside any tenant, as `app_server`.
    Server,
}

impl Principal<'_> {
    pub(in crate::store) fn role(self) -> &'static str {
        match self {
            Self::Tenant(_) => "app_user",
            Self::Platform => "app_platform",
            Self::Server => "app_server",
        }
    }

    /// Project and user as settings; empty outside a tenant.
    pub(in crate::store) fn settings(self) -> (String, String) {
        match self {
            Self::Tenant(tenant) => (tenant.project.to_string(), tenant.user.to_string()),
            Self::Platform | Self::Server => (String::new(), String::new()),
        }
    }
}
