//! Standard input as lines.

use std::io::{self, BufRead, Read as _, stdin};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::output;

/// The longest line, in bytes: the largest body that a server can be set to take.
pub(super) const MAX_LINE_BYTES: usize = 64 << 20;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its end, and not blank.
    Text(Vec<u8>),
    /// One that was longer than [`MAX_LINE_BYTES`] and is left out.
    TooLong,
}

/// The lines of standard input.
pub(super) struct Input {
    lines: mpsc::Receiver<Line>,
    /// A line that was seen before it was asked for.
    first: Option<Line>,
    /// Cancelled at the end of the input, also while lines of it wait.
    pub(super) ended: CancellationToken,
}

impl Input {
    /// Starts to read, in a thread of its own: nothing interrupts a read, and it must not keep the
    /// process from ending.
    pub(super) fn start() -> Self {
        let (sender, lines) = mpsc::channel(1);
        let ended = CancellationToken::new();
        let end = ended.clone();
        std::thread::spawn(move || {
            let _end = end.drop_guard();
            if let Err(error) = read_all(stdin().lock(), &sender) {
                output::talk(&format!("mbmcp: standard input cannot be read: {error}"));
            }
        });
        Self { lines, first: None, ended }
    }

    /// The next line; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Line> {
        match self.first.take() {
            Some(line) => Some(line),
            None => self.lines.recv().await,
        }
    }

    /// Returns when the input ends before any line came; never, if one comes.
    pub(super) async fn ended_unused(&mut self) {
        if self.first.is_none() {
            self.first = self.lines.recv().await;
        }
        if self.first.is_some() {
            std::future::pending::<()>().await;
        }
    }
}

fn read_all(mut input: impl BufRead, lines: &mpsc::Sender<Line>) -> io::Result<()> {
    while let Some(line) = read_line(&mut input, MAX_LINE_BYTES)? {
        let blank = matches!(&line, Line::Text(text) if text.is_empty());
        if !blank && lines.blocking_send(line).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The next line without blanks around it; the rest of one that is too long is skipped.
fn read_line(input: &mut impl BufRead, limit: usize) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let count = input.by_ref().take(most).read_until(b'\n', &mut line)?;
    if count == 0 {
        return Ok(None);
    }
    if line.len() > limit && line.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
        return Ok(Some(Line::TooLong));
    }
    Ok(Some(Line::Text(line.trim_ascii().to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_line_that_is_too_long_is_not_lost() {
        let mut input = io::Cursor::new(b"12345\r\n\n12345678\n123456789\nend".to_vec());
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input, 8).unwrap() {
            lines.push(line);
        }
        let text = |text: &str| Line::Text(text.into());
        let wanted = [text("12345"), text(""), text("12345678"), Line::TooLong, text("end")];
        assert_eq!(lines, wanted);
    }
}
