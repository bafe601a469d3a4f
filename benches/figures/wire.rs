//! A client that costs as little as can be: requests are bytes made beforehand, answers are read and
//! thrown away.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use reqwest::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::samples::Samples;

/// A request as it goes over the wire.
#[derive(Clone)]
pub struct Prepared {
    host: String,
    bytes: Vec<u8>,
}

impl Prepared {
    pub fn of(request: RequestBuilder) -> Self {
        let request = request.build().unwrap();
        let url = request.url();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let (method, path) = (request.method(), url.path());
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}\r\n", value.to_str().unwrap())
        };
        let headers: String = request.headers().iter().map(line).collect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}\r\n\r\n"
        );
        let bytes = [head.as_bytes(), body].concat();
        Self { host, bytes }
    }
}

/// A connection.
pub struct Wire(BufReader<TcpStream>);

impl Wire {
    pub async fn to(request: &Prepared) -> Self {
        let stream = TcpStream::connect(&request.host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::with_capacity(4096, stream))
    }

    /// Sends `request` and reads its answer, which must be good, to the end.
    pub async fn call(&mut self, request: &Prepared) {
        match self.begin(request).await {
            Some(length) => self.skip(length).await,
            None => while self.chunk().await > 0 {},
        }
    }

    /// Sends `request`, whose answer is a stream, and reads the first part of it.
    pub async fn listen(&mut self, request: &Prepared) {
        assert_eq!(self.begin(request).await, None, "a stream");
        assert!(self.chunk().await > 0);
    }

    /// Sends `request` and reads the headers of its answer; gives its length, if it has one.
    async fn begin(&mut self, request: &Prepared) -> Option<usize> {
        self.0.get_mut().write_all(&request.bytes).await.unwrap();
        let status = self.line().await;
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        let mut length = None;
        loop {
            let line = self.line().await;
            if line.is_empty() {
                return length;
            }
            length = length.or_else(|| line.strip_prefix("content-length: ")?.parse().ok());
        }
    }

    async fn chunk(&mut self) -> usize {
        let length = usize::from_str_radix(&self.line().await, 16).unwrap();
        self.skip(length + 2).await;
        length
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).await.unwrap() > 0, "the connection ended");
        line.truncate(line.trim_end().len());
        line
    }

    async fn skip(&mut self, length: usize) {
        let mut rest = vec![0; length];
        self.0.read_exact(&mut rest).await.unwrap();
    }
}

/// Clients that send their requests in turn, again and again for `time`, on a connection each.
pub async fn load(clients: &[Vec<Prepared>], time: Duration) -> Samples {
    let end = Instant::now() + time;
    let clients = clients.iter().cloned().map(|requests| {
        tokio::spawn(async move {
            let (mut wire, mut samples) = (Wire::to(&requests[0]).await, Samples::default());
            for request in requests.iter().cycle() {
                let began = Instant::now();
                if began >= end {
                    break;
                }
                wire.call(request).await;
                samples.add(began.elapsed());
            }
            samples
        })
    });
    let mut all = Samples::default();
    for client in clients.collect::<Vec<_>>() {
        all.append(client.await.unwrap());
    }
    all
}
