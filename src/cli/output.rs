//! The only place that prints.

use std::io::{Write as _, stderr, stdout};

/// Writes a line of data to standard output.
pub(super) fn data(line: &str) {
    // A reader that has gone away wants no more.
    let _closed = writeln!(stdout(), "{line}");
}

/// Writes a line of talk to standard error.
pub(super) fn talk(line: &str) {
    let _closed = writeln!(stderr(), "{line}");
}
