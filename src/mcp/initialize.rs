//! `initialize`: what the client says of itself, what we offer.

use serde_json::Value;
use serde_json::value::RawValue;

use super::dispatch::{Answer, Service};
use super::wire::{
    Implementation, InitializeRequestParams, InitializeResult, ProtocolVersion, RequestId,
    RpcError, ServerCapabilities, render, version,
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

impl Service {
    pub(super) async fn initialize(
        &self,
        caller: &Caller,
        id: &RequestId,
        params: Option<&RawValue>,
    ) -> Result<Answer, RpcError> {
        let new = introduction(caller, params)?;
        call_log::note(|fields| fields.client = Some(new.client_name.clone()));
        let result = InitializeResult::new(ServerCapabilities::builder().enable_tools().build())
            .with_protocol_version(protocol(&new.protocol_version)?)
            .with_server_info(
                Implementation::new("memory-bank-mcp", env!("CARGO_PKG_VERSION"))
                    .with_title("Memory Bank"),
            )
            .with_instructions(INSTRUCTIONS);
        let body = render::result(id, &result)?;
        let session = self.open_session(caller, new).await?;
        Ok(Answer { status: 200, body, session: Some(session) })
    }
}

/// What the client says of itself, checked.
fn introduction(caller: &Caller, params: Option<&RawValue>) -> Result<NewSession, RpcError> {
    let text = params.map_or("{}", RawValue::get);
    let wrong = |error| RpcError::invalid_params(format!("`initialize`: {error}"));
    let params: InitializeRequestParams = serde_json::from_str(text).map_err(wrong)?;
    let capabilities = serde_json::to_value(&params.capabilities).map_err(wrong)?;
    let Implementation { name, version, .. } = params.client_info;
    let refused = |what: &str| Err(RpcError::invalid_params(what));
    if name.len() > MAX_NAME_BYTES || version.len() > MAX_NAME_BYTES {
        return refused("`clientInfo.name` and `.version` have at most 200 bytes each");
    }
    if capabilities.to_string().len() > MAX_CAPABILITIES_BYTES {
        return refused("`capabilities` has at most 32 KiB of JSON");
    }
    if name.contains('\0') || version.contains('\0') || has_nul(&capabilities) {
        return refused("`clientInfo` and `capabilities` may not have NUL characters");
    }
    Ok(NewSession {
        id: String::new(),
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

/// Whether any text in `value` has a NUL, which Postgres stores in no type.
#[must_use]
pub fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
