//! `mbmcp serve`: the server on the configured database.

use tokio::net::TcpListener;

use super::{Failure, variables};
use crate::app::{self, StartError};
use crate::config::Config;
use crate::http::{self, Lifecycle};
use crate::model::Ambient;
use crate::telemetry;

/// Serves until SIGINT or SIGTERM.
pub(super) async fn run() -> Result<(), Failure> {
    let config = Config::read(variables()?).map_err(|error| Failure::config(&error))?;
    telemetry::install(&config.log)?;
    let lifecycle = Lifecycle::default();
    lifecycle.stop_at_signals()?;
    let listener = listen(&config).await?;
    let router = tokio::select! {
        built = app::build(&config, Ambient::default(), &lifecycle) => built?,
        () = lifecycle.stopping.cancelled() => return Ok(()),
    };
    tracing::info!(address = %listener.local_addr()?, "serving");
    http::serve(listener, router, &lifecycle, config.server.shutdown_grace).await;
    tracing::info!("stopped");
    Ok(())
}

/// Listens on the configured address.
pub(super) async fn listen(config: &Config) -> Result<TcpListener, StartError> {
    let address = config.server.address;
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}
