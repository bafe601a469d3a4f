//! Listening, and stopping in order.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a process ends: one signal asks everything to stop, and what runs is waited for.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Cancelled when the process shall stop.
    pub stopping: CancellationToken,
    /// Calls in flight.
    pub tasks: TaskTracker,
}

impl Lifecycle {
    /// Stops at SIGINT and SIGTERM.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn stop_at_signals(&self) -> io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stopping = self.stopping.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stopping.cancel();
        });
        Ok(())
    }
}

/// Serves `router` on `listener` until `lifecycle` stops, then waits at most `grace` for what is
/// in flight.
///
/// # Errors
/// When listening fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    lifecycle: &Lifecycle,
    grace: Duration,
) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service)
        .with_graceful_shutdown(lifecycle.stopping.clone().cancelled_owned());
    let finish = async {
        server.await?;
        lifecycle.tasks.close();
        lifecycle.tasks.wait().await;
        Ok(())
    };
    let deadline = async {
        lifecycle.stopping.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        finished = finish => finished,
        () = deadline => {
            let calls = lifecycle.tasks.len();
            tracing::warn!(calls, "what was in flight at the end of the grace was cut off");
            Ok(())
        }
    }
}
