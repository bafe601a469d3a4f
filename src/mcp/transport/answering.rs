//! An answer of the modern era as a stream: what the call says while it runs, then its answer.

use futures_util::{Stream, stream};
use sse_stream::Sse;
use tokio::sync::mpsc;

use super::running::Running;
use super::sse;

/// A call and what it says, up to the answer that ends the stream.
struct Answering {
    first: Option<Vec<u8>>,
    inbox: mpsc::Receiver<Vec<u8>>,
    call: Call,
}

enum Call {
    Running(Running),
    Answered(Vec<u8>),
    Ended,
}

impl Answering {
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(notice) = self.first.take().or_else(|| self.inbox.try_recv().ok()) {
                return Some(notice);
            }
            match &mut self.call {
                Call::Running(call) => tokio::select! {
                    Some(notice) = self.inbox.recv() => return Some(notice),
                    answer = call.answer() => self.call = Call::Answered(answer.body),
                },
                Call::Answered(body) => {
                    let body = std::mem::take(body);
                    self.call = Call::Ended;
                    return Some(body);
                }
                Call::Ended => return None,
            }
        }
    }
}

/// The events of `call`: `first`, then what comes by `inbox`, then the answer.
pub(super) fn events(
    first: Option<Vec<u8>>,
    inbox: mpsc::Receiver<Vec<u8>>,
    call: Running,
) -> impl Stream<Item = Sse> {
    let answering = Answering { first, inbox, call: Call::Running(call) };
    stream::unfold(answering, async |mut answering| {
        let message = answering.next().await?;
        Some((sse::message(String::from_utf8_lossy(&message)), answering))
    })
}
