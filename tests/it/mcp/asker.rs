//! A handler that asks its client: before it writes a document or gives away a prompt or a resource,
//! and in tools of its own. All else is the memory bank's.

use futures_util::future::BoxFuture;
use mbmcp::mcp::wire::{CallToolResult, ContentBlock, ServerCapabilities, Tool};
use mbmcp::mcp::{Call, CallError, Handler, MemoryBank, Method, Question, Questions};
use mbmcp::store::Tx;
use serde_json::{Value, json};

/// Asks before it answers.
pub struct Asker(MemoryBank);

impl Asker {
    pub fn boxed() -> Box<dyn Handler> {
        Box::new(Self(MemoryBank::new().unwrap()))
    }

    async fn dispatch(
        &self,
        call: &Call<'_>,
        tx: &Tx,
        method: Method<'_>,
    ) -> Result<Vec<u8>, CallError> {
        let tool = match &method {
            Method::CallTool(Ok(params)) => params.name.to_string(),
            Method::GetPrompt(_) | Method::ReadResource(_) | Method::Complete(_) => {
                answers_to(call, vec![confirmation()], None)?;
                String::new()
            }
            _ => String::new(),
        };
        match &*tool {
            "write_memory_bank_file" => {
                let answers = answers_to(call, vec![confirmation()], None)?;
                if answers["sure"]["content"]["sure"] != true {
                    return Err(CallError::Tool("it was not confirmed".to_owned()));
                }
                self.0.answer(call, tx, method).await
            }
            "survey" => Ok(call.answer(survey(call)?)?),
            "everything" => {
                let missing = everything().into_iter();
                let missing = missing.filter(|ask| !call.answers.results.contains_key(&ask.key));
                let missing: Vec<Question> = missing.collect();
                if !missing.is_empty() {
                    return Err(CallError::Asks(Questions { requests: missing, state: None }));
                }
                Ok(call.answer(text(&json!(call.answers.results)))?)
            }
            _ => self.0.answer(call, tx, method).await,
        }
    }
}

impl Handler for Asker {
    fn capabilities(&self) -> ServerCapabilities {
        self.0.capabilities()
    }

    fn instructions(&self) -> &str {
        self.0.instructions()
    }

    fn tool(&self, name: &str) -> Option<&Tool> {
        self.0.tool(name)
    }

    fn target(&self, uri: &str) -> Option<String> {
        self.0.target(uri)
    }

    fn writes(&self, method: &Method<'_>) -> bool {
        self.0.writes(method)
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

/// The answers to all of `questions`; else asks them.
fn answers_to(
    call: &Call<'_>,
    questions: Vec<Question>,
    state: Option<Value>,
) -> Result<Value, CallError> {
    let results = &call.answers.results;
    if questions.iter().all(|question| results.contains_key(&question.key)) {
        return Ok(json!(results));
    }
    Err(CallError::Asks(Questions { requests: questions, state }))
}

/// Two questions, one after the other; the second is only known after the first.
fn survey(call: &Call<'_>) -> Result<CallToolResult, CallError> {
    let name = form("name", &json!({ "type": "string" }));
    let first = answers_to(call, vec![name], Some(json!({ "step": 1 })))?;
    let asked = format!("Dear {}, how old are you?", first["name"]["content"]["name"]);
    let mut age = form("age", &json!({ "type": "integer", "minimum": 18 }));
    age.params["message"] = asked.into();
    answers_to(call, vec![age], Some(json!({ "step": 2 })))?;
    Ok(text(&json!({ "answers": call.answers.results, "state": call.answers.state })))
}

fn everything() -> Vec<Question> {
    let text = json!({ "type": "text", "text": "What is the capital of France?" });
    let sampling = json!({ "messages": [{ "role": "user", "content": text }], "maxTokens": 9 });
    let ask = |key: &str, method, params| Question { key: key.to_owned(), method, params };
    vec![
        confirmation(),
        ask("capital", "sampling/createMessage", sampling),
        ask("roots", "roots/list", json!({})),
    ]
}

fn confirmation() -> Question {
    form("sure", &json!({ "type": "boolean" }))
}

fn form(key: &str, kind: &Value) -> Question {
    let schema = json!({ "type": "object", "properties": { key: kind }, "required": [key] });
    let params = json!({ "mode": "form", "message": "Please", "requestedSchema": schema });
    Question { key: key.to_owned(), method: "elicitation/create", params }
}

fn text(value: &Value) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(value.to_string())])
}
