//! What is printed: nothing that a terminal would obey, and a reader that has gone, as in `vrflab plan FILE | head`, ends nothing that is
//! under way.

use crate::diagnostic::{visible, visible_json};
use std::fmt::Arguments;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

/// Prints a line to the standard output.
macro_rules! out {
    ($($words:tt)*) => { $crate::cli::output::line(std::io::stdout(), format_args!($($words)*)) };
}

/// Prints a line to the standard error.
macro_rules! err {
    ($($words:tt)*) => { $crate::cli::output::line(std::io::stderr(), format_args!($($words)*)) };
}

pub(super) use {err, out};

/// The first failure to write what was to be printed.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Writes a line. What of it a terminal would obey is spelled: it may come from a file.
pub(super) fn line(to: impl Write, words: Arguments<'_>) {
    write(to, format!("{}\n", visible(&words.to_string())).as_bytes());
}

/// Prints diagnostics to the standard error: they are safe as they are, and may have colours.
pub(super) fn rendered(text: &str) {
    write(io::stderr(), format!("{text}\n").as_bytes());
}

/// Prints JSON to the standard output.
pub(super) fn json(value: &serde_json::Value) {
    write(io::stdout(), format!("{}\n", visible_json(&format!("{value:#}"))).as_bytes());
}

/// Prints lines that somebody else wrote to the standard output: as they are, unless that is a
/// terminal.
pub(super) fn lines(bytes: &[u8]) {
    let (to, newlines) = (io::stdout(), bytes.iter().rev().take_while(|it| **it == b'\n').count());
    let bytes = &bytes[..bytes.len() - newlines];
    match to.is_terminal() {
        true => write(to, format!("{}\n", visible(&String::from_utf8_lossy(bytes))).as_bytes()),
        false => write(to, &[bytes, b"\n"].concat()),
    }
}

/// Writes in one piece, so that lines of several processes do not mix. What is under way goes on
/// where it cannot be written; [`failure`] tells of that in the end, unless its reader has gone.
fn write(mut to: impl Write, bytes: &[u8]) {
    match to.write_all(bytes) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            FAILURE.get_or_init(|| error);
        }
        Ok(()) | Err(_) => {}
    }
}

/// Why something that was printed did not arrive.
pub(super) fn failure() -> Option<&'static io::Error> {
    FAILURE.get()
}
