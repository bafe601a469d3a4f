//! Requests of the modern era: each says who asks and what it can do, and stands for itself.

use serde_json::value::RawValue;

use super::client;
use super::dispatch::{HttpAnswer, Service};
use super::method::Method;
use super::notices::Notices;
use super::rounds::Rounds;
use super::tools::Toolsets;
use super::wire::render::{self, Form};
use super::wire::{DiscoverResult, Era, RequestId, RequestMeta, RpcError, version};
use crate::access::Caller;
use crate::telemetry::call_log;

/// How long a client may keep lists that only change with its rights, in milliseconds.
const LISTS_FRESH_MS: u64 = 60_000;

/// A request whose headers and `_meta` have been checked.
#[derive(Debug)]
pub struct ModernRequest {
    /// Returned with the answer.
    pub id: RequestId,
    /// What is asked for.
    pub method: String,
    /// As sent.
    pub params: Option<Box<RawValue>>,
    /// What it says of its client.
    pub meta: RequestMeta,
    /// What the URL says of toolsets.
    pub toolsets: Option<Toolsets>,
}

impl ModernRequest {
    /// Checks what the client says of itself, and notes who it is.
    pub(super) fn introduce(&self) -> Result<(), RpcError> {
        let RequestMeta { client, capabilities, .. } = &self.meta;
        let (name, version) = client.as_ref().map_or(("", ""), |c| (&c.name, &c.version));
        client::check(name, version, capabilities).map_err(RpcError::meta)?;
        call_log::note(|fields| fields.client = client.as_ref().map(|c| c.name.clone()));
        Ok(())
    }
}

impl Service {
    /// Answers `request`. Dropped before its end, it is rolled back.
    pub async fn modern(
        &self,
        caller: &Caller,
        request: &ModernRequest,
        notices: &Notices,
    ) -> HttpAnswer {
        let answer = self.stateless(caller, request, notices).await;
        answer.unwrap_or_else(|error| HttpAnswer::error(Era::Modern, Some(&request.id), error))
    }

    async fn stateless(
        &self,
        caller: &Caller,
        request: &ModernRequest,
        notices: &Notices,
    ) -> Result<HttpAnswer, RpcError> {
        let ModernRequest { id, method, params, toolsets, .. } = request;
        request.introduce()?;
        // Caches know a list by its method and caller, not by the URL.
        let lists_fresh_ms = if toolsets.is_some() { 0 } else { LISTS_FRESH_MS };
        let form = Form::Modern { lists_fresh_ms };
        if method == "server/discover" {
            call_log::note(|fields| fields.method = Some("server/discover"));
            return Ok(HttpAnswer::json(render::result(form, id, self.discovery()?)?));
        }
        let method = Method::of(Era::Modern, method, params.as_deref());
        call_log::note(|fields| fields.method = Some(method.name()));
        if let Method::Unknown(name) = method {
            return Err(RpcError::method_not_found(name));
        }
        let toolsets = &toolsets.clone().unwrap_or_default();
        let rounds = Rounds { service: self, caller, request, toolsets, form };
        Ok(HttpAnswer::json(rounds.answer(method, notices).await?))
    }

    /// What `server/discover` tells, whoever asks.
    fn discovery(&self) -> Result<DiscoverResult, RpcError> {
        let versions = version::SUPPORTED.map(super::initialize::protocol);
        let versions = versions.into_iter().collect::<Result<_, _>>()?;
        let mut capabilities = self.handler.capabilities();
        // Here log lines come to requests that ask for them: nothing is set, and nothing declared.
        capabilities.logging = None;
        let mut discovered = DiscoverResult::new(versions, capabilities);
        discovered.instructions = Some(self.handler.instructions().to_owned());
        Ok(discovered)
    }
}
