//! A handler that says and answers what it is told to.

use std::time::Duration;

use futures_util::future::BoxFuture;
use mbmcp::mcp::wire::{CallToolResult, ContentBlock, RpcError, ServerCapabilities, Tool};
use mbmcp::mcp::{Call, CallError, Handler, Method, Question, Questions};
use mbmcp::model::SignalKind;
use mbmcp::store::Tx;
use mbmcp::store::pg::signals;
use serde_json::{Value, json};

/// Its tool `talk` changes something, and `tell` does not. Both say so many `messages` of so many
/// `bytes`, and give an `answer` of so many and a list of so many `numbers`; both wait so many
/// milliseconds `before` and `after` the messages. With `ask`, they ask instead of answering.
pub struct Talker;

impl Talker {
    async fn talk(call: &Call<'_>, tx: &Tx, method: Method<'_>) -> Result<Vec<u8>, CallError> {
        let Method::CallTool(params) = method else {
            return Err(RpcError::method_not_found("other").into());
        };
        let params = params?;
        let arguments = Value::Object(params.arguments.unwrap_or_default());
        let number = |name: &str| arguments[name].as_u64().unwrap_or_default();
        let size = |name: &str| usize::try_from(number(name)).unwrap();
        let wait = async |name: &str| tokio::time::sleep(Duration::from_millis(number(name))).await;
        if params.name == "talk" {
            let id = call.ambient.uuid().unwrap();
            signals::announce(tx, call.tenant(), id, SignalKind::ToolsChanged, "a change").await?;
        }
        if call.answers.results.is_empty() {
            wait("before").await;
        }
        let message = "x".repeat(size("bytes"));
        for said in 0..u32::try_from(number("messages")).unwrap() {
            call.notices.progress(said.into(), None, &message);
            if said % 500 == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        if arguments["ask"] == true && call.answers.results.is_empty() {
            return Err(CallError::Asks(Questions { requests: vec![question()], state: None }));
        }
        wait("after").await;
        let answer = ContentBlock::text("x".repeat(size("answer")));
        let mut answer = CallToolResult::success(vec![answer]);
        answer.structured_content = Some(json!({ "numbers": vec![1; size("numbers")] }));
        Ok(call.answer(answer)?)
    }
}

fn question() -> Question {
    let schema = json!({ "type": "object", "properties": { "sure": { "type": "boolean" } } });
    let params = json!({ "message": "Sure?", "requestedSchema": schema });
    Question { key: "sure".to_owned(), method: "elicitation/create", params }
}

impl Handler for Talker {
    fn capabilities(&self) -> ServerCapabilities {
        ServerCapabilities::builder().enable_tools().build()
    }

    fn instructions(&self) -> &'static str {
        "Talks."
    }

    fn tool(&self, _: &str) -> Option<&Tool> {
        None
    }

    fn target(&self, _: &str) -> Option<String> {
        None
    }

    fn writes(&self, method: &Method<'_>) -> bool {
        matches!(method, Method::CallTool(Ok(params)) if params.name == "talk")
    }

    fn answer<'a>(
        &'a self,
        call: &'a Call<'a>,
        tx: &'a Tx,
        method: Method<'a>,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(Self::talk(call, tx, method))
    }
}
