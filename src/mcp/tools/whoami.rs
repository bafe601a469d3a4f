//! `whoami`: what the caller's key stands for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ToolError;
use super::registry::{Effect, Tool};
use super::toolset::Toolset;
use crate::mcp::Call;
use crate::model::clock::rfc3339;
use crate::store::Tx;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    project: String,
    project_id: String,
    user_id: String,
    /// The user's role in the project now.
    role: String,
    scopes: Vec<String>,
    key_id: String,
    key_label: String,
    test_key: bool,
    /// RFC 3339; absent when the key does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_expires_at: Option<String>,
    toolsets: Vec<String>,
    server_version: String,
}

pub(super) struct Whoami;

impl Tool for Whoami {
    const NAME: &'static str = "whoami";
    const TITLE: &'static str = "Who am I";
    const DESCRIPTION: &'static str =
        "Shows the project, role, scopes and expiry of the API key in use.";
    const EFFECT: Effect = Effect::Reads;
    const TOOLSET: Option<Toolset> = None;
    type Input = Input;
    type Output = Output;

    async fn call(call: &Call<'_>, _: &Tx, Input {}: Input) -> Result<Output, ToolError> {
        let (key, tenant) = (call.caller.key(), call.tenant());
        Ok(Output {
            project: key.project_slug.clone(),
            project_id: tenant.project().to_string(),
            user_id: tenant.user().to_string(),
            role: call.standing.role.to_string(),
            scopes: key.scopes.names().into_iter().map(str::to_owned).collect(),
            key_id: key.id.to_string(),
            key_label: key.label.clone(),
            test_key: key.test,
            key_expires_at: key.expires_at.map(rfc3339),
            toolsets: call.standing.toolsets.names(),
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}
