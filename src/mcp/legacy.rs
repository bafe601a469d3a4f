//! Messages of the legacy era, each in a session but for `initialize`.

use super::asking::Answers;
use super::dispatch::{Ground, HttpAnswer, Ran, Request, Service, find_session};
use super::method::Method;
use super::notices::Notices;
use super::tools::Toolsets;
use super::wire::render::Form;
use super::wire::{Era, Message, RequestId, RpcError};
use crate::access::Caller;
use crate::telemetry::call_log;

impl Service {
    /// Answers one message that was sent by POST. `toolsets` is what the URL says of them, which
    /// `initialize` keeps for the session.
    pub async fn legacy(
        &self,
        caller: &Caller,
        session: Option<&str>,
        toolsets: Option<&Toolsets>,
        message: &Message,
    ) -> HttpAnswer {
        let Message::Request { id, method, params } = message else {
            let accepted = self.accept(caller, session).await;
            return accepted.unwrap_or_else(|error| HttpAnswer::error(Era::Legacy, None, error));
        };
        let answer = if method == "initialize" {
            call_log::note(|fields| fields.method = Some("initialize"));
            self.initialize(caller, id, params.as_deref(), toolsets).await
        } else {
            let method = Method::of(Era::Legacy, method, params.as_deref());
            call_log::note(|fields| fields.method = Some(method.name()));
            self.in_session(caller, session, id, method).await
        };
        answer.unwrap_or_else(|error| HttpAnswer::error(Era::Legacy, Some(id), error))
    }

    async fn in_session(
        &self,
        caller: &Caller,
        session: Option<&str>,
        id: &RequestId,
        method: Method<'_>,
    ) -> Result<HttpAnswer, RpcError> {
        let session = session.ok_or_else(RpcError::session_missing)?;
        let notices = &Notices::default();
        let ground = Ground::Session(session);
        let answers = &Answers::default();
        let form = Form::Legacy;
        let request = Request { caller, id, method, ground, notices, answers, form };
        let Ran::Answered(answered) = self.run(request).await? else {
            return Err(RpcError::cannot_ask());
        };
        if answered.unseen {
            self.touch_session(caller, session).await;
        }
        Ok(HttpAnswer::json(answered.body))
    }

    /// Notifications and responses change nothing yet; their session must exist.
    async fn accept(&self, caller: &Caller, session: Option<&str>) -> Result<HttpAnswer, RpcError> {
        let id = session.ok_or_else(RpcError::session_missing)?;
        self.store.read(caller.tenant(), async |tx| find_session(tx, caller, id).await).await?;
        Ok(HttpAnswer::accepted())
    }
}
