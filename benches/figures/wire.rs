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

/// A connection. Of its first answer it looks at all.
pub struct Wire {
    stream: BufReader<TcpStream>,
    proven: bool,
}

impl Wire {
    pub async fn to(request: &Prepared) -> Self {
        let stream = TcpStream::connect(&request.host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::with_capacity(4096, stream), proven: false }
    }

    /// Sends `request` and reads its answer, which must be good, to the end.
    pub async fn call(&mut self, request: &Prepared) {
        let mut answer = Vec::new();
        match self.begin(request).await {
            Some(length) => answer = self.read(length).await,
            None => loop {
                let chunk = self.chunk().await;
                if chunk.is_empty() {
                    break;
                }
                if !self.proven {
                    answer.extend(chunk);
                }
            },
        }
        if !std::mem::replace(&mut self.proven, true) {
            let answer = String::from_utf8(answer).unwrap();
            let bad =
                [r#""error":{"#, r#""isError":true"#].iter().any(|sign| answer.contains(sign));
            assert!(answer.contains(r#""result":"#) && !bad, "{answer}");
        }
    }

    /// Sends `request`, whose answer is a stream, and reads the first part of it.
    pub async fn listen(&mut self, request: &Prepared) {
        assert_eq!(self.begin(request).await, None, "a stream");
        assert!(!self.chunk().await.is_empty());
    }

    /// Sends `request` and reads the headers of its answer; gives its length, if it has one.
    async fn begin(&mut self, request: &Prepared) -> Option<usize> {
        self.stream.get_mut().write_all(&request.bytes).await.unwrap();
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

    async fn chunk(&mut self) -> Vec<u8> {
        let length = usize::from_str_radix(&self.line().await, 16).unwrap();
        let mut chunk = self.read(length + 2).await;
        chunk.truncate(length);
        chunk
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stream.read_line(&mut line).await.unwrap() > 0, "the connection ended");
        line.truncate(line.trim_end().len());
        line
    }

    async fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
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
