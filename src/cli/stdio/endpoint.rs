//! Where requests go: a hosted server, or the server of this machine in the same process.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use reqwest::{Client, Url, redirect};
use rustls::{ClientConfig, RootCertStore};

use super::refusal::Refusal;
use crate::cli::{Failure, output};
use crate::model::Secret;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const CONNECT: Duration = Duration::from_secs(10);
/// Finds out that the other side is gone: a call may take as long as it wants.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A server that refuses a body without reading it closes the connection: one with a body larger
/// than this is not used again.
const LARGE_BYTES: usize = 64 << 10;
/// Below the time after which servers and proxies close idle connections.
const IDLE: Duration = Duration::from_secs(30);

/// An MCP endpoint.
pub(super) struct Endpoint {
    place: Place,
    key: Option<HeaderValue>,
}

enum Place {
    Hosted { client: Client, url: Url },
    InProcess(TowerToHyperService<Router>),
}

impl Endpoint {
    /// A server at `url`. Honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
    pub(super) fn hosted(url: &Url, key: Option<&Secret>) -> Result<Self, Failure> {
        let loopback = is_loopback(url);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => output::talk("mbmcp: http:// sends the API key unencrypted; use https://"),
            _ => return Err(Failure::new("--url must begin with https:// or http://")),
        }
        let client = Client::builder()
            .use_preconfigured_tls(tls()?)
            // A redirect would take the key elsewhere.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("mbmcp/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .tcp_keepalive(KEEP_ALIVE)
            .pool_idle_timeout(IDLE);
        let client = if loopback { client.no_proxy() } else { client };
        let key = key.map(|key| header(key.reveal())).transpose()?;
        Ok(Self { place: Place::Hosted { client: client.build()?, url: url.clone() }, key })
    }

    /// The server that `router` is.
    pub(super) fn in_process(router: Router, key: &str) -> Result<Self, Failure> {
        let place = Place::InProcess(TowerToHyperService::new(router));
        Ok(Self { place, key: Some(header(key)?) })
    }

    /// Sends a request; dropping the future, or the body of the answer, ends its connection.
    pub(super) async fn send(
        &self,
        method: Method,
        mut headers: HeaderMap,
        body: String,
    ) -> Result<Response<Body>, Refusal> {
        headers.extend(self.key.clone().map(|key| (API_KEY, key)));
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        match &self.place {
            Place::Hosted { client, url } => {
                if body.len() > LARGE_BYTES {
                    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                let request = client.request(method, url.clone()).headers(headers).body(body);
                let sent = request.send().await.map_err(|error| unreachable(url, &error))?;
                Ok(Response::from(sent).map(Body::new))
            }
            Place::InProcess(router) => {
                let mut request = Request::new(Body::from(Bytes::from(body)));
                *request.method_mut() = method;
                *request.uri_mut() = axum::http::Uri::from_static("/mcp");
                *request.headers_mut() = headers;
                request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 0))));
                match router.call(request).await {
                    Ok(response) => Ok(response),
                    Err(never) => match never {},
                }
            }
        }
    }
}

fn header(key: &str) -> Result<HeaderValue, Failure> {
    let none = |_| Failure::new("the API key has characters that no key has: copy it again");
    let mut value = HeaderValue::from_str(key.trim()).map_err(none)?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Trusts the certificates of the system, or of `SSL_CERT_FILE`.
fn tls() -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        output::talk(&format!("mbmcp: a certificate of the system cannot be read: {error}"));
    }
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Why there is no answer, by the innermost cause: the outer ones repeat the URL.
fn unreachable(url: &Url, error: &reqwest::Error) -> Refusal {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let (host, cause) = (url.host_str().unwrap_or_default(), cause.to_string());
    if error.is_timeout() {
        return Refusal::new(format!("{host} does not answer: check the URL and the network"));
    }
    if cause.contains("certificate") {
        let sentence = format!("the certificate of {host} is not trusted ({cause})");
        return Refusal::new(format!("{sentence}: SSL_CERT_FILE names one that is to be"));
    }
    if error.is_connect() {
        let sentence = format!("{host} cannot be reached ({cause})");
        return Refusal::new(format!("{sentence}: check the URL, and whether the server runs"));
    }
    Refusal::lost(&format!("the connection to {host} broke ({cause})"))
}
