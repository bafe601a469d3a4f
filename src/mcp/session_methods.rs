//! Methods that change the session itself (legacy era): the level of log lines, subscriptions.

use serde::Deserialize;

use super::dispatch::{Answered, Service, find_session};
use super::legacy::LegacyRequest;
use super::method;
use super::wire::RpcError;
use super::wire::meta::LogLevel;
use super::wire::render::{self, Empty, Form};
use crate::access::Caller;
use crate::model::Right;
use crate::store::StoreError;
use crate::store::pg::sessions;

/// The longest URI that can be subscribed to, in bytes.
pub const MAX_URI_BYTES: usize = 2048;
/// The most subscriptions of a session.
pub const MAX_SUBSCRIPTIONS: usize = 256;

#[derive(Deserialize)]
struct SetLevel {
    level: LogLevel,
}

#[derive(Deserialize)]
struct Subscription {
    uri: String,
}

/// What is changed.
enum Change {
    Level(LogLevel),
    Subscribe(String),
    Unsubscribe(String),
}

impl Service {
    /// Answers `request`, if it changes the session; one that the capabilities do not offer is none.
    pub(super) async fn of_session(
        &self,
        caller: &Caller,
        request: &LegacyRequest,
    ) -> Result<Option<Answered>, RpcError> {
        let Some(change) = self.change(request) else { return Ok(None) };
        let (tenant, session) = (caller.tenant(), request.session.as_str());
        let done = self.store.write(tenant, async |tx| {
            let found = find_session(tx, caller, session).await?;
            let change = change?;
            let reads = matches!(change, Change::Level(_)) || caller.may(Right::Read, found.role);
            if !reads {
                return Err(RpcError::method_not_found(&request.method));
            }
            match change {
                Change::Level(level) => {
                    sessions::set_log_level(tx, tenant, session, level.name()).await?;
                }
                Change::Subscribe(uri) => {
                    sessions::subscribe(tx, tenant, session, &uri).await.map_err(too_many)?;
                }
                Change::Unsubscribe(uri) => {
                    sessions::unsubscribe(tx, tenant, session, &uri).await?;
                }
            }
            Ok(found.unseen)
        });
        let unseen = done.await?;
        self.bus.wake();
        let body = render::result(Form::Legacy, &request.id, Empty {})?;
        Ok(Some(Answered { body, unseen, recorded: false }))
    }

    fn change(&self, request: &LegacyRequest) -> Option<Result<Change, RpcError>> {
        let (name, params) = (request.method.as_str(), request.params.as_deref());
        let offered = self.handler.capabilities();
        let subscribes =
            offered.resources.is_some_and(|resources| resources.subscribe == Some(true));
        match name {
            "logging/setLevel" if offered.logging.is_some() => {
                let read = method::read(name, params);
                Some(read.map(|SetLevel { level }| Change::Level(level)))
            }
            "resources/subscribe" if subscribes => {
                let read = method::read(name, params).and_then(usable);
                Some(read.map(Change::Subscribe))
            }
            "resources/unsubscribe" if subscribes => {
                let read = method::read(name, params).and_then(usable);
                Some(read.map(Change::Unsubscribe))
            }
            _ => None,
        }
    }
}

/// A URI that can be kept; whether it names anything is not told.
fn usable(Subscription { uri }: Subscription) -> Result<String, RpcError> {
    if uri.is_empty() || uri.len() > MAX_URI_BYTES || uri.contains('\0') {
        let sentence = format!("`uri` has 1 to {MAX_URI_BYTES} bytes, and no NUL");
        return Err(RpcError::invalid_params(sentence));
    }
    Ok(uri)
}

fn too_many(error: StoreError) -> RpcError {
    match error.constraint() {
        Some(name) if name.starts_with("sessions_subscriptions") => {
            RpcError::invalid_params(format!(
                "a session has at most {MAX_SUBSCRIPTIONS} subscriptions, of 64 KiB in all: \
                 unsubscribe from some"
            ))
        }
        _ => error.into(),
    }
}
