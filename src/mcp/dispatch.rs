//! One call: message, session, method, tool, answer, inside one transaction of the caller.

use std::time::Duration;

use super::method::{Method, single_page};
use super::tools::{Registry, ToolCall, ToolError};
use super::wire::{
    CallToolRequestParams, CallToolResult, CompleteRequestParams, CompleteResult, CompletionInfo,
    ListPromptsResult, ListResourceTemplatesResult, ListToolsResult, Message, Reference, RequestId,
    RpcError, render,
};
use super::{prompts, resources};
use crate::access::Caller;
use crate::model::{Ambient, Right, Sealer};
use crate::store::pg::sessions::{self, Session};
use crate::store::{Store, StoreError, Tenant, Tx};
use crate::telemetry::call_log;

/// Everything that a call may use.
pub struct Service {
    /// Postgres.
    pub store: Store,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Seals cursors.
    pub sealer: Sealer,
    /// The longest that a call may take; then it is rolled back.
    pub call_timeout: Duration,
    /// How long an unused session lives.
    pub session_ttl: Duration,
    /// The tools.
    pub tools: Registry,
}

/// An HTTP answer to a POST.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON; empty with 202.
    pub body: Vec<u8>,
    /// The id of a session that was opened.
    pub session: Option<String>,
}

/// Why the block of a call was rolled back.
pub(super) enum CallError {
    /// The protocol's error.
    Rpc(RpcError),
    /// A tool refused: a sentence that says how to fix the call.
    Tool(String),
}

impl Service {
    /// Answers one message that was sent by POST.
    pub async fn post(&self, caller: &Caller, session: Option<&str>, body: &[u8]) -> HttpAnswer {
        let message = match Message::parse(body) {
            Ok(message) => message,
            Err(error) => return HttpAnswer::error(None, &error),
        };
        let (id, answer) = match &message {
            Message::Request { id, method, params } => {
                let method = Method::of(method, params.as_deref());
                call_log::note(|fields| fields.method = Some(method.name()));
                let call = self.request(caller, id, method, session);
                let done = tokio::time::timeout(self.call_timeout, call).await;
                (Some(id), done.unwrap_or_else(|_| Err(RpcError::deadline())))
            }
            Message::Notification | Message::Response => (None, self.accept(caller, session).await),
        };
        answer.unwrap_or_else(|error| HttpAnswer::error(id, &error))
    }

    async fn request(
        &self,
        caller: &Caller,
        id: &RequestId,
        method: Method<'_>,
        session: Option<&str>,
    ) -> Result<HttpAnswer, RpcError> {
        if let Method::Initialize(params) = method {
            return self.initialize(caller, id, params?).await;
        }
        let session_id = session.ok_or_else(RpcError::session_missing)?;
        let writes = self.writes(&method);
        let block = async |tx: &Tx| {
            let session = find_session(tx, caller, session_id).await?;
            let body = self.answer(tx, (caller, &session), id, method).await?;
            Ok((body, session))
        };
        let done = if writes {
            self.store.write(caller.tenant(), block).await
        } else {
            self.store.read(caller.tenant(), block).await
        };
        match done {
            Ok((body, session)) => {
                if session.unseen {
                    self.touch_session(caller, session_id).await;
                }
                Ok(HttpAnswer::json(body))
            }
            Err(CallError::Rpc(error)) => Err(error),
            Err(CallError::Tool(sentence)) => {
                Ok(HttpAnswer::json(render::result(id, render::tool_failure(sentence))?))
            }
        }
    }

    /// Notifications and responses change nothing yet; their session must exist.
    async fn accept(&self, caller: &Caller, session: Option<&str>) -> Result<HttpAnswer, RpcError> {
        let id = session.ok_or_else(RpcError::session_missing)?;
        self.store.read(caller.tenant(), async |tx| find_session(tx, caller, id).await).await?;
        Ok(HttpAnswer { status: 202, body: Vec::new(), session: None })
    }

