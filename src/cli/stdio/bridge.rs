//! Many messages at once, in order where order matters, and an orderly end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Method;
use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cancellable::Cancellable;
use super::endpoint::Endpoint;
use super::exchange::INTERNAL;
use super::input::{Input, Line, MAX_LINE_BYTES};
use super::message::{Kind, Message, error};
use super::session::{Session, Sessions};
use crate::cli::output::{self, Lines};
use crate::http::Lifecycle;

/// Requests at once; more wait. Subscriptions do not count, since they last.
const AT_ONCE: usize = 64;
/// Requests that wait; more are refused, since what comes after them must be read: it may cancel
/// one of them.
const WAITING: usize = 1024;
/// How long requests may go on after the end of the input. Clients kill soon after.
const GRACE: Duration = Duration::from_secs(5);
/// How long a message without an answer may hold up those after it.
const UNANSWERED: Duration = Duration::from_secs(10);
/// The longest that taking leave may take.
const FAREWELL: Duration = Duration::from_secs(2);
const PARSE: i32 = -32700;
const INVALID: i32 = -32600;

/// Between a client and an endpoint.
pub(super) struct Bridge {
    pub(super) endpoint: Endpoint,
    pub(super) output: Lines,
    pub(super) sessions: Sessions,
    /// For requests that wait or are under way.
    places: Arc<Semaphore>,
    /// For those that are under way.
    slots: Semaphore,
    requests: TaskTracker,
    cancellable: Cancellable,
    /// Cancelled at the end: what would go on for ever.
    lasting: CancellationToken,
    /// Cancelled when another session is listened in.
    listening: Mutex<CancellationToken>,
}

impl Bridge {
    pub(super) fn new(endpoint: Endpoint) -> Arc<Self> {
        Arc::new(Self {
            endpoint,
            output: Lines::start(),
            sessions: Sessions::default(),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            slots: Semaphore::new(AT_ONCE),
            requests: TaskTracker::new(),
            cancellable: Cancellable::default(),
            lasting: CancellationToken::new(),
            listening: Mutex::default(),
        })
    }

    /// Passes messages on until the input ends, nobody reads the output any more, or a signal
    /// comes; then lets requests finish. A signal after that ends the wait.
    pub(super) async fn run(self: Arc<Self>, mut input: Input, lifecycle: &Lifecycle) {
        let ended = input.ended.clone();
        let late = async {
            ended.cancelled().await;
            sleep(GRACE).await;
        };
        let late = late.shared();
        let hurry = tokio::select! {
            () = self.read(&mut input) => &lifecycle.stopping,
            () = self.output.closed() => &lifecycle.stopping,
            () = late.clone() => &lifecycle.stopping,
            // After the end of the input this signal ends the wait, else the next one.
            () = lifecycle.stopping.cancelled() => {
                if ended.is_cancelled() { &lifecycle.stopping } else { &lifecycle.aborting }
            }
        };
        ended.cancel();
        self.lasting.cancel();
        self.requests.close();
        tokio::select! {
            () = self.requests.wait() => {}
            () = late => {}
            () = hurry.cancelled() => {}
        }
        let farewell = async {
            self.output.flushed().await;
            self.leave().await;
        };
        // Who does not take it in time has gone.
        let _late = timeout(FAREWELL, farewell).await;
    }

    async fn read(self: &Arc<Self>, input: &mut Input) {
        while let Some(line) = input.next().await {
            match line {
                Line::Text(text) => match Message::read(text) {
                    Ok(message) => self.take(message).await,
                    Err(what) => self.refuse(PARSE, &format!("a line is not JSON: {what}")).await,
                },
                Line::TooLong => {
                    let most = MAX_LINE_BYTES >> 20;
                    let sentence = format!("a line has at most {most} MiB: send less");
                    self.refuse(INVALID, &sentence).await;
                }
            }
        }
    }

    async fn refuse(&self, code: i32, sentence: &str) {
        self.output.write(error(None, code, sentence)).await;
    }

    /// Passes a message on. What later ones depend on is waited for: a session's opening, and
    /// whatever has no answer that the client could wait for itself.
    async fn take(self: &Arc<Self>, message: Message) {
        let id = match &message.kind {
            Kind::Request { id, .. } => id.clone(),
            Kind::Notification { cancels: Some(id), .. } if self.cancellable.cancel(id) => return,
            Kind::Notification { .. } | Kind::Other => {
                if timeout(UNANSWERED, self.tell(&message)).await.is_err() {
                    output::talk("mbmcp: the server does not take a notification");
                }
                return self.listen_if_new(&message);
            }
        };
        if message.mirror.is_none() && message.asks_for("initialize") {
            return self.request(&message, &id).await;
        }
        let place = if message.asks_for("subscriptions/listen") {
            None
        } else if let Ok(place) = self.places.clone().try_acquire_owned() {
            Some(place)
        } else {
            let sentence = format!("{WAITING} requests wait: send it again when some are answered");
            return self.output.write(error(Some(&id), INTERNAL, &sentence)).await;
        };
        self.spawn(message, id, place);
    }

    /// Passes a request on, beside the messages after it. One without a place lasts.
    fn spawn(self: &Arc<Self>, message: Message, id: Value, place: Option<OwnedSemaphorePermit>) {
        let waits = place.is_some();
        let token = if waits { CancellationToken::new() } else { self.lasting.child_token() };
        let cancelled = self.cancellable.note(&id, token);
        let this = self.clone();
        self.requests.spawn(async move {
            tokio::select! {
                biased;
                // Its connection is closed with it, which is what cancels in the modern era.
                () = cancelled.cancelled() => {}
                () = this.in_turn(&message, &id, &cancelled, waits) => {}
            }
            this.cancellable.forget(&id, &cancelled);
            drop(place);
        });
    }

    /// Passes a request on once it is its turn, if it `waits` for that.
    async fn in_turn(
        self: &Arc<Self>,
        message: &Message,
        id: &Value,
        cancelled: &Arc<CancellationToken>,
        waits: bool,
    ) {
        let _slot = if waits { self.slots.acquire().await.ok() } else { None };
        if message.mirror.is_none() {
            // The server cancels it from now on.
            self.cancellable.forget(id, cancelled);
            if cancelled.is_cancelled() {
                return;
            }
        }
        self.request(message, id).await;
    }

    /// Listens to the server's own messages once the client says that it is ready.
    fn listen_if_new(self: &Arc<Self>, message: &Message) {
        let ready = message.notifies_of("notifications/initialized");
        if let Some(session) = self.sessions.now().filter(|_| ready) {
            self.listen_in(session);
        }
    }

    /// Listens to the server's own messages of `session`, and of no other one.
    pub(super) fn listen_in(self: &Arc<Self>, session: Arc<Session>) {
        let listening = self.lasting.child_token();
        let mut current = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, listening.clone()).cancel();
        let this = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = this.listen(session) => {}
                () = listening.cancelled() => {}
            }
        });
    }

    /// Ends the session of now.
    async fn leave(&self) {
        if let Some(session) = self.sessions.now().filter(|session| session.is_kept()) {
            self.end(&session).await;
        }
    }

    /// Ends a session that another one has displaced; nothing waits for it.
    pub(super) fn end_displaced(self: &Arc<Self>, session: Arc<Session>) {
        let this = self.clone();
        self.requests.spawn(async move {
            let _late = timeout(FAREWELL, this.end(&session)).await;
        });
    }

    async fn end(&self, session: &Session) {
        // The server ends it by itself, only later.
        let _refused = self.endpoint.send(Method::DELETE, session.headers(), String::new()).await;
    }
}
