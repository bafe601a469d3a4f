//! The only place that prints.

use std::io::{self, Write as _, stderr, stdout};

use tokio::sync::{mpsc, oneshot};

/// Messages that wait to be written; then those who write them wait.
const WAITING: usize = 64;

/// Writes a line of data to standard output.
pub(super) fn data(line: &str) {
    // A reader that has gone away wants no more.
    let _closed = writeln!(stdout(), "{line}");
}

/// Writes a line of talk to standard error.
pub(super) fn talk(line: &str) {
    let _closed = writeln!(stderr(), "{line}");
}

/// Standard output as a channel of lines, each whole and at once.
#[derive(Clone, Debug)]
pub(super) struct Lines(mpsc::Sender<Item>);

#[derive(Debug)]
enum Item {
    Line(String),
    /// Answered when all before it is written.
    Mark(oneshot::Sender<()>),
}

impl Lines {
    /// Starts the one writer: a thread of its own, since a write that nobody reads blocks, and
    /// must not keep the process from ending.
    pub(super) fn start() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        std::thread::spawn(move || write(receiver));
        Self(sender)
    }

    /// Writes a line once those before it are written.
    pub(super) async fn write(&self, line: String) {
        // A reader that has gone away wants no more; `closed` tells.
        let _closed = self.0.send(Item::Line(line)).await;
    }

    /// Returns when the reader has gone away.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }

    /// Returns when all that was given is written.
    pub(super) async fn flushed(&self) {
        let (mark, written) = oneshot::channel();
        if self.0.send(Item::Mark(mark)).await.is_ok() {
            let _closed = written.await;
        }
    }
}

fn write(mut items: mpsc::Receiver<Item>) {
    while let Some(item) = items.blocking_recv() {
        match item {
            Item::Line(line) => {
                if write_line(line).is_err() {
                    return;
                }
            }
            Item::Mark(mark) => {
                let _nobody_waits = mark.send(());
            }
        }
    }
}

fn write_line(mut line: String) -> io::Result<()> {
    line.push('\n');
    let mut out = stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}
