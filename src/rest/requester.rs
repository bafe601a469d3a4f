//! Who sent a request.

use std::net::IpAddr;

use crate::access::Principal;
use crate::model::Actor;

/// The longest client name that is kept, in characters.
const MAX_CLIENT_CHARS: usize = 60;

/// The principal of a request and where it came from; the authentication puts it into the request.
#[derive(Clone, Debug)]
pub struct Requester {
    /// Who calls.
    pub principal: Principal,
    /// From where.
    pub address: IpAddr,
    /// `User-Agent`, as sent.
    pub client: Option<String>,
}

impl Requester {
    /// The requester as the actor of a change.
    pub(super) fn actor(&self) -> Actor {
        let client = self.client.as_ref().map(|name| name.chars().take(MAX_CLIENT_CHARS).collect());
        Actor { client, address: Some(self.address), ..self.principal.actor() }
    }
}
