//! Where the request comes from, seen through trusted proxies.

use std::borrow::Cow;
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
    let lines = forwarded(request.headers());
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    let address = client_address(peer.ip(), &lines, &trusted);
    call_log::note(|fields| fields.client_ip = Some(address));
    request.extensions_mut().insert(ClientIp(address));
    next.run(request).await
}

/// The lines of `X-Forwarded-For`, or of `Forwarded` where there is none: of two that disagree a
/// client may have sent one. What is not text stays in its place, as no address.
fn forwarded(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    let own = headers.contains_key(X_FORWARDED_FOR);
    let name = if own { X_FORWARDED_FOR } else { header::FORWARDED };
    let values = headers.get_all(name).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect()
}
