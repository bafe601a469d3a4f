//! One message: how it is sent in its era, and what becomes of its answer.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use super::answer::Answer;
use super::bridge::Bridge;
use super::message::{Kind, Message, cancellation, error, with_id};
use super::refusal::Refusal;
use super::session::Session;
use crate::cli::output;

/// JSON-RPC: something failed that is not the caller's fault.
pub(super) const INTERNAL: i32 = -32603;
/// The id of an `initialize` of the bridge's own, of which its client hears nothing.
const OWN_ID: &str = "mbmcp-stdio-initialize";

impl Bridge {
    /// Sends a request and writes its answer.
    pub(super) async fn request(self: &Arc<Self>, message: &Message, id: &Value) {
        let answered = match &message.mirror {
            Some(mirror) => self.modern(mirror.headers(), message, id).await,
            None if message.asks_for("initialize") => self.initialize(&message.text, id).await,
            None => self.legacy(message, id).await,
        };
        let line = match answered {
            Ok(line) => with_id(line, Some(id)),
            Err(refusal) if refusal.under_way && message.asks_for("subscriptions/listen") => {
                cancellation(id, &refusal.sentence)
            }
            Err(refusal) => {
                output::talk(&format!("mbmcp: {refusal}"));
                error(Some(id), INTERNAL, &refusal.sentence)
            }
        };
        self.output.write(line).await;
    }

    /// Sends a message that is no request.
    pub(super) async fn tell(self: &Arc<Self>, message: &Message) {
        let sent = match &message.mirror {
            Some(mirror) => self.post(mirror.headers(), &message.text).await,
            None => self.post_in_session(&message.text).await.map(|(response, _)| response),
        };
        let answer = match sent {
            Ok(response) => Answer::read(response).await,
            Err(refusal) => Err(refusal),
        };
        match answer {
            Ok(Answer::Message(line)) if matches!(message.kind, Kind::Notification { .. }) => {
                output::talk(&format!("mbmcp: a notification was refused: {line}"));
            }
            Ok(Answer::Message(line)) => self.output.write(with_id(line, None)).await,
            Ok(_) => {}
            Err(refusal) => output::talk(&format!("mbmcp: {refusal}")),
        }
    }

    async fn modern(
        &self,
        headers: HeaderMap,
        message: &Message,
        id: &Value,
    ) -> Result<String, Refusal> {
        let answer = Answer::read(self.post(headers, &message.text).await?).await?;
        self.response(answer, id, None, Some(&self.output)).await
    }

    async fn legacy(self: &Arc<Self>, message: &Message, id: &Value) -> Result<String, Refusal> {
        let (response, session) = self.post_in_session(&message.text).await?;
        let answer = Answer::read(response).await?;
        self.response(answer, id, session.as_deref(), Some(&self.output)).await
    }

    /// Opens a session for the client.
    async fn initialize(self: &Arc<Self>, text: &str, id: &Value) -> Result<String, Refusal> {
        let _one_at_a_time = self.sessions.opening.lock().await;
        let response = self.post(HeaderMap::new(), text).await?;
        let headers = response.headers().clone();
        let line =
            self.response(Answer::read(response).await?, id, None, Some(&self.output)).await?;
        if let Some(session) = Session::opened(text, &headers, &line)
            && let Some(displaced) = self.sessions.set(&Arc::new(session))
        {
            self.end_displaced(displaced);
        }
        Ok(line)
    }

    /// Sends a message in the session of now; in a new one, if that has ended.
    async fn post_in_session(
        self: &Arc<Self>,
        text: &str,
    ) -> Result<(Response<Body>, Option<Arc<Session>>), Refusal> {
        let Some(session) = self.sessions.now() else {
            return Ok((self.post(HeaderMap::new(), text).await?, None));
        };
        let response = self.post(session.headers(), text).await?;
        if response.status() != StatusCode::NOT_FOUND || !session.is_kept() {
            return Ok((response, Some(session)));
        }
        let session = self.replace(&session).await?;
        Ok((self.post(session.headers(), text).await?, Some(session)))
    }

    /// A session instead of `lost`, opened with the client's own words.
    async fn replace(self: &Arc<Self>, lost: &Arc<Session>) -> Result<Arc<Session>, Refusal> {
        let _one_at_a_time = self.sessions.opening.lock().await;
        if let Some(session) = self.sessions.instead_of(lost) {
            return Ok(session);
        }
        let id = Value::from(OWN_ID);
        let text = renamed(&lost.initialize, &id)?;
        let response = self.post(HeaderMap::new(), &text).await?;
        let headers = response.headers().clone();
        let line = self.response(Answer::read(response).await?, &id, None, None).await?;
        let opened = Session::opened(&lost.initialize, &headers, &line);
        let session = opened.ok_or_else(|| {
            Refusal::new(format!("the session has ended and no new one is opened: {line}"))
        })?;
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.post(session.headers(), &initialized.to_string()).await?;
        let session = Arc::new(session);
        // What it displaces is `lost`: nothing else was opened meanwhile.
        self.sessions.set(&session);
        self.listen_in(session.clone());
        Ok(session)
    }

    async fn post(&self, mut headers: HeaderMap, text: &str) -> Result<Response<Body>, Refusal> {
        let both = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(header::ACCEPT, both);
        self.endpoint.send(Method::POST, headers, text.to_owned()).await
    }
}

/// The request `text` with another id.
fn renamed(text: &str, id: &Value) -> Result<String, Refusal> {
    let broken = |error| Refusal::new(format!("`initialize` cannot be sent again: {error}"));
    let mut request: Value = serde_json::from_str(text).map_err(broken)?;
    request["id"] = id.clone();
    Ok(request.to_string())
}
