//! What of a body nobody wants to read.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;

/// How long the rest may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// A body whose rest is read and thrown away when it is dropped.
///
/// A request may be answered before its body has arrived: 401, 413. A connection that is then closed
/// with bytes unread is reset, and the reset may overtake the answer: Traefik says 502 instead
/// (golang/go#51109).
pub(super) struct ReadToItsEnd {
    body: Option<Incoming>,
    /// Whether the client sends it: one that expects `100 Continue` waits until it is read.
    coming: bool,
}

impl ReadToItsEnd {
    /// `request` with such a body.
    pub(super) fn of(request: Request<Incoming>) -> Request<Self> {
        let coming = !request.headers().contains_key(header::EXPECT);
        request.map(|body| Self { body: Some(body), coming })
    }
}

impl Body for ReadToItsEnd {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.coming = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if !matches!(polled, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for ReadToItsEnd {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| self.coming && !body.is_end_stream());
        // Without a runtime the connection is gone as well.
        if let (Some(mut rest), Ok(runtime)) = (rest, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(PATIENCE, async move {
                while let Some(Ok(_)) = rest.frame().await {}
            }));
        }
    }
}
