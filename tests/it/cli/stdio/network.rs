//! What lies between: proxies, redirects, pages instead of messages, TLS.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use futures_util::FutureExt as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::recorder::{Recorder, empty, result, with_type};
use super::{Stdio, introduction};
use crate::harness::mbmcp;

const KEY: &str = "a key of the tests";
const LIMITED: &str = r#"{"title":"Too Many Requests","status":429,"detail":"wait 7 s"}"#;

async fn refusal_of(answer: fn() -> Response<Body>) -> String {
    let server = Recorder::start(move |_| async move { answer() }.boxed()).await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    let refused = stdio.ask(7, "initialize", introduction()).await;
    assert_eq!(refused["error"]["code"], -32603, "{refused}");
    assert!(!stdio.log().contains(KEY), "{}", stdio.log());
    stdio.end().await;
    refused["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_answer_that_is_no_message_becomes_a_sentence() {
    let page = refusal_of(|| with_type(502, "text/html", "<html>Bad Gateway</html>")).await;
    assert!(page.contains("502") && page.contains("try again soon"), "{page}");
    let login = refusal_of(|| with_type(200, "text/html", "<html>Sign in</html>")).await;
    assert!(login.contains("text/html instead of a message"), "{login}");
    let accepted = refusal_of(|| empty(202)).await;
    assert!(accepted.contains("without a message"), "{accepted}");
    let limited = refusal_of(|| with_type(429, "application/problem+json", LIMITED)).await;
    assert_eq!(limited, "the server answered 429: wait 7 s");
}

#[tokio::test]
async fn a_redirect_does_not_take_the_key_elsewhere() {
    let elsewhere = Recorder::start(|request| async move { result(&request, &json!({})) }.boxed());
    let elsewhere = elsewhere.await;
    let place = format!("{}/mcp", elsewhere.url);
    let server = Recorder::start(move |_| {
        let response = Response::builder().status(308).header("location", &place);
        let response = response.body(Body::empty()).unwrap();
        async move { response }.boxed()
    });
    let server = server.await;
    let mut stdio = Stdio::hosted(&server.url, KEY);
    let refused = stdio.ask(0, "initialize", introduction()).await;
    let sentence = refused["error"]["message"].as_str().unwrap();
    assert!(
        sentence.contains("redirects (308)") && sentence.contains(&elsewhere.url),
        "{sentence}"
    );
    stdio.end().await;
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_proxy_is_used_for_others_and_not_for_this_machine() {
    let proxy =
        Recorder::start(|request| async move { result(&request, &json!({})) }.boxed()).await;
    let own = Recorder::start(|request| async move { result(&request, &json!({})) }.boxed()).await;
    for url in ["http://memory.example.org/mcp", &format!("{}/mcp", own.url)] {
        let mut command = mbmcp();
        command.args(["stdio", "--url", url]).env("HTTP_PROXY", &proxy.url).env("MBMCP_KEY", KEY);
        let mut stdio = Stdio::spawn(command);
        stdio.ask(0, "ping", json!({})).await;
        let warned = stdio.log().contains("unencrypted");
        assert_eq!(warned, url.contains("example.org"), "{}", stdio.log());
        stdio.end().await;
    }
    let [request] = &proxy.requests()[..] else { panic!("{:?}", proxy.requests()) };
    assert_eq!(request.uri, "http://memory.example.org/mcp");
    assert_eq!(own.requests().len(), 1);
}

/// A server with TLS for `localhost` that answers every request with the result `{}` to the id 0;
/// its authority's certificate is written to `ca_file`.
async fn tls_server(ca_file: &Path) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    std::fs::write(ca_file, ca.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust us hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(buffer[..count].starts_with(b"POST /mcp"));
            let body = r#"{"jsonrpc":"2.0","id":0,"result":{}}"#;
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    format!("https://localhost:{port}/mcp")
}

#[tokio::test]
async fn a_certificate_is_verified_against_the_system_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let url = tls_server(&ca_file).await;
    let command = || {
        let mut command = mbmcp();
        command.args(["stdio", "--url", &url]).env("MBMCP_KEY", KEY);
        command
    };
    let mut stranger = Stdio::spawn(command());
    let refused = stranger.ask(0, "ping", json!({})).await;
    let sentence = refused["error"]["message"].as_str().unwrap();
    assert!(sentence.starts_with("the certificate of localhost is not trusted"), "{sentence}");
    assert!(sentence.contains("SSL_CERT_FILE"), "{sentence}");
    stranger.end().await;
    let mut trusting = command();
    trusting.env("SSL_CERT_FILE", &ca_file);
    let mut stdio = Stdio::spawn(trusting);
    assert_eq!(stdio.ask(0, "ping", json!({})).await["result"], json!({}));
    stdio.end().await;
}