    /// Runs a request inside `tx`, up to the bytes that will be sent after the commit.
    async fn answer(
        &self,
        tx: &Tx,
        (caller, session): (&Caller, &Session),
        id: &RequestId,
        method: Method<'_>,
    ) -> Result<Vec<u8>, CallError> {
        let tenant = caller.tenant();
        let body = match method {
            Method::Ping => render::result(id, render::Empty {}),
            Method::ListTools(params) => {
                single_page(params)?;
                let tools = self.tools.list(|right| caller.may(right, session.role));
                render::result(id, ListToolsResult::with_all_items(tools))
            }
            Method::CallTool(params) => {
                render::result(id, self.call_tool(tx, caller, params?, session).await?)
            }
            Method::ListResourceTemplates(params) => {
                single_page(params)?;
                let templates = resources::templates();
                render::result(id, ListResourceTemplatesResult::with_all_items(templates))
            }
            Method::ListPrompts(params) => {
                single_page(params)?;
                render::result(id, ListPromptsResult::with_all_items(prompts::list()))
            }
            Method::GetPrompt(params) => render::result(id, prompts::get(&params?)?),
            method if !caller.may(Right::Read, session.role) => {
                Err(RpcError::method_not_found(method.name()))
            }
            Method::ListResources(params) => {
                let cursor = params?.and_then(|params| params.cursor);
                let listed = resources::list(tx, tenant, &self.sealer, cursor.as_deref()).await;
                render::result(id, listed.map_err(CallError::of_protocol)?)
            }
            Method::ReadResource(params) => {
                render::result(id, resources::read(tx, tenant, &params?.uri).await?)
            }
            Method::Complete(params) => render::result(id, complete(tx, tenant, params?).await?),
            Method::Initialize(_) => Err(RpcError::internal()),
            Method::Unknown(name) => Err(RpcError::method_not_found(name)),
        };
        Ok(body?)
    }

    async fn call_tool(
        &self,
        tx: &Tx,
        caller: &Caller,
        params: CallToolRequestParams,
        session: &Session,
    ) -> Result<CallToolResult, CallError> {
        let tool = self.tools.find(&params.name);
        let tool = tool.filter(|tool| caller.may(tool.right(), session.role));
        let tool = tool.ok_or_else(|| RpcError::tool_not_found(&params.name))?;
        call_log::note(|fields| fields.tool = Some(tool.name().to_owned()));
        let call = ToolCall {
            caller,
            role: session.role,
            client: &session.client_name,
            ambient: &self.ambient,
            sealer: &self.sealer,
        };
        let output = tool.run(&call, tx, params.arguments.unwrap_or_default()).await?;
        Ok(render::tool_output(output))
    }

    /// Whether it is the call of a tool that writes.
    fn writes(&self, method: &Method<'_>) -> bool {
        let Method::CallTool(Ok(params)) = method else { return false };
        self.tools.find(&params.name).is_some_and(|tool| tool.right() == Right::Write)
    }
}

/// The caller's session `id`, with the caller's role now: the first statement of each call.
async fn find_session(tx: &Tx, caller: &Caller, id: &str) -> Result<Session, RpcError> {
    let session = sessions::find(tx, caller.tenant(), id).await?;
    let session = session.ok_or_else(RpcError::session_unknown)?;
    call_log::note(|fields| fields.client = Some(session.client_name.clone()));
    Ok(session)
}

impl HttpAnswer {
    fn json(body: Vec<u8>) -> Self {
        Self { status: 200, body, session: None }
    }

    /// The answer that `error` is.
    #[must_use]
    pub fn error(id: Option<&RequestId>, error: &RpcError) -> Self {
        Self { status: error.status, body: render::error(id, error), session: None }
    }
}

/// What completes an argument: names of documents, and nothing for the free texts of prompts.
async fn complete(
    tx: &Tx,
    tenant: &Tenant,
    params: CompleteRequestParams,
) -> Result<CompleteResult, CallError> {
    let argument = (params.argument.name.as_str(), params.argument.value.as_str());
    let completion = match &params.r#ref {
        Reference::Resource(resource) => {
            resources::complete(tx, tenant, &resource.uri, argument).await?
        }
        Reference::Prompt(prompt) => {
            prompts::has_argument(&prompt.name, argument.0)?;
            CompletionInfo::default()
        }
        _ => return Err(RpcError::invalid_params("`ref` must be a prompt or a resource").into()),
    };
    Ok(CompleteResult::new(completion))
}

impl CallError {
    /// A refusal of a method that has no `isError`: its parameters are wrong.
    fn of_protocol(error: ToolError) -> Self {
        match error {
            ToolError::Refused(sentence) => Self::Rpc(RpcError::invalid_params(sentence)),
            other => other.into(),
        }
    }
}

impl From<RpcError> for CallError {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

/// So that a block of the store may fail with it.
impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::Rpc(error.into())
    }
}

impl From<StoreError> for RpcError {
    /// Logs the error once and gives its public face.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "the database is unavailable");
                Self::unavailable()
            }
            StoreError::CommitLost(_) => {
                tracing::warn!(%error, "the outcome of a call is not known");
                Self::deadline()
            }
            StoreError::Timeout { .. } => {
                tracing::warn!(%error, "a statement took too long");
                Self::timeout()
            }
            StoreError::Collision { .. } => {
                tracing::warn!(%error, "transactions collided");
                Self::collision()
            }
            error => {
                tracing::error!(%error, "the store failed");
                Self::internal()
            }
        }
    }
}

impl From<ToolError> for CallError {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::Refused(sentence) => Self::Tool(sentence),
            ToolError::Store(error) => Self::Rpc(error.into()),
            ToolError::Broken => Self::Rpc(RpcError::internal()),
        }
    }
}
