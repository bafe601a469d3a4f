//! A reverse proxy on the loopback that adds an API key, since the suite sends no header of ours.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{HeaderValue, InvalidHeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// The longest that the tests of the proxy wait.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A running proxy; stops with the test.
pub struct KeyProxy {
    pub url: String,
    _accepting: AbortOnDropHandle<()>,
}

/// Where requests go: each to the next server.
struct Targets {
    addresses: Vec<String>,
    next: AtomicUsize,
    key: HeaderValue,
}

impl KeyProxy {
    /// A proxy that spreads requests over the servers at `addresses`, with `key`.
    pub async fn before(addresses: &[&str], key: &str) -> Result<Self, InvalidHeaderValue> {
        let addresses = addresses.iter().map(|url| url.replace("http://", "")).collect();
        let targets = Targets { addresses, next: AtomicUsize::new(0), key: key.parse()? };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepting = AbortOnDropHandle::new(tokio::spawn(accept(listener, targets.into())));
        Ok(Self { url, _accepting: accepting })
    }
}

async fn accept(listener: TcpListener, targets: Arc<Targets>) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let targets = targets.clone();
        let service = service_fn(move |request| forward(targets.clone(), request));
        let connection = server::conn::http1::Builder::new();
        // A client may leave at any time; so may the suite, in the middle of a stream.
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
    }
}

/// Sends `request` as it came, the key added, on a connection of its own. That ends when the future
/// or the response is dropped, as hyper does with both when the client leaves.
async fn forward(
    targets: Arc<Targets>,
    mut request: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = hyper::Error>>, Box<dyn Error + Send + Sync>> {
    let turn = targets.next.fetch_add(1, Ordering::Relaxed);
    let stream = TcpStream::connect(&targets.addresses[turn % targets.addresses.len()]).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));
    request.headers_mut().insert("x-api-key", targets.key.clone());
    let response = sender.send_request(request).await?;
    Ok(response.map(|body| {
        body.map_frame(move |frame| {
            let _kept_open = &connection;
            frame
        })
    }))
}

const REQUEST: &str = "POST /mcp HTTP/1.1\r\nhost: evil.test\r\norigin: http://evil.test\r\n\
                       accept: one\r\naccept: two\r\ncontent-length: 2\r\n\r\n{}";

/// What a connection says until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let (mut said, mut buffer) = (String::new(), [0; 1024]);
    while !said.contains(end) {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "ended after {said}");
        said.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    said
}

/// Servers of no words, and a proxy before them.
async fn before_two() -> ([TcpListener; 2], String, KeyProxy) {
    let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    let servers = [bind().await, bind().await];
    let [one, two] = servers.each_ref().map(|server| server.local_addr().unwrap().to_string());
    let proxy = KeyProxy::before(&[&one, &two], "the-key").await.unwrap();
    let address = proxy.url.replace("http://", "");
    (servers, address, proxy)
}

#[tokio::test]
async fn requests_pass_unchanged_but_for_the_key_and_in_turn() {
    let (servers, address, _proxy) = before_two().await;
    let mut client = TcpStream::connect(&address).await.unwrap();
    for server in servers.iter().chain(&servers) {
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        let mut passed = server.accept().await.unwrap().0;
        let said = read_until(&mut passed, "{}").await;
        for line in REQUEST.lines().chain(["x-api-key: the-key"]) {
            assert_eq!(said.lines().filter(|own| *own == line).count(), 1, "{line}: {said}");
        }
        passed.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        read_until(&mut client, "\r\n\r\n").await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_leaves_the_server_too() {
    let stream = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    // Before the answer, and in the middle of one, whose beginning is not held back.
    for (answer, seen) in [("", ""), (stream, "first")] {
        let ([server, _], address, _proxy) = before_two().await;
        let mut client = TcpStream::connect(&address).await.unwrap();
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        let mut passed = server.accept().await.unwrap().0;
        read_until(&mut passed, "{}").await;
        passed.write_all(answer.as_bytes()).await.unwrap();
        read_until(&mut client, seen).await;
        drop(client);
        let rest = tokio::time::timeout(TIME_LIMIT, passed.read(&mut [0; 64])).await;
        assert_eq!(rest.expect("the connection ends").unwrap(), 0, "{seen}");
    }
}
