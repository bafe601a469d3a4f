//! Where the request comes from, seen through trusted proxies.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::model::TrustedProxies;
use crate::model::client_address::client_address;
use crate::telemetry::call_log;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct ClientIp(pub(in crate::http) IpAddr);

/// Puts the client's address into the request, for the layers below, and into its line.
pub(in crate::http) async fn layer(
    State(trusted): State<TrustedProxies>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = client_address(peer.ip(), &forwarded(request.headers()), &trusted);
    call_log::note(|fields| fields.client_ip = Some(address));
    request.extensions_mut().insert(ClientIp(address));
    next.run(request).await
}

fn forwarded(headers: &HeaderMap) -> Vec<&str> {
    let all = |name| {
        let values = headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>()
    };
    let values = all(X_FORWARDED_FOR);
    if values.is_empty() { all(header::FORWARDED) } else { values }
}
