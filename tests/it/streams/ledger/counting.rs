//! A handler whose tools count: they say each number, and one of them leaves a document in the end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use mbmcp::mcp::wire::{
    CallToolResult, ContentBlock, JsonObject, ListToolsResult, RpcError, ServerCapabilities, Tool,
    render,
};
use mbmcp::mcp::{Call, CallError, Handler, Method};
use mbmcp::memory::{Draft, Precondition, WriteError, write};
use mbmcp::model::DocumentPath;
use mbmcp::store::Tx;
use serde_json::Value;

use super::task::Task;

/// Only counts.
pub const COUNT: &str = "count";
/// Counts, and then writes a document.
pub const NOTE: &str = "count_and_note";

/// The handler.
pub struct Counting {
    tools: Vec<Tool>,
}

impl Counting {
    pub fn new() -> Self {
        let anything = || Arc::new(JsonObject::from_iter([("type".into(), "object".into())]));
        let tools = [(COUNT, "Counts."), (NOTE, "Counts, and writes that down.")];
        Self { tools: tools.map(|(name, what)| Tool::new(name, what, anything())).into() }
    }

    async fn dispatch(
        &self,
        call: &Call<'_>,
        tx: &Tx,
        method: Method<'_>,
    ) -> Result<Vec<u8>, CallError> {
        Ok(match method {
            Method::Ping => call.answer(render::Empty {}),
            Method::ListTools(_) => {
                call.answer(ListToolsResult::with_all_items(self.tools.clone()))
            }
            Method::CallTool(params) => {
                let params = params?;
                if self.tool(&params.name).is_none() {
                    return Err(RpcError::tool_not_found(&params.name).into());
                }
                let arguments = Value::Object(params.arguments.unwrap_or_default());
                call.answer(run(call, tx, &Task::of(&arguments)).await?)
            }
            method => Err(RpcError::invalid_params(format!("not here: {method:?}"))),
        }?)
    }
}

async fn run(call: &Call<'_>, tx: &Tx, task: &Task) -> Result<CallToolResult, CallError> {
    for number in 1..=task.to {
        let total = Some(f64::from(task.to));
        call.notices.progress(f64::from(number), total, &task.message(number));
        if number % task.burst == 0 {
            tokio::time::sleep(Duration::from_millis(task.pause_ms)).await;
        }
    }
    if let Some(path) = &task.document {
        let path = DocumentPath::parse(path).expect("a path");
        let content = format!("counted to {}", task.to);
        let draft = Draft { path, content, precondition: Precondition::Absent };
        let written = write(tx, call.tenant(), call.ambient, &call.author(), &[draft]).await;
        written.map_err(|error| match error {
            WriteError::Store(error) => CallError::from(error),
            refused => CallError::Tool(refused.to_string()),
        })?;
    }
    Ok(CallToolResult::success(vec![ContentBlock::text(task.message(task.to))]))
}

impl Handler for Counting {
    fn capabilities(&self) -> ServerCapabilities {
        ServerCapabilities::builder().enable_tools().build()
    }

    fn instructions(&self) -> &'static str {
        "For the ledger."
    }

    fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    fn target(&self, uri: &str) -> Option<String> {
        Some(uri.to_owned())
    }

    fn writes(&self, method: &Method<'_>) -> bool {
        matches!(method, Method::CallTool(Ok(params)) if params.name == NOTE)
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
