//! `initialize`: what the client says of itself, what we offer.

use serde_json::Value;

use super::dispatch::{HttpAnswer, Service};
use super::wire::{
    Implementation, InitializeRequestParams, InitializeResult, ProtocolVersion, RequestId,
    RpcError, ServerCapabilities, has_nul, render, version,
};
use crate::access::Caller;
use crate::store::pg::sessions::NewSession;
use crate::telemetry::call_log;

/// How a model should use this server; shown to it by its client.
const INSTRUCTIONS: &str = include_str!("instructions.md");
/// The longest client name and version, in bytes.
const MAX_NAME_BYTES: usize = 200;
/// The largest capabilities object, in bytes of JSON.
const MAX_CAPABILITIES_BYTES: usize = 32 * 1024;
pub(super) const CAPABILITIES_TOO_LARGE: &str = "`capabilities` has at most 32 KiB of JSON";

impl Service {
    pub(super) async fn initialize(
        &self,
        caller: &Caller,
        id: &RequestId,
        params: InitializeRequestParams,
    ) -> Result<HttpAnswer, RpcError> {
        let new = introduction(caller, params)?;
        call_log::note(|fields| fields.client = Some(new.client_name.clone()));
        let result = InitializeResult::new(capabilities())
            .with_protocol_version(protocol(&new.protocol_version)?)
            .with_server_info(
                Implementation::new("memory-bank-mcp", env!("CARGO_PKG_VERSION"))
                    .with_title("Memory Bank"),
            )
            .with_instructions(INSTRUCTIONS);
        let body = render::result(id, result)?;
        let session = self.open_session(caller, &new).await?;
        Ok(HttpAnswer { status: 200, body, session: Some(session) })
    }
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities::builder()
        .enable_completions()
        .enable_prompts()
        .enable_resources()
        .enable_tools()
        .build()
}

/// What the client says of itself, checked.
fn introduction(caller: &Caller, params: InitializeRequestParams) -> Result<NewSession, RpcError> {
    let capabilities = serde_json::to_value(&params.capabilities)
        .map_err(|error| RpcError::invalid_params(format!("`capabilities`: {error}")))?;
    let Implementation { name, version, .. } = params.client_info;
    let refused = |what: &str| Err(RpcError::invalid_params(what));
    if name.len() > MAX_NAME_BYTES || version.len() > MAX_NAME_BYTES {
        return refused("`clientInfo.name` and `.version` have at most 200 bytes each");
    }
    if capabilities.to_string().len() > MAX_CAPABILITIES_BYTES {
        return refused(CAPABILITIES_TOO_LARGE);
    }
    if name.contains('\0') || version.contains('\0') || has_nul(&capabilities) {
        return refused("`clientInfo` and `capabilities` may not have NUL characters");
    }
    Ok(NewSession {
        key: caller.key().id,
        protocol_version: version::negotiate(params.protocol_version.as_str()).to_owned(),
        client_name: name,
        client_version: version,
        capabilities,
    })
}

fn protocol(version: &str) -> Result<ProtocolVersion, RpcError> {
    serde_json::from_value(Value::from(version)).map_err(|error| {
        tracing::error!(%error, "a version of ours is none");
        RpcError::internal()
    })
}
