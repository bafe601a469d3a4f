//! One call: message, session, method, tool, answer, inside one transaction of the caller.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::tools::{Registry, ToolCall, ToolError};
use super::wire::{
    CallToolRequestParams, CallToolResult, ListToolsResult, Message, PaginatedRequestParams,
    RequestId, RpcError, render,
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
    /// How long an unused session lives.
    pub session_ttl: Duration,
    /// The tools.
    pub tools: Registry,
}

/// An HTTP answer to a POST.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON; empty with 202.
    pub body: Vec<u8>,
    /// The id of a session that was opened.
    pub session: Option<String>,
}

/// Why the block of a call was rolled back.
enum Undone {
    /// The protocol's error.
    Rpc(RpcError),
    /// A tool says how to mend the call.
    Tool(String),
}

/// A request within a session.
struct Request<'a> {
    caller: &'a Caller,
    id: &'a RequestId,
    asked: Asked<'a>,
}

/// What is asked for, with parameters that are reported as bad only once the session is found.
enum Asked<'a> {
    Ping,
    ListTools(Result<Option<PaginatedRequestParams>, RpcError>),
    CallTool(Result<CallToolRequestParams, RpcError>),
    Unknown(&'a str),
}

impl Service {
    /// Answers one message that was sent by POST.
    pub async fn post(&self, caller: &Caller, session: Option<&str>, body: &[u8]) -> Answer {
        let message = match Message::parse(body) {
            Ok(message) => message,
            Err(error) => return Answer::error(None, &error),
        };
        let (id, answer) = match &message {
            Message::Request { id, method, params } => {
                call_log::note(|fields| fields.method = Some(method.clone()));
                let params = params.as_deref();
                let answer = if method == "initialize" {
                    self.initialize(caller, id, params).await
                } else {
                    let request = Request { caller, id, asked: Asked::of(method, params) };
                    self.request(request, session).await
                };
                (Some(id), answer)
            }
            Message::Notification { .. } | Message::Response => {
                (None, self.accept(caller, session).await)
            }
        };
        answer.unwrap_or_else(|error| Answer::error(id, &error))
    }

    async fn request(
        &self,
        request: Request<'_>,
        session: Option<&str>,
    ) -> Result<Answer, RpcError> {
        let session_id = session.ok_or_else(RpcError::session_missing)?;
        let Request { caller, id, asked } = request;
        let writes = self.writes(&asked);
        let block = async |tx: &Tx| {
            let session = find_session(tx, caller, session_id).await?;
            let body = self.answer(tx, Request { caller, id, asked }, &session).await?;
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
                    self.touch_session(caller, session_id).await?;
                }
                Ok(Answer::json(body))
            }
            Err(Undone::Rpc(error)) => Err(error),
            Err(Undone::Tool(sentence)) => {
                Ok(Answer::json(render::result(id, &render::tool_failure(sentence))?))
            }
        }
    }

    /// Notifications and responses change nothing yet; their session must exist.
    async fn accept(&self, caller: &Caller, session: Option<&str>) -> Result<Answer, RpcError> {
        let id = session.ok_or_else(RpcError::session_missing)?;
        self.store.read(caller.tenant(), async |tx| find_session(tx, caller, id).await).await?;
        Ok(Answer { status: 202, body: Vec::new(), session: None })
    }

    /// Runs a request inside `tx`, up to the bytes that will be sent after the commit.
    async fn answer(
        &self,
        tx: &Tx,
        request: Request<'_>,
        session: &Session,
    ) -> Result<Vec<u8>, Undone> {
        let Request { caller, id, asked } = request;
        Ok(match asked {
            Asked::Ping => render::result(id, &render::Empty {})?,
            Asked::ListTools(params) => {
                render::result(id, &self.list_tools(caller, params?, session)?)?
            }
            Asked::CallTool(params) => {
                render::result(id, &self.call_tool(tx, caller, params?, session).await?)?
            }
            Asked::Unknown(method) => return Err(RpcError::method_not_found(method).into()),
        })
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
    ) -> Result<CallToolResult, Undone> {
        let tool = self.tools.find(&params.name);
        let tool = tool.filter(|tool| caller.may(tool.right(), session.role));
        let tool = tool.ok_or_else(|| {
            RpcError::invalid_params(format!("there is no tool `{}`", params.name))
        })?;
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
    fn writes(&self, asked: &Asked<'_>) -> bool {
        let Asked::CallTool(Ok(params)) = asked else { return false };
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

impl<'a> Asked<'a> {
    fn of(method: &'a str, params: Option<&RawValue>) -> Self {
        match method {
            "ping" => Self::Ping,
            "tools/list" => Self::ListTools(params.map(|p| read(method, Some(p))).transpose()),
            "tools/call" => Self::CallTool(read(method, params)),
            unknown => Self::Unknown(unknown),
        }
    }
}

fn read<T: DeserializeOwned>(method: &str, params: Option<&RawValue>) -> Result<T, RpcError> {
    serde_json::from_str(params.map_or("{}", RawValue::get))
        .map_err(|error| RpcError::invalid_params(format!("`{method}`: {error}")))
}

impl Answer {
    fn json(body: Vec<u8>) -> Self {
        Self { status: 200, body, session: None }
    }

    /// The answer that `error` is.
    #[must_use]
    pub fn error(id: Option<&RequestId>, error: &RpcError) -> Self {
        Self { status: error.status, body: render::error(id, error), session: None }
    }
}

impl From<RpcError> for Undone {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

/// So that a block of the store may fail with it.
impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Rpc(error.into())
    }
}

impl From<ToolError> for Undone {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::Mendable(sentence) => Self::Tool(sentence),
            ToolError::Store(error) => Self::Rpc(error.into()),
            ToolError::Broken => Self::Rpc(RpcError::internal()),
        }
    }
}
