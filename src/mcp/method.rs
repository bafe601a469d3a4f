//! The methods that are served, with their parameters.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::wire::{
    CallToolRequestParams, CompleteRequestParams, Era, GetPromptRequestParams,
    PaginatedRequestParams, ReadResourceRequestParams, RpcError,
};

/// Parameters as read; what is wrong with them is said only once the caller may know.
type Params<T> = Result<T, RpcError>;

/// What is asked for.
#[derive(Debug)]
pub enum Method<'a> {
    /// `ping` (legacy era).
    Ping,
    /// `tools/list`.
    ListTools(Params<Option<PaginatedRequestParams>>),
    /// `tools/call`.
    CallTool(Params<CallToolRequestParams>),
    /// `resources/list`.
    ListResources(Params<Option<PaginatedRequestParams>>),
    /// `resources/templates/list`.
    ListResourceTemplates(Params<Option<PaginatedRequestParams>>),
    /// `resources/read`.
    ReadResource(Params<ReadResourceRequestParams>),
    /// `prompts/list`.
    ListPrompts(Params<Option<PaginatedRequestParams>>),
    /// `prompts/get`.
    GetPrompt(Params<GetPromptRequestParams>),
    /// `completion/complete`.
    Complete(Params<CompleteRequestParams>),
    /// Anything else, by its name.
    Unknown(&'a str),
}

impl<'a> Method<'a> {
    /// The method `name` of `era`. `initialize` and `server/discover`, which open an era, are none.
    pub(super) fn of(era: Era, name: &'a str, params: Option<&RawValue>) -> Self {
        match name {
            "ping" if era == Era::Legacy => Self::Ping,
            "tools/list" => Self::ListTools(optional(name, params)),
            "tools/call" => Self::CallTool(read(name, params)),
            "resources/list" => Self::ListResources(optional(name, params)),
            "resources/templates/list" => Self::ListResourceTemplates(optional(name, params)),
            "resources/read" => Self::ReadResource(read(name, params)),
            "prompts/list" => Self::ListPrompts(optional(name, params)),
            "prompts/get" => Self::GetPrompt(read(name, params)),
            "completion/complete" => Self::Complete(read(name, params)),
            unknown => Self::Unknown(unknown),
        }
    }

    /// For logs: what is unknown may be anything, of any length.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::ListTools(_) => "tools/list",
            Self::CallTool(_) => "tools/call",
            Self::ListResources(_) => "resources/list",
            Self::ListResourceTemplates(_) => "resources/templates/list",
            Self::ReadResource(_) => "resources/read",
            Self::ListPrompts(_) => "prompts/list",
            Self::GetPrompt(_) => "prompts/get",
            Self::Complete(_) => "completion/complete",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// The parameters of `method`.
pub(super) fn read<T: DeserializeOwned>(method: &str, params: Option<&RawValue>) -> Params<T> {
    serde_json::from_str(params.map_or("{}", RawValue::get))
        .map_err(|error| RpcError::invalid_params(format!("`{method}`: {error}")))
}

fn optional<T: DeserializeOwned>(method: &str, params: Option<&RawValue>) -> Params<Option<T>> {
    params.map(|params| read(method, Some(params))).transpose()
}

/// The cursor of a list; of one that has a single page, any is wrong.
pub(super) fn single_page(params: Params<Option<PaginatedRequestParams>>) -> Result<(), RpcError> {
    match params?.and_then(|params| params.cursor) {
        None => Ok(()),
        Some(_) => Err(RpcError::invalid_params("`cursor`: this list has one page; omit it")),
    }
}
