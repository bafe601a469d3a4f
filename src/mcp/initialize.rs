//! `initialize`: what the client says of itself, what we offer.

use serde_json::Value;
use serde_json::value::RawValue;

use super::client;
use super::dispatch::{HttpAnswer, Service};
use super::method;
use super::tools::Toolsets;
use super::wire::render::{self, Form};
use super::wire::{
    Implementation, InitializeRequestParams, InitializeResult, ProtocolVersion, RequestId,
    RpcError, version,
};
use crate::access::Caller;
use crate::store::pg::sessions::NewSession;
use crate::telemetry::call_log;

impl Service {
    pub(super) async fn initialize(
        &self,
        caller: &Caller,
        id: &RequestId,
        params: Option<&RawValue>,
        toolsets: Option<&Toolsets>,
    ) -> Result<HttpAnswer, RpcError> {
        call_log::note(|fields| fields.method = Some("initialize"));
        let new = introduction(caller, method::read("initialize", params)?, toolsets)?;
        call_log::note(|fields| fields.client = Some(new.client_name.clone()));
        let result = InitializeResult::new(self.handler.capabilities())
            .with_protocol_version(protocol(&new.protocol_version)?)
            .with_server_info(render::server_info())
            .with_instructions(self.handler.instructions());
        let body = render::result(Form::Legacy, id, result)?;
        let session = self.open_session(caller, &new).await?;
        Ok(HttpAnswer { status: 200, body, session: Some(session) })
    }
}

/// What the client says of itself, checked.
fn introduction(
    caller: &Caller,
    params: InitializeRequestParams,
    toolsets: Option<&Toolsets>,
) -> Result<NewSession, RpcError> {
    let capabilities = serde_json::to_value(&params.capabilities)
        .map_err(|error| RpcError::invalid_params(format!("`capabilities`: {error}")))?;
    let Implementation { name, version, .. } = params.client_info;
    client::check(&name, &version, &capabilities).map_err(RpcError::invalid_params)?;
    Ok(NewSession {
        key: caller.key().id,
        protocol_version: version::negotiate(params.protocol_version.as_str()).to_owned(),
        client_name: name,
        client_version: version,
        capabilities,
        toolsets: toolsets.map(Toolsets::names),
    })
}

/// A version of ours as the protocol's type.
pub(super) fn protocol(version: &str) -> Result<ProtocolVersion, RpcError> {
    serde_json::from_value(Value::from(version)).map_err(|error| {
        tracing::error!(%error, "a version of ours is none");
        RpcError::internal()
    })
}
