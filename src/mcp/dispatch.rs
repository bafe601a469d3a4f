//! One call: message, session, method, tool, answer, inside one transaction of the caller.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::tools::{Registry, ToolCall, ToolError};
use super::wire::{
    CallToolRequestParams, CallToolResult, Message, PaginatedRequestParams, RequestId, RpcError,
    render,
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
    method: &'a str,
    params: Option<&'a RawValue>,
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
                let request = Request { caller, id, method, params: params.as_deref() };
                (Some(id), self.request(&request, session).await)
            }
            Message::Notification { .. } | Message::Response => {
                (None, self.accept(caller, session).await)
            }
        };
        answer.unwrap_or_else(|error| Answer::error(id, &error))
    }

    async fn request(
        &self,
        request: &Request<'_>,
        session: Option<&str>,
    ) -> Result<Answer, RpcError> {
        if request.method == "initialize" {
            return self.initialize(request.caller, request.id, request.params).await;
        }
        let session_id = session.ok_or_else(RpcError::session_missing)?;
        let block = async |tx: &Tx| self.answer(tx, request, session_id).await;
        let tenant = request.caller.tenant();
        let done = if self.writes(request) {
            self.store.write(tenant, block).await
        } else {
            self.store.read(tenant, block).await
        };
        match done {
            Ok((body, session)) => {
                if session.unseen {
                    self.touch_session(request.caller, session_id).await?;
                }
                Ok(Answer::json(body))
            }
            Err(Undone::Rpc(error)) => Err(error),
            Err(Undone::Tool(sentence)) => {
                Ok(Answer::json(render::result(request.id, &render::tool_failure(sentence))?))
            }
        }
    }

    /// Notifications and responses change nothing yet; their session must exist.
    async fn accept(&self, caller: &Caller, session: Option<&str>) -> Result<Answer, RpcError> {
        let id = session.ok_or_else(RpcError::session_missing)?;
        let tenant = caller.tenant();
        let found = self.store.read(tenant, async |tx| sessions::find(tx, tenant, id).await);
        match found.await.map_err(|error: StoreError| RpcError::from(error))? {
            Some(_) => Ok(Answer { status: 202, body: Vec::new(), session: None }),
            None => Err(RpcError::session_unknown()),
        }
    }

    /// Runs a request inside `tx`, up to the bytes that will be sent after the commit.
    async fn answer(
        &self,
        tx: &Tx,
        request: &Request<'_>,
        session_id: &str,
    ) -> Result<(Vec<u8>, Session), Undone> {
        let session = sessions::find(tx, request.caller.tenant(), session_id).await?;
        let session = session.ok_or_else(RpcError::session_unknown)?;
        call_log::note(|fields| fields.client = Some(session.client_name.clone()));
        let body = match request.method {
            "ping" => render::result(request.id, &render::Empty {})?,
            "tools/list" => render::result(request.id, &self.list_tools(request, &session)?)?,
            "tools/call" => {
                render::result(request.id, &self.call_tool(tx, request, &session).await?)?
            }
            unknown => return Err(RpcError::method_not_found(unknown).into()),
        };
        Ok((body, session))
    }

    fn list_tools(
        &self,
        request: &Request<'_>,
        session: &Session,
    ) -> Result<super::wire::ListToolsResult, RpcError> {
        let params: Option<PaginatedRequestParams> = request.optional_params()?;
        if params.is_some_and(|params| params.cursor.is_some()) {
            return Err(RpcError::invalid_params(
                "`cursor` is not one of this list: it has one page",
            ));
        }
        let may = |right| request.caller.may(right, session.role);
        Ok(render::tool_list(self.tools.list(may)))
    }

    async fn call_tool(
        &self,
        tx: &Tx,
        request: &Request<'_>,
        session: &Session,
    ) -> Result<CallToolResult, Undone> {
        let params: CallToolRequestParams = request.params()?;
        let tool = self.tools.find(&params.name);
        let tool = tool.filter(|tool| request.caller.may(tool.right(), session.role));
        let tool = tool.ok_or_else(|| {
            RpcError::invalid_params(format!("there is no tool `{}`", params.name))
        })?;
        call_log::note(|fields| fields.tool = Some(tool.name().to_owned()));
        let call = ToolCall {
            caller: request.caller,
            role: session.role,
            client: &session.client_name,
            ambient: &self.ambient,
            sealer: &self.sealer,
        };
        let output = tool.run(&call, tx, params.arguments.unwrap_or_default()).await?;
        Ok(render::tool_output(output))
    }

    /// Whether the request is the call of a tool that writes.
    fn writes(&self, request: &Request<'_>) -> bool {
        request.method == "tools/call"
            && request
                .params::<CallToolRequestParams>()
                .ok()
                .and_then(|params| self.tools.find(&params.name))
                .is_some_and(|tool| tool.right() == Right::Write)
    }
}

impl Request<'_> {
    fn params<T: DeserializeOwned>(&self) -> Result<T, RpcError> {
        let text = self.params.map_or("{}", RawValue::get);
        serde_json::from_str(text)
            .map_err(|error| RpcError::invalid_params(format!("`{}`: {error}", self.method)))
    }

    fn optional_params<T: DeserializeOwned>(&self) -> Result<Option<T>, RpcError> {
        self.params.map(|_| self.params()).transpose()
    }
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
