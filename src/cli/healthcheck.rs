//! `mbmcp healthcheck`: asks the server on this machine whether it works.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Failure, output, variables};

/// The longest that the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Arguments of `mbmcp healthcheck`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server's port on this machine; `MCP_PORT`, or 3100, if not given
    #[arg(long)]
    port: Option<u16>,
}

/// Ends with 0 when `/health` answers 200.
pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let port = match args.port {
        Some(port) => port,
        None => variables()?.parsed("MCP_PORT", 3100),
    };
    let asked = tokio::time::timeout(PATIENCE, ask(port)).await;
    let late = || Failure::new(format!("no answer within {} s", PATIENCE.as_secs()));
    let (status, body) = asked.map_err(|_| late())??;
    output::data(&body);
    if status == 200 { Ok(()) } else { Err(Failure::new(format!("/health answered {status}"))) }
}

async fn ask(port: u16) -> Result<(u16, String), Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .map_err(|error| Failure::new(format!("nothing answers on 127.0.0.1:{port}: {error}")))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/health").header(header::HOST, "localhost").body(Body::empty())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(Body::new(response.into_body()), 64 * 1024).await?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
