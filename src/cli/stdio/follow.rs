//! Streams of messages: read up to the response, resumed when they break (2025-11-25, transports,
//! resumability), and the stream of the server's own messages.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use futures_util::StreamExt as _;
use serde_json::Value;
use sse_stream::{Sse, SseStream};

use super::answer::Answer;
use super::bridge::Bridge;
use super::message::{answers, one_line};
use super::refusal::Refusal;
use super::session::Session;
use crate::cli::output::Lines;
use crate::mcp::wire::names;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static(names::LAST_EVENT_ID);
/// The pause before a stream is resumed, unless the server names one, within these bounds.
const PAUSE: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How often in a row the stream of an answer may break without having brought anything.
const MAX_SILENT_BREAKS: u32 = 10;

/// How far a stream has been read.
struct Place {
    last_id: Option<HeaderValue>,
    pause: Duration,
    silent_breaks: u32,
}

impl Default for Place {
    fn default() -> Self {
        Self { last_id: None, pause: PAUSE, silent_breaks: 0 }
    }
}

impl Place {
    fn note(&mut self, event: &Sse) {
        self.silent_breaks = 0;
        if let Some(id) = &event.id {
            self.last_id = HeaderValue::from_str(id).ok().filter(|id| !id.is_empty());
        }
        if let Some(retry) = event.retry {
            self.pause = Duration::from_millis(retry).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        }
    }

    /// How long to wait now: longer each time that nothing came.
    fn delay(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.silent_breaks.saturating_sub(1));
        self.pause.saturating_mul(doubled).min(LONGEST_PAUSE)
    }

    /// The headers that go on from here.
    fn headers(&self, session: &Session) -> HeaderMap {
        let mut headers = session.headers();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.extend(self.last_id.clone().map(|id| (LAST_EVENT_ID, id)));
        headers
    }
}

impl Bridge {
    /// The response to the request `id`; what comes before it goes to `before`. With a session, a
    /// stream that breaks is resumed.
    pub(super) async fn response(
        &self,
        answer: Answer,
        id: &Value,
        session: Option<&Session>,
        before: Option<&Lines>,
    ) -> Result<String, Refusal> {
        let mut stream = match answer {
            Answer::Message(line) => return Ok(line),
            Answer::Stream(stream) => stream,
            Answer::Nothing => return Err(Refusal::new("the server answered without a message")),
        };
        let mut place = Place::default();
        loop {
            if let Some(line) = read(&mut stream, &mut place, Some(id), before).await {
                return Ok(line);
            }
            let Some(session) = session.filter(|_| place.last_id.is_some()) else {
                return Err(Refusal::lost("the connection broke before the answer came"));
            };
            stream = self.resume(session, &mut place, MAX_SILENT_BREAKS).await?;
        }
    }

    /// Goes on with a stream that broke.
    async fn resume(
        &self,
        session: &Session,
        place: &mut Place,
        most_silent_breaks: u32,
    ) -> Result<SseStream<Body>, Refusal> {
        while place.silent_breaks < most_silent_breaks {
            place.silent_breaks += 1;
            tokio::time::sleep(place.delay()).await;
            let headers = place.headers(session);
            let Ok(response) = self.endpoint.send(Method::GET, headers, String::new()).await else {
                continue;
            };
            if response.status().is_server_error() {
                continue;
            }
            return match Answer::read(response).await {
                Ok(Answer::Stream(stream)) => Ok(stream),
                Ok(_) => Err(Refusal::lost("the server does not go on with the broken answer")),
                Err(refusal) => {
                    Err(Refusal::lost(&format!("the broken answer cannot be resumed: {refusal}")))
                }
            };
        }
        Err(Refusal::lost("the connection broke before the answer came, again and again"))
    }

    /// Passes the server's own messages on, as long as the session lives; a server that has no
    /// such stream answers 405.
    pub(super) async fn listen(&self, session: Arc<Session>) {
        let mut place = Place::default();
        // The first is no resumption, and is not waited for.
        let headers = place.headers(&session);
        let Ok(first) = self.endpoint.send(Method::GET, headers, String::new()).await else {
            return;
        };
        let Ok(Answer::Stream(mut stream)) = Answer::read(first).await else { return };
        loop {
            read(&mut stream, &mut place, None, Some(&self.output)).await;
            match self.resume(&session, &mut place, u32::MAX).await {
                Ok(resumed) => stream = resumed,
                Err(_) => return,
            }
        }
    }
}

/// Reads a stream to its end, or up to the response to `id`.
async fn read(
    stream: &mut SseStream<Body>,
    place: &mut Place,
    id: Option<&Value>,
    output: Option<&Lines>,
) -> Option<String> {
    while let Some(Ok(event)) = stream.next().await {
        place.note(&event);
        let named = event.event.as_deref().is_some_and(|name| name != "message");
        let line = event.data.filter(|data| !named && !data.is_empty()).and_then(one_line);
        let Some(line) = line else { continue };
        if id.is_some_and(|id| answers(&line, id)) {
            return Some(line);
        }
        if let Some(output) = output {
            output.write(line).await;
        }
    }
    None
}
