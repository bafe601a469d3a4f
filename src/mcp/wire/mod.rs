//! The protocol as bytes: JSON-RPC envelopes, errors, versions, both eras. Pure; the only place that
//! knows `rmcp`'s types.

pub mod envelope;
pub mod era;
pub mod error;
pub mod header_param;
pub mod header_value;
pub mod meta;
pub mod names;
pub mod render;
pub mod version;

pub use envelope::{Message, Outcome, Posted, RequestId};
pub use era::Era;
pub use error::RpcError;
pub use header_param::HeaderParam;
pub use meta::RequestMeta;
pub use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResult, CompleteRequestParams, CompleteResult,
    CompletionInfo, ContentBlock, DiscoverResult, GetPromptRequestParams, GetPromptResult,
    Implementation, InitializeRequestParams, InitializeResult, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, MetaObject,
    PaginatedRequestParams, Prompt, PromptArgument, PromptMessage, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResult, Reference, Resource, ResourceContents,
    ResourceTemplate, Role as PromptRole, ServerCapabilities, SubscriptionFilter, Tool,
    ToolAnnotations,
};
