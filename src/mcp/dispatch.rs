//! One call: message, session, method, tool, answer, inside one transaction of the caller.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::tools::{Registry, ToolCall, ToolError};
use super::wire::{
    CallToolRequestParams, CallToolResult, InitializeRequestParams, ListToolsResult, Message,
    PaginatedRequestParams, RequestId, RpcError, render,
};
use crate::access::Caller;
use crate::model::{Ambient, Right, Sealer};
use crate::store::pg::sessions::{self, Session};
use crate::store::{Store, StoreError, Tx};
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
enum CallError {
    /// The protocol's error.
    Rpc(RpcError),
    /// A tool refused: a sentence that says how to fix the call.
    Tool(String),
}

/// What is asked for, with parameters that are reported as bad only once the session is found.
enum Method<'a> {
    Initialize(Result<InitializeRequestParams, RpcError>),
    Ping,
    ListTools(Result<Option<PaginatedRequestParams>, RpcError>),
    CallTool(Result<CallToolRequestParams, RpcError>),
    Unknown(&'a str),
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
                Ok(HttpAnswer::json(render::result(id, &render::tool_failure(sentence))?))
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
        let body = match method {
            Method::Ping => render::result(id, &render::Empty {}),
            Method::ListTools(params) => {
                render::result(id, &self.list_tools(caller, params?, session)?)
            }
            Method::CallTool(params) => {
                render::result(id, &self.call_tool(tx, caller, params?, session).await?)
            }
            Method::Initialize(_) => Err(RpcError::internal()),
            Method::Unknown(name) => Err(RpcError::method_not_found(name)),
        };
        Ok(body?)
    }

    fn list_tools(
        &self,
        caller: &Caller,
        params: Option<PaginatedRequestParams>,
        session: &Session,
    ) -> Result<ListToolsResult, RpcError> {
        if params.is_some_and(|params| params.cursor.is_some()) {
            return Err(RpcError::invalid_params(
                "`cursor` is not one of this list: it has one page",
            ));
        }
        Ok(render::tool_list(self.tools.list(|right| caller.may(right, session.role))))
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

impl<'a> Method<'a> {
    fn of(name: &'a str, params: Option<&RawValue>) -> Self {
        match name {
            "initialize" => Self::Initialize(read(name, params)),
            "ping" => Self::Ping,
            "tools/list" => Self::ListTools(params.map(|p| read(name, Some(p))).transpose()),
            "tools/call" => Self::CallTool(read(name, params)),
            unknown => Self::Unknown(unknown),
        }
    }

    /// For logs: what is unknown may be anything, of any length.
    fn name(&self) -> &'static str {
        match self {
            Self::Initialize(_) => "initialize",
            Self::Ping => "ping",
            Self::ListTools(_) => "tools/list",
            Self::CallTool(_) => "tools/call",
            Self::Unknown(_) => "unknown",
        }
    }
}

fn read<T: DeserializeOwned>(method: &str, params: Option<&RawValue>) -> Result<T, RpcError> {
    serde_json::from_str(params.map_or("{}", RawValue::get))
        .map_err(|error| RpcError::invalid_params(format!("`{method}`: {error}")))
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
