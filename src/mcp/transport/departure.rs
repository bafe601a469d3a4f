//! Whether the client of a request is still there.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;

/// Nobody watches before: most calls are over by then.
const QUICK: Duration = Duration::from_millis(50);

/// The connection that a request came by. hyper notices its end only while nothing that was sent
/// after the request waits to be read.
#[derive(Clone, Debug)]
pub struct Departure(Arc<TcpStream>);

impl Departure {
    /// Of the client at the other end of `stream`.
    #[must_use]
    pub fn of(stream: Arc<TcpStream>) -> Self {
        Self(stream)
    }

    /// Waits until the client has closed its side or is gone.
    pub(super) async fn happened(&self) {
        tokio::time::sleep(QUICK).await;
        if let Err(error) = self.watch().await {
            // hyper notices it as far as it can.
            tracing::warn!(%error, "a connection cannot be watched");
            std::future::pending::<()>().await;
        }
    }

    /// On a descriptor of its own: what is known to be readable there is not what hyper knows.
    async fn watch(&self) -> io::Result<()> {
        let own = socket2::SockRef::from(&*self.0).try_clone()?;
        let own = TcpStream::from_std(own.into())?;
        loop {
            let ready = own.ready(Interest::READABLE).await?;
            if ready.is_read_closed() {
                return Ok(());
            }
            // There is something to read, which is not ours: wait for what comes after it.
            let _not_ours = own.try_io(Interest::READABLE, || {
                Err::<(), _>(io::Error::from(io::ErrorKind::WouldBlock))
            });
        }
    }
}
