//! Who administers.

use super::Caller;
use crate::model::{Actor, ActorKind};
use crate::store::Platform;

/// Who calls the REST API.
#[derive(Clone, Debug)]
pub enum Principal {
    /// The operator, by the platform token.
    Platform(Platform),
    /// Someone with an API key.
    Key(Caller),
}

impl Principal {
    /// The principal as the actor of a change.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Platform(_) => Actor { kind: ActorKind::Platform, ..Actor::cli() },
            Self::Key(caller) => Actor {
                kind: ActorKind::Key,
                user: Some(caller.tenant().user()),
                key: Some(caller.key().id),
                ..Actor::cli()
            },
        }
    }

    /// As idempotency keys and cursors are bound to it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Platform(_) => "platform".to_owned(),
            Self::Key(caller) => format!("user:{}", caller.tenant().user()),
        }
    }
}
