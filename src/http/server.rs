//! Accepting connections, and stopping in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::stream::Watched;
use super::unread::ReadToItsEnd;
use crate::mcp::transport::Departure;

/// The longest that a request's headers may take to arrive, or the next request of a connection.
const HEADERS: Duration = Duration::from_secs(75);
/// How long a client may take nothing of what is sent to it (`TCP_USER_TIMEOUT`, Linux only).
#[cfg(target_os = "linux")]
const STALLED: Duration = Duration::from_secs(30);
/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 10_000;
/// The pause after the system refuses to accept, for want of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a process ends: one signal asks everything to stop, and what runs is waited for; a second
/// one ends it at once.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Cancelled when the process shall stop.
    pub stopping: CancellationToken,
    /// Cancelled when it shall not wait for anything.
    pub aborting: CancellationToken,
    /// Calls in flight.
    pub tasks: TaskTracker,
    /// Cancelled when no call is left.
    pub drained: CancellationToken,
    /// What stores for all calls, and once more when no call is left.
    pub keepers: TaskTracker,
}

impl Lifecycle {
    /// Stops at SIGINT and SIGTERM.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn stop_at_signals(&self) -> io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let tokens = [self.stopping.clone(), self.aborting.clone()];
        tokio::spawn(async move {
            for token in tokens {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                token.cancel();
            }
        });
        Ok(())
    }

    /// Waits for what is left to do once nothing more comes in.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.drained.cancel();
        self.keepers.close();
        self.keepers.wait().await;
    }
}

/// Serves `router` on `listener` until `lifecycle` stops, then waits at most `grace` for what is
/// in flight.
pub async fn serve(listener: TcpListener, router: Router, lifecycle: &Lifecycle, grace: Duration) {
    let connections = GracefulShutdown::new();
    tokio::select! {
        () = accept(&listener, &router, &connections) => {}
        () = lifecycle.stopping.cancelled() => {}
    }
    drop(listener);
    let finish = async {
        connections.shutdown().await;
        lifecycle.finish().await;
    };
    tokio::select! {
        () = finish => {}
        () = tokio::time::sleep(grace) => {
            let calls = lifecycle.tasks.len();
            tracing::warn!(calls, "what was in flight at the end of the grace was cut off");
        }
        () = lifecycle.aborting.cancelled() => tracing::warn!("stopped without waiting"),
    }
}

/// Accepts connections for ever.
async fn accept(listener: &TcpListener, router: &Router, connections: &GracefulShutdown) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => handle(stream, peer, router, connections, slot),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Sends at once, and ends a connection whose client takes nothing for [`STALLED`].
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(STALLED))?;
    Ok(())
}

/// Serves one connection in a task of its own.
fn handle(
    stream: TcpStream,
    peer: SocketAddr,
    router: &Router,
    connections: &GracefulShutdown,
    slot: OwnedSemaphorePermit,
) {
    if let Err(error) = prepare(&stream) {
        tracing::debug!(%error, "the options of a connection");
    }
    let stream = Arc::new(stream);
    let departure = Departure::of(stream.clone());
    let router = TowerToHyperService::new(router.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(departure.clone());
        router.call(ReadToItsEnd::of(request))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .serve_connection(TokioIo::new(Watched::new(stream)), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
        drop(slot);
    });
}
