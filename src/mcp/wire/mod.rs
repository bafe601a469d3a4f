//! The protocol as bytes: JSON-RPC envelopes, errors, versions. Pure; the only place that knows
//! `rmcp`'s types.

pub mod envelope;
pub mod error;
pub mod header_value;
pub mod meta;
mod nul;
pub mod render;
pub mod version;

pub use envelope::{Message, RequestId};
pub use error::RpcError;
pub use nul::has_nul;
pub use rmcp::model::{
    CallToolRequestParams, CallToolResult, CompleteRequestParams, CompleteResult, CompletionInfo,
    ContentBlock, GetPromptRequestParams, GetPromptResult, Implementation, InitializeRequestParams,
    InitializeResult, JsonObject, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, Prompt, PromptArgument,
    PromptMessage, ProtocolVersion, ReadResourceRequestParams, ReadResourceResult, Reference,
    Resource, ResourceContents, ResourceTemplate, Role as PromptRole, ServerCapabilities, Tool,
    ToolAnnotations,
};
