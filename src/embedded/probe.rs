//! Asks a socket whether a Postgres answers, and which process it is.
//!
//! The answer decides whether a running server is ours: the socket lies in a private directory,
//! and the kernel tells who listens on it. A process id from a file would prove neither.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::SUPERUSER;
use super::error::EmbeddedError;

const ANSWER: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);
/// The SQLSTATE of a server that starts up or shuts down.
const CANNOT_CONNECT_NOW: &[u8] = b"C57P03\0";

/// What a socket says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nobody listens.
    Nobody,
    /// A server that starts or stops, by process id.
    Busy(i32),
    /// A server that accepts connections, by process id.
    Ready(i32),
}

/// Asks once.
pub(super) async fn ask(socket: &Path) -> Result<Answer, EmbeddedError> {
    let mut stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) if is_nobody(&error) => return Ok(Answer::Nobody),
        Err(error) => return Err(EmbeddedError::io("connect to", socket)(error)),
    };
    let peer = stream.peer_cred().map_err(EmbeddedError::io("ask who listens on", socket))?;
    let Some(pid) = peer.pid().filter(|pid| *pid > 1) else {
        return Err(EmbeddedError::OutOfSight { socket: socket.to_path_buf() });
    };
    Ok(match timeout(ANSWER, greet(&mut stream)).await {
        Ok(Ok(true)) => Answer::Ready(pid),
        Ok(Ok(false) | Err(_)) | Err(_) => Answer::Busy(pid),
    })
}

/// Asks until the server is either ready or gone.
pub(super) async fn ask_until_settled(socket: &Path) -> Result<Option<i32>, EmbeddedError> {
    loop {
        match ask(socket).await? {
            Answer::Nobody => return Ok(None),
            Answer::Ready(pid) => return Ok(Some(pid)),
            Answer::Busy(_) => sleep(PAUSE).await,
        }
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// Begins a connection and says whether the server takes it (or refuses it for a reason other than
/// starting or stopping).
async fn greet(stream: &mut UnixStream) -> io::Result<bool> {
    stream.write_all(&startup_message()?).await?;
    let mut kind = [0_u8; 1];
    stream.read_exact(&mut kind).await?;
    if kind[0] != b'E' {
        stream.write_all(b"X\0\0\0\x04").await?;
        return Ok(true);
    }
    let mut refusal = Vec::new();
    stream.take(4096).read_to_end(&mut refusal).await?;
    Ok(!refusal.windows(CANNOT_CONNECT_NOW.len()).any(|part| part == CANNOT_CONNECT_NOW))
}

/// The first message of protocol 3.0.
fn startup_message() -> io::Result<Vec<u8>> {
    let body = format!("user\0{SUPERUSER}\0database\0postgres\0\0");
    let length = u32::try_from(body.len() + 8).map_err(io::Error::other)?;
    let mut message = Vec::from(length.to_be_bytes());
    message.extend(196_608_u32.to_be_bytes());
    message.extend(body.as_bytes());
    Ok(message)
}
