//! The product's handler: tools, documents as resources, prompts.

use futures_util::future::BoxFuture;

use super::call::Call;
use super::error::CallError;
use super::handler::Handler;
use super::method::{Method, single_page};
use super::tools::Registry;
use super::wire::{
    CallToolRequestParams, CallToolResult, CompleteRequestParams, CompleteResult, CompletionInfo,
    JsonObject, ListPromptsResult, ListResourceTemplatesResult, ListToolsResult, Reference,
    RpcError, ServerCapabilities, Tool, render,
};
use super::{prompts, resources};
use crate::model::Right;
use crate::store::Tx;
use crate::telemetry::call_log;

const INSTRUCTIONS: &str = include_str!("instructions.md");

/// Answers with what the tenant remembers.
pub struct MemoryBank {
    tools: Registry,
}

impl MemoryBank {
    /// With all tools of the product.
    ///
    /// # Errors
    /// When a tool's schema cannot be compiled, which a test excludes.
    pub fn new() -> Result<Self, String> {
        Ok(Self { tools: Registry::new()? })
    }

    async fn dispatch(
        &self,
        call: &Call<'_>,
        tx: &Tx,
        method: Method<'_>,
    ) -> Result<Vec<u8>, CallError> {
        let body = match method {
            Method::Ping => call.answer(render::Empty {}),
            Method::ListTools(params) => {
                single_page(params)?;
                let toolsets = &call.standing.toolsets;
                let tools = self.tools.list(toolsets, |right| call.may(right));
                call.answer(ListToolsResult::with_all_items(tools))
            }
            Method::CallTool(params) => call.answer(self.call_tool(call, tx, params?).await?),
            Method::ListResourceTemplates(params) => {
                single_page(params)?;
                let templates = resources::templates();
                call.answer(ListResourceTemplatesResult::with_all_items(templates))
            }
            Method::ListPrompts(params) => {
                single_page(params)?;
                call.answer(ListPromptsResult::with_all_items(prompts::list()))
            }
            Method::GetPrompt(params) => call.answer(prompts::get(&params?)?),
            method if !call.may(Right::Read) => Err(RpcError::method_not_found(method.name())),
            Method::ListResources(params) => {
                let cursor = params?.and_then(|params| params.cursor);
                let listed = resources::list(tx, call.tenant(), call.sealer, cursor.as_deref());
                call.answer(listed.await.map_err(CallError::of_protocol)?)
            }
            Method::ReadResource(params) => {
                call.answer(resources::read(tx, call.tenant(), &params?.uri).await?)
            }
            Method::Complete(params) => call.answer(complete(call, tx, params?).await?),
            Method::Unknown(name) => Err(RpcError::method_not_found(name)),
        };
        Ok(body?)
    }

    async fn call_tool(
        &self,
        call: &Call<'_>,
        tx: &Tx,
        params: CallToolRequestParams,
    ) -> Result<CallToolResult, CallError> {
        let tool = self.tools.find(&params.name);
        let tool =
            tool.filter(|tool| tool.is_in(&call.standing.toolsets) && call.may(tool.right()));
        let tool = tool.ok_or_else(|| RpcError::tool_not_found(&params.name))?;
        call_log::note(|fields| fields.tool = Some(tool.name().to_owned()));
        let output = tool.run(call, tx, params.arguments.unwrap_or_default()).await?;
        Ok(render::tool_output(output))
    }
}

impl Handler for MemoryBank {
    fn capabilities(&self) -> ServerCapabilities {
        let mut capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        capabilities.logging = Some(JsonObject::new());
        capabilities
    }

    fn instructions(&self) -> &str {
        INSTRUCTIONS
    }

    fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.find(name).map(super::tools::Registered::definition)
    }

    fn target(&self, uri: &str) -> Option<String> {
        resources::path(uri)
    }

    fn writes(&self, method: &Method<'_>) -> bool {
        let Method::CallTool(Ok(params)) = method else { return false };
        self.tools.find(&params.name).is_some_and(|tool| tool.right() == Right::Write)
    }

    fn answer<'a>(
        &'a self,
        call: &'a Call<'a>,
        tx: &'a Tx,
        method: Method<'a>,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(self.dispatch(call, tx, method))
    }
}

/// What completes an argument: names of documents, and nothing for the free texts of prompts.
async fn complete(
    call: &Call<'_>,
    tx: &Tx,
    params: CompleteRequestParams,
) -> Result<CompleteResult, CallError> {
    let argument = (params.argument.name.as_str(), params.argument.value.as_str());
    let completion = match &params.r#ref {
        Reference::Resource(resource) => {
            resources::complete(tx, call.tenant(), &resource.uri, argument).await?
        }
        Reference::Prompt(prompt) => {
            prompts::has_argument(&prompt.name, argument.0)?;
            CompletionInfo::default()
        }
        _ => return Err(RpcError::invalid_params("`ref` must be a prompt or a resource").into()),
    };
    Ok(CompleteResult::new(completion))
}
